"""Self-checks of a notebook: each says ok or WRONG in stored text, so that a strict run notices."""

import pandas as pd

from splicelab.result import Result


def _judged(what: str, found: object, meant: object) -> str:
    """Say of one claim whether it holds; an answer that was not right is told no more than that."""
    if found is ...:
        return f"open  {what}: write your answer in place of the three dots"
    if callable(meant):
        return f"{'ok    ' if meant(found) else 'WRONG '}{what}: {found}"
    return f"ok    {what}: {found}" if found == meant else f"WRONG {what}: {found}, not {meant}"


class Checks(Result):
    """Claims with what was found and what it must be."""

    html, text = None, ""

    def __init__(self, *checks: tuple[str, object, object]):
        self.table = pd.DataFrame(checks, columns=["what", "found", "meant"]).astype(object)
        self.text = "\n".join(_judged(*one) for one in checks)


def check(*checks: tuple[str, object, object]) -> Checks:
    """Hold what was found against what it must be, a line each: ``check(("sends", tally.sends, 1), ...)``.

    What it must be is a value, or a function that says whether what was found is right. ``...`` found is an answer that
    a reader has not given yet.

    Examples
    --------
    >>> from splicelab import check, run
    >>> check(("send calls", run("siw", "copy_in_stack").sends, 1))
    ok    send calls: 1
    >>> check(("an even number", 3, lambda number: number % 2 == 0), ("your number", ..., 4))
    WRONG an even number: 3
    open  your number: write your answer in place of the three dots
    """
    return Checks(*checks)
