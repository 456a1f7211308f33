"""The life of one message whose memory is attached by reference, and lost on its way, step by step."""

from typing import NamedTuple

from splicelab.errors import within
from splicelab.evidence.counted.lifetimes import MESSAGE_BYTES, attach_object, open_attached, write_other
from splicelab.kernel.memory import LARGE_KMALLOC
from splicelab.kernel.run import begin_message
from splicelab.kernel.slab import kfree, kmalloc
from splicelab.kernel.tcp_input import acknowledge, retransmit
from splicelab.kernel.world import NONE, PAGE_SIZE
from splicelab.result import Result
from splicelab.tables import Whole, checked


class Moment(NamedTuple):
    """A step of a message's life: user and bytes of three blocks of memory, the message's own in the middle.

    ``refcount`` is that of its page while an skb points there, else None; ``received`` what has arrived.
    """

    what: str
    blocks: list[tuple[str, bytes]]
    refcount: int | None
    received: bytes


class Life(Result):
    """The life of one message, step by step."""

    moments: list[Moment]

    @property
    def text(self) -> str:
        """Who has the object that the skb shows, its page's count, what was received: a line a step."""
        lines = []
        for number, (what, blocks, refcount, received) in enumerate(self.moments, 1):
            queue = "queue empty" if refcount is None else f"skb points at it, page count {refcount}"
            got = "nothing received yet" if not received else f"received {in_hex(received)}"
            lines.append(f"{number} {what}: {blocks[1][0]}, {in_hex(blocks[1][1])}; {queue}; {got}")
        return "\n".join(lines)


def in_hex(data: bytes) -> str:
    """Return the first and last two bytes."""
    return f"{data[:2].hex(' ')} … {data[-2:].hex(' ')}"


@checked
def life(kernel: str = "6.1", object_bytes: Whole = MESSAGE_BYTES, zeroed: bool = False) -> Life:
    """Follow one lost message: attached, freed, its memory taken by another, sent again, ACKed.

    Examples
    --------
    >>> from splicelab import life
    >>> print(life("6.1").text.splitlines()[1])
    2 the call returns: kfree: free, 26 33 … ac b9; skb points at it, page count 2; nothing received yet
    """
    within("object_bytes", object_bytes, MESSAGE_BYTES, 32768)
    w = open_attached(kernel)
    left, middle, right = places = [kmalloc(w, object_bytes) for _ in range(3)]
    users, told = {left: "another user"}, []
    for address in (left, right, middle):
        write_other(w, address, True)
        if address != left:
            kfree(w, address)

    def tell(what: str) -> None:
        blocks = []
        for place in places:
            kind = w.page[w.page[place // PAGE_SIZE].head].kind
            nobody = "kept for the skb" if kind == LARGE_KMALLOC else "free"
            blocks.append((users.get(place, nobody), bytes(w.arena[place : place + MESSAGE_BYTES])))
        count = int(w.page[w.page[middle // PAGE_SIZE].head].refcount)
        received = bytes(w.received[: w.tally[0].received_bytes])
        told.append(Moment(what, blocks, count if w.sock[0].read_head != NONE else None, received))

    begin_message(w)
    w.sock[0].lose = 1
    users[kmalloc(w, object_bytes)] = "the message"
    attach_object(w, middle)
    tell("attached; lost on the way")
    kfree(w, middle)
    del users[middle]
    tell("the call returns: kfree")
    taken = kmalloc(w, object_bytes)
    write_other(w, taken, zeroed)
    users[taken] = "another user"
    tell("kmalloc by another user, who writes")
    retransmit(w, w.sock[0].snd_nxt)
    tell("no ACK came: sent again")
    acknowledge(w, w.sock[0].snd_nxt)
    tell("ACK: the skb lets go")
    return Life(told)
