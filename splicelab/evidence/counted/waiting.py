"""What waits for its ACK: the memory that each answer holds meanwhile, and what it copies after all."""

from dataclasses import dataclass

import pandas as pd

from splicelab.callers import Caller, Message
from splicelab.evidence.counted.run import pick_caller, run, segment_bytes
from splicelab.evidence.counted.tally import Tally
from splicelab.kernel.world import PAGE_SIZE
from splicelab.result import Result

WAYS = ("copy_in_stack", "fix_callers", "page_per_object", "attach_callback", "copy_on_ref")
IN_FLIGHT, MESSAGES, MTU = (1, 4, 16, 64), 64, 1500


@dataclass(frozen=True, repr=False)
class Held(Result):
    """What each of WAYS did with 64 messages, of a page or what one holds: a tally for each number IN_FLIGHT."""

    tallies: dict[str, list[Tally]]

    @property
    def table(self) -> pd.DataFrame:
        """Bytes held at the peak beside the payload: a row an answer, a column a number in flight."""
        held = {way: [t.pinned_peak_bytes - PAGE_SIZE for t in tallies] for way, tallies in self.tallies.items()}
        return pd.DataFrame.from_dict(held, "index", columns=IN_FLIGHT).rename_axis("alternative")

    @property
    def text(self) -> str:
        """Copies, callbacks and what is held at the most, a line an answer."""
        words = "{}: a message has {:g} bytes copied, callbacks: {:g}; 64 in flight hold {:,} bytes beside the payload"
        return "\n".join(
            words.format(way, first.copied_bytes / MESSAGES, first.notifications / MESSAGES, held)
            for (way, (first, *_)), held in zip(self.tallies.items(), self.table[MESSAGES], strict=True)
        )


def held_until_ack(caller: str | Caller = "iscsi_tcp", header_bytes: int = 0, **options) -> Held:
    """Count what each answer holds beside the payload while ACKs are awaited, and what it copies after all.

    A header of 0 bytes is the caller's own; ``options`` are those of `splicelab.run`.

    Examples
    --------
    >>> from splicelab import held_until_ack
    >>> held_until_ack("siw").table.loc["page_per_object"].tolist()
    [8192, 32768, 131072, 524288]
    """
    shape = pick_caller(caller)
    payload_bytes = min(PAGE_SIZE, shape.most_bytes(segment_bytes(MTU)[0]))
    shape = shape.model_copy(update={"header_bytes": header_bytes or shape.header_bytes})
    message = Message(shape, payload_bytes)
    options |= {"messages": MESSAGES, "mtu": MTU, "moves_bytes": False}
    return Held({way: [run(message, way, ack_delay=n - 1, **options) for n in IN_FLIGHT] for way in WAYS})
