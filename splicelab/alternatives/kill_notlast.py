"""The minimal set: the caller's own calls, MSG_SENDPAGE_NOTLAST taken out and MSG_MORE put in (J. Kicinski).

Each call keeps its place, its bytes and its method, and gets the flags that the merged series gave it in 6.5. What
stays is 6.1's TCP: a call without NOTLAST ends in a push. Where ->sendpage is gone, so is the flag: there these are
that kernel's own calls, as in piecewise.
"""

from splicelab._jit import jit
from splicelab.kernel.calls import send_steps
from splicelab.kernel.message import build, release


@jit
def kill_notlast(w):
    """Build the pieces, then make the caller's own calls, with the flags of 6.5. Return the bytes taken."""
    for place in range(w.plan[0].pieces):
        build(w, place)
    sent = send_steps(w, is_notlast_gone=True)
    for place in range(w.plan[0].pieces):
        release(w, place)
    return sent
