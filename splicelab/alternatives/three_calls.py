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
    pieces, sent, first = w.plan[0].pieces, 0, 0
    for place in range(pieces):
        build(w, place)
    while first < pieces:
        is_payload, last = w.piece[first].role == PAYLOAD, first
        iov_begin(w)
        while last < pieces and (w.piece[last].role == PAYLOAD) == is_payload:
            add_piece(w, last)
            last += 1
        flags = (splice_flag(w) if is_payload else 0) | (MSG_MORE if last < pieces else 0)
        taken = sendmsg(w, flags)
        if taken < 0:
            sent = taken if sent == 0 else sent
            break
        sent, first = sent + taken, last
    for place in range(pieces):
        release(w, place)
    return sent
