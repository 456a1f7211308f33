"""Look at one message while it stands in the queue: its pieces, what happened to them, and the skbs that hold them."""

from functools import cached_property
from itertools import groupby
from typing import NamedTuple

import pandas as pd

from splicelab.callers import Caller
from splicelab.errors import within
from splicelab.evidence.counted.broken import times
from splicelab.evidence.counted.run import pick_caller, run
from splicelab.evidence.counted.tally import Skb, Span, Tally, look_at_log, look_at_queue
from splicelab.kernel.message import PAYLOAD_OWNERS, ROLES
from splicelab.result import Result

PAGES_SHOWN = 2
UNSENT = ("refused (-EIO)", "not sent")
ENDS = {"rewrite": "rewritten", "kfree": "kfree"}  # what the log says of a piece's memory


class Column(NamedTuple):
    """A piece of the message, or several pages told as one; ``memory`` and ``held`` say who owns memory.

    ``way`` says how its bytes get into an skb (copied, by reference, or one of UNSENT), ``held`` in what memory they
    then are, ``end`` what becomes of the caller's own: kfree, own reference put, rewritten, kfree by callback, kept.
    """

    label: str
    memory: str
    size_bytes: int
    position: int
    way: str
    held: str
    end: str

    @property
    def is_at_risk(self) -> bool:
        """Return whether the bytes may change while an skb still points at them."""
        is_freed = self.end == "kfree" and self.memory == "slab"  # large kmalloc lives on in the queue's reference
        return self.way == "by reference" and (is_freed or self.end == "rewritten")


class Trace(Result):
    """One message: pieces, what happened until its queue was looked at, the skbs there, and the counters.

    ``events`` are as `look_at_log` has them; ``name`` says which caller, alternative and kernel it is.
    """

    name: str
    pieces: list[Span]
    events: list[tuple[str, int, int, int]]
    skbs: list[Skb]
    tally: Tally

    @property
    def table(self) -> pd.DataFrame:
        """A row for each piece: whose memory it lies in, how it gets into an skb, what becomes of it."""
        return pd.DataFrame(self.columns).set_index("label")

    @cached_property
    def calls(self) -> list[Span]:
        """The send calls."""
        made = [numbers for name, *numbers in self.events if name == "call"]
        return [Span(start - made[0][1], size_bytes) for _, start, size_bytes in made]

    @cached_property
    def frags(self) -> list[Span]:
        """The frags of all skbs."""
        return [frag for skb in self.skbs for frag in skb.frags]

    @cached_property
    def columns(self) -> list[Column]:
        """The pieces of the message in order; of a long payload the first pages, and the rest as one."""
        told: list[Column] = []
        seen = {(name, first) for name, first, *_ in self.events}
        for piece in self.pieces:
            frag = next((f for f in self.frags if 0 <= piece.position - f.position < f.size_bytes), None)
            if frag is None:
                way = UNSENT[not self.tally.eio or told != [] and told[-1].way in UNSENT]
            else:
                way = "by reference" if frag.address - frag.position == piece.address - piece.position else "copied"
            memory = "page_frag" if ("frag_alloc", piece.address) in seen else piece.kind
            end = next((words for name, words in ENDS.items() if (name, piece.address) in seen), "own reference put")
            if piece.role == "payload":
                end = "kept"
            elif memory == "slab" and end == "own reference put":  # an object has none
                end = "kfree by callback" if way == "by reference" else "kept"
            held = frag.kind if frag else ""
            told.append(Column(piece.role, memory, piece.size_bytes, piece.position, way, held, end))
        return _shortened(told)

    def merged(self, spans: list[Span]) -> list[Span]:
        """Return the spans; those of one kind within the column of the pages that are not shown become one."""
        hidden = next((column for column in self.columns if column.label[0] == "…"), None)

        def kind(span: Span):
            is_hidden = hidden and hidden.position <= span.position < hidden.position + hidden.size_bytes
            return (span.kind, span.skb) if is_hidden else span.position

        groups = [list(group) for _, group in groupby(spans, kind)]
        return [group[0]._replace(size_bytes=sum(s.size_bytes for s in group), count=len(group)) for group in groups]

    @cached_property
    def acting(self) -> str:
        """The place that deals with what cannot be attached: caller, helper, sendmsg or ACK; "" for nobody."""
        cut = {address for name, address, *_ in self.events if name == "frag_alloc"}
        if cut or self.tally.sends > 1:
            return "helper" if cut and not cut & {piece.address for piece in self.pieces} else "caller"
        if any(column.end == "kfree by callback" for column in self.columns):
            return "ACK"
        return "sendmsg" if self.tally.copied_bytes or self.tally.eio else ""

    @property
    def places(self) -> dict[str, str]:
        """In words what happens at each place of the call path; no words where there is nothing."""
        tally, names = self.tally, [name for name, *_ in self.events]
        helped = sum(size for name, *_, size in self.events[: [*names, "call"].index("call")] if name == "copy")
        parts = (helped, tally.copied_bytes - helped)
        copies = [f"copies {times(part, 'byte')}" if part else "copies nothing" for part in parts]
        cut = names.count("frag_alloc")
        objects = sum(column.end == "kfree by callback" for column in self.columns)
        refs = times(tally.frag_slots - objects, "ref")
        built = f"builds {times(cut, 'fragment')}" if cut and self.acting == "caller" else times(tally.sends, "call")
        return {
            "caller": built,
            "helper": copies[0] if self.acting == "helper" else "",
            "sendmsg": "refuses slab" if tally.eio else copies[1],
            "skb": f"{len(self.skbs)} skb, {times(tally.frag_slots, 'frag')}",
            "wire": "lost, sent again" if tally.retransmits else times(tally.segments, "segment"),
            "ACK": f"{refs}, {times(objects, 'callback')}" if objects else f"drops {refs}",
        }


def _shortened(told: list[Column]) -> list[Column]:
    """Give the pages of a payload numbers, and make one column of those that are not shown."""
    pages = [place for place, column in enumerate(told) if column.label == "payload"]
    if len(pages) < 2:
        return told
    named = [told[place]._replace(label=f"page {number}") for number, place in enumerate(pages, 1)]
    if len(rest := named[PAGES_SHOWN:]) > 1:
        size_bytes = sum(page.size_bytes for page in rest)
        named[PAGES_SHOWN:] = [rest[0]._replace(label=f"… {len(rest)} more pages", size_bytes=size_bytes)]
    return told[: pages[0]] + named + told[pages[-1] + 1 :]


def trace_message(caller: str | Caller, alternative: str, profile: str = "6.12+v3", **options) -> Trace:
    """Send one message and return what could be seen of it, as a picture of its memory and who keeps it until when.

    ``options`` are those of `splicelab.run`, which raises what it raises there.

    Examples
    --------
    >>> from splicelab import trace_message
    >>> print(trace_message("siw", "copy_in_stack", payload_bytes=4096).text)
    siw · copy_in_stack · 6.12+v3: delivered
    caller: 1 call → sendmsg acts: copies 20 bytes → skb: 1 skb, 3 frags → wire: 1 segment → ACK: drops 3 refs
    header: slab object, 16 bytes, copied into a page fragment
    payload: page, 4,096 bytes, by reference
    trailer: slab object, 4 bytes, copied into a page fragment
    """
    shape = pick_caller(caller)

    def look(w) -> tuple[list[Span], list, list[Skb]]:
        pieces, position = [], 0
        for piece in w.piece[: w.plan[0].pieces]:
            owner = PAYLOAD_OWNERS[piece.owner]
            kind = "page_cache" if owner in ("page", "page_then_slab") else owner  # as queues call it
            pieces.append(Span(position, int(piece.size_bytes), int(piece.address), kind, ROLES[piece.role]))
            position += pieces[-1].size_bytes
        return pieces, look_at_log(w), look_at_queue(w, w.plan[0].first_byte)

    tally = run(shape, alternative, profile, look=look, ack_delay=1, **options)
    within("messages", int(options.get("messages", 1)), 1, 1)
    return Trace(f"{getattr(shape, 'caller', shape).key} · {alternative} · {profile}", *tally.seen, tally)
