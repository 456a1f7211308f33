"""A trace in one look: its most frequent messages, call by call, and how long bytes waited for what."""

from splicelab.evidence.recorded.own_messages import WAITS_FOR
from splicelab.evidence.recorded.own_trace import OwnTrace
from splicelab.show.canvas import Drawing, shows
from splicelab.show.style import OWNERS, RECORDED, axis_label, new_figure

ROWS, SEGMENTS, CHARACTERS, LEAST_S = 8, 40, 84, 1e-5
OWNER = {"page": OWNERS["page_cache"].colour} | {name: owner.colour for name, owner in OWNERS.items()}


@shows(OwnTrace)
class OwnTraceDrawing(Drawing):
    """A row a shape: a block for each segment, as wide as its size has bits, with a gap between calls."""

    def __init__(self, result: OwnTrace):
        self.figure, (shapes, waits) = new_figure(9.5, 4.2, 1, 2, width_ratios=[5, 2])
        shapes.set(xlim=(0, 1), ylim=(ROWS - 0.3, -0.7), xticks=[], yticks=[])
        shapes.set_title("orange: taken for slab, blue: pages", fontweight="normal", fontsize=9.5)
        shapes.set_xlabel(axis_label("messages: a block a piece, a gap a call's end", RECORDED))
        shapes.spines[:].set_visible(False)
        self.words, self.blocks = [], []
        for row in range(ROWS):
            self.blocks.append(shapes.barh([row] * SEGMENTS, [0.0] * SEGMENTS, 0.4).patches)
            self.words.append(shapes.text(0, row - 0.3, "", fontsize=9.5, va="bottom", in_layout=False))
        waits.set(xscale="log", xlim=(LEAST_S, 10), ylim=(len(WAITS_FOR) - 0.3, -0.7), yticks=[])
        waits.set_xlabel(axis_label("longest wait, s", RECORDED))
        waits.set_xticks([1e-4, 1e-2, 1], ["0.0001", "0.01", "1"])
        waits.minorticks_off()
        waits.axvline(0.04, color="#d9d9d9")
        waits.axvline(0.2, color="#d9d9d9")
        self.longest = waits.barh(range(len(WAITS_FOR)), LEAST_S, 0.3, color=OWNERS["copied"].colour).patches
        self.causes = [waits.text(LEAST_S, row - 0.2, "", fontsize=9.5, va="bottom") for row in range(len(WAITS_FOR))]
        self.moving = [*self.words, *sum(self.blocks, []), *self.longest, *self.causes]

    def update(self, result: OwnTrace) -> None:
        """Show a trace."""
        shown = result.shapes[:ROWS]
        for row in range(ROWS):
            shape, times = shown[row] if row < len(shown) else (None, 0)
            said = f"{times:,} of {shape.bytes:,} bytes: {shape.words}" if shape else ""
            self.words[row].set_text(said if len(said) <= CHARACTERS else f"{said[:CHARACTERS]} \u2026")
            segments = [
                (size, owner) for _, part, _ in (shape.parts if shape else ()) for size, owner in (*part, (0, ""))
            ]
            units, x = max(sum(size.bit_length() or 3 for size, _ in segments), 80), 0.0
            blocks = iter(self.blocks[row])
            for size, owner in segments[: SEGMENTS - 1]:
                width = (size.bit_length() or 3) / units
                if size:
                    next(blocks).set(x=x, width=width * 0.97, facecolor=OWNER[owner])
                x += width
            for block in blocks:
                block.set_width(0)
        for row, why in enumerate(WAITS_FOR):
            times, longest_s, _ = result.found.causes.get(why, (0, 0.0, 0))
            self.longest[row].set_width(max(longest_s - LEAST_S, 0))
            self.causes[row].set_text(f"{times:,} {why}")
