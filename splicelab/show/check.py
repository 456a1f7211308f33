"""Self-checks of a notebook: each says ok or WRONG in stored text, so that a strict run notices."""

import pandas as pd

from splicelab.result import Result


class Checks(Result):
    """Claims with what was found and what it must be."""

    html, text = None, ""

    def __init__(self, *checks: tuple[str, object, object]):
        self.table = pd.DataFrame(checks, columns=["what", "found", "meant"]).astype(object)
        self.text = "\n".join(
            f"ok    {what}: {found}" if found == meant else f"WRONG {what}: {found}, not {meant}"
            for what, found, meant in checks
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
