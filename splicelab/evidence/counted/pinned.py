"""What stays pinned while ACKs are awaited, by allocator and circumstance."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from splicelab.evidence.counted.fragments import shoot_out
from splicelab.result import Result


@dataclass(frozen=True, repr=False)
class PinnedMap(Result):
    """What stays pinned at the peak, in KiB: for each circumstance a row an allocator, a column a number in flight."""

    tables: dict[str, pd.DataFrame]

    @property
    def table(self) -> pd.DataFrame:
        """All circumstances, one below the other."""
        return pd.concat(self.tables, names=["circumstance"])

    @property
    def text(self) -> str:
        """A table for each circumstance."""
        parts = (f"KiB pinned, {title}:\n{table.astype(int).to_string()}" for title, table in self.tables.items())
        return "\n\n".join(parts)


def pinned(
    circumstances: Mapping[str, Mapping], sizes_bytes: tuple[int, ...] = (48, 4), in_flight=(1, 4, 16, 64, 256)
) -> PinnedMap:
    """Count what stays pinned by each allocator, under circumstances with a name (fields of `Load`).

    Examples
    --------
    >>> from splicelab import pinned
    >>> pinned({"none lost": {"messages": 100}}, in_flight=(1, 4)).table.shape
    (6, 2)
    """
    tables = {
        title: pd.DataFrame(
            {n: shoot_out(sizes_bytes, in_flight=n, **load).table["pinned_peak_bytes"] / 1024 for n in in_flight}
        )
        for title, load in circumstances.items()
    }
    return PinnedMap(tables)
