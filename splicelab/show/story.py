"""What a Trace tells: whose memory each piece lies in, how it gets into an skb, and who keeps it until when."""

from typing import NamedTuple

from splicelab.evidence.counted.message import Trace
from splicelab.evidence.counted.run import outcome
from splicelab.show.style import OWNERS

PAGES_SHOWN = 2
UNSENT = ("refused (-EIO)", "not sent")
MEMORY = {"page": "page_cache"}  # where the model's word for an owner is not the key of its style


class Column(NamedTuple):
    """A piece of the message, or several pages drawn as one; ``memory`` and ``held`` are keys of OWNERS.

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


def calls(trace: Trace) -> list[Span]:
    """Return the send calls."""
    made = [event for event in trace.events if event.name == "call"]
    return [Span(event.second - made[0].second, event.third) for event in made]


def frags(trace: Trace) -> list[Span]:
    """Return the frags of all skbs."""
    return [
        Span(frag.position, frag.size_bytes, frag.kind, number, frag.address)
        for number, skb in enumerate(trace.skbs)
        for frag in skb.frags
    ]


def columns(trace: Trace) -> list[Column]:
    """Return the pieces of the message in order; of a long payload the first pages, and the rest as one."""
    held, told, position = frags(trace), [], 0
    seen = {(event.name, event.first) for event in trace.events[: trace.looked_at]}
    for piece in trace.pieces:
        frag = next((f for f in held if 0 <= position - f.position < f.size_bytes), None)
        if frag is None:
            way = UNSENT[bool(told) and told[-1].way in UNSENT]
        else:
            way = "by reference" if frag.address - frag.position == piece.address - position else "copied"
        cut = ("frag_alloc", piece.address) in seen
        memory = "page_frag" if cut else MEMORY.get(piece.owner, piece.owner)
        end = "kfree" if ("kfree", piece.address) in seen else "own reference put"
        end = "rewritten" if ("rewrite", piece.address) in seen else end
        if way == "by reference" and memory == "slab" and end == "own reference put":
            end = "kfree by callback"
        end = "kept" if piece.role == "payload" else end
        told.append(Column(piece.role, memory, piece.size_bytes, position, way, frag.memory if frag else "", end))
        position += piece.size_bytes
    return _shortened(told)


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


def merged(spans: list[Span], told: list[Column]) -> list[Span]:
    """Return the spans; those of one kind within the column of the pages that are not shown become one."""
    hidden = next((column for column in told if column.label[0] == "…"), None)
    shown: list[Span] = []
    for span in spans:
        last = shown[-1] if shown else span
        inside = hidden and hidden.position <= last.position < span.position < hidden.position + hidden.size_bytes
        if inside and (last.memory, last.skb) == (span.memory, span.skb):
            shown[-1] = last._replace(size_bytes=last.size_bytes + span.size_bytes, count=last.count + 1)
        else:
            shown.append(span)
    return shown


def counted(number: int, noun: str) -> str:
    """Return ``1 frag``, ``2 frags``."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def acting(trace: Trace) -> str:
    """Return the place that deals with what cannot be attached: caller, helper, sendmsg or ACK; "" for nobody."""
    cut = {event.first for event in trace.events[: trace.looked_at] if event.name == "frag_alloc"}
    if cut or trace.tally.sends > 1:
        return "helper" if cut and not cut & {piece.address for piece in trace.pieces} else "caller"
    if any(column.end == "kfree by callback" for column in columns(trace)):
        return "ACK"
    return "sendmsg" if trace.tally.copied_bytes or trace.tally.eio else ""


def places(trace: Trace) -> dict[str, str]:
    """Return in words what happens at each place of the call path; no words where there is nothing."""
    tally, acts = trace.tally, acting(trace)
    called = next(place for place, event in enumerate(trace.events) if event.name == "call")
    helped = sum(event.third for event in trace.events[:called] if event.name == "copy")
    parts = (helped, tally.copied_bytes - helped)
    copies = [f"copies {counted(part, 'byte')}" if part else "copies nothing" for part in parts]
    cut = counted(sum(event.name == "frag_alloc" for event in trace.events[: trace.looked_at]), "fragment")
    builds = cut[0] != "0"
    objects = sum(column.end == "kfree by callback" for column in columns(trace))
    refs = counted(tally.frag_slots - objects, "ref")
    return {
        "caller": f"builds {cut}" if acts == "caller" and builds else counted(tally.sends, "call"),
        "helper": copies[0] if acts == "helper" else "",
        "sendmsg": "refuses slab" if tally.eio else copies[1],
        "skb": f"{len(trace.skbs)} skb, {counted(tally.frag_slots, 'frag')}",
        "wire": "lost, sent again" if tally.retransmits else counted(tally.segments, "segment"),
        "ACK": f"{refs}, {counted(objects, 'callback')}" if objects else f"drops {refs}",
    }


def story(trace: Trace) -> str:
    """Return in words what the microscope draws."""
    acts = acting(trace)
    path = [f"{name}{' acts' if name == acts else ''}: {words}" for name, words in places(trace).items() if words]
    lines = [f"{trace.name}: {outcome(trace.tally)}", " → ".join(path)]
    for column in columns(trace):
        way = f"copied into a {OWNERS[column.held].label}" if column.way == "copied" else column.way
        risk = ", its bytes may change before the ACK" if column.is_at_risk else ""
        lines.append(f"{column.label}: {OWNERS[column.memory].label}, {column.size_bytes:,} bytes, {way}{risk}")
    return "\n".join(lines)
