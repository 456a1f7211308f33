"""Look at one message while it stands in the queue: its pieces, what happened to them, and the skbs that hold them."""

from typing import NamedTuple

from splicelab.callers import Caller
from splicelab.evidence.counted.run import run
from splicelab.evidence.counted.skb_queue import Skb, look_at_queue
from splicelab.evidence.counted.tally import Tally
from splicelab.kernel.message import OWNERS, ROLES

EVENT_NAMES = (
    *("call", "copy", "splice", "push", "transmit", "lose", "ack", "free"),
    *("kmalloc", "kfree", "frag_alloc", "frag_free", "rewrite", "uncork"),
)


class Piece(NamedTuple):
    """A piece of the message: its role, who owns its memory, and where it was built."""

    role: str
    owner: str
    address: int
    size_bytes: int


class Event(NamedTuple):
    """Something that happened, in order; what its three numbers mean depends on the name.

    call (flags, stream position, bytes) · copy, splice (position, address, bytes) · push (flags, position, -) ·
    transmit, lose, free (skb, position, bytes) · ack (position, -, -) · kmalloc, frag_alloc (address, bytes, -) ·
    kfree, frag_free (address, -, -) · rewrite (address, bytes, piece) · uncork (-, position, -).
    """

    name: str
    first: int
    second: int
    third: int


class Trace(NamedTuple):
    """One message: pieces, events (those after the queue was looked at come from its ACK), skbs, and the counters.

    ``name`` says which caller, alternative and kernel it is.
    """

    name: str
    pieces: list[Piece]
    events: list[Event]
    looked_at: int
    skbs: list[Skb]
    tally: Tally


def trace_message(caller: Caller, alternative: str, profile: str = "6.12+v3", **options) -> Trace:
    """Send one message and return what could be seen; ``options`` as for `splicelab.evidence.counted.run.run`."""
    seen = {}

    def look(w):
        plan = w.plan[0]
        pieces = [w.piece[place] for place in range(plan.pieces)]
        seen["pieces"] = [Piece(ROLES[p.role], OWNERS[p.owner], int(p.address), int(p.size_bytes)) for p in pieces]
        seen["looked_at"] = int(w.events)
        seen["world"], seen["first_byte"] = w, int(plan.first_byte)
        seen["skbs"] = look_at_queue(w, plan.first_byte)

    tally = run(caller, alternative, profile, look=look, ack_delay=1, **options)
    w = seen["world"]
    events = [Event(EVENT_NAMES[row[0]], *(int(value) for value in row[1:])) for row in w.event[: w.events]]
    name = f"{caller.key} · {alternative} · {profile}"
    return Trace(name, seen["pieces"], events, seen["looked_at"], seen["skbs"], tally)
