"""The send calls of TCP: sendmsg with copy, MSG_SPLICE_PAGES or MSG_ZEROCOPY, and the older sendpage.

Source: Linux 6.12 and 6.1 net/ipv4/tcp.c: tcp_sendmsg_locked; Linux 6.1 net/ipv4/tcp.c: do_tcp_sendpages.
"""

from splicelab._jit import jit
from splicelab.kernel import world as flag
from splicelab.kernel.attach import append_copy, append_splice, append_zerocopy, pick_uarg
from splicelab.kernel.iov import iov_add, iov_begin
from splicelab.kernel.memory import unsigned
from splicelab.kernel.skb import entail, free_skb, grow, queue_tail
from splicelab.kernel.skb_frag import NO_OBJECT, append_frag
from splicelab.kernel.tcp_input import flush_backlog, read_goal, release_sock
from splicelab.kernel.tcp_output import is_forced_push, mark_push, push, push_pending, write_xmit
from splicelab.kernel.world import CALL, EMSGSIZE, ENOMEM, NONE, PAGE_SIZE, UNCORK, log

BACKLOG_SKBS = 16
COPY_DATA, SPLICE_DATA, ZEROCOPY_DATA = range(3)


@jit
def sendmsg(w, flags):
    """Send the segments of ``w.iov`` in one call; return the bytes taken, or a negative errno if none were.

    One call copies all of its data or attaches all of it. Without scatter-gather the flag is ignored and all is copied.
    """
    sk = w.sock[0]
    count_call(w, flags, w.iov_left)
    w.tally[0].sendmsg += 1
    w.tally[0].sendmsg_bytes += w.iov_left
    how = COPY_DATA
    if sk.scatter_gather != 0 and flags & flag.MSG_ZEROCOPY and w.iov_left > 0:
        how = ZEROCOPY_DATA
        pick_uarg(w)
    elif sk.scatter_gather != 0 and flags & flag.MSG_SPLICE_PAGES and w.profile[0].has_splice_pages != 0:
        how = SPLICE_DATA
    read_goal(w, 0)
    mss, size_goal = sk.mss, sk.size_goal
    begun = flushes = copied = taken = 0
    while w.iov_left > 0 and (taken >= 0 or taken == -EMSGSIZE):
        index = queue_tail(w)
        room = 0 if taken == -EMSGSIZE else find_room(w, index, size_goal)
        if room == 0:
            if begun == BACKLOG_SKBS:
                begun = taken = 0
                flushes += 1
                if flush_backlog(w, flushes):
                    mss, size_goal = sk.mss, sk.size_goal
                    continue
            index, room = entail(w), size_goal
            begun += 1
        taken = append(w, index, min(room, w.iov_left), how) if index != NONE else -ENOMEM
        if taken == -EMSGSIZE:
            mark_push(w, index)
        elif taken > 0:
            advance(w, index, taken, copied == 0)
            copied += taken
            if w.iov_left > 0 and w.skb[unsigned(index)].len >= size_goal:
                push_full(w, index, mss)
    tail = queue_tail(w)
    if tail != NONE and w.skb[unsigned(tail)].len == 0:
        free_skb(w, tail)
    if copied > 0:
        if flags & flag.MSG_EOR and taken > 0:
            w.skb[tail].eor = 1
        push(w, flags, mss, sk.nonagle)
    release_sock(w)
    return copied if copied > 0 else taken


@jit(inline="always")
def count_call(w, flags, size_bytes):
    """Count one call into TCP."""
    w.tally[0].sends += 1
    log(w, CALL, flags, w.sock[0].write_seq, size_bytes)


@jit(inline="always")
def find_room(w, index, size_goal):
    """Return how many more bytes the last unsent skb may take."""
    return 0 if index == NONE or w.skb[unsigned(index)].eor != 0 else max(size_goal - w.skb[unsigned(index)].len, 0)


@jit(inline="always")
def advance(w, index, size_bytes, is_first):
    """Move the stream on; the first bytes of a call take back an earlier PSH."""
    w.sock[0].write_seq += size_bytes
    if is_first:
        w.skb[unsigned(index)].psh = 0


@jit(inline="always")
def append(w, index, size_bytes, how):
    """Put the next bytes of the message into an skb; return how many, or a negative errno."""
    if how == SPLICE_DATA:
        return append_splice(w, index, size_bytes)
    if how == ZEROCOPY_DATA:
        return append_zerocopy(w, index, size_bytes)
    return append_copy(w, index, size_bytes)


@jit(inline="always")
def push_full(w, index, mss):
    """Let a full skb leave while the call goes on."""
    if is_forced_push(w):
        mark_push(w, index)
        write_xmit(w, mss, flag.NAGLE_PUSH, False)
    elif index == w.sock[0].send_head:
        write_xmit(w, mss, flag.NAGLE_PUSH, True)


@jit
def sendpage(w, page, offset, size_bytes, flags):
    """Attach a part of a page, or of a compound page, by reference (Linux 6.1); return the bytes taken.

    Nobody asks whether the page may be referenced: outside of debug kernels a slab page goes out like any other.
    Without scatter-gather the data is copied, and MSG_SENDPAGE_NOTLAST means nothing.
    """
    sk, tally = w.sock[0], w.tally[0]
    if sk.scatter_gather == 0:
        iov_begin(w)
        iov_add(w, page * PAGE_SIZE + offset, size_bytes)
        return sendmsg(w, flags & flag.MSG_MORE)
    count_call(w, flags | flag.MSG_OF_SENDPAGE, size_bytes)
    tally.sendpages += 1
    tally.sendpages_bytes += size_bytes
    tally.sendpages_notlast += flags & flag.MSG_SENDPAGE_NOTLAST != 0
    read_goal(w, 0)
    mss, size_goal, sent = sk.mss, sk.size_goal, 0
    while sent < size_bytes:
        index = queue_tail(w)
        room = find_room(w, index, size_goal)
        count = min(room, size_bytes - sent)
        if room == 0 or not append_frag(w, index, page, offset + sent, count, NO_OBJECT):
            if room > 0:
                mark_push(w, index)
            index = entail(w)
            if index == NONE:
                return -ENOMEM
            count = min(size_goal, size_bytes - sent)
            append_frag(w, index, page, offset + sent, count, NO_OBJECT)
        w.skb[index].pure_zerocopy = 0
        grow(w, index, count, count)
        advance(w, index, count, sent == 0)
        sent += count
        if sent < size_bytes and w.skb[index].len >= size_goal:
            push_full(w, index, mss)
    if flags & flag.MSG_SENDPAGE_NOTLAST == 0:
        push(w, flags, mss, sk.nonagle)
    release_sock(w)
    return sent


@jit
def set_cork(w, is_on):
    """Cork the socket, or uncork it and send what waited; uncorking counts as a call when there is something to send.

    Source: Linux 6.12 net/ipv4/tcp.c: __tcp_sock_set_cork.
    """
    sk = w.sock[0]
    if is_on:
        sk.nonagle |= flag.NAGLE_CORK
        return
    sk.nonagle &= ~flag.NAGLE_CORK
    if sk.nonagle & flag.NAGLE_OFF:
        sk.nonagle |= flag.NAGLE_PUSH
    log(w, UNCORK, 0, sk.write_seq, 0)
    push_what_waits(w)


# Not compiled: only predictions call it.
def set_nodelay(w, is_on):
    """Set or clear TCP_NODELAY. Setting it lets out at once what Nagle holds, and what a cork does.

    Source: Linux 6.12 net/ipv4/tcp.c: __tcp_sock_set_nodelay.
    """
    sk = w.sock[0]
    if is_on:
        sk.nonagle |= flag.NAGLE_OFF | flag.NAGLE_PUSH
        push_what_waits(w)
    else:
        sk.nonagle &= ~flag.NAGLE_OFF


@jit
def push_what_waits(w):
    """Send by the socket's own setting, as a call of its own if there is something to send."""
    if w.sock[0].send_head != NONE:
        read_goal(w, 0)
        push_pending(w)
        release_sock(w)


@jit
def splice_eof(w):
    """Push what sendfile announced more for, when the file turns out to have ended.

    Source: Linux 6.12 net/ipv4/tcp.c: tcp_splice_eof.
    """
    sk = w.sock[0]
    if sk.send_head != NONE:
        read_goal(w, 0)
        push(w, 0, sk.mss, sk.nonagle)
        release_sock(w)
