"""What is tried at every door: values that nobody meant, and what an answer to them may be."""

import math

from hypothesis import settings
from hypothesis import strategies as st

from splicelab.errors import InputError

MOST = max(500, settings.default.max_examples)  # 10,000 in make soak
many = settings(max_examples=MOST)


class Odd:
    """An object that has nothing to do with anything."""

    def __repr__(self):
        return "an odd\nobject"


NUMBERS = st.integers(-2, 70_000) | st.sampled_from(
    [*(1 << bits for bits in (16, 20, 31, 32, 62, 63, 64)), -(1 << 31), -(1 << 63), 10**30, 0.5, math.nan, math.inf]
)
WORDS = st.sampled_from(["", "slab", "6.1", "\n", "\0", "é→✓", "x" * 300, "1", "-1", "1e9", "None", "../x", "=1+1"])
PLAIN = st.none() | st.booleans() | NUMBERS | WORDS | st.binary(max_size=3) | st.builds(Odd) | st.just(int)
VALUES = PLAIN | st.lists(PLAIN, max_size=3) | st.lists(PLAIN, max_size=3).map(tuple)
VALUES |= st.dictionaries(WORDS | st.integers(0, 3), PLAIN, max_size=2)


def is_sentence(error: BaseException, *named: str) -> bool:
    """Return whether an error is a sentence to a reader, of one line, that names what is wrong."""
    said = str(error)
    return (
        isinstance(error, InputError) and "\n" not in said and len(said) < 600 and all(name in said for name in named)
    )
