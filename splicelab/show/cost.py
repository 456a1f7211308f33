"""Time in pictures: what one copy, one allocation, one reference take, and what counted ones of them add up to."""

from matplotlib.ticker import NullFormatter

from splicelab.evidence.timed.timing import is_disturbed
from splicelab.evidence.timed.unit_costs import COMMON, Estimate, UnitCosts
from splicelab.evidence.timed.unit_loops import HEATS
from splicelab.show.canvas import Drawing
from splicelab.show.style import PLAIN, TIMED, axis_label, new_figure

# Kinds of events; no colour of an owner of memory. What is common to all is grey, and comes first.
KINDS = {COMMON: "#D9D9D9", "cold lines": "#6F5E8C", "page references": "#B9A44C"}
KINDS |= {"fragments": "#A9C0D6", "kmalloc + kfree": "#A6636B", "copies": "#3B4A5A"}
FILLS = {"hot": "#3B4A5A", "cold": "white"}


class Dots(Drawing, shows=UnitCosts):
    """A row an operation on a log scale: a thin mark a process, a dot the median, filled unless the data were cold."""

    def update(self, result: UnitCosts) -> None:
        """Draw these costs: their range differs from machine to machine."""
        self.figure, axes = new_figure(8.5, 4.6)
        rows = {name: name.removesuffix(" hot").removesuffix(" cold") for name in result.samples_ns}
        names = list(dict.fromkeys(rows.values()))
        for name, samples in result.samples_ns.items():
            row, (median, low, high) = names.index(rows[name]), result.cost(name)
            axes.plot(samples, [row] * len(samples), "|", color=PLAIN, ms=7)
            axes.hlines(row, low, high, color="black", lw=1.2)
            axes.plot(median, row, "o", mec="black", mfc=FILLS["cold" if "cold" in name else "hot"], ms=6)
            axes.text(high * 1.15, row, f"{median:.2g}" if median < 100 else f"{median:,.0f}", va="center", fontsize=9)
        least, most = result.samples_ns.min(axis=None), result.samples_ns.max(axis=None)
        axes.set(xscale="log", xlim=(least / 2, 6 * most), xlabel=axis_label("ns each", TIMED))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set(ylim=(len(names) - 0.4, -0.6), yticks=range(len(names)), yticklabels=names)
        axes.grid(axis="x")
        for heat in HEATS:
            axes.plot([], [], "o", mec="black", mfc=FILLS[heat], label=heat)
        axes.legend(loc="upper right")
        said = [result.environment.get("cpu", ""), "the machine was not at rest" * is_disturbed(result.environment)]
        axes.set_title(", ".join(filter(None, said)), fontsize=10)


class Stacks(Drawing, shows=Estimate):
    """A bar a way to send: first what all have in common, then its own, a colour a kind of event."""

    def update(self, result: Estimate) -> None:
        """Draw these ways."""
        parts = result.parts()
        self.figure, axes = new_figure(8.5, 1.5 + 0.4 * len(parts))
        rows, ends = range(len(parts)), 0
        for kind, colour in KINDS.items():
            if kind in parts and parts[kind].any():
                axes.barh(rows, parts[kind], 0.6, ends, color=colour, label=kind)
                ends = ends + parts[kind]
        for row, total in enumerate(ends):
            axes.text(total, row, f" {total:,.0f}", va="center")
        axes.set_yticks(rows, [name.replace("_", " ") for name in parts.index])
        axes.set(xlim=(0, 1.1 * ends.max()), ylim=(len(parts) - 0.4, -0.6))
        axes.set_xlabel("ns a message (estimated from timed unit costs)")
        axes.set_title(result.decides.replace("_", " "), fontsize=10)
        self.figure.legend(fontsize=9, loc="outside lower center", ncols=len(KINDS))
