"""Some messages on a line each: their calls, which of them pushed, the skbs that left, the records of a layer above."""

from functools import cached_property

from splicelab.evidence.counted.layers import Records
from splicelab.evidence.counted.message import Trace
from splicelab.result import Result

LEAVES, HELD, ALONE = range(3)  # a push whose data leaves, one that is held back, data that leaves without a push


class Row(Result):
    """One message: words for its title, the message as it was sent, records of a layer above or None."""

    title: str
    trace: Trace
    records: Records | None = None

    @cached_property
    def happenings(self) -> tuple[list, list, list]:
        """Its calls (flags, first byte, end), marks (byte, LEAVES, HELD or ALONE) and skbs (first byte, end)."""
        calls, marks, skbs = [], [], []
        start = next(first for name, _, first, _ in self.trace.events if name == "call")
        is_pushed = False
        for name, first, second, third in self.trace.events:
            if name == "call":
                calls.append((first, second - start, second - start + third))
            elif name == "push":
                marks.append((second - start, HELD))
            elif name == "transmit" and second >= start:
                skbs.append((second - start, second - start + third))
                marks[len(marks) - is_pushed :] = [(marks[-1][0], LEAVES) if is_pushed else (skbs[-1][1], ALONE)]
            is_pushed = name == "push" or (is_pushed and name == "transmit")
        return calls, marks, skbs

    @property
    def text(self) -> str:
        """What the message became."""
        calls, marks, skbs = self.happenings
        counts = [(len(calls), "call", "calls"), (sum(kind != ALONE for _, kind in marks), "push", "pushes")]
        counts += [(len(skbs), "skb", "skbs")]
        closed, open_bytes, refused = self.records or (None, 0, "")
        counts += [(len(closed), "record above", "records above")] if self.records else []
        counts += [(open_bytes, "byte waits above", "bytes wait above")] if open_bytes else []
        words = [f"{count} {one if count == 1 else more}" for count, one, more in counts] + [refused] * bool(refused)
        return f"{self.title}: {', '.join(words)}"


class Timeline(Result):
    """Some messages, one below the other."""

    rows: tuple[Row, ...]

    @property
    def text(self) -> str:
        """What each message became, a line each."""
        return "\n".join(row.text for row in self.rows)


def timeline(*messages: Trace | Row | tuple) -> Timeline:
    """Put messages below each other, calls over pushes over skbs: each a Trace, or (title, Trace, records above)."""
    titled = ((one.name, one) if isinstance(one, Trace) else one for one in messages)
    return Timeline(tuple(one if isinstance(one, Row) else Row(*one) for one in titled))
