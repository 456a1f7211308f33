"""splice and sendfile: pages travel through a pipe of buffers, at most a page each but for what a socket received.

Source: Linux 6.12 fs/splice.c: splice_to_socket, splice_direct_to_actor; mm/filemap.c: filemap_splice_read;
Linux 6.1 fs/splice.c: splice_from_pipe_feed, pipe_to_sendpage.
"""

from splicelab._jit import jit
from splicelab.kernel.iov import iov_add, iov_begin
from splicelab.kernel.tcp import sendmsg, sendpage, splice_eof
from splicelab.kernel.world import MSG_MORE, MSG_SENDPAGE_NOTLAST, MSG_SPLICE_PAGES, PAGE_SIZE, PIPE_BUFFERS

SOCKET_BVECS = 16
INTERNAL_PIPE_BUFFERS = 16


def pipe_begin(w):
    """Empty the pipe."""
    w.pipe_head = w.pipe_tail = 0


@jit
def pipe_fill(w, address, size_bytes, max_buffers):
    """Put memory into the pipe, one buffer per page touched; return the bytes that found a buffer."""
    filled = 0
    while filled < size_bytes and w.pipe_head - w.pipe_tail < min(max_buffers, PIPE_BUFFERS):
        filled += pipe_add(w, address + filled, min(size_bytes - filled, PAGE_SIZE - (address + filled) % PAGE_SIZE))
    return filled


@jit
def pipe_add(w, address, size_bytes):
    """Put memory into the pipe as one buffer, however many pages it touches; return its bytes, 0 if the pipe is full.

    Source: Linux 6.12 net/core/skbuff.c: skb_splice_bits (a fragment of a received skb, whole).
    """
    if size_bytes == 0 or w.pipe_head - w.pipe_tail == PIPE_BUFFERS:
        return 0
    buffer = w.pipe[w.pipe_head % PIPE_BUFFERS]
    buffer.address, buffer.size_bytes = address, size_bytes
    w.pipe_head += 1
    return size_bytes


@jit
def pipe_drain(w, size_bytes, more):
    """Splice the pipe to the socket: up to 16 buffers a sendmsg since 6.5, one sendpage a buffer before.

    Return the bytes sent, or a negative errno.
    """
    if w.profile[0].has_splice_pages != 0:
        return splice_to_socket(w, size_bytes, more)
    return splice_to_sendpage(w, size_bytes, more)


@jit(inline="always")
def splice_to_socket(w, size_bytes, more):
    """Gather up to 16 buffers into one sendmsg(MSG_SPLICE_PAGES), again and again."""
    sent = 0
    while sent < size_bytes and w.pipe_tail < w.pipe_head:
        left = size_bytes - sent
        tail = w.pipe_tail
        count = 0
        iov_begin(w)
        while tail < w.pipe_head:
            buffer = w.pipe[tail % PIPE_BUFFERS]
            part = min(left, buffer.size_bytes)
            iov_add(w, buffer.address, part)
            left -= part
            count += 1
            if left == 0 or count == SOCKET_BVECS:
                break
            tail += 1
        announces = more or (left > 0 and tail < w.pipe_head)
        taken = sendmsg(w, MSG_SPLICE_PAGES | (MSG_MORE if announces else 0))
        if taken <= 0:
            return sent if sent > 0 else taken
        sent += taken
        consume(w, taken)
    return sent


@jit
def consume(w, size_bytes):
    """Release what was sent from the front of the pipe."""
    while size_bytes > 0:
        buffer = w.pipe[w.pipe_tail % PIPE_BUFFERS]
        part = min(size_bytes, buffer.size_bytes)
        buffer.address += part
        buffer.size_bytes -= part
        size_bytes -= part
        w.pipe_tail += buffer.size_bytes == 0


@jit(inline="always")
def splice_to_sendpage(w, size_bytes, more):
    """Send one buffer after the other with ->sendpage; NOTLAST while the request goes on and buffers follow."""
    sent = 0
    while sent < size_bytes and w.pipe_tail < w.pipe_head:
        buffer = w.pipe[w.pipe_tail % PIPE_BUFFERS]
        left = size_bytes - sent
        part = min(left, buffer.size_bytes)
        flags = MSG_MORE if more else 0
        if part < left and w.pipe_head - w.pipe_tail > 1:
            flags |= MSG_SENDPAGE_NOTLAST
        taken = sendpage(w, buffer.address // PAGE_SIZE, buffer.address % PAGE_SIZE, part, flags)
        if taken <= 0:
            return sent if sent > 0 else taken
        sent += taken
        consume(w, taken)
    return sent


# Like `pipe_begin` not compiled: only predictions call it, and each kernel costs its compilation.
def sendfile(w, address, size_bytes, file_bytes):
    """Send page cache through the task's own 16-buffer pipe; MORE is announced until all that was asked for is read.

    The file may end before, ``file_bytes`` behind ``address``: then what was announced never comes. Since 6.5 the
    socket is told so.
    """
    sent = 0
    while sent < size_bytes:
        pipe_begin(w)
        count = pipe_fill(w, address + sent, min(size_bytes, file_bytes) - sent, INTERNAL_PIPE_BUFFERS)
        if count == 0:
            if sent > 0 and w.profile[0].has_splice_eof != 0:
                splice_eof(w)
            return sent
        taken = pipe_drain(w, count, count < size_bytes - sent)
        if taken <= 0:
            return sent if sent > 0 else taken
        sent += taken
    return sent
