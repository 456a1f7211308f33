"""A reader's own workload: what a trace of it sends, which bytes waited, and what every alternative would have cost.

Recorded evidence of the reader's machine; what `OwnTrace.through` returns is counted by the model.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from splicelab.alternatives import BUILT_IN, OWN
from splicelab.callers import Caller, Message
from splicelab.errors import InputError, within
from splicelab.evidence.counted.compare import DEFAULT_PROFILE, Comparison, count_message
from splicelab.evidence.counted.run import segment_bytes
from splicelab.evidence.counted.tally import total
from splicelab.evidence.recorded.own_messages import TIMER_S, Gathered, Shape, Wait
from splicelab.evidence.recorded.trace_lines import SENDS, read_calls, trace_name
from splicelab.paths import data_path
from splicelab.progress import progress
from splicelab.recipes import Segment, Send
from splicelab.result import Result
from splicelab.tables import Whole, checked

MAY_END, STORED = "more", ("nginx", "nbdkit")
ENDS = {True: "a pause of {:g} s", False: "a call without MORE, the cork's end or a pause of {:g} s"}


class OwnTrace(Result):
    """What a trace sends: ``found`` has counters, and how often each shape of message occurs; ``mtu`` in bytes."""

    name: str
    mtu: int
    found: Gathered

    @property
    def shapes(self) -> list[tuple[Shape, int]]:
        """Each shape and how often it occurs, the most frequent first."""
        return self.found.shapes.most_common()

    @property
    def table(self) -> pd.DataFrame:
        """A row for each shape of message: how often, bytes and calls of one, the calls in words."""
        rows = [(times, shape.bytes, len(shape.parts), shape.words) for shape, times in self.shapes]
        return pd.DataFrame(rows, columns=["times", "bytes", "calls", "one message"])

    @property
    def waits(self) -> pd.DataFrame:
        """A row for each time that bytes were held back when a call had returned (the first 1,000): line, and why."""
        return pd.DataFrame(self.found.waits, columns=Wait._fields)

    @property
    def text(self) -> str:
        """What was sent, who said MORE, and who waited: the first line that caused it."""
        found, counts = self.found, self.found.counts
        sends = sum(counts[call] for call in SENDS)
        told = [
            f"{self.name}: {sends:,} calls sent {counts['bytes']:,} bytes on {counts['sockets']:,} connections",
            f"{counts['messages']:,} messages of {len(found.shapes):,} shapes; one ends with "
            + ENDS[found.is_until_pause].format(found.pause_s),
            f"{counts['more']:,} calls said MORE; corks: {counts['cork']:,}; TCP_NODELAY: {counts['nodelay']:,}",
        ]
        others = {"refused": "calls failed", "elsewhere": "calls wrote to no TCP socket that is known"}
        others |= {"cut": "messages were cut, as too long for the model", "left out": "messages are in no shape"}
        others |= {"rounded": "messages of rare sizes are counted with sizes of three significant bits"}
        told += [f"{counts[key]:,} {words}" for key, words in others.items() if counts[key]]
        for why, (times, longest_s, line) in found.causes.items():
            told.append(f"waited for {why}: {times:,} times, at most {longest_s:.3f} s, first after line {line}")
        return "\n".join(told + ["no bytes waited"] * (not found.causes))

    def plain(self) -> dict:
        """Return plain values, as the command line prints them as JSON."""
        names = ("times", "longest_s", "line")
        stalls = {why: dict(zip(names, what, strict=True)) for why, what in self.found.causes.items()}
        shapes = self.table.to_dict("records")
        waits = [wait._asdict() for wait in self.found.waits]
        return {"trace": self.name, "counts": self.found.counts, "shapes": shapes, "stalls": stalls, "waits": waits}

    def through(
        self, alternatives: tuple[str, ...] = (), profile: str = DEFAULT_PROFILE, *, chosen: str = "", **options
    ) -> Comparison:
        """Count what the trace's messages cost by each alternative (all by default), on 6.12 or what follows.

        Each shape is sent once, on a connection that has sent it twice, and its counters are taken as often as it
        occurs (of what is held at the peak the largest): what one message leaves in the queue for another of a
        different shape is not counted. The calls are those of the most frequent. ``options`` are those of `run`.
        """
        if profile == "6.1":
            raise InputError("profile: a trace goes through 6.12 or what follows: 6.1 has another sendfile")
        shapes, times = zip(*self.shapes, strict=True)
        messages, tallies, calls = [as_message(shape) for shape in shapes], {}, {}
        for key in progress("alternatives", alternatives or (*BUILT_IN, *OWN)):
            parts = [count_message(message, key, profile, mtu=self.mtu, **options) for message in messages]
            tallies[key], calls[key] = total(parts, times), parts[0].seen
        return Comparison(self.name, self.found.counts["bytes"], profile, tallies, calls, chosen, "the whole trace")


class OwnMessage(Message):
    """A message whose calls a trace has, not a recipe."""

    shape: Shape

    def sends(self, kernel: str) -> list[Send]:
        """Return its calls; what lies in pages is payload, before it stands a header, behind it a trailer."""
        calls, role = [], "header"
        for way, segments, flags in self.shape.parts:
            made = []
            for size_bytes, owner in segments:
                role = "trailer" if role != "header" else role
                role = "payload" if owner == "page" else role
                made.append(Segment(role, size_bytes, owner))
            calls.append(Send(way, made, frozenset(flags)))
        return calls


def as_message(shape: Shape) -> OwnMessage:
    """Return a message of this shape for the alternatives: what is no payload is freed when the send has returned."""
    how = {"payload_unit_bytes": 0, "header_fate": "freed", "copies_into": "task_frag", "asks_6_1": "none"}
    how |= {"asks_6_12": "none", "corked_6_1": shape.is_corked, "corked_6_12": shape.is_corked}
    message = OwnMessage(Caller.model_construct(key="own trace", **how), shape.bytes)
    message.shape = shape
    return message


@checked
def own_trace(path: str | Path | dict[str, Any], message_ends: float | str = MAY_END, mtu: Whole = 65536) -> OwnTrace:
    """Read a trace of your own program, as strace writes it or as CSV: its messages, their shapes, and who waited.

    A message ends with a call without MORE ("more", also a cork's end or a pause of 0.2 s), or with a pause of so many
    seconds. ``path`` may be the name of a stored trace, or what ipywidgets' FileUpload has of a file, up to
    8 MiB. data/README.md says how a trace is made. Raises InputError, ``FILE: line N: FIELD: what is wrong``.

    Examples
    --------
    >>> from splicelab import own_trace
    >>> own_trace("nginx").table["times"].tolist()
    [4, 1, 1, 1, 1]
    """
    mss, is_more = segment_bytes(mtu)[0], message_ends == MAY_END
    try:
        pause_s = TIMER_S if is_more else float(message_ends)
    except ValueError:
        raise InputError(f"message_ends: {message_ends!r:.60} is neither more nor seconds") from None
    within("message_ends", pause_s, 1e-6, 1e6, " s")
    if isinstance(path, str) and path in STORED:
        path = data_path("traces", f"{path}.strace")
    found = Gathered(mss, pause_s, not is_more).gather(read_calls(path))
    name = trace_name(path)
    if not found.counts["messages"]:
        raise InputError(f"{name}: line 1: call: none sends on a TCP socket (data/README.md: Own traces)")
    return OwnTrace(name, int(mtu), found)
