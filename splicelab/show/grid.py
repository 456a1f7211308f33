"""Outcomes as a grid of words: a row an owner of memory or a caller, a column a kernel or an alternative."""

from textwrap import fill

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from splicelab.evidence.counted.matrix import KEPT, NOT_EXPRESSIBLE
from splicelab.evidence.counted.run import Tally, ending, outcome
from splicelab.show.style import COUNTED, axis_label, new_figure

# Light enough for black words; the words carry the meaning, the colour only helps the eye.
FILL = dict.fromkeys(("delivered", *KEPT), "#CFE8D5") | dict.fromkeys(("short send", "short"), "#F9DDB1")
FILL |= dict.fromkeys(("corrupt bytes", "silently wrong", "broken"), "#E9A3A3")
FILL |= {"refused (-EIO)": "#F4C7C3", NOT_EXPRESSIBLE: "#EDEDED"}
ROOM = 110  # characters across all columns


def words(tally: Tally) -> str:
    """Say how the messages of a run ended and what was copied."""
    ended = ending(outcome(tally))
    return f"{ended}\n{tally.copied_bytes:,} bytes copied" if ended == "delivered" else ended


def grid(tallies: pd.DataFrame, of: str) -> Figure:
    """Return a table of tallies as a figure; ``of`` says what the columns are."""
    return ends_grid(tallies.map(words), of)


def grid_text(tallies: pd.DataFrame) -> str:
    """Return the same in words, a line a row."""
    return ends_text(tallies.map(words))


def ends_grid(ends: pd.DataFrame, of: str) -> Figure:
    """Return a table of outcomes as a figure; ``of`` says what the columns are."""
    rows, cols = ends.shape
    figure, axes = new_figure(9.5, 0.9 + 0.5 * rows)
    axes.set(xlim=(0, cols), ylim=(rows, 0), xlabel=axis_label(of, COUNTED))
    axes.set_xticks([col + 0.5 for col in range(cols)], ends.columns)
    axes.set_yticks([row + 0.5 for row in range(rows)], ends.index)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row in range(rows):
        for col in range(cols):
            lines = ends.iat[row, col].splitlines()
            axes.add_patch(Rectangle((col + 0.01, row + 0.04), 0.98, 0.92, facecolor=FILL[lines[0]]))
            said = "\n".join(fill(line, ROOM // cols) for line in lines)
            axes.text(col + 0.5, row + 0.5, said, ha="center", va="center", fontsize=9)
    return figure


def ends_text(ends: pd.DataFrame) -> str:
    """Return the same in words, a line a row."""
    rows = [
        f"{name}: " + "; ".join(f"{column}: {said}" for column, said in row.items()) for name, row in ends.iterrows()
    ]
    return "\n".join(row.replace(",\n", ", ").replace("\n", ", ") for row in rows)
