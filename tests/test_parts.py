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
