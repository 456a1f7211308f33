"""The counters of a run, and how its messages ended."""

from collections import namedtuple
from collections.abc import Sequence

from splicelab.kernel import world as kernel
from splicelab.result import Result


class Tally(Result, namedtuple("Tally", kernel.COUNTERS)):
    """The counters of a run; ``broke`` says what a reader's own alternative broke."""

    broke = ""

    @property
    def ending(self) -> str:
        """How the messages ended, in short: delivered, or what went wrong first."""
        wrong = {"refused (-EIO)": self.refused, "short send": self.short_sends, "corrupt bytes": self.corrupt_bytes}
        return next((words for words, count in wrong.items() if count), "broken" if self.broke else "delivered")

    @property
    def outcome(self) -> str:
        """How the messages ended; of a reader's own alternative, in full."""
        return f"{self.ending}: {self.broke}" if self.broke else self.ending

    @property
    def text(self) -> str:
        """The outcome and every counter that is not zero."""
        return ", ".join([self.outcome, *(f"{name} {value:,}" for name, value in self._asdict().items() if value)])

    @property
    def table(self):
        """A row for each counter."""
        import pandas as pd  # late: the command line's predictions need no table

        return pd.DataFrame({"counted": self._asdict()}).rename_axis("counter")


def total(tallies: Sequence[Tally]) -> Tally:
    """Return the sum of some runs' counters, of those at a peak the largest; the first one's word for what broke."""
    columns = zip(Tally._fields, zip(*tallies, strict=True), strict=True)
    summed = Tally(*(max(values) if "peak" in name else sum(values) for name, values in columns))
    summed.broke = next((one.broke for one in tallies if one.broke), "")
    return summed
