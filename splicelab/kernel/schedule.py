"""What a recording knows and the model does not predict: the size goals that calls read, and when ACKs arrived.

Rows are ordered by (call, flush): flush 0 stands before a call (goals) or after it returned (ACKs), flush k for the
k-th time that a sendmsg looked at its backlog. Without rows nothing changes, and nothing is acknowledged by itself.
"""

from splicelab._jit import jit
from splicelab.kernel.tcp_input import acknowledge


@jit
def start_schedule(w, cwnd):
    """Begin a message: count its calls from zero, forget the rows of the last one, start with this window."""
    sk = w.sock[0]
    sk.calls = sk.goals = sk.next_goal = sk.acks = sk.next_ack = 0
    sk.cwnd = cwnd


@jit
def read_goal(w, flush):
    """Take over the MSS and size goal in force from this moment; return whether there was a new one.

    The largest window is not recorded. It bounds the size goal, so half of it is at least the goal.
    """
    sk = w.sock[0]
    is_new = False
    while sk.next_goal < sk.goals and is_due(w.goal[sk.next_goal, 0], w.goal[sk.next_goal, 1], sk.calls, flush):
        sk.mss = w.goal[sk.next_goal, 2]
        sk.size_goal = w.goal[sk.next_goal, 3]
        sk.half_window = max(sk.half_window, sk.size_goal)
        sk.next_goal += 1
        is_new = True
    return is_new


@jit
def flush_backlog(w, flush):
    """Look at the backlog inside a call, after 16 new skbs; return whether MSS and goal must be read again."""
    had_acks = process_acks(w, flush)
    had_goal = read_goal(w, flush)
    return had_acks or had_goal


@jit
def is_due(call, flush, now_call, now_flush):
    """Return whether a row of the schedule stands at or before this moment."""
    return call < now_call or (call == now_call and flush <= now_flush)


@jit
def process_acks(w, flush):
    """Process the ACKs of the schedule that waited at this moment; return whether there were any."""
    sk = w.sock[0]
    first = sk.next_ack
    while sk.next_ack < sk.acks and is_due(w.ack[sk.next_ack, 0], w.ack[sk.next_ack, 1], sk.calls, flush):
        seq = w.ack[sk.next_ack, 2]
        sk.next_ack += 1
        acknowledge(w, seq)
    return sk.next_ack != first


@jit
def release_sock(w):
    """End a call: count it and process the ACKs that arrived while the socket was busy, or one for all in flight."""
    sk = w.sock[0]
    sk.calls += 1
    process_acks(w, 0)
    if sk.acks_each_call != 0 and sk.packets_out > 0:
        acknowledge(w, sk.snd_nxt)
