"""Named and left: attach slab memory as it is, and free it from a completion callback (D. Howells).

The caller gives every message memory of its own and hands it over: the callback of the last ACK frees it. What
MSG_ZEROCOPY does for user pages. A local receiver would keep the memory for as long as it likes, so it gets a copy.
"""

from splicelab._jit import jit
from splicelab.kernel.message import send_with_callback
from splicelab.kernel.world import ATTACH_SLAB


@jit
def attach_callback(w):
    """Attach slab objects as they are; the callback of the last ACK frees them. Return the bytes taken."""
    w.sock[0].slab_rule = ATTACH_SLAB
    return send_with_callback(w)
