"""The answers that the thread names, one short file each. To register one, add its name to BUILT_IN."""

import re
from importlib import import_module

from numba import from_dtype
from numba.core.errors import NumbaError
from numba.core.types import Boolean, Integer
from numba.extending import overload

from splicelab._jit import jit
from splicelab.errors import InputError
from splicelab.kernel.world import WORLD

BUILT_IN = (
    "plain_copy",
    "piecewise",
    "copy_in_stack",
    "fix_callers",
    "rewrite_helper",
    "kill_notlast",
    "attach_callback",
    "copy_on_ref",
    "page_per_object",
)

FUNCTIONS = tuple(getattr(import_module(f"{__name__}.{name}"), name) for name in BUILT_IN)
OWN = {}
RUNGS = 12


def alternative(name: str):
    """Register a reader's own ``function(w) -> bytes taken or negative errno`` under a name; it is compiled here.

    Raises InputError, one line, for a name of the package and for a function that cannot be compiled.
    """

    def register(function):
        if name in BUILT_IN:
            raise InputError(f"alternative: {name!r} is taken by the package")
        OWN[name] = _compiled(name, function)
        return OWN[name]

    return register


def _compiled(name, function):
    """Compile a reader's function, indices checked, so that a mistake shows in its own cell."""
    kernel = jit(function, boundscheck=True)
    if kernel is function:  # the JIT is off
        return kernel
    try:
        kernel.compile((from_dtype(WORLD),))
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line and not line.startswith("Failed in")]
        place = re.search(r"line (\d+)|\((\d+)\)\s*$", str(error), re.MULTILINE)
        kind = "" if isinstance(error, NumbaError) else f"{type(error).__name__}: "
        where = f", line {place[1] or place[2]}" if place else ""
        raise InputError(f"{name}: does not compile: {kind}{lines[0]}{where}") from None
    if not isinstance(returned := kernel.nopython_signatures[-1].return_type, Integer | Boolean):
        raise InputError(f"{name}: returns {returned}, not the bytes taken or a negative errno")
    return kernel


@jit(inline="always")
def _nothing(w):
    """Fill a rung that no alternative stands on."""
    return 0


def send_message(w, key):
    """Send one message by the alternative with this number in BUILT_IN."""
    return FUNCTIONS[key](w)


@overload(send_message)
def _send_message(w, key):
    """Choose by number, so that the cache finds compiled code; flat, as a nested step compiles all steps below it."""
    parts = [jit(inline="always")(function.py_func) for function in FUNCTIONS]  # of this kernel: none compiled alone
    a, b, c, d, e, f, g, h, i, j, k, m = (*parts, *[_nothing] * (RUNGS - len(FUNCTIONS)))

    def send(w, key):
        if key < 4:
            return a(w) if key == 0 else b(w) if key == 1 else c(w) if key == 2 else d(w)
        if key < 8:
            return e(w) if key == 4 else f(w) if key == 5 else g(w) if key == 6 else h(w)
        return i(w) if key == 8 else j(w) if key == 9 else k(w) if key == 10 else m(w)

    return send
