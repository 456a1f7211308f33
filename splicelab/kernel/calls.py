"""The calls that a caller makes itself, piece by piece, as its row of data/callers.csv says."""

from splicelab._jit import jit
from splicelab.kernel.iov import iov_begin
from splicelab.kernel.memory import sendpage_ok
from splicelab.kernel.message import add_piece, splice_flag
from splicelab.kernel.tcp import sendmsg, sendpage, set_cork
from splicelab.kernel.world import PAGE_SIZE

METHODS = ("copy", "sendpage", "splice")
COPY_CALL, SENDPAGE_CALL, SPLICE_CALL = range(len(METHODS))
ASKS = ("none", "first", "each")  # a caller, before it attaches: of which pages of a call
_, ASKS_FIRST, ASKS_EACH = range(len(ASKS))


@jit
def may_attach(w, step):
    """Return what a caller's own question says: may the first page of a call be referenced, or each; or nobody asks.

    Linux 6.1 and 6.12 drivers/nvme/host/tcp.c: nvme_tcp_try_send_data, and others (include/linux/net.h: sendpages_ok).
    """
    asked = step.pieces if step.asks == ASKS_EACH else step.asks
    for number in range(step.first_piece, step.first_piece + asked):
        piece = w.piece[number]
        last = piece.address if step.asks == ASKS_FIRST else piece.address + piece.size_bytes - 1
        for page in range(piece.address // PAGE_SIZE, last // PAGE_SIZE + 1):
            if not sendpage_ok(w, page):
                return False
    return True


@jit(inline="always")
def send_step(w, place, flags):
    """Make one of the caller's own calls with these MSG_ flags; return the bytes taken or a negative errno.

    A caller that asks first whether its pages may be referenced copies where they may not.
    """
    step = w.step[place]
    is_attached = step.method != COPY_CALL and may_attach(w, step)
    if step.method == SENDPAGE_CALL and is_attached:
        piece = w.piece[step.first_piece]
        return sendpage(w, piece.address // PAGE_SIZE, piece.address % PAGE_SIZE, piece.size_bytes, flags)
    iov_begin(w)
    for number in range(step.first_piece, step.first_piece + step.pieces):
        add_piece(w, number)
    return sendmsg(w, flags | (splice_flag(w) if is_attached else 0))


@jit(inline="always")
def send_steps(w, is_notlast_gone):
    """Make the caller's own calls one by one, corked where it corks; a failed one ends the message.

    Where MSG_SENDPAGE_NOTLAST is gone, each call has the flags that the merged series gave it.
    """
    plan = w.plan[0]
    sent = taken = 0
    if plan.corked != 0:
        set_cork(w, True)
    for place in range(plan.steps):
        step = w.step[place]
        taken = send_step(w, place, step.flags_since_6_5 if is_notlast_gone else step.msg_flags)
        if taken < 0:
            break
        sent += taken
    if plan.corked != 0:
        set_cork(w, False)
    return sent if sent > 0 else taken
