"""The matrix of owners, flags and kernels, cut into tables for `splicelab.show.grid`."""

import pandas as pd

from splicelab.evidence.counted.matrix import VMALLOC_STACK
from splicelab.kernel.message import OWNERS as MODEL_OWNERS
from splicelab.show.style import OWNERS

WITHOUT = "no flag,\nor no SG"  # whatever the kernel
ORDER = {owner: place for place, owner in enumerate((*MODEL_OWNERS, VMALLOC_STACK))}
LABELS = {name: owner.label for name, owner in OWNERS.items()} | {"page": "page cache"}


def same_owner(table: pd.DataFrame) -> pd.DataFrame:
    """Return the outcomes of a matrix where header and trailer have one owner: by kernel, and where none splices."""
    same = table[table.header == table.trailer].sort_values(
        "header", key=lambda owners: owners.map(ORDER), kind="stable"
    )
    is_again = same.header.isin(("stack", "static", VMALLOC_STACK))  # always written again
    row = same.header.replace(LABELS).mask(~is_again, same.header.replace(LABELS) + ", " + same.next_message)
    column = same.kernel.where(same.flag & same.scatter_gather, WITHOUT)
    order = sorted(column.unique(), key=lambda name: name != WITHOUT)
    found = same.groupby([row, column], sort=False).outcome.agg(lambda ends: "\n".join(ends.unique()))
    return found.unstack(sort=False).loc[row.unique(), order]


def by_piece(table: pd.DataFrame, kernel: str) -> pd.DataFrame:
    """Return the outcomes on one kernel, spliced from fresh memory: owner of the header by owner of the trailer."""
    fresh = table.query("kernel == @kernel and flag and scatter_gather and next_message == 'fresh memory'")
    ends = fresh.pivot(index="header", columns="trailer", values="outcome")
    return ends.loc[fresh.header.unique(), fresh.trailer.unique()].rename(index=LABELS, columns=LABELS)
