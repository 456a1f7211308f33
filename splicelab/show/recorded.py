"""What was recorded: the messages and waits of a trace, an operation beside the model's replay, packets and skbs."""

from collections import Counter
from collections.abc import Mapping, Sequence

from splicelab.evidence.recorded.own_messages import WAITS_FOR, Shape
from splicelab.evidence.recorded.own_trace import OwnTrace
from splicelab.evidence.recorded.replay import KERNELS, Replay, words
from splicelab.show.canvas import Drawing, shows
from splicelab.show.style import DANGER, INK, OWNERS, PLAIN, RECORDED, Picture, axis_label, new_figure

SHAPES, SEGMENTS, CHARACTERS, LEAST_S = 8, 40, 84, 1e-5
RUNS, SHORT_BYTES = 11, 100
PAGE, COPIED = OWNERS["page_cache"].colour, OWNERS["copied"].colour
FILLS = {"page": PAGE, "splice": PAGE, "sendpage": PAGE, "copy": COPIED}  # of a segment's owner, or of a call
FILLS |= {name: owner.colour for name, owner in OWNERS.items()}


@shows(OwnTrace)
class OwnTraceDrawing(Drawing):
    """A row a shape: a block for each segment, as wide as its size has bits, with a gap between calls."""

    def __init__(self, result: OwnTrace):
        self.figure, (shapes, waits) = new_figure(9.5, 4.2, 1, 2, width_ratios=[5, 2])
        shapes.set(xlim=(0, 1), ylim=(SHAPES - 0.3, -0.7), xticks=[], yticks=[])
        shapes.set_title("orange: taken for slab; blue, darker: pages", fontweight="normal", fontsize=9.5)
        shapes.set_xlabel(axis_label("messages: a block a piece, a gap a call's end", RECORDED))
        shapes.spines[:].set_visible(False)
        self.words, self.blocks = [], []
        for row in range(SHAPES):
            self.blocks.append(shapes.barh([row] * SEGMENTS, [0.0] * SEGMENTS, 0.4).patches)
            self.words.append(shapes.text(0, row - 0.3, "", fontsize=9.5, va="bottom", in_layout=False))
        waits.set(xscale="log", xlim=(LEAST_S, 10), ylim=(len(WAITS_FOR) - 0.3, -0.7), yticks=[])
        waits.set(xticks=[1e-4, 1e-2, 1], xticklabels=["0.0001", "0.01", "1"])
        waits.set_xlabel(axis_label("longest wait, s", RECORDED))
        waits.minorticks_off()
        waits.set_title("lines: 0.04 and 0.2 s", fontweight="normal", fontsize=9.5)
        waits.vlines([0.04, 0.2], *waits.get_ylim(), color="#d9d9d9", zorder=0)
        self.longest = waits.barh(range(len(WAITS_FOR)), LEAST_S, 0.3, color=COPIED).patches
        self.causes = [waits.text(LEAST_S, row - 0.2, "", fontsize=9.5, va="bottom") for row in range(len(WAITS_FOR))]
        self.moving = [*self.words, *sum(self.blocks, []), *self.longest, *self.causes]

    def update(self, result: OwnTrace) -> None:
        """Show a trace."""
        shown = [*result.shapes, *[(Shape(()), 0)] * SHAPES]
        for text, row, (shape, times) in zip(self.words, self.blocks, shown, strict=False):
            said = f"{times:,} of {shape.bytes:,} bytes: {shape.words}" if times else ""
            text.set_text(said if len(said) <= CHARACTERS else f"{said[:CHARACTERS]} \u2026")
            segments = [segment for _, part, _ in shape.parts for segment in (*part, (0, ""))]
            units, x = max(sum(size.bit_length() or 3 for size, _ in segments), 80), 0.0
            blocks = iter(row)
            for size, owner in segments[: SEGMENTS - 1]:
                width = (size.bit_length() or 3) / units
                if size:
                    next(blocks).set(x=x, width=width * 0.97, facecolor=FILLS[owner])
                x += width
            for block in blocks:
                block.set_width(0)
        for bar, text, why in zip(self.longest, self.causes, WAITS_FOR, strict=True):
            times, longest_s, _ = result.found.causes.get(why, (0, 0.0, 0))
            bar.set_width(max(longest_s - LEAST_S, 0))
            text.set_text(f"{times:,} {why}")


@shows(Replay)
class ReplayDrawing(Drawing):
    """A panel a kernel, a line a run of like calls: a black square copies, a blue one attaches; red is what differs."""

    def __init__(self, result: Replay):
        self.figure, panels = new_figure(9.5, 3.6, 1, 2)
        self.squares, self.lines, self.sums = [], [], []
        for axes, kernel in zip(panels, KERNELS, strict=True):
            axes.set(xlim=(0, 1), ylim=(RUNS + 3.4, -1), xticks=[], yticks=[], title=f"Linux {KERNELS[kernel]}")
            axes.set_xlabel(axis_label("black copies, blue attaches", RECORDED))
            axes.spines[:].set_visible(False)
            self.squares.append(axes.barh(range(RUNS), 0.025, 0.55).patches)
            self.lines.append([axes.text(0.045, row, "", va="center", in_layout=False) for row in range(RUNS)])
            self.sums.append(axes.text(0, RUNS + 3.2, "", va="bottom", in_layout=False))
        self.moving = [artist for part in (*self.squares, *self.lines, self.sums) for artist in part]

    def update(self, result: Replay) -> None:
        """Show an operation."""
        for squares, texts, total, kernel in zip(self.squares, self.lines, self.sums, KERNELS, strict=True):
            runs = result.lines[kernel]
            shown = [*runs, *[(0, None, None)] * RUNS]
            for row, (square, text, (n, was, said)) in enumerate(zip(squares, texts, shown, strict=False)):
                told = f"{n:,} x {words(was) or 'no call'}" + (was != said) * f"   model: {words(said) or 'no call'}"
                if row == RUNS - 1 and len(runs) > RUNS:
                    told = f"{len(runs) - row} runs of calls more"
                text.set(text=told if n else "", color=INK if was == said else DANGER)
                square.set(alpha=float(n > 0), facecolor=FILLS[(was or said or ("copy",))[0]])
            was, said = result.counts[kernel]
            form = "calls {:,}, bytes copied {:,}, attached {:,}, pushes {:,}"
            model = "the same" if was == said else form.format(*said)
            told = f"{result.memory[kernel]}\n{form.format(*was)}\nmodel: {model}"
            total.set(text=told, color=INK if was == said else DANGER)


def trains(writes: Mapping[str, Sequence[int]]) -> Picture:
    """Draw the packets of a write in the order in which they leave, a bar each; values are their sizes in bytes."""
    figure, panels = new_figure(9.5, 1.6 * len(writes), len(writes), 1, sharex=True, sharey=True, squeeze=False)
    told = []
    for axes, (name, sizes_bytes) in zip(panels[:, 0], writes.items(), strict=True):
        lone = [place for place, size in enumerate(sizes_bytes) if size < SHORT_BYTES]
        axes.bar(range(len(sizes_bytes)), sizes_bytes, 0.7, color=PLAIN)
        axes.plot(lone, [70] * len(lone), "v", color=INK, markersize=4)
        sizes = Counter(sizes_bytes).most_common(2)
        words = " and ".join(f"{times} of {size:,} bytes" for size, times in sizes if times > 1)
        told.append(f"{name}: {len(sizes_bytes)} packets, {words}")
        axes.set(title=told[-1], xticks=[], yticks=[0, 1448])
    panels[0, 0].set_ylabel("bytes")
    figure.supxlabel("packets in the order in which they leave; a black mark is one of 4 bytes", fontsize=10)
    return Picture(figure, "\n".join(told))


def before_after(skbs: Mapping[str, tuple[tuple[int, int], tuple[int, int]]]) -> Picture:
    """Draw skbs a message by sender, before and after; both are the fewest and the most that were seen."""
    figure, axes = new_figure(9.5, 1 + 0.3 * len(skbs))
    told = []
    for row, (sender, both) in enumerate(skbs.items()):
        middles = [sum(ends) / 2 for ends in both]
        axes.plot(middles, [row, row], color=PLAIN, linewidth=2, zorder=1)
        for (low, high), face in zip(both, ("white", INK), strict=True):
            axes.plot((low + high) / 2, row, "o", markersize=8, markerfacecolor=face, markeredgecolor=INK)
        words = " → ".join(f"{low}" if low == high else f"{low} to {high}" for low, high in both)
        axes.text(1.1 * max(middles), row, words, va="center")
        told.append(f"{sender}: {words}")
    axes.set(xscale="log", xlim=(1, 1200), xticks=[1, 10, 100, 1000], xticklabels=["1", "10", "100", "1,000"])
    axes.set(ylim=(len(skbs) - 0.5, -0.5), yticks=range(len(skbs)), yticklabels=skbs)
    axes.set_xlabel(axis_label("skbs a message: ring 6.1, dot 6.12 (no NOTLAST)", RECORDED))
    return Picture(figure, "\n".join(told))
