"""The fragments of an skb: 17 slots, each showing a part of a page, or of a slab object in the what-ifs.

Source: Linux 6.12 net/core/skbuff.c: skb_append_pagefrags; include/linux/skbuff.h: skb_can_coalesce.
"""

from splicelab._jit import jit
from splicelab.kernel.copy import copy_bytes
from splicelab.kernel.frag import V3_CPU0, alloc_skb_frag
from splicelab.kernel.memory import put_page, queue_ref, queue_unref, unsigned
from splicelab.kernel.slab import hide_object, show_object
from splicelab.kernel.world import COPY, COPY_ON_REF, MAX_SKB_FRAGS, NONE, PAGE_SIZE, log

NO_OBJECT = 0


@jit(forceinline=True)
def can_coalesce(w, index, page, offset):
    """Return whether bytes at (page, offset) continue the last fragment: same page, no gap, no zerocopy skb."""
    skb = w.skb[unsigned(index)]
    if skb.nr_frags == 0:
        return False
    last = w.frag[unsigned(index), unsigned(skb.nr_frags - 1)]
    if last.page != page or last.offset + last.size_bytes != offset:
        return False
    return last.object == 0 and skb.uarg == 0


@jit(forceinline=True)
def append_frag(w, index, page, offset, size_bytes, slab_object):
    """Attach bytes to an skb: a longer last fragment, or a new one. Return False when all 17 slots are taken.

    Bytes of a slab object have no page reference, only the callback that the object's owner waits for.
    """
    skb = w.skb[unsigned(index)]
    if slab_object == 0 and can_coalesce(w, index, page, offset):
        w.frag[unsigned(index), unsigned(skb.nr_frags - 1)].size_bytes += size_bytes
        return True
    slot = skb.nr_frags
    if slot >= MAX_SKB_FRAGS:
        return False
    if slab_object != 0:
        show_object(w, slab_object)
    else:
        queue_ref(w, page)
    frag = w.frag[unsigned(index), unsigned(slot)]
    frag.page, frag.offset, frag.size_bytes, frag.object = page, offset, size_bytes, slab_object
    skb.nr_frags = slot + 1
    w.tally[0].frag_slots += 1
    return True


@jit
def move_frag(target, frag, skipped_bytes, size_bytes):
    """Let another slot show a part of what a fragment shows."""
    target.page, target.offset, target.size_bytes = frag.page, frag.offset + skipped_bytes, size_bytes
    target.object = frag.object


@jit(forceinline=True)
def show_frag(w, frag):
    """Take the reference of a slot: on the page, or on the object."""
    if frag.object != 0:
        show_object(w, frag.object)
    else:
        queue_ref(w, frag.page)


@jit(forceinline=True)
def put_frag(w, frag):
    """Drop the reference of a slot."""
    if frag.object != 0:
        hide_object(w, frag.object)
    else:
        queue_unref(w, frag.page)


@jit
def share_frag(w, frag, seq):
    """Take one more reference on what a fragment shows; under COPY_ON_REF, that is the moment to copy."""
    if w.sock[0].slab_rule == COPY_ON_REF:
        copy_out(w, frag, seq)
    show_frag(w, frag)


@jit
def copy_to_frag(w, address, size_bytes, seq):
    """Copy bytes into a piece of the CPU's folio; its reference must be put. NONE if no memory is left."""
    fragment = alloc_skb_frag(w, V3_CPU0, size_bytes)
    if fragment != NONE:
        if w.moves_bytes != 0:
            copy_bytes(w.arena, fragment, w.arena, address, size_bytes)
        log(w, COPY, seq, fragment, size_bytes)
        tally = w.tally[0]
        tally.copies += 1
        tally.copied_bytes += size_bytes
        tally.frag_allocs += 1
        tally.frag_frees += 1
    return fragment


@jit
def copy_out(w, frag, seq):
    """Make a fragment that shows a slab object point at a copy of its own."""
    if frag.object != 0:
        fragment = copy_to_frag(w, frag.page * PAGE_SIZE + frag.offset, frag.size_bytes, seq)
        if fragment != NONE:
            hide_object(w, frag.object)
            frag.page, frag.offset, frag.object = fragment // PAGE_SIZE, fragment % PAGE_SIZE, 0
            queue_ref(w, frag.page)
            put_page(w, frag.page)


@jit
def copy_out_all(w, index):
    """Replace the slab objects that an skb shows: a local receiver, or segmentation in software, keeps what it gets."""
    for slot in range(w.skb[index].nr_frags):
        copy_out(w, w.frag[index, slot], w.skb[index].seq)
