"""Move real bytes at the speed of memcpy: copy, gather, copy with checksum.

All work on one-dimensional contiguous uint8 arrays and byte offsets; source and destination may be one arena, but
ranges must not overlap. Compiled, the LLVM memcpy intrinsic is used (a numba slice copy is 5 to 50 times slower);
``NUMBA_BOUNDSCHECK=1`` checks ranges here, since numba does not see through memcpy; without JIT, NumPy slices stand in.
"""

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils, errors
from numba.extending import intrinsic

from splicelab._jit import jit

LONG_BYTES = 24 << 10  # source and target are more than L1: then LLVM's four lines at a time are slower than one
CHECKED = bool(config.BOUNDSCHECK or config.DISABLE_JIT)
inlined = jit(forceinline=True)  # a call that LLVM leaves standing pushes seven words for each array

if config.DISABLE_JIT:

    def _at(array, offset):
        return array[offset:]

    def _move(dst, src, size_bytes):
        dst[:size_bytes] = src[:size_bytes]

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

    @intrinsic
    def _move_and_sum_lines(typingctx, dst, src, lines):
        """Copy lines of 64 bytes, one at a time; return a sum of their words for `_move_and_sum` to fold.

        A carry out of a word is worth 2**64, which is 1 modulo 65535, and so is 2**32: LLVM adds that in one step.
        """

        def generate(context, builder, signature, args):
            line, module = ir.VectorType(ir.IntType(64), 8), builder.module
            total, carries = (cgutils.alloca_once_value(builder, line([0] * 8)) for _ in range(2))
            with cgutils.for_range(builder, args[2]) as loop:
                place = builder.shl(loop.index, loop.index.type(6))
                dst, src = (builder.bitcast(builder.gep(base, [place]), line.as_pointer()) for base in args[:2])
                words = builder.load(src, align=1)
                builder.store(words, dst, align=1)
                added = builder.add(builder.load(total), words)
                builder.store(added, total)
                before, is_carry = builder.load(carries), builder.icmp_unsigned("<", added, words)
                builder.store(builder.select(is_carry, builder.add(before, line([1 << 32] * 8)), before), carries)
                end = builder.block
            setting = module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])
            loop_id = module.add_metadata([setting])
            loop_id.operands = loop_id, setting
            end.terminator.set_metadata("llvm.loop", loop_id)
            words, half = builder.load(total), line([32] * 8)
            lows = builder.and_(words, line([0xFFFFFFFF] * 8))
            parts = builder.add(builder.add(lows, builder.lshr(words, half)), builder.load(carries))
            kind = ir.FunctionType(line.element, [line])
            add = cgutils.get_or_insert_function(module, kind, "llvm.vector.reduce.add.v8i64")
            return builder.call(add, [parts])

        return types.uint64(BYTES, BYTES, types.intp), generate

    @inlined
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

    @inlined
    def _move_ends(dst, src, size_bytes, end_bytes):
        _memcpy(dst, src, end_bytes)
        _memcpy(_at(dst, size_bytes - end_bytes), _at(src, size_bytes - end_bytes), end_bytes)

    @inlined
    def _move_words(dst, src, first, end):
        words = highs = np.uint64(0)
        for i in range(first, end):
            word = _move_word(dst, src, 8 * i)
            words += word
            highs += word >> 32
        return words, highs

    @inlined
    def _move_and_sum(dst, src, size_bytes):
        # 2**16 = 1 modulo 65535, so words of any width may be added and folded later (RFC 1071, section 2).
        # Two wrapping sums, of words and of their high halves, cost three vector instructions per load.
        total = word = np.uint64(0)
        if size_bytes > LONG_BYTES:
            total = _move_and_sum_lines(dst, src, size_bytes >> 6)
            words, highs = _move_words(dst, src, size_bytes >> 6 << 3, size_bytes >> 3)
        else:  # a loop of its own: one for both would carry its beginning along
            words, highs = _move_words(dst, src, 0, size_bytes >> 3)
        rest = size_bytes & 7
        if size_bytes < 8:
            for i in range(rest):
                dst[i] = src[i]
                word |= np.uint64(src[i]) << np.uint64(8 * i)
        elif rest:
            # The last eight bytes overlap what is already counted: shift that out, keep the even position.
            word = _move_word(dst, src, size_bytes - 8) >> np.uint64(64 - 8 * rest)
        words += word
        highs += word >> 32
        total += words - (highs << 32) + highs
        # A number plus itself with its halves exchanged has the sum of the halves, carry included, on top.
        half = np.uint32((total + (total << 32 | total >> 32)) >> 32)
        half = np.int64(np.uint32(half + (half << 16 | half >> 16)) >> 16)
        return (half & 0xFF) << 8 | half >> 8


@inlined
def _check(array, offset, size_bytes):
    if CHECKED and (offset < 0 or size_bytes < 0 or offset + size_bytes > array.size):
        raise IndexError("copy outside of its array")


@inlined
def copy_bytes(dst, dst_offset, src, src_offset, size_bytes):
    """Copy `size_bytes` bytes; IndexError outside of an array, where ranges are checked."""
    _check(dst, dst_offset, size_bytes)
    _check(src, src_offset, size_bytes)
    _move(_at(dst, dst_offset), _at(src, src_offset), size_bytes)


@jit
def gather(dst, dst_offset, src, offsets, sizes):
    """Lay segments (`offsets[i]`, `sizes[i]`) of `src` end to end in `dst`; return the bytes copied."""
    copied_bytes = np.int64(0)
    for i in range(len(offsets)):
        copy_bytes(dst, dst_offset + copied_bytes, src, offsets[i], sizes[i])
        copied_bytes += sizes[i]
    return copied_bytes


@inlined
def copy_checksum(dst, dst_offset, src, src_offset, size_bytes):
    """Copy and return the 16-bit ones-complement sum in network order, not complemented yet (RFC 1071)."""
    _check(dst, dst_offset, size_bytes)
    _check(src, src_offset, size_bytes)
    return np.uint32(_move_and_sum(_at(dst, dst_offset), _at(src, src_offset), size_bytes))
