"""The mode that was asked for is the mode that runs: compiled, index-checked or plain Python."""

import os

import numpy as np
import pytest
from numba.core import config

from splicelab._jit import jit


@jit
def beyond(array, index):
    return array[index]


def test_kernels_are_compiled_unless_asked_otherwise():
    assert hasattr(beyond, "py_func") != (os.environ.get("NUMBA_DISABLE_JIT") == "1")


@pytest.mark.skipif(not (config.BOUNDSCHECK or config.DISABLE_JIT), reason="indices are not checked in this mode")
def test_an_index_out_of_range_raises():
    with pytest.raises(IndexError):
        beyond(np.zeros(4), 4)
