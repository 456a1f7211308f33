"""The baseline: one sendmsg without the flag, and the stack copies everything."""

from splicelab._jit import jit
from splicelab.kernel.iov import iov_begin
from splicelab.kernel.message import add_piece, build, release
from splicelab.kernel.tcp import sendmsg


@jit
def plain_copy(w):
    """Build the pieces where the caller keeps them, send them in one call, copied. Return the bytes taken."""
    iov_begin(w)
    for place in range(w.plan[0].pieces):
        build(w, place)
        add_piece(w, place)
    sent = sendmsg(w, 0)
    for place in range(w.plan[0].pieces):
        release(w, place)
    return sent
