"""The third way: a helper between caller and stack replaces slab pieces by page fragments, then sends (J. Kicinski).

It is called by those who opt in. It walks the message once more and fills a second array of segments.
"""

from splicelab._jit import jit
from splicelab.kernel.frag import frag_free
from splicelab.kernel.iov import iov_begin
from splicelab.kernel.message import add_replaced, build, release, splice_flag
from splicelab.kernel.tcp import sendmsg
from splicelab.kernel.world import NONE


@jit
def rewrite_helper(w):
    """Build the pieces where the caller keeps them; copy those in slab to fragments; send all in one call."""
    plan = w.plan[0]
    iov_begin(w)
    for place in range(plan.pieces):
        build(w, place)
        w.replaced[place] = add_replaced(w, place, plan.allocator)
    sent = sendmsg(w, splice_flag(w))
    for place in range(plan.pieces):
        if w.replaced[place] != NONE:
            frag_free(w, plan.allocator, w.replaced[place])
        release(w, place)
    return sent
