"""The loops of reference/*.c around the package's kernels: same iterations, same addresses, same checksum."""

import numpy as np

from splicelab._jit import jit
from splicelab.evidence.timed.unit_loops import alloc_loop as alloc_loop
from splicelab.kernel.copy import copy_bytes, copy_checksum, gather


@jit(cache=True)
def copy_loop(dst, src, size_bytes, iterations):
    """Copy from four neighbouring lines in turn."""
    for i in range(iterations):
        copy_bytes(dst, 0, src, (i & 3) * 64, size_bytes)
    return np.int64(dst[0]) + dst[size_bytes - 1]


@jit(cache=True)
def checksum_loop(dst, src, size_bytes, places, mask, cursor, iterations):
    """Copy with checksum from the places in turn, on from where the last call ended."""
    total = 0
    start = cursor[0]
    for i in range(start, start + iterations):
        total += copy_checksum(dst, 0, src, places[np.uint64(i & mask)], size_bytes)  # unsigned: no test for i < 0
    cursor[0] = start + iterations
    return total


@jit(cache=True)
def gather_loop(dst, src, offsets, sizes, count, mask, cursor, iterations):
    """Gather messages whose segments stand in rows of a table (`count` is for C), on from where the last call ended."""
    total = 0
    start = cursor[0]
    for i in range(start, start + iterations):
        total += gather(dst, 0, src, offsets[np.uint64(i & mask)], sizes)
        total += dst[i & 15]
    cursor[0] = start + iterations
    return total
