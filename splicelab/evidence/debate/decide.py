"""The decision: each alternative for one sender, by criteria that are counted, estimated or posted, under any weights.

A criterion is scaled from its best alternative (0) to its worst (1); a score is the weighted mean, and less is better.
What is uncertain (a unit cost, the lines of a patch that nobody posted) is drawn many times: a score is an interval,
and two alternatives whose order changes from draw to draw are called the same.
"""

from functools import cached_property
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from splicelab.errors import InputError, one_of, within
from splicelab.evidence.counted.run import MOST_MESSAGES
from splicelab.evidence.debate.criteria import CRITERIA, FAMILIES, count_operation, draw
from splicelab.evidence.debate.senders import find_sender
from splicelab.evidence.debate.tables import debate
from splicelab.evidence.timed.unit_costs import UnitCosts, unit_costs
from splicelab.kernel.world import ACK_DELAY_MAX
from splicelab.result import Result
from splicelab.tables import Whole, checked

WEIGHTS = dict.fromkeys(CRITERIA, 1.0) | {"later bugs": 0.0}  # hindsight was no argument in 2023
SURE, MOST_WEIGHT = 0.95, 3.0
OWN_WAY = "piecewise"
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=100)]


class Decision(Result):
    """What to choose for a sender: `criteria` by alternative, and the same numbers in each of DRAWS draws.

    ``excluded`` says of the others what went wrong with them; ``asked`` are the arguments of `decide`.
    """

    caller: str
    criteria: pd.DataFrame
    draws: np.ndarray
    weights: dict[str, float]
    excluded: dict[str, str]
    asked: dict[str, Any]

    @cached_property
    def scaled(self) -> np.ndarray:
        """The draws, each criterion from its best alternative (0) to its worst (1)."""
        low, high = self.draws.min(1, keepdims=True), self.draws.max(1, keepdims=True)
        return (self.draws - low) / np.where(high > low, high - low, 1)

    @property
    def shares(self) -> pd.Series:
        """The weights, of a sum of 1 unless all are 0."""
        weights = pd.Series(self.weights)
        return weights / (weights.sum() or 1)

    @cached_property
    def parts(self) -> pd.DataFrame:
        """What each criterion adds to the mean score of each alternative."""
        return pd.DataFrame(self.scaled.mean(0), self.criteria.index, CRITERIA) * self.shares

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row an alternative, the best first: place, score, low and high, reasons (best and worst in what counts)."""
        values = self.criteria.loc[:, (self.criteria.nunique() > 1) & (self.shares > 0)]
        ends = {"least": values == values.min(), "most": values == values.max()}

        def reasons(name: str) -> str:
            found = {word: values.columns[is_end.loc[name].to_numpy(bool)] for word, is_end in ends.items()}
            return "; ".join(f"{word}: {', '.join(keys)}" for word, keys in found.items() if len(keys))

        return self.places.assign(reasons=[reasons(name) for name in self.places.index])

    @cached_property
    def places(self) -> pd.DataFrame:
        """Its numbers, all that a map of many decisions asks for; who is not surely behind has the same place."""
        scores = self.scaled @ self.shares.to_numpy()  # a row a draw
        means = scores.mean(0)
        order = means.argsort(kind="stable")
        places, place, ahead = [], 1, order[0]
        for number, here in enumerate(order, 1):
            if (scores[:, ahead] < scores[:, here]).mean() >= SURE:
                place, ahead = number, here
            places.append(place)
        low, high = np.quantile(scores[:, order], [0.025, 0.975], axis=0)
        columns = {"place": places, "score": means[order], "low": low, "high": high}
        return pd.DataFrame(columns, self.criteria.index[order]).rename_axis("alternative")

    @property
    def recommended(self) -> list[str]:
        """The alternatives in first place: more than one where the difference is not real."""
        return self.places.index[self.places.place == 1].tolist()

    @property
    def most_weight(self) -> float:
        """The weight up to which each is tried: MOST_WEIGHT, or the largest that was given."""
        return max(MOST_WEIGHT, *self.weights.values())

    @cached_property
    def would_change(self) -> pd.DataFrame:
        """How far each weight alone must move before another alternative comes first: to (none: NaN), and which then.

        The least and the largest lead at weights from 0 to `most_weight`, and that at its end: negative, it is lost.
        """
        weights, rows = pd.Series(self.weights), {}
        means = pd.DataFrame(self.scaled.mean(0), self.criteria.index, CRITERIA)
        first = self.places.index[0]
        behind = (means - means.loc[first]).drop(first)  # of the others, by criterion
        steps = np.linspace(0, self.most_weight, 1 + round(20 * self.most_weight))
        for name, weight in weights.items():
            rest, total = behind @ weights.where(weights.index != name, 0.0), weights.sum() - weight + steps
            ahead = (rest.to_numpy() + np.outer(steps, behind[name])) / np.where(total, total, 1)[:, None]
            lead = ahead.min(1, initial=1.0)  # with nobody behind, the most there can be
            lost = min(np.flatnonzero(lead < 0), key=lambda number: abs(steps[number] - weight), default=None)
            to, then = (np.nan, "") if lost is None else (steps[lost], behind.index[ahead[lost].argmin()])
            rows[name] = weight, to, then, lead.min(), lead.max(), lead[-1]
        columns = ["weight", "to", "then", "lead_least", "lead_most", "lead_at_end"]
        return pd.DataFrame.from_dict(rows, "index", columns=columns).rename_axis("criterion")

    @property
    def text(self) -> str:
        """The recommendation, the ranking without what depends on the machine, and what would change it."""
        lines = [f"{self.caller}: {' or '.join(self.recommended)}"]
        lines += [f"{row.place}. {name}: {row.reasons}" for name, row in self.table.iterrows()]
        lines += [f"not {name}: {why}" for name, why in self.excluded.items()]
        return "\n".join(lines)

    def phases(self, x: str = "payload_bytes", y: str = "header_bytes") -> Result:
        """Return who comes first over two of `phases.AXES`, everything else as it was asked."""
        from splicelab.evidence.debate.phases import phases  # late: it decides many times

        return phases(self.asked, x, y)

    def plain(self) -> dict:
        """Return plain data, as the command line prints them as JSON."""
        ranking = self.table.assign(reasons=self.table.reasons.str.split("; ")).reset_index()
        moves = self.would_change.dropna().reset_index()[["criterion", "weight", "to", "then"]]
        said = {"caller": self.caller, "recommended": self.recommended[0], "same": self.recommended[1:]}
        said |= {"ranking": ranking.to_dict("records"), "would_change": moves.to_dict("records")}
        return said | {"excluded": self.excluded}


@checked
def decide(
    caller: Any = "siw",
    payloads: Annotated[dict[Whole, Share], Field(min_length=1)] = {4096: 0.5, 65536: 0.5},  # noqa: B006
    *,
    weights: dict[str, Weight] | None = None,
    flag_ignored: Share = 0.0,
    in_flight: Whole = 1,
    messages: Whole | None = None,
    as_of_6_1: bool = False,
    costs: UnitCosts | None = None,
    **options,
) -> Decision:
    """Weigh the alternatives for a sender and its operations.

    Parameters
    ----------
    caller : str, Caller or mapping
        A key of data/callers.csv; or arguments of `splicelab.evidence.debate.senders.sender`, which describe one.
    payloads : mapping of int to float
        Share of the operations that have so many bytes of payload; shares are taken relative to their sum.
    weights : mapping of str to float, optional
        Of CRITERIA, or of all in one of FAMILIES; 1 where not given, but 0 for later bugs.
    flag_ignored : float
        Share of the sockets that ignore MSG_SPLICE_PAGES: no scatter-gather, or a protocol without it.
    in_flight : int
        Messages that wait for their ACK.
    messages : int, optional
        So many of each are counted; two more than are in flight unless given.
    as_of_6_1 : bool
        Take a caller of the table as it was in 6.1, when the thread was written.
    costs : UnitCosts, optional
        Unit costs; those stored for this project's machine unless given.

    Raises
    ------
    InputError
        A criterion, a caller or a size that there is not.

    Examples
    --------
    >>> from splicelab import decide
    >>> decide("siw", {4096: 1}, weights={"lines in core": 0}).table.shape
    (9, 5)
    """
    asked = {"caller": caller, "payloads": payloads, "weights": weights, "flag_ignored": flag_ignored}
    options |= {} if messages is None else {"messages": within("messages", messages, 1, MOST_MESSAGES)}
    asked |= {"in_flight": in_flight, "as_of_6_1": as_of_6_1, "costs": costs} | options
    caller, choices = find_sender(caller, as_of_6_1), debate("choices")
    weights = WEIGHTS | {
        criterion: weight
        for name, weight in sorted((weights or {}).items(), key=lambda given: given[0] in CRITERIA)  # families first
        for criterion in FAMILIES.get(one_of("criterion", name, (*CRITERIA, *FAMILIES)), (name,))
    }
    within("in flight", in_flight, 0, ACK_DELAY_MAX - 1, " messages")
    shares = pd.Series(payloads) / (sum(payloads.values()) or 1)
    if not shares.sum():
        raise InputError("payloads: no share is above 0")
    (flag, flag_ends), (ignored, _), (_, lost_ends) = (
        count_operation(caller, shares, tuple(choices.index), in_flight, options | given)
        for given in ({}, {"flag": False}, {"lose_every": 1})
    )
    if OWN_WAY in lost_ends:  # the sender writes again what the queue shows, and relies on replies
        lost_ends = {}
    excluded = {name: f"{end} when lost and sent again" for name, end in lost_ends.items()} | flag_ends
    mean = (1 - flag_ignored) * flag + flag_ignored * ignored
    mean = mean.assign(ignored=ignored.copied_bytes).drop(index=list(excluded))
    if mean.empty:
        raise InputError(f"{caller.key}: no alternative brings its bytes as meant")
    draws = draw(mean, choices.loc[mean.index], costs or unit_costs())
    criteria = pd.DataFrame(np.median(draws, 0), mean.index, list(CRITERIA))
    return Decision(caller.key, criteria, draws, weights, excluded, asked)
