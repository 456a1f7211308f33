"""A thought for later: a frag type that is copied when somebody takes a reference (J. Kicinski).

As long as nobody does, the slab object itself is sent, and a callback tells when it may be freed. References are
taken where a fragment is cut, by segmentation in software, and by a receiver on the same machine.
"""

from splicelab._jit import jit
from splicelab.kernel.iov import iov_begin
from splicelab.kernel.message import add_piece, build_fresh, release_fresh, splice_flag
from splicelab.kernel.tcp import sendmsg
from splicelab.kernel.world import COPY_ON_REF


@jit
def copy_on_ref(w):
    """Build the pieces, attach them, and leave freeing to the callback."""
    w.sock[0].slab_rule = COPY_ON_REF
    iov_begin(w)
    for place in range(w.plan[0].pieces):
        build_fresh(w, place)
        add_piece(w, place)
    sent = sendmsg(w, splice_flag(w))
    for place in range(w.plan[0].pieces):
        release_fresh(w, place)
    return sent
