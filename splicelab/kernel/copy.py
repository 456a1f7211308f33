"""Move real bytes at the speed of memcpy: copy, fill, gather, scatter, copy with checksum.

All work on one-dimensional contiguous uint8 arrays and byte offsets; source and destination may be one arena, but
ranges must not overlap. Compiled, the LLVM memcpy intrinsic is used (a numba slice copy is 5 to 50 times slower);
``NUMBA_BOUNDSCHECK=1`` checks ranges here, since numba does not see through memcpy; without JIT, NumPy slices stand in.
"""

import numpy as np
from numba import config, types
from numba.core import cgutils, errors
from numba.extending import intrinsic

from splicelab._jit import jit

CHECKED = bool(config.BOUNDSCHECK or config.DISABLE_JIT)
inlined = jit(forceinline=True)  # a call that LLVM leaves standing pushes seven words for each array

if config.DISABLE_JIT:

    def _at(array, offset):
        return array[offset:]

    def _move(dst, src, size_bytes):
        dst[:size_bytes] = src[:size_bytes]

    def _fill(dst, value, size_bytes):
        dst[:size_bytes] = value

    def _move_and_sum(dst, src, size_bytes):
        _move(dst, src, size_bytes)
        total = 256 * int(src[:size_bytes:2].sum(dtype=np.int64)) + int(src[1:size_bytes:2].sum(dtype=np.int64))
        return total and (total - 1) % 0xFFFF + 1

else:
    BYTES = types.CPointer(types.uint8)

    @intrinsic
    def _at(typingctx, array, offset):
        """Return a bare pointer: an array handed on across a loop costs two atomic reference counts per call."""
        is_array = isinstance(array, types.Array) and (array.dtype, array.ndim, array.layout) == (types.uint8, 1, "C")
        if not is_array and array != BYTES:
            raise errors.TypingError(f"copying needs a one-dimensional contiguous uint8 array, not {array}")

        def generate(context, builder, signature, args):
            data = context.make_array(array)(context, builder, args[0]).data if is_array else args[0]
            return builder.gep(data, [args[1]])

        return BYTES(array, types.intp), generate

    @intrinsic
    def _memcpy(typingctx, dst, src, size_bytes):
        def generate(context, builder, signature, args):
            cgutils.raw_memcpy(builder, args[0], args[1], args[2], 1)
            return context.get_dummy_value()

        return types.void(BYTES, BYTES, types.intp), generate

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
    def _fill(dst, value, size_bytes):
        for i in range(size_bytes):  # LLVM makes this a memset
            dst[i] = value

    @jit
    def _move(dst, src, size_bytes):
        # Two overlapping halves in vector registers save a small copy the call to libc.
        if size_bytes < 8 or size_bytes > 128:
            _memcpy(dst, src, size_bytes)
        elif size_bytes > 64:
            _move_ends(dst, src, size_bytes, 64)
        elif size_bytes > 32:
            _move_ends(dst, src, size_bytes, 32)
        elif size_bytes > 16:
            _move_ends(dst, src, size_bytes, 16)
        else:
            _move_ends(dst, src, size_bytes, 8)

    @jit
    def _move_ends(dst, src, size_bytes, end_bytes):
        _memcpy(dst, src, end_bytes)
        _memcpy(_at(dst, size_bytes - end_bytes), _at(src, size_bytes - end_bytes), end_bytes)

    @inlined
    def _move_and_sum(dst, src, size_bytes):
        # 2**16 = 1 modulo 65535, so words of any width may be added and folded later (RFC 1071, section 2).
        # Two wrapping sums, of words and of their high halves, cost three vector instructions per load.
        if size_bytes < 8:
            total = 0
            for i in range(size_bytes):
                dst[i] = src[i]
                total += np.int64(src[i]) << (8 * (i % 2))
            return _swap(_fold(total))
        words = highs = np.uint64(0)
        for i in range(size_bytes // 8):
            word = _move_word(dst, src, 8 * i)
            words += word
            highs += word >> 32
        rest = size_bytes % 8
        if rest:
            # The last eight bytes overlap what is already counted: shift that out, keep the even position.
            word = _move_word(dst, src, size_bytes - 8) >> np.uint64(64 - 8 * rest)
            words += word
            highs += word >> 32
        total = words - (highs << 32) + highs
        # A number plus itself with its halves exchanged has the sum of the halves, carry included, on top.
        half = np.uint32((total + (total << 32 | total >> 32)) >> 32)
        half = np.uint32(half + (half << 16 | half >> 16)) >> 16
        return _swap(np.int64(half))


@jit
def _check(array, offset, size_bytes):
    if CHECKED and (offset < 0 or size_bytes < 0 or offset + size_bytes > array.size):
        raise IndexError("copy outside of its array")


@jit
def _fold(total):
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16)


@jit
def _swap(folded):
    return ((folded & 0xFF) << 8) | (folded >> 8)


@inlined
def copy_bytes(dst, dst_offset, src, src_offset, size_bytes):
    """Copy `size_bytes` bytes; IndexError outside of an array, where ranges are checked."""
    _check(dst, dst_offset, size_bytes)
    _check(src, src_offset, size_bytes)
    _move(_at(dst, dst_offset), _at(src, src_offset), size_bytes)


@inlined
def fill_bytes(dst, offset, value, size_bytes):
    """Set `size_bytes` bytes to `value`; IndexError as in `copy_bytes`."""
    _check(dst, offset, size_bytes)
    _fill(_at(dst, offset), value, size_bytes)


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


@inlined
def copy_checksum(dst, dst_offset, src, src_offset, size_bytes):
    """Copy and return the 16-bit ones-complement sum in network order, not complemented yet (RFC 1071)."""
    _check(dst, dst_offset, size_bytes)
    _check(src, src_offset, size_bytes)
    return np.uint32(_move_and_sum(_at(dst, dst_offset), _at(src, src_offset), size_bytes))


@jit
def checksum_combine(first, second, first_size_bytes):
    """Return the sum over two pieces in a row; after an odd first piece the second's bytes change places."""
    second = np.int64(second)
    if first_size_bytes % 2:
        second = _swap(second)
    return np.uint32(_fold(np.int64(first) + second))


@jit
def gather_checksum(dst, dst_offset, src, offsets, sizes):
    """Gather and return the sum over the bytes laid down, as `copy_checksum` does for one range."""
    copied_bytes, total = np.int64(0), np.uint32(0)
    for i in range(len(offsets)):
        piece = copy_checksum(dst, dst_offset + copied_bytes, src, offsets[i], sizes[i])
        total = checksum_combine(total, piece, copied_bytes)
        copied_bytes += sizes[i]
    return total
