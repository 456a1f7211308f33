"""The answers that the thread names, one short file each. To register one, add its name to BUILT_IN."""

from importlib import import_module

from numba.extending import overload

from splicelab._jit import compile_own, jit
from splicelab.errors import InputError
from splicelab.kernel.world import WORLD

BUILT_IN = (
    "plain_copy",
    "piecewise",
    "three_calls",
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
assert len(FUNCTIONS) <= RUNGS, f"{len(FUNCTIONS)} alternatives, and send has {RUNGS} rungs: add one below"


def alternative(name: str):
    """Register a reader's own ``function(w) -> bytes taken or negative errno`` under a name; it is compiled here.

    Raises InputError, one line, for a name of the package and for a function that cannot be compiled.
    """

    def register(function):
        if not isinstance(name, str) or name in ("", *BUILT_IN):
            raise InputError(f"alternative: {name!r:.60} is taken by the package, or no name")
        try:
            OWN[name] = compile_own(function, WORLD)
        except ValueError as error:
            raise InputError(f"{name}: {error}") from None
        return OWN[name]

    return register


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
