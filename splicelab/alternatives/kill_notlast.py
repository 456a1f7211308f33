"""The minimal set: the caller's own calls, MSG_SENDPAGE_NOTLAST taken out and MSG_MORE put in (J. Kicinski).

Each call keeps its place, its bytes and its method, and gets the flags that the merged series gave it in 6.5. What
stays is 6.1's TCP: a call without NOTLAST ends in a push. Where ->sendpage is gone, so is the flag: there these are
that kernel's own calls, as in piecewise.
"""

from splicelab._jit import jit
from splicelab.kernel.message import build, cork, release, send_step, uncork


@jit
def kill_notlast(w):
    """Build the pieces, then make the caller's own calls with their later flags; a failed one ends the message."""
    plan = w.plan[0]
    for place in range(plan.pieces):
        build(w, place)
    cork(w)
    sent = 0
    for place in range(plan.steps):
        w.step[place].msg_flags = w.step[place].flags_since_6_5
        taken = send_step(w, place)
        if taken < 0:
            sent = sent if sent > 0 else taken
            break
        sent += taken
    uncork(w)
    for place in range(plan.pieces):
        release(w, place)
    return sent
