"""A sweep by two threads against one: kernels run without the GIL, so it should take little more than half the time."""

import time
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from splicelab.evidence.sweep import sweep
from splicelab.evidence.timing import median_interval

GRID = {
    "caller": ["siw", "iscsi_tcp", "ceph_v2", "rds"],
    "alternative": ["piecewise", "copy_in_stack", "fix_callers"],
    "ack_delay": [0, 60],
    "messages": 200_000,
}
ROUNDS = 7
GOAL = 1.6


def timed_s(pool: ThreadPoolExecutor):
    """Return how long the sweep takes in a pool of threads, and its table."""
    start_s = time.perf_counter()
    table = sweep(GRID, pool, progress=False)
    return time.perf_counter() - start_s, table


def run(rounds: int = ROUNDS) -> dict:
    """Measure both, in turn; print and return the ratio of their times: its median and 95 % interval.

    Raises
    ------
    RuntimeError
        The two tables differ.
    """
    seconds, tables = {1: [], 2: []}, {}
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(2) as two:
        pools = {1: one, 2: two}
        for pool in pools.values():
            timed_s(pool)  # compiles, and opens each thread's machine
        for number in tqdm(range(rounds), desc="sweep", unit="round", disable=None, leave=False):
            for threads in (1, 2) if number % 2 else (2, 1):
                taken_s, tables[threads] = timed_s(pools[threads])
                seconds[threads].append(round(taken_s, 4))
            if not tables[1].equals(tables[2]):
                raise RuntimeError("sweep: one thread and two disagree")
    ratio, low, high = median_interval([one / two for one, two in zip(*seconds.values(), strict=True)])
    rows = len(tables[1])
    print(f"sweep of {rows} rows: two threads {ratio:.2f} times as fast as one [{low:.2f}, {high:.2f}], goal {GOAL}")
    return {"rows": rows, "messages": GRID["messages"], "ratio": ratio, "low": low, "high": high, "seconds": seconds}
