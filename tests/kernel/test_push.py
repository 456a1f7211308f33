"""What leaves, and when: PSH, MSG_MORE, MSG_SENDPAGE_NOTLAST, the cork, Nagle and the window."""

import pytest
from kernel.worlds import PAGE, buffer, counted, fresh, lengths, send, sent, skbs

from splicelab.kernel.tcp import sendpage, set_cork, set_nodelay, splice_eof
from splicelab.kernel.tcp_input import BY_ACK, BY_TIMER, NOBODY, acknowledge, find_release, finish, start_schedule
from splicelab.kernel.world import MSG_MORE, MSG_SENDPAGE_NOTLAST, NAGLE_OFF

OPEN = 1 << 20
MSS = 1448


def psh(w):
    return [int(w.skb[index].psh) for index in skbs(w)]


def test_more_holds_the_partial_segment_and_sends_full_ones():
    w = fresh(window=OPEN)
    address = buffer(w, 2 * PAGE)
    send(w, (address, 3000), flags=MSG_MORE)
    assert sent(w) == [(2896, 3856, 1)] and counted(w, "tcp_push", "pushes") == (1, 0)
    send(w, (address, 100), flags=MSG_MORE)
    assert len(sent(w)) == 1
    send(w, (address, 1))
    assert [row[0] for row in sent(w)] == [2896, 205] and counted(w, "tcp_push", "pushes") == (3, 1)


def test_an_ack_lets_go_of_what_more_held():
    w = fresh(window=OPEN)
    address = buffer(w, PAGE)
    send(w, (address, 1500), flags=MSG_MORE)
    assert [row[0] for row in sent(w)] == [1448]
    acknowledge(w, 1448)
    assert [row[0] for row in sent(w)] == [1448, 52]


def test_notlast_pushes_nothing_at_all():
    w = fresh("6.1", OPEN)
    page = buffer(w, 4 * PAGE) // PAGE
    assert sendpage(w, page, 0, 3 * PAGE, MSG_SENDPAGE_NOTLAST | MSG_MORE) == 3 * PAGE
    assert sent(w) == [] and counted(w, "tcp_push", "sendpages_notlast") == (0, 1)
    sendpage(w, page, 0, 100, MSG_MORE)
    assert [row[0] for row in sent(w)] == [8 * MSS], "with MORE the full segments leave"
    sendpage(w, page, 0, 100, 0)
    assert [row[0] for row in sent(w)] == [8 * MSS, 3 * PAGE + 200 - 8 * MSS]
    assert counted(w, "tcp_push", "pushes", "sendpages") == (2, 1, 3)


def test_even_notlast_lets_a_full_skb_leave():
    w = fresh("6.1", OPEN, size_goal=2 * MSS)
    page = buffer(w, 4 * PAGE) // PAGE
    sendpage(w, page, 0, 5 * MSS, MSG_SENDPAGE_NOTLAST)
    assert [row[0] for row in sent(w)] == [2 * MSS] * 2 and counted(w, "tcp_push") == (0,)


def test_a_cork_holds_partial_segments_of_every_call():
    w = fresh(window=OPEN)
    address = buffer(w, PAGE)
    set_cork(w, True)
    send(w, (address, 1000))
    assert sent(w) == [] and psh(w) == [1]
    send(w, (address, 500))
    assert [row[0] for row in sent(w)] == [1448] and counted(w, "pushes") == (0,), "PSH stays with the rest"
    set_cork(w, False)
    assert [row[0] for row in sent(w)] == [1448, 52] and counted(w, "pushes", "tcp_push") == (1, 2)


@pytest.mark.parametrize("nodelay, lengths_sent", [(False, [100]), (True, [100, 100])])
def test_nagle_holds_a_small_segment_while_another_is_in_flight(nodelay, lengths_sent):
    w = fresh(window=OPEN)
    w.sock[0].nonagle = NAGLE_OFF if nodelay else 0
    address = buffer(w, PAGE)
    send(w, (address, 100))
    send(w, (address, 100))
    assert [row[0] for row in sent(w)] == lengths_sent
    acknowledge(w, 100)
    assert [row[0] for row in sent(w)] == [100, 100]


def test_nodelay_set_later_lets_out_what_nagle_holds_and_what_a_cork_does():
    w = fresh(window=OPEN)  # net/ipv4/tcp.c: __tcp_sock_set_nodelay
    address = buffer(w, PAGE)
    for size_bytes in (200, 300):
        send(w, (address, size_bytes))
    assert [row[0] for row in sent(w)] == [200] and w.sock[0].calls == 2
    set_nodelay(w, True)
    assert [row[0] for row in sent(w)] == [200, 300] and w.sock[0].calls == 3, "it counts as a call, as uncorking does"
    set_nodelay(w, True)
    set_nodelay(w, False)
    assert w.sock[0].calls == 3 and not w.sock[0].nonagle & NAGLE_OFF, "nothing to send is no call"
    set_cork(w, True)
    send(w, (address, 70))
    assert len(sent(w)) == 2
    set_nodelay(w, True)
    assert [row[0] for row in sent(w)][2:] == [70]
    send(w, (address, 80))
    assert len(sent(w)) == 3, "the cork still holds what comes after"


@pytest.mark.parametrize(
    "nodelay, corked, sizes, flags, unsent, release",
    [
        (True, False, [38], MSG_MORE, 38, BY_TIMER),
        (True, False, [38], 0, 0, NOBODY),
        (False, False, [200, 120], 0, 120, BY_ACK),
        (True, False, [200, 120], 0, 0, NOBODY),
        (False, False, [MSS + 300], 0, 0, NOBODY),
        (False, False, [MSS + 300, 50], 0, 50, BY_ACK),
        (True, False, [MSS + 300], MSG_MORE, 300, BY_ACK),
        (True, False, [MSS, 300], MSG_MORE, 300, BY_TIMER),
        (False, True, [MSS + 300], 0, 300, BY_TIMER),
    ],
)
def test_what_waits_when_all_calls_have_returned_and_for_what(nodelay, corked, sizes, flags, unsent, release):
    w = fresh(window=OPEN)
    start_schedule(w, OPEN, 0, 0)
    set_nodelay(w, nodelay)
    set_cork(w, corked)
    for size_bytes in sizes:
        call_seq = w.sock[0].write_seq
        send(w, (buffer(w, PAGE), size_bytes), flags=flags)
    assert find_release(w, call_seq) == release and w.sock[0].waited_bytes == unsent
    finish(w)
    assert sum(row[0] for row in sent(w)) == sum(sizes)


def test_a_shut_window_waits_for_an_ack_also_without_nagle():
    w = fresh(window=2)
    start_schedule(w, 2, 0, 0)
    set_nodelay(w, True)
    send(w, (buffer(w, 4 * PAGE), 3 * MSS))
    assert find_release(w, w.sock[0].write_seq) == BY_ACK and w.sock[0].waited_bytes == MSS


def test_the_end_of_a_file_pushes_what_was_announced_and_nothing_else():
    w = fresh(window=OPEN)
    send(w, (buffer(w, PAGE), 100), flags=MSG_MORE)
    splice_eof(w)
    assert sent(w) == [(100, 1060, 1)] and counted(w, "tcp_push", "pushes") == (2, 1)
    splice_eof(w)
    assert counted(w, "tcp_push") == (2,), "with an empty queue it returns at once"


@pytest.mark.parametrize("most, expected", [(1, [MSS, MSS, 10]), (2, [2 * MSS, 10]), (65535, [2 * MSS + 10])])
def test_pacing_may_let_fewer_segments_into_an_skb(most, expected):
    w = fresh(window=OPEN)  # net/ipv4/tcp_output.c: tcp_tso_autosize
    w.sock[0].max_segments = most
    send(w, (buffer(w, PAGE), 2 * MSS + 10))
    assert [row[0] for row in sent(w)] == expected


@pytest.mark.parametrize("goal_segs, expected", [(44, [44, 44, 36]), (45, [45, 45, 34]), (124, [124])])
def test_a_goal_above_64_kib_is_the_size_of_an_skb(goal_segs, expected):
    w = fresh(window=OPEN, size_goal=goal_segs * MSS)  # BIG TCP: sk_gso_max_size is that of the device
    send(w, (buffer(w, 1 << 18), 124 * MSS))
    assert [row[0] // MSS for row in sent(w)] == expected


def test_nagle_does_not_hold_behind_full_segments():
    w = fresh(window=OPEN)
    address = buffer(w, PAGE)
    send(w, (address, MSS))
    send(w, (address, 10))
    assert [row[0] for row in sent(w)] == [MSS, 10]


def test_the_window_cuts_an_skb_in_whole_segments():
    w = fresh(window=4)
    address = buffer(w, 16 * PAGE)
    send(w, (address, 20 * MSS + 7))
    assert [row[0] for row in sent(w)] == [2 * MSS, 2 * MSS], "half of the window at a time"
    acknowledge(w, 4 * MSS)
    assert sum(row[0] for row in sent(w)) > 8 * MSS and sum(lengths(w)) == 16 * MSS + 7


def test_half_of_the_largest_window_forces_a_push():
    w = fresh(size_goal=2 * MSS)
    w.sock[0].half_window = 3 * MSS
    address = buffer(w, 4 * PAGE)
    send(w, (address, 2 * MSS), flags=MSG_MORE)
    assert psh(w) == [0]
    send(w, (address, 5 * MSS), flags=MSG_MORE)
    assert psh(w) == [0, 1, 0, 0] and w.sock[0].pushed_seq == 4 * MSS


def test_pulling_the_cork_pushes_by_the_mss_of_that_moment():
    w = fresh(window=OPEN)  # include/net/tcp.h: tcp_push_pending_frames asks tcp_current_mss
    start_schedule(w, OPEN, 1, 0)
    w.goal[0] = (1, 0, 500, 5000, 5000)
    set_cork(w, True)
    send(w, (buffer(w, PAGE), 1001))
    set_cork(w, False)
    assert [row[0] for row in sent(w)] == [1001] and counted(w, "segments") == (3,)


def test_the_probe_timer_counts_only_the_skb_at_the_head_as_pushed():
    w = fresh("6.1", OPEN)  # net/ipv4/tcp_output.c: tcp_write_wakeup
    for _ in range(18):
        sendpage(w, buffer(w, PAGE) // PAGE, 0, 100, MSG_SENDPAGE_NOTLAST)
    assert sent(w) == [] and lengths(w) == [1700, 100]
    finish(w)
    assert [row[0] for row in sent(w)] == [MSS, 1700 - MSS, 100] and w.sock[0].pushed_seq == 1700


def test_the_first_bytes_of_a_call_take_psh_back():
    w = fresh()
    address = buffer(w, PAGE)
    send(w, (address, 10))
    assert psh(w) == [1]
    send(w, (address, 10), flags=MSG_MORE)
    assert psh(w) == [0] and lengths(w) == [20]
