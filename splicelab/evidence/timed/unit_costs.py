"""What a CPU pays for copying, allocating, an atomic and a cold line, here; and what counted events then add up to.

These costs are the same inside and outside of a kernel, so they may carry a verdict. A whole simulated message may not.
"""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numba import config

from splicelab.errors import InputError, one_of
from splicelab.evidence.counted.tally import Tally
from splicelab.evidence.timed import timing, unit_loops
from splicelab.evidence.timed.unit_loops import ATOMIC, COLD_LINE, COPY_SIZES, HEATS, names
from splicelab.kernel.frag import ALLOCATORS
from splicelab.paths import REPOSITORY, data_path
from splicelab.progress import progress
from splicelab.result import Unfolds

PROCESSES, DEADLINE_S = 8, 120
ENDS = ["median_ns", "low_ns", "high_ns"]
COMMON = "common to all"
HOW_WARM = "hot: one place again and again; cold: anywhere in 128 MiB; a first touch waits for each line"
LEAVES_OUT = (
    "leaves out: socket and allocator locks; system calls, TCP and the driver; DMA and the network card; "
    "cache lines that move between CPUs; interrupts and memory pressure; new pages from the page allocator; "
    "what the kernel's allocators do beyond the model's (preemption, cmpxchg, memory cgroups), which counts instead"
)


class Estimate(Unfolds):
    """Counted events times unit costs: `table` has a row a kind of event, of one message or of several ways to send it.

    The ends of an interval are the sums of the terms' ends, so it is a wide one.
    """

    table: pd.DataFrame
    environment: dict[str, str]

    def parts(self, column: str = "median_ns") -> pd.DataFrame:
        """Return ns by way and kind of event, first what is common to all."""
        table = self.table if self.table.index.nlevels == 2 else pd.concat({"estimate": self.table})
        kinds = table[column].rename(lambda event: event.partition(",")[0], level=1)
        each = kinds.groupby(level=[0, 1]).sum().unstack(fill_value=0.0).loc[table.index.unique(0)]
        common = each.min() * (len(each) > 1)
        return pd.concat([pd.Series(common.sum(), each.index, name=COMMON), each - common], axis=1)

    @property
    def decides(self) -> str:
        """A sentence without numbers: which ways cost least for certain, and what the others pay most of theirs for."""
        own, low, high = (self.parts(end).drop(columns=COMMON) for end in ENDS)
        # The cheapest is always among them: at another end something else is common, and its own part may be larger.
        is_least = low.sum(axis=1) <= max(end.sum(axis=1)[own.sum(axis=1).idxmin()] for end in (low, high))
        if len(own) == 1:
            return f"most of it: {own.mean().idxmax()}"
        if is_least.all():
            return "all cost the same within what is uncertain"
        kind = (own[~is_least].mean() - own[is_least].mean()).idxmax()
        return f"least: {', '.join(own.index[is_least])}; what decides: {kind}"

    @property
    def text(self) -> str:
        """The claim, without measured numbers, and what is left out."""
        return f"estimated: {self.decides}; {LEAVES_OUT}"

    @property
    def html(self) -> str:
        """The terms, and what they were measured on."""
        return f"{super().html}<p>{timing.describe(self.environment)}"


class UnitCosts(Unfolds):
    """Unit costs, a column each and a row a process, with 95 % intervals; the loop around (under 1 ns) is included."""

    samples_ns: pd.DataFrame
    environment: dict[str, str]

    @cached_property
    def table(self) -> pd.DataFrame:
        """Median and interval; A/A is the median of every other process over that of the rest: what is noise."""
        ends = {name: timing.median_interval(samples) for name, samples in self.samples_ns.items()}
        again = self.samples_ns[::2].median() / self.samples_ns[1::2].median()
        return pd.DataFrame.from_dict(ends, "index", columns=ENDS).assign(**{"A/A": again})

    @property
    def text(self) -> str:
        """A line without measured numbers, the same on every machine."""
        return f"timed: {len(self.samples_ns)} processes; {HOW_WARM}"

    @property
    def html(self) -> str:
        """The table, what it was measured on, and a warning where something else was running."""
        warning = "<p><b>The machine was not at rest.</b>" * timing.is_disturbed(self.environment)
        return f"{super().html}<p>95 % intervals; {timing.describe(self.environment)}{warning}"

    @cached_property
    def _ns(self) -> dict[str, np.ndarray]:
        return dict(zip(self.table.index, self.table[ENDS].to_numpy(), strict=True))

    def cost(self, name: str) -> np.ndarray:
        """Return median, low and high of one unit cost in ns."""
        return self._ns[name]

    def copy_cost(self, size_bytes: float, heat: str) -> np.ndarray:
        """Return median, low and high in ns of one copy, between the measured sizes; beyond them in proportion."""
        costs = zip(*(self.cost(f"copy {size} B {heat}") for size in COPY_SIZES), strict=True)
        scale = max(1.0, size_bytes / COPY_SIZES[-1])
        return scale * np.array([np.interp(size_bytes, COPY_SIZES, column) for column in costs])

    def estimate(self, tally: Tally | Mapping[str, float], allocator=ALLOCATORS[0], heat="hot") -> Estimate:
        """Return what a message's counted events cost on this machine.

        `tally` is that of one message, or holds counters by name; missing ones are zero. `allocator` cut the
        fragments; `heat` says whether the copied data are in the cache ("hot") or not ("cold"). A key ``cold_lines``
        counts first touches.

        Raises
        ------
        InputError
            The allocator or the heat is unknown.
        """
        one_of("estimate: allocator", allocator, ALLOCATORS)
        one_of("estimate: heat", heat, HEATS)
        count = defaultdict(float, tally._asdict() if isinstance(tally, Tally) else tally)
        mean_bytes = count["copied_bytes"] / max(count["copies"], 1)
        terms = {
            f"copies, {heat}": (count["copies"], self.copy_cost(mean_bytes, heat)),
            "kmalloc + kfree": (count["kmallocs"], self.cost("alloc + free kmalloc")),
            f"fragments, {allocator}": (count["frag_allocs"], self.cost(f"alloc + free {allocator}")),
            "page references": ((count["get_page"] + count["put_page"]) / 2, self.cost(ATOMIC)),
            "cold lines": (count["cold_lines"], self.cost(COLD_LINE)),
        }
        rows = {name: [float(number), *(number * cost)] for name, (number, cost) in terms.items() if number}
        return Estimate(pd.DataFrame.from_dict(rows, "index", columns=["count", *ENDS]), self.environment)


def unit_costs(here: bool = False) -> UnitCosts:
    """Return the unit costs kept for this kind of machine, or those of the project's; or measure them ``here``.

    Measuring takes half a minute: PROCESSES processes, since where memory lies differs from one to the next.

    Raises
    ------
    InputError
        To measure while the compiler is switched off: interpreted Python says nothing about a CPU. A kept file that is
        not whole.

    Examples
    --------
    >>> from splicelab import run, unit_costs
    >>> costs = unit_costs()
    >>> costs
    timed: 8 processes; hot: one place again and again; cold: anywhere in 128 MiB; a first touch waits for each line
    >>> costs.estimate(run("siw", "copy_in_stack"), "v3_per_cpu").table["count"].to_dict()
    {'copies, hot': 2.0, 'fragments, v3_per_cpu': 2.0, 'page references': 4.0}
    """
    if here:
        return _measure()
    mine = kept_path(timing.processor())
    path = mine if mine.exists() else min(mine.parent.glob("unit-costs-*.json"))
    return _kept(path, path.stat().st_mtime_ns)


@cache
def _kept(path: Path, changed_ns: int) -> UnitCosts:
    """Read a kept file; a decision asks for it hundreds of times."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        samples = pd.DataFrame(kept["samples_ns"], dtype=float)[names()]
        return UnitCosts(samples, {**kept["environment"], "kept in": path.name})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path.name}: {type(error).__name__}: {error}; restore it from git") from None


def kept_path(facts: dict[str, str]) -> Path:
    """Return where the unit costs of a kind of machine are kept."""
    return data_path("bench") / f"unit-costs-{timing.machine_name(facts)}.json"


def _measure() -> UnitCosts:
    if config.DISABLE_JIT:
        raise InputError("unit costs: NUMBA_DISABLE_JIT is set: nothing to measure without compiled kernels")
    facts, medians = timing.environment(), []
    code = f"import json; from {unit_loops.__name__} import medians_here; print(json.dumps(medians_here()))"
    inside = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    for _ in progress("unit costs", range(PROCESSES)):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=DEADLINE_S, env=inside)
        if done.returncode:
            raise InputError(f"unit costs: a process ended with {done.returncode}: {done.stderr.decode()[-200:]}")
        medians.append(json.loads(done.stdout))
    return UnitCosts(pd.DataFrame(medians), facts)
