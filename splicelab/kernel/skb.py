"""Socket buffers without linear data: splitting, growing, and the one list that a TCP socket keeps.

Source: Linux 6.12 net/core/skbuff.c: skb_split_no_header, skb_shift; net/ipv4/tcp.c: tcp_skb_entail.
"""

from splicelab._jit import jit
from splicelab.kernel.memory import unsigned
from splicelab.kernel.skb_frag import can_coalesce, move_frag, put_frag, share_frag
from splicelab.kernel.world import FREE, MAX_SKB_FRAGS, NAGLE_PUSH, NONE, log


@jit
def alloc_skb(w, before):
    """Return a new empty skb behind another one of the list, or NONE when the pool is empty (an error of the run)."""
    index, sk = w.free_skb, w.sock[0]
    if index == NONE:
        w.tally[0].exhausted += 1
        return NONE
    skb = w.skb[unsigned(index)]
    w.free_skb = skb.next
    skb.seq, skb.len, skb.truesize = sk.write_seq, 0, 0
    skb.nr_frags = skb.gso_segs = skb.gso_size = skb.acked_bytes = 0
    skb.uarg = skb.pure_zerocopy = skb.eor = skb.psh = skb.delivered = 0
    grow(w, index, 0, w.profile[0].empty_skb_truesize)
    skb.prev = before
    skb.next = w.skb[unsigned(before)].next if before != NONE else NONE
    if before != NONE:
        w.skb[unsigned(before)].next = index
    if skb.next != NONE:
        w.skb[unsigned(skb.next)].prev = index
    else:
        sk.tail = index
    return index


@jit
def grow(w, index, size_bytes, truesize_bytes):
    """Account for data that was put into an skb, in the skb and in the socket's write memory."""
    skb, sk, tally = w.skb[unsigned(index)], w.sock[0], w.tally[0]
    skb.len += size_bytes
    skb.truesize += truesize_bytes
    sk.wmem_queued += truesize_bytes
    tally.truesize_peak = max(tally.truesize_peak, sk.wmem_queued)


@jit
def free_skb(w, index):
    """Take an skb out of the list, drop all its references and return it to the pool.

    Every marker of the list that stood on it moves to the next one.
    """
    skb, sk = w.skb[unsigned(index)], w.sock[0]
    for slot in range(skb.nr_frags):
        put_frag(w, w.frag[unsigned(index), unsigned(slot)])
    log(w, FREE, index, skb.seq, skb.len)
    sk.wmem_queued -= skb.truesize
    if skb.prev != NONE:
        w.skb[unsigned(skb.prev)].next = skb.next
    if skb.next != NONE:
        w.skb[unsigned(skb.next)].prev = skb.prev
    sk.tail = skb.prev if sk.tail == index else sk.tail
    sk.send_head = skb.next if sk.send_head == index else sk.send_head
    sk.una_head = skb.next if sk.una_head == index else sk.una_head
    sk.read_head = skb.next if sk.read_head == index else sk.read_head
    skb.next = w.free_skb
    w.free_skb = index


@jit(inline="always")
def queue_tail(w):
    """Return the last unsent skb, or NONE: what was sent cannot be appended to."""
    sk = w.sock[0]
    return sk.tail if sk.send_head != NONE else NONE


@jit(inline="always")
def entail(w):
    """Begin a new skb at the end of the write queue, or return NONE."""
    sk = w.sock[0]
    index = alloc_skb(w, sk.tail)
    if index == NONE:
        return NONE
    sk.send_head = index if sk.send_head == NONE else sk.send_head
    sk.una_head = index if sk.una_head == NONE else sk.una_head
    sk.read_head = index if sk.read_head == NONE else sk.read_head
    sk.nonagle &= ~NAGLE_PUSH
    w.tally[0].stream_alloc += 1
    return index


@jit
def split_skb(w, index, length):
    """Cut an unsent skb after ``length`` bytes; return False if there is no skb for the rest."""
    rest_index = alloc_skb(w, index)
    if rest_index == NONE:
        return False
    skb, rest = w.skb[index], w.skb[rest_index]
    nr_frags, skb.nr_frags, position = skb.nr_frags, 0, 0
    for slot in range(nr_frags):
        frag = w.frag[index, slot]
        kept = min(max(length - position, 0), frag.size_bytes)
        position += frag.size_bytes
        if kept < frag.size_bytes:
            if kept > 0:
                share_frag(w, frag, skb.seq)
            move_frag(w.frag[rest_index, rest.nr_frags], frag, kept, frag.size_bytes - kept)
            rest.nr_frags += 1
            frag.size_bytes = kept
        if kept > 0:
            skb.nr_frags += 1
    rest.seq = skb.seq + length
    rest.len, skb.len = skb.len - length, length
    rest.truesize += rest.len
    skb.truesize -= rest.len
    rest.uarg, rest.pure_zerocopy, rest.eor, rest.psh = skb.uarg, skb.pure_zerocopy, skb.eor, skb.psh
    skb.eor = skb.psh = 0
    return True


@jit
def shift_frags(w, index, size_bytes):
    """Move ``size_bytes`` from the front of the next skb to the end of this one: all of them, or none (returns 0)."""
    skb, source_index = w.skb[index], w.skb[index].next
    source, first = w.skb[source_index], w.frag[source_index, 0]
    if skb.uarg != 0 or source.uarg != 0:
        return 0
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
        if frag.size_bytes > left:
            share_frag(w, frag, source.seq)
        move_frag(w.frag[index, slots], frag, 0, min(frag.size_bytes, left))
        slots += 1
        if frag.size_bytes > left:
            frag.offset += left
            frag.size_bytes -= left
            break
        left -= frag.size_bytes
        taken += 1
    if merges:
        w.frag[index, skb.nr_frags - 1].size_bytes += first.size_bytes
        put_frag(w, first)
    skb.nr_frags = slots
    source.nr_frags -= taken
    for slot in range(source.nr_frags):
        later = w.frag[source_index, slot + taken]
        move_frag(w.frag[source_index, slot], later, 0, later.size_bytes)
    return size_bytes


@jit
def grow_from_next(w, index, missing_bytes):
    """Fill an unsent skb from the one behind it, which there is (Linux 6.12 net/ipv4/tcp_output.c: tcp_grow_skb)."""
    skb = w.skb[index]
    if skb.eor != 0:
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
        free_skb(w, skb.next)
