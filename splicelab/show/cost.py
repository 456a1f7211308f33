"""Time in pictures: what one copy, one allocation, one reference take, and what counted ones of them add up to."""

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from splicelab.evidence.timed.timing import is_disturbed
from splicelab.evidence.timed.unit_costs import COMMON, Estimate, UnitCosts
from splicelab.evidence.timed.unit_loops import HEATS
from splicelab.show.canvas import Drawing, shows
from splicelab.show.style import TIMED, axis_label, new_figure

# Kinds of events; no colour of an owner of memory. The rest is common to all and grey.
KINDS = {"copies": "#3B4A5A", "kmalloc + kfree": "#A6636B", "fragments": "#8FA3B5"}
KINDS |= {"page references": "#B9A44C", "cold lines": "#6F5E8C", COMMON: "#D9D9D9"}
FILLS = {"hot": "#3B4A5A", "cold": "white"}


@shows(UnitCosts)
class Dots(Drawing):
    """A row an operation on a log scale: a thin mark a process, a dot the median, filled unless the data were cold."""

    def __init__(self, result: UnitCosts):
        self.figure, _ = new_figure(8.5, 4.6)
        self.update(result)

    def update(self, result: UnitCosts) -> None:
        """Draw these costs anew: their range differs from machine to machine."""
        (axes,) = self.figure.axes
        axes.clear()
        rows = {name: name.removesuffix(" hot").removesuffix(" cold") for name in result.samples_ns}
        names = list(dict.fromkeys(rows.values()))
        for name, samples in result.samples_ns.items():
            row, (median, low, high) = names.index(rows[name]), result.cost(name)
            axes.plot(samples, [row] * len(samples), "|", color="#9AA5B1", ms=7)
            axes.hlines(row, low, high, color="black", lw=1.2)
            axes.plot(median, row, "o", mec="black", mfc=FILLS["cold" if "cold" in name else "hot"], ms=6)
            axes.text(high * 1.15, row, f"{median:.2g}" if median < 100 else f"{median:,.0f}", va="center", fontsize=9)
        least, most = result.samples_ns.min(axis=None), result.samples_ns.max(axis=None)
        axes.set(
            xscale="log", xlim=(least / 2, 6 * most), ylim=(len(names) - 0.4, -0.6), xlabel=axis_label("ns each", TIMED)
        )
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(range(len(names)), names)
        axes.grid(axis="x")
        for heat in HEATS:
            axes.plot([], [], "o", mec="black", mfc=FILLS[heat], label=heat)
        axes.legend(loc="upper right")
        said = [result.environment.get("cpu", ""), "the machine was not at rest" * is_disturbed(result.environment)]
        axes.set_title(", ".join(filter(None, said)), fontsize=10)


@shows(Estimate)
class Stacks(Drawing):
    """A bar a way to send: first what all have in common, then its own, a colour a kind of event."""

    @classmethod
    def picture(cls, result: Estimate) -> Figure:
        """Return the figure of these ways."""
        parts = result.parts()
        rows, left = range(len(parts)), parts[COMMON] * 0
        figure, axes = new_figure(8.5, 1.5 + 0.4 * len(parts))
        for kind in (kind for kind in reversed(KINDS) if kind in parts and parts[kind].any()):
            axes.barh(rows, parts[kind], 0.6, left, color=KINDS[kind], label=kind)
            left = left + parts[kind]
        for row, total in zip(rows, left, strict=True):
            axes.text(total, row, f" {total:,.0f}", va="center")
        axes.set_yticks(rows, [name.replace("_", " ") for name in parts.index])
        axes.set(xlim=(0, 1.1 * left.max()), ylim=(len(parts) - 0.4, -0.6))
        axes.set_xlabel("ns a message (estimated from timed unit costs)")
        axes.set_title(result.decides.replace("_", " "), fontsize=10)
        figure.legend(fontsize=9, loc="outside lower center", ncols=len(KINDS))
        return figure
