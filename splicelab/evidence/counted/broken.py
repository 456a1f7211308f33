"""What a reader's own alternative broke, in words: it is sent again, one message at a time, up to the first wrong one.

What has to hold: the receiver gets the bytes that were meant, all of them and no others; at the end every reference is
put and every object freed, once.
"""

import numpy as np

from splicelab.errors import InputError
from splicelab.evidence.counted.tally import look_at_log, look_at_queue
from splicelab.kernel import world as kernel
from splicelab.kernel.memory import KINDS, SLAB
from splicelab.kernel.message import ROLES
from splicelab.kernel.run import begin_message, end_message, settle
from splicelab.kernel.slab import object_at

LOOKED_AT = 4096  # messages that are sent again


class BrokenError(InputError):
    """An alternative leaked memory, or dropped a reference or freed an object that was not its own."""


def times(count: int, noun: str) -> str:
    """Return ``1 byte``, ``2 bytes``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def broken_memory(tally) -> str:
    """Say what harm to memory a closed run has counted; nothing if there is none."""
    objects, blocks, told = int(tally.objects_in_use), int(tally.leaked - tally.objects_in_use), []
    if held := [times(count, noun) for count, noun in ((blocks, "page block"), (objects, "slab object")) if count > 0]:
        told.append(f"leaked: {' and '.join(held)} still held at the end; who frees them?")
    counts = {
        "an object was freed that nobody held (double kfree)": -objects if objects < 0 else 0,
        "a reference was put that nobody held (double put)": tally.double_put,
        "a slab object was freed while the queue still showed it": tally.freed_early,
        "memory or the array of segments was used up": tally.exhausted,
    }
    return "; ".join(told + [f"{words}, {times(int(count), 'time')}" for words, count in counts.items() if count])


def broken_message(w, function, messages: int) -> str:
    """Send messages of a fresh run until one goes wrong, and say what is wrong with it; nothing if none does.

    ``function`` is the alternative; everything that happens is logged for as long as an ACK is awaited.
    """
    w.logging, plan, sk, history = 1, w.plan[0], w.sock[0], []
    for number in range(1, min(messages, LOOKED_AT) + 1):
        w.events = 0
        begin_message(w)
        meant_bytes, wrong_bytes = int(plan.first_byte + plan.bytes), int(w.tally[0].corrupt_bytes)
        returned = function(w)
        shown = [frag for skb in look_at_queue(w, 0) for frag in skb.frags]
        end_message(w, returned)
        if number == messages:
            settle(w)
        history = [*history[-kernel.ACK_DELAY_MAX :], (int(plan.first_byte), look_at_log(w))]
        told, sent_bytes = [], int(sk.write_seq)
        if sent_bytes < meant_bytes:
            at = _place(w, sent_bytes - plan.first_byte)
            refused = ", which this kernel refused to attach (-EIO)" if w.tally[0].eio else ""
            fewer = times(meant_bytes - sent_bytes, "byte")
            told.append(f"{fewer} fewer arrived than were meant: from {at} on{refused}")
        elif sent_bytes > meant_bytes:
            told.append(f"{times(sent_bytes - meant_bytes, 'byte')} more arrived than were meant")
        elif w.tally[0].corrupt_bytes > wrong_bytes:
            told.append(_wrong_bytes(w, history, shown))
        if number == messages and sk.snd_nxt < sk.write_seq:
            held = times(int(sk.write_seq - sk.snd_nxt), "byte")
            told.append(f"{held} still waited at the end: the last call said MSG_MORE, and no more came")
        if told:
            return f"message {number}: " + "; ".join(told)
    return ""


def _place(w, byte: int) -> str:
    """Say where in the message a byte stands."""
    ends = np.cumsum(w.piece["size_bytes"][: w.plan[0].pieces])
    return f"byte {byte:,} ({ROLES[w.piece[np.searchsorted(ends, byte, 'right')].role]})"


def _wrong_bytes(w, history: list, shown: list) -> str:
    """Say which bytes came wrong in the last step of a history, and what had happened to their memory."""
    arrived = [(start, size) for name, _, start, size in history[-1][1] if name == "transmit"]
    taken = np.concatenate([np.arange(start, start + size) for start, size in arrived])
    wrong = taken[w.meant[taken % kernel.WIRE_BYTES] != w.received[taken % kernel.WIRE_BYTES]]
    first = int(wrong[0])
    start = next(start for start, _ in reversed(history) if start <= first)
    events = [event for step, log in history if step >= start for event in log]
    address = next(
        frag.address + first - frag.position for frag in shown if 0 <= first - frag.position < frag.size_bytes
    )
    place, cause = _place(w, first - start), _cause(w, events, first, address)
    return f"the receiver got {len(wrong):,} of {len(taken):,} bytes that were not meant: first at {place}; {cause}"


def _cause(w, events: list, position: int, address: int) -> str:
    """Say what happened to memory that the queue shows at an address, before the receiver read it."""
    kind = w.page[w.page[address // kernel.PAGE_SIZE].head].kind
    start = int(object_at(w, address)[0]) if kind == SLAB else address
    memory = "slab object" if kind == SLAB else KINDS[kind].replace("_", " ")
    is_called = False
    for name, first, second, size_bytes in events:
        if name == "call" and second <= position < second + size_bytes:
            is_called = True
        elif name == "kfree" and first == start:
            return f"the {memory} was freed {'while the queue still showed it' if is_called else 'before it was sent'}"
        elif is_called and name == "rewrite" and first <= address < first + second:
            return f"its owner wrote the next message into the same memory ({memory}) while the queue still showed it"
        elif is_called and name in ("kmalloc", "frag_alloc") and first <= address < first + second:
            return f"its memory ({memory}) was given to the next message while the queue still showed it"
    return "they left like that: in another order, or before they were written"
