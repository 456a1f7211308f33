"""Self-checks of a notebook: each says ok or WRONG in stored text, so that a strict run notices."""

import pandas as pd

from splicelab.result import Result


class Checks(Result):
    """Claims with what was found and what it must be."""

    html = None

    def __init__(self, *checks: tuple[str, object, object]):
        self.table = pd.DataFrame(checks, columns=["what", "found", "meant"]).astype(object)

    @property
    def text(self) -> str:
        """A line for each claim."""
        return "\n".join(
            f"{'ok   ' if found == meant else 'WRONG'} {what}: {found}" + (f", not {meant}" if found != meant else "")
            for what, found, meant in self.table.itertuples(index=False, name=None)
        )


def check(*checks: tuple[str, object, object]) -> Checks:
    """Hold what was found against what it must be, a line each: ``check(("sends", tally.sends, 1), ...)``.

    Examples
    --------
    >>> from splicelab import check, run
    >>> check(("send calls", run("siw", "copy_in_stack").sends, 1))
    ok    send calls: 1
    """
    return Checks(*checks)
