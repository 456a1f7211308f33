"""A thousand bad days of a live run: whatever is done to it, it ends soon, in bytes that are right or in a sentence."""

import resource
import signal
import socket
import struct
import threading
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from test_live import can_splice, open_things

from splicelab.evidence.live import sockets
from splicelab.evidence.live.loops import WAYS
from splicelab.evidence.live.sockets import LiveError, Shape, open_wire

MESSAGES, LONGEST_S = 20, 10
EXAMPLES = 1000 if settings.default.max_examples > 300 else 60  # a third of a second each


@contextmanager
def after(seconds, act):
    """Do something from another thread, soon."""

    def quietly():
        with suppress(OSError):  # the run may be over
            act()

    timer = threading.Timer(seconds, quietly)
    timer.start()
    try:
        yield
    finally:
        timer.join()


@contextmanager
def interrupted(every_s):
    """Let a signal interrupt calls; its handler does nothing."""
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, every_s, every_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def few_descriptors(more):
    """Let so many more descriptors be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as lowest:  # the lowest number that is free
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest.fileno() + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def reset(wire):
    """Close the receiving end so that the sender gets an RST."""
    wire.receiver.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.receiver.close()


def attempt(fault, way, payload_bytes, after_s):
    """Send messages on a bad day."""
    with ExitStack() as stack:
        if fault == "no descriptors":
            stack.enter_context(few_descriptors(round(after_s * 5000)))
        wire = stack.enter_context(open_wire(Shape(48, payload_bytes, 4)))
        if fault in ("tiny buffers", "short writes"):
            wire.sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        if fault in ("tiny buffers", "full pipe"):
            wire.receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        if fault in ("EAGAIN", "short writes"):
            wire.sender.setblocking(False)
        if fault == "EINTR":
            stack.enter_context(interrupted(max(after_s, 1e-4)))
        if fault == "receiver ends":
            stack.enter_context(after(after_s, lambda: wire.receiver.shutdown(socket.SHUT_RDWR)))
        if fault == "sender ends":
            stack.enter_context(after(after_s, lambda: wire.sender.shutdown(socket.SHUT_RDWR)))
        if fault == "reset":
            stack.enter_context(after(after_s, lambda: reset(wire)))
        if fault in ("reset", "closed window", "EAGAIN"):  # nobody reads
            wire.put(way, 200 * MESSAGES)
        else:
            wire.send(way, MESSAGES)


FAULTS = ("short writes", "EAGAIN", "EINTR", "reset", "receiver ends", "sender ends", "closed window")
FAULTS += ("no descriptors", "tiny buffers", "full pipe")


@pytest.mark.soak
@pytest.mark.skipif(not can_splice(), reason="this machine does not let a program splice to a socket")
@settings(max_examples=EXAMPLES)
@given(st.sampled_from(FAULTS), st.sampled_from(WAYS), st.integers(1, 100_000), st.floats(0, 2e-3))
def test_no_fault_leaks_or_hangs(fault, way, payload_bytes, after_s):
    before, start_s = open_things(), time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sockets, "DEADLINE_S", 1)
        patch.setattr(sockets, "LONGEST_S", 5)
        patch.setattr(sockets, "PIPE_BYTES", 4096 if fault == "full pipe" else sockets.PIPE_BYTES)
        try:
            attempt(fault, way, payload_bytes, after_s)
            event(f"{fault}: no error")
        except LiveError:
            event(f"{fault}: a sentence")
    assert open_things() == before
    assert time.monotonic() < start_s + LONGEST_S
