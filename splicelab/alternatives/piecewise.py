"""The status quo: header, payload and trailer in calls of their own, as this caller makes them on this kernel."""

from splicelab._jit import jit
from splicelab.kernel.message import build, cork, release, send_step, uncork


@jit
def piecewise(w):
    """Build the pieces, then make the caller's own calls one by one; a failed one ends the message."""
    plan = w.plan[0]
    for place in range(plan.pieces):
        build(w, place)
    cork(w)
    sent = 0
    for place in range(plan.steps):
        taken = send_step(w, place)
        if taken < 0:
            sent = sent if sent > 0 else taken
            break
        sent += taken
    uncork(w)
    for place in range(plan.pieces):
        release(w, place)
    return sent
