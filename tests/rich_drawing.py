"""A drawing as rich as those of the notebooks: two panels, about forty static texts, two dozen moving artists."""

from ipywidgets import Dropdown, IntSlider

from splicelab.show.explorer import Explorer
from splicelab.show.style import COUNTED, OWNERS, axis_label, new_figure, owner_handles

SEGMENTS = ("header", *(f"page {i}" for i in range(6)), "trailer")
WAYS = ("plain copy", "piecewise", "copy in the stack", "fix the callers", "rewrite before", "per-object page")


class RichDrawing:
    """A message as coloured segments on the left, what each way of sending copies on the right."""

    def __init__(self):
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
        message.legend(handles=owner_handles(["slab", "page_cache", "page_frag"]), loc="upper left", ncols=4)
        ways.set(xlim=(0, 34000), title="bytes copied by each way", yticks=range(6), yticklabels=WAYS)
        ways.set_xlabel(axis_label("bytes a message", COUNTED))
        self.bars = list(ways.barh(range(6), [0] * 6, color=OWNERS["copied"].colour))
        self.numbers = [ways.text(0, i, "", va="center", ha="left") for i in range(6)]
        self.moving = [*self.blocks, *self.sizes, *self.bars, *self.numbers]

    def update(self, values, result):
        for i, (block, size) in enumerate(zip(self.blocks, self.sizes, strict=True)):
            present = i in (0, 7) or i <= values["pages"]
            size.set_text(str(values["header"]) if i in (0, 7) else "4096" if present else "")
            block.set_visible(present)
        for bar, number, copied in zip(self.bars, self.numbers, result, strict=True):
            bar.set_width(copied)
            number.set(x=copied + 200, text=f"{copied}")


def copied_bytes(header, pages, flag):
    """Stand-in for a model: bytes copied by each way, int per way; ValueError where the message is too short."""
    if header + pages == 0:
        raise ValueError("a message needs a header or a page")
    whole = 2 * header + 4096 * pages
    return [whole, 2 * header, 2 * header if flag == "given" else whole, 0, 2 * header, 0]


def describe(values, result):
    return f"bytes copied: {', '.join(map(str, result))}"


def rich_explorer():
    controls = {
        "header": IntSlider(value=48, min=0, max=512, description="header (bytes)"),
        "pages": IntSlider(value=3, min=0, max=6, description="payload (pages)"),
        "flag": Dropdown(options=["given", "not given"], description="MSG_SPLICE_PAGES"),
    }
    return Explorer(controls, copied_bytes, RichDrawing, describe)
