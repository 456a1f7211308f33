"""What each alternative costs, beside the others: an operation of a caller, and the memory that waits for its ACK."""

from typing import Any

import pandas as pd

from splicelab.alternatives import BUILT_IN, OWN
from splicelab.callers import Message
from splicelab.errors import one_of, within
from splicelab.evidence.counted.broken import BrokenError
from splicelab.evidence.counted.run import FLAGS, MAX_PAYLOAD_BYTES, pick_caller, run, segment_bytes
from splicelab.evidence.counted.tally import Tally, look_at_log, total
from splicelab.kernel.world import MSG_OF_SENDPAGE, MSG_SPLICE_PAGES, PAGE_SIZE
from splicelab.result import Result
from splicelab.tables import Whole, checked

AS_THE_CALLER = ("piecewise", "kill_notlast")  # a frame that acknowledges an answer is none of the others' business
DEFAULT_PROFILE, MAX_OPERATION_BYTES = "6.12+v3", 16 << 20
COUNTERS = (
    *("sends", "copies", "copied_bytes", "spliced_bytes", "sendpages_bytes"),
    *("kmallocs", "kfrees", "frag_allocs", "frag_frees", "refills", "new_pages"),
    *("get_page", "put_page", "skbs", "frag_slots", "tcp_push", "pushes", "segments", "short_segments"),
    *("truesize_peak", "pinned_peak_bytes", "eio", "short_sends", "sent_bytes", "received_bytes", "corrupt_bytes"),
)
WAYS = ("copy_in_stack", "fix_callers", "page_per_object", "attach_callback", "copy_on_ref")
IN_FLIGHT, MESSAGES, MTU = (1, 4, 16, 64), 64, 1500


Call = tuple[str, int, tuple[str, ...]]


class Comparison(Result):
    """What an operation costs by each alternative: ``tallies`` and ``calls`` by name; ``chosen`` is drawn dark.

    What is counted is ``of``: one message, or more.
    A call is its method (copy, sendpage or splice), its bytes, its flags without MSG_, as TCP was given them.
    """

    caller: str
    payload_bytes: int
    profile: str
    tallies: dict[str, Tally]
    calls: dict[str, list[Call]]
    chosen: str = ""
    of: str = "one message"

    def __post_init__(self) -> None:
        if self.chosen:
            one_of("chosen", self.chosen, self.tallies)

    @property
    def table(self) -> pd.DataFrame:
        """A row for each alternative: how the message ended, and every counter."""
        rows = {name: [t.outcome, *(getattr(t, key) for key in COUNTERS)] for name, t in self.tallies.items()}
        return pd.DataFrame.from_dict(rows, "index", columns=["outcome", *COUNTERS]).rename_axis("alternative")

    def plain(self) -> dict:
        """Return plain numbers, as the command line prints them as JSON."""
        rows = []
        for name, counters in self.table.to_dict("index").items():
            outcome = counters.pop("outcome")
            rows.append({"alternative": name, "outcome": outcome, "counters": counters, "calls": self.calls[name]})
        return {"caller": self.caller, "payload_bytes": self.payload_bytes, "profile": self.profile, "rows": rows}


@checked
def compare(
    caller: Any,
    payload_bytes: Whole,
    alternatives: tuple[str, ...] = (),
    profile: str = DEFAULT_PROFILE,
    *,
    chosen: str = "",
    mtu: Whole = 65536,
    trailer_bytes: Whole | None = None,
    entry_bytes: Whole = PAGE_SIZE,
    header_digest: bool = False,
    data_digest: bool = False,
    page_offset_bytes: Whole = 0,
    **options,
) -> Comparison:
    """Count what an operation of so many bytes of payload costs by each alternative (all of them by default).

    The caller's protocol cuts it into messages; each is sent on a connection that has sent it before, and counters
    are sums, of what is held at the peak the largest. Where its own calls are made, an acknowledging frame that the
    protocol sends for the answer is among them. ``options`` go to `splicelab.run`. Raises InputError for a key
    that is in no table, a size or a digest that the protocol does not have.

    Examples
    --------
    >>> from splicelab import compare
    >>> compare("siw", 4096, ("plain_copy", "copy_in_stack")).table["copied_bytes"].to_dict()
    {'plain_copy': 4116, 'copy_in_stack': 20}
    """
    shape, segment, tallies, calls = pick_caller(caller), segment_bytes(mtu)[0], {}, {}
    within("payload", payload_bytes, 0, MAX_OPERATION_BYTES, " bytes")
    how = {"trailer_bytes": trailer_bytes, "data_digest": data_digest, "entry_bytes": entry_bytes}
    how |= {"header_digest": header_digest, "page_offset_bytes": page_offset_bytes}
    messages = shape.operation(payload_bytes, segment, **how)
    for key in alternatives or (*BUILT_IN, *OWN):
        sent = messages if key in AS_THE_CALLER else messages[: len(messages) - (shape.ack_bytes > 0)]
        parts = [count_message(message, key, profile, mtu=mtu, **options) for message in sent]
        tallies[key], calls[key] = total(parts), [call for part in parts for call in part.seen]
    count = (len(messages) - (shape.ack_bytes > 0)) * int(options.get("messages", 1))
    sent = f"{count} messages" if count != 1 else "one message"
    return Comparison(shape.key, payload_bytes, profile, tallies, calls, chosen, sent)


def as_call(size_bytes: int, bits: int, is_sendpage: bool) -> Call:
    """Return a call in words, with those of its flags that change what is sent."""
    method = "sendpage" if is_sendpage else "splice" if bits & MSG_SPLICE_PAGES else "copy"
    return method, size_bytes, tuple(flag for flag, bit in FLAGS.items() if bits & bit)


def count_message(message: Message, alternative: str, profile: str, **options) -> Tally:
    """Return the counters of a message; what was ``seen`` are the calls that TCP was given."""

    def look(w) -> list[Call]:
        known = -1 if w.profile[0].has_splice_pages else ~MSG_SPLICE_PAGES
        made = [numbers for name, *numbers in look_at_log(w) if name == "call"]
        return [as_call(size_bytes, bits & known, bool(bits & MSG_OF_SENDPAGE)) for bits, _, size_bytes in made]

    try:
        return run(message, alternative, profile, look=look, **options)
    except BrokenError as error:
        return error.tally


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


@checked
def held_until_ack(caller: Any = "iscsi_tcp", header_bytes: Whole = 0, **options) -> Held:
    """Count what each answer holds beside the payload while ACKs are awaited, and what it copies after all.

    A header of 0 bytes is the caller's own; ``options`` are those of `splicelab.run`.

    Examples
    --------
    >>> from splicelab import held_until_ack
    >>> held_until_ack("siw").table.loc["page_per_object"].tolist()
    [8192, 32768, 131072, 524288]
    """
    shape = pick_caller(caller)
    within("header", header_bytes, 0, MAX_PAYLOAD_BYTES, " bytes")
    payload_bytes = min(PAGE_SIZE, shape.most_bytes(segment_bytes(MTU)[0]))
    shape = shape.model_copy(update={"header_bytes": header_bytes or shape.header_bytes})
    message = Message(shape, payload_bytes)
    options |= {"messages": MESSAGES, "mtu": MTU, "moves_bytes": False}
    return Held({way: [run(message, way, ack_delay=n - 1, **options) for n in IN_FLIGHT] for way in WAYS})
