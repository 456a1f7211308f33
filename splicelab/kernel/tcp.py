"""The send calls of TCP: sendmsg with copy, MSG_SPLICE_PAGES or MSG_ZEROCOPY, and the older sendpage.

Source: Linux 6.12 and 6.1 net/ipv4/tcp.c: tcp_sendmsg_locked; Linux 6.1 net/ipv4/tcp.c: do_tcp_sendpages.
"""

from splicelab._jit import jit
from splicelab.kernel.attach import append_copy, append_splice, append_zerocopy, pick_uarg
from splicelab.kernel.iov import iov_add, iov_begin
from splicelab.kernel.schedule import flush_backlog, read_goal, release_sock
from splicelab.kernel.skb import append_frag, charge, entail, queue_tail, remove_empty_tail
from splicelab.kernel.tcp_output import is_forced_push, mark_push, push, push_pending, write_xmit
from splicelab.kernel.world import (
    CALL,
    EMSGSIZE,
    ENOMEM,
    MSG_EOR,
    MSG_MORE,
    MSG_SENDPAGE_NOTLAST,
    MSG_SPLICE_PAGES,
    MSG_ZEROCOPY,
    NAGLE_CORK,
    NAGLE_OFF,
    NAGLE_PUSH,
    NONE,
    PAGE_SIZE,
    UNCORK,
    log,
)

BACKLOG_SKBS = 16
COPY_DATA, SPLICE_DATA, ZEROCOPY_DATA = range(3)


@jit
def sendmsg(w, flags):
    """Send the segments of ``w.iov`` in one call; return the bytes taken, or a negative errno if none were.

    One call copies all of its data or attaches all of it. Without scatter-gather the flag is ignored and all is copied.
    """
    sk = w.sock[0]
    tally = w.tally[0]
    tally.sends += 1
    tally.sendmsg += 1
    tally.sendmsg_bytes += w.iov_left
    log(w, CALL, flags, sk.write_seq, w.iov_left)
    how = COPY_DATA
    if sk.scatter_gather != 0 and flags & MSG_ZEROCOPY:
        how = ZEROCOPY_DATA
        pick_uarg(w)
    elif sk.scatter_gather != 0 and flags & MSG_SPLICE_PAGES and w.profile[0].has_splice_pages != 0:
        how = SPLICE_DATA
    read_goal(w, 0)
    mss, size_goal = sk.mss, sk.size_goal
    begun = flushes = copied = error = 0
    while w.iov_left > 0 and error == 0:
        index = queue_tail(w)
        room = 0 if index == NONE or w.skb[index].eor != 0 else size_goal - w.skb[index].len
        taken = -EMSGSIZE if room <= 0 else append(w, index, min(room, w.iov_left), how)
        if taken == -EMSGSIZE:
            if room > 0:
                mark_push(w, index)
            if begun == BACKLOG_SKBS:
                begun = 0
                flushes += 1
                if flush_backlog(w, flushes):
                    mss, size_goal = sk.mss, sk.size_goal
                    continue
            index = entail(w)
            if index == NONE:
                error = -ENOMEM
                continue
            begun += 1
            taken = append(w, index, min(size_goal, w.iov_left), how)
        if taken < 0:
            error = taken
            continue
        if copied == 0:
            w.skb[index].psh = 0
        sk.write_seq += taken
        copied += taken
        if w.iov_left == 0:
            w.skb[index].eor = 1 if flags & MSG_EOR else 0
        elif w.skb[index].len >= size_goal:
            push_full(w, index, mss)
    remove_empty_tail(w)
    if copied > 0:
        push(w, flags, mss, sk.nonagle)
    release_sock(w)
    return copied if copied > 0 else error


@jit
def append(w, index, size_bytes, how):
    """Put the next bytes of the message into an skb; return how many, or a negative errno."""
    if how == SPLICE_DATA:
        return append_splice(w, index, size_bytes)
    if how == ZEROCOPY_DATA:
        return append_zerocopy(w, index, size_bytes)
    return append_copy(w, index, size_bytes)


@jit
def push_full(w, index, mss):
    """Let a full skb leave while the call goes on."""
    if is_forced_push(w):
        mark_push(w, index)
        write_xmit(w, mss, NAGLE_PUSH, False)
    elif index == w.sock[0].send_head:
        write_xmit(w, mss, NAGLE_PUSH, True)


@jit
def sendpage(w, page, offset, size_bytes, flags):
    """Attach a part of a page, or of a compound page, by reference (Linux 6.1); return the bytes taken.

    Nobody asks whether the page may be referenced: outside of debug kernels a slab page goes out like any other.
    Without scatter-gather the data is copied, and MSG_SENDPAGE_NOTLAST means nothing.
    """
    sk = w.sock[0]
    if sk.scatter_gather == 0:
        iov_begin(w)
        iov_add(w, page * PAGE_SIZE + offset, size_bytes)
        return sendmsg(w, flags & MSG_MORE)
    tally = w.tally[0]
    tally.sends += 1
    tally.sendpages += 1
    tally.sendpages_bytes += size_bytes
    log(w, CALL, flags, sk.write_seq, size_bytes)
    if flags & MSG_SENDPAGE_NOTLAST:
        tally.sendpages_notlast += 1
    read_goal(w, 0)
    mss, size_goal = sk.mss, sk.size_goal
    left = size_bytes
    while left > 0:
        index = queue_tail(w)
        room = 0 if index == NONE or w.skb[index].eor != 0 else size_goal - w.skb[index].len
        count = min(room, left)
        if room <= 0 or not append_frag(w, index, page, offset, count):
            if room > 0:
                mark_push(w, index)
            index = entail(w)
            if index == NONE:
                return -ENOMEM
            count = min(size_goal, left)
            append_frag(w, index, page, offset, count)
        skb = w.skb[index]
        skb.pure_zerocopy = 0
        skb.len += count
        skb.truesize += count
        charge(w, count)
        if left == size_bytes:
            skb.psh = 0
        sk.write_seq += count
        offset += count
        left -= count
        if left > 0 and skb.len >= size_goal:
            push_full(w, index, mss)
    if flags & MSG_SENDPAGE_NOTLAST == 0:
        push(w, flags, mss, sk.nonagle)
    release_sock(w)
    return size_bytes


@jit
def set_cork(w, is_on):
    """Cork the socket, or uncork it and send what waited; uncorking counts as a call when there is something to send.

    Source: Linux 6.12 net/ipv4/tcp.c: __tcp_sock_set_cork.
    """
    sk = w.sock[0]
    if is_on:
        sk.nonagle |= NAGLE_CORK
        return
    sk.nonagle &= ~NAGLE_CORK
    if sk.nonagle & NAGLE_OFF:
        sk.nonagle |= NAGLE_PUSH
    log(w, UNCORK, 0, sk.write_seq, 0)
    if sk.send_head != NONE:
        push_pending(w)
        release_sock(w)
