"""Pages: compound heads, reference counts, and who may take a reference.

Source: Linux 6.12 include/linux/mm.h: get_page, put_page; include/linux/net.h: sendpage_ok.
"""

import numpy as np

from splicelab._jit import jit
from splicelab.kernel.world import NONE, PAGE_SIZE, PAGES

KINDS = ("free", "page_cache", "user", "slab", "large_kmalloc", "page_frag", "stack", "static")
unsigned = np.uint64  # numba tests a signed index for being negative, each time
FREE, PAGE_CACHE, USER, SLAB, LARGE_KMALLOC, FRAGMENT, STACK, STATIC = range(len(KINDS))


@jit(inline="always")
def head_of(w, page):
    """Return the first page of the block that a page belongs to."""
    return unsigned(w.page[unsigned(page)].head)


@jit(forceinline=True)
def alloc_pages(w, order, kind):
    """Return the head of 2**order new pages with one reference (none on frozen pages), or NONE.

    A freed block is handed out again before new memory is touched, the last one first. Blocks are never merged.
    """
    count = 1 << order
    head = w.free_pages[unsigned(order)]
    if order > 0 and w.fail_high_order != 0:
        return NONE
    if head != NONE:
        w.free_pages[unsigned(order)] = w.page[unsigned(head)].next
    else:
        head = (w.page_brk + count - 1) & -count
        if head + count > PAGES:
            w.tally[0].exhausted += 1
            return NONE
        w.page_brk = head
        while w.page_brk < head + count:  # counted in memory: a vectorised loop would burden every caller
            w.page[w.page_brk].head = head
            w.page_brk += 1
    first, tally = w.page[unsigned(head)], w.tally[0]
    first.order, first.kind, first.queued, first.pfmemalloc = order, kind, 0, w.from_reserves
    first.refcount = 0 if is_frozen(w, kind) else 1
    tally.new_pages += count
    tally.pages_in_use += count
    return head


@jit
def alloc_block(w, size_bytes, kind):
    """Return the address of one block of new pages that holds so many bytes, or NONE."""
    order = 0
    while (PAGE_SIZE << order) < size_bytes:
        order += 1
    head = alloc_pages(w, order, kind)
    return head * PAGE_SIZE if head != NONE else NONE


@jit
def alloc_run(w, size_bytes, order, kind):
    """Return the address of adjacent blocks of 2**order pages that hold ``size_bytes``."""
    first = alloc_pages(w, order, kind)
    for _ in range((size_bytes - 1) // (PAGE_SIZE << order)):
        alloc_pages(w, order, kind)
    return first * PAGE_SIZE


@jit(forceinline=True)
def free_pages(w, head):
    """Give a block without references back to the page allocator."""
    first = w.page[unsigned(head)]
    order = unsigned(first.order)
    w.tally[0].pages_in_use -= 1 << first.order
    first.kind = FREE
    first.next = w.free_pages[order]
    w.free_pages[order] = head


@jit(forceinline=True)
def is_frozen(w, kind):
    """Return whether nobody may count references on such a page: slab since 6.14, large kmalloc since 6.17."""
    profile = w.profile[0]
    is_frozen_slab = kind == SLAB and profile.slab_pages_frozen != 0
    return is_frozen_slab or (kind == LARGE_KMALLOC and profile.large_kmalloc_frozen != 0)


@jit(forceinline=True)
def get_page(w, page):
    """Take a reference on the page's head; on a frozen page nothing happens (the kernel warns)."""
    get_block(w, head_of(w, page))


@jit(forceinline=True)
def get_block(w, head):
    """Take a reference on a block by its first page."""
    first = w.page[head]
    if first.refcount > 0 or not is_frozen(w, first.kind):
        w.tally[0].get_page += 1
        first.refcount += 1


@jit(forceinline=True)
def put_page(w, page):
    """Drop a reference of the page's head; the last one frees the block. One too many is counted as double_put."""
    put_block(w, head_of(w, page))


@jit(forceinline=True)
def put_block(w, head):
    """Drop a reference of a block by its first page."""
    first, tally = w.page[head], w.tally[0]
    refcount = first.refcount
    if refcount <= 0:  # so it is on every frozen page
        tally.double_put += not is_frozen(w, first.kind)
        return
    tally.put_page += 1
    first.refcount = refcount - 1
    if refcount == 1:
        free_pages(w, head)


@jit(forceinline=True)
def sendpage_ok(w, page):
    """Return whether a reference on this page keeps its memory alive: not slab, and a count of at least one."""
    first = w.page[head_of(w, page)]
    return first.kind != SLAB and first.refcount >= 1


@jit(forceinline=True)
def queue_ref(w, page):
    """Take the reference of a queued fragment, and note the memory that the queue pins from now on."""
    head, tally = head_of(w, page), w.tally[0]
    get_block(w, head)
    first = w.page[head]
    queued = first.queued
    first.queued = queued + 1
    if queued == 0:
        tally.pinned_bytes += PAGE_SIZE << first.order
        tally.pinned_peak_bytes = max(tally.pinned_peak_bytes, tally.pinned_bytes)


@jit(forceinline=True)
def queue_unref(w, page):
    """Drop the reference of a queued fragment; the last one unpins its block."""
    head = head_of(w, page)
    first = w.page[head]
    queued = first.queued - 1
    first.queued = queued
    if queued == 0:
        w.tally[0].pinned_bytes -= PAGE_SIZE << first.order
    put_block(w, head)
