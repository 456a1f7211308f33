"""A sweep as a grid of words: a row an owner of memory or a caller, a column a kernel or an alternative."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from splicelab.evidence.counted import Tally, ending, outcome
from splicelab.show.style import COUNTED, axis_label, new_figure

# Light enough for black words; the words carry the meaning, the colour only helps the eye.
FILL = {"delivered": "#CFE8D5", "refused (-EIO)": "#F4C7C3", "short send": "#F9DDB1", "corrupt bytes": "#E9A3A3"}
FILL["broken"] = FILL["corrupt bytes"]  # what a reader's own alternative did to memory


def words(tally: Tally) -> str:
    """Say how the messages of a run ended and what was copied."""
    ended = ending(outcome(tally))
    return f"{ended}\n{tally.copied_bytes:,} bytes copied" if ended == "delivered" else ended


def grid(tallies: pd.DataFrame, of: str) -> Figure:
    """Return a table of tallies as a figure; ``of`` says what the columns are."""
    rows, cols = tallies.shape
    figure, axes = new_figure(9.5, 0.9 + 0.5 * rows)
    axes.set(xlim=(0, cols), ylim=(rows, 0), xlabel=axis_label(of, COUNTED))
    axes.set_xticks([col + 0.5 for col in range(cols)], tallies.columns)
    axes.set_yticks([row + 0.5 for row in range(rows)], tallies.index)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row in range(rows):
        for col in range(cols):
            tally = tallies.iat[row, col]
            axes.add_patch(Rectangle((col + 0.01, row + 0.04), 0.98, 0.92, facecolor=FILL[ending(outcome(tally))]))
            axes.text(col + 0.5, row + 0.5, words(tally), ha="center", va="center", fontsize=9)
    return figure


def grid_text(tallies: pd.DataFrame) -> str:
    """Return the same in words, a line a row."""
    lines = []
    for name, row in tallies.iterrows():
        cells = (f"{column}: {words(tally)}" for column, tally in row.items())
        lines.append(f"{name}: " + "; ".join(cells).replace("\n", ", "))
    return "\n".join(lines)
