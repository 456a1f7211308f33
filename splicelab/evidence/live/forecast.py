"""Each alternative's message predicted by the model first, and then sent to the kernel of this machine."""

import json
import platform
import re
import time
from dataclasses import dataclass

import pandas as pd
from tqdm import tqdm

from splicelab.evidence.counted.patterns import observe, pattern_calls
from splicelab.evidence.counted.scenarios import Scenario, parse_scenario
from splicelab.evidence.live.loops import ROUTES
from splicelab.evidence.live.sockets import LiveError, Shape, Wire, open_wire
from splicelab.kernel.profiles import PROFILES
from splicelab.kernel.world import MSG_MORE
from splicelab.result import Result

PAYLOADS = (100, 1024, 4096, 16384, 32768, 65536, 131072)
QUICK_PAYLOADS = (1024, 16384, 65536)
PATTERNS = {
    "plain_copy": ("one sendmsg", "nothing"),
    "piecewise": ("sendfile between", "MSG_MORE"),
    "fix_callers": ("one splice", "nothing"),
    "rewrite_helper": ("one splice", "nothing"),
    "attach_callback": ("one sendmsg", "nothing"),
}
STALLED = "plain_copy, MORE to the end"
REST_S = 0.1  # what MORE holds back leaves by a timer of 200 ms


@dataclass(frozen=True, repr=False)
class Forecast(Result):
    """What was predicted of each message, and observed: columns scenario, what, predicted, observed, agrees."""

    kernel: str
    profile: str
    table: pd.DataFrame

    @property
    def text(self) -> str:
        """A line that is the same on every machine."""
        return "live: predicted, then observed; see table"


def newest_profile(release: str) -> str:
    """Return the newest profile of an unpatched kernel that is not newer than this one; the oldest if all are."""
    running = tuple(map(int, re.findall(r"\d+", release)[:2]))
    plain = {tuple(map(int, key.split("."))): key for key in PROFILES if "+" not in key}
    return plain[max((version for version in plain if version <= running), default=min(plain))]


def forecast(payloads: tuple[int, ...] = PAYLOADS, progress: bool | None = None) -> Forecast:
    """Predict, send, observe: each alternative with each payload behind 48 bytes of header, before 4 of trailer.

    Raises LiveError where this machine cannot send one of these ways.
    """
    release = platform.release()
    profile, rows = newest_profile(release), []
    cases = [(route, Shape(payload_bytes=size)) for size in payloads for route in (*ROUTES, STALLED)]
    for route, shape in tqdm(cases, "predicting, sending", disable=None if progress is None else not progress):
        predicted = predict_message(route, shape, profile)
        with open_wire(shape) as wire:
            observed = observe_message(wire, route)
        for what, said in predicted.items():
            rows.append((f"{route}, {shape}", what, said, observed[what], said == observed[what]))
    columns = ["scenario", "what", "predicted", "observed", "agrees"]
    return Forecast(release, profile, pd.DataFrame(rows, columns=columns))


def predict_message(route: str, shape: Shape, profile: str) -> dict[str, int]:
    """Return what an unprivileged program will see of one message, if the kernel is as the model."""
    seen = observe(_scenario(route, shape, profile))
    waiting_bytes = sum(shape) if route == STALLED else 0
    zerocopy = int(route == "attach_callback")  # a receiver on this machine is given a copy
    skbs = 0 if waiting_bytes else len(seen.counters["skbs"])
    fills = 3 if seen.scenario.messages[0].calls[0][0] == "splice" else 0
    return {
        "calls": len(seen.scenario.messages[0].calls) + fills,
        "segments": skbs,
        "data segments": skbs,
        "bytes sent": sum(shape) - waiting_bytes,
        "bytes not ACKed": waiting_bytes,
        "bytes not sent": waiting_bytes,
        "truesize queued": sum(skb.truesize for skb in seen.skbs) if waiting_bytes else 0,
        "completions": zerocopy,
        "copied": zerocopy,
    }


def observe_message(wire: Wire, route: str) -> dict[str, int]:
    """Send one message whose receiver reads when all calls have returned; return the same of this kernel."""
    before = wire.observe()
    if route == STALLED:
        job = wire.job
        job.counts[:] = 0, 0, 0
        ...
