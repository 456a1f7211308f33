"""One message drawn from its pieces to the skbs that hold it; what kernels recorded beside what the model predicts."""

import numpy as np

from splicelab.evidence.counted.patterns import COUNTS, Seen
from splicelab.kernel.world import MSG_MORE
from splicelab.show.bars import short
from splicelab.show.sketch import PAPER, Sketch, scale
from splicelab.show.style import COUNTED, INK, RECORDED, Picture, new_figure

LEFT, RIGHT, LANE, NARROWEST = 126, 888, 52, 23
CAPTIONS = ("message", "program's calls", "calls into TCP", "frags", "skbs")
MARKS = (("^", INK, "push"), ("^", "white", "push, more announced"))
LOOKS = {"6.1": {"color": "#707070", "marker": "s"}, "6.12": {"color": INK, "marker": "o"}}


class MessageDrawing(Sketch, shows=Seen):
    """A message row by row, all rows with the same edges and not to scale."""

    width_px = 900

    def draw(self, seen: Seen) -> float:
        """Lay out the boxes of all rows between their common edges, and name those with room for words."""
        self.say(5, 10, f"{seen.text} ({COUNTED})", ha="left", points=10)
        for row, caption in enumerate(CAPTIONS):
            self.say(LEFT - 13, 49 + LANE * row, caption, ha="right", points=10)
        boxes = list(_boxes(seen))
        edges = {edge for _, start, size, *_ in boxes for edge in (start, start + size)}
        place = scale(edges, LEFT, RIGHT, 0.4, NARROWEST)
        for row, start, size, owner, *names in boxes:
            self.box(*place((start, start + size)), 49 + LANE * row, owner, *names, height=32)
        for flags, position, _ in seen.pushes:
            self.mark(place(position), 22 + LANE * 3, *MARKS[flags & MSG_MORE > 0][:2], 10)
        self.legend(301, MARKS)
        return 320


def _boxes(seen: Seen):
    """Yield the boxes of a message: row, first byte, bytes, owner, and names from long to short."""
    for owner, at, size in seen.pieces:
        yield 0, at, size, owner, f"{size} bytes", f"{size}"
    for name, at, size in seen.calls:
        yield 1, at, size, PAPER, f"{name} {size}", name
    frags = [frag for skb in seen.skbs for frag in skb.frags]
    for number, (_, at, size) in enumerate(seen.tcp_calls, 1):
        is_copy = any(f.kind == "page_frag" and f.position <= at < f.position + f.size_bytes for f in frags)
        verb, owner = ("copy", "copied") if is_copy else ("attach", PAPER)
        yield 2, at, size, owner, f"{number}: {verb} {size}", f"{number}"
    for frag in frags:
        yield 3, frag.position, frag.size_bytes, frag.kind, f"{frag.size_bytes}"
    for number, skb in enumerate(seen.skbs, 1):
        name = f"skb {number}: {skb.size_bytes} bytes"
        full = f"{name}, frags {len(skb.frags)}, truesize {skb.truesize}"
        yield 4, skb.position, skb.size_bytes, "skb", full, name, f"{skb.size_bytes}"


def beside(recorded: dict, predicted: dict) -> Picture:
    """Draw recorded counts as rings and the predicted ones as dots; both dicts go from (kernel, pattern) to counts."""
    kernels, names = (list(dict.fromkeys(keys)) for keys in zip(*recorded, strict=True))
    figure, axes = new_figure(9.5, 3.6, 1, len(COUNTS), sharey=True)
    axes[0].set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    exact = 0
    for axis, (title, count) in zip(axes, COUNTS.items(), strict=True):
        for (kernel, name), was in recorded.items():
            y = names.index(name) + 0.36 * (kernels.index(kernel) - (len(kernels) - 1) / 2)
            said, look = predicted[kernel, name], {"linestyle": "none", **LOOKS[kernel]}
            axis.plot(count(was), y, **look, markersize=10, fillstyle="none", label=f"{kernel} {RECORDED}")
            axis.plot(count(said), y, **look, markersize=4, label=f"{kernel} {COUNTED}")
            exact += count(was) == count(said)
        right = 1.2 * max(count(was) for was in recorded.values()) + 0.5
        axis.set(title=title, xlim=(-0.12 * right, right))
        axis.locator_params(axis="x", nbins=3, integer=True)
        axis.grid(axis="y")
    handles = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=4)
    return Picture(figure, f"exact: {exact} of {len(recorded) * len(COUNTS)} counts")


def seen_grid(sweep: dict[str, list[Seen]]) -> Picture:
    """Write the counts of each way of sending and each payload into a grid per kernel and counter; darker is more."""
    every = [seen for row in sweep.values() for seen in row]
    kernels = list(dict.fromkeys(seen.scenario.kernel for seen in every))
    height_in = len(kernels) * (0.5 + 0.3 * len(sweep)) + 0.3
    shared = {"sharex": True, "sharey": True, "squeeze": False}
    figure, grid = new_figure(9.8, height_in, len(kernels), len(COUNTS), **shared)
    for panels, kernel in zip(grid, kernels, strict=True):
        rows = [[seen for seen in row if seen.scenario.kernel == kernel] for row in sweep.values()]
        sizes = [max(size for *_, size in seen.pieces) for seen in rows[0]]
        for axis, (title, count) in zip(panels, COUNTS.items(), strict=True):
            values = [[count(seen.counters) for seen in row] for row in rows]
            most = max(count(seen.counters) for seen in every)  # of this counter, in any kernel
            axis.imshow(np.log1p(values), cmap="Greys", vmin=0, vmax=2.2 * np.log1p(most) or 1, aspect="auto")
            for (y, x), number in np.ndenumerate(values):
                axis.text(x, y, short(number), ha="center", va="center", fontsize=9)
            axis.set_title(title if kernel == kernels[0] else "")
            axis.set_xticks(range(len(sizes)), [f"{size}" if size < 1024 else f"{size >> 10}K" for size in sizes])
        panels[0].set(yticks=range(len(sweep)), yticklabels=sweep, ylabel=f"Linux {kernel} ({COUNTED})")
    grid[-1][len(COUNTS) // 2].set_xlabel("bytes of payload")
    worst = max(every, key=lambda seen: len(seen.tcp_calls))
    return Picture(figure, f"{len(every)} messages; most calls: {worst.text}")
