"""What a CPU pays for copying, allocating, an atomic and a cold line, here; and what counted events then add up to.

These costs are the same inside and outside of a kernel, so they may carry a verdict. A whole simulated message may not.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product

import numpy as np
import pandas as pd
from numba import config, types
from numba.extending import intrinsic

from splicelab._jit import jit
from splicelab.errors import InputError, one_of
from splicelab.evidence.counted.tally import Tally
from splicelab.evidence.timed.timing import Timing, describe, median_interval, time_kernels
from splicelab.kernel.copy import copy_bytes
from splicelab.kernel.frag import ALLOCATORS, frag_alloc, frag_free
from splicelab.kernel.world import new_world
from splicelab.result import Result

COPY_SIZES = (16, 48, 128, 512, 4096, 65536)
ALLOC_BYTES = 48
HEATS = ("hot", "cold")
LINE_BYTES = 64
ARENA_BYTES = 128 << 20
PLACES = 1 << 20
ATOMIC = "atomic inc + dec"
COLD_LINE = "first touch of a cold line"
LEAVES_OUT = (
    "leaves out: socket and allocator locks; system calls, TCP and the driver; DMA and the network card; "
    "cache lines that move between CPUs; interrupts and memory pressure; new pages from the page allocator; "
    "what the kernel's allocators do beyond the model's (preemption, cmpxchg, memory cgroups), which counts instead"
)

if not config.DISABLE_JIT:

    @intrinsic
    def _atomic_add(typingctx, counter, value):
        """Add to element 0 in one locked instruction (LLVM atomicrmw) and return the new value."""

        def generate(context, builder, signature, args):
            data = context.make_array(counter)(context, builder, args[0]).data
            return builder.add(builder.atomic_rmw("add", data, args[1], "seq_cst"), args[1])

        return types.int64(counter, types.int64), generate

    @jit
    def atomic_loop(counter, iterations):
        """Take and drop a reference, as get_page and put_page do; return how often the count came back to zero."""
        zeros = 0
        for _ in range(iterations):
            _atomic_add(counter, 1)
            zeros += _atomic_add(counter, -1) == 0
        return zeros


@jit
def copy_loop(dst, src, size_bytes, places, cursor, iterations):
    """Copy from the places in turn (a power of two), on from where the last call ended; return a sum of bytes."""
    total = 0
    start = cursor[0]
    for i in range(start, start + iterations):
        copy_bytes(dst, 0, src, places[np.uint64(i & (len(places) - 1))], size_bytes)
        total += dst[i & 15]
    cursor[0] = start + iterations
    return total


@jit
def alloc_loop(w, allocator, size_bytes, iterations):
    """Allocate a piece and free it again; return the sum of the addresses."""
    total = 0
    for _ in range(iterations):
        address = frag_alloc(w, allocator, size_bytes)
        total += address
        frag_free(w, allocator, address)
    return total


@jit
def chase_loop(chain, cursor, iterations):
    """Go from line to line, each found in the one before, on from where the last call ended; return the line."""
    line = cursor[0]
    for _ in range(iterations):
        line = chain[line]
    cursor[0] = line
    return line


@dataclass(frozen=True, repr=False)
class Estimate(Result):
    """Counted events times unit costs: `table` has one row per kind of event, `total_ns` is (median, low, high)."""

    table: pd.DataFrame
    environment: dict[str, str]

    @property
    def total_ns(self) -> tuple[float, float, float]:
        """Estimated ns per message; the ends of the interval are the sums of the terms' ends, so it is a wide one."""
        return tuple(self.table[["median_ns", "low_ns", "high_ns"]].sum().tolist())

    @property
    def text(self) -> str:
        """A line without measured numbers, the same on every machine."""
        return f"estimated: {len(self.table)} kinds of events, see table; {LEAVES_OUT}"

    @property
    def html(self) -> str:
        """The terms, their sum, the machine, and what is left out."""
        median, low, high = self.total_ns
        total = f"<b>{median:.0f} ns</b> per message [{low:.0f}, {high:.0f}]; {describe(self.environment)}"
        return f"{super().html}<p>{total}<p>{LEAVES_OUT}"


@dataclass(frozen=True, repr=False)
class UnitCosts(Timing):
    """Unit costs in ns, each with its 95 % interval; the loop around it (below 1 ns) is included."""

    @cached_property
    def _intervals(self) -> dict[str, np.ndarray]:
        return {name: np.array(median_interval(samples)) for name, samples in self.samples_ns.items()}

    def cost(self, name: str) -> np.ndarray:
        """Return median, low and high of one unit cost in ns."""
        return self._intervals[name]

    def copy_cost(self, size_bytes: float, heat: str) -> np.ndarray:
        """Return median, low and high in ns of one copy, between the measured sizes; beyond them in proportion."""
        costs = np.array([self.cost(f"copy {size} B {heat}") for size in COPY_SIZES])
        scale = max(1.0, size_bytes / COPY_SIZES[-1])
        return scale * np.array([np.interp(size_bytes, COPY_SIZES, column) for column in costs.T])

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
        columns = ["count", "median_ns", "low_ns", "high_ns"]
        return Estimate(pd.DataFrame.from_dict(rows, orient="index", columns=columns), self.environment)


def unit_costs(samples: int = 31) -> UnitCosts:
    """Measure the unit costs on this machine, all interleaved; some seconds.

    Raises
    ------
    InputError
        The compiler is switched off: interpreted Python says nothing about a CPU.

    Examples
    --------
    >>> from splicelab import run, unit_costs
    >>> costs = unit_costs(samples=6)
    >>> costs
    timed: 6 samples, see table
    >>> costs.estimate(run("siw", "copy_in_stack"), "v3_per_cpu").table["count"].to_dict()
    {'copies, hot': 2.0, 'fragments, v3_per_cpu': 2.0, 'page references': 4.0}
    """
    if config.DISABLE_JIT:
        raise InputError("unit costs: NUMBA_DISABLE_JIT is set: nothing to measure without compiled kernels")
    rng = np.random.default_rng(0)
    src = np.full(ARENA_BYTES, 1, np.uint8)  # written: untouched pages would all be the one zero page
    dst = np.zeros(COPY_SIZES[-1], np.uint8)
    lines = np.arange(ARENA_BYTES // LINE_BYTES) * (LINE_BYTES // 8)
    cold = rng.choice(lines[: -COPY_SIZES[-1] // LINE_BYTES], PLACES) * 8
    chain = src.view(np.int64)
    order = rng.permutation(lines)
    chain[order] = np.roll(order, -1)
    counter, cursor, last_line = np.zeros((3, 1), np.int64)
    world, kernels = new_world(), {}
    for size, (heat, places) in product(COPY_SIZES, zip(HEATS, (cold[:1], cold), strict=True)):
        kernels[f"copy {size} B {heat}"] = partial(copy_loop, dst, src, size, places, cursor)
    for key, name in enumerate(ALLOCATORS):
        kernels[f"alloc + free {name}"] = partial(alloc_loop, world, key, ALLOC_BYTES)
    kernels |= {ATOMIC: partial(atomic_loop, counter), COLD_LINE: partial(chase_loop, chain, last_line)}
    return UnitCosts(**vars(time_kernels(kernels, samples=samples, same_iterations=False)))
