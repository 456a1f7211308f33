"""A TCP connection over loopback, a pipe and a file to send from: opened and closed together, with a deadline."""

import fcntl
import os
import socket
import struct
import termios
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from errno import ETIMEDOUT
from threading import Timer
from typing import NamedTuple

import numpy as np
from numba import config

from splicelab.errors import InputError, within
from splicelab.evidence.live import loops
from splicelab.evidence.live.loops import COUNTS, WAYS, Job
from splicelab.evidence.live.veth import HOSTS, join_namespaces
from splicelab.kernel.world import PAGE_SIZE

# include/uapi/linux: tcp.h, sockios.h; asm-generic/socket.h. Python has no names for these.
SIOCOUTQNSD, SO_ZEROCOPY, SO_MEMINFO, WMEM_QUEUED = 0x894B, 60, 55, 5
TCP_INFO_AT = {"segments": ("I", 136), "data segments": ("I", 156)}
TCP_INFO_AT |= {"bytes sent": ("Q", 200), "bytes sent again": ("Q", 208)}
DEADLINE_S, LONGEST_S = 5, 60  # that a call, and that a connection may last
# Hot is the same payload again and again; cold, in turn from so many bytes of a file.
ROUTES, HEATS = ("loopback", "veth"), ("hot", "cold")
COLD_BYTES, PIPE_BYTES = 1 << 26, 1 << 20
CONTROL = b"reno"  # every user may have it, and it does not pace
CHUNK_BYTES = 1 << 16
WARM_UP = 60  # chunks, until the size goal is what the MTU allows
MOST_BYTES = 1 << 20


class Shape(NamedTuple):
    """Bytes of the three pieces of a message."""

    header_bytes: int = 48
    payload_bytes: int = 4096
    trailer_bytes: int = 4

    def __str__(self) -> str:
        return " + ".join(f"{size:,}" for size in self)


class LiveError(InputError):
    """A run could not end as it must: a call failed, the deadline passed, bytes came wrong."""


class Wire:
    """The sending end of a connection, and a thread that receives and compares every byte.

    ``side`` holds the functions that send and receive: the compiled loops, or their twin.
    """

    def __init__(self, sender: socket.socket, receiver: socket.socket, job: Job, meant: np.ndarray, side):
        self.sender, self.receiver, self.job, self.side = sender, receiver, job, side
        self.message_bytes = int(job.iov[1::2].sum())
        self.buffer, self.meant = np.zeros(len(meant) // 2, np.uint8), meant
        self.state = np.zeros(2, np.int64)
        self.thread = ThreadPoolExecutor(1, "receiver")
        self.kept: tuple = ()  # memory that addresses in the job point to

    def begin(self, messages: int) -> Future:
        """Let the thread receive so many messages."""
        self.state[:] = 0
        given = self.receiver.fileno(), self.buffer, self.meant, messages * self.message_bytes, self.state
        return self.thread.submit(self.side.receive, *given)

    def put(self, way: str, messages: int) -> dict[str, int]:
        """Send messages by one of WAYS and return COUNTS; LiveError where a call failed or the deadline passed."""
        self.job.counts[:] = 0
        if ended := self.side.send_messages(self.job, WAYS.index(way), messages):
            raise LiveError(f"live: {way}: {os.strerror(-ended)}")
        return dict(zip(COUNTS, self.job.counts.tolist(), strict=True))

    def finish(self, received: Future) -> None:
        """Wait for the last byte; raise LiveError where it did not come, or bytes came wrong."""
        wait([received], 2 * DEADLINE_S)
        ended = received.result() if received.done() else -ETIMEDOUT
        if ended or self.state[1]:
            wrong = f"{self.state[1]} of {self.state[0]} bytes came wrong"
            raise LiveError(f"live: receiver: {os.strerror(-ended) if ended else wrong}")

    def send(self, way: str, messages: int = 1) -> dict[str, int]:
        """Send messages while they are received; return COUNTS."""
        received = self.begin(messages)
        counts = self.put(way, messages)
        self.finish(received)
        return counts

    def cut(self) -> None:
        """End the connection: whoever waits for it wakes up."""
        for end in (self.sender, self.receiver):
            with suppress(OSError):  # the peer may have reset it
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection, and with it the thread."""
        self.cut()
        self.thread.shutdown()
        self.kept = ()  # the mapping of the file has a descriptor of its own

    def at_rest(self) -> dict[str, int]:
        """Wait until all that was sent is ACKed, and observe; LiveError where that does not come."""
        end_s = time.monotonic() + DEADLINE_S
        while (seen := self.observe())["bytes not ACKed"] > seen["bytes not sent"]:
            if time.monotonic() > end_s:
                raise LiveError(f"live: {seen['bytes not ACKed']} bytes are never ACKed")
            time.sleep(0.001)
        return seen

    def observe(self) -> dict[str, int]:
        """Return what an unprivileged program can see of the sending end: counts since it was opened, bytes now."""
        info = self.sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        seen = {name: struct.unpack_from(kind, info, place)[0] for name, (kind, place) in TCP_INFO_AT.items()}
        for name, request in (("bytes not ACKed", termios.TIOCOUTQ), ("bytes not sent", SIOCOUTQNSD)):
            seen[name] = struct.unpack("i", fcntl.ioctl(self.sender, request, bytes(4)))[0]
        memory = struct.unpack("9I", self.sender.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))
        return seen | {"truesize queued": memory[WMEM_QUEUED]}


@contextmanager
def open_wire(
    shape: Shape, heat: str = "hot", *, side=loops, host: str = "127.0.0.1", route: str = ROUTES[0]
) -> Iterator[Wire]:
    """Open all that messages of one shape need, ready to send, and close it again, whatever happens.

    ``heat`` is one of HEATS; ``side`` holds the functions that send and receive; ``route`` is one of ROUTES,
    ``host`` where loopback leads.

    Raises
    ------
    LiveError
        What this machine lacks, in a sentence; InputError for a shape that is out of bounds.
    """
    if config.DISABLE_JIT:
        raise LiveError("live: NUMBA_DISABLE_JIT is set: nothing to measure without compiled loops")
    within("payload", shape.payload_bytes, 1, MOST_BYTES, " bytes")
    for name, size_bytes in (("header", shape.header_bytes), ("trailer", shape.trailer_bytes)):
        within(name, size_bytes, 1, PAGE_SIZE, " bytes")
    with ExitStack() as stack:
        try:
            wire = _open(stack, *_connect(stack, host, route), shape, heat, side)
        except (OSError, AttributeError) as error:
            raise LiveError(f"live: this machine does not let a program do it: {error}") from None
        yield wire


def _open(stack: ExitStack, sender, receiver, shape: Shape, heat: str, side) -> Wire:
    """Open a pipe and a file mapped into memory for a connection; what the stack holds is closed by it."""
    sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sender.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
    stride = -(-shape.payload_bytes // PAGE_SIZE) * PAGE_SIZE
    span = stride if heat == "hot" else COLD_BYTES // stride * stride
    header, payload, trailer = (np.arange(size_bytes) * 167 % 251 + 1 for size_bytes in shape)  # no period of 2^n
    file = stack.enter_context(open(os.memfd_create("payload"), "w+b"))
    pages = np.memmap(file, np.uint8, "w+", shape=(span // stride, stride))
    pages[:, : shape.payload_bytes] = payload
    pipe_out, pipe_in = os.pipe()
    with suppress(OSError):  # a user may have used up what pipes may hold
        fcntl.fcntl(pipe_in, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    stack.callback(os.close, pipe_in)
    stack.callback(os.close, pipe_out)
    small = np.zeros((2, PAGE_SIZE), np.uint8)  # header and trailer in pages of their own, the message whole behind
    small[0, : shape.header_bytes], small[1, : shape.trailer_bytes] = header, trailer
    addresses = small.ctypes.data, pages.ctypes.data, small[1].ctypes.data
    iov = np.array([*zip(addresses, shape, strict=True)]).ravel()
    msghdr = np.array([0, 0, iov.ctypes.data, 3, 0, 0, 0])
    scratch, counts = np.zeros(32, np.int64), np.zeros(len(COUNTS), np.int64)
    pool = np.zeros(loops.POOL_BYTES, np.uint8)
    job = Job(sender.fileno(), file.fileno(), pipe_in, pipe_out, iov, msghdr, scratch, pool, counts, stride, span)
    message = np.concatenate([header, payload, trailer]).astype(np.uint8)
    wire = Wire(sender, receiver, job, np.tile(message, 2 * -(-CHUNK_BYTES // len(message))), side)
    wire.kept = small, pages
    stack.callback(wire.close)
    longest = Timer(LONGEST_S, wire.cut)
    longest.start()
    stack.callback(longest.join)
    stack.callback(longest.cancel)
    return wire


def _connect(stack: ExitStack, host: str, route: str) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection; no call of theirs blocks longer than the deadline."""
    if route == "loopback":
        sender, receiver = _connect_here(stack, host)
    else:  # a thread has namespaces of its own: the program stays where it is
        with ThreadPoolExecutor(1) as thread, ExitStack() as until_connected:
            enter = thread.submit(join_namespaces, until_connected).result()
            sender, receiver = thread.submit(_connect_here, stack, HOSTS[1], enter).result()
    for end in (sender, receiver):
        end.setblocking(True)
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            end.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", DEADLINE_S, 0))
    for _ in range(WARM_UP):
        sender.sendall(bytes(CHUNK_BYTES))
        receiver.recv(CHUNK_BYTES, socket.MSG_WAITALL)
    return sender, receiver


def _connect_here(stack: ExitStack, host: str, enter=lambda host: None) -> tuple[socket.socket, socket.socket]:
    """Connect to a server at the host, each end where ``enter`` leads."""
    enter(1)
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
        server.settimeout(DEADLINE_S)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONTROL)
        enter(0)
        sender = stack.enter_context(socket.create_connection(server.getsockname()[:2], DEADLINE_S))
        receiver = stack.enter_context(server.accept()[0])
    sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONTROL)
    return sender, receiver
