"""No patch and no other memory: the header copied with MORE, all pages in one splice with MORE, the trailer copied.

A caller can do so on any kernel since 6.5; where the flag is ignored it only saves calls.
"""

from splicelab._jit import jit
from splicelab.kernel.iov import iov_begin
from splicelab.kernel.message import PAYLOAD, add_piece, build, release, splice_flag
from splicelab.kernel.tcp import sendmsg
from splicelab.kernel.world import MSG_MORE


@jit
def three_calls(w):
    """Build the pieces, send what stands before, in and behind the payload, a call each. Return the bytes taken."""
    pieces, sent, taken, place = w.plan[0].pieces, 0, 0, 0
    for number in range(pieces):
        build(w, number)
    while place < pieces and taken >= 0:
        is_payload = w.piece[place].role == PAYLOAD
        iov_begin(w)
        while place < pieces and (w.piece[place].role == PAYLOAD) == is_payload:
            add_piece(w, place)
            place += 1
        taken = sendmsg(w, (splice_flag(w) if is_payload else 0) | (MSG_MORE if place < pieces else 0))
        sent += max(taken, 0)
    for number in range(pieces):
        release(w, number)
    return sent if sent > 0 else taken
