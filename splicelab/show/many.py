"""All callers and all alternatives on one page: a small panel a caller, its numbers dark where they are the most."""

from collections.abc import Mapping

from splicelab.evidence.counted.compare import Comparison
from splicelab.evidence.counted.tally import Tally
from splicelab.show.style import COUNTED, Picture, axis_label, new_figure

COLUMNS, MEASURES = 4, {
    "calls": "sends", "copied": "copied_bytes", "pushes": "tcp_push", "skbs": "skbs", "pinned": "pinned_peak_bytes",
}  # fmt: skip


def short(number: int) -> str:
    """Return a number in at most four characters: 66k for 65,536."""
    return str(number) if number < 1000 else f"{number / 1000:.0f}k" if number < 999_500 else f"{number / 1e6:.1f}M"


def _readings(tally: Tally) -> list[int]:
    """Return the shown numbers of one alternative."""
    return [getattr(tally, counter) for counter in MEASURES.values()]


def small_multiples(compared: Mapping[str, Comparison]) -> Picture:
    """Draw comparisons by name: rows are alternatives, columns measures; a cell is dark where the caller pays most."""
    names = list(next(iter(compared.values())).tallies)
    rows = -(-len(compared) // COLUMNS)
    figure, grid = new_figure(9.5, 0.5 + 2.35 * rows, rows, COLUMNS, squeeze=False)
    figure.supxlabel(axis_label("an operation: darker is more, in its column", COUNTED), fontsize=10)
    told = []
    for axes in grid.flat[len(compared) :]:
        axes.set_visible(False)
    for place, (axes, (key, one)) in enumerate(zip(grid.flat, compared.items(), strict=False)):
        values = [_readings(one.tallies[name]) for name in names]
        most = [max(column) or 1 for column in zip(*values, strict=True)]
        shades = [[value / top for value, top in zip(row, most, strict=True)] for row in values]
        axes.imshow(shades, cmap="Blues", vmin=0, vmax=1.6, aspect="auto")
        axes.set_title(key.replace("_", " "), fontsize=10)
        axes.set_xticks(range(len(MEASURES)), MEASURES, fontsize=9, rotation=90)
        axes.set_yticks(range(len(names)), [name.replace("_", " ") if place % COLUMNS == 0 else "" for name in names])
        axes.tick_params(length=0, labelsize=9)
        axes.spines[:].set_visible(False)
        for row, (name, numbers) in enumerate(zip(names, values, strict=True)):
            ending = one.tallies[name].ending
            for column, number in enumerate(numbers):
                axes.text(column, row, short(number), ha="center", va="center", fontsize=9)
            said = ", ".join(f"{measure} {number:,}" for measure, number in zip(MEASURES, numbers, strict=True))
            told.append(f"{key}, {name}: {ending}; {said}")
    return Picture(figure, "\n".join(told))
