"""The thread's alternatives as loops of real system calls, compiled: no interpreter between two calls.

Since Linux 6.5 splice() and sendfile() to a socket are sendmsg(MSG_SPLICE_PAGES) inside (6.5 fs/splice.c:
splice_to_socket), ->sendpage before. A call may take less than it was given: each loop sends the rest.
"""

from errno import EAGAIN, EINTR
from typing import NamedTuple

import numpy as np
from numba import types

from splicelab._jit import jit
from splicelab.kernel.world import MSG_MORE, MSG_ZEROCOPY

SPLICE_F_NONBLOCK, SPLICE_F_MORE = 2, 4  # include/linux/splice.h
MSG_WAITALL, MSG_DONTWAIT, MSG_ERRQUEUE = 0x100, 0x40, 0x2000  # include/linux/socket.h
WAYS = ("plain_copy", "piecewise", "three_calls", "fix_callers", "rewrite_helper", "attach_callback")
PLAIN_COPY, PIECEWISE, THREE_CALLS, FIX_CALLERS, REWRITE_HELPER, ATTACH_CALLBACK = range(len(WAYS))
# System calls that send; of MSG_ZEROCOPY: reported, of these copied after all.
COUNTS = ("calls", "completions", "copied")
CALLS, COMPLETIONS, COPIED = range(len(COUNTS))
REAP_EVERY = 16  # messages; a queue of completions is charged to the socket
POOL_BYTES, POOL_ALIGN = 1 << 16, 64
POLL_MS, MOST_MISSES = 2000, 1000

_word, _int = types.intp, types.intc


def _libc(name: str, *arguments: types.Type, returns: types.Type = types.intp):
    """Return a function of the C library that numba can call."""
    return types.ExternalFunction(name, returns(*arguments))


_send = _libc("send", _int, _word, _word, _int)
_sendmsg = _libc("sendmsg", _int, _word, _int)
_sendfile = _libc("sendfile", _int, _int, _word, _word)
_splice = _libc("splice", _int, _word, _int, _word, _word, _int)
_vmsplice = _libc("vmsplice", _int, _word, _word, _int)
_recv = _libc("recv", _int, _word, _word, _int)
_recvmsg = _libc("recvmsg", _int, _word, _int)
_memcpy = _libc("memcpy", _word, _word, _word)
_poll = _libc("poll", _word, _word, _int, returns=types.intc)
_errno_location = _libc("__errno_location", returns=types.CPointer(types.int32))


class Job(NamedTuple):
    """What a loop needs: descriptors, and arrays that C reads: iovec of the three pieces, msghdr, scratch, pool.

    ``iov`` is (address, bytes) of header, payload, trailer; the payload's address moves by ``stride`` bytes a message
    within ``span`` bytes of the file, which is mapped there. ``scratch`` holds an iovec, a file offset, a pollfd, and
    the msghdr and control buffer of a completion; ``counts`` is COUNTS.
    """

    sock: int
    file: int
    pipe_in: int
    pipe_out: int
    iov: np.ndarray
    msghdr: np.ndarray
    scratch: np.ndarray
    pool: np.ndarray
    counts: np.ndarray
    stride: int
    span: int


@jit
def last_errno():
    """Return the error of the call just made, negative."""
    return -np.int64(_errno_location()[0])


@jit(forceinline=True)  # as those below: a call that LLVM leaves standing hands on seven words for each array
def send_memory(job, address, size_bytes, flags):
    """Send from memory; return 0 or a negative errno."""
    while size_bytes > 0:
        sent = _send(job.sock, address, size_bytes, flags)
        if sent >= 0:
            job.counts[CALLS] += 1
            address, size_bytes = address + sent, size_bytes - sent
        elif last_errno() != -EINTR:
            return last_errno()
    return 0


@jit(forceinline=True)
def send_pieces(job, flags):
    """Send header, payload and trailer in one sendmsg; return 0 or a negative errno."""
    sent = _sendmsg(job.sock, job.msghdr.ctypes.data, flags)
    if sent < 0 and last_errno() != -EINTR:
        return last_errno()
    job.counts[CALLS] += sent >= 0
    sent = max(sent, 0)
    for piece in range(3):
        done = min(sent, job.iov[2 * piece + 1])
        sent -= done
        ended = send_memory(job, job.iov[2 * piece] + done, job.iov[2 * piece + 1] - done, flags)
        if ended < 0:
            return ended
    return 0


@jit
def send_file(job, offset):
    """Send the payload by sendfile; return 0 or a negative errno."""
    end = offset + job.iov[3]
    job.scratch[2] = offset
    while job.scratch[2] < end:
        sent = _sendfile(job.sock, job.file, job.scratch[2:].ctypes.data, end - job.scratch[2])
        job.counts[CALLS] += 1
        if sent == 0 or sent < 0 and last_errno() != -EINTR:
            return last_errno() if sent else -EAGAIN
    return 0


@jit(forceinline=True)
def drain_pipe(job, size_bytes, flags):
    """Splice what is in the pipe to the socket; return 0 or a negative errno."""
    while size_bytes > 0:
        sent = _splice(job.pipe_out, 0, job.sock, 0, size_bytes, flags)
        job.counts[CALLS] += 1
        if sent == 0 or sent < 0 and last_errno() != -EINTR:
            return last_errno() if sent else -EAGAIN
        size_bytes -= max(sent, 0)
    return 0


@jit
def splice_pieces(job, header, offset, trailer, flags):
    """Put header, file and trailer into the pipe and splice it out; a full pipe goes out with MORE meanwhile.

    A header or trailer at no address stays out.
    """
    filled, addresses = 0, (header, job.iov[2], trailer)
    for piece in range(3):
        done, size_bytes = 0, job.iov[2 * piece + 1] if addresses[piece] else 0
        job.scratch[2] = offset
        while done < size_bytes:
            left = size_bytes - done
            if piece == 1:
                moved = _splice(job.file, job.scratch[2:].ctypes.data, job.pipe_in, 0, left, SPLICE_F_NONBLOCK)
            else:
                job.scratch[0], job.scratch[1] = addresses[piece] + done, left
                moved = _vmsplice(job.pipe_in, job.scratch.ctypes.data, 1, SPLICE_F_NONBLOCK)
            job.counts[CALLS] += 1
            if moved > 0:
                done, filled = done + moved, filled + moved
            elif moved < 0 and last_errno() == -EAGAIN and filled > 0:
                ended = drain_pipe(job, filled, SPLICE_F_MORE)
                if ended < 0:
                    return ended
                filled = 0
            elif moved == 0 or last_errno() != -EINTR:
                return last_errno() if moved else -EAGAIN
    return drain_pipe(job, filled, flags)


@jit
def reap(job, pending):
    """Read completions of MSG_ZEROCOPY until no more than ``pending`` are out; return 0 or a negative errno."""
    control, misses = job.scratch[8:], 0
    while job.counts[COMPLETIONS] + pending < job.counts[CALLS]:
        job.scratch[3] = job.sock  # pollfd: errors are reported whatever is asked for
        if misses == MOST_MISSES or _poll(job.scratch[3:].ctypes.data, 1, POLL_MS) == 0:
            return -EAGAIN
        control[:7] = 0
        control[4], control[5] = control[7:].ctypes.data, 128
        if _recvmsg(job.sock, control.ctypes.data, MSG_ERRQUEUE | MSG_DONTWAIT) < 0:
            if last_errno() != -EAGAIN and last_errno() != -EINTR:
                return last_errno()
            misses += 1  # a connection that was reset wakes poll again and again
            continue
        # behind the cmsghdr of 16 bytes a sock_extended_err: errno, then origin, type, code, pad; first and last number
        kind, numbers = control[9], control[10]
        done = (numbers >> 32) - (numbers & 0xFFFFFFFF) + 1
        job.counts[COMPLETIONS] += done
        job.counts[COPIED] += done * ((kind >> 48) & 1)
    return 0


@jit
def send_messages(job, way, messages):
    """Send so many messages by one of WAYS; return 0 or a negative errno."""
    mapped, offset, pooled = job.iov[2], 0, 0
    header, trailer = job.iov[0], job.iov[4]
    step = (job.iov[1] + job.iov[5] + POOL_ALIGN - 1) & -POOL_ALIGN
    ended = 0
    for message in range(messages):
        job.iov[2] = mapped + offset
        if way == PLAIN_COPY:
            ended = send_pieces(job, 0)
        elif way == PIECEWISE or way == THREE_CALLS:
            ended = send_memory(job, header, job.iov[1], MSG_MORE)
            three = way == THREE_CALLS
            ended = ended or (splice_pieces(job, 0, offset, 0, SPLICE_F_MORE) if three else send_file(job, offset))
            ended = ended or send_memory(job, trailer, job.iov[5], 0)
        elif way == FIX_CALLERS:
            ended = splice_pieces(job, header, offset, trailer, 0)
        elif way == REWRITE_HELPER:
            pooled = pooled + step if pooled + 2 * step <= POOL_BYTES else 0
            copied = job.pool.ctypes.data + pooled
            _memcpy(copied, header, job.iov[1])
            _memcpy(copied + job.iov[1], trailer, job.iov[5])
            ended = splice_pieces(job, copied, offset, copied + job.iov[1], 0)
        else:
            ended = send_pieces(job, MSG_ZEROCOPY)
            if message % REAP_EVERY == REAP_EVERY - 1:
                ended = ended or reap(job, REAP_EVERY)
        if ended < 0:
            break
        offset = offset + job.stride if offset + 2 * job.stride <= job.span else 0
    job.iov[2] = mapped
    if way == ATTACH_CALLBACK and ended == 0:
        ended = reap(job, 0)
    return ended


@jit
def receive(sock, buffer, meant, total_bytes, state):
    """Receive bytes, each compared with what is meant, which repeats after len(buffer) bytes and stands there twice.

    ``state`` is [received, of these wrong], both in bytes. Return 0, or a negative errno; -1 where the peer closed.
    """
    while state[0] < total_bytes:
        got = _recv(sock, buffer.ctypes.data, min(len(buffer), total_bytes - state[0]), MSG_WAITALL)
        if got == 0 or got < 0 and last_errno() != -EINTR:
            return last_errno() if got else -1
        wrong, start = 0, state[0] % len(buffer)
        for place in range(max(got, 0)):
            wrong += buffer[place] != meant[start + place]
        state[0] += max(got, 0)
        state[1] += wrong
    return 0
