"""What a message costs on this machine's kernel, against its payload; where a way becomes cheaper is marked."""

import numpy as np

from splicelab.evidence.live.measure import COSTS
from splicelab.evidence.live.run import LiveRun
from splicelab.paths import data_path
from splicelab.show.canvas import Drawing
from splicelab.show.style import LIVE, axis_label, label, new_figure
from splicelab.tables import read_table

LOOKS = read_table(data_path("ways.csv"))
EXPLAINED, RING = "payload (bytes); pale: from process to process", "; ring: from here on cheaper than plain copy"


class CostCurves(Drawing, shows=LiveRun):
    """A line an alternative, its interval behind it; a ring where it gets cheaper than plain copy, in its interval."""

    def __init__(self, result: LiveRun):
        self.figure, axes = new_figure(9.5, 4.4)
        sizes = sorted(result.table.payload_bytes.unique())
        axes.set(xscale="log", yscale="log", xlim=(sizes[0] / 1.3, sizes[-1] * 1.3), xlabel=EXPLAINED)
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.grid(axis="y")
        longest = max(map(label, COSTS), key=len)  # room for all
        axes.set(ylim=(1e3, 1e6), title="Linux", ylabel=axis_label(longest, LIVE))
        self.axes, self.lines, self.spreads, self.rings, self.evens = axes, {}, {}, {}, {}
        for name in result.ways:
            one, words = LOOKS[name], name.replace("_", " ")
            colour, look = one.colour, {"marker": one.marker, "linestyle": one.line, "label": f"{words}: {one.calls}"}
            (self.lines[name],) = axes.plot(sizes, np.ones(len(sizes)), color=colour, **look)
            self.spreads[name] = axes.vlines(sizes, 1, 1, color=colour, alpha=0.4, linewidth=4)
            (self.rings[name],) = axes.plot([], [], "o", ms=14, mfc="none", mec=colour, mew=2)
            (self.evens[name],) = axes.plot([], [], color=colour, alpha=0.4, linewidth=7, solid_capstyle="butt")
        self.figure.legend(loc="outside lower center", ncols=2)

    def update(self, result: LiveRun) -> None:
        """Show a cost of a run."""
        cost, header_bytes, heat = result.view
        curves, is_time = result.curves(header_bytes, heat), cost == "ns_per_message"
        even = result.break_even.query("header_bytes == @header_bytes and heat == @heat").set_index("alternative")
        for name, line in self.lines.items():
            y = curves[cost][name]
            line.set_data(y.index, np.maximum(y, 1))
            ends = zip(y.index, curves["low"][name], curves["high"][name], strict=True)
            self.spreads[name].set_segments([((x, low), (x, high)) for x, low, high in ends] if is_time else [])
            at, low, high = even.loc[name, ["payload_bytes", "low", "high"]] if name in even.index else [np.nan] * 3
            height = np.interp(at, y.index, y) if is_time and at == at else np.nan
            self.rings[name].set_data([at], [height])
            self.evens[name].set_data([low, np.fmin(high, y.index[-1] * 1.3)], [height] * 2)
        self.axes.set(title=result.title, xlabel=EXPLAINED + RING * bool(is_time and even.payload_bytes.notna().any()))
        values = curves[[cost, "low", "high"] if is_time else [cost]].to_numpy()
        self.axes.set(ylim=(max(values.min(), 1) / 1.5, values.max() * 1.5), ylabel=axis_label(label(cost), LIVE))
