"""One message of a caller: pieces with an owner, built in memory, sent in one call or in the caller's own, released."""

from splicelab._jit import jit
from splicelab.kernel import memory
from splicelab.kernel.copy import copy_bytes
from splicelab.kernel.frag import frag_free, frag_or_block, page_frag_alloc
from splicelab.kernel.iov import iov_add, iov_begin
from splicelab.kernel.memory import SLAB, alloc_block, head_of, put_page
from splicelab.kernel.slab import CLASSES, alloc_mixed, kfree, kmalloc
from splicelab.kernel.tcp import sendmsg
from splicelab.kernel.world import COPY, IN_FLIGHT_MAX, MSG_SPLICE_PAGES, NONE, OBJECT_GRAIN, PAGE_SIZE, REWRITE, log

OWNERS = ("slab", "large_kmalloc", "stack", "static", "page_frag", "page")
PAYLOAD_OWNERS = (*OWNERS, "page_then_slab")  # a payload may be a range of pages that are not alike
OWN_SLAB, OWN_LARGE, OWN_STACK, OWN_STATIC, OWN_FRAG, OWN_PAGE, OWN_MIXED = range(len(PAYLOAD_OWNERS))
OWN_KINDS = (SLAB, memory.LARGE_KMALLOC, memory.STACK, memory.STATIC, memory.FRAGMENT, memory.PAGE_CACHE)
ROLES = ("header", "head", "payload", "trailer", "pad")  # pad: where padding is a call of its own
HEADER, HEAD, PAYLOAD, TRAILER, PAD = range(len(ROLES))
FATES = ("freed", "rewritten", "kept")
FREED, REWRITTEN, KEPT = range(len(FATES))


@jit
def content(message, place, position):
    """Return the byte that stands at a position of a piece: no two neighbours, pieces or messages look alike."""
    return (message * 37 + place * 101 + position * 13 + 1) & 0xFF


@jit
def alloc_owned(w, owner, size_bytes):
    """Return memory for a piece as its owner gets it; pages, and fragments above one, are a block that holds it all.

    A small piece in large kmalloc is the start of a larger object: what kmalloc gives up to 8192 bytes is slab.
    """
    if owner in (OWN_SLAB, OWN_LARGE):
        return kmalloc(w, size_bytes if owner == OWN_SLAB else max(size_bytes, CLASSES[-1] + 1))
    if owner == OWN_MIXED:
        return alloc_mixed(w, size_bytes)
    w.tally[0].frag_allocs += owner == OWN_FRAG
    if owner == OWN_FRAG and size_bytes <= PAGE_SIZE:
        return page_frag_alloc(w, size_bytes)
    return alloc_block(w, size_bytes, OWN_KINDS[owner])


@jit
def free_owned(w, address):
    """Give memory back as its owner does: kfree, or put the reference of its page."""
    kind = w.page[head_of(w, address // PAGE_SIZE)].kind
    if kind in (SLAB, memory.LARGE_KMALLOC):
        kfree(w, address)
    else:
        w.tally[0].frag_frees += kind == memory.FRAGMENT
        put_page(w, address // PAGE_SIZE)


@jit(inline="never")
def write_piece(w, place, message):
    """Write a message's bytes into a piece, where this run moves bytes at all."""
    if w.moves_bytes != 0:
        for position in range(w.piece[place].size_bytes):
            w.arena[w.piece[place].address + position] = content(message, place, position)


@jit(inline="always")
def stands(piece):
    """Return whether a piece is payload that nobody touches: the same bytes in every message."""
    return piece.role == PAYLOAD and piece.fate == KEPT


@jit(forceinline=True)
def build(w, place):
    """Build a piece in the caller's own memory: fresh memory if it is freed after the send, else the same again."""
    piece = w.piece[place]
    if stands(piece):
        return
    if piece.fate == REWRITTEN:
        piece.address = piece.kept_address
        log(w, REWRITE, piece.address, piece.size_bytes, place)
    else:
        piece.address = alloc_owned(w, piece.owner, piece.size_bytes)
    write_piece(w, place, w.plan[0].messages)


@jit(forceinline=True)
def release(w, place):
    """Do what the caller does with its piece once the send has returned: free it, or keep it until the ACK."""
    piece = w.piece[place]
    if stands(piece) or piece.fate == REWRITTEN:
        return
    if piece.fate == KEPT:
        w.kept[w.plan[0].messages % IN_FLIGHT_MAX, piece.role] = piece.address
    else:
        free_owned(w, piece.address)


@jit
def build_fresh(w, place):
    """Build a piece in kmalloc memory of its own, which nobody writes again before its callback has freed it."""
    piece = w.piece[place]
    if piece.owner in (OWN_SLAB, OWN_LARGE) and not stands(piece):
        piece.address = alloc_owned(w, piece.owner, piece.size_bytes)
        write_piece(w, place, w.plan[0].messages)
    else:
        build(w, place)


@jit
def release_fresh(w, place):
    """Leave a piece that the queue shows to its callback; free it here if nothing was attached."""
    piece = w.piece[place]
    if piece.owner not in (OWN_SLAB, OWN_LARGE) or stands(piece):
        release(w, place)
    elif w.object_next[piece.address // OBJECT_GRAIN] == 0:
        kfree(w, piece.address)


@jit(forceinline=True)
def is_paged(w, place):
    """Return whether a piece lies in pages already, so that nobody has to move it."""
    piece = w.piece[place]
    return piece.role == PAYLOAD or piece.owner in (OWN_FRAG, OWN_PAGE)


@jit(forceinline=True)
def build_in_frag(w, place, allocator):
    """Build a piece in a page fragment from the start; what lies in pages already stays where it is."""
    if is_paged(w, place):
        build(w, place)
    else:
        w.piece[place].address = frag_or_block(w, allocator, w.piece[place].size_bytes)
        write_piece(w, place, w.plan[0].messages)


@jit(forceinline=True)
def release_frag(w, place, allocator):
    """Drop the caller's own reference of a piece that was built by build_in_frag."""
    if is_paged(w, place):
        release(w, place)
    else:
        frag_free(w, allocator, w.piece[place].address)


@jit
def add_copy(w, place, allocator):
    """Point the next entry at a fragment copy of a piece; return its address, for frag_free."""
    piece = w.piece[place]
    address = frag_or_block(w, allocator, piece.size_bytes)
    if w.moves_bytes != 0:
        copy_bytes(w.arena, address, w.arena, piece.address, piece.size_bytes)
    w.tally[0].copies += 1
    w.tally[0].copied_bytes += piece.size_bytes
    log(w, COPY, w.sock[0].write_seq + w.iov_left, address, piece.size_bytes)
    iov_add(w, address, piece.size_bytes)
    return address


@jit
def add_replaced(w, place, allocator):
    """Point the next entry at a fragment copy of a slab piece, or at the piece; return what to free, or NONE."""
    if w.page[head_of(w, w.piece[place].address // PAGE_SIZE)].kind == SLAB:
        return add_copy(w, place, allocator)
    add_piece(w, place)
    return NONE


@jit(forceinline=True)
def add_piece(w, place):
    """Point the next entry of the send at a piece."""
    iov_add(w, w.piece[place].address, w.piece[place].size_bytes)


@jit
def splice_flag(w):
    """Return MSG_SPLICE_PAGES if this run gives the flag (it is a parameter everywhere), else no flag."""
    return MSG_SPLICE_PAGES if w.plan[0].flag != 0 else 0


@jit(inline="always")
def send_with_callback(w):
    """Send pieces that nobody writes again or frees but the callback of their last reference."""
    iov_begin(w)
    for place in range(w.plan[0].pieces):
        build_fresh(w, place)
        add_piece(w, place)
    sent = sendmsg(w, splice_flag(w))
    for place in range(w.plan[0].pieces):
        release_fresh(w, place)
    return sent


@jit
def open_run(w):
    """Lay out what outlives a message: payload with its bytes, and memory that the caller writes again and again."""
    plan = w.plan[0]
    plan.bytes = plan.messages = plan.released = plan.keeps = 0
    for place in range(plan.pieces):
        piece = w.piece[place]
        plan.bytes += piece.size_bytes
        plan.keeps += piece.fate == KEPT and not stands(piece)
        if stands(piece) or piece.fate == REWRITTEN:
            piece.address = piece.kept_address = alloc_owned(w, piece.owner, piece.size_bytes)
            if piece.owner in (OWN_SLAB, OWN_LARGE):
                w.object_next[piece.address // OBJECT_GRAIN] = 1  # the owner shows it too: no callback frees it
            write_piece(w, place, 0)
