"""Several results in one picture."""

from collections.abc import Mapping

from splicelab.errors import InputError
from splicelab.evidence.counted.compare import Comparison
from splicelab.evidence.counted.lifetimes import Rates
from splicelab.evidence.counted.patterns import Seen
from splicelab.show.lifetime import rates
from splicelab.show.many import small_multiples
from splicelab.show.message import beside, seen_grid
from splicelab.show.style import Picture
from splicelab.show.timeline import over_pages


def plot(results: Mapping, recorded: Mapping | None = None) -> Picture:
    """Draw several results of one kind by name, beside recorded ones where these are given.

    Results are what `lives_by_delay` gives, lists of what `observe` gives, counts of messages as `predict` gives them,
    lists of (payload pages, pushes, skbs), or what `compare` gives for the same alternatives; recorded are counts of
    the same, or (payload pages, pushes).

    Examples
    --------
    >>> from splicelab import lives_by_delay, plot
    >>> few = {"messages": 500, "delays": (0, 8)}
    >>> print(plot({"alone": lives_by_delay(pressure=0, **few)}).text.splitlines()[0])
    share of lost messages that arrive wrong, by ACK delay
    """
    if not results:
        raise InputError("plot: no results")
    first = next(iter(results.values()))
    if isinstance(first, Rates):
        return rates(results)
    if isinstance(first, Comparison):
        return small_multiples(results)
    if isinstance(first, Mapping):
        return beside(recorded, results)
    return seen_grid(results) if isinstance(first[0], Seen) else over_pages(results, recorded or {})
