"""A message costs the same after ten thousand and after ten million of them, and in the same memory: here it shows."""

import resource
import time

import numpy as np
from tqdm import tqdm

from bench.message import open_model
from splicelab.alternatives import BUILT_IN
from splicelab.evidence.counted import run_messages

MESSAGES = (10**4, 10**5, 10**6, 10**7)
LONGEST, LONGEST_BY = 10**8, "fix_callers"
PAYLOAD_BYTES = 4096
STEP = 1000
QUANTILES = (5, 25, 50, 75, 95)
TOLERANCE = 0.10


def peak_kib() -> int:
    """Return the most memory that this process ever had resident, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def timed_ns(function, *args) -> int:
    """Return how long one call takes."""
    start_ns = time.perf_counter_ns()
    function(*args)
    return time.perf_counter_ns() - start_ns


def measure(alternative: str, counts: tuple[int, ...], bar: tqdm) -> dict:
    """Send on one connection until each count is reached: ns per message by steps of 1000, less the call itself."""
    w, key = open_model(PAYLOAD_BYTES), BUILT_IN.index(alternative)
    run_messages(w, key, STEP)
    call_ns = np.median([timed_ns(run_messages, w, key, 0) for _ in range(STEP)])
    before_kib, sent, legs = peak_kib(), 0, []
    for count in counts:
        steps_ns = np.zeros((count - sent) // STEP)
        for place in range(len(steps_ns)):
            steps_ns[place] = timed_ns(run_messages, w, key, STEP) - call_ns
            bar.update(STEP)
        sent = count
        spread = [round(float(ns), 2) for ns in np.percentile(steps_ns / STEP, QUANTILES)]
        legs.append({"messages": sent, "percentiles": QUANTILES, "ns": spread, "median_ns": spread[len(spread) // 2]})
    medians = [leg["median_ns"] for leg in legs]
    return {
        "alternative": alternative,
        "legs": legs,
        "growth": max(medians) / min(medians) - 1,
        "before_kib": before_kib,
        "after_kib": peak_kib(),
    }


def format_row(row: dict) -> str:
    """Return a row as one line of the printed table."""
    costs = " ".join(f"{leg['median_ns']:7.1f}" for leg in row["legs"])
    verdict = "flat" if row["growth"] <= TOLERANCE else "not flat"
    return (
        f"{row['alternative']:16} {costs} ns  spread {row['growth']:6.1%}  {verdict:8}"
        f"  peak memory {row['before_kib']} KiB, then {row['after_kib']} KiB"
    )


def run(counts: tuple[int, ...] = MESSAGES, longest: int = LONGEST) -> list[dict]:
    """Measure all alternatives, count-only, and one of them longer; print a table, also of an interrupted run."""
    runs = [(name, (*counts, longest) if name == LONGEST_BY else counts) for name in BUILT_IN]
    rows = []
    with tqdm(total=sum(legs[-1] for _, legs in runs), desc="messages", unit_scale=True, disable=None) as bar:
        try:
            for name, legs in runs:
                rows.append(measure(name, legs, bar))
        except KeyboardInterrupt:
            pass
    print("ns per message, count-only, until " + ", ".join(f"{count:.0e}" for count in (*counts, longest)))
    print(*map(format_row, rows), sep="\n")
    return rows
