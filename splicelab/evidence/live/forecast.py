"""Each alternative's message predicted by the model first, and then sent to the kernel of this machine."""

import platform
import re
import time

import pandas as pd

from splicelab.evidence.counted.patterns import observe, pattern_calls
from splicelab.evidence.counted.run import segment_bytes
from splicelab.evidence.counted.scenarios import one_message
from splicelab.evidence.live.loops import COUNTS, WAYS
from splicelab.evidence.live.sockets import Shape, Wire, open_wire
from splicelab.kernel.profiles import PROFILES
from splicelab.kernel.world import MSG_MORE, PAGE_SIZE
from splicelab.progress import progress
from splicelab.result import Result

PAYLOADS, QUICK_PAYLOADS = (100, 1024, 4096, 16384, 32768, 65536, 131072), (1024, 16384, 65536)
STALLED, LEAST = "plain_copy, MORE to the end", Shape(1, 1, 1)
PATTERNS = dict.fromkeys(WAYS, ("one sendmsg", "nothing")) | {STALLED: ("one sendmsg", "MSG_MORE to the end")}
PATTERNS |= dict.fromkeys(("piecewise", "three_calls"), ("sendfile between", "MSG_MORE"))
PATTERNS |= dict.fromkeys(("fix_callers", "rewrite_helper"), ("one splice", "nothing"))
COLUMNS = ["scenario", "what", "predicted", "observed", "agrees", "why"]
# By route: the MTU, and what a connection has been given when it is warm: so many segments in flight, bytes of window.
WARM = {"loopback": (65536, 10, 1 << 19), "veth": (1500, 100, 1 << 22)}
ACKS = "when all calls have returned", "between two calls", "within a call"
REST_S = 0.03  # what MORE holds back would leave by a timer of 200 ms


class Forecast(Result):
    """What was predicted of each message, and observed: columns scenario, what, predicted, observed, agrees, why.

    ``why`` explains a disagreement, where it can be explained. ``skb_bytes`` is what this kernel charges more for an
    skb itself than the profile: that depends on its configuration (how long headers can be), so it is read first.
    """

    kernel: str
    profile: str
    table: pd.DataFrame
    skb_bytes: int = 0
    note: str = ""

    text = "live: what was predicted, and what this kernel did; see table"  # the same on every machine

    @property
    def html(self) -> str:
        """How many rows agree on which kernel, and the others."""
        told = f"Linux {self.kernel}, predicted as {self.profile}{self.note}: {self.table.agrees.sum()} of "
        others = self.table[~self.table.agrees]
        shown = f"; the others:</p>{others.to_html(index=False, border=0)}" if len(others) else "</p>"
        return f"<p>{told}{len(self.table)} rows agree{shown}"


def newest_profile(release: str) -> str:
    """Return the newest profile of an unpatched kernel that is not newer than this one; the oldest if all are."""
    running = tuple(map(int, re.findall(r"\d+", release)[:2]))
    plain = {tuple(map(int, key.split("."))): key for key in PROFILES if "+" not in key}
    return plain[max((version for version in plain if version <= running), default=min(plain))]


def forecast(payloads: tuple[int, ...] = PAYLOADS, ways: tuple[str, ...] = WAYS, route: str = "loopback") -> Forecast:
    """Predict, send, observe: each of the ways with each payload, behind a header of 48 bytes, before a trailer of 4.

    Raises LiveError where this machine cannot send one of these ways.
    """
    release = platform.release()
    profile, rows = newest_profile(release), []
    with open_wire(LEAST, route=route) as wire:
        held_bytes = observe_message(wire, STALLED)["truesize queued"]
    skb_bytes = held_bytes - predict_message(STALLED, LEAST, profile, route=route)["truesize queued"]
    cases = [(way, Shape(payload_bytes=size)) for size in payloads for way in (*ways, STALLED)]
    for way, shape in progress("predict, send", cases):
        when = ACKS if way == STALLED else ACKS[:2]  # the last is for one call
        predicted, *others = (predict_message(way, shape, profile, acks, skb_bytes, route) for acks in when)
        with open_wire(shape, route=route) as wire:
            observed = observe_message(wire, way)
        for what, said in predicted.items():
            is_same, why = said == observed[what], ""
            if not is_same and observed["bytes sent again"]:
                why = f"{observed['bytes sent again']} bytes were sent again: an ACK came late"
            elif not is_same:
                same = [acks for acks, other in zip(when[1:], others, strict=True) if observed[what] == other[what]]
                why = f"as the model predicts where an ACK comes {same[0]}" if same else ""
            rows.append((f"{way}, {shape}", what, said, observed[what], is_same, why))
    return Forecast(release, profile, pd.DataFrame(rows, columns=COLUMNS), skb_bytes)


def predict_message(way: str, shape: Shape, profile: str, acks=ACKS[0], skb_bytes=0, route="loopback") -> dict:
    """Return what an unprivileged program will see of one message, if its kernel does as the model.

    ``acks``, one of ACKS, says when the receiver ACKs what has left; ``skb_bytes`` is that of `Forecast`.
    """
    calls, total_bytes = pattern_calls(*PATTERNS[way], *shape), sum(shape)
    if way == "three_calls":
        calls[1] = ["splice", [["file", 0, shape.payload_bytes]], ["SPLICE_F_MORE"]]
    is_pinned = way == "attach_callback"
    if is_pinned:
        calls[0][-1].append("MSG_ZEROCOPY")
    mtu, cwnd, max_window = WARM[route]
    mss, size_goal = segment_bytes(mtu)
    if acks == ACKS[2]:  # what fills an skb leaves by itself: as if each were a call
        sizes = [min(size_goal, total_bytes - sent_bytes) for sent_bytes in range(0, total_bytes, size_goal)]
        calls = [["sendmsg", [size_bytes], ["MSG_MORE"]] for size_bytes in sizes]
    connection = {"id": way, "kernel": "6.12", "nodelay": 1, "max_window": max_window}
    connection |= {"zerocopy": {"offsets": [0, 0, 0], "payload_folio": PAGE_SIZE}} if is_pinned else {}
    scenario = one_message("live", calls, mtu, cwnd, **connection).model_copy(update={"kernel": profile})
    seen = observe(scenario, acks_each_call=acks != ACKS[0] or len(calls) == 1)
    waiting_bytes = seen.counters["unsent_bytes"]
    waiting = [skb for skb in seen.skbs if skb.position + skb.size_bytes > total_bytes - waiting_bytes]
    segments = sum(-(-size_bytes // mss) for size_bytes, *_ in seen.counters["skbs"][: -len(waiting) or None])
    into_pipe = sum(len(call[1]) for call in calls if call[0] == "splice")  # a piece, a call
    return {
        "calls": len(calls) + into_pipe,
        "segments": segments,
        "data segments": segments,
        "bytes sent": total_bytes - waiting_bytes,
        "bytes not ACKed": waiting_bytes,
        "bytes not sent": waiting_bytes,
        "truesize queued": sum(skb.truesize + skb_bytes for skb in waiting),
        "completions": int(is_pinned),
        "copied": int(is_pinned),  # what a receiver on the same machine gets is copied after all
    }


def observe_message(wire: Wire, way: str) -> dict[str, int]:
    """Send one message, whose receiver reads when all calls have returned ; return what it did."""
    before = wire.at_rest()
    if way == "attach_callback":  # completed by the ACK: the receiver must not wait for it
        counts = wire.send(way)
    elif way in WAYS:
        counts = wire.put(way, 1)
        wire.finish(wire.begin(1))
    else:
        wire.sender.sendmsg([wire.meant[: wire.message_bytes].data], [], MSG_MORE)
        counts = dict.fromkeys(COUNTS, 0) | {"calls": 1}
        time.sleep(REST_S)
    after = wire.at_rest()
    return counts | {name: after[name] - before[name] for name in after}
