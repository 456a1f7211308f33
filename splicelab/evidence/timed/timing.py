"""How long, here: interleaved samples, and their spread.

A kernel under test is called as ``kernel(iterations)``: it repeats its operation natively and returns a checksum, since
LLVM deletes a loop whose result nobody uses. Rounds go A B A', A' B A, and so on; A' is the baseline once more, and its
ratio to itself (the A/A row) is the noise floor. Noise only adds time and skews to the right: hence medians, with
intervals from order statistics (`scipy.stats.quantile_test`), which assume no distribution.
"""

import os
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from splicelab.progress import no_collector

WARM_UP = 3
AGAIN = " again (A/A)"
BUSY_CPUS = 0.25


def median_interval(samples) -> tuple[float, float, float]:
    """Return the median and its 95 % interval; the interval is infinite below six samples."""
    from scipy.stats import quantile_test

    low, high = quantile_test(samples, p=0.5).confidence_interval(0.95)
    return float(np.median(samples)), float(np.nan_to_num(low, nan=-np.inf)), float(np.nan_to_num(high, nan=np.inf))


def calibrate(kernel: Callable[[int], int], sample_ms: float) -> int:
    """Return the power of two of iterations that makes one call of `kernel` last at least `sample_ms`."""
    iterations = 1
    kernel(iterations)  # the first call may compile
    while min(_call_ns(kernel, iterations) for _ in range(3)) < sample_ms * 1e6:  # one slow call may be a hiccup
        iterations *= 2
    return iterations


def time_kernels(
    kernels: dict[str, Callable[[int], int]],
    *,
    samples: int = 31,
    sample_ms: float = 1.0,
    same_iterations: bool = True,
) -> dict[str, np.ndarray]:
    """Return nanoseconds per operation by kernel and round, in interleaved rounds; the first kernel is the baseline.

    `samples` rounds count, after three that are dropped; one sample lasts about `sample_ms`. Bounds want
    `same_iterations` for all, costs far apart do not.
    """
    counts = {name: calibrate(kernel, sample_ms) for name, kernel in kernels.items()}
    if same_iterations:
        counts = dict.fromkeys(counts, min(counts.values()))
    slots = [(name, kernel, counts[name]) for name, kernel in kernels.items()]
    slots.append((slots[0][0] + AGAIN, *slots[0][1:]))
    rounds = []
    with no_collector():
        for i in range(WARM_UP + samples):
            order = slots if i % 2 else reversed(slots)
            rounds.append({name: _call_ns(kernel, count) / count for name, kernel, count in order})
    return {name: np.array([one[name] for one in rounds[WARM_UP:]]) for name, *_ in slots}


def _call_ns(kernel: Callable[[int], int], iterations: int) -> int:
    start_ns = time.perf_counter_ns()
    kernel(iterations)
    return time.perf_counter_ns() - start_ns


def processor() -> dict[str, str]:
    """Return processor, its caches, how many of them, and whether they are virtual."""
    cpuinfo = Path("/proc/cpuinfo")
    levels = sorted(Path("/sys/devices/system/cpu/cpu0").glob("cache/index[023]/size"))  # 1 is for instructions
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return {
        "cpu": facts.get("model name") or platform.processor() or platform.machine(),
        "cpus": str(os.cpu_count()),
        "virtual": "yes" if "hypervisor" in facts.get("flags", "").split() else "no",
        "caches": " ".join(path.read_text().strip() for path in levels) or "not shown",
    }


def busy_cpus() -> float:
    """Return how many processors others use for 0.2 s of sleep; the load average counts what this process just did."""
    import psutil

    return psutil.cpu_percent(0.2) / 100 * os.cpu_count()


def is_disturbed(facts: dict[str, str]) -> bool:
    """Return whether an environment says that something else was running."""
    return float(facts.get("busy", 0)) > BUSY_CPUS


def environment() -> dict[str, str]:
    """Return what a reader needs to judge a timing: processor, kernel, versions, governor, what else is running."""
    import llvmlite.binding
    import numba

    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return processor() | {
        "kernel": f"{platform.system()} {platform.release()}",
        "governor": governor.read_text().strip() if governor.exists() else "not shown",
        "busy": f"{busy_cpus():.2f}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "llvm": ".".join(map(str, llvmlite.binding.llvm_version_info)),
    }


def machine_name(facts: dict[str, str]) -> str:
    """Return a file name for a kind of machine: its processor, the caches that tell generations apart, how many."""
    words = re.findall("[a-z0-9]+", re.sub(r"\(\w+\)", " ", f"{facts['cpu']} {facts.get('caches', '')}".lower()))
    return "-".join([*words, facts["cpus"], "cpus"])


def describe(facts: dict[str, str]) -> str:
    """Return an environment as one line."""
    return ", ".join(f"{name} {value}" for name, value in facts.items())
