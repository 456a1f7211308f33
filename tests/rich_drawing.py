"""A drawing as rich as those of the notebooks: two panels, about forty static texts, two dozen moving artists."""

from matplotlib.patches import Patch

from splicelab import explore
from splicelab.result import Result
from splicelab.show.canvas import Drawing
from splicelab.show.style import COUNTED, OWNERS, axis_label, new_figure

SEGMENTS = ("header", *(f"page {i}" for i in range(6)), "trailer")
WAYS = ("plain copy", "piecewise", "copy in the stack", "fix the callers", "rewrite before", "per-object page")


class Rich(Result):
    """Bytes copied by each way, for a header and so many pages."""

    header: int
    pages: int
    copied: tuple

    @property
    def text(self):
        return f"bytes copied: {', '.join(map(str, self.copied))}"


class RichDrawing(Drawing, shows=Rich):
    """A message as coloured segments on the left, what each way of sending copies on the right."""

    def __init__(self, result):
        self.figure, (message, ways) = new_figure(9.5, 3.8, 1, 2, width_ratios=[2, 1])
        message.set(xlim=(0, 8), ylim=(0, 3), yticks=[], xticks=range(9), title="one message: whose memory, which frag")
        message.set_xlabel(axis_label("segment of the message", COUNTED))
        self.blocks, self.sizes = [], []
        for i, name in enumerate(SEGMENTS):
            owner = OWNERS["slab" if name in ("header", "trailer") else "page_cache"]
            self.blocks += message.bar([i + 0.5], [1], width=0.9, bottom=0.6, color=owner.colour, edgecolor="#333333")
            self.sizes.append(message.text(i + 0.5, 1.1, "4096", ha="center", va="center", color=owner.ink))
            message.text(i + 0.5, 0.3, name, ha="center", va="center", fontsize=9)
            message.text(i + 0.5, 2.0, f"frag {i}", ha="center", va="center", fontsize=9)
        owners = (OWNERS[owner] for owner in ("slab", "page_cache", "page_frag"))
        handles = [Patch(facecolor=owner.colour, label=owner.label) for owner in owners]
        message.legend(handles=handles, loc="upper left", ncols=4)
        ways.set(xlim=(0, 34000), title="bytes copied by each way", yticks=range(6), yticklabels=WAYS)
        ways.set_xlabel(axis_label("bytes a message", COUNTED))
        self.bars = list(ways.barh(range(6), [0] * 6, color=OWNERS["copied"].colour))
        self.numbers = [ways.text(0, i, "", va="center", ha="left") for i in range(6)]
        self.moving = [*self.blocks, *self.sizes, *self.bars, *self.numbers]

    def update(self, result):
        for i, (block, size) in enumerate(zip(self.blocks, self.sizes, strict=True)):
            present = i in (0, 7) or i <= result.pages
            size.set_text(str(result.header) if i in (0, 7) else "4096" if present else "")
            block.set_visible(present)
        for bar, number, copied in zip(self.bars, self.numbers, result.copied, strict=True):
            bar.set_width(copied)
            number.set(x=copied + 200, text=f"{copied}")


def rich(header=48, pages=3, flag="given"):
    """Stand-in for a model; ValueError where the message is too short."""
    if header + pages == 0:
        raise ValueError("a message needs a header or a page")
    whole = 2 * header + 4096 * pages
    return Rich(header, pages, (whole, 2 * header, 2 * header if flag == "given" else whole, 0, 2 * header, 0))


def rich_explorer():
    labels = {"header": "header (bytes)", "pages": "payload (pages)", "flag": "MSG_SPLICE_PAGES"}
    return explore(rich, labels=labels, header=(0, 512), pages=(0, 6), flag=["given", "not given"])
