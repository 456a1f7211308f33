"""splice and sendfile: 16 buffers a call on 6.12, one page a call on 6.1, MORE and NOTLAST by their rules."""

import pytest
from kernel.worlds import PAGE, buffer, counted, fresh, lengths, memory, queue, received

from splicelab.kernel.pipe import pipe_add, pipe_begin, pipe_drain, pipe_fill, sendfile
from splicelab.kernel.tcp_input import finish
from splicelab.kernel.world import CALL, MSG_MORE, MSG_SENDPAGE_NOTLAST, NONE

OPEN = 1 << 20


def calls(w):
    """Return the calls into TCP as (bytes, MORE, NOTLAST)."""
    rows = [row for row in w.event[: w.events].tolist() if row[0] == CALL]
    return [(size, bool(flags & MSG_MORE), bool(flags & MSG_SENDPAGE_NOTLAST)) for _, flags, _, size in rows]


def logged(profile="6.12", window=0):
    w = fresh(profile, window, size_goal=1 << 20)
    w.logging = 1
    return w


def test_a_buffer_holds_at_most_a_page():
    w = fresh()
    address = buffer(w, 8 * PAGE)
    pipe_begin(w)
    assert pipe_fill(w, address + 4000, 5000, 256) == 5000
    assert w.pipe_head == 3 and [int(w.pipe[i].size_bytes) for i in range(3)] == [96, 4096, 808]
    assert pipe_fill(w, address, 8 * PAGE, 4) == PAGE, "no more buffers than asked for"


@pytest.mark.parametrize(
    "buffers, more, expected",
    [
        (1, False, [(1, False)]),
        (16, False, [(16, False)]),
        (17, False, [(16, True), (1, False)]),
        (40, False, [(16, True), (16, True), (8, False)]),
        (40, True, [(16, True), (16, True), (8, True)]),
    ],
)
def test_6_12_gathers_16_buffers_a_call(buffers, more, expected):
    w = logged()
    address = buffer(w, 64 * PAGE)
    pipe_begin(w)
    pipe_fill(w, address, buffers * PAGE, 256)
    assert pipe_drain(w, buffers * PAGE, more) == buffers * PAGE
    assert calls(w) == [(pages * PAGE, more, False) for pages, more in expected]
    assert w.pipe_head == w.pipe_tail


def test_more_is_announced_only_while_buffers_follow():
    """A request for more than the pipe holds: the flag follows the pipe's occupancy, not the wish."""
    w = logged()
    address = buffer(w, 32 * PAGE)
    pipe_begin(w)
    pipe_fill(w, address, 20 * PAGE, 256)
    assert pipe_drain(w, 30 * PAGE, False) == 20 * PAGE
    assert calls(w) == [(16 * PAGE, True, False), (4 * PAGE, False, False)]


def test_a_request_for_less_leaves_the_rest_in_the_pipe():
    w = logged()
    address = buffer(w, 4 * PAGE)
    pipe_begin(w)
    pipe_fill(w, address, 3 * PAGE, 256)
    assert pipe_drain(w, PAGE + 10, False) == PAGE + 10
    assert calls(w) == [(PAGE + 10, False, False)] and w.pipe_tail == 1
    assert int(w.pipe[1].size_bytes) == PAGE - 10 and w.pipe[1].address == address + PAGE + 10


@pytest.mark.parametrize("more", [False, True])
def test_6_1_sends_one_buffer_a_call_with_notlast_on_all_but_the_last(more):
    w = logged("6.1")
    address = buffer(w, 4 * PAGE)
    pipe_begin(w)
    pipe_fill(w, address, 3 * PAGE + 5, 256)
    assert pipe_drain(w, 3 * PAGE + 5, more) == 3 * PAGE + 5
    assert calls(w) == [(PAGE, more, True)] * 3 + [(5, more, False)]
    assert counted(w, "sendpages", "sendpages_notlast", "tcp_push", "sendmsg") == (4, 3, 1, 0)


@pytest.mark.parametrize("profile", ["6.1", "6.12"])
@pytest.mark.parametrize("offset, size_bytes", [(0, 1), (0, 65536), (0, 65537), (100, 200_000), (4095, 300_000)])
def test_sendfile_goes_in_rounds_of_16_buffers(profile, offset, size_bytes):
    w = logged(profile, OPEN)
    address = buffer(w, 1 << 19, seed=2) + offset
    assert sendfile(w, address, size_bytes, size_bytes) == size_bytes
    rounds, left, place = [], size_bytes, offset
    while left:
        count = min(left, 16 * PAGE - place % PAGE)
        rounds.append((count, left > count))
        left, place = left - count, place + count
    if profile == "6.12":
        assert calls(w) == [(count, more, False) for count, more in rounds]
    else:
        assert counted(w, "sendpages_notlast")[0] == counted(w, "sendpages")[0] - len(rounds)
        assert [more for _, more, notlast in calls(w) if not notlast] == [more for _, more in rounds]
    finish(w)
    assert received(w) == memory(w, address, size_bytes) and counted(w, "copies") == (0,)


@pytest.mark.parametrize("profile", ["6.1", "6.12"])
@pytest.mark.parametrize("asked, there", [(100_000, 10_000), (65537, 65536), (300_000, 131_072), (10, 0)])
def test_a_file_that_ends_before_leaves_a_promise_which_6_12_takes_back(profile, asked, there):
    """Every call has said MORE. Since 6.5 the end of the file is told to the socket, which pushes (tcp_splice_eof)."""
    w = logged(profile, OPEN)
    address = buffer(w, 1 << 18)
    assert sendfile(w, address, asked, there) == there
    rounds = -(-there // (16 * PAGE))
    assert all(more for _, more, _ in calls(w))
    # each round ends with a push; the one more comes only while something is unsent
    is_unsent = there % 1448 > 0
    assert counted(w, "tcp_push") == (rounds + (profile == "6.12" and is_unsent),)
    assert w.sock[0].write_seq - w.sock[0].snd_nxt == (there % 1448 if profile == "6.1" else 0)


def test_a_file_that_ends_where_it_was_asked_to_promises_nothing():
    w = logged(window=OPEN)
    assert sendfile(w, buffer(w, 1 << 17), 65536, 65536) == 65536
    assert calls(w) == [(65536, False, False)] and counted(w, "tcp_push") == (1,)


@pytest.mark.parametrize("offset, size_bytes", [(0, 8 * PAGE), (100, 5 * PAGE), (4095, 2)])
@pytest.mark.parametrize("profile, frags", [("6.1", 1), ("6.12", None)])
def test_a_buffer_of_a_received_skb_is_one_however_long(profile, frags, offset, size_bytes):
    """One call, and each byte once. Before ca2d49f77ce4 the first page of such a buffer was sent again and again."""
    w = logged(profile, OPEN)
    w.sock[0].size_goal = 65160
    address = buffer(w, 8 * PAGE, seed=3) + offset
    pipe_begin(w)
    assert pipe_add(w, address, size_bytes) == size_bytes and w.pipe_head == 1
    assert pipe_drain(w, size_bytes, False) == size_bytes
    assert calls(w) == [(size_bytes, False, False)] and counted(w, "tcp_push") == (1,)
    assert [len(parts) for parts in queue(w)] == [frags or (offset + size_bytes - 1) // PAGE + 1]
    finish(w)
    assert received(w) == memory(w, address, size_bytes)


def test_a_pipe_is_full_after_256_buffers():
    w = fresh()
    address = buffer(w, PAGE)
    pipe_begin(w)
    assert sum(pipe_add(w, address, 3) for _ in range(300)) == 3 * 256 and pipe_add(w, address, 0) == 0


def test_pages_of_a_file_that_lie_side_by_side_are_fragments_of_their_own():
    w = fresh()
    address = buffer(w, 32 * PAGE)
    sendfile(w, address, 20 * PAGE, 20 * PAGE)
    assert lengths(w) == [65160, 20 * PAGE - 65160]
    assert [len(parts) for parts in queue(w)] == [16, 5], "the goal cuts a page in two"


def test_an_error_after_a_good_start_returns_what_went():
    w = fresh()
    address = buffer(w, 32 * PAGE)
    pipe_begin(w)
    pipe_fill(w, address, 32 * PAGE, 256)
    w.skb[w.free_skb].next = NONE  # one skb left
    assert pipe_drain(w, 32 * PAGE, False) == 65160 and counted(w, "exhausted") > (0,)
    assert w.pipe_tail == 15 and int(w.pipe[15].size_bytes) == 16 * PAGE - 65160
