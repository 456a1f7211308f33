"""A live run as one result: predicted and observed, what a message costs, from which payload on a way is cheaper."""

import json
from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd

from splicelab.errors import InputError, one_of
from splicelab.evidence.live.forecast import PAYLOADS, QUICK_PAYLOADS, Forecast, forecast
from splicelab.evidence.live.loops import WAYS
from splicelab.evidence.live.measure import AGAIN, COSTS, QUICK, measure
from splicelab.evidence.live.sockets import ROUTES, LiveError, Shape
from splicelab.evidence.timed.timing import describe, environment
from splicelab.paths import data_path
from splicelab.result import Result

PLAIN = WAYS[0]
KEYS = ["alternative", *Shape._fields, "heat"]


class LiveRun(Result):
    """What this kernel did: ``predictions``, and ``samples`` with a row an alternative, a shape and a process.

    ``provenance`` says which kernel and machine, ``route`` is one of ROUTES; ``stored_because`` why a stored run stands
    here, if it does; ``view`` is the cost, the header in bytes and the heat that the picture shows.
    """

    predictions: Forecast
    samples: pd.DataFrame
    provenance: str
    route: str = ROUTES[0]
    stored_because: str = ""
    view: tuple[str, int, str] = (COSTS[0], 48, "hot")

    text = "live: what a message costs, see picture and table"  # the same on every machine

    @property
    def title(self) -> str:
        """Which kernel, on which machine and route, and the shape that is shown."""
        where = f"{'a stored run' if self.stored_because else 'on this machine'}, {self.route}"
        return f"live, Linux {self.predictions.kernel}, {where}: header {self.view[1]} bytes, {self.view[2]} payload"

    @property
    def alt(self) -> str:
        """What the picture shows, in words; figures are in the table."""
        return f"{self.title}; {self.view[0]} against payload, of {', '.join(self.ways)}"

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row an alternative and a shape: medians over processes, low and high of the time.

        The interval goes from the lowest lower quartile of a process to the highest upper one.
        """
        groups = self.samples.groupby(KEYS, sort=False)
        ends = groups.agg(low=("first_ns", "min"), high=("third_ns", "max"))
        return groups[list(COSTS)].median().join(ends).reset_index()

    @cached_property
    def ways(self) -> list[str]:
        """The alternatives that were measured, plain copy first."""
        return [name for name in WAYS if name in set(self.samples.alternative)]

    def curves(self, header_bytes: int, heat: str) -> pd.DataFrame:
        """Return the costs by payload: columns (cost, alternative)."""
        table = self.table.query("header_bytes == @header_bytes and heat == @heat")
        return table.pivot(index="payload_bytes", columns="alternative", values=[*COSTS, "low", "high"])

    @cached_property
    def break_even(self) -> pd.DataFrame:
        """From which payload on an alternative takes less time than plain copy, with its interval; none: NaN.

        The median over processes, and the lowest and highest process: what differs from one to the next is in it.
        Plain copy is that of the same process, in turns.
        """
        rows = []
        for (header_bytes, heat), group in self.samples.groupby(["header_bytes", "heat"], sort=False):
            ns = group.pivot(index="payload_bytes", columns=["alternative", "process"], values="ns_per_message")
            for name in self.ways[1:]:
                found = (ns[name] / ns[PLAIN]).apply(crossing).fillna(np.inf)
                rows.append((name, header_bytes, heat, found.median(), found.min(), found.max()))
        columns = ["alternative", "header_bytes", "heat", "payload_bytes", "low", "high"]
        return pd.DataFrame(rows, columns=columns).replace(np.inf, np.nan)

    @cached_property
    def parts(self) -> pd.DataFrame:
        """What the time is made of, fitted (no part below zero): ns a message, a call, a page attached, a byte copied.

        Pages and bytes are received as well, which is in their part. The last row is the median distance of a measured
        time from the fit, as a share of the time.
        """
        from scipy.optimize import nnls

        rows = self.table.query("heat == 'hot'")
        is_spliced = rows.alternative.isin(("piecewise", "three_calls", "fix_callers", "rewrite_helper"))
        pages = np.where(is_spliced, -(-rows.payload_bytes // 4096), 0)
        small = rows.header_bytes + rows.trailer_bytes
        copied = np.where(is_spliced, np.where(rows.alternative == "fix_callers", 0, small), rows.payload_bytes + small)
        parts = np.column_stack([np.ones(len(rows)), rows.calls_per_message, pages, copied])
        ns = rows.ns_per_message.to_numpy()
        fitted, _ = nnls(parts / ns[:, None], np.ones(len(rows)))  # each row counts alike
        names = ["a message", "a call", "a page attached", "a byte copied"]
        off = float(np.median(abs(parts @ fitted / ns - 1)))
        return pd.DataFrame({"ns": [*fitted, off]}, [*names, "off by (share, median)"])

    def show(self, cost: str = COSTS[0], header_bytes: int = 48, heat: str = "hot") -> "LiveRun":
        """Return the same run with another cost, header or heat in its picture."""
        one_of("cost", cost, COSTS)
        return replace(self, view=(cost, header_bytes, heat))

    def tell(self, what: str) -> "LiveTable":
        """Return one of its tables to show: ``table``, ``break_even`` or ``parts``."""
        return LiveTable(getattr(self, one_of("table", what, ("table", "break_even", "parts"))))

    def plain(self) -> dict:
        """Return plain numbers, as the command line prints them as JSON."""
        tables = {"predictions": self.predictions.table, "measurements": self.table, "break_even": self.break_even}
        said = {"kernel": self.predictions.kernel, "profile": self.predictions.profile}
        return said | {name: json.loads(table.to_json(orient="records")) for name, table in tables.items()}


def live(*ways: str, quick: bool = False, stored: bool = False, route: str = ROUTES[0]) -> LiveRun:
    """Send the alternatives to this machine's kernel over loopback: predict, observe, and measure what they cost.

    Some minutes, or below 20 s when ``quick``; a bar shows how far it is, and an interrupt leaves nothing behind. Where
    this machine cannot do it, or ``stored`` is asked for, the result is the run in data/live, and says so. ``ways`` are
    the alternatives beside plain copy, all unless given; ``route`` "veth" leads through a pair of network namespaces
    made for the run, where this user may make them.

    Examples
    --------
    >>> from splicelab import live
    >>> live(stored=True)
    live: what a message costs, see picture and table
    """
    one_of("route", route, ROUTES)
    ways = tuple(dict.fromkeys([PLAIN, *(one_of("alternative", way, WAYS) for way in ways or WAYS)]))
    because = "it was asked for"
    if not stored:
        try:
            predictions = forecast(QUICK_PAYLOADS if quick else PAYLOADS, ways, route)
            samples = measure(ways, route, **QUICK if quick else {})
            return LiveRun(predictions, samples, describe(environment()), route)
        except LiveError as error:
            because = str(error).removeprefix("live: ")
    try:
        kept = json.loads(data_path("live", "run.json").read_text(encoding="utf-8"))
        note = f" (a stored run, since {because})"
        told = Forecast(kept["kernel"], kept["profile"], pd.DataFrame(kept["predictions"]), kept["skb_bytes"], note)
        samples = pd.DataFrame(kept["samples"])
        samples = samples[samples.alternative.isin((*ways, AGAIN))]
        return LiveRun(told, samples, kept["provenance"], stored_because=because)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"data/live/run.json: {type(error).__name__}: {error}; restore it from git") from None


class LiveTable(Result):
    """A table of figures that this machine's kernel gave."""

    table: pd.DataFrame
    text = "live: see table"


def crossing(ratio: pd.Series) -> float:
    """Return from which payload on a ratio stays below 1, between the sizes on a line over their logarithms."""
    x, y = np.log(ratio.index), np.log(ratio.to_numpy())
    above = np.flatnonzero(~(y < 0))
    if not len(above):
        return float(ratio.index[0])
    last = above[-1]
    if last == len(y) - 1:
        return np.nan
    return float(np.exp(np.interp(0, y[[last + 1, last]], x[[last + 1, last]])))
