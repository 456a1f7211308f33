"""The fragment allocators: where pieces lie, who holds the page, when a page starts again."""

import pytest
from kernel.worlds import PAGE, counted, fresh, refcount

from splicelab.kernel import frag
from splicelab.kernel.memory import get_page, put_page
from splicelab.kernel.profiles import PROFILES
from splicelab.kernel.world import NONE

DOWN, UP, SK, V3 = frag.PAGE_FRAG_DOWN, frag.PAGE_FRAG_UP, frag.SK_PAGE_FRAG, frag.V3_PER_CPU
BIASED = {DOWN: frag.FROM_THE_END, UP: frag.FROM_THE_START, V3: frag.V3_CPU0}
FOLIO = 8 * PAGE


def take(w, allocator, *sizes):
    """Return the offsets of pieces in the block of the first one, or None."""
    addresses = [frag.frag_alloc(w, allocator, size_bytes) for size_bytes in sizes]
    start = int(w.page[addresses[0] // PAGE].head) * PAGE
    return [address - start if address != NONE else None for address in addresses]


@pytest.mark.parametrize(
    "allocator, sizes, offsets",
    [
        (DOWN, [4, 4, 72], [32764, 32760, 32688]),
        (DOWN, [72, 72], [32696, 32624]),
        (V3, [16, 8, 48, 4], [32704, 32640, 32576, 32512]),
        (V3, [0, 65, 4096], [32704, 32576, 28480]),
        (UP, [4, 4, 72, 5, 1], [0, 4, 8, 80, 85]),
        (SK, [4, 72, 7, 1], [0, 4, 76, 83]),
    ],
)
def test_where_pieces_lie_in_a_new_folio(allocator, sizes, offsets):
    w = fresh()
    assert take(w, allocator, *sizes) == offsets
    assert counted(w, "frag_allocs", "new_pages") == (len(sizes), 8)


@pytest.mark.parametrize("align, offset", [(1, 32761), (8, 32760), (64, 32704)])
def test_an_aligned_piece(align, offset):
    w = fresh()
    assert frag.page_frag_alloc_down(w, frag.FROM_THE_END, 7, align) % FOLIO == offset


@pytest.mark.parametrize("profile", PROFILES)
def test_the_direction_of_page_frag_alloc_is_that_of_the_kernel(profile):
    w = fresh(profile)
    offsets = [frag.page_frag_alloc(w, 24) % FOLIO for _ in range(2)]
    assert offsets == ([0, 24] if profile in ("6.13", "6.14", "6.17") else [32744, 32720])


@pytest.mark.parametrize(
    "allocator, size_bytes, pieces",
    [(V3, 64, 512), (V3, 1, 512), (DOWN, 72, 455), (UP, 72, 455), (SK, 72, 455), (V3, 65, 256), (DOWN, 4096, 8)],
)
def test_how_many_pieces_share_a_folio(allocator, size_bytes, pieces):
    w = fresh()
    blocks = [frag.frag_alloc(w, allocator, size_bytes) // FOLIO for _ in range(pieces + 1)]
    assert set(blocks[:-1]) == {blocks[0]} and blocks[-1] != blocks[0]
    assert refcount(w, blocks[0] * 8) == pieces, "the cache has let go of its own references"


@pytest.mark.parametrize("allocator", BIASED)
def test_references_are_those_of_live_pieces_and_of_the_bias(allocator):
    w = fresh()
    cache = w.frag_cache[BIASED[allocator]]
    live = [frag.frag_alloc(w, allocator, 100) for _ in range(9)]
    for _ in range(5):
        frag.frag_free(w, allocator, live.pop())
        assert refcount(w, cache.page) == len(live) + cache.bias
    assert cache.bias == frag.BIAS + 1 - 9


@pytest.mark.parametrize("allocator", BIASED)
def test_a_page_without_live_pieces_is_refurbished(allocator):
    w = fresh()
    first = frag.frag_alloc(w, allocator, 4096)
    w.arena[first : first + 4] = 0xEE
    for _ in range(7):
        frag.frag_free(w, allocator, frag.frag_alloc(w, allocator, 4096))
    frag.frag_free(w, allocator, first)
    again = frag.frag_alloc(w, allocator, 4096)
    assert again == first and counted(w, "refurbishes", "new_pages") == (1, 8)
    assert w.arena[again] == 0xEE, "a page that starts again is not zeroed"
    assert refcount(w, again // PAGE) == frag.BIAS + 1


@pytest.mark.parametrize("allocator", BIASED)
def test_a_page_with_one_live_piece_is_replaced_and_freed_with_that_piece(allocator):
    w = fresh()
    live = frag.frag_alloc(w, allocator, 4096)
    for _ in range(8):
        last = frag.frag_alloc(w, allocator, 4096)
        frag.frag_free(w, allocator, last)
    assert last // FOLIO != live // FOLIO and refcount(w, live // PAGE) == 1
    frag.frag_free(w, allocator, live)
    assert counted(w, "refurbishes", "new_pages", "pages_in_use", "double_put") == (0, 16, 8, 0)


def test_the_page_of_sk_page_frag_restarts_when_nobody_else_holds_it():
    w = fresh()
    first = frag.frag_alloc(w, SK, 100)
    assert refcount(w, first // PAGE) == 2
    frag.frag_free(w, SK, first)
    assert frag.frag_alloc(w, SK, 8) == first
    get_page(w, first // PAGE)
    assert frag.frag_alloc(w, SK, 32700) == first + 8
    assert frag.frag_alloc(w, SK, 100) // FOLIO != first // FOLIO
    assert counted(w, "refills", "refill_newpage") == (4, 2)


def test_the_restart_does_not_compare_sizes():
    """As in the kernel: a restarted page of 4096 bytes is offered to a request of more, and only the cut fails."""
    w = fresh()
    w.fail_high_order = 1
    address = frag.frag_alloc(w, SK, 100)
    frag.frag_free(w, SK, address)
    assert frag.frag_alloc(w, SK, 5000) == NONE
    assert frag.frag_alloc(w, SK, 4096) == address


@pytest.mark.parametrize("allocator, offset", [(DOWN, 3996), (V3, 3968), (UP, 0), (SK, 0)])
def test_order_0_serves_when_order_3_fails(allocator, offset):
    w = fresh()
    w.fail_high_order = 1
    address = frag.frag_alloc(w, allocator, 100)
    assert address % PAGE == offset and counted(w, "new_pages", "exhausted") == (1, 0)
    assert frag.frag_alloc(w, allocator, 5000) == NONE


@pytest.mark.parametrize("size_bytes", [4097, 20000, 32768])
def test_a_request_of_more_than_a_page(size_bytes):
    """Downward it may begin a new folio; upward it fails as soon as the folio at hand cannot hold it (since 6.13)."""
    w = fresh()
    assert frag.frag_alloc(w, DOWN, size_bytes) % FOLIO == FOLIO - size_bytes
    assert frag.frag_alloc(w, UP, size_bytes) % FOLIO == 0
    assert (frag.frag_alloc(w, UP, size_bytes) == NONE) == (2 * size_bytes > FOLIO)
    assert frag.frag_alloc(w, DOWN, size_bytes) != NONE
    assert frag.frag_alloc(w, DOWN, FOLIO + 1) == NONE == frag.frag_alloc(w, UP, FOLIO + 1)


@pytest.mark.parametrize("allocator", BIASED)
def test_a_page_from_the_reserves_is_not_refurbished(allocator):
    w = fresh()
    w.from_reserves = 1
    piece = frag.frag_alloc(w, allocator, 4096)
    w.from_reserves = 0
    for _ in range(7):
        frag.frag_free(w, allocator, piece)
        piece = frag.frag_alloc(w, allocator, 4096)
    frag.frag_free(w, allocator, piece)
    frag.frag_alloc(w, allocator, 4096)
    assert counted(w, "refurbishes", "new_pages", "pages_in_use") == (0, 16, 8)


def test_a_page_for_every_object():
    w = fresh()
    first, second = (frag.frag_alloc(w, frag.PAGE_PER_OBJECT, 8) for _ in range(2))
    assert second - first == PAGE and refcount(w, first // PAGE) == 1
    frag.frag_free(w, frag.PAGE_PER_OBJECT, first)
    assert counted(w, "pages_in_use", "frag_allocs", "frag_frees") == (1, 2, 1)


@pytest.mark.parametrize("allocator", range(len(frag.ALLOCATORS)), ids=frag.ALLOCATORS)
def test_drained_caches_leave_no_page(allocator):
    w = fresh()
    pieces = [frag.frag_alloc(w, allocator, 700) for _ in range(60)]
    for piece in pieces:
        get_page(w, piece // PAGE) if allocator != frag.KMALLOC else None
        frag.frag_free(w, allocator, piece)
        put_page(w, piece // PAGE) if allocator != frag.KMALLOC else None
    frag.drain_caches(w)
    in_use = {"kmalloc": 16}.get(frag.ALLOCATORS[allocator], 0)
    assert counted(w, "pages_in_use", "objects_in_use", "double_put") == (in_use, 0, 0)
