"""Loops whose time is a unit cost, and their medians in this process; their sums are returned, so all is done."""

from functools import partial
from itertools import product

import numpy as np
from numba import config, types
from numba.extending import intrinsic

from splicelab._jit import jit
from splicelab.evidence.timed.timing import time_kernels
from splicelab.kernel.copy import copy_bytes
from splicelab.kernel.frag import ALLOCATORS, frag_alloc, frag_free
from splicelab.kernel.world import new_world

SAMPLES = 11
COPY_SIZES = (16, 48, 128, 512, 4096, 65536)
ALLOC_BYTES, LINE_BYTES, ARENA_BYTES, PLACES = 48, 64, 128 << 20, 1 << 20
HEATS = ("hot", "cold")
ATOMIC, COLD_LINE = "atomic inc + dec", "first touch of a cold line"

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


def names() -> list[str]:
    """Return the names of all unit costs."""
    copies = [f"copy {size} B {heat}" for size, heat in product(COPY_SIZES, HEATS)]
    return [*copies, *(f"alloc + free {name}" for name in ALLOCATORS), ATOMIC, COLD_LINE]


def medians_here() -> dict[str, float]:
    """Return the medians in ns of all unit costs in this process, measured in turn."""
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
    samples_ns = time_kernels(kernels, samples=SAMPLES, sample_ms=0.5, same_iterations=False)
    return {name: float(np.median(samples)) for name, samples in samples_ns.items()}
