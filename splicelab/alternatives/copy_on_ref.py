"""A thought for later: a frag type that is copied when somebody takes a reference (J. Kicinski).

As long as nobody does, the slab object itself is sent, and a callback tells when it may be freed. References are
taken where a fragment is cut, by segmentation in software, and by a receiver on the same machine.
"""

from splicelab._jit import jit
from splicelab.kernel.message import send_with_callback
from splicelab.kernel.world import COPY_ON_REF


@jit
def copy_on_ref(w):
    """Attach slab objects as they are; who takes a reference makes a copy first. Return the bytes taken."""
    w.sock[0].slab_rule = COPY_ON_REF
    return send_with_callback(w)
