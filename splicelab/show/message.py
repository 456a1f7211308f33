"""One message drawn from its pieces to the skbs that hold it; what kernels recorded beside what the model predicts."""

from itertools import pairwise, product

import numpy as np
from matplotlib.collections import PolyCollection

from splicelab.evidence.counted.patterns import COUNTS, Seen
from splicelab.kernel.world import MSG_MORE
from splicelab.show.canvas import Drawing, shows
from splicelab.show.style import COUNTED, OWNERS, RECORDED, Picture, new_figure, owner_handles

ROWS = ("message", "program's calls", "calls into TCP", "frags", "skbs")
PLAIN = ("white", "#111111")
TEXTS = 90
WIDTH_IN, DIGIT_IN, NARROWEST = 7.6, 0.088, 0.03
COLOURS = {"6.1": "#0072B2", "6.12": "#D55E00"}


@shows(Seen)
class MessageDrawing(Drawing):
    """A message row by row, all rows with the same edges and not to scale; shows a `Seen`."""

    def __init__(self):
        self.figure, self.axes = new_figure(9, 3.2)
        self.axes.set(xlim=(-0.005, 1.01), ylim=(0, 5), yticks=[4.5, 3.5, 2.5, 1.5, 0.5], yticklabels=ROWS, xticks=[])
        self.axes.spines[["left", "bottom"]].set_visible(False)
        self.axes.tick_params(left=False)
        self.title = self.axes.set_title(" ", fontweight="normal", fontsize=10)
        self.boxes = PolyCollection([], edgecolors="#333333", linewidths=0.8)
        self.boxes.set_in_layout(False)  # while empty it would count as a point in the corner
        self.axes.add_collection(self.boxes, autolim=False)
        mark = {"marker": "^", "linestyle": "none", "color": "#111111", "markersize": 7, "clip_on": False}
        self.pushes = [
            *self.axes.plot([0.5], [2.02], **mark, label="push"),
            *self.axes.plot([0.5], [2.02], **mark, fillstyle="none", label="push, more announced"),
        ]
        handles = [*owner_handles(["user", "page_cache", "page_frag", "copied", "skb"]), *self.pushes]
        self.figure.legend(handles=handles, loc="outside lower center", ncols=7, columnspacing=1.1, handletextpad=0.5)
        self.texts = [self.axes.text(0, 0, "", ha="center", va="center", fontsize=9) for _ in range(TEXTS)]
        self.moving = [self.boxes, *self.pushes, *self.texts, self.title]

    def update(self, seen: Seen) -> None:
        """Lay out the boxes of all rows between their common edges, and name those with room for words."""
        boxes = _boxes(seen)
        place = _places({edge for _, start, size, *_ in boxes for edge in (start, start + size)})
        corners, words = [], []
        for row, start, size, (_, ink), names in boxes:
            left, right, low = place[start], place[start + size], 4.2 - row
            corners.append([(left, low), (right, low), (right, low + 0.62), (left, low + 0.62)])
            name = next((name for name in names if len(name) * DIGIT_IN < (right - left) * WIDTH_IN), "")
            if name:
                words.append(((left + right) / 2, low + 0.3, name, ink))
        self.boxes.set_verts(corners)
        self.boxes.set_facecolors([fill for *_, (fill, _), _ in boxes])
        blank = [(0, 0, "", "black")] * (TEXTS - len(words))
        for text, (x, y, name, ink) in zip(self.texts, words + blank, strict=True):
            text.set(x=x, y=y, text=name, color=ink)
        for marks, announces in zip(self.pushes, (0, MSG_MORE), strict=True):
            x = [place[position] for flags, position, _ in seen.pushes if flags & MSG_MORE == announces]
            marks.set_data(x, [2.02] * len(x))
        self.title.set_text(f"{seen.text} ({COUNTED})")


def _places(edges: set[int]) -> dict[int, float]:
    """Give each byte position its place across the picture: 4 bytes are seen beside 64 KiB."""
    edges = sorted(edges)
    widths = [(after - before) ** 0.4 for before, after in pairwise(edges)]
    share = (1 - NARROWEST * len(widths)) / sum(widths)
    places = {edges[0]: 0.0}
    for (before, after), width in zip(pairwise(edges), widths, strict=True):
        places[after] = places[before] + NARROWEST + share * width
    return places


def _boxes(seen: Seen) -> list[tuple]:
    """Return the boxes of a message: row, first byte, bytes, fill with its ink, and names from long to short."""
    paint = {name: (owner.colour, owner.ink) for name, owner in OWNERS.items()}
    boxes = [(0, at, size, paint[owner], (f"{size} bytes", f"{size}")) for owner, at, size in seen.pieces]
    boxes += [(1, at, size, PLAIN, (f"{name} {size}", name)) for name, at, size in seen.calls]
    copied = set()
    for number, skb in enumerate(seen.skbs, 1):
        size = skb.size_bytes
        full = f"skb {number}: {size} bytes, frags {len(skb.frags)}, truesize {skb.truesize}"
        boxes.append(
            (4, skb.position, size, paint["skb"], (full, f"skb {number}: {size} bytes", f"{size}", f"{number}"))
        )
        for frag in skb.frags:
            boxes.append((3, frag.position, frag.size_bytes, paint[frag.kind], (f"{frag.size_bytes}",)))
            copied.update(range(frag.position, frag.position + frag.size_bytes) if frag.kind == "page_frag" else ())
    for number, (_, at, size) in enumerate(seen.tcp_calls, 1):
        verb, fill = ("copy", paint["copied"]) if at in copied else ("attach", PLAIN)
        boxes.append((2, at, size, fill, (f"{number}: {verb} {size}", f"{number}")))
    return boxes


def beside(recorded: dict, predicted: dict) -> Picture:
    """Draw recorded counts as rings and the predicted ones as dots; both dicts go from (kernel, pattern) to counts."""
    kernels, names = (list(dict.fromkeys(keys)) for keys in zip(*recorded, strict=True))
    figure, axes = new_figure(9.5, 3.6, 1, len(COUNTS), sharey=True)
    axes[0].set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    exact = 0
    for axis, (title, count) in zip(axes, COUNTS.items(), strict=True):
        for (kernel, name), was in recorded.items():
            y = names.index(name) + 0.36 * (kernels.index(kernel) - (len(kernels) - 1) / 2)
            said, look = predicted[kernel, name], {"marker": "o", "linestyle": "none", "color": COLOURS[kernel]}
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
    kernels = list(dict.fromkeys(seen.scenario.kernel for row in sweep.values() for seen in row))
    figure, grid = new_figure(9.8, 2.3 * len(kernels) + 0.3, len(kernels), len(COUNTS), sharex=True, sharey=True)
    for panels, kernel in zip(grid, kernels, strict=True):
        for axis, (title, count) in zip(panels, COUNTS.items(), strict=True):
            rows = [[seen for seen in row if seen.scenario.kernel == kernel] for row in sweep.values()]
            values = [[count(seen.counters) for seen in row] for row in rows]
            axis.imshow(np.log1p(values), cmap="Blues", vmin=0, vmax=18, aspect="auto")
            for (y, row), (x, _) in product(enumerate(values), enumerate(rows[0])):
                short = f"{row[x]}" if row[x] < 1000 else f"{row[x] / 1000:.0f}k"
                axis.text(x, y, short, ha="center", va="center", fontsize=9)
            axis.set_title(title if kernel == kernels[0] else "")
            sizes = [max(size for *_, size in seen.pieces) for seen in rows[0]]
            axis.set_xticks(range(len(sizes)), [f"{size}" if size < 1024 else f"{size >> 10}K" for size in sizes])
        panels[0].set(yticks=range(len(sweep)), yticklabels=sweep, ylabel=f"Linux {kernel} ({COUNTED})")
    grid[-1][len(COUNTS) // 2].set_xlabel("bytes of payload")
    worst = max((seen for row in sweep.values() for seen in row), key=lambda seen: len(seen.tcp_calls))
    return Picture(figure, f"{sum(map(len, sweep.values()))} messages; most calls: {worst.text}")
