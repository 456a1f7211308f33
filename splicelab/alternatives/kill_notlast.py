"""The minimal set: the caller's own calls, MSG_SENDPAGE_NOTLAST taken out and MSG_MORE put in (J. Kicinski).

Each call keeps its place, its bytes and its method, and gets the flags that the merged series gave it in 6.5. What
stays is 6.1's TCP: a call without NOTLAST ends in a push. Where ->sendpage is gone, so is the flag: there these are
that kernel's own calls, as in piecewise.
"""

from splicelab._jit import jit
from splicelab.kernel.message import build, release, send_step
from splicelab.kernel.tcp import set_cork


@jit
def kill_notlast(w):
    """Build the pieces, then make the caller's own calls with their later flags; a failed one ends the message."""
    plan = w.plan[0]
    for place in range(plan.pieces):
        build(w, place)
    if plan.corked != 0:
        set_cork(w, True)
    sent = taken = 0
    for place in range(plan.steps):
        taken = send_step(w, place, w.step[place].flags_since_6_5)
        if taken < 0:
            break
        sent += taken
    if plan.corked != 0:
        set_cork(w, False)
    for place in range(plan.pieces):
        release(w, place)
    return sent if sent > 0 else taken
