"""What comes back: ACKs, the receiver that reads, loss and retransmission.

Source: Linux 6.12 and 6.1 net/ipv4/tcp_input.c: tcp_clean_rtx_queue, tcp_data_snd_check; net/ipv4/tcp_cong.c:
tcp_slow_start; net/ipv4/tcp_output.c: tcp_write_wakeup.
"""

from splicelab._jit import jit
from splicelab.kernel.skb import free_skb, split_skb
from splicelab.kernel.tcp_output import mark_push, push_pending, transmit
from splicelab.kernel.wire import deliver
from splicelab.kernel.world import ACK, NONE, TRANSMIT, log


@jit
def acknowledge(w, seq):
    """Process an ACK up to ``seq``: drop what it covers, open the window by slow start, push what waited."""
    sk = w.sock[0]
    sk.snd_una = max(sk.snd_una, min(seq, sk.snd_nxt))
    log(w, ACK, sk.snd_una, 0, 0)
    acked_segs = 0
    while sk.una_head != sk.send_head:
        index = sk.una_head
        skb = w.skb[index]
        if skb.seq + skb.len <= sk.snd_una:
            acked_segs += skb.gso_segs
            sk.una_head = skb.next
            continue
        covered = sk.snd_una - skb.seq
        if covered > skb.acked_bytes and skb.gso_segs > 1:
            left = (skb.len - covered + skb.gso_size - 1) // skb.gso_size
            acked_segs += skb.gso_segs - left
            skb.gso_segs = left
            skb.acked_bytes = covered
        break
    sk.packets_out -= acked_segs
    if sk.cwnd_limited != 0 or sk.cwnd < 2 * sk.max_packets_out:
        sk.cwnd += acked_segs
    if sk.receiver_shares_pages == 0:
        read_all(w)
    push_pending(w)


@jit
def read_all(w):
    """Let the receiver read: over loopback only now do the fragments of ACKed skbs lose their references."""
    sk = w.sock[0]
    while sk.read_head != sk.una_head:
        index = sk.read_head
        sk.read_head = w.skb[index].next
        if sk.read_head != NONE:
            w.skb[sk.read_head].prev = NONE
        else:
            sk.tail = NONE
        free_skb(w, index)


@jit
def retransmit(w, seq):
    """Send again what was lost before ``seq``, in the bytes that memory holds *now*. Return the number of skbs."""
    sk = w.sock[0]
    index = sk.una_head
    count = 0
    while index != sk.send_head and w.skb[index].seq < seq:
        skb = w.skb[index]
        if skb.delivered == 0:
            log(w, TRANSMIT, index, skb.seq, skb.len)
            deliver(w, index)
            count += 1
        index = skb.next
    w.tally[0].retransmits += count
    return count


@jit
def finish(w):
    """End a message: all that is in flight is ACKed, what waits behind MORE goes by timer, the receiver reads all."""
    sk = w.sock[0]
    while sk.una_head != NONE:
        if sk.una_head == sk.send_head:
            send_by_timer(w)
        acknowledge(w, sk.snd_nxt)
    read_all(w)


@jit
def send_by_timer(w):
    """Send the head of the queue whatever Nagle or MORE says, as the probe timer does after 200 ms.

    Source: Linux 6.12 net/ipv4/tcp_output.c: tcp_write_wakeup.
    """
    sk = w.sock[0]
    index = sk.send_head
    if w.skb[index].len > sk.mss:
        split_skb(w, index, sk.mss)
    mark_push(w, index)
    transmit(w, index, sk.mss)
