"""A workload that attaches slab memory by page reference: send, kfree, kmalloc by others, loss, send again.

Linux 6.1's ->sendpage does so without asking; on later kernels it is a what-if, sendpage_ok not asked. Nothing here
decides what is wrong: the receiver's bytes are compared with those that were meant.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from splicelab._jit import jit
from splicelab.errors import InputError
from splicelab.evidence.counted import open_world
from splicelab.kernel.message import FREED, HEADER, OWN_SLAB, begin_message, end_message, open_run, write_piece
from splicelab.kernel.slab import kfree, kmalloc
from splicelab.kernel.tcp import sendpage
from splicelab.kernel.wire import count_different
from splicelab.kernel.world import ACK_DELAY_MAX, PAGE_SIZE, WIRE_BYTES

MESSAGE_BYTES = 32  # OCFS2's handshake, the first bytes of its object
OBJECT_BYTES_MAX, PRESSURE_MAX = 1 << 15, 16
OTHERS = 64  # objects that other users may hold
STRANGER = 0xEE  # what other users write; no two neighbours of a message are alike
FATES = ("arrived at once", "sent again, right", "own later bytes", "another user's bytes")
AT_ONCE, AGAIN, OWN_LATER, ANOTHERS = range(len(FATES))
DELAYS = (0, 1, 2, 4, 8, 16, 32, 63)


class Lives(NamedTuple):
    """How the messages of a workload ended: numbers of FATES in order, and what was counted."""

    fates: np.ndarray
    lost: int
    wrong: int
    corrupt_bytes: int
    get_page: int
    double_put: int


@jit
def write_other(w, address, is_zeroed):
    """Let another user write the first half of what the message had there, into a zeroed object or one as it was."""
    for position in range(MESSAGE_BYTES):
        if position < MESSAGE_BYTES // 2 or is_zeroed:
            w.arena[address + position] = STRANGER if position < MESSAGE_BYTES // 2 else 0


@jit
def use_slab(w, object_bytes, is_zeroed, draw, held, count):
    """Let another user take an object, or give one back, each as likely; return how many are held then."""
    if count == 0 or (draw < 0.5 and count < OTHERS):
        held[count] = kmalloc(w, object_bytes)
        write_other(w, held[count], is_zeroed)
        return count + 1
    chosen = int(draw * 1e6) % count
    kfree(w, held[chosen])
    held[chosen] = held[count - 1]
    return count - 1


@jit
def attach_object(w, address):
    """Write the message into an object and attach it by page reference, as ->sendpage does: nobody asks."""
    w.piece[0].address = address
    write_piece(w, 0, w.plan[0].messages)
    return sendpage(w, address // PAGE_SIZE, address % PAGE_SIZE, MESSAGE_BYTES, 0)


@jit
def fate(w, message, was_lost):
    """Return what the receiver got for a message, in FATES."""
    start = message * MESSAGE_BYTES % WIRE_BYTES
    if count_different(w.meant, w.received, start, MESSAGE_BYTES) == 0:
        return AGAIN if was_lost else AT_ONCE
    is_strange = w.received[start] == STRANGER and w.received[start + 1] == STRANGER
    return ANOTHERS if is_strange else OWN_LATER


@jit
def run_workload(w, object_bytes, is_zeroed, lost, works, draws, fates):
    """Send messages, each from an object that is freed when the call has returned; others work in between."""
    held = np.zeros(OTHERS, np.int64)
    count = drawn = 0
    for _ in range(OTHERS * 8):  # a free list in use, in no order
        count = use_slab(w, object_bytes, is_zeroed, draws[drawn], held, count)
        drawn += 1
    for message in range(len(lost)):
        begin_message(w)
        w.sock[0].lose = lost[message]
        address = kmalloc(w, object_bytes)
        sent = attach_object(w, address)
        kfree(w, address)
        for _ in range(works[message]):
            count = use_slab(w, object_bytes, is_zeroed, draws[drawn], held, count)
            drawn += 1
        end_message(w, sent)
        ended = message - w.plan[0].ack_delay
        if ended >= 0:
            fates[ended] = fate(w, ended, lost[ended] != 0)


def open_attached(kernel: str, ack_delay: int = 0, world=None):
    """Return a machine of this kernel that is ready to attach messages of MESSAGE_BYTES, with no message sent yet."""
    w = open_world(kernel, world)
    piece = w.piece[0]
    piece.role, piece.owner, piece.fate, piece.size_bytes = HEADER, OWN_SLAB, FREED, MESSAGE_BYTES
    w.plan[0].pieces, w.plan[0].ack_delay = 1, ack_delay
    w.moves_bytes, w.sock[0].nonagle, w.sock[0].cwnd = 1, 1, 1 << 20
    open_run(w)
    return w


def lives(
    kernel: str = "6.1",
    object_bytes: int = 32,
    ack_delay: int = 4,
    loss: float = 0.05,
    pressure: float = 1.0,
    zeroed: bool = False,
    messages: int = 4000,
    seed: int = 1,
    world=None,
) -> Lives:
    """Return how messages fare whose slab object is attached by reference and freed when the call has returned.

    ``ack_delay`` is in messages; a lost message is sent again when its ACK is due. ``loss`` is the chance that a
    message is lost while no other lost one waits, so that losses are independent trials. ``pressure`` is the mean
    number of kmallocs or kfrees of the same size class by others between two messages.

    Raises
    ------
    InputError
        A value outside of what the model holds.
    """
    limits = {
        "ack_delay": (ack_delay, 0, ACK_DELAY_MAX),
        "object_bytes": (object_bytes, MESSAGE_BYTES, OBJECT_BYTES_MAX),
        "loss": (loss, 0, 1),
        "pressure": (pressure, 0, PRESSURE_MAX),
        "messages": (messages, ack_delay + 1, 1_000_000),
    }
    for name, (value, low, high) in limits.items():
        if not low <= value <= high:
            raise InputError(f"{name}: {value} is not from {low} to {high}")
    random = np.random.RandomState(seed)  # the generator whose stream is frozen: stored text stays true
    lost, free_at = random.random_sample(messages) < loss, 0
    for message in np.flatnonzero(lost):
        lost[message] = message >= free_at
        free_at = message + ack_delay + 1 if lost[message] else free_at
    works = random.poisson(pressure, messages)
    draws = random.random_sample(OTHERS * 8 + int(works.sum()))
    w, fates = open_attached(kernel, ack_delay, world), np.zeros(messages, np.int64)
    run_workload(w, object_bytes, zeroed, lost.astype(np.int64), works, draws, fates)
    ended, tally = messages - ack_delay, w.tally[0]
    wrong = int((fates[:ended] >= OWN_LATER).sum())
    counters = (int(tally[name]) for name in ("corrupt_bytes", "get_page", "double_put"))
    return Lives(fates[:ended], int(lost[:ended].sum()), wrong, *counters)


def interval(wrong: int, lost: int) -> tuple[float, float]:
    """Return the 95 % interval (Wilson) of the share of lost messages that arrive wrong; all is possible without any."""
    from scipy.stats import binomtest

    return tuple(binomtest(wrong, lost).proportion_ci(method="wilson")) if lost else (0.0, 1.0)


def sweep(delays=DELAYS, **options) -> pd.DataFrame:
    """Return, for each ACK delay in messages, how many lost ones arrived wrong: share with interval (low, high)."""
    rows = []
    for delay in delays:
        counted = lives(ack_delay=delay, **options)
        low, high = interval(counted.wrong, counted.lost)
        share = counted.wrong / counted.lost if counted.lost else float("nan")
        rows.append((delay, counted.lost, counted.wrong, share, low, high))
    return pd.DataFrame(rows, columns=["delay", "lost", "wrong", "share", "low", "high"]).set_index("delay")
