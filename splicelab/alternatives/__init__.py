"""The answers that the thread names, one short file each. To register one, add its name to BUILT_IN."""

from importlib import import_module

from splicelab._jit import compile_own, jit
from splicelab.errors import InputError
from splicelab.kernel.run import begin_message, end_message
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


# Inlined into the kernel that chooses: none is compiled alone, nor twice.
PARTS = [jit(inline="always")(getattr(function, "py_func", function)) for function in FUNCTIONS]
_0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11 = *PARTS, *[_nothing] * (RUNGS - len(PARTS))


@jit
def run_messages(w, key, messages):
    """Send so many messages by the alternative with this number in BUILT_IN; by number, so that the cache finds it."""
    for _ in range(messages):
        begin_message(w)
        if key < 4:
            sent = _0(w) if key == 0 else _1(w) if key == 1 else _2(w) if key == 2 else _3(w)
        elif key < 8:
            sent = _4(w) if key == 4 else _5(w) if key == 5 else _6(w) if key == 6 else _7(w)
        else:
            sent = _8(w) if key == 8 else _9(w) if key == 9 else _10(w) if key == 10 else _11(w)
        end_message(w, sent)
