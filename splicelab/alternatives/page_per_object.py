"""An earlier wish: a whole page for every small piece, so that a reference means just that piece (M. Wilcox)."""

from splicelab._jit import jit
from splicelab.kernel.frag import PAGE_PER_OBJECT
from splicelab.kernel.iov import iov_begin
from splicelab.kernel.message import add_piece, build_in_frag, release_frag, splice_flag
from splicelab.kernel.tcp import sendmsg


@jit
def page_per_object(w):
    """Build every small piece at the start of a page of its own, send once, drop the own references."""
    iov_begin(w)
    for place in range(w.plan[0].pieces):
        build_in_frag(w, place, PAGE_PER_OBJECT)
        add_piece(w, place)
    sent = sendmsg(w, splice_flag(w))
    for place in range(w.plan[0].pieces):
        release_frag(w, place, PAGE_PER_OBJECT)
    return sent
