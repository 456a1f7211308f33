"""The wire: reads an skb's bytes at the moment of transmission, and the receiver compares them with what was meant."""

from splicelab._jit import jit
from splicelab.kernel.copy import copy_bytes
from splicelab.kernel.memory import unsigned
from splicelab.kernel.world import PAGE_SIZE, WIRE_BYTES


@jit(inline="always")
def deliver(w, index):
    """Let the receiver take an skb; bytes that differ from what the caller meant to send are counted as corrupt."""
    skb = w.skb[unsigned(index)]
    skb.delivered = 1
    w.tally[0].received_bytes += skb.len
    if w.moves_bytes != 0:
        receive(w, index)


@jit
def receive(w, index):
    """Compare an skb's bytes with what was meant."""
    skb, tally = w.skb[index], w.tally[0]
    position = skb.seq
    for slot in range(skb.nr_frags):
        frag = w.frag[index, slot]
        source = frag.page * PAGE_SIZE + frag.offset
        left = frag.size_bytes
        while left > 0:
            start = position % WIRE_BYTES
            count = min(left, WIRE_BYTES - start)
            copy_bytes(w.received, start, w.arena, source, count)
            tally.corrupt_bytes += count_different(w.meant, w.received, start, count)
            position += count
            source += count
            left -= count


@jit
def count_different(first, second, start, count):
    """Return in how many of ``count`` bytes from ``start`` on two arrays differ."""
    different = 0
    for position in range(start, start + count):
        different += first[position] != second[position]
    return different
