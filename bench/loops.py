"""The loops of reference.c around the package's kernels: same iterations, same addresses, same checksum."""

from splicelab._jit import jit
from splicelab.kernel.copy import copy_bytes, copy_checksum, gather


@jit
def copy_hot(dst, src, size_bytes, iterations):
    """Copy from four neighbouring lines in turn."""
    total = 0
    for i in range(iterations):
        copy_bytes(dst, 0, src, (i & 3) * 64, size_bytes)
        total += dst[i & 15]
    return total


@jit
def copy_cold(dst, src, size_bytes, places, mask, iterations):
    """Copy from places all over an arena."""
    total = 0
    for i in range(iterations):
        copy_bytes(dst, 0, src, places[i & mask], size_bytes)
        total += dst[i & 15]
    return total


@jit
def checksum_hot(dst, src, size_bytes, iterations):
    """Copy with checksum from four neighbouring lines in turn."""
    total = 0
    for i in range(iterations):
        total += copy_checksum(dst, 0, src, (i & 3) * 64, size_bytes)
    return total


@jit
def checksum_cold(dst, src, size_bytes, places, mask, iterations):
    """Copy with checksum from places all over an arena."""
    total = 0
    for i in range(iterations):
        total += copy_checksum(dst, 0, src, places[i & mask], size_bytes)
    return total


@jit
def gather_rows(dst, src, offsets, sizes, count, mask, iterations):
    """Gather messages whose segments stand in rows of a table."""
    total = 0
    for i in range(iterations):
        row = (i & mask) * count
        total += gather(dst, 0, src, offsets[row : row + count], sizes)
        total += dst[i & 15]
    return total
