"""Move real bytes at the speed of memcpy: copy, fill, gather, scatter, copy with checksum.

All functions work on one-dimensional contiguous uint8 arrays and byte offsets, so that source and destination may be
one arena; ranges must not overlap, as for the kernel's memcpy. Three modes, one source: compiled, where the LLVM memcpy
intrinsic is used (a numba slice copy is 5 to 50 times slower); ``NUMBA_BOUNDSCHECK=1``, where every range is checked
here, since numba's checker does not see through memcpy; ``NUMBA_DISABLE_JIT=1``, where NumPy slices stand in.
"""

import numpy as np
from numba import config, types
from numba.core import cgutils, errors
from numba.extending import intrinsic

from splicelab._jit import jit

CHECKED = bool(config.BOUNDSCHECK or config.DISABLE_JIT)
HALF_WORD = np.uint64(32)

if config.DISABLE_JIT:

    def _at(array, offset):
        return array[offset:]

    def _memcpy(dst, src, size_bytes):
        dst[:size_bytes] = src[:size_bytes]

    def _memset(dst, value, size_bytes):
        dst[:size_bytes] = value

    def _move_and_sum(dst, src, size_bytes):
        _memcpy(dst, src, size_bytes)
        even, odd = src[:size_bytes:2], src[1:size_bytes:2]
        return _fold(256 * int(even.sum(dtype=np.int64)) + int(odd.sum(dtype=np.int64)))

else:
    BYTES = types.CPointer(types.uint8)

    @intrinsic
    def _at(typingctx, array, offset):
        """Return a bare pointer into an array: passing arrays on would cost atomic reference counts per call."""
        if not (isinstance(array, types.Array) and array.dtype == types.uint8 and array.ndim == 1):
            raise errors.TypingError(f"copying needs a one-dimensional uint8 array, not {array}")
        if array.layout != "C":
            raise errors.TypingError(f"copying needs a contiguous array, not {array}: pass the array and an offset")

        def generate(context, builder, signature, args):
            return builder.gep(context.make_array(array)(context, builder, args[0]).data, [args[1]])

        return BYTES(array, types.intp), generate

    @intrinsic
    def _memcpy(typingctx, dst, src, size_bytes):
        def generate(context, builder, signature, args):
            cgutils.raw_memcpy(builder, args[0], args[1], args[2], 1)
            return context.get_dummy_value()

        return types.void(BYTES, BYTES, types.intp), generate

    @intrinsic
    def _memset(typingctx, dst, value, size_bytes):
        def generate(context, builder, signature, args):
            cgutils.memset(builder, args[0], args[2], args[1])
            return context.get_dummy_value()

        return types.void(BYTES, types.uint8, types.intp), generate

    @intrinsic
    def _move_word(typingctx, dst, src, offset):
        """Copy eight bytes, aligned or not, and return them as a little-endian word (numba knows no other machine)."""

        def generate(context, builder, signature, args):
            pointer = context.get_value_type(types.uint64).as_pointer()
            dst, src = (builder.bitcast(builder.gep(base, [args[2]]), pointer) for base in args[:2])
            word = builder.load(src, align=1)
            builder.store(word, dst, align=1)
            return word

        return types.uint64(BYTES, BYTES, types.intp), generate

    @jit
    def _move_and_sum(dst, src, size_bytes):
        # 2**16 = 1 modulo 65535, so words of any width may be added and folded later (RFC 1071, section 2).
        # Two wrapping sums, of words and of their high halves, cost three vector instructions per load.
        if size_bytes < 8:
            total = 0
            for i in range(size_bytes):
                dst[i] = src[i]
                total += np.int64(src[i]) << (8 * (i % 2))
            return _swap(_fold(total))
        words, highs = np.uint64(0), np.uint64(0)
        for i in range(size_bytes // 8):
            word = _move_word(dst, src, 8 * i)
            words += word
            highs += word >> HALF_WORD
        rest = size_bytes % 8
        if rest:
            # The last eight bytes overlap what is already counted: shift that out, keep the even position.
            word = _move_word(dst, src, size_bytes - 8) >> np.uint64(64 - 8 * rest)
            words += word
            highs += word >> HALF_WORD
        return _swap(_fold(np.int64(words - (highs << HALF_WORD)) + np.int64(highs)))


@jit
def _check_range(array, offset, size_bytes):
    if offset < 0 or size_bytes < 0 or offset + size_bytes > array.size:
        raise IndexError("copy outside of its array")


@jit
def _fold(total):
    total = (total & 0xFFFFFFFF) + (total >> 32)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16)


@jit
def _swap(folded):
    return ((folded & 0xFF) << 8) | (folded >> 8)


@jit
def copy_bytes(dst, dst_offset, src, src_offset, size_bytes):
    """Copy `size_bytes` bytes; IndexError outside of an array, where ranges are checked."""
    if CHECKED:
        _check_range(dst, dst_offset, size_bytes)
        _check_range(src, src_offset, size_bytes)
    _memcpy(_at(dst, dst_offset), _at(src, src_offset), size_bytes)


@jit
def fill_bytes(dst, offset, value, size_bytes):
    """Set `size_bytes` bytes to `value`; IndexError as in `copy_bytes`."""
    if CHECKED:
        _check_range(dst, offset, size_bytes)
    _memset(_at(dst, offset), value, size_bytes)


@jit
def gather(dst, dst_offset, src, offsets, sizes):
    """Lay segments (`offsets[i]`, `sizes[i]`) of `src` end to end in `dst`; return the bytes copied."""
    copied_bytes = np.int64(0)
    for i in range(len(offsets)):
        copy_bytes(dst, dst_offset + copied_bytes, src, offsets[i], sizes[i])
        copied_bytes += sizes[i]
    return copied_bytes


@jit
def scatter(dst, offsets, sizes, src, src_offset):
    """Spread one range of `src` over segments (`offsets[i]`, `sizes[i]`) of `dst`; return the bytes copied."""
    copied_bytes = np.int64(0)
    for i in range(len(offsets)):
        copy_bytes(dst, offsets[i], src, src_offset + copied_bytes, sizes[i])
        copied_bytes += sizes[i]
    return copied_bytes


@jit
def copy_checksum(dst, dst_offset, src, src_offset, size_bytes):
    """Copy and return the ones-complement sum of the bytes as a 16-bit number in network order (RFC 1071).

    The sum is partial: not complemented, so that sums of pieces can go through `checksum_combine`.
    """
    if CHECKED:
        _check_range(dst, dst_offset, size_bytes)
        _check_range(src, src_offset, size_bytes)
    return np.uint32(_move_and_sum(_at(dst, dst_offset), _at(src, src_offset), size_bytes))


@jit
def checksum_combine(first, second, first_size_bytes):
    """Return the sum over two pieces in a row; after an odd first piece the second's bytes change places."""
    second = np.int64(second)
    if first_size_bytes % 2:
        second = _swap(second)
    return np.uint32(_fold(np.int64(first) + second))


@jit
def checksum_finish(partial):
    """Return the complement that goes into a header's checksum field."""
    return np.uint32(0xFFFF - np.int64(partial))


@jit
def gather_checksum(dst, dst_offset, src, offsets, sizes):
    """Gather as `gather` does and return the partial checksum of the bytes laid down."""
    copied_bytes = np.int64(0)
    partial = np.uint32(0)
    for i in range(len(offsets)):
        piece = copy_checksum(dst, dst_offset + copied_bytes, src, offsets[i], sizes[i])
        partial = checksum_combine(partial, piece, copied_bytes)
        copied_bytes += sizes[i]
    return partial
