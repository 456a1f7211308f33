"""What comes back: ACKs, the receiver that reads, loss and retransmission, and the schedule of a recording.

Source: Linux 6.12 and 6.1 net/ipv4/tcp_input.c: tcp_clean_rtx_queue, tcp_data_snd_check; net/ipv4/tcp_cong.c:
tcp_slow_start; net/ipv4/tcp_output.c: tcp_write_wakeup; net/core/sock.c: release_sock, sk_flush_backlog.

A recording knows, and the model does not predict, which size goals the calls read and when ACKs arrived. Its rows are
ordered by (call, flush): flush 0 stands before a call (goals) or after it returned (ACKs), flush k for the k-th time
that a sendmsg looked at its backlog. Without rows nothing changes, and nothing is acknowledged by itself.
"""

from splicelab._jit import jit
from splicelab.kernel.memory import unsigned
from splicelab.kernel.skb import free_skb, split_skb
from splicelab.kernel.tcp_output import is_held, push_pending, transmit
from splicelab.kernel.wire import deliver
from splicelab.kernel.world import ACK, NAGLE_CORK, NONE, TRANSMIT, log

AFTER_ALL_CALLS = 1 << 20
NOBODY, BY_ACK, BY_TIMER = range(3)


@jit
def acknowledge(w, seq):
    """Process an ACK up to ``seq``: drop what it covers, open the window by slow start, push what waited."""
    sk, acked_segs = w.sock[0], 0
    sk.snd_una = max(sk.snd_una, min(seq, sk.snd_nxt))
    log(w, ACK, sk.snd_una, 0, 0)
    while sk.una_head != sk.send_head:
        skb = w.skb[unsigned(sk.una_head)]
        covered = sk.snd_una - skb.seq
        if covered < skb.len:
            if covered > skb.acked_bytes and skb.gso_segs > 1:
                left = (skb.len - covered + skb.gso_size - 1) // skb.gso_size
                acked_segs += skb.gso_segs - left
                skb.gso_segs, skb.acked_bytes = left, covered
            break
        acked_segs += skb.gso_segs
        sk.una_head = skb.next
    sk.packets_out -= acked_segs
    if sk.cwnd_limited != 0 or sk.cwnd < 2 * sk.max_packets_out:
        sk.cwnd += acked_segs
    if sk.receiver_shares_pages == 0:
        read_all(w)
    push_pending(w)


@jit
def read_all(w):
    """Let the receiver read: over loopback only now do the fragments of ACKed skbs lose their references."""
    while w.sock[0].read_head != w.sock[0].una_head:
        free_skb(w, w.sock[0].read_head)


@jit
def retransmit(w, seq):
    """Send again what was lost before ``seq``, in the bytes that memory holds *now*."""
    index = w.sock[0].una_head
    while index != w.sock[0].send_head and w.skb[unsigned(index)].seq < seq:
        skb = w.skb[unsigned(index)]
        if skb.delivered == 0:
            log(w, TRANSMIT, index, skb.seq, skb.len)
            deliver(w, index)
            w.tally[0].retransmits += 1
        index = skb.next


@jit
def probe(w):
    """Let the probe timer send the head of the queue after 200 ms, one MSS at most, whatever Nagle or MORE says.

    It fires when nothing is in flight, counts all of that skb as pushed, and what it sends as no small packet.
    """
    sk, index, small = w.sock[0], w.sock[0].send_head, w.sock[0].snd_sml
    skb = w.skb[index]
    skb.psh = 1
    sk.pushed_seq = max(sk.pushed_seq, skb.seq + skb.len)
    if skb.len > sk.mss:
        split_skb(w, index, sk.mss)
        skb.psh = 1
    transmit(w, index, sk.mss)
    sk.snd_sml = small


@jit
def finish(w):
    """End a message: all that is in flight is ACKed, what waits behind MORE goes by timer, the receiver reads all.

    Goals that no call has read are in force by now.
    """
    sk = w.sock[0]
    sk.calls = AFTER_ALL_CALLS
    read_goal(w, 0)
    while sk.una_head != NONE:
        if sk.una_head == sk.send_head:
            probe(w)
        acknowledge(w, sk.snd_nxt)
    read_all(w)


@jit
def find_release(w, call_seq):
    """Note how many bytes wait now that the last call, from ``call_seq`` on, has returned; return what they wait for.

    An ACK pushes them: what Nagle or the window hold, and what the call itself left behind when it sent a part, whose
    ACK is still to come. That of earlier calls may have come before. The cork waits for more data, MORE too, and else
    for the timer: also where the schedule ACKs, at this moment, what nothing else can have sent.
    """
    sk = w.sock[0]
    if sk.snd_nxt < sk.write_seq or sk.waited_calls != sk.calls:
        sk.waited_bytes = sk.write_seq - sk.snd_nxt
        needs_ack = sk.packets_out >= sk.cwnd or sk.snd_nxt > call_seq or is_held(w, True, sk.nonagle)
        if sk.packets_out > 0 and (sk.nonagle & NAGLE_CORK) == 0 and needs_ack:
            return BY_ACK if sk.waited_bytes > 0 else NOBODY
    return BY_TIMER if sk.waited_bytes > 0 else NOBODY


def start_schedule(w, cwnd, goals, acks):
    """Begin a message: count its calls from zero, start with this window and so many rows of goals and ACKs."""
    sk = w.sock[0]
    sk.calls = sk.next_goal = sk.next_ack = 0
    sk.cwnd, sk.goals, sk.acks = cwnd, goals, acks


@jit
def is_due(w, row, flush):
    """Return whether a row of the schedule stands at or before this moment."""
    calls = w.sock[0].calls
    return row[0] < calls or (row[0] == calls and row[1] <= flush)


@jit
def read_goal(w, flush):
    """Take over MSS, size goal and half of the largest window from this moment; return whether there was a new row."""
    sk = w.sock[0]
    first = sk.next_goal
    while sk.next_goal < sk.goals and is_due(w, w.goal[sk.next_goal], flush):
        row = w.goal[sk.next_goal]
        sk.mss, sk.size_goal, sk.half_window = row[2], row[3], row[4]
        sk.next_goal += 1
    return sk.next_goal != first


@jit(inline="always")
def flush_backlog(w, flush):
    """Process the ACKs that wait at this moment; return whether MSS and goal must be read again.

    Bytes that are ACKed were sent: if they wait and nothing is in flight, the probe timer has fired.
    """
    sk = w.sock[0]
    first = sk.next_ack
    while sk.next_ack < sk.acks and is_due(w, w.ack[sk.next_ack], flush):
        seq = w.ack[sk.next_ack, 2]
        sk.next_ack += 1
        if seq > sk.snd_nxt and sk.packets_out == 0 and sk.send_head != NONE:
            sk.waited_calls, sk.waited_bytes = sk.calls, sk.write_seq - sk.snd_nxt
            probe(w)
        acknowledge(w, seq)
    return read_goal(w, flush) or sk.next_ack != first if flush > 0 else False


@jit(inline="always")
def release_sock(w):
    """End a call: count it and process the ACKs that arrived while the socket was busy, or one for all in flight."""
    sk = w.sock[0]
    sk.calls += 1
    if sk.next_ack < sk.acks:
        flush_backlog(w, 0)
    if sk.acks_each_call != 0 and sk.packets_out > 0:
        acknowledge(w, sk.snd_nxt)
