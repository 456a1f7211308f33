"""Several results in one picture."""

from collections.abc import Mapping, Sequence
from typing import SupportsIndex

import pandas as pd

from splicelab.errors import InputError
from splicelab.evidence.counted.compare import Comparison
from splicelab.evidence.counted.lifetimes import Rates
from splicelab.evidence.counted.message import Trace
from splicelab.evidence.counted.patterns import Seen
from splicelab.evidence.counted.timeline import Row, timeline
from splicelab.evidence.timed.unit_costs import Estimate
from splicelab.result import Result
from splicelab.show.bars import small_multiples
from splicelab.show.grid import grid
from splicelab.show.lifetime import rates
from splicelab.show.message import beside, seen_grid
from splicelab.show.recorded import before_after, trains
from splicelab.show.timeline import over_pages


def plot(results: Mapping | Sequence | pd.DataFrame, given: Mapping | str = "") -> Result:
    """Draw several results of one kind in one picture, beside recorded ones where these are given.

    Results by name are what `lives` gives by delay, estimates, lists of what `observe` gives, counts of messages as
    `predict` gives them, lists of (payload pages, pushes, skbs), or what `compare` gives for the same alternatives;
    ``given`` are recorded counts of the same, or (payload pages, pushes). A list of messages that `trace_message`
    gives, or of (title, message, records above), stands below each other. Lists of bytes are the packets of a write;
    two pairs (fewest, most) are the skbs of a message before a change and after it. A table of outcomes or tallies is
    a grid; ``given`` says what its columns are.

    Examples
    --------
    >>> from splicelab import plot, trace_message
    >>> plot([(kernel, trace_message("nvmet_tcp", "piecewise", kernel)) for kernel in ("6.1", "6.12")])
    6.1: 3 calls, 1 push, 1 skb
    6.12: 3 calls, 3 pushes, 1 skb
    """
    if isinstance(results, pd.DataFrame):
        return grid(results, str(given))
    if isinstance(results, Sequence) and results and all(isinstance(one, Trace | Row | tuple) for one in results):
        return timeline(*results)
    if not (isinstance(results, Mapping) and results):
        raise InputError(f"plot: no picture of {results!r:.60}")
    first = next(iter(results.values()))
    kinds = sorted({type(one).__name__ for one in results.values()})
    if len(kinds) > 1 or not all(map(_is_drawn, results.values())):
        raise InputError(f"plot: no picture of {' and '.join(kinds)}: {results!r:.60}")
    if isinstance(first, Rates | Comparison):
        return rates(results) if isinstance(first, Rates) else small_multiples(results)
    if isinstance(first, Estimate):
        return Estimate(pd.concat({name: one.table for name, one in results.items()}), first.environment)
    if isinstance(first, Mapping):
        return beside(given or None, results)
    if hasattr(first[0], "__index__"):
        return trains(results)
    if isinstance(first, tuple):
        return before_after(results)
    return seen_grid(results) if isinstance(first[0], Seen) else over_pages(results, given or {})


def _is_drawn(one: object) -> bool:
    """Return whether there is a picture of such results by name."""
    is_in_list = type(one) in (list, tuple) and one and isinstance(one[0], Seen | tuple | list | SupportsIndex)
    return is_in_list or isinstance(one, Rates | Comparison | Estimate | Mapping)
