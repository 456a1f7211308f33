"""Self-checks of a notebook: each says ok or WRONG in stored text, so that a strict run notices."""


class Checks:
    """Claims with what was found and what it must be, a line each: ``Checks(("sends", tally.sends, 1), ...)``."""

    def __init__(self, *checks: tuple[str, object, object]):
        self.lines = [
            f"{'ok   ' if found == meant else 'WRONG'} {what}: {found}" + (f", not {meant}" if found != meant else "")
            for what, found, meant in checks
        ]

    def __repr__(self) -> str:
        return "\n".join(self.lines)
