"""What can be seen of a run: its counters and how its messages ended, the queue of its socket, its log."""

from collections import namedtuple
from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import mul
from typing import NamedTuple

from splicelab.kernel import world as kernel
from splicelab.kernel.memory import KINDS
from splicelab.result import Result

EVENT_NAMES = (
    *("call", "copy", "splice", "push", "transmit", "lose", "ack", "free"),
    *("kmalloc", "kfree", "frag_alloc", "frag_free", "rewrite", "uncork"),
)


class Tally(Result, namedtuple("Tally", kernel.COUNTERS)):
    """The counters of a run; ``broke`` says what a reader's own alternative broke, ``seen`` is what `run` looked at."""

    broke, seen = "", None

    @property
    def ending(self) -> str:
        """How the messages ended, in short: delivered, or what went wrong first."""
        short = "short, wrong bytes" if self.corrupt_bytes else "short send"  # what left before it ended may be wrong
        wrong = {"refused (-EIO)": self.refused, short: self.short_sends, "corrupt bytes": self.corrupt_bytes}
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


def total(tallies: Sequence[Tally], times: Iterable[int] = repeat(1)) -> Tally:
    """Return the sum of runs' counters, each so many times, of a peak the largest; the first word for what broke."""
    columns = zip(Tally._fields, zip(*tallies, strict=True), strict=True)
    summed = Tally(*(max(values) if "peak" in name else sum(map(mul, values, times)) for name, values in columns))
    summed.broke = next((one.broke for one in tallies if one.broke), "")
    return summed


class Span(NamedTuple):
    """Bytes of the message: a piece with its role, a frag of an skb, or what a call covers.

    ``position`` is that of the first byte in the message, ``kind`` says whose memory they lie in; ``count`` of them are
    told as one.
    """

    position: int
    size_bytes: int
    address: int = 0
    kind: str = ""
    role: str = ""
    skb: int = 0
    count: int = 1


class Skb(NamedTuple):
    """An skb in the queue. ``position`` is that of its first byte in the message."""

    position: int
    size_bytes: int
    truesize: int
    frags: list[Span]


def look_at_queue(w, first_byte: int) -> list[Skb]:
    """Return the skbs of the queue in order, also those that the receiver has not read; positions from first_byte."""
    skbs, index = [], w.sock[0].read_head
    while index != kernel.NONE:
        skb, frags = w.skb[index], []
        start = position = int(skb.seq - first_byte)
        for frag in w.frag[index, : skb.nr_frags]:
            kind = KINDS[w.page[w.page[frag.page].head].kind]
            address = int(frag.page) * kernel.PAGE_SIZE + int(frag.offset)
            frags.append(Span(position, int(frag.size_bytes), address, kind, skb=len(skbs)))
            position += int(frag.size_bytes)
        skbs.append(Skb(start, int(skb.len), int(skb.truesize), frags))
        index = skb.next
    return skbs


def look_at_log(w) -> list[tuple[str, int, int, int]]:
    """Return what happened since the log was opened, in order: a name, and three numbers that depend on it.

    call (flags, stream position, bytes) · copy, splice (position, address, bytes) · push (flags, position, -) ·
    transmit, lose, free (skb, position, bytes) · ack (position, -, -) · kmalloc, frag_alloc (address, bytes, -) ·
    kfree, frag_free (address, -, -) · rewrite (address, bytes, piece) · uncork (-, position, -).
    """
    return [(EVENT_NAMES[kind], *numbers) for kind, *numbers in w.event[: w.events].tolist()]
