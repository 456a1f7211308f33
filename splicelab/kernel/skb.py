"""Socket buffers without linear data: fragments, coalescing, splitting, and the one list that a TCP socket keeps.

Source: Linux 6.12 net/core/skbuff.c: skb_append_pagefrags, skb_split_no_header, skb_shift;
include/linux/skbuff.h: skb_can_coalesce; net/ipv4/tcp.c: tcp_skb_entail, tcp_remove_empty_skb.
"""

from splicelab._jit import jit
from splicelab.kernel.memory import queue_ref, queue_unref
from splicelab.kernel.world import FREE, MAX_SKB_FRAGS, NAGLE_PUSH, NONE, log


@jit
def alloc_skb(w):
    """Return a new empty skb, charged to the socket, or NONE when the model's pool is empty (an error of the run)."""
    index = w.free_skb
    tally = w.tally[0]
    if index == NONE:
        tally.exhausted += 1
        return NONE
    skb = w.skb[index]
    w.free_skb = skb.next
    skb.seq = skb.len = skb.nr_frags = skb.gso_segs = skb.gso_size = skb.acked_bytes = 0
    skb.uarg = skb.pure_zerocopy = skb.eor = skb.psh = skb.delivered = 0
    skb.truesize = w.profile[0].empty_skb_truesize
    skb.next = skb.prev = NONE
    charge(w, skb.truesize)
    return index


@jit
def charge(w, size_bytes):
    """Charge bytes to the socket's write memory and keep the peak."""
    sk = w.sock[0]
    tally = w.tally[0]
    sk.wmem_queued += size_bytes
    tally.truesize_peak = max(tally.truesize_peak, sk.wmem_queued)


@jit
def free_skb(w, index):
    """Drop all references of an skb and return it to the pool."""
    skb = w.skb[index]
    for slot in range(skb.nr_frags):
        queue_unref(w, w.frag[index, slot].page)
    log(w, FREE, index, skb.seq, skb.len)
    w.sock[0].wmem_queued -= skb.truesize
    skb.next = w.free_skb
    w.free_skb = index


@jit
def queue_tail(w):
    """Return the last unsent skb, or NONE: what was sent cannot be appended to."""
    sk = w.sock[0]
    return sk.tail if sk.send_head != NONE else NONE


@jit
def entail(w):
    """Begin a new skb at the end of the write queue."""
    index = alloc_skb(w)
    if index == NONE:
        return NONE
    sk = w.sock[0]
    skb = w.skb[index]
    skb.seq = sk.write_seq
    insert_after(w, sk.tail, index)
    if sk.send_head == NONE:
        sk.send_head = index
    if sk.una_head == NONE:
        sk.una_head = index
    if sk.read_head == NONE:
        sk.read_head = index
    sk.nonagle &= ~NAGLE_PUSH
    w.tally[0].stream_alloc += 1
    return index


@jit
def insert_after(w, before, index):
    """Link an skb behind another one, or as the first of an empty list."""
    sk = w.sock[0]
    skb = w.skb[index]
    skb.prev = before
    if before == NONE:
        skb.next = NONE
    else:
        skb.next = w.skb[before].next
        w.skb[before].next = index
    if skb.next != NONE:
        w.skb[skb.next].prev = index
    else:
        sk.tail = index


@jit
def unlink(w, index):
    """Take an skb out of the socket's list; every marker that stood on it moves to the next one."""
    sk = w.sock[0]
    skb = w.skb[index]
    if skb.prev != NONE:
        w.skb[skb.prev].next = skb.next
    if skb.next != NONE:
        w.skb[skb.next].prev = skb.prev
    if sk.tail == index:
        sk.tail = skb.prev
    if sk.send_head == index:
        sk.send_head = skb.next
    if sk.una_head == index:
        sk.una_head = skb.next
    if sk.read_head == index:
        sk.read_head = skb.next


@jit
def remove_empty_tail(w):
    """Drop the last skb if nothing was put into it (a send failed right after it was begun)."""
    index = queue_tail(w)
    if index != NONE and w.skb[index].len == 0:
        unlink(w, index)
        free_skb(w, index)


@jit
def can_coalesce(w, index, page, offset):
    """Return whether bytes at (page, offset) continue the last fragment: same page, no gap, no zerocopy skb."""
    skb = w.skb[index]
    if skb.nr_frags == 0 or skb.uarg != 0:
        return False
    last = w.frag[index, skb.nr_frags - 1]
    return last.page == page and last.offset + last.size_bytes == offset


@jit
def add_frag(w, index, page, offset, size_bytes):
    """Put a new fragment into a free slot and take its reference."""
    skb = w.skb[index]
    frag = w.frag[index, skb.nr_frags]
    frag.page, frag.offset, frag.size_bytes = page, offset, size_bytes
    skb.nr_frags += 1
    w.tally[0].frag_slots += 1
    queue_ref(w, page)


@jit
def append_frag(w, index, page, offset, size_bytes):
    """Attach bytes to an skb: longer last fragment, or a new one. Return False when all 17 slots are taken."""
    skb = w.skb[index]
    if can_coalesce(w, index, page, offset):
        w.frag[index, skb.nr_frags - 1].size_bytes += size_bytes
        return True
    if skb.nr_frags >= MAX_SKB_FRAGS:
        return False
    add_frag(w, index, page, offset, size_bytes)
    return True


@jit
def split_skb(w, index, length):
    """Cut an unsent skb after ``length`` bytes; the rest becomes a new skb right behind it. Return the new one."""
    rest_index = alloc_skb(w)
    if rest_index == NONE:
        return NONE
    skb, rest = w.skb[index], w.skb[rest_index]
    nr_frags, skb.nr_frags = skb.nr_frags, 0
    position = 0
    for slot in range(nr_frags):
        frag = w.frag[index, slot]
        end = position + frag.size_bytes
        if end > length:
            moved = w.frag[rest_index, rest.nr_frags]
            moved.page, moved.offset, moved.size_bytes = frag.page, frag.offset, frag.size_bytes
            if position < length:
                kept = length - position
                queue_ref(w, frag.page)
                moved.offset += kept
                moved.size_bytes -= kept
                frag.size_bytes = kept
                skb.nr_frags += 1
            rest.nr_frags += 1
        else:
            skb.nr_frags += 1
        position = end
    rest.seq = skb.seq + length
    rest.len = skb.len - length
    rest.truesize += rest.len
    skb.len = length
    skb.truesize -= rest.len
    rest.uarg, rest.pure_zerocopy, rest.eor, rest.psh = skb.uarg, skb.pure_zerocopy, skb.eor, skb.psh
    skb.eor = skb.psh = 0
    insert_after(w, index, rest_index)
    return rest_index


@jit
def shift_frags(w, index, size_bytes):
    """Move ``size_bytes`` from the front of the next skb to the end of this one: all of them, or none (returns 0)."""
    skb = w.skb[index]
    source_index = skb.next
    source = w.skb[source_index]
    if skb.uarg != 0 or source.uarg != 0:
        return 0
    first = w.frag[source_index, 0]
    merges = can_coalesce(w, index, first.page, first.offset)
    slots = skb.nr_frags
    if merges and first.size_bytes > size_bytes:
        w.frag[index, slots - 1].size_bytes += size_bytes
        first.offset += size_bytes
        first.size_bytes -= size_bytes
        return size_bytes
    taken = 1 if merges else 0
    left = size_bytes - first.size_bytes if merges else size_bytes
    if size_bytes == source.len and source.nr_frags - taken > MAX_SKB_FRAGS - slots:
        return 0
    while left > 0:
        if slots == MAX_SKB_FRAGS:
            return 0
        frag = w.frag[source_index, taken]
        target = w.frag[index, slots]
        target.page, target.offset, target.size_bytes = frag.page, frag.offset, min(frag.size_bytes, left)
        slots += 1
        if frag.size_bytes > left:
            queue_ref(w, frag.page)
            frag.offset += left
            frag.size_bytes -= left
            break
        left -= frag.size_bytes
        taken += 1
    if merges:
        w.frag[index, skb.nr_frags - 1].size_bytes += first.size_bytes
        queue_unref(w, first.page)
    skb.nr_frags = slots
    kept = source.nr_frags - taken
    for slot in range(kept):
        frag, later = w.frag[source_index, slot], w.frag[source_index, slot + taken]
        frag.page, frag.offset, frag.size_bytes = later.page, later.offset, later.size_bytes
    source.nr_frags = kept
    return size_bytes


@jit
def grow_skb(w, index, missing_bytes):
    """Fill an unsent skb from the one behind it (Linux 6.12 net/ipv4/tcp_output.c: tcp_grow_skb)."""
    skb = w.skb[index]
    if skb.next == NONE or skb.eor != 0:
        return
    source = w.skb[skb.next]
    if source.len == 0 or source.pure_zerocopy != skb.pure_zerocopy:
        return
    moved = shift_frags(w, index, min(missing_bytes, source.len))
    skb.len += moved
    skb.truesize += moved
    source.len -= moved
    source.truesize -= moved
    source.seq += moved
    if source.len == 0:
        skb.eor = source.eor
        skb.psh |= source.psh
        eaten = skb.next
        unlink(w, eaten)
        free_skb(w, eaten)
