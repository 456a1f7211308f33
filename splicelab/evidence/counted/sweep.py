"""Many runs at once: every combination of callers, alternatives, allocators, delays …, one row each, counted.

Kernels run without the GIL, so threads do for one machine; any `concurrent.futures` executor for more, such as Dask's
``Client(...).get_executor()``. The table is the same, bit for bit.
"""

import itertools
import json
import os
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from typing import Any

import pandas as pd

from splicelab._jit import sources_key
from splicelab.alternatives import BUILT_IN, OWN
from splicelab.errors import InputError, one_of
from splicelab.evidence.counted.run import known_callers, run
from splicelab.evidence.counted.tally import Tally
from splicelab.kernel.frag import ALLOCATORS
from splicelab.kernel.profiles import PROFILES
from splicelab.progress import progress
from splicelab.result import Result
from splicelab.tables import checked

AXES = ("caller", "alternative", "profile", "payload_bytes", "trailer_bytes", "mtu", "allocator", "flag")
AXES += ("scatter_gather", "nodelay", "ack_delay", "lose_every", "messages", "moves_bytes")
DEFAULTS = {"messages": 10_000, "moves_bytes": False}


class Sweep(Result):
    """A row per combination: its values, how it ended, every counter."""

    table: pd.DataFrame

    @property
    def text(self) -> str:
        """How many combinations and messages there were, and how they ended."""
        ends = "; ".join(map(str, self.table.outcome.unique()))
        return f"{len(self.table)} rows, counted: {self.table.messages.sum()} messages; {ends}"


@checked
def sweep(grid: dict[str, Any], executor: Executor | None = None, finished: Any = None) -> Sweep:
    """Run every combination of the grid, a row each in the grid's order: its values, how it ended, every counter.

    Parameters
    ----------
    grid : mapping of str to value or list of values
        AXES by name, arguments of `splicelab.evidence.counted.run.run`; 10,000 ``messages`` unless given. Without
        ``moves_bytes`` no byte is looked at, and what went through is "taken" instead of "delivered".
    executor : Executor, optional
        Threads, one a CPU, unless given. A reader's own alternative is known to this process alone: use threads.
    finished : mutable mapping of str to str, optional
        Where finished rows are put as they come, and looked for: an interrupted sweep called again with it goes on with
        the rest. A dict lives as long as the session; ``dbm.open(path, "c")`` is a file. Rows that other sources made
        have other names.

    Raises
    ------
    InputError
        A name that is in no table. A combination that the caller never sends or the model does not hold is a row that
        says so.

    Examples
    --------
    >>> from splicelab import sweep
    >>> sweep({"caller": "siw", "alternative": "fix_callers", "ack_delay": [0, 1], "messages": 10})
    2 rows, counted: 20 messages; taken
    """
    cells, sources = _cells(grid), sources_key(b"")
    names = [json.dumps([sources, cell], sort_keys=True) for cell in cells]
    rows, futures = {} if finished is None else finished, {}
    todo = {name: cell for name, cell in zip(names, cells, strict=True) if name not in rows}
    pool = executor or ThreadPoolExecutor(os.cpu_count())
    try:
        if todo:  # one here, so that compiled code is in the file cache before other processes look for it
            name, cell = todo.popitem()
            rows[name] = json.dumps(count_cell(cell))
        futures = {pool.submit(count_cell, cell): name for name, cell in todo.items()}
        bar = {"total": len(cells), "initial": len(cells) - len(todo)}
        for future in progress("sweep", as_completed(futures), **bar):
            rows[futures.pop(future)] = json.dumps(future.result())
    finally:
        for future in futures:
            future.cancel()
        if executor is None:
            pool.shutdown()
        done = (future for future in futures if future.done() and not (future.cancelled() or future.exception()))
        for future in done:
            rows[futures[future]] = json.dumps(future.result())
    table = pd.DataFrame([cell | json.loads(rows[name]) for name, cell in zip(names, cells, strict=True)])
    return Sweep(table.astype(dict.fromkeys(Tally._fields, "Int64")))


def count_cell(cell: dict) -> dict:
    """Run one combination in this thread's own world; return its outcome and counters by name."""
    try:
        tally = run(**cell)
    except InputError as error:
        return {"outcome": f"not run: {error}"} | dict.fromkeys(Tally._fields)
    ended = tally.outcome
    return {"outcome": "taken" if ended == "delivered" and not cell["moves_bytes"] else ended} | tally._asdict()


def _cells(grid: Mapping[str, object]) -> list[dict]:
    """Return the combinations of a grid as plain values, the last axis fastest."""
    known = {"caller": known_callers(), "alternative": (*BUILT_IN, *OWN), "profile": PROFILES, "allocator": ALLOCATORS}
    axes = {}
    for name, given in [*grid.items(), *((key, value) for key, value in DEFAULTS.items() if key not in grid)]:
        one_of("grid", name, AXES)
        values = [given] if isinstance(given, str) or not hasattr(given, "__iter__") else list(given)
        axes[name] = [value.item() if hasattr(value, "item") else value for value in values]
        for value in axes[name]:
            one_of(f"grid: {name}", value, known.get(name, (value,)))
        if not axes[name]:
            raise InputError(f"grid: {name}: no value")
    if missing := [name for name in ("caller", "alternative") if name not in axes]:
        raise InputError(f"grid: no {missing[0]}")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
