"""What the alternatives are weighed by: counted for a sender, estimated, posted, and drawn where it is uncertain."""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pandas as pd

from splicelab.callers import Caller
from splicelab.evidence.counted.compare import compare
from splicelab.evidence.debate.tables import count_fixes, debate
from splicelab.evidence.timed.unit_costs import UnitCosts
from splicelab.kernel.frag import ALLOCATORS
from splicelab.paths import data_path
from splicelab.tables import read_table

# Each is better the less. Work, wire and memory are counted (time: estimated from timed unit costs); code is posted or
# assumed (data/choices.csv), or read; hindsight is history.
FAMILIES = {name: tuple(row.criteria.split("; ")) for name, row in read_table(data_path("families.csv")).items()}
CRITERIA = sum(FAMILIES.values(), ())
DRAWS, MTU = 200, 1500
CUTS_WITH = {"copy_in_stack": "v3_per_cpu", "page_per_object": "page_per_object"}  # the others: as the first


def count_operation(
    caller: Caller, shares: pd.Series, names: tuple[str, ...], in_flight: int, options: dict
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the counters of an operation by alternative, the mean over payloads; and what ended wrong."""
    given = {"messages": in_flight + 2, "ack_delay": in_flight, "mtu": MTU} | options
    count = _count if all(isinstance(value, int | float | str) for value in given.values()) else _count.__wrapped__
    tables = [count(caller, size_bytes, names, **given) for size_bytes in shares.index]
    wrong = {name: end for table in tables for name, end in table.outcome.items() if end != "delivered"}
    mean = sum(share * table.drop(columns="outcome") for share, table in zip(shares, tables, strict=True))
    peaks = [name for name in mean if "peak" in name]
    return (mean / given["messages"]).assign(**{name: mean[name] for name in peaks}), wrong


@lru_cache(1024, typed=True)
def _count(caller: Caller, size_bytes: int, names: tuple[str, ...], **given) -> pd.DataFrame:
    """Count each way once: a slider of weights, or of the share that ignores the flag, asks for the same again."""
    return compare(caller, size_bytes, names, **given).table


def draw(counts: pd.DataFrame, choices: pd.DataFrame, costs: UnitCosts) -> np.ndarray:
    """Return the criteria in each of DRAWS draws: an array (draws, alternatives, criteria).

    A unit cost is the same for all alternatives of a draw, so that what they have in common decides nothing.
    """
    random, shape = np.random.RandomState(1), (DRAWS, len(counts))
    bugs = count_fixes(debate("outcome")).reindex(counts.index, fill_value=0)
    places = defaultdict(lambda: random.random_sample(DRAWS))
    columns = {
        "calls": counts.sends,
        "bytes copied": counts.copied_bytes,
        "skbs": counts.skbs,
        "bytes held": counts.pinned_peak_bytes,
        "pages fetched": counts.new_pages,
        "copied without flag": counts.ignored,
        "time": np.transpose([_time_ns(row, costs, name, places) for name, row in counts.to_dict("index").items()]),
        "lines in callers": _between(choices.caller_lines, choices.caller_lines_most, random.random_sample(shape)),
        "lines in core": _between(choices.core_lines, choices.core_lines_most, random.random_sample(shape)),
        "asked of others": choices.others_checks,
        "later bugs": bugs.caused_by - bugs.avoided_by,
    }
    return np.stack([np.broadcast_to(np.asarray(columns[name], float), shape) for name in CRITERIA], axis=2)


def _between(low: pd.Series, high: pd.Series, places: np.ndarray) -> np.ndarray:
    return low.to_numpy(float) + places * (high - low).to_numpy(float)


def _time_ns(counts: Mapping[str, float], costs: UnitCosts, name: str, places: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what counted events cost in each draw."""
    terms = costs.estimate(counts, CUTS_WITH.get(name, ALLOCATORS[0])).table
    ends = zip(terms.index, terms[["low_ns", "median_ns", "high_ns"]].to_numpy(), strict=True)
    return sum((np.interp(places[term], [0, 0.5, 1], ns) for term, ns in ends), np.zeros(DRAWS))
