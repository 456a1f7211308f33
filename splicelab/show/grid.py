"""Outcomes as a grid of words: a row an owner of memory or a caller, a column a kernel or an alternative."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from splicelab.evidence.counted.matrix import KEPT, NOT_EXPRESSIBLE
from splicelab.evidence.counted.tally import Tally
from splicelab.show.style import COUNTED, OWNERS, Picture, axis_label, new_figure

# Light enough for black words; the words carry the meaning, the colour only helps the eye.
GREENS = "#E9F5EC", "#CFE8D5", "#9CCBA8"
SILENT = dict.fromkeys(("corrupt bytes", "silently wrong", "short, wrong bytes", "broken"), "#E9A3A3")
STOPPED = dict.fromkeys(("short send", "short", "refused (-EIO)"), "#F9DDB1")
FILL = dict.fromkeys(("delivered", *KEPT), "#CFE8D5") | STOPPED | SILENT | {NOT_EXPRESSIBLE: "#EDEDED"}
HATCHES = dict.fromkeys(SILENT, "//") | dict.fromkeys(STOPPED, "..")  # told apart without colours, too
ROOM = 96  # characters across all columns


def _words(end: Tally | str) -> str:
    """Say how the messages of a run ended and what was copied."""
    if isinstance(end, str):
        return end
    return f"{end.ending}\n{end.copied_bytes:,} bytes copied" if end.ending == "delivered" else end.ending


def _label(name: str) -> str:
    """Put an owner of memory into words."""
    owner, comma, more = name.partition(", ")
    return (OWNERS[owner].label if owner in OWNERS else owner) + comma + more


def new_cells(table: pd.DataFrame, xlabel: str, row_in: float = 0.5) -> Axes:
    """Return the axes of a picture with a cell for each of a table's, named by its rows and columns."""
    rows, cols = table.shape
    _, axes = new_figure(9.5, 0.9 + row_in * rows)
    axes.set(xlim=(0, cols), ylim=(rows, 0), xlabel=xlabel)
    axes.set_xticks(np.arange(cols) + 0.5, table.columns)
    axes.set_yticks(np.arange(rows) + 0.5, table.index)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return axes


def put_cell(axes: Axes, row: int, col: int, words: str, colour: str, hatch: str | None, line="#C08A8A") -> None:
    """Fill a cell and write into it."""
    look = {"facecolor": colour, "edgecolor": line, "linewidth": 0, "hatch": hatch}
    axes.add_patch(Rectangle((col + 0.01, row + 0.04), 0.98, 0.92, **look))
    box = {"facecolor": colour, "edgecolor": "none", "pad": 1.5}
    axes.text(col + 0.5, row + 0.5, words, ha="center", va="center", fontsize=9, bbox=box)


def grid(ends: pd.DataFrame, of: str) -> Picture:
    """Draw a table of outcomes, Tallies or words; ``of`` says what the columns are, rows may be owners of memory.

    Examples
    --------
    >>> import pandas as pd
    >>> from splicelab import plot, run
    >>> ends = pd.DataFrame({"6.12": [run("siw", "copy_in_stack", "6.12")]}, index=["siw"])
    >>> plot(ends, "kernel")
    siw: 6.12: refused (-EIO)
    """
    copied = ends.map(lambda end: 0 if isinstance(end, str) else end.copied_bytes)
    place = copied.rank(axis=1, method="dense") - 1  # the more is copied than elsewhere in its row, the darker
    ends = ends.map(_words).rename(index=_label, columns=_label)
    more = "; darker: more is copied than elsewhere in the row" * bool(place.any(axis=None))
    axes = new_cells(ends, axis_label(of + more, COUNTED))
    for (row, col), end in np.ndenumerate(ends):
        lines, colour = end.splitlines(), FILL[end.splitlines()[0]]
        if len(lines) > 1:
            colour = GREENS[int(2 * place.iat[row, col] // max(1, place.iloc[row].max()))]
        said = "\n".join(fill(line, ROOM // len(ends.columns)) for line in lines)
        put_cell(axes, row, col, said, colour, HATCHES.get(lines[0]))
    told = [f"{name}: " + "; ".join(f"{column}: {end}" for column, end in row.items()) for name, row in ends.iterrows()]
    return Picture(axes.figure, "\n".join(line.replace(",\n", ", ").replace("\n", ", ") for line in told))
