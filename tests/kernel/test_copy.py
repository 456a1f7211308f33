"""Bytes land where they should, sums agree with RFC 1071, and a bad range is refused where ranges are checked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config

from splicelab._jit import jit
from splicelab.kernel import copy

SIZE = 4096
sizes = st.one_of(st.integers(0, 40), st.integers(0, 1500))
offsets = st.integers(0, 500)
seeds = st.integers(0, 2**32 - 1)


def arena(seed=0):
    """Return random bytes, the same for the same seed."""
    return np.random.default_rng(seed).integers(0, 256, SIZE, dtype=np.uint8)


def rfc1071(data):
    """Add 16-bit big-endian words with end-around carry, the slow and certain way."""
    total = 0
    for i in range(0, len(data), 2):
        total += int.from_bytes(bytes(data[i : i + 2]).ljust(2, b"\0"), "big")
        total = (total & 0xFFFF) + (total >> 16)
    return total


@given(dst_offset=offsets, src_offset=offsets, size=sizes, seed=seeds)
def test_copy_touches_exactly_its_range(dst_offset, src_offset, size, seed):
    src, dst = arena(seed), arena(seed + 1)
    want = dst.copy()
    want[dst_offset : dst_offset + size] = src[src_offset : src_offset + size]
    copy.copy_bytes(dst, dst_offset, src, src_offset, size)
    np.testing.assert_array_equal(dst, want)


def test_copy_inside_one_arena():
    data = arena()
    want = bytes(data[:700])
    copy.copy_bytes(data, 2000, data, 0, 700)
    assert bytes(data[2000:2700]) == want


def test_copy_inside_a_record():
    """The model keeps its arena in a record; numba has a type of its own for such arrays."""

    @jit
    def spread(record):
        copy.copy_bytes(record.arena, 1, record.arena, 4000, 90)
        return copy.copy_checksum(record.meant, 0, record.arena, 1, 90)

    record = np.zeros(1, [("count", "i8"), ("arena", "u1", SIZE), ("meant", "u1", 90)]).view(np.recarray)[0]
    record.arena[:] = arena()
    want = bytes(arena()[4000:4090])
    assert spread(record) == rfc1071(want)
    assert bytes(record.meant) == bytes(record.arena[1:91]) == want


segments = st.lists(st.tuples(offsets, st.integers(0, 200)), max_size=12)


@given(parts=segments, dst_offset=offsets, seed=seeds)
def test_gather_lays_segments_end_to_end(parts, dst_offset, seed):
    src, dst = arena(seed), np.zeros(SIZE, np.uint8)
    where = np.array([offset for offset, _ in parts], dtype=np.int64)
    sizes = np.array([size for _, size in parts], dtype=np.int64)
    want = b"".join(bytes(src[offset : offset + size]) for offset, size in parts)
    assert copy.gather(dst, dst_offset, src, where, sizes) == len(want)
    assert bytes(dst[dst_offset : dst_offset + len(want)]) == want
    assert not dst[:dst_offset].any() and not dst[dst_offset + len(want) :].any()


@given(dst_offset=offsets, src_offset=offsets, size=sizes, seed=seeds, fill=st.sampled_from([None, 0, 255]))
def test_checksum_is_the_internet_checksum(dst_offset, src_offset, size, seed, fill):
    src, dst = arena(seed), np.zeros(SIZE, np.uint8)
    if fill is not None:
        src[:] = fill
    partial = copy.copy_checksum(dst, dst_offset, src, src_offset, size)
    assert partial == rfc1071(src[src_offset : src_offset + size])
    assert bytes(dst[dst_offset : dst_offset + size]) == bytes(src[src_offset : src_offset + size])
    assert not dst[:dst_offset].any() and not dst[dst_offset + size :].any()


@given(offset=st.integers(0, 70), more_bytes=st.integers(-70, 200), seed=seeds)
def test_a_checksum_goes_line_by_line_from_a_length_on(offset, more_bytes, seed):
    size = copy.LONG_BYTES + more_bytes
    src = np.random.default_rng(seed).integers(0, 256, size + 100, dtype=np.uint8)
    dst = np.zeros(size + 200, np.uint8)
    assert copy.copy_checksum(dst, 9, src, offset, size) == rfc1071(src[offset:][:size])
    assert bytes(dst[9 : 9 + size]) == bytes(src[offset:][:size])
    assert not dst[:9].any() and not dst[9 + size :].any()


def test_the_example_of_rfc_1071():
    data = np.array([0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7], dtype=np.uint8)
    partial = copy.copy_checksum(np.zeros(8, np.uint8), 0, data, 0, 8)
    assert partial == 0xDDF2
    assert 0xFFFF - partial == 0x220D


def test_sums_do_not_overflow_in_a_large_range():
    src = np.full(1 << 22, 255, np.uint8)
    assert copy.copy_checksum(np.empty_like(src), 0, src, 0, src.size) == 0xFFFF


bad_ranges = [(-1, 0, 8), (0, -1, 8), (SIZE - 7, 0, 8), (0, SIZE - 7, 8), (0, 0, -1)]


@pytest.mark.skipif(not (config.BOUNDSCHECK or config.DISABLE_JIT), reason="ranges are not checked in compiled runs")
@pytest.mark.parametrize(("dst_offset", "src_offset", "size"), bad_ranges)
@pytest.mark.parametrize("function", [copy.copy_bytes, copy.copy_checksum])
def test_a_bad_range_is_an_index_error(function, dst_offset, src_offset, size):
    with pytest.raises(IndexError, match="outside"):
        function(arena(), dst_offset, arena(), src_offset, size)


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="no typing without the compiler")
@pytest.mark.parametrize(
    ("array", "reason"), [(np.zeros(8), "uint8"), (np.zeros((2, 8), np.uint8), "uint8"), (arena()[::2], "contiguous")]
)
def test_a_wrong_array_is_refused_when_compiling(array, reason):
    with pytest.raises(Exception, match=reason):
        copy.copy_bytes(array, 0, arena(), 0, 8)
