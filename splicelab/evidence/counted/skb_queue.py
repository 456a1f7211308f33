"""What can be seen of a socket: the skbs of its queue, the fragments that they show, and what happened so far."""

from typing import NamedTuple

from splicelab.kernel.memory import KINDS
from splicelab.kernel.world import NONE, PAGE_SIZE

EVENT_NAMES = (
    *("call", "copy", "splice", "push", "transmit", "lose", "ack", "free"),
    *("kmalloc", "kfree", "frag_alloc", "frag_free", "rewrite", "uncork"),
)


class Frag(NamedTuple):
    """A fragment of an skb: its first byte in the message, where its bytes lie, and what kind of page that is."""

    position: int
    size_bytes: int
    address: int
    kind: str
    refcount: int


class Skb(NamedTuple):
    """An skb in the queue. ``position`` is that of its first byte in the message."""

    position: int
    size_bytes: int
    truesize: int
    frags: list[Frag]


def look_at_queue(w, first_byte: int) -> list[Skb]:
    """Return the skbs of the queue in order, also those that the receiver has not read; positions from first_byte."""
    skbs, index = [], w.sock[0].read_head
    while index != NONE:
        skb, frags = w.skb[index], []
        start = position = int(skb.seq - first_byte)
        for frag in w.frag[index, : skb.nr_frags]:
            head = w.page[w.page[frag.page].head]
            address = int(frag.page) * PAGE_SIZE + int(frag.offset)
            frags.append(Frag(position, int(frag.size_bytes), address, KINDS[head.kind], int(head.refcount)))
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
