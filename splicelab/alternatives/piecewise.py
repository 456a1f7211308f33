"""The status quo: header, payload and trailer in calls of their own, as this caller makes them on this kernel."""

from splicelab._jit import jit
from splicelab.kernel.message import build, release, send_step
from splicelab.kernel.tcp import set_cork


@jit
def piecewise(w):
    """Build the pieces, then make the caller's own calls one by one; a failed one ends the message."""
    plan = w.plan[0]
    for place in range(plan.pieces):
        build(w, place)
    if plan.corked != 0:
        set_cork(w, True)
    sent = taken = 0
    for place in range(plan.steps):
        taken = send_step(w, place, w.step[place].msg_flags)
        if taken < 0:
            break
        sent += taken
    if plan.corked != 0:
        set_cork(w, False)
    for place in range(plan.pieces):
        release(w, place)
    return sent if sent > 0 else taken
