"""What a removed flag cost: the packets of one write, and the skbs that each sender makes of its message."""

from collections import Counter
from collections.abc import Mapping, Sequence

from splicelab.show.style import RECORDED, Picture, axis_label, new_figure

FULL, LONE, SHORT_BYTES = "#9AA5B1", "#111111", 100


def trains(writes: Mapping[str, Sequence[int]]) -> Picture:
    """Draw the packets of a write in the order in which they leave, a bar each; values are their sizes in bytes."""
    figure, panels = new_figure(9.5, 1.6 * len(writes), len(writes), 1, sharex=True, sharey=True, squeeze=False)
    told = []
    for axes, (name, sizes_bytes) in zip(panels[:, 0], writes.items(), strict=True):
        lone = [place for place, size in enumerate(sizes_bytes) if size < SHORT_BYTES]
        axes.bar(range(len(sizes_bytes)), sizes_bytes, 0.7, color=FULL)
        axes.plot(lone, [70] * len(lone), "v", color=LONE, markersize=4)
        sizes = Counter(sizes_bytes).most_common(2)
        words = " and ".join(f"{times} of {size:,} bytes" for size, times in sizes if times > 1)
        told.append(f"{name}: {len(sizes_bytes)} packets, {words}")
        axes.set_title(told[-1])
        axes.set(xticks=[], yticks=[0, 1448])
    panels[0, 0].set_ylabel("bytes")
    figure.supxlabel("packets in the order in which they leave; a black mark is one of 4 bytes", fontsize=10)
    return Picture(figure, "\n".join(told))


def before_after(skbs: Mapping[str, tuple[tuple[int, int], tuple[int, int]]]) -> Picture:
    """Draw skbs a message by sender, before and after; both are the fewest and the most that were seen."""
    figure, axes = new_figure(9.5, 1 + 0.3 * len(skbs))
    told = []
    for row, (sender, both) in enumerate(skbs.items()):
        middles = [sum(ends) / 2 for ends in both]
        axes.plot(middles, [row, row], color=FULL, linewidth=2, zorder=1)
        for (low, high), face in zip(both, ("white", LONE), strict=True):
            axes.plot((low + high) / 2, row, "o", markersize=8, markerfacecolor=face, markeredgecolor=LONE)
        words = " → ".join(f"{low}" if low == high else f"{low} to {high}" for low, high in both)
        axes.text(1.1 * max(middles), row, words, va="center")
        told.append(f"{sender}: {words}")
    axes.set(xscale="log", xlim=(1, 1200), ylim=(len(skbs) - 0.5, -0.5))
    axes.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    axes.set_yticks(range(len(skbs)), list(skbs))
    axes.set_xlabel(axis_label("skbs a message: ring on 6.1 with NOTLAST, dot on 6.12 without", RECORDED))
    return Picture(figure, "\n".join(told))
