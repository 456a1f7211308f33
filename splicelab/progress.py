"""Long actions: how far one is, told to whoever watches, not to tests and pipes; and no looking for garbage."""

import gc
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

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


@contextmanager
def no_collector() -> Iterator[None]:
    """Keep Python from looking for circles among a million objects, again and again: there are none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
