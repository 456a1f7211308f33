"""A sweep by two threads against one: kernels run without the GIL, so it should take little more than half the time.

The same by two processes of Dask, where it is installed: their own machines, and rows that travel.

Beside it, as a control, what two threads gain here in C that lets go of the GIL too (SHA-256 of the standard library):
where that is far below 2, somebody else had the other core.
"""

import hashlib
import importlib.util
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from splicelab.evidence.counted.sweep import sweep
from splicelab.evidence.timed.timing import median_interval

GRID = {
    "caller": ["siw", "iscsi_tcp", "ceph_v2", "rds"],
    "alternative": ["piecewise", "copy_in_stack", "fix_callers"],
    "ack_delay": [0, 60],
    "messages": 200_000,
}
HASHED = [bytes(20_000_000)] * 16
ROUNDS = 7
GOAL = 1.6


def timed_s(function: Callable, pool: ThreadPoolExecutor):
    """Return how long a function takes in a pool of threads, and what it returns."""
    start_s = time.perf_counter()
    result = function(pool)
    return time.perf_counter() - start_s, result


def run(rounds: int = ROUNDS) -> dict:
    """Measure both by one thread and by two, in turn; print and return the ratios, medians with 95 % intervals.

    Raises
    ------
    RuntimeError
        One thread and two come to different results.
    """
    work = {
        "sweep": lambda pool: sweep(GRID, pool).table.to_csv(),
        "control": lambda pool: list(pool.map(lambda data: hashlib.sha256(data).digest(), HASHED)),
    }
    seconds = {name: {1: [], 2: []} for name in work}
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(2) as two:
        for pool in (one, two):
            work["sweep"](pool)  # compiles, and opens each thread's machine
        for number in tqdm(range(rounds), desc="sweep", unit="round", disable=None, leave=False):
            for name, function in work.items():
                found = {}
                for threads, pool in ((1, one), (2, two)) if number % 2 else ((2, two), (1, one)):
                    taken_s, found[threads] = timed_s(function, pool)
                    seconds[name][threads].append(round(taken_s, 6))
                if found[1] != found[2]:
                    raise RuntimeError(f"{name}: one thread and two disagree")
    row = {"messages": GRID["messages"], "seconds": seconds}
    for name, taken_s in seconds.items():
        row[name] = median_interval([one_s / two_s for one_s, two_s in zip(*taken_s.values(), strict=True)])
        ratio, low, high = row[name]
        print(f"{name}: two threads {ratio:.2f} times as fast as one [{low:.2f}, {high:.2f}]")
    print(f"goal: {GOAL} for the sweep, where the control comes near 2")
    return row | by_dask(seconds["sweep"][1])


def by_dask(one_s: list[float]) -> dict:
    """Measure the sweep on a cluster of two processes; print and return the ratio to one thread, and to twice that.

    Raises
    ------
    RuntimeError
        The cluster and a thread come to different results.
    """
    if importlib.util.find_spec("distributed") is None:
        print("dask: left out (pip install -e .[dask])")
        return {}
    from distributed import Client, LocalCluster

    expected = sweep(GRID).table.to_csv()
    with LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        pool = client.get_executor()
        sweep(GRID, pool)  # each process finds the kernels in the cache
        taken = [timed_s(lambda pool: sweep(GRID, pool).table.to_csv(), pool) for _ in one_s]
    if any(found != expected for _, found in taken):
        raise RuntimeError("dask: processes and threads disagree")
    ratio, low, high = median_interval([one / two for one, (two, _) in zip(one_s, taken, strict=True)])
    print(
        f"dask: two processes {ratio:.2f} times as fast as one thread [{low:.2f}, {high:.2f}], {ratio / 2:.0%} of ideal"
    )
    return {"dask": (ratio, low, high), "dask_seconds": [round(two, 6) for two, _ in taken]}
