"""All that an alternative of your own needs: register a function of one record, build the pieces, send, give back.

`w` is the world: `w.plan[0].pieces` pieces, each `w.piece[place]` with role, size_bytes and owner (OWN_STACK …), and
`w.plan[0].allocator` for fragments. CONTRIBUTING.md shows a whole alternative, splicelab/alternatives/ all others.
"""

from splicelab.alternatives import alternative
from splicelab.kernel.calls import send_step
from splicelab.kernel.frag import frag_free
from splicelab.kernel.iov import iov_begin
from splicelab.kernel.message import (
    OWN_STACK,
    OWN_STATIC,
    PAYLOAD,
    add_copy,
    add_piece,
    add_replaced,
    build,
    build_fresh,
    build_in_frag,
    release,
    release_frag,
    release_fresh,
    splice_flag,
)
from splicelab.kernel.tcp import sendmsg, set_cork
from splicelab.kernel.world import ATTACH_SLAB, MSG_MORE, MSG_SPLICE_PAGES, NONE
