"""sendmsg and sendpage by the kernel's rules: where bytes land, and what an error leaves behind."""

import pytest
from kernel.worlds import (
    PAGE,
    buffer,
    counted,
    fill,
    frags,
    fresh,
    lengths,
    memory,
    queue,
    received,
    refcount,
    send,
    sent,
    skbs,
)

from splicelab.kernel.memory import STACK, USER, put_page, sendpage_ok
from splicelab.kernel.slab import alloc_mixed, kmalloc
from splicelab.kernel.tcp import sendpage
from splicelab.kernel.tcp_input import acknowledge
from splicelab.kernel.world import (
    EIO,
    MSG_EOR,
    MSG_SENDPAGE_NOTLAST,
    MSG_SPLICE_PAGES,
    MSG_ZEROCOPY,
)

OPEN = 1 << 20
MSS = 1448


@pytest.mark.parametrize("profile, truesize", [("6.1", 1280), ("6.12", 960), ("6.17", 960)])
def test_the_truesize_of_an_skb_is_its_bytes_and_that_of_an_empty_one(profile, truesize):
    w = fresh(profile, OPEN)
    send(w, (buffer(w, 100), 100))
    assert sent(w) == [(100, 100 + truesize, 1)]
    acknowledge(w, 100)
    send(w, (buffer(w, PAGE), 10), flags=MSG_SPLICE_PAGES)
    assert sent(w)[1] == (10, 10 + truesize, 1), "not the page that it pins"


def test_a_copy_is_cut_where_the_page_fragment_ends():
    w = fresh()
    address = buffer(w, 65536)
    send(w, (address, 30000))
    send(w, (address, 30000))
    assert [[(offset, size) for _, offset, size in parts] for parts in queue(w)] == [[(0, 32768), (0, 27232)]]
    assert counted(w, "copies", "copied_bytes", "refill_newpage", "refills") == (3, 60000, 2, 3)
    assert lengths(w) == [60000]


def test_less_than_32_bytes_of_a_page_fragment_are_left_unused():
    w = fresh()
    address = buffer(w, 32768)
    for size_bytes, offset in ((32736, 0), (5, 32736), (5, 0)):
        send(w, (address, size_bytes), flags=MSG_EOR)
        assert frags(w, skbs(w)[-1])[0][1] == offset


def test_copies_in_a_row_share_a_fragment_and_a_splice_between_them_breaks_it():
    w = fresh()
    address = buffer(w, PAGE)
    send(w, (address, 10), (address, 20))
    send(w, (address, 30))
    assert [size for _, _, size in queue(w)[0]] == [60]
    send(w, (address, 5), flags=MSG_SPLICE_PAGES)
    send(w, (address, 7))
    assert [size for _, _, size in queue(w)[0]] == [60, 5, 7] and lengths(w) == [72]


@pytest.mark.parametrize("how", [0, MSG_SPLICE_PAGES])
def test_an_skb_ends_at_the_size_goal(how):
    w = fresh(size_goal=45 * MSS)
    address = buffer(w, 1 << 17)
    assert send(w, (address, 100_000), flags=how) == 100_000
    assert lengths(w) == [65160, 34840]
    assert counted(w, "tcp_push") == (1,)


def test_a_splice_is_cut_at_17_pages_before_the_size_goal():
    w = fresh(size_goal=1 << 17)
    address = buffer(w, 1 << 17)
    send(w, (address, 80_000), flags=MSG_SPLICE_PAGES)
    assert lengths(w) == [17 * PAGE, 80_000 - 17 * PAGE]


@pytest.mark.parametrize("offset, size_bytes, charged", [(0, 100, 4096), (4000, 5000, 12288), (1, 8191, 8192)])
def test_zerocopy_is_charged_in_pages(offset, size_bytes, charged):
    w = fresh(window=OPEN)
    address = buffer(w, 4 * PAGE, USER) + offset
    assert send(w, (address, size_bytes), flags=MSG_ZEROCOPY) == size_bytes
    assert w.sock[0].wmem_queued == 960 + charged and counted(w, "copies", "frag_slots") == (0, 1)


def test_a_copy_never_joins_a_zerocopy_fragment_and_another_notification_needs_another_skb():
    w = fresh()
    address = buffer(w, 4 * PAGE, USER)
    send(w, (address, 100), flags=MSG_ZEROCOPY)
    send(w, (address, 10))
    send(w, (address, 10))
    assert [size for _, _, size in queue(w)[0]] == [100, 10, 10], "each copy a fragment of its own"
    send(w, (address + 100, 100), flags=MSG_ZEROCOPY)
    assert lengths(w) == [220]
    w.sock[0].uarg_bytes = 1 << 19
    send(w, (address, 100), flags=MSG_ZEROCOPY)
    assert lengths(w) == [220, 100]


def test_an_empty_zerocopy_send_takes_no_notification():
    w = fresh()  # net/ipv4/tcp.c: tcp_sendmsg_locked asks for one only if there is data
    address = buffer(w, PAGE, USER)
    send(w, (address, 100), flags=MSG_ZEROCOPY | MSG_EOR)
    send(w, (address, 10))
    number = int(w.sock[0].uarg)
    assert send(w, flags=MSG_ZEROCOPY) == 0 and lengths(w) == [100, 10]
    assert w.sock[0].uarg == number and counted(w, "sendmsg", "tcp_push") == (3, 2)


@pytest.mark.parametrize("profile", ["6.12", "6.13", "6.14", "6.17"])
def test_slab_data_first_is_refused_and_the_message_stays_advanced(profile):
    w = fresh(profile)
    slab, page = kmalloc(w, 8192), buffer(w, PAGE)
    assert send(w, (slab, 6000), (page, 100), flags=MSG_SPLICE_PAGES) == -EIO
    assert w.iov_left == 100, "6000 bytes were extracted, none was sent, and nobody stepped back"
    assert queue(w) == [] and counted(w, "eio", "tcp_push") == (1, 0) and w.sock[0].wmem_queued == 0


def test_an_extraction_is_8_pages_at_most():
    w = fresh("6.17", size_goal=1 << 17)
    large = kmalloc(w, 10 * PAGE)
    assert send(w, (large + 100, 9 * PAGE), flags=MSG_SPLICE_PAGES) == -EIO
    assert w.iov_left == PAGE + 100, "pages of large kmalloc, which have no count since 6.17"


@pytest.mark.parametrize("slabs, eor", [(1, 1), (2, 0)])
def test_an_error_on_the_way_leaves_no_end_mark(slabs, eor):
    """With one slab object nothing is left in the iterator, and the call ends as if all had gone; two are an error."""
    w = fresh()
    page, slab = buffer(w, PAGE), kmalloc(w, 16)
    assert send(w, (page, 100), *[(slab, 16)] * slabs, flags=MSG_SPLICE_PAGES | MSG_EOR) == 100
    assert [int(w.skb[index].eor) for index in skbs(w)] == [eor]


def test_slab_data_last_is_a_short_send():
    w = fresh()
    page, slab = buffer(w, PAGE), kmalloc(w, 16)
    assert send(w, (page, 100), (slab, 16), flags=MSG_SPLICE_PAGES | MSG_EOR) == 100
    assert (int(w.iov_left), lengths(w), counted(w, "eio", "tcp_push")) == (0, [100], (1, 1))


def test_slab_data_in_the_middle_leaves_a_hole():
    """The loop goes on with what is left of the iterator, and the skipped bytes are missed by nobody (6.12)."""
    w = fresh(window=OPEN)
    page, slab = buffer(w, PAGE), kmalloc(w, 16)
    assert send(w, (page, 100), (slab, 16), (page + 200, 50), flags=MSG_SPLICE_PAGES) == 150
    assert queue(w) == [[(page // PAGE, 0, 100), (page // PAGE, 200, 50)]]


def test_the_v3_patch_copies_slab_data_and_only_that():
    w = fresh("6.12+v3")
    slab, stack, page = kmalloc(w, 16), buffer(w, 16, STACK), buffer(w, PAGE)
    assert send(w, (slab, 16), (stack, 16), (page, PAGE), (slab, 5), flags=MSG_SPLICE_PAGES) == PAGE + 37
    ((first, *by_reference, last),) = queue(w)
    assert by_reference == [(stack // PAGE, 0, 16), (page // PAGE, 0, PAGE)]
    assert [(page % 8 * PAGE + offset, size) for page, offset, size in (first, last)] == [(32704, 16), (32640, 5)]
    assert counted(w, "copies", "copied_bytes", "spliced_bytes") == (2, 21, PAGE + 37)


def test_the_v3_patch_cuts_an_object_of_two_pages_and_needs_a_slot_for_each():
    w = fresh("6.12+v3")
    slab = kmalloc(w, 8192)
    send(w, (slab, 6000), flags=MSG_SPLICE_PAGES)
    assert [size for _, _, size in queue(w)[0]] == [4096, 1904]
    send(w, *[(slab, 4)] * 16, flags=MSG_SPLICE_PAGES)
    assert [len(parts) for parts in queue(w)] == [17, 1]


@pytest.mark.parametrize("profile, asks_all", [("6.12", False), ("6.12", True), ("6.14", False), ("6.12+v3", False)])
def test_a_range_whose_second_page_is_slab_deceives_who_asks_the_first_page_only(profile, asks_all):
    """So nvme-tcp hung until 23a55f4492fc (6.12) asked every page: the first goes, then -EIO for ever."""
    w = fresh(profile, OPEN)
    address = alloc_mixed(w, 2 * PAGE)
    fill(w, address, 2 * PAGE)
    assert refcount(w, address // PAGE) == 1 and refcount(w, address // PAGE + 1) == (profile != "6.14")
    asked = range(2 if asks_all else 1)
    may_splice = all(sendpage_ok(w, address // PAGE + number) for number in asked)
    assert may_splice != asks_all
    taken = send(w, (address, 2 * PAGE), flags=MSG_SPLICE_PAGES if may_splice else 0)
    if profile == "6.12+v3":
        assert (taken, counted(w, "spliced_bytes", "copied_bytes")) == (2 * PAGE, (2 * PAGE, PAGE))
    elif asks_all:
        assert (taken, counted(w, "copied_bytes")) == (2 * PAGE, (2 * PAGE,))
    else:
        assert (taken, int(w.iov_left), counted(w, "eio")) == (PAGE, 0, (1,))
        assert send(w, (address + PAGE, PAGE), flags=MSG_SPLICE_PAGES) == -EIO
    assert received(w) == memory(w, address, max(taken, 0))


def test_6_1_attaches_such_a_range_as_one_fragment():
    w = fresh("6.1", OPEN)
    address = alloc_mixed(w, 2 * PAGE)
    assert sendpage(w, address // PAGE, 0, 2 * PAGE, 0) == 2 * PAGE
    assert queue(w) == [[(address // PAGE, 0, 2 * PAGE)]]


@pytest.mark.parametrize("profile", ["6.1", "6.12"])
def test_without_scatter_gather_everything_is_copied(profile):
    w = fresh(profile)
    w.sock[0].scatter_gather = 0
    page, slab = buffer(w, PAGE), kmalloc(w, 16)
    assert send(w, (page, 100), (slab, 16), flags=MSG_SPLICE_PAGES) == 116
    assert sendpage(w, page // PAGE, 0, 10, MSG_SENDPAGE_NOTLAST) == 10
    assert counted(w, "copied_bytes", "spliced_bytes", "sendpages", "tcp_push", "sendmsg") == (126, 0, 0, 2, 2)
    put_page(w, page // PAGE)
    assert counted(w, "pages_in_use") == (9,), "the page fragment and a slab"


def test_6_1_takes_slab_memory_by_reference_and_does_not_know_the_flag():
    w = fresh("6.1")
    slab = kmalloc(w, 16)
    assert sendpage(w, slab // PAGE, slab % PAGE, 16, 0) == 16
    assert queue(w) == [[(slab // PAGE, slab % PAGE, 16)]]
    assert send(w, (slab, 16), flags=MSG_SPLICE_PAGES) == 16 and counted(w, "copies") == (1,)
