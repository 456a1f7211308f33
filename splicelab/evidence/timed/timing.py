"""How long, here: interleaved samples, their spread, and a verdict that knows its own noise.

A kernel under test is called as ``kernel(iterations)``: it repeats its operation natively and returns a checksum, since
LLVM deletes a loop whose result nobody uses. Rounds go A B A', A' B A, and so on; A' is the baseline once more, and its
ratio to itself (the A/A row) is the noise floor. Noise only adds time and skews to the right: hence medians, with
intervals from order statistics (`scipy.stats.quantile_test`), which assume no distribution.
"""

import gc
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from splicelab.result import Result

WARM_UP = 3
AGAIN = " again (A/A)"
MIN_TOLERANCE = 0.10
COLUMNS = "kernel median_ns low_ns high_ns q1_ns q3_ns n ratio ratio_low ratio_high verdict".split()


@dataclass(frozen=True, repr=False)
class Timing(Result):
    """Nanoseconds per operation by kernel and round (`samples_ns`), and what the last call returned (`checksums`).

    Shows as a table in HTML and as one stable line in plain text. Ratios to `baseline` closer to 1 than `tolerance`
    are "same"; None takes the larger of 10 % and three times the A/A spread.
    """

    samples_ns: dict[str, np.ndarray]
    baseline: str
    checksums: dict[str, int]
    tolerance: float | None = None
    environment: dict[str, str] = field(default_factory=dict)
    is_partial: bool = False

    def ratio(self, name: str) -> tuple[float, float, float]:
        """Return the median of the per-round ratios to the baseline and its 95 % interval (low, high)."""
        return median_interval(self.samples_ns[name] / self.samples_ns[self.baseline])

    @property
    def tolerance_used(self) -> float:
        """The tolerance behind the verdicts, as a fraction."""
        if self.tolerance is not None:
            return self.tolerance
        _, low, high = self.ratio(self.baseline + AGAIN)
        return max(MIN_TOLERANCE, 3 * abs(high - 1), 3 * abs(1 - low))

    def verdict(self, name: str) -> str:
        """Return "faster" or "slower", if the median is beyond the tolerance and the interval excludes 1, or "same"."""
        median, low, high = self.ratio(name)
        if median > 1 + self.tolerance_used and low > 1:
            return "slower"
        if median < 1 / (1 + self.tolerance_used) and high < 1:
            return "faster"
        return "same"

    @property
    def table(self) -> pd.DataFrame:
        """Median, interval, quartiles (ns per operation), n, ratio to the baseline, verdict."""
        rows = []
        for name, samples in self.samples_ns.items():
            verdict = "baseline" if name == self.baseline else self.verdict(name)
            spread = np.percentile(samples, [25, 75])
            rows.append([name, *median_interval(samples), *spread, len(samples), *self.ratio(name), verdict])
        return pd.DataFrame(rows, columns=COLUMNS).set_index("kernel")

    @property
    def text(self) -> str:
        """A line without measured numbers, the same on every machine."""
        return f"timed: {len(self.samples_ns[self.baseline])} samples{', interrupted' * self.is_partial}, see table"

    @property
    def html(self) -> str:
        """The table, and what the numbers were measured on."""
        note = f"95 % intervals; same within {self.tolerance_used:.0%}; {describe(self.environment)}"
        return f"{self.table.to_html(float_format='{:.4g}'.format)}<p>{note}</p>"


def median_interval(samples) -> tuple[float, float, float]:
    """Return the median and its 95 % interval; the interval is infinite below six samples."""
    from scipy.stats import quantile_test

    low, high = quantile_test(samples, p=0.5).confidence_interval(0.95)
    return float(np.median(samples)), float(np.nan_to_num(low, nan=-np.inf)), float(np.nan_to_num(high, nan=np.inf))


def calibrate(kernel: Callable[[int], int], sample_ms: float) -> int:
    """Return the power of two of iterations that makes one call of `kernel` last at least `sample_ms`."""
    iterations = 1
    kernel(iterations)  # the first call may compile
    while min(_call_ns(kernel, iterations)[0] for _ in range(3)) < sample_ms * 1e6:  # one slow call may be a hiccup
        iterations *= 2
    return iterations


def time_kernels(
    kernels: dict[str, Callable[[int], int]],
    baseline: str | None = None,
    *,
    samples: int = 31,
    sample_ms: float = 1.0,
    tolerance: float | None = None,
    same_iterations: bool = True,
    progress: bool | None = None,
) -> Timing:
    """Time kernels in interleaved rounds; an interrupt returns the rounds that are complete.

    The first kernel is the baseline unless named. `samples` rounds count, after three that are dropped; one sample
    lasts about `sample_ms`. Bounds want `same_iterations` for all, costs far apart do not. `progress` None shows the
    bar on a terminal only. KeyboardInterrupt is passed on when there is no complete round yet.
    """
    from tqdm import tqdm

    baseline = baseline or next(iter(kernels))
    slots = {**kernels, baseline + AGAIN: kernels[baseline]}
    counts = {name: calibrate(kernel, sample_ms) for name, kernel in kernels.items()}
    if same_iterations:
        counts = dict.fromkeys(counts, min(counts.values()))
    counts[baseline + AGAIN] = counts[baseline]
    rounds, checksums, is_partial = [], {}, False
    gc.disable()
    try:
        for i in tqdm(range(WARM_UP + samples), disable=None if progress is None else not progress, leave=False):
            order = slots if i % 2 else reversed(slots)
            timed = {name: _call_ns(slots[name], counts[name]) for name in order}
            rounds.append({name: timed[name][0] / counts[name] for name in slots})
            checksums = {name: timed[name][1] for name in slots}
    except KeyboardInterrupt:
        is_partial = True
        if len(rounds) <= WARM_UP:
            raise
    finally:
        gc.enable()
    samples_ns = {name: np.array([one[name] for one in rounds[WARM_UP:]]) for name in slots}
    return Timing(samples_ns, baseline, checksums, tolerance, environment(), is_partial)


def _call_ns(kernel, iterations):
    start_ns, checksum = time.perf_counter_ns(), kernel(iterations)
    return time.perf_counter_ns() - start_ns, checksum


def environment() -> dict[str, str]:
    """Return what a reader needs to judge a timing: processor, kernel, versions, governor, load."""
    import llvmlite.binding
    import numba

    cpuinfo, governor = Path("/proc/cpuinfo"), Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return {
        "cpu": facts.get("model name") or platform.processor() or platform.machine(),
        "cpus": str(os.cpu_count()),
        "virtual": "yes" if "hypervisor" in facts.get("flags", "").split() else "no",
        "kernel": f"{platform.system()} {platform.release()}",
        "governor": governor.read_text().strip() if governor.exists() else "not shown",
        "load": f"{os.getloadavg()[0]:.2f}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "llvm": ".".join(map(str, llvmlite.binding.llvm_version_info)),
    }


def describe(facts: dict[str, str]) -> str:
    """Return an environment as one line."""
    return ", ".join(f"{name} {value}" for name, value in facts.items())
