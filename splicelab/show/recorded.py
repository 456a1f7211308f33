"""What was recorded: the messages and waits of a trace, an operation beside the model's replay, packets and skbs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import log10

from splicelab.evidence.recorded.own_messages import ACK_S, TIMER_S, WAITS_FOR
from splicelab.evidence.recorded.own_trace import OwnTrace
from splicelab.evidence.recorded.replay import KERNELS, Replay, words
from splicelab.show.sketch import Sketch
from splicelab.show.style import DANGER, INK, OWNERS, PLAIN, RECORDED, Picture, axis_label, new_figure

SHAPES, SEGMENTS, CHARACTERS, LEAST, BOTTOM = 8, 40, 84, -5, 362  # LEAST: 10 us
RUNS, SHORT_BYTES = 11, 100
PAGE, COPIED = OWNERS["page_cache"].colour, OWNERS["copied"].colour
FILLS = {"splice": PAGE, "sendpage": PAGE, "copy": COPIED}


class OwnTraceDrawing(Sketch, shows=OwnTrace):
    """A row a shape: a block for each segment, as wide as its size has bits, with a gap between calls."""

    owners = OWNERS | {"page": OWNERS["page_cache"]}

    def draw(self, result: OwnTrace) -> float:
        """Draw the most frequent shapes, and how long what was held back waited at the most."""
        words = f"{SHAPES} commonest messages: a block a piece, owned as in a kernel sender; a gap ends a call"
        self.say(5, 12, axis_label(words, RECORDED), ha="left")
        for row, (shape, times) in enumerate(result.shapes[:SHAPES]):
            x, y = 5.0, 40 + 41 * row
            said = f"{times:,} of {shape.bytes:,} bytes: {shape.words}"
            self.say(x, y, said if len(said) <= CHARACTERS else f"{said[:CHARACTERS]} \u2026", ha="left")
            segments = [segment for _, part, _ in shape.parts for segment in (*part, (0, ""))]
            unit_px = 650 / max(sum(size.bit_length() or 3 for size, _ in segments), 80)
            for size, owner in segments[:SEGMENTS]:
                width_px = unit_px * (size.bit_length() or 3)
                if size:
                    self.box(x, x + 0.97 * width_px, y + 18, owner, height=15, edge="none")
                x += width_px
        ticks = {-4: "0.0001", -2: "0.01", 0: "1"}
        place = self.axis(690, 945, BOTTOM, (LEAST, 1), axis_label("longest wait, s", RECORDED), ticks)
        for limit_s in (ACK_S, TIMER_S):
            self.line(place(log10(limit_s)), 24, place(log10(limit_s)), BOTTOM, "#D9D9D9")
        self.say(690, 12, f"lines: {ACK_S:g} and {TIMER_S:g} s", ha="left")
        for row, why in enumerate(WAITS_FOR):
            times, longest_s, _ = result.found.causes.get(why, (0, 0, 0))
            self.say(694, 52 + 80 * row, f"{times:,} {why}", ha="left")
            self.frame(690, place(log10(max(longest_s, 10**LEAST))), 76 + 80 * row, 24, "none", fill=COPIED)
        self.legend(BOTTOM + 62)
        return BOTTOM + 80


class ReplayDrawing(Sketch, shows=Replay):
    """A panel a kernel, a line a run of like calls: a black square copies, a blue one attaches; red is what differs."""

    def draw(self, result: Replay) -> float:
        """Draw an operation."""
        form = "calls {:,}, bytes copied {:,}, attached {:,}, pushes {:,}"
        for x, (kernel, release) in zip((5, 480), KERNELS.items(), strict=True):
            self.say(x, 12, f"Linux {release}", ha="left", points=11, weight="bold")
            runs = result.lines[kernel]
            for row, (n, was, said) in enumerate(runs[:RUNS]):
                told = f"{n:,} x {words(was) or 'no call'}" + (was != said) * f"   model: {words(said) or 'no call'}"
                if row == RUNS - 1 and len(runs) > RUNS:
                    told = f"{len(runs) - row} runs of calls more"
                self.frame(x, x + 12, 45 + 20 * row, 12, "none", fill=FILLS[(was or said)[0]])
                self.say(x + 22, 45 + 20 * row, told, INK if was == said else DANGER, "left", 10)
            was, said = result.counts[kernel]
            model = "the same" if was == said else form.format(*said)
            for row, told in enumerate((result.memory[kernel], form.format(*was), f"model: {model}")):
                self.say(x, 290 + 17 * row, told, INK if was == said else DANGER, "left", 10)
            self.say(x + 232, 352, axis_label("black copies, blue attaches", RECORDED), points=10)
        return 366


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
