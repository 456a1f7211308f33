"""How it grows: time and memory against messages, their size, their pieces, those in flight, the states of a world.

Each axis is a row of points (x, ns, peak KiB of the process) with the exponents of both, fitted on log scales: 0 is
flat, 1 in proportion. All axes are one picture, bench/growth.png.
"""

import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from bench.growth import LONGEST_BY, forget_peak, peak_kib
from splicelab.evidence.counted.run import run as send
from splicelab.evidence.orders.programs import PROGRAMS, TwoMessages
from splicelab.evidence.orders.search import search
from splicelab.result import crisp_png
from splicelab.show.style import TIMED, axis_label, new_figure

PICTURE = Path(__file__).with_name("growth.png")
SIZES_BYTES = tuple(4**power for power in range(3, 10))
PAGES = (1, 2, 4, 8, 16, 32, 64)
IN_FLIGHT = (1, 2, 4, 8, 16, 32, 63)
TRIES, LEAST_NS = 5, 20_000_000
LABELS = {
    "messages": "messages sent",
    "size": "bytes in a message",
    "pieces": "pieces in a message",
    "in flight": "messages in flight",
    "states": "states of a world",
}


def timed_ns(function: Callable[[], object]) -> int:
    """Return how long a call takes."""
    start_ns = time.perf_counter_ns()
    function()
    return time.perf_counter_ns() - start_ns


def message_ns(alternative: str, **options) -> float:
    """Return ns a message takes: what many take longer than one, the least of some tries, as noise only adds."""

    def least_ns(messages: int) -> int:
        return min(timed_ns(lambda: send("iscsi_tcp", alternative, messages=messages, **options)) for _ in range(TRIES))

    many, one_ns = 64, least_ns(1)
    while (many_ns := least_ns(many)) < one_ns + LEAST_NS:
        many *= 2
    return (many_ns - one_ns) / (many - 1)


def points(growth: list[dict], worlds: tuple[str, ...]) -> Iterator[tuple[str, float, float, int]]:
    """Yield axis, x, ns and peak KiB, point by point."""
    for leg in next((row["legs"] for row in growth if row["alternative"] == LONGEST_BY), []):
        yield "messages", leg["messages"], leg["ns"] * leg["messages"], leg["peak_kib"]
    counted = {"moves_bytes": False}
    measures = [("size", x, "plain_copy", {"payload_bytes": x}) for x in SIZES_BYTES]
    measures += [("pieces", x + 1, "fix_callers", counted | {"payload_bytes": 4096 * x}) for x in PAGES]
    measures += [("in flight", x, "fix_callers", counted | {"payload_bytes": 4096, "ack_delay": x}) for x in IN_FLIGHT]
    for axis, x, alternative, options in measures:
        forget_peak()
        yield axis, x, message_ns(alternative, **options), peak_kib()
    search_anew(min(worlds))  # what is needed once is made now
    for name in worlds:
        forget_peak()
        found = []
        taken_ns = timed_ns(lambda name=name, found=found: found.append(search_anew(name)))
        yield "states", found[0].states, taken_ns, peak_kib()


def search_anew(name: str):
    """Try every order of a program in this process, also where its verdict is known."""
    return search(name, TwoMessages(PROGRAMS[name]))


def exponent(x: list[float], y: list[float]) -> float:
    """Return the slope of y over x on log scales."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def draw(rows: dict[str, dict]):
    """Return the picture: a column an axis, time above memory."""
    figure, axes = new_figure(11.5, 5.2, 2, len(rows))
    for (above, below), (name, row) in zip(np.transpose(axes), rows.items(), strict=True):
        for panel, values, power in ((above, row["ns"], row["ns_exponent"]), (below, row["kib"], row["kib_exponent"])):
            panel.plot(row["x"], values, "o", ms=4, color="#3B4A5A")
            least = min(values) / 3, max(max(values), 10 * min(values)) * 3  # what is flat must look flat
            panel.set(xscale="log", yscale="log", ylim=least, title=f"exponent {power:.2f}")
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_major_locator(LogLocator(numticks=4))
                axis.set_major_formatter(EngFormatter(sep=""))
                axis.set_minor_formatter(NullFormatter())
            panel.tick_params(labelsize=9)
        below.set_xlabel(LABELS[name])
    axes[0][0].set_ylabel(axis_label("ns", TIMED))
    axes[1][0].set_ylabel("peak KiB of the process")
    return figure


def run(growth: list[dict], worlds: tuple[str, ...] = tuple(PROGRAMS), picture: Path = PICTURE) -> dict[str, dict]:
    """Measure all axes, print a line for each, and draw them; `growth` is what the long runs found."""
    rows = {}
    for name, x, ns, kib in points(growth, worlds):
        row = rows.setdefault(name, {"x": [], "ns": [], "kib": []})
        for key, value in zip(row, (x, ns, kib), strict=True):
            row[key].append(value)
    for name, row in rows.items():
        row |= {f"{key}_exponent": round(exponent(row["x"], row[key]), 3) + 0.0 for key in ("ns", "kib")}
        ends = f"{min(row['x']):,} to {max(row['x']):,}"
        print(f"growth  {LABELS[name]:20} {ends:26} time ^{row['ns_exponent']:.2f}  memory ^{row['kib_exponent']:.2f}")
    picture.write_bytes(b64decode(crisp_png(draw(rows))[0]))
    return rows
