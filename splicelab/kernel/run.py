"""A run of messages: what is meant is written down before each, its ACK arrives some messages later, nothing may stay.

What is *meant* does not depend on the alternative that sends; the receiver compares.
"""

from splicelab._jit import jit
from splicelab.kernel.copy import copy_bytes
from splicelab.kernel.frag import drain_caches
from splicelab.kernel.memory import FREE, SLAB
from splicelab.kernel.message import ROLES, content, free_owned, stands
from splicelab.kernel.tcp_input import acknowledge, finish, retransmit
from splicelab.kernel.world import IN_FLIGHT_MAX, WIRE_BYTES


@jit(inline="always")
def begin_message(w):
    """Note what the next message means to say, from the stream's position on."""
    plan = w.plan[0]
    plan.messages += 1
    plan.first_byte = seq = w.sock[0].write_seq
    for place in range(plan.pieces if w.moves_bytes != 0 else 0):
        piece = w.piece[place]
        done = 0
        while done < piece.size_bytes:
            start = (seq + done) % WIRE_BYTES
            count = min(piece.size_bytes - done, WIRE_BYTES - start)
            if stands(piece):
                copy_bytes(w.meant, start, w.arena, piece.kept_address + done, count)
            else:
                for position in range(count):
                    w.meant[start + position] = content(plan.messages, place, done + position)
            done += count
        seq += piece.size_bytes


@jit(inline="always")
def end_message(w, sent):
    """Count how the send ended, and let the ACK of an earlier message arrive; what was lost is sent again first."""
    plan, tally, sk = w.plan[0], w.tally[0], w.sock[0]
    tally.refused += sent < 0
    tally.short_sends += sent >= 0 and sk.write_seq - plan.first_byte < plan.bytes  # whatever was returned
    w.message_end[plan.messages % IN_FLIGHT_MAX] = sk.write_seq
    if plan.messages > plan.ack_delay:
        ack_arrives(w, w.message_end[(plan.messages - plan.ack_delay) % IN_FLIGHT_MAX])
    if plan.lose_every != 0 and plan.messages % plan.lose_every == 0:
        sk.lose = 1


@jit
def release_kept(w):
    """Free what callers kept for messages that are acknowledged by now, or that are too many to remember."""
    plan = w.plan[0]
    while plan.released < plan.messages:
        place = (plan.released + 1) % IN_FLIGHT_MAX
        if w.message_end[place] > w.sock[0].snd_una and plan.messages - plan.released < IN_FLIGHT_MAX:
            return
        plan.released += 1
        for role in range(len(ROLES)):
            if w.kept[place, role] != 0:
                free_owned(w, w.kept[place, role])
                w.kept[place, role] = 0


@jit(inline="always")
def ack_arrives(w, seq):
    """Let an ACK up to ``seq`` arrive, if anything is in flight; what was lost is sent again first."""
    retransmit(w, seq)
    if w.sock[0].packets_out > 0:
        acknowledge(w, seq)
    if w.plan[0].keeps != 0:
        release_kept(w)


def settle(w):
    """Let the last ACKs arrive, and lose no more."""
    w.sock[0].lose = 0
    ack_arrives(w, w.sock[0].snd_nxt)


@jit
def close_run(w):
    """End the run: everything is ACKed, every owner gives its memory back, and what is still in use has leaked."""
    retransmit(w, w.sock[0].snd_nxt)
    finish(w)
    release_kept(w)
    for place in range(w.plan[0].pieces):
        if w.piece[place].kept_address != 0:
            free_owned(w, w.piece[place].kept_address)
    drain_caches(w)
    w.tally[0].leaked = w.tally[0].objects_in_use
    for page in range(w.page_brk):
        w.tally[0].leaked += w.page[page].head == page and w.page[page].kind not in (FREE, SLAB)
