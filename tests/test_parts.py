"""Kernels as other kernels and as Python see them: compiled once, and for Python where it calls."""

import gc

import numpy as np
import pytest

from splicelab import _jit
from splicelab.kernel.copy import copy_bytes

pytestmark = pytest.mark.skipif(bool(_jit.config.DISABLE_JIT), reason="nothing is compiled")


def test_a_callee_is_compiled_once_for_all_constants_and_integers():
    @_jit.jit
    def add(x, y):
        return x + y

    @_jit.jit
    def calls(x):
        return add(x, 1) + add(x, 2) + add(np.int32(x), True) + add(3, x) + add(x, np.uint64(1))

    assert calls(10) == 11 + 12 + 11 + 13 + 11
    assert {str(signature) for signature in add.part.signatures} == {
        "(int64, int64)",
        "(int64, bool)",
        "(int64, uint64)",
    }


def test_a_generator_is_for_kernels_and_a_signature_may_be_asked_for():
    @_jit.jit
    def count(n):
        for number in range(n):
            yield 2 * number

    @_jit.jit
    def total(n):
        found = 0
        for number in count(n):
            found += number
        return found

    assert total(4) == 12
    with pytest.raises(TypeError, match="a generator is for kernels"):
        count(4)

    @_jit.jit
    def same(x):
        return x

    same.compile("float64(int64)")
    assert isinstance(same(3), float)


def test_the_collector_is_as_before_also_after_a_kernel_that_does_not_compile():
    for turn in (gc.disable, gc.enable):
        turn()
        was_on = gc.isenabled()
        with pytest.raises(Exception, match="uint8"):
            copy_bytes(np.zeros(8), 0, np.zeros(8, np.uint8), 0, 8)
        assert gc.isenabled() == was_on


def attributes(kernel):
    """Return what LLVM is told of a compiled part."""
    (made,) = kernel.part.overloads.values()
    return b" ".join(made.library._final_module.get_function(made.fndesc.llvm_func_name).attributes).decode()


def test_a_kernel_is_taken_in_as_it_says_itself_not_as_its_first_caller_does():
    @_jit.jit
    def plain(x):
        return x + 1

    @_jit.jit(inline="never")
    def never(x):
        return x + 2

    @_jit.jit(forceinline=True)
    def always(x):
        return plain(x) + never(x)

    @_jit.jit
    def calls(x):
        return always(x)

    assert calls(1) == 5
    assert "alwaysinline" in attributes(always) and "noinline" in attributes(never)
    assert "inline" not in attributes(plain)


def test_a_call_answers_and_raises_whatever_the_kernel_that_is_called_returns():
    @_jit.jit
    def halves(x, by):
        if x < 0:
            raise ValueError("below zero")
        return np.arange(x), (x // by, x / by)

    @_jit.jit
    def nothing(x):
        pass

    @_jit.jit
    def calls(x, by):
        nothing(x)
        try:
            halves(-1, 1)
        except Exception:
            x += 1
        row, (whole, part) = halves(x, by)
        return row.sum() + whole, part, row

    found = calls(5, 2)
    assert found[:2] == (18, 3.0) and found[2].tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ZeroDivisionError):
        calls(5, 0)
    with pytest.raises(ValueError, match="below zero"):
        calls(-5, 1)
