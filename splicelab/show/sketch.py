"""Rows of boxes over bytes or over time: what the pictures of messages, lives and orders of events are made of.

Coordinates are pixels at 100 dpi from the top left corner. A picture is said anew at each update, box by box and word
by word; shapes are one artist, and words are kept once they have been rendered, so that a slider feels immediate.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache, partial
from itertools import pairwise

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.markers import MarkerStyle
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw, ImageFont

from splicelab.result import LIVE_DPI, Result
from splicelab.show.canvas import Drawing
from splicelab.show.style import DANGER, EDGE, INK, OWNERS, Owner, new_figure

PAPER, WRONG = Owner("", "white", INK), Owner("wrong", DANGER, "white")
ROOM, WORDS_KEPT = 3, 1000  # the first: pixels that a box has more than its words
SPACING_EM, UP_EM = 0.3, 0.07  # between lines, and from Pillow's middle of a line to matplotlib's
_font = cache(ImageFont.truetype)
ANCHORS = {"left": "lm", "center": "mm", "right": "rm"}


@lru_cache(4 * WORDS_KEPT)
def width_px(words: str, points: float = 9, weight: str = "normal") -> float:
    """Return how wide words are, the widest of their lines."""
    font = FontProperties(size=points, weight=weight)
    sizes = (text_to_path.get_text_width_height_descent(line, font, False) for line in words.split("\n"))
    return max(width for width, *_ in sizes) * LIVE_DPI / 72


@cache
def _corners(marker: str, size_px: float) -> np.ndarray:
    """Return the outline of one of matplotlib's markers."""
    style = MarkerStyle(marker)
    return style.get_path().transformed(style.get_transform()).to_polygons()[0] * (size_px, -size_px)


def scale(edges: Iterable[int], left: float, right: float, power: float = 0, narrowest: float = 0) -> Callable:
    """Return a function from a byte to its place: between two edges the same width, or more with a power of the bytes.

    4 bytes are seen beside 64 KiB; no width is below the narrowest.
    """
    edges = sorted(edges)
    widths = [(after - before) ** power for before, after in pairwise(edges)]
    share = (right - left - narrowest * len(widths)) / sum(widths)
    return partial(np.interp, xp=edges, fp=np.cumsum([left, *(narrowest + share * width for width in widths)]))


@lru_cache(WORDS_KEPT)
def _rendered(dpi, words, colour, ha, points, weight) -> tuple[np.ndarray, int, int]:
    """Return words as pixels, and how far these begin to the right of their place and above it.

    Pillow takes a tenth of the time of matplotlib, and the first picture of each value has words never seen before.
    """
    em_px = points * dpi / 72
    x, y = round(em_px * (1 + len(words))), round(em_px * (2 + 2 * words.count("\n")))  # more than half of any words
    page = Image.new("RGBA", (2 * x, 2 * y), to_hex(colour) + "00")
    font = _font(findfont(FontProperties(weight=weight)), int(em_px + 0.5))
    look = {"anchor": ANCHORS[ha], "align": ha, "spacing": SPACING_EM * em_px}
    ImageDraw.Draw(page).multiline_text((x, y - UP_EM * em_px), words, colour, font, **look)
    left, top, right, bottom = page.getbbox()
    return np.asarray(page)[bottom - 1 : top - 1 : -1, left:right].copy(), left - x, y - bottom


class Ink(Artist):
    """All that is drawn: shapes as (corners, fill, edge, width, line), then words as (x, y, words, look)."""

    def __init__(self, axes):
        super().__init__()
        self.shapes, self.words = [], []
        axes.add_artist(self)

    def get_children(self) -> list[Text]:
        """Return the words as artists."""
        names = ("x", "y", "text", "color", "ha", "fontsize", "fontweight")
        both = {"va": "center", "parse_math": False, "figure": self.figure, "transform": self.axes.transData}
        return [Text(**dict(zip(names, word, strict=True)), **both) for word in self.words]

    def draw(self, renderer) -> None:
        """Draw it all; but for a file words are rendered once, since most of a redraw would go into letters again."""
        names = ("verts", "facecolor", "edgecolor", "linewidth", "linestyle")
        # lists: a tuple of two line styles would be one of dashes
        looks = dict(zip(names, map(list, zip(*self.shapes, strict=True)), strict=True))
        PolyCollection(**looks, figure=self.figure, transform=self.axes.transData).draw(renderer)
        if self.figure.canvas.is_saving():
            for text in self.get_children():
                text.draw(renderer)
            return
        places = self.axes.transData.transform([word[:2] for word in self.words]).round().astype(int).tolist()
        plain = renderer.new_gc()
        for (left, bottom), (_, _, *look) in zip(places, self.words, strict=True):
            letters, right, up = _rendered(renderer.dpi, *look)
            renderer.draw_image(plain, left + right, bottom + up, letters)


class Sketch(Drawing):
    """Base of a `Drawing` whose figure follows from the first result: in `draw` a subclass says what results look like.

    What may take the place of a result has to have room in its figure.
    """

    width_px = 950
    owners: Mapping[str, Owner] = OWNERS  # by name, for boxes and the legend

    def __init__(self, result: Result):
        self.figure, axes = new_figure()
        self.ink, self.used = Ink(axes), {}
        self.moving = [self.ink]
        height_px = self.draw(result)
        self.figure.set_size_inches(self.width_px / LIVE_DPI, height_px / LIVE_DPI)
        self.figure.set_layout_engine("none")
        axes.set(position=(0, 0, 1, 1), xlim=(0, self.width_px), ylim=(height_px, 0))
        axes.set_axis_off()

    def draw(self, result: Result) -> float:
        """Say box by box what a result looks like; return how high the picture is, in pixels."""

    def update(self, result: Result) -> None:
        """Draw another result."""
        self.ink.shapes, self.ink.words, self.used = [], [], {}
        self.draw(result)

    def shape(self, corners, fill="none", edge=EDGE, width=0.8, line="-") -> None:
        """Draw a closed line."""
        self.ink.shapes.append((corners, fill, edge, width, line))

    def line(self, x, y, end_x, end_y, colour=INK, width=1.0, line="-") -> None:
        """Draw a straight line."""
        self.shape(((x, y), (end_x, end_y)), "none", colour, width, line)

    def mark(self, x, y, marker, fill=INK, size_px=11, edge=INK) -> None:
        """Draw one of matplotlib's markers."""
        self.used[marker, fill] = True
        self.shape(_corners(marker, size_px) + (x, y), fill, edge, 1)

    def say(self, x, y, words, colour=INK, ha="center", points=9.5, weight="normal") -> None:
        """Write words, their middle at y; at whole pixels, so that they look the same wherever they stand."""
        if words:
            self.ink.words.append((round(x), round(y), words, colour, ha, points, weight))

    def frame(self, left, right, y, height, edge=INK, width=1.6, fill="none", line="-") -> None:
        """Draw a rectangle around the height y."""
        top, bottom = y - height / 2, y + height / 2
        self.shape(((left, top), (right, top), (right, bottom), (left, bottom)), fill, edge, width, line)

    def box(self, left, right, y, owner, *names, height=30, ha="center", points=9, edge=EDGE, width=0.8, line="-"):
        """Draw memory in the colour of its owner around the height y, with the longest of its names that has room."""
        if owner in self.owners:
            self.used[owner], owner = True, self.owners[owner]
        self.frame(left, right, y, height, edge, width, owner.colour, line)
        if name := next((name for name in names if width_px(name, points) + ROOM <= right - left), ""):
            self.say(left + 6 if ha == "left" else (left + right) / 2, y, name, owner.ink, ha, points)

    def axis(self, left, right, y, ends, words, ticks=None) -> Callable:
        """Draw an axis from one value to another, ticks by value; return a function from a value to its place."""
        place = partial(np.interp, xp=ends, fp=(left, right))
        self.line(left, y, right, y)
        for tick in ticks or MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(*ends):
            if ends[0] <= tick <= ends[1]:
                self.line(place(tick), y, place(tick), y + 5)
                self.say(place(tick), y + 15, ticks[tick] if ticks else f"{tick:g}", points=10)
        self.say((left + right) / 2, y + 36 + 7 * words.count("\n"), words, points=10)
        return place

    def legend(self, y, marks=()) -> None:
        """Say in a line what those colours and marks stand for that were drawn; marks are (marker, fill, words)."""
        entries = [(owner, owner.label) for key, owner in self.owners.items() if key in self.used]
        entries += [(mark, mark[2]) for mark in marks if mark[:2] in self.used]
        widths = [36 + width_px(words, 9.5) for _, words in entries]
        gap = min(24, (self.width_px - sum(widths)) / max(len(widths), 1))
        x = (self.width_px - sum(widths) - gap * (len(widths) - 1)) / 2
        for (look, words), width in zip(entries, widths, strict=True):
            if isinstance(look, Owner):
                self.box(x, x + 27, y, look, height=10)
            else:
                self.mark(x + 18, y, *look[:2])
            self.say(x + 36, y, words, ha="left")
            x += width + gap
