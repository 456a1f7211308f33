"""What leaves, and when: push, Nagle and cork, the congestion window's quota.

Source: Linux 6.12 and 6.1 net/ipv4/tcp.c: tcp_push; net/ipv4/tcp_output.c: tcp_write_xmit, tcp_mss_split_point,
tcp_nagle_check, tcp_minshall_update, tcp_cwnd_test, tcp_tso_autosize.
"""

from splicelab._jit import jit
from splicelab.kernel.memory import unsigned
from splicelab.kernel.skb import grow_from_next, queue_tail, split_skb
from splicelab.kernel.skb_frag import copy_out_all
from splicelab.kernel.wire import deliver
from splicelab.kernel.world import COPY_ON_REF, LOSE, MSG_MORE, NAGLE_CORK, NAGLE_PUSH, NONE, PUSH, TRANSMIT, log

GSO_MAX_BYTES = 65536 - 320 - 1


@jit(inline="always")
def is_forced_push(w):
    """Return whether more than half of the largest window was written since the last push."""
    sk = w.sock[0]
    return sk.write_seq > sk.pushed_seq + sk.half_window


@jit(inline="always")
def mark_push(w, index):
    """Set PSH on an skb and remember how far the stream was pushed."""
    w.skb[unsigned(index)].psh = 1
    w.sock[0].pushed_seq = w.sock[0].write_seq


@jit(inline="always")
def push(w, flags, mss, nonagle):
    """End a send call: mark PSH unless more is announced, and let leave what Nagle, cork and window allow.

    Autocorking never holds on loopback: the driver gives the memory of a sent skb back at once.
    """
    index = queue_tail(w)
    w.tally[0].tcp_push += 1
    log(w, PUSH, flags, w.sock[0].write_seq, 0)
    if index == NONE:
        return
    if (flags & MSG_MORE) == 0 or is_forced_push(w):
        mark_push(w, index)
    write_xmit(w, mss, NAGLE_CORK if flags & MSG_MORE else nonagle, False)


@jit(inline="always")
def push_pending(w):
    """Send what may leave by the socket's own setting, as after every ACK and when the cork is pulled."""
    sk = w.sock[0]
    if sk.send_head != NONE:
        write_xmit(w, sk.mss, sk.nonagle, False)


@jit(inline="always")
def is_held(w, is_partial, nonagle):
    """Return whether Nagle or the cork holds back a segment shorter than one MSS."""
    sk = w.sock[0]
    small_in_flight = sk.snd_una < sk.snd_sml <= sk.snd_nxt
    return is_partial and ((nonagle & NAGLE_CORK) != 0 or (nonagle == 0 and sk.packets_out > 0 and small_in_flight))


@jit
def write_xmit(w, mss, nonagle, one_only):
    """Transmit from the head of the write queue until quota, Nagle or the cork says stop.

    A goal above 64 KiB (BIG TCP) tells that the device takes skbs of that size.
    """
    sk, has_sent = w.sock[0], False
    max_segs = min(max(max(GSO_MAX_BYTES, sk.size_goal) // mss, 2), sk.max_segments)
    while sk.send_head != NONE:
        index = sk.send_head
        skb = w.skb[unsigned(index)]
        quota = min(max(sk.cwnd >> 1, 1), sk.cwnd - sk.packets_out, max_segs)
        if quota <= 0 or skb.len == 0:
            break
        if w.profile[0].grows_skbs != 0 and skb.next != NONE and quota * mss > skb.len:
            grow_from_next(w, index, quota * mss - skb.len)
        is_last, limit = skb.next == NONE, quota * mss
        if skb.len <= mss:
            if is_last and (nonagle & NAGLE_PUSH) == 0 and is_held(w, skb.len < mss, nonagle):
                break
        elif is_last and limit > skb.len:
            partial = skb.len % mss
            limit = skb.len - partial if is_held(w, partial != 0, nonagle) else skb.len
        if skb.len > limit and not split_skb(w, index, limit):
            break
        transmit(w, index, mss)
        has_sent = True
        if one_only:
            break
    is_limited = sk.packets_out >= sk.cwnd
    is_new_peak = sk.cwnd_limited == 0 and sk.packets_out > sk.max_packets_out
    if is_limited or (has_sent and (sk.snd_una >= sk.cwnd_usage_seq or is_new_peak)):
        sk.cwnd_limited = 1 if is_limited else 0
        sk.max_packets_out = sk.packets_out
        sk.cwnd_usage_seq = sk.snd_nxt


@jit(inline="always")
def transmit(w, index, mss):
    """Hand the first unsent skb to the wire: from now on it waits for its ACK."""
    sk, skb, tally = w.sock[0], w.skb[unsigned(index)], w.tally[0]
    size_bytes, segs = skb.len, (skb.len + mss - 1) // mss
    skb.gso_size, skb.gso_segs = mss, segs
    if sk.receiver_shares_pages != 0 or (sk.slab_rule == COPY_ON_REF and sk.segments_in_software * segs > 1):
        copy_out_all(w, index)
    sk.send_head = skb.next
    sk.snd_nxt = skb.seq + size_bytes
    sk.packets_out += segs
    tally.skbs += 1
    tally.segments += segs
    tally.pushes += skb.psh
    tally.sent_bytes += size_bytes
    if size_bytes < segs * mss:
        sk.snd_sml = sk.snd_nxt
        tally.short_segments += 1
    if w.transmitted < len(w.transmit):
        row = w.transmit[w.transmitted]
        row[0], row[1], row[2] = skb.len, skb.truesize, skb.nr_frags
    w.transmitted += 1
    if sk.lose > 0:
        sk.lose -= 1
        log(w, LOSE, index, skb.seq, skb.len)
    else:
        log(w, TRANSMIT, index, skb.seq, skb.len)
        deliver(w, index)
