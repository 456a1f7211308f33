"""Many runs at once: every combination of callers, alternatives, allocators, delays …, one row each, counted.

Kernels run without the GIL, so threads do for one machine; any `concurrent.futures` executor for more, such as Dask's
``Client(...).get_executor()``. The table is the same, bit for bit.
"""

import itertools
import json
import os
import time
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from splicelab._jit import sources_key
from splicelab.alternatives import BUILT_IN, OWN
from splicelab.errors import InputError, one_of
from splicelab.evidence.counted.run import known_callers, run
from splicelab.evidence.counted.tally import Tally
from splicelab.kernel.frag import ALLOCATORS
from splicelab.kernel.profiles import PROFILES
from splicelab.result import Result

AXES = ("caller", "alternative", "profile", "payload_bytes", "trailer_bytes", "mtu", "allocator", "flag")
AXES += ("scatter_gather", "nodelay", "ack_delay", "lose_every", "messages", "moves_bytes")
DEFAULTS = {"messages": 10_000, "moves_bytes": False}
SAVE_EVERY_S = 1.0


@dataclass(frozen=True, repr=False)
class Sweep(Result):
    """A row per combination: its values, how it ended, every counter."""

    table: pd.DataFrame

    @property
    def text(self) -> str:
        """How many combinations and messages there were, and how they ended."""
        ends = "; ".join(map(str, self.table.outcome.unique()))
        return f"{len(self.table)} rows, counted: {self.table.messages.sum()} messages; {ends}"


def sweep(
    grid: Mapping, executor: Executor | None = None, store: str | Path | None = None, progress: bool | None = None
) -> Sweep:
    """Run every combination of the grid, a row each in the grid's order: its values, how it ended, every counter.

    Parameters
    ----------
    grid : mapping of str to value or list of values
        AXES by name, arguments of `splicelab.evidence.counted.run.run`; 10,000 ``messages`` unless given. Without
        ``moves_bytes`` no byte is looked at, and what went through is "taken" instead of "delivered".
    executor : Executor, optional
        Threads, one a CPU, unless given. A reader's own alternative is known to this process alone: use threads.
    store : path, optional
        File of finished rows, replaced in one step: an interrupted sweep called again goes on with the rest.
    progress : bool, optional
        Show a bar; None shows it on a terminal only.

    Raises
    ------
    InputError
        A name that is in no table, or a store that does not belong to these sources. A combination that the caller
        never sends or the model does not hold is a row that says so.

    Examples
    --------
    >>> from splicelab import sweep
    >>> sweep({"caller": "siw", "alternative": "fix_callers", "ack_delay": [0, 1], "messages": 10}, progress=False)
    2 rows, counted: 20 messages; taken
    """
    from tqdm import tqdm

    cells, rows, futures = _cells(grid), _load(store), {}
    todo = [cell for cell in cells if _name(cell) not in rows]
    pool, saved_s = executor or ThreadPoolExecutor(os.cpu_count()), time.monotonic()
    try:
        for cell in todo[:1]:  # here, so that compiled code is in the file cache before other processes look for it
            rows[_name(cell)] = count_cell(cell)
        futures = {pool.submit(count_cell, cell): _name(cell) for cell in todo[1:]}
        bar = {"total": len(cells), "initial": len(cells) - len(futures)}
        for future in tqdm(as_completed(futures), **bar, disable=None if progress is None else not progress):
            rows[futures[future]] = future.result()
            if time.monotonic() > saved_s + SAVE_EVERY_S:
                _save(store, rows)
                saved_s = time.monotonic()
    finally:
        for future in futures:
            future.cancel()
        if executor is None:
            pool.shutdown()
        rows |= {name: f.result() for f, name in futures.items() if f.done() and not (f.cancelled() or f.exception())}
        _save(store, rows)
    table = pd.DataFrame([cell | rows[_name(cell)] for cell in cells])
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
        axes[name] = np.atleast_1d(given).tolist()
        for value in axes[name]:
            one_of(f"grid: {name}", value, known.get(name, (value,)))
        if not axes[name]:
            raise InputError(f"grid: {name}: no value")
    if missing := [name for name in ("caller", "alternative") if name not in axes]:
        raise InputError(f"grid: no {missing[0]}")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def _name(cell: dict) -> str:
    return json.dumps(cell, sort_keys=True)


def _load(store: str | Path | None) -> dict[str, dict]:
    """Return the finished rows of a store by the name of their combination."""
    if store is None or not Path(store).exists():
        return {}
    try:
        sources, rows = json.loads(Path(store).read_text(encoding="utf-8"))
        is_whole = all(set(row) == {"outcome", *Tally._fields} for row in rows.values())
    except (ValueError, TypeError, AttributeError):
        is_whole = False
    if not is_whole or sources != sources_key(b""):
        raise InputError(f"{Path(store).name}: {'made by other sources' if is_whole else 'not a sweep'}; move it away")
    return rows


def _save(store: str | Path | None, rows: dict[str, dict]) -> None:
    """Replace the store in one step, where there is one."""
    if store is not None:
        new = Path(f"{store}.new")
        new.write_text(json.dumps([sources_key(b""), rows]), encoding="utf-8")
        os.replace(new, store)
