"""Named and left: attach slab memory as it is, and free it from a completion callback (D. Howells).

The caller gives every message memory of its own and hands it over: the callback of the last ACK frees it. What
MSG_ZEROCOPY does for user pages. A local receiver would keep the memory for as long as it likes, so it gets a copy.
"""

from splicelab._jit import jit
from splicelab.kernel.iov import iov_begin
from splicelab.kernel.message import add_piece, build_fresh, release_fresh, splice_flag
from splicelab.kernel.tcp import sendmsg
from splicelab.kernel.world import ATTACH_SLAB


@jit
def attach_callback(w):
    """Build the pieces, attach them, and leave freeing to the callback."""
    w.sock[0].slab_rule = ATTACH_SLAB
    iov_begin(w)
    for place in range(w.plan[0].pieces):
        build_fresh(w, place)
        add_piece(w, place)
    sent = sendmsg(w, splice_flag(w))
    for place in range(w.plan[0].pieces):
        release_fresh(w, place)
    return sent
