"""A recorded operation beside the model's replay: a line for each run of like calls, what differs in red."""

from splicelab.evidence.recorded.replay import KERNELS, Replay, words
from splicelab.show.canvas import Drawing, shows
from splicelab.show.style import OWNERS, RECORDED, axis_label, new_figure

ROWS, SAME, OTHER = 11, "#111111", "#B2182B"
MEMORY = {
    "copy": OWNERS["copied"].colour,
    "splice": OWNERS["page_cache"].colour,
    "sendpage": OWNERS["page_cache"].colour,
}


@shows(Replay)
class ReplayDrawing(Drawing):
    """A panel a kernel: squares are grey for calls that copy, blue for calls that attach."""

    def __init__(self, result: Replay):
        self.figure, panels = new_figure(9.5, 3.6, 1, 2)
        self.squares, self.lines, self.sums = [], [], []
        for axes, kernel in zip(panels, KERNELS, strict=True):
            axes.set(xlim=(0, 1), ylim=(ROWS + 3.4, -1), xticks=[], yticks=[])
            axes.set_title(f"Linux {KERNELS[kernel]}")
            axes.set_xlabel(axis_label("grey copies, blue attaches", RECORDED))
            axes.spines[:].set_visible(False)
            self.squares.append(axes.barh(range(ROWS), 0.025, 0.55).patches)
            self.lines.append([axes.text(0.045, row, "", va="center", in_layout=False) for row in range(ROWS)])
            self.sums.append(axes.text(0, ROWS + 3.2, "", va="bottom", in_layout=False))
        self.moving = [artist for part in (*self.squares, *self.lines, self.sums) for artist in part]

    def update(self, result: Replay) -> None:
        """Show an operation."""
        for squares, texts, total, kernel in zip(self.squares, self.lines, self.sums, KERNELS, strict=True):
            lines = result.lines[kernel]
            for row, (square, text) in enumerate(zip(squares, texts, strict=True)):
                n, was, said = lines[row] if row < len(lines) else (0, None, None)
                told = f"{n:,} x {words(was) or 'no call'}" + (was != said) * f"   model: {words(said) or 'no call'}"
                if row == ROWS - 1 and len(lines) > ROWS:
                    told = f"{len(lines) - row} runs of calls more"
                text.set(text=told if n else "", color=SAME if was == said else OTHER)
                square.set(alpha=float(n > 0), facecolor=MEMORY[(was or said or ("copy",))[0]])
            was, said = result.counts[kernel]
            form = "calls {:,}, bytes copied {:,}, attached {:,}, pushes {:,}"
            model = "the same" if was == said else form.format(*said)
            total.set(
                text=f"{result.memory[kernel]}\n{form.format(*was)}\nmodel: {model}",
                color=SAME if was == said else OTHER,
            )
