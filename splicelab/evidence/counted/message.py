"""Look at one message while it stands in the queue: its pieces, what happened to them, and the skbs that hold them."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from splicelab.callers import Caller
from splicelab.evidence.counted.broken import times
from splicelab.evidence.counted.run import pick_caller, run
from splicelab.evidence.counted.skb_queue import Skb, look_at_queue
from splicelab.evidence.counted.tally import Tally
from splicelab.kernel.message import PAYLOAD_OWNERS, ROLES
from splicelab.result import Result

EVENT_NAMES = (
    *("call", "copy", "splice", "push", "transmit", "lose", "ack", "free"),
    *("kmalloc", "kfree", "frag_alloc", "frag_free", "rewrite", "uncork"),
)
PAGES_SHOWN = 2
UNSENT = ("refused (-EIO)", "not sent")


class Piece(NamedTuple):
    """A piece of the message: its role, who owns its memory, and where it was built."""

    role: str
    owner: str
    address: int
    size_bytes: int

    @property
    def memory(self) -> str:
        """The owner by the name that queues have for it: pages that a caller sends lie in the page cache."""
        return "page_cache" if self.owner in ("page", "page_then_slab") else self.owner


class Event(NamedTuple):
    """Something that happened, in order; what its three numbers mean depends on the name.

    call (flags, stream position, bytes) · copy, splice (position, address, bytes) · push (flags, position, -) ·
    transmit, lose, free (skb, position, bytes) · ack (position, -, -) · kmalloc, frag_alloc (address, bytes, -) ·
    kfree, frag_free (address, -, -) · rewrite (address, bytes, piece) · uncork (-, position, -).
    """

    name: str
    first: int
    second: int
    third: int


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


class Span(NamedTuple):
    """Bytes of the message that one call, or one frag (of what memory, in which skb), covers; or ``count`` of these."""

    position: int
    size_bytes: int
    memory: str = ""
    skb: int = 0
    address: int = 0
    count: int = 1


@dataclass(frozen=True, repr=False)
class Trace(Result):
    """One message: pieces, what happened until its queue was looked at, the skbs there, and the counters.

    ``name`` says which caller, alternative and kernel it is.
    """

    name: str
    pieces: list[Piece]
    events: list[Event]
    skbs: list[Skb]
    tally: Tally

    @property
    def table(self) -> pd.DataFrame:
        """A row for each piece: whose memory it lies in, how it gets into an skb, what becomes of it."""
        return pd.DataFrame(self.columns).set_index("label")

    @cached_property
    def calls(self) -> list[Span]:
        """The send calls."""
        made = [event for event in self.events if event.name == "call"]
        return [Span(event.second - made[0].second, event.third) for event in made]

    @cached_property
    def frags(self) -> list[Span]:
        """The frags of all skbs."""
        return [
            Span(frag.position, frag.size_bytes, frag.kind, number, frag.address)
            for number, skb in enumerate(self.skbs)
            for frag in skb.frags
        ]

    @cached_property
    def columns(self) -> list[Column]:
        """The pieces of the message in order; of a long payload the first pages, and the rest as one."""
        told, position = [], 0
        seen = {(event.name, event.first) for event in self.events}
        for piece in self.pieces:
            frag = next((f for f in self.frags if 0 <= position - f.position < f.size_bytes), None)
            if frag is None:
                way = UNSENT[bool(told) and told[-1].way in UNSENT]
            else:
                way = "by reference" if frag.address - frag.position == piece.address - position else "copied"
            memory = "page_frag" if ("frag_alloc", piece.address) in seen else piece.memory
            end = "kfree" if ("kfree", piece.address) in seen else "own reference put"
            end = "rewritten" if ("rewrite", piece.address) in seen else end
            if way == "by reference" and memory == "slab" and end == "own reference put":
                end = "kfree by callback"
            end = "kept" if piece.role == "payload" else end
            told.append(Column(piece.role, memory, piece.size_bytes, position, way, frag.memory if frag else "", end))
            position += piece.size_bytes
        return _shortened(told)

    def merged(self, spans: list[Span]) -> list[Span]:
        """Return the spans; those of one kind within the column of the pages that are not shown become one."""
        hidden = next((column for column in self.columns if column.label[0] == "…"), None)
        shown: list[Span] = []
        for span in spans:
            last = shown[-1] if shown else span
            inside = hidden and hidden.position <= last.position < span.position < hidden.position + hidden.size_bytes
            if inside and (last.memory, last.skb) == (span.memory, span.skb):
                shown[-1] = last._replace(size_bytes=last.size_bytes + span.size_bytes, count=last.count + 1)
            else:
                shown.append(span)
        return shown

    @cached_property
    def acting(self) -> str:
        """The place that deals with what cannot be attached: caller, helper, sendmsg or ACK; "" for nobody."""
        cut = {event.first for event in self.events if event.name == "frag_alloc"}
        if cut or self.tally.sends > 1:
            return "helper" if cut and not cut & {piece.address for piece in self.pieces} else "caller"
        if any(column.end == "kfree by callback" for column in self.columns):
            return "ACK"
        return "sendmsg" if self.tally.copied_bytes or self.tally.eio else ""

    @property
    def places(self) -> dict[str, str]:
        """In words what happens at each place of the call path; no words where there is nothing."""
        tally, names = self.tally, [event.name for event in self.events]
        helped = sum(event.third for event in self.events[: names.index("call")] if event.name == "copy")
        parts = (helped, tally.copied_bytes - helped)
        copies = [f"copies {times(part, 'byte')}" if part else "copies nothing" for part in parts]
        cut = names.count("frag_alloc")
        objects = sum(column.end == "kfree by callback" for column in self.columns)
        refs = times(tally.frag_slots - objects, "ref")
        return {
            "caller": f"builds {times(cut, 'fragment')}"
            if cut and self.acting == "caller"
            else times(tally.sends, "call"),
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
    payload: page cache, 4,096 bytes, by reference
    trailer: slab object, 4 bytes, copied into a page fragment
    """
    seen, shape = [], pick_caller(caller)

    def look(w):
        pieces = (w.piece[place] for place in range(w.plan[0].pieces))
        seen.append([Piece(ROLES[p.role], PAYLOAD_OWNERS[p.owner], int(p.address), int(p.size_bytes)) for p in pieces])
        seen.append([Event(EVENT_NAMES[kind], *rest) for kind, *rest in w.event[: w.events].tolist()])
        seen.append(look_at_queue(w, w.plan[0].first_byte))

    tally = run(shape, alternative, profile, look=look, ack_delay=1, **options)
    return Trace(f"{shape.key} · {alternative} · {profile}", *seen, tally)
