"""The mode that was asked for is the mode that runs: compiled, index-checked or plain Python."""

import os

import numpy as np
import pytest
from numba.core import config

from splicelab._jit import jit
from splicelab.kernel.iov import iov_begin
from splicelab.kernel.world import WORLD, new_world


@jit
def beyond(array, index):
    return array[index]


def test_kernels_are_compiled_unless_asked_otherwise():
    assert hasattr(beyond, "py_func") != (os.environ.get("NUMBA_DISABLE_JIT") == "1")


@pytest.mark.skipif(not (config.BOUNDSCHECK or config.DISABLE_JIT), reason="indices are not checked in this mode")
def test_an_index_out_of_range_raises():
    with pytest.raises(IndexError):
        beyond(np.zeros(4), 4)


def test_a_record_is_its_fields_and_costs_a_kernel_no_description_of_them():
    w = new_world()
    w.sock[0].mss, w.iov_count = 1400, 3
    assert (w.sock[0].mss, w["sock"]["mss"].tolist(), w.iov_count) == (1400, [1400], 3)
    assert w.data is w and w.dtype is WORLD  # numba asks for both at each call, and knows a type by this one object
    assert not hasattr(w, "nothing")
    with pytest.raises(ValueError, match="nothing"):
        w.nothing = 1
    iov_begin(w)
    assert w.iov_count == 0
