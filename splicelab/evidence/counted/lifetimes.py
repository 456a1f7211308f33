"""A workload that attaches slab memory by page reference: send, kfree, kmalloc by others, loss, send again.

Linux 6.1's ->sendpage does so without asking; on later kernels it is a what-if, sendpage_ok not asked. Nothing here
decides what is wrong: the receiver's bytes are compared with those that were meant.
"""

import numpy as np
import pandas as pd

from splicelab._jit import jit
from splicelab.errors import within
from splicelab.evidence.counted.run import open_world
from splicelab.kernel.message import HEADER, open_run, write_piece
from splicelab.kernel.run import begin_message, end_message
from splicelab.kernel.slab import kfree, kmalloc
from splicelab.kernel.tcp import sendpage
from splicelab.kernel.wire import count_different
from splicelab.kernel.world import ACK_DELAY_MAX, PAGE_SIZE, WIRE_BYTES
from splicelab.result import Result
from splicelab.tables import Whole, Wholes, checked

MESSAGE_BYTES = 32  # OCFS2's handshake: the first bytes of its object
OTHERS, STRANGER = 64, 0xEE  # how many objects other users may hold, and what they write
FATES = ("arrived at once", "sent again, right", "own later bytes", "another user's bytes")
AT_ONCE, AGAIN, OWN_LATER, ANOTHERS = range(len(FATES))
DELAYS = (0, 1, 2, 4, 8, 16, 32, 63)


class Lives(Result):
    """How messages ended (numbers of FATES, in order), and what was counted."""

    fates: np.ndarray
    lost: int
    wrong: int
    corrupt_bytes: int
    double_put: int

    @property
    def table(self) -> pd.DataFrame:
        """How many messages had each fate."""
        counts = np.bincount(self.fates, minlength=len(FATES))
        return pd.DataFrame({"messages": counts}, FATES).rename_axis("fate")

    @property
    def text(self) -> str:
        """How many had each fate."""
        fates = ", ".join(f"{words} {count:,}" for words, count in self.table.messages.items())
        puts = f"\npages put back that nobody had taken: {self.double_put:,}" if self.double_put else ""
        return f"{len(self.fates):,} messages: {fates}{puts}"


class Rates(Result):
    """How many of the lost messages arrived wrong, by ACK delay: share, 95 % interval (Wilson).

    ``ack_delay`` and ``lives`` are those of the one workload that is looked at.
    """

    table: pd.DataFrame
    ack_delay: int
    lives: Lives

    @property
    def text(self) -> str:
        """The shares, and the fates of the one workload."""
        shares = ", ".join(f"{delay}: {share:.2f}" for delay, share in self.table.share.items())
        lines = self.lives.text.split("\n")
        return "\n".join([*lines[:1], f"wrong, of those lost, by delay: {shares}", *lines[1:]])


@jit
def write_other(w, address, is_zeroed):
    """Let another user write half of what the message had, into an object that was zeroed or left as it was."""
    for position in range(MESSAGE_BYTES if is_zeroed else MESSAGE_BYTES // 2):
        w.arena[address + position] = STRANGER if position < MESSAGE_BYTES // 2 else 0


@jit
def use_memory(w, object_bytes, is_zeroed, draw, held, count):
    """Let another user take an object, or give one back, each as likely; return how many are held then."""
    if count == 0 or (draw < 0.5 and count < OTHERS):
        held[count] = kmalloc(w, object_bytes)
        write_other(w, held[count], is_zeroed)
        return count + 1
    chosen = int(draw * 1e6) % count
    kfree(w, held[chosen])
    held[chosen] = held[count - 1]
    return count - 1


@jit(inline="always")
def attach_object(w, address):
    """Write the message into an object and attach it by page reference, as ->sendpage does: nobody asks."""
    w.piece[0].address = address
    write_piece(w, 0, w.plan[0].messages)
    return sendpage(w, address // PAGE_SIZE, address % PAGE_SIZE, MESSAGE_BYTES, 0)


@jit
def find_fate(w, message, was_lost):
    """Return what the receiver got for a message, as a number of FATES."""
    start = message * MESSAGE_BYTES % WIRE_BYTES
    if count_different(w.meant, w.received, start, MESSAGE_BYTES) == 0:
        return AGAIN if was_lost else AT_ONCE
    # no two neighbours of a message are alike
    return ANOTHERS if w.received[start] == STRANGER and w.received[start + 1] == STRANGER else OWN_LATER


@jit
def run_workload(w, object_bytes, is_zeroed, lost, works, draws, fates):
    """Send messages, each from an object that is freed when the call has returned; others work in between."""
    held = np.zeros(OTHERS, np.int64)
    count = drawn = 0
    for message in range(-1, len(lost)):
        for _ in range(works[message]):  # the last number is for the time before: a free list in use, in no order
            count = use_memory(w, object_bytes, is_zeroed, draws[drawn], held, count)
            drawn += 1
        if message >= 0:
            end_message(w, 0)
            ended = message - w.plan[0].ack_delay
            if ended >= 0:
                fates[ended] = find_fate(w, ended, lost[ended] != 0)
        if message + 1 < len(lost):
            begin_message(w)
            w.sock[0].lose = lost[message + 1]
            address = kmalloc(w, object_bytes)
            attach_object(w, address)
            kfree(w, address)


def open_attached(kernel: str, ack_delay: int = 0):
    """Return a machine of this kernel, ready to attach messages of MESSAGE_BYTES."""
    w = open_world(kernel)
    w.piece[0].role, w.piece[0].size_bytes = HEADER, MESSAGE_BYTES
    w.plan[0].pieces, w.plan[0].ack_delay = 1, ack_delay
    w.moves_bytes = w.sock[0].nonagle = 1
    w.sock[0].cwnd = 1 << 20
    open_run(w)
    return w


@checked
def lives(
    kernel: str = "6.1",
    object_bytes: Whole = MESSAGE_BYTES,
    ack_delay: Whole = 4,
    loss: float = 0.05,
    pressure: float = 1.0,
    zeroed: bool = False,
    messages: Whole = 4000,
    by_delay: bool | Wholes = False,
) -> Lives | Rates:
    """Count how messages fare whose object is attached by reference and freed when the call has returned.

    ``ack_delay`` is in messages; a lost message is sent again when its ACK is due. ``loss`` is the chance of a loss
    while no other lost message waits, so that losses are independent trials. ``pressure`` is the mean number of
    kmallocs and kfrees of this size class by others between two messages. ``by_delay`` (DELAYS, or those given) adds
    how many lost messages arrive wrong for each ACK delay. InputError for what the model does not hold.

    Examples
    --------
    >>> from splicelab import lives
    >>> lives(pressure=0, messages=1000)
    996 messages: arrived at once 947, sent again, right 0, own later bytes 49, another user's bytes 0
    >>> lives(pressure=0, messages=1000, by_delay=(0, 1, 8)).table.share.tolist()
    [0.0, 1.0, 1.0]
    """
    if by_delay:
        given = {"kernel": kernel, "object_bytes": object_bytes, "loss": loss, "pressure": pressure, "zeroed": zeroed}
        delays = DELAYS if by_delay is True else by_delay
        one, *counted = (lives(ack_delay=n, messages=messages, **given) for n in (ack_delay, *delays))
        return Rates(_rates(counted, delays), ack_delay, one)
    within("ack_delay", ack_delay, 0, ACK_DELAY_MAX)
    within("messages", messages, ack_delay + 1, 100_000)
    within("loss", loss, 0, 1)
    within("pressure", pressure, 0, 16)
    within("object_bytes", object_bytes, MESSAGE_BYTES, 32768)
    random = np.random.RandomState(1)  # the generator whose stream is frozen: stored text stays true
    lost, next_loss = random.random_sample(messages) < loss, 0
    for message in np.flatnonzero(lost):
        lost[message] = message >= next_loss
        next_loss = message + ack_delay + 1 if lost[message] else next_loss
    works = np.append(random.poisson(pressure, messages), OTHERS * 8)
    draws, fates = random.random_sample(works.sum()), np.zeros(messages, np.int64)
    w = open_attached(kernel, ack_delay)
    run_workload(w, object_bytes, zeroed, lost.astype(np.int64), works, draws, fates)
    fates = fates[: messages - ack_delay]
    wrong, tally = int((fates >= OWN_LATER).sum()), w.tally[0]
    return Lives(fates, int(lost[: len(fates)].sum()), wrong, int(tally.corrupt_bytes), int(tally.double_put))


def _rates(counted: list[Lives], delays: tuple[int, ...]) -> pd.DataFrame:
    """Return how many were lost and wrong by ACK delay, and the share with its interval."""
    from scipy.stats import binomtest

    table = pd.DataFrame({"lost": [one.lost for one in counted], "wrong": [one.wrong for one in counted]}, delays)
    ranges = [binomtest(one.wrong, one.lost).proportion_ci(method="wilson") if one.lost else (0, 1) for one in counted]
    table[["low", "high"]] = np.array(ranges, float)
    return table.assign(share=table.wrong / table.lost).rename_axis("delay")
