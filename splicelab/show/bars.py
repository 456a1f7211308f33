"""The alternatives side by side: bars of a comparison, many comparisons on a page, and what waits for its ACK."""

from collections.abc import Mapping

import numpy as np

from splicelab.errors import InputError
from splicelab.evidence.counted.compare import IN_FLIGHT, MESSAGES, Comparison, Held
from splicelab.evidence.counted.tally import Tally
from splicelab.show.canvas import Drawing
from splicelab.show.sketch import Sketch, width_px
from splicelab.show.style import COUNTED, DANGER, GOOD, INK, OWNERS, PLAIN, Picture, axis_label, new_figure

# Words for what is shown, and the counters whose sum it is: in the bars of one comparison, and where there are many.
SHOWN = {
    "send calls": ("sends",),
    "bytes copied": ("copied_bytes",),
    "frag slots": ("frag_slots",),
    "allocator\noperations": ("kmallocs", "kfrees", "frag_allocs", "frag_frees", "refills"),
    "pinned bytes\n(peak)": ("pinned_peak_bytes",),
    "pushes": ("tcp_push",),
}
ONE = {"calls": "sends", "copied": "copied_bytes", "pushes": "tcp_push", "skbs": "skbs", "pinned": "pinned_peak_bytes"}
COLUMNS, MEASURES = 4, {words: (counter,) for words, counter in ONE.items()}
CHOSEN = "#33404D"
TOP, ROW, NUMBER, ENDING = 38, 36, 53, 143  # pixels; the last two for the widest words
FRAGMENT, OBJECT, PAGE = OWNERS["page_frag"].colour, OWNERS["slab"].colour, "#666666"
WAYS = {  # what is held: black dots and dashes let the line below them be seen
    "copy_in_stack": {"color": FRAGMENT, "linewidth": 4},
    "fix_callers": {"color": "black", "linestyle": (0, (1, 1.5)), "linewidth": 2},
    "page_per_object": {"color": PAGE, "linewidth": 4, "marker": "s", "markersize": 9},
    "attach_callback": {"color": OBJECT, "linewidth": 4},
    "copy_on_ref": {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 2},
}
BARS = FRAGMENT, FRAGMENT, PAGE, OBJECT, OBJECT


def short(number: int) -> str:
    """Return a number in at most four characters: 66k for 65,536."""
    return str(number) if number < 1000 else f"{number / 1000:.0f}k" if number < 999_500 else f"{number / 1e6:.1f}M"


def readings(tally: Tally, shown: Mapping[str, tuple[str, ...]] = SHOWN) -> list[int]:
    """Return the shown numbers of one alternative."""
    return [sum(getattr(tally, name) for name in names) for names in shown.values()]


class Bars(Sketch, shows=Comparison):
    """A row an alternative, a column a counter; the longest bar of a column fills it. The chosen one is drawn dark."""

    def draw(self, result: Comparison) -> float:
        """Draw a comparison."""
        table = {name.replace("_", " "): readings(tally) for name, tally in result.tallies.items()}
        longest, bottom = np.max(list(table.values()), axis=0), TOP + ROW * len(table)
        left = 12 + max(width_px(name, 10, "bold") for name in table)
        columns = np.linspace(left, self.width_px - ENDING, len(SHOWN) + 1)
        for x, title in zip(columns, (*SHOWN, "how it ended"), strict=True):
            self.say(x, 20, title, ha="left", points=10, weight="bold")
            if title in SHOWN:
                self.line(x, TOP, x, bottom)
        for row, (name, tally) in enumerate(zip(table, result.tallies.values(), strict=True)):
            y, is_chosen = TOP + ROW * (row + 0.5), name == result.chosen.replace("_", " ")
            self.say(left - 6, y, name, INK, "right", 10, "bold" if is_chosen else "normal")
            for x, number, most in zip(columns, table[name], longest, strict=False):
                end = x + (columns[1] - columns[0] - NUMBER) * number / max(most, 1)
                self.frame(x, end, y, 22, "none", fill=CHOSEN if is_chosen else PLAIN)
                self.say(end + 4, y, f"{number:,}" if number < 100_000 else short(number), ha="left")
            good = GOOD if tally.outcome == "delivered" else DANGER
            self.say(columns[-1], y, tally.ending, good, "left", weight="bold")
        self.say(self.width_px / 2, bottom + 18, axis_label(result.of, COUNTED), points=10)
        return bottom + 30

    @staticmethod
    def words(result: Comparison) -> str:
        """Say the same numbers, a line an alternative."""
        shown = ", ".join(f"{title} {{:,}}" for title in SHOWN).replace("\n", " ")
        return "\n".join(f"{name}: {t.outcome}; {shown.format(*readings(t))}" for name, t in result.tallies.items())


def small_multiples(compared: Mapping[str, Comparison]) -> Picture:
    """Draw comparisons by name: a row an alternative, a column a measure, dark is the most; empty is as above."""
    names, *others = (list(one.tallies) for one in compared.values())
    if any(sorted(one) != sorted(names) for one in others):
        raise InputError(f"plot: comparisons of the same alternatives, not {names} and others")
    cols = min(COLUMNS, len(compared))
    rows = -(-len(compared) // cols)
    figure, grid = new_figure(9.5, 0.5 + 2.2 * rows, rows, cols, squeeze=False)
    figure.supxlabel(axis_label("an operation: darker is more in its column, empty is as above", COUNTED), fontsize=10)
    told = [f"each as {', '.join(names)}"]
    for axes in grid.flat[len(compared) :]:
        axes.set_visible(False)
    for place, (axes, (key, one)) in enumerate(zip(grid.flat, compared.items(), strict=False)):
        values = [readings(one.tallies[name], MEASURES) for name in names]
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


class Waiting(Drawing, shows=Held):
    """A line for what an answer holds, and in its colour a bar for what it copies."""

    def __init__(self, result: Held):
        self.figure, (held, copied) = new_figure(9.5, 3.3, 1, 2, width_ratios=[5, 2])
        held.set(xscale="log", yscale="log", xlim=(0.85, 75), ylim=(8, 8e6), xlabel="messages in flight")
        held.set(xticks=IN_FLIGHT, xticklabels=IN_FLIGHT, ylabel=axis_label("bytes held beside the payload", COUNTED))
        held.minorticks_off()
        self.lines = [held.plot(IN_FLIGHT, IN_FLIGHT, label=way, **look)[0] for way, look in WAYS.items()]
        held.legend(ncols=2, loc="upper left")
        copied.set(xlim=(0, 1.3), xticks=[], xlabel=axis_label("bytes copied", COUNTED))
        copied.set(ylim=(len(WAYS) - 0.5, -0.5), yticks=range(len(WAYS)), yticklabels=WAYS)
        self.bars = copied.barh(range(len(WAYS)), 1, 0.6, color=BARS)
        self.numbers = [copied.text(0, row, "0", va="center") for row in range(len(WAYS))]
        self.moving = [*self.lines, *self.bars, *self.numbers]

    def update(self, result: Held) -> None:
        """Show what was found."""
        copied = [tallies[0].copied_bytes for tallies in result.tallies.values()]
        most = max(copied) or 1
        held = result.table.to_numpy()
        for line, bar, number, row, size_bytes in zip(self.lines, self.bars, self.numbers, held, copied, strict=True):
            line.set_ydata(row)
            bar.set_width(size_bytes / most)
            number.set(x=size_bytes / most + 0.03, text=f"{size_bytes / MESSAGES:g}")
