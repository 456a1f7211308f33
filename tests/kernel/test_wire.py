"""The wire shows memory as it is at the moment of transmission, and the receiver compares."""

import pytest
from kernel.worlds import PAGE, buffer, counted, fill, fresh, memory, received, refcount, send, skbs

from splicelab.kernel.memory import put_page
from splicelab.kernel.slab import kfree, kmalloc
from splicelab.kernel.tcp import sendpage
from splicelab.kernel.tcp_input import acknowledge, finish, retransmit
from splicelab.kernel.wire import count_different
from splicelab.kernel.world import MSG_MORE, MSG_SPLICE_PAGES, NAGLE_OFF, WIRE_BYTES

OPEN = 1 << 20


def meant(w, *texts):
    """Note what the stream shall say from its start."""
    text = b"".join(texts)
    w.meant[: len(text)] = list(text)


@pytest.mark.parametrize("how", [0, MSG_SPLICE_PAGES])
@pytest.mark.parametrize("size_bytes", [1, 100, 4096, 40_000, 200_000])
def test_what_was_sent_arrives(how, size_bytes):
    w = fresh(window=OPEN)
    address = buffer(w, size_bytes, seed=3)
    meant(w, memory(w, address, size_bytes))
    assert send(w, (address, size_bytes), flags=how) == size_bytes
    finish(w)
    assert received(w) == memory(w, address, size_bytes)
    assert counted(w, "received_bytes", "sent_bytes", "corrupt_bytes") == (size_bytes, size_bytes, 0)
    assert skbs(w) == [] and w.sock[0].wmem_queued == 0


@pytest.mark.parametrize("how, corrupt", [(0, 0), (MSG_SPLICE_PAGES, 64)])
def test_a_lost_skb_is_sent_again_with_the_bytes_of_then(how, corrupt):
    w = fresh(window=OPEN)
    w.sock[0].nonagle = NAGLE_OFF
    address = buffer(w, 64, seed=1)
    old = memory(w, address, 64)
    meant(w, old, old)
    w.sock[0].lose = 1
    send(w, (address, 64), flags=how)
    assert counted(w, "received_bytes", "sent_bytes") == (0, 64)
    fill(w, address, 64, seed=2)
    retransmit(w, 64)
    assert received(w) == (memory(w, address, 64) if corrupt else old)
    assert counted(w, "corrupt_bytes", "retransmits", "received_bytes", "sent_bytes") == (corrupt, 1, 64, 64)
    retransmit(w, 64)
    assert counted(w, "retransmits") == (1,), "what arrived is not sent again"


def test_what_was_lost_behind_the_ack_waits():
    w = fresh(window=OPEN)
    w.sock[0].nonagle = NAGLE_OFF
    address = buffer(w, 100)
    w.sock[0].lose = 2
    send(w, (address, 60))
    send(w, (address, 40))
    retransmit(w, 60)
    assert counted(w, "retransmits", "received_bytes") == (1, 60)
    retransmit(w, 61)
    assert counted(w, "retransmits", "received_bytes") == (2, 100)


def test_a_recycled_slab_object_shows_its_next_owner():
    """6.1 takes slab memory by reference; kfree recycles it at once, whatever the page's count says."""
    w = fresh("6.1", OPEN)
    first = kmalloc(w, 64)
    fill(w, first, 64, seed=1)
    meant(w, memory(w, first, 64))
    w.sock[0].lose = 1
    sendpage(w, first // PAGE, first % PAGE, 64, 0)
    kfree(w, first)
    assert refcount(w, first // PAGE) == 2
    second = kmalloc(w, 64)
    assert second == first
    fill(w, second, 64, seed=2)
    retransmit(w, 64)
    assert received(w) == memory(w, second, 64) and counted(w, "corrupt_bytes") == (64,)
    acknowledge(w, 64)
    assert refcount(w, first // PAGE) == 1


def test_the_queue_keeps_a_page_that_its_owner_dropped():
    w = fresh()
    address = buffer(w, PAGE, seed=5)
    text = memory(w, address, PAGE)
    meant(w, text)
    send(w, (address, PAGE), flags=MSG_SPLICE_PAGES | MSG_MORE)
    put_page(w, address // PAGE)
    assert buffer(w, PAGE, seed=6) != address
    w.sock[0].cwnd = 10
    finish(w)
    assert received(w) == text and counted(w, "corrupt_bytes", "pages_in_use") == (0, 1)


def test_every_different_byte_is_counted():
    w = fresh()
    w.meant[10:20] = w.received[10:20] = 7
    w.received[[10, 13, 19]] = 8
    assert count_different(w.meant, w.received, 10, 10) == 3
    assert count_different(w.meant, w.received, 11, 8) == 1


def test_the_stream_wraps_around_the_receivers_memory():
    w = fresh(window=OPEN)
    sk = w.sock[0]
    start = WIRE_BYTES - 30
    sk.write_seq = sk.snd_una = sk.snd_nxt = sk.pushed_seq = start
    address = buffer(w, 100, seed=4)
    text = memory(w, address, 100)
    w.meant[start:], w.meant[:70] = list(text[:30]), list(text[30:])
    send(w, (address, 100))
    assert counted(w, "received_bytes", "corrupt_bytes") == (100, 0)
    assert w.received[start:].tobytes() + w.received[:70].tobytes() == text


def test_count_only_moves_no_byte():
    w = fresh(window=OPEN)
    w.moves_bytes = 0
    w.received[:100] = 0xCC
    address = buffer(w, 100)
    send(w, (address, 100))
    assert received(w) == b"\xcc" * 100 and counted(w, "received_bytes", "copied_bytes", "corrupt_bytes") == (
        100,
        100,
        0,
    )
