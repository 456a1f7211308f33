"""How far a long action is, told to whoever watches; tests, pipes and stored notebooks see nothing of it."""

import multiprocessing
import os
import sys
from collections.abc import Iterable

DELAY_S = 1


def is_watched() -> bool:
    """Return whether a person sees standard error: on a terminal or in a notebook, not in a pipe nor a test of one.

    A child that works for this process leaves the telling to it.
    """
    if multiprocessing.parent_process() is not None:
        return False
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return sys.stderr.isatty() or (hasattr(shell, "kernel") and "PYTEST_CURRENT_TEST" not in os.environ)


def progress(what: str, items: Iterable | None = None, **options):
    """Return tqdm's bar over items, or over a ``total``: gone at the end, and not there at all for a short action.

    Bars within bars share one line: a notebook cannot go up to another. ``options`` are tqdm's.
    """
    from tqdm import tqdm

    return tqdm(items, what, delay=DELAY_S, leave=False, position=0, disable=not is_watched(), **options)
