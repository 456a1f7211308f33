"""How bytes get into an skb: copied into the page fragment, attached by reference, or pinned for MSG_ZEROCOPY.

Source: Linux 6.12 net/core/skbuff.c: skb_splice_from_iter; net/core/datagram.c: zerocopy_fill_skb_from_iter;
net/ipv4/tcp.c: tcp_sendmsg_locked. The slab branch is that of the unmerged v3 patch (netdev 2023-06-20, D. Howells).
"""

from splicelab._jit import jit
from splicelab.kernel import world
from splicelab.kernel.copy import copy_bytes
from splicelab.kernel.frag import skb_page_frag_refill
from splicelab.kernel.iov import iov_advance, iov_take
from splicelab.kernel.memory import SLAB, head_of, put_page, sendpage_ok, unsigned
from splicelab.kernel.skb import grow, queue_tail
from splicelab.kernel.skb_frag import NO_OBJECT, append_frag, can_coalesce, copy_to_frag
from splicelab.kernel.slab import object_at
from splicelab.kernel.world import NONE, PAGE_SIZE, log

SMALLEST_ROOM = 32
SPLICE_BATCH_PAGES = 8
UARG_MAX_BYTES = 1 << 19


@jit
def append_copy(w, index, size_bytes):
    """Copy bytes into the socket's page fragment and let the skb point at them."""
    if not skb_page_frag_refill(w, w.sock[0].frag_cache, SMALLEST_ROOM):
        return -world.ENOMEM
    cache, skb, tally = w.frag_cache[w.sock[0].frag_cache], w.skb[index], w.tally[0]
    if skb.nr_frags >= world.MAX_SKB_FRAGS and not can_coalesce(w, index, cache.page, cache.offset):
        return -world.EMSGSIZE
    count = min(size_bytes, cache.size_bytes - cache.offset)
    skb.pure_zerocopy = 0
    target = cache.page * PAGE_SIZE + cache.offset
    log(w, world.COPY, w.sock[0].write_seq, target, count)
    done = 0
    while done < count:
        source, part = iov_take(w, count - done, world.PAGES)
        if w.moves_bytes != 0:
            copy_bytes(w.arena, target + done, w.arena, source, part)
        done += part
    tally.copies += 1
    tally.copied_bytes += count
    append_frag(w, index, cache.page, cache.offset, count, NO_OBJECT)
    cache.offset += count
    grow(w, index, count, count)
    return count


@jit
def append_splice(w, index, size_bytes):
    """Attach pages of the message by reference; return the bytes attached, -EMSGSIZE or -EIO.

    On -world.EIO the message stays advanced by what was extracted: a caller must trust the return value alone.
    """
    skb, tally = w.skb[unsigned(index)], w.tally[0]
    skb.pure_zerocopy = 0
    spliced = error = 0
    while w.iov_left > 0 and spliced < size_bytes and error == 0:
        batch = min(max(world.MAX_SKB_FRAGS - skb.nr_frags, 1), SPLICE_BATCH_PAGES)
        address, left = iov_take(w, size_bytes - spliced, batch)
        while left > 0:
            part = min(left, PAGE_SIZE - address % PAGE_SIZE)
            error = attach_page(w, index, address, part, spliced)
            if error != 0:
                iov_advance(w, 0 if error == -world.EIO else -left)
                break
            address += part
            left -= part
            spliced += part
    tally.spliced_bytes += spliced
    tally.eio += error == -world.EIO
    grow(w, index, spliced, spliced)
    return spliced if spliced > 0 else error


@jit(forceinline=True)
def attach_page(w, index, address, size_bytes, spliced):
    """Attach bytes within one page by a reference on it, behind ``spliced`` others; return 0, -EMSGSIZE or -EIO."""
    page = address // PAGE_SIZE
    if w.page[head_of(w, page)].kind == SLAB:
        return attach_slab(w, index, address, size_bytes, w.sock[0].write_seq + spliced)
    if not sendpage_ok(w, page):
        return -world.EIO
    has_slot = append_frag(w, index, page, address % PAGE_SIZE, size_bytes, NO_OBJECT)
    w.tally[0].frag_appends += 1
    if not has_slot:
        return -world.EMSGSIZE
    log(w, world.SPLICE, w.sock[0].write_seq + spliced, address, size_bytes)
    return 0


@jit
def attach_slab(w, index, address, size_bytes, seq):
    """Refuse slab data, or copy it to a fragment where the v3 patch is applied.

    Under a what-if rule of the socket it is attached as it is, and its owner waits for a callback.
    """
    rule = w.sock[0].slab_rule
    if rule == world.BY_PROFILE and w.profile[0].copies_slab == 0:
        return -world.EIO
    if w.skb[index].nr_frags >= world.MAX_SKB_FRAGS:
        return -world.EMSGSIZE
    w.tally[0].frag_appends += 1
    if rule != world.BY_PROFILE:
        append_frag(w, index, address // PAGE_SIZE, address % PAGE_SIZE, size_bytes, object_at(w, address)[0])
        log(w, world.SPLICE, seq, address, size_bytes)
        return 0
    fragment = copy_to_frag(w, address, size_bytes, seq)
    if fragment == NONE:
        return -world.ENOMEM
    append_frag(w, index, fragment // PAGE_SIZE, fragment % PAGE_SIZE, size_bytes, NO_OBJECT)
    put_page(w, fragment // PAGE_SIZE)
    return 0


@jit(inline="always")
def pick_uarg(w):
    """Choose the notification of a zerocopy send: that of the tail skb is extended up to 512 KiB, else a new one.

    Source: Linux 6.12 net/core/skbuff.c: msg_zerocopy_realloc.
    """
    sk, tail = w.sock[0], queue_tail(w)
    if tail == NONE or w.skb[tail].uarg != sk.uarg or sk.uarg == 0 or sk.uarg_bytes + w.iov_left > UARG_MAX_BYTES:
        sk.uarg += 1
        sk.uarg_bytes = 0
    sk.uarg_bytes += w.iov_left


@jit
def append_zerocopy(w, index, size_bytes):
    """Pin user pages into an skb; each batch is charged in whole pages, and parts of one folio share a fragment."""
    skb, pinned = w.skb[index], 0
    if skb.len == 0:
        skb.pure_zerocopy = 1
    if skb.uarg != 0 and skb.uarg != w.sock[0].uarg:
        return -world.EMSGSIZE
    before, skb.uarg = skb.uarg, 0  # while it is filled, its fragments may grow
    while pinned < size_bytes and w.iov_left > 0 and skb.nr_frags < world.MAX_SKB_FRAGS:
        address, left = iov_take(w, size_bytes - pinned, world.MAX_SKB_FRAGS - skb.nr_frags)
        grow(w, index, left, (address % PAGE_SIZE + left + PAGE_SIZE - 1) & -PAGE_SIZE)
        pinned += left
        while left > 0:
            part = min(left, PAGE_SIZE - address % PAGE_SIZE)
            head = w.page[address // PAGE_SIZE].head
            append_frag(w, index, head, address - head * PAGE_SIZE, part, NO_OBJECT)
            address += part
            left -= part
    skb.uarg = w.sock[0].uarg if pinned > 0 else before
    return pinned if pinned > 0 else -world.EMSGSIZE
