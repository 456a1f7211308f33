"""A block of memory while an allocator fills it, and the shoot-out as bars and as a map of what stays pinned."""

import numpy as np
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.patches import Patch

from splicelab.evidence.counted.fragments import WINDOW_PAGES, Filling, PinnedMap
from splicelab.kernel.world import PAGE_SIZE
from splicelab.show.canvas import Drawing
from splicelab.show.style import COUNTED, NEIGHBOUR, OWNERS, axis_label, new_figure

CELL_BYTES = 4
OTHER, UNUSED, ACKED, ACKED_TOO, IN_FLIGHT, IN_FLIGHT_TOO = range(6)  # neighbours differ in shade
COLOURS = ("#FFFFFF", OWNERS["free"].colour, "#8F8F8F", "#7A7A7A", OWNERS["page_frag"].colour, NEIGHBOUR)
WORDS = {IN_FLIGHT: "in flight", ACKED: "given back, its block is not", UNUSED: "unused", OTHER: "not this allocator's"}
LONGEST_BYTES, LIGHT_TEXT_KIB = 1 << 22, 800


def cells(filling: Filling) -> np.ndarray:
    """Return what each four bytes of the eight pages hold, a row a page; where memory was reused, the newest piece."""
    codes = np.repeat(np.where(filling.in_use, UNUSED, OTHER), PAGE_SIZE // CELL_BYTES)
    start = filling.first_page * PAGE_SIZE
    for number, (address, size_bytes) in enumerate(filling.pieces):
        place = address - start
        if 0 <= place < WINDOW_PAGES * PAGE_SIZE:
            code = (ACKED if number < filling.acked else IN_FLIGHT) + number % 2
            codes[place // CELL_BYTES : -(-(place + size_bytes) // CELL_BYTES)] = code
    return codes.reshape(WINDOW_PAGES, -1)


class FragPage(Drawing, shows=Filling):
    """Eight pages filling up, and what the pieces in flight are charged for against what they pin."""

    def __init__(self, filling: Filling):
        self.figure, (block, bars) = new_figure(9.5, 3.7, 1, 2, width_ratios=[3.4, 1])
        block.set(xlim=(0, PAGE_SIZE), xticks=range(0, PAGE_SIZE + 1, 1024), yticks=range(WINDOW_PAGES), ylabel="page")
        block.set(title="the eight pages around the newest piece", xlabel=axis_label("byte of the page", COUNTED))
        gaps = block.hlines(np.arange(1, WINDOW_PAGES) - 0.5, 0, PAGE_SIZE, color="white", linewidth=3)
        look = {"cmap": ListedColormap(COLOURS), "vmin": -0.5, "vmax": len(COLOURS) - 0.5, "interpolation": "nearest"}
        span = 0, PAGE_SIZE, WINDOW_PAGES - 0.5, -0.5
        self.image = block.imshow(cells(filling), extent=span, aspect="auto", zorder=0.5, **look)
        handles = [Patch(facecolor=COLOURS[c], edgecolor="#333333", linewidth=0.6, label=w) for c, w in WORDS.items()]
        self.figure.legend(handles=handles, loc="outside lower left", ncols=4)
        bars.set(xscale="log", xlim=(1, LONGEST_BYTES), ylim=(1.7, -0.7), yticks=[])
        bars.set_xticks([1, 1 << 10, 1 << 20], ["1 B", "1 KiB", "1 MiB"])
        bars.minorticks_off()
        bars.set(title="what the queue holds", xlabel=axis_label("bytes, log scale", COUNTED))
        self.bars = list(bars.barh([0, 1], [1, 1], 0.36, color=[OWNERS["copied"].colour, OWNERS["page_frag"].colour]))
        longest = f"charged (truesize): {LONGEST_BYTES:,} B"  # the layout makes room for it
        self.words = [bars.text(1.3, row - 0.3, longest, va="center") for row in (0, 1)]
        self.moving = [self.image, gaps, *self.bars, *self.words]

    def update(self, filling: Filling) -> None:
        """Show another filling."""
        self.image.set_data(cells(filling))
        shown = (filling.held_bytes, "charged (truesize)"), (filling.pinned_bytes, "really pinned")
        for bar, words, (size_bytes, name) in zip(self.bars, self.words, shown, strict=True):
            bar.set_width(size_bytes)
            words.set_text(f"{name}: {size_bytes:,} B")


class PinnedPanels(Drawing, shows=PinnedMap):
    """A panel a circumstance, a row an allocator, a column a number in flight."""

    def update(self, result: PinnedMap) -> None:
        """Draw a map."""
        results = {title: table.droplevel(0) for title, table in result.table.groupby("circumstance", sort=False)}
        height_in = 1.5 + 0.34 * max(map(len, results.values()))
        self.figure, panels = new_figure(9.5, height_in, 1, len(results), sharey=True, squeeze=False)
        self.figure.suptitle("KiB pinned at the peak", fontsize=11)
        for axes, (title, table) in zip(panels[0], results.items(), strict=True):
            axes.imshow(table, cmap="YlOrBr", norm=LogNorm(1, LONGEST_BYTES >> 8), aspect="auto")
            axes.set(title=title, xlabel=axis_label("messages in flight", COUNTED))
            axes.set_xticks(range(table.shape[1]), table.columns)
            axes.set_yticks(range(len(table)), table.index)
            axes.tick_params(length=0)
            for (row, column), pinned_kib in np.ndenumerate(table.to_numpy()):
                ink = "white" if pinned_kib > LIGHT_TEXT_KIB else "black"
                axes.text(column, row, f"{pinned_kib:,.0f}", ha="center", va="center", color=ink)
