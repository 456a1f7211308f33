"""The matrix of owners, flags and kernels as a grid of words."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from splicelab.evidence.matrix import KEPT, NOT_EXPRESSIBLE, VMALLOC_STACK
from splicelab.kernel.message import OWNERS as MODEL_OWNERS
from splicelab.show.grid import FILL
from splicelab.show.style import COUNTED, OWNERS, axis_label, new_figure

FILLS = dict.fromkeys(KEPT, FILL["delivered"]) | {NOT_EXPRESSIBLE: "#EDEDED"}
FILLS |= {
    "refused (-EIO)": FILL["refused (-EIO)"],
    "short": FILL["short send"],
    "silently wrong": FILL["corrupt bytes"],
}
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


def ends_grid(ends: pd.DataFrame, of: str) -> Figure:
    """Return a table of outcomes as a figure; ``of`` says what the columns are."""
    rows, cols = ends.shape
    figure, axes = new_figure(9.5, 0.9 + 0.42 * rows)
    axes.set(xlim=(0, cols), ylim=(rows, 0), xlabel=axis_label(of, COUNTED))
    axes.set_xticks([col + 0.5 for col in range(cols)], ends.columns)
    axes.set_yticks([row + 0.5 for row in range(rows)], ends.index)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row in range(rows):
        for col in range(cols):
            words = ends.iat[row, col]
            axes.add_patch(Rectangle((col + 0.01, row + 0.04), 0.98, 0.92, facecolor=FILLS[words]))
            said = words.replace(" (", "\n(").replace(", ", ",\n").replace(" e", "\ne").replace("y w", "y\nw")
            axes.text(col + 0.5, row + 0.5, said, ha="center", va="center", fontsize=9)
    return figure


def ends_text(ends: pd.DataFrame) -> str:
    """Return the same in words, a line a row."""
    rows = ("; ".join(f"{column}: {words}" for column, words in row.items()) for _, row in ends.iterrows())
    return "\n".join(f"{name}: {words}" for name, words in zip(ends.index, rows, strict=True)).replace(",\n", ", ")
