"""The one exception for input that a reader can mend, and the two commonest reasons for it."""

from collections.abc import Collection
from numbers import Real
from typing import Any


class InputError(ValueError):
    """Input that cannot be used; the message is one line that names file, line or row, and field."""

    def __init__(self, said: str) -> None:
        super().__init__(" ".join(said.splitlines()))  # whatever the input looks like


def one_of(what: str, value: Any, known: Collection) -> Any:
    """Return a value that is among those known; raise InputError with all of these for another."""
    if value not in list(known):  # also a value without a hash
        raise InputError(f"{what}: {value!r:.60} is not one of {', '.join(map(str, known))}")
    return value


def within(what: str, value: float, low: float, high: float, unit: str = "") -> float:
    """Return a number that lies between two limits; raise InputError with both for anything else."""
    if not (isinstance(value, Real) and low <= value <= high):
        raise InputError(f"{what}: {value!s:.60}{unit}, not {low} to {high}")
    return value
