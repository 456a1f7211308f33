"""The fragment allocators: pieces of shared pages, each piece with a page reference of its own.

Sources: Linux 6.12 mm/page_alloc.c: __page_frag_alloc_align (downward); Linux 6.13 mm/page_frag_cache.c (upward);
Linux 6.12 net/core/sock.c: skb_page_frag_refill; the v3 patch's alloc_skb_frag (netdev 2023-06-20, D. Howells).
"""

from splicelab._jit import jit
from splicelab.kernel.memory import FRAGMENT, alloc_block, alloc_pages, free_pages, get_page, put_page, unsigned
from splicelab.kernel.slab import kfree, kmalloc
from splicelab.kernel.world import FRAG_ALLOC, FRAG_FREE, NONE, PAGE_SIZE, log

CACHE_ORDER = 3
BIAS = 32768
V3_ALIGN = 64
TASK_FRAG, SK_FRAG, FROM_THE_END, FROM_THE_START, V3_CPU0, V3_CPU1 = range(6)  # rows of frag_cache
ALLOCATORS = ("page_frag_down", "page_frag_up", "sk_page_frag", "v3_per_cpu", "page_per_object", "kmalloc")
PAGE_FRAG_DOWN, PAGE_FRAG_UP, SK_PAGE_FRAG, V3_PER_CPU, PAGE_PER_OBJECT, KMALLOC = range(len(ALLOCATORS))


@jit(forceinline=True)
def new_cache_page(w, cache):
    """Give a cache a new block, of order 3 or else of one page; return False when there is none."""
    head = alloc_pages(w, CACHE_ORDER, FRAGMENT)
    if head == NONE:
        head = alloc_pages(w, 0, FRAGMENT)
    cache.page = head
    if head == NONE:
        return False
    cache.size_bytes = PAGE_SIZE << w.page[head].order
    cache.pfmemalloc = w.page[head].pfmemalloc
    return True


@jit(forceinline=True)
def skb_page_frag_refill(w, row, size_bytes):
    """Make room in a page fragment whose user advances the offset himself; a page that nobody else holds restarts.

    The restart does not compare ``size_bytes`` with the page, as in the kernel.
    """
    cache, tally = w.frag_cache[row], w.tally[0]
    tally.refills += 1
    if cache.page != NONE:
        if w.page[unsigned(cache.page)].refcount == 1:
            cache.offset = 0
            return True
        if cache.offset + size_bytes <= cache.size_bytes:
            return True
        put_page(w, cache.page)
    cache.offset = 0
    tally.refill_newpage += 1
    return new_cache_page(w, cache)


@jit(forceinline=True)
def sk_page_frag_alloc(w, row, size_bytes):
    """Cut a piece upward from a page fragment, unaligned, with a reference of its own."""
    if not skb_page_frag_refill(w, row, size_bytes):
        return NONE
    cache = w.frag_cache[row]
    if cache.offset + size_bytes > cache.size_bytes:
        return NONE
    address = cache.page * PAGE_SIZE + cache.offset
    cache.offset += size_bytes
    get_page(w, cache.page)
    return address


@jit(forceinline=True)
def start_over(w, cache):
    """Return the references that were never handed out, and begin again, on this block if no piece of it is in use.

    A new block pays for all its pieces' references at once. False when there is none.
    """
    if cache.page != NONE:
        first = w.page[cache.page]
        first.refcount -= cache.bias
        if first.refcount == 0 and cache.pfmemalloc == 0:
            first.refcount = cache.bias = BIAS + 1
            w.tally[0].refurbishes += 1
            return True
        if first.refcount == 0:
            free_pages(w, unsigned(cache.page))
    if not new_cache_page(w, cache):
        return False
    w.page[cache.page].refcount += BIAS
    cache.bias, cache.offset = BIAS + 1, cache.size_bytes
    return True


@jit(forceinline=True)
def page_frag_alloc_down(w, row, size_bytes, align_bytes):
    """Cut a piece downward (up to 6.12), or return NONE: pieces in sequence never coalesce."""
    cache = w.frag_cache[row]
    if cache.page == NONE or size_bytes > cache.offset:
        if not start_over(w, cache) or size_bytes > cache.size_bytes:
            return NONE
        cache.offset = cache.size_bytes
    cache.bias -= 1
    cache.offset = (cache.offset - size_bytes) & -align_bytes
    return cache.page * PAGE_SIZE + cache.offset


@jit(forceinline=True)
def page_frag_alloc_up(w, row, size_bytes):
    """Cut a piece upward (since 6.13): pieces in sequence are adjacent. More than a page fails if it does not fit."""
    cache = w.frag_cache[row]
    is_fresh = cache.page == NONE
    if is_fresh or cache.offset + size_bytes > cache.size_bytes:
        if (not is_fresh and size_bytes > PAGE_SIZE) or not start_over(w, cache):
            return NONE
        cache.offset = 0
        if size_bytes > cache.size_bytes:
            return NONE
    address = cache.page * PAGE_SIZE + cache.offset
    cache.bias -= 1
    cache.offset += size_bytes
    return address


@jit(forceinline=True)
def alloc_skb_frag(w, row, size_bytes):
    """Cut a piece downward in steps of 64 bytes from a CPU's folio, as the v3 patch does."""
    return page_frag_alloc_down(w, row, max(size_bytes, 1), V3_ALIGN)


@jit
def page_frag_alloc(w, size_bytes):
    """Cut a piece from a page_frag_cache, in the direction of this kernel version."""
    if w.profile[0].page_frag_upward != 0:
        return page_frag_alloc_up(w, FROM_THE_START, size_bytes)
    return page_frag_alloc_down(w, FROM_THE_END, size_bytes, 1)


@jit(forceinline=True)
def frag_alloc(w, allocator, size_bytes):
    """Return the address of ``size_bytes`` from one of the ALLOCATORS, or NONE."""
    if allocator == PAGE_FRAG_DOWN:
        address = page_frag_alloc_down(w, FROM_THE_END, size_bytes, 1)
    elif allocator == PAGE_FRAG_UP:
        address = page_frag_alloc_up(w, FROM_THE_START, size_bytes)
    elif allocator == SK_PAGE_FRAG:
        address = sk_page_frag_alloc(w, SK_FRAG, size_bytes)
    elif allocator == V3_PER_CPU:
        address = alloc_skb_frag(w, V3_CPU0, size_bytes)
    elif allocator == PAGE_PER_OBJECT:
        address = alloc_block(w, PAGE_SIZE, FRAGMENT)
    else:
        return kmalloc(w, size_bytes)
    if address != NONE:
        w.tally[0].frag_allocs += 1
        log(w, FRAG_ALLOC, address, size_bytes, 0)
    return address


@jit(forceinline=True)
def frag_or_block(w, allocator, size_bytes):
    """Return a piece from one of the ALLOCATORS; what is larger than a page has a block of its own."""
    if size_bytes <= PAGE_SIZE or allocator == KMALLOC:
        return frag_alloc(w, allocator, size_bytes)
    w.tally[0].frag_allocs += 1
    return alloc_block(w, size_bytes, FRAGMENT)


@jit(forceinline=True)
def frag_free(w, allocator, address):
    """Give a piece back: drop its page reference, or kfree it."""
    if allocator == KMALLOC:
        kfree(w, address)
        return
    w.tally[0].frag_frees += 1
    log(w, FRAG_FREE, address, 0, 0)
    put_page(w, address // PAGE_SIZE)


@jit
def drain_caches(w):
    """Give back what the caches themselves hold, so that a run can end with no page in use."""
    for row in range(len(w.frag_cache)):
        cache = w.frag_cache[row]
        if cache.page != NONE:
            w.page[cache.page].refcount -= 0 if row in (TASK_FRAG, SK_FRAG) else cache.bias - 1
            put_page(w, cache.page)
            cache.page = NONE
