"""The loops in plain Python: their oracle."""

import ctypes
import os
import select
import socket
import struct

import numpy as np

from splicelab.evidence.live import loops
from splicelab.kernel.world import MSG_MORE, MSG_ZEROCOPY

_libc = ctypes.CDLL(None, use_errno=True)


def _memory(address: int, size_bytes: int) -> memoryview:
    return memoryview((ctypes.c_ubyte * size_bytes).from_address(address))


def _vmsplice(pipe: int, piece: memoryview) -> int:
    """Put memory into a pipe by reference; os has no such function."""
    iov = (ctypes.c_size_t * 2)(ctypes.addressof(ctypes.c_ubyte.from_buffer(piece)), len(piece))
    if (moved := _libc.vmsplice(pipe, iov, 1, loops.SPLICE_F_NONBLOCK)) < 0:
        raise OSError(ctypes.get_errno(), "vmsplice")
    return moved


def _send_all(sock, job, pieces, flags) -> None:
    """Send pieces in one sendmsg, and what it did not take in more."""
    while pieces := [piece for piece in pieces if len(piece)]:
        sent = sock.sendmsg(pieces, [], flags)
        job.counts[loops.CALLS] += 1
        for place, piece in enumerate(pieces):
            pieces[place], sent = piece[sent:], max(0, sent - len(piece))


def _drain(sock, job, size_bytes: int, flags: int) -> None:
    """Splice what is in the pipe to the socket."""
    while size_bytes:
        size_bytes -= os.splice(job.pipe_out, sock.fileno(), size_bytes, flags=flags)
        job.counts[loops.CALLS] += 1


def _splice(sock, job, pieces, flags) -> None:
    """Send pieces through the pipe: (memory, or None, where in the file)."""
    filled = 0
    for piece, start in pieces:
        done, size_bytes = 0, len(piece) if piece is not None else int(job.iov[3])
        while done < size_bytes:
            try:
                job.counts[loops.CALLS] += 1
                if piece is not None:
                    moved = _vmsplice(job.pipe_in, piece[done:])
                else:
                    moved = os.splice(
                        job.file, job.pipe_in, size_bytes - done, start + done, flags=loops.SPLICE_F_NONBLOCK
                    )
                done, filled = done + moved, filled + moved
            except BlockingIOError:
                _drain(sock, job, filled, loops.SPLICE_F_MORE)
                filled = 0
    _drain(sock, job, filled, flags)


def _reap(sock, job) -> None:
    """Read completions of MSG_ZEROCOPY until none is out."""
    while job.counts[loops.COMPLETIONS] < job.counts[loops.CALLS]:
        if not (poll := select.poll()).register(sock, 0) and not poll.poll(loops.POLL_MS):
            raise BlockingIOError(11, "no completion")
        _, [(_, _, data), *_], *_ = sock.recvmsg(0, 128, loops.MSG_ERRQUEUE | loops.MSG_DONTWAIT)
        code, first, last = struct.unpack_from("xxxxxxBxII", data)
        job.counts[loops.COMPLETIONS] += last - first + 1
        job.counts[loops.COPIED] += (last - first + 1) * (code & 1)


def send_messages(job, way: int, messages: int) -> int:
    """Send so many messages by one of WAYS; return 0 or a negative errno."""
    (header, _, trailer), offset = [_memory(*map(int, job.iov[place : place + 2])) for place in (0, 2, 4)], 0
    try:
        with socket.socket(fileno=os.dup(job.sock)) as sock:
            for _ in range(messages):
                payload = _memory(int(job.iov[2]) + offset, int(job.iov[3]))
                if way in (loops.PIECEWISE, loops.THREE_CALLS):
                    _send_all(sock, job, [header], MSG_MORE)
                    done = 0
                    if way == loops.THREE_CALLS:
                        _splice(sock, job, [(None, offset)], loops.SPLICE_F_MORE)
                    while way == loops.PIECEWISE and done < len(payload):
                        done += os.sendfile(job.sock, job.file, offset + done, len(payload) - done)
                        job.counts[loops.CALLS] += 1
                    _send_all(sock, job, [trailer], 0)
                elif way in (loops.FIX_CALLERS, loops.REWRITE_HELPER):
                    _splice(sock, job, [(header, None), (None, offset), (trailer, None)], 0)
                else:
                    _send_all(sock, job, [header, payload, trailer], MSG_ZEROCOPY * (way == loops.ATTACH_CALLBACK))
                offset = offset + job.stride if offset + 2 * job.stride <= job.span else 0
            if way == loops.ATTACH_CALLBACK:
                _reap(sock, job)
    except OSError as error:
        return -error.errno
    return 0


def receive(fd: int, buffer: np.ndarray, meant: np.ndarray, total_bytes: int, state: np.ndarray) -> int:
    """Receive bytes, each compared with what is meant, as the loop of that name."""
    try:
        with socket.socket(fileno=os.dup(fd)) as sock:
            while state[0] < total_bytes:
                got = sock.recv_into(buffer, int(min(len(buffer), total_bytes - state[0])), socket.MSG_WAITALL)
                if not got:
                    return -1
                start = state[0] % len(buffer)
                state += got, (buffer[:got] != meant[start : start + got]).sum()
    except OSError as error:
        return -error.errno
    return 0
