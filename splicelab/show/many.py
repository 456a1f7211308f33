"""All callers and all alternatives on one page: a small panel a caller, its numbers dark where they are the most."""

from collections.abc import Mapping

import numpy as np

from splicelab.evidence.counted.compare import Comparison
from splicelab.evidence.counted.tally import Tally
from splicelab.show.bars import short
from splicelab.show.sketch import DANGER, INK
from splicelab.show.style import COUNTED, Picture, axis_label, new_figure

COLUMNS, MEASURES = 4, {
    "calls": "sends", "copied": "copied_bytes", "pushes": "tcp_push", "skbs": "skbs", "pinned": "pinned_peak_bytes",
}  # fmt: skip


def _readings(tally: Tally) -> list[int]:
    """Return the shown numbers of one alternative."""
    return [getattr(tally, counter) for counter in MEASURES.values()]


def small_multiples(compared: Mapping[str, Comparison]) -> Picture:
    """Draw comparisons by name: a row an alternative, a column a measure, dark is the most; empty is as above."""
    names = list(next(iter(compared.values())).tallies)
    cols = min(COLUMNS, len(compared))
    rows = -(-len(compared) // cols)
    figure, grid = new_figure(9.5, 0.5 + 2.2 * rows, rows, cols, squeeze=False)
    figure.supxlabel(axis_label("an operation: darker is more in its column, empty is as above", COUNTED), fontsize=10)
    told = [f"each as {', '.join(names)}"]
    for axes in grid.flat[len(compared) :]:
        axes.set_visible(False)
    for place, (axes, (key, one)) in enumerate(zip(grid.flat, compared.items(), strict=False)):
        values = [_readings(one.tallies[name]) for name in names]
        least = np.min(values, axis=0)
        shades = np.round(2 * (values - least) / np.maximum(np.max(values, axis=0) - least, 1))
        axes.imshow(shades, cmap="Blues", vmin=0, vmax=3.2, aspect="auto")
        axes.set_title(key.replace("_", " "), fontsize=10)
        axes.set_xticks(range(len(MEASURES)), MEASURES, fontsize=9, rotation=90)
        axes.set_yticks(range(len(names)), [name.replace("_", " ") if place % cols == 0 else "" for name in names])
        axes.tick_params(length=0, labelsize=9)
        axes.spines[:].set_visible(False)
        for (row, column), number in np.ndenumerate(values):
            if row == 0 or number != values[row - 1][column]:
                colour = INK if one.tallies[names[row]].ending == "delivered" else DANGER
                axes.text(column, row, short(number), ha="center", va="center", fontsize=9, color=colour)
        columns = zip(MEASURES, zip(*values, strict=True), strict=True)
        numbers = "; ".join(f"{measure} {', '.join(map(str, column))}" for measure, column in columns)
        wrong = [f"; {name}: {tally.ending}" for name, tally in one.tallies.items() if tally.ending != "delivered"]
        told.append(f"{key}: {numbers}{''.join(wrong)}")
    return Picture(figure, "\n".join(told))
