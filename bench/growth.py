"""A message costs the same after ten thousand and after ten million of them, and in the same memory: here it shows.

At each length the connection that has sent so many is timed against a fresh one, in turn, so that a machine that
gets busier between two lengths does not look like a message that gets dearer.
"""

import time
from pathlib import Path

from tqdm import tqdm

from bench.message import open_model
from splicelab.alternatives import BUILT_IN
from splicelab.evidence.counted.run import run_messages
from splicelab.evidence.timed.timing import median_interval
from splicelab.kernel.world import new_world

MESSAGES = (10**4, 10**5, 10**6, 10**7)
LONGEST, LONGEST_BY = 10**8, "fix_callers"
PAYLOAD_BYTES = 4096
STEP = 1000
PAIRS = 41
TOLERANCE = 0.10
PROCESS = Path("/proc/self")


def forget_peak() -> None:
    """Let Linux forget the most memory that this process ever had resident (proc_pid_clear_refs(5): 5)."""
    (PROCESS / "clear_refs").write_text("5")


def peak_kib() -> int:
    """Return the most memory that was resident since then, in KiB."""
    lines = (PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def timed_ns(*args) -> int:
    """Return how long one call of the loop takes."""
    start_ns = time.perf_counter_ns()
    run_messages(*args)
    return time.perf_counter_ns() - start_ns


def against_fresh(w, key: int, memory) -> tuple[float, float, float, float]:
    """Return ns per message on this connection; and its ratio to a fresh one in this memory: median, low, high."""
    fresh = open_model(PAYLOAD_BYTES, memory)
    run_messages(fresh, key, STEP)
    aged_ns, ratios = [], []
    for number in range(PAIRS):
        pair = {}
        for name, world in (("aged", w), ("fresh", fresh))[:: 1 if number % 2 else -1]:
            pair[name] = timed_ns(world, key, STEP)
        aged_ns.append(pair["aged"] / STEP)
        ratios.append(pair["aged"] / pair["fresh"])
    return median_interval(aged_ns)[0], *median_interval(ratios)


def measure(alternative: str, counts: tuple[int, ...], bar: tqdm) -> dict:
    """Send on one connection until each count is reached, and time it there."""
    w, memory, key = open_model(PAYLOAD_BYTES), new_world(), BUILT_IN.index(alternative)
    sent, legs = 0, []
    run_messages(w, key, STEP)
    forget_peak()
    for count in counts:
        while sent < count:
            run_messages(w, key, STEP)
            sent += STEP
            bar.update(STEP)
        ns, *ratio = (round(float(number), 4) for number in against_fresh(w, key, memory))
        legs.append({"messages": sent, "ns": ns, "to_fresh": ratio, "peak_kib": peak_kib()})
    return {"alternative": alternative, "legs": legs}


def is_flat(row: dict) -> bool:
    """Return whether a message costs the same at each length; where memory happens to lie is the same for all."""
    ratios = [leg["to_fresh"][0] for leg in row["legs"]]
    return max(ratios) <= (1 + TOLERANCE) * min(ratios)


def format_row(row: dict) -> str:
    """Return a row as one line of the printed table."""
    legs = row["legs"]
    costs = " ".join(f"{leg['ns']:6.1f} ({leg['to_fresh'][0]:.3f})" for leg in legs)
    verdict = "flat" if is_flat(row) else "not flat"
    return f"{row['alternative']:16} {costs}  {verdict:8}  peak {legs[0]['peak_kib']}, then {legs[-1]['peak_kib']} KiB"


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
    reached = ", ".join(f"{count:.0e}" for count in (*counts, longest))
    print(f"ns per message, count-only, after {reached} (against a fresh connection)")
    print(*map(format_row, rows), sep="\n")
    return rows
