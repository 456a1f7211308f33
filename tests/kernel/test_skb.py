"""Socket buffers: 17 fragments, coalescing by page identity, splitting, and shifting from the next skb."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel.worlds import PAGE, buffer, counted, frags, fresh, queue, refcount, send, skbs

from splicelab.kernel import skb as buffers
from splicelab.kernel.memory import USER, alloc_pages
from splicelab.kernel.skb_frag import NO_OBJECT, append_frag
from splicelab.kernel.world import MSG_EOR, MSG_SPLICE_PAGES, NONE

SIZES = st.lists(st.integers(1, 3 * PAGE), min_size=1, max_size=17)


def page_list(w, count):
    """Return pages none of which is adjacent to the next."""
    pages = [alloc_pages(w, 0, USER) for _ in range(2 * count)]
    return pages[::2]


def filled(w, sizes, same_page):
    """Return a new skb with fragments of these sizes, each in a block of its own or all in one after another."""
    index = buffers.entail(w)
    page, offset = NONE, 0
    for size_bytes in sizes:
        if page == NONE or not same_page:
            page, offset = alloc_pages(w, 5 if same_page else 2, USER), 0
        assert append_frag(w, index, page, offset, size_bytes, NO_OBJECT)
        buffers.grow(w, index, size_bytes, size_bytes)
        w.sock[0].write_seq += size_bytes
        offset += size_bytes + 1  # a gap, so that neighbours stay apart
    return index


def runs(*fragments):
    """Return the stretches of memory behind fragments, neighbours joined: what the stream shows, whoever holds it."""
    joined = []
    for page, offset, size_bytes in (part for parts in fragments for part in parts):
        if joined and joined[-1][0] == page and joined[-1][1] + joined[-1][2] == offset:
            joined[-1][2] += size_bytes
        else:
            joined.append([page, offset, size_bytes])
    return joined


def check_references(w, pages):
    """Every page has its owner's reference and one for each fragment."""
    held = [page for parts in queue(w) for page, _, _ in parts]
    assert {page: refcount(w, page) for page in pages} == {page: 1 + held.count(page) for page in pages}
    assert counted(w, "double_put") == (0,)


def test_an_skb_holds_17_fragments():
    w = fresh()
    pages = page_list(w, 18)
    assert send(w, *((page * PAGE, 10) for page in pages), flags=MSG_SPLICE_PAGES) == 180
    assert [len(parts) for parts in queue(w)] == [17, 1]
    assert counted(w, "frag_slots", "stream_alloc", "get_page") == (18, 2, 18)
    assert counted(w, "frag_appends") == (20,), "tried twice on the full skb, as in the kernel"
    check_references(w, pages)


def test_a_full_skb_still_takes_bytes_that_continue_its_last_fragment():
    w = fresh()
    pages = page_list(w, 17)
    send(w, *((page * PAGE, 10) for page in pages), (pages[-1] * PAGE + 10, 20), flags=MSG_SPLICE_PAGES)
    assert [len(parts) for parts in queue(w)] == [17] and queue(w)[0][-1] == (pages[-1], 0, 30)
    assert counted(w, "get_page") == (17,), "a longer fragment takes no reference"


def test_fragments_coalesce_by_page_and_not_by_address():
    w = fresh()
    address = buffer(w, 2 * PAGE)
    page = address // PAGE
    send(w, (address, 100), (address + 100, PAGE - 100), (address + PAGE, 50), flags=MSG_SPLICE_PAGES)
    assert queue(w) == [[(page, 0, PAGE), (page + 1, 0, 50)]]
    send(w, (address + PAGE + 51, 9), flags=MSG_SPLICE_PAGES)
    assert queue(w)[0][2] == (page + 1, 51, 9), "a gap of one byte"
    send(w, (address + 60, 5), flags=MSG_SPLICE_PAGES)
    assert queue(w)[0][3] == (page, 60, 5), "where the last one ended, but on another page"


@pytest.mark.parametrize("profile, fragments", [("6.1", 1), ("6.12", 16)])
def test_64_kib_of_one_compound_page(profile, fragments):
    from splicelab.kernel.tcp import sendpage

    w = fresh(profile, size_goal=1 << 17)
    address = buffer(w, 16 * PAGE)
    if profile == "6.1":
        assert sendpage(w, address // PAGE, 0, 16 * PAGE, 0) == 16 * PAGE
    else:
        assert send(w, (address, 16 * PAGE), flags=MSG_SPLICE_PAGES) == 16 * PAGE
    assert [len(parts) for parts in queue(w)] == [fragments]


@given(SIZES, st.data())
def test_a_split_loses_no_byte_and_counts_every_reference(sizes, data):
    w = fresh()
    index = filled(w, sizes, False)
    w.skb[index].eor = w.skb[index].psh = 1
    before, total = frags(w, index), sum(sizes)
    if total == 1:
        return
    length = data.draw(st.integers(1, total - 1), "length")
    assert buffers.split_skb(w, index, length)
    first, rest = skbs(w)
    assert runs(*queue(w)) == runs(before)
    assert [(int(w.skb[i].seq), int(w.skb[i].len)) for i in (first, rest)] == [(0, length), (length, total - length)]
    assert [sum(size for _, _, size in parts) for parts in queue(w)] == [length, total - length]
    assert [int(w.skb[i].truesize) for i in (first, rest)] == [960 + length, 960 + total - length]
    assert [(int(w.skb[i].eor), int(w.skb[i].psh)) for i in (first, rest)] == [(0, 0), (1, 1)]
    assert w.sock[0].wmem_queued == 2 * 960 + total
    check_references(w, {page for page, _, _ in before})


@given(SIZES, SIZES, st.booleans(), st.data())
def test_a_shift_moves_all_or_nothing(sizes, next_sizes, continues, data):
    w = fresh()
    filled(w, sizes, False)
    filled(w, next_sizes, False)
    first, second = skbs(w)
    if continues:  # the next skb goes on where this one ends
        page, offset, size_bytes = frags(w, first)[-1]
        old = int(w.frag[second, 0].page)
        w.frag[second, 0].page, w.frag[second, 0].offset = page, offset + size_bytes
        w.page[page].refcount += 1
        w.page[page].queued += 1
        w.page[old].refcount -= 1
    before = queue(w)
    wanted = data.draw(st.integers(1, sum(next_sizes)), "wanted")
    moved = buffers.shift_frags(w, first, wanted)
    after = [frags(w, first), frags(w, second)]
    assert moved in (0, wanted)
    assert runs(*after) == runs(*before)
    if moved == 0:
        slots = 17 - len(before[0]) + continues
        needed = next(n for n, total in enumerate(itertools.accumulate(next_sizes), 1) if total >= wanted)
        assert needed > slots
    else:
        assert sum(size for _, _, size in after[0]) == sum(sizes) + wanted and len(after[0]) <= 17
    check_references(w, {page for parts in before for page, _, _ in parts})


def test_growing_eats_the_next_skb_with_its_end_marks():
    w = fresh()
    first, second, third = (filled(w, sizes, False) for sizes in ([100], [50, 60], [9]))
    w.skb[second].eor = w.skb[second].psh = 1
    buffers.grow_from_next(w, first, 500)
    assert skbs(w) == [first, third] and int(w.skb[first].len) == 210
    assert (int(w.skb[first].eor), int(w.skb[first].psh), int(w.skb[first].truesize)) == (1, 1, 960 + 210)
    assert w.sock[0].wmem_queued == 2 * 960 + 219
    buffers.grow_from_next(w, first, 500)
    assert int(w.skb[first].len) == 210, "nothing joins behind MSG_EOR"


def test_growing_takes_a_part_and_leaves_zerocopy_data_alone():
    w = fresh()
    first, second = (filled(w, sizes, False) for sizes in ([100], [50, 60]))
    buffers.grow_from_next(w, first, 70)
    assert [int(w.skb[i].len) for i in (first, second)] == [170, 40] and int(w.skb[second].seq) == 170
    w.skb[second].uarg = 1
    buffers.grow_from_next(w, first, 10)
    assert [int(w.skb[i].len) for i in (first, second)] == [170, 40]


def test_an_empty_pool_is_an_error_of_the_run():
    w = fresh()
    w.free_skb = NONE
    assert send(w, (buffer(w, 10), 10)) < 0 and counted(w, "exhausted") == (1,)


def test_nothing_joins_an_skb_that_ended_with_eor():
    w = fresh()
    address = buffer(w, 100)
    for flags in (MSG_EOR, 0, 0):
        send(w, (address, 10), flags=flags)
    assert [int(w.skb[index].len) for index in skbs(w)] == [10, 20]
