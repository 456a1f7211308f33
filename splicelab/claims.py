"""The verdict on each claim in one place, and what came later: said in data/, and shown again by running it.

Calls stand in data/evidence.csv and data/outcome.csv as a reader would type them after ``from splicelab import ...``.
They are parsed (simpleeval walks over the syntax tree), and can call only public names and a few of Python's own.
"""

from html import escape

import pandas as pd
from simpleeval import EvalWithCompoundTypes

from splicelab.errors import InputError, one_of
from splicelab.evidence.debate.tables import count_fixes, debate
from splicelab.progress import progress
from splicelab.result import Result

PYTHON = (len, set, sorted, min, max)
FAILS = {True: "", False: " FAILS"}


class Verdicts(Result):
    """Claims with their verdict, and the ``evidence`` that each rests on, with whether it held just now."""

    claims: pd.DataFrame
    evidence: pd.DataFrame

    def pieces(self, claim: str) -> pd.DataFrame:
        """Return the evidence that a claim rests on."""
        return self.evidence[self.evidence.index.str[:-1] == claim]

    def of(self, claim: str) -> str:
        """Return supported, refuted or depends; "open" where a piece of evidence is missing or does not hold."""
        rests_on, pieces = self.claims.rests_on[claim].split(), self.pieces(claim)
        is_whole = pieces.kind.tolist() == rests_on and len(set(rests_on)) > 1
        return self.claims.verdict[claim] if is_whole and pieces.holds.all() else "open"

    @property
    def later(self) -> "History":
        """What came later and bears on these claims, run again as it was and as it was fixed, where the model can."""
        table = debate("outcome")
        if len(self.claims) < len(debate("claims")):
            table = table[[not set(self.claims.index).isdisjoint(claims.split()) for claims in table.claims]]
        held = [_holds(call, f"outcome.csv: {event}: run") if call else None for event, call in table.run.items()]
        return History(table.assign(holds=held))

    @property
    def table(self) -> pd.DataFrame:
        """A row for each piece of evidence, by its claim."""
        claims = self.evidence.index.str[:-1].rename("claim")
        return self.evidence.set_index(claims).assign(verdict=list(map(self.of, claims)))

    @property
    def text(self) -> str:
        """A verdict a paragraph: its boundary, and a line for each piece of evidence."""
        lines = []
        for claim, boundary in self.claims.boundary.items():
            lines.append(f"{claim} {self.of(claim)}. {boundary}")
            lines += [f"  {one.kind}{FAILS[one.holds]}: {one.says}" for one in self.pieces(claim).itertuples()]
        return "\n".join(lines)

    @property
    def html(self) -> str:
        """The same as a table, where each call opens below what it shows."""
        rows = [("claim", "verdict", "evidence, run again")]
        for claim, told in self.claims.iterrows():
            pieces = self.pieces(claim).itertuples()
            shown = [_opens(f"<i>{one.kind}{FAILS[one.holds]}:</i> {escape(one.says)}", one.call) for one in pieces]
            who = f"<a href='{escape(told.link)}'>{escape(told.who)}, {told.date}</a>"
            heading = f"<b>{claim}</b> {escape(told.claim)} ({who})"
            rows.append((heading, f"<b>{self.of(claim)}.</b> {escape(told.boundary)}", "".join(shown)))
        look = "style='text-align:left;vertical-align:top'"
        cells = ("".join(f"<td {look}>{cell}</td>" for cell in row) for row in rows)
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


class History(Result):
    """What happened after the thread: a row an event, and whether what a run shows of it held just now."""

    table: pd.DataFrame

    @property
    def counts(self) -> pd.DataFrame:
        """How many of the later fixes each alternative would have avoided, and how many it would have caused."""
        return count_fixes(self.table)

    @property
    def html(self) -> str:
        """A row an event, with the call that was run below what it shows, and the counts."""
        shown = [
            _opens(f"{escape(row.shown)}{FAILS[row.holds]}", row.run) if row.run else escape(row.cause)
            for row in self.table.itertuples()
        ]
        columns = self.table[["date", "release", "trigger", "avoided_by", "caused_by"]].assign(**{"run again": shown})
        return columns.to_html(escape=False, border=0, justify="left") + self.counts.to_html(border=0)

    @property
    def text(self) -> str:
        """What was run, a line an event, and the counts."""
        told = self.table[self.table.run != ""]
        lines = [f"{row.date}{FAILS[row.holds]} {event}: {row.shown}" for event, row in told.iterrows()]
        return "\n".join([*lines, self.counts.to_string()])


def verdict(*claims: str) -> Verdicts:
    """Run the evidence for claims again (all fourteen where none is named), and return what can be said of them.

    Raises InputError for a claim that is not known, and for a call in data/evidence.csv that cannot be made.

    Examples
    --------
    >>> from splicelab import verdict
    >>> verdict("C11").of("C11")
    'supported'
    >>> verdict("C10").later.table.trigger.tolist()
    ['none', 'caller_frag']
    """
    known, evidence = debate("claims"), debate("evidence")
    known = known.loc[list(dict.fromkeys(one_of("claim", claim, known.index) for claim in claims or known.index))]
    evidence = evidence[evidence.index.str[:-1].isin(known.index)]
    calls = progress("evidence", list(evidence.call.items()))
    return Verdicts(known, evidence.assign(holds=[_holds(call, f"evidence.csv: {key}: call") for key, call in calls]))


def _opens(words: str, call: str) -> str:
    """Return words as HTML that a reader can open: the call that shows what they say."""
    return f"<details><summary>{words}</summary><code>{escape(call)}</code></details>"


def _holds(call: str, where: str) -> bool:
    """Return whether a call is true; InputError, with where it stands, if it cannot be made."""
    import splicelab

    functions = {name: getattr(splicelab, name) for name in splicelab.__all__ if name != "own"}
    try:
        return bool(EvalWithCompoundTypes(functions=functions | {one.__name__: one for one in PYTHON}).eval(call))
    except Exception as error:
        raise InputError(f"{where}: {type(error).__name__}: {' '.join(str(error).split())}") from None
