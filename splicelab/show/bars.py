"""Comparison bars: the alternatives side by side, one panel a counter, and in words how the message ended."""

from splicelab.evidence.counted.compare import Comparison
from splicelab.evidence.counted.tally import Tally
from splicelab.show.canvas import Drawing, shows
from splicelab.show.style import COUNTED, axis_label, new_figure

# Words for each panel, and the counters whose sum it shows.
SHOWN = {
    "send calls": ("sends",),
    "bytes copied": ("copied_bytes",),
    "frag slots": ("frag_slots",),
    "allocator\noperations": ("kmallocs", "kfrees", "frag_allocs", "frag_frees", "refills"),
    "pinned bytes\n(peak)": ("pinned_peak_bytes",),
    "pushes": ("tcp_push",),
}
GOOD, BAD, PLAIN, CHOSEN = "#1B7837", "#B2182B", "#9AA5B1", "#33404D"


def short(number: int) -> str:
    """Return a number in at most four characters: 66k for 65,536."""
    return str(number) if number < 1000 else f"{number / 1000:.0f}k" if number < 999_500 else f"{number / 1e6:.1f}M"


def readings(tally: Tally) -> list[int]:
    """Return the shown numbers of one row of a comparison."""
    return [sum(getattr(tally, name) for name in names) for names in SHOWN.values()]


@shows(Comparison)
class Bars(Drawing):
    """A row an alternative, a panel a counter; the longest bar of a panel fills it. The chosen one is drawn dark."""

    def __init__(self, result: Comparison):
        alternatives, chosen = list(result.tallies), result.chosen
        rows = range(len(alternatives))
        self.figure, panels = new_figure(9.5, 1.3 + 0.36 * len(rows), 1, len(SHOWN) + 1, sharey=True)
        self.figure.get_layout_engine().set(w_pad=0.06, wspace=0.01)
        for axes, title in zip(panels, (*SHOWN, "how it ended"), strict=True):
            axes.set(xlim=(0, 1.75), ylim=(len(rows) - 0.4, -0.6), xticks=[])
            axes.set_title(title, fontsize=10)
            axes.spines[["bottom"]].set_visible(False)
            axes.tick_params(left=False)
        panels[0].set_yticks(rows, [name.replace("_", " ") for name in alternatives])  # shared by all panels
        for label, name in zip(panels[0].get_yticklabels(), alternatives, strict=True):
            label.set_fontweight("bold" if name == chosen else "normal")
        self.figure.supxlabel(axis_label(result.of, COUNTED), fontsize=10)
        colours = [CHOSEN if name == chosen else PLAIN for name in alternatives]
        self.bars = [list(axes.barh(rows, [1] * len(rows), 0.62, color=colours)) for axes in panels[:-1]]
        self.numbers = [[axes.text(0, row, "0", va="center", fontsize=9.5) for row in rows] for axes in panels[:-1]]
        panels[-1].spines["left"].set_visible(False)
        self.endings = [panels[-1].text(0, row, "corrupt bytes", va="center", fontweight="bold") for row in rows]
        self.moving = [*sum(self.bars, []), *sum(self.numbers, []), *self.endings]

    def update(self, result: Comparison) -> None:
        """Show a comparison of the same alternatives."""
        table = [readings(tally) for tally in result.tallies.values()]
        for column, (bars, numbers) in enumerate(zip(self.bars, self.numbers, strict=True)):
            longest = max(max(row[column] for row in table), 1)
            for count, bar, number in zip([row[column] for row in table], bars, numbers, strict=True):
                bar.set_width(count / longest)
                number.set(x=count / longest + 0.06, text=f"{count:,}" if count < 100_000 else short(count))
        for ending, tally in zip(self.endings, result.tallies.values(), strict=True):
            ending.set(text=tally.ending, color=GOOD if tally.outcome == "delivered" else BAD)

    @staticmethod
    def words(result: Comparison) -> str:
        """Say the same numbers, a line an alternative."""
        shown = ", ".join(f"{title} {{:,}}" for title in SHOWN).replace("\n", " ")
        return "\n".join(f"{name}: {t.outcome}; {shown.format(*readings(t))}" for name, t in result.tallies.items())
