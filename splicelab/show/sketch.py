"""Rows of boxes over bytes or over time: what the pictures of messages, lives and orders of events are made of.

Coordinates are pixels at 100 dpi from the top left corner. A picture is said anew at each update, box by box and word
by word. On a page matplotlib draws it; while a slider moves, Pillow paints it in a third of the time, words and marks
as masks that are kept.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache, partial
from itertools import pairwise, product

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.markers import MarkerStyle
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw, ImageFont

from splicelab.result import LIVE_DPI, Result
from splicelab.show.canvas import Drawing
from splicelab.show.style import DANGER, EDGE, INK, OWNERS, Owner, new_figure

PAPER, WRONG = Owner("", "white", INK), Owner("wrong", DANGER, "white")
ROOM, WORDS_KEPT = 3, 1000  # the first: pixels that a box has more than its words
DOT_PX, MARK_PX = 2, 12  # from one of a dotted line to the next; half of what the largest mark takes
SPACING_EM, UP_EM = 0.3, 0.07  # between lines, and from Pillow's middle of a line to matplotlib's
_font = cache(ImageFont.truetype)


def width_px(words: str, points: float = 9, weight: str = "normal") -> float:
    """Return how wide words are, the widest of their lines."""
    letters, right, _ = _rendered(words, "left", points, weight)
    return letters.width + right


def scale(edges: Iterable[int], left: float, right: float, power: float = 0, narrowest: float = 0) -> Callable:
    """Return a function from a byte to its place: between two edges the same width, or more with a power of the bytes.

    4 bytes are seen beside 64 KiB; no width is below the narrowest.
    """
    edges = sorted(edges)
    widths = [(after - before) ** power for before, after in pairwise(edges)]
    share = (right - left - narrowest * len(widths)) / sum(widths)
    return partial(np.interp, xp=edges, fp=np.cumsum([left, *(narrowest + share * width for width in widths)]))


@lru_cache(WORDS_KEPT)
def _rendered(words, ha, points, weight) -> tuple[Image.Image, int, int]:
    """Return words as a mask, and how far this begins to the right of their place and below it."""
    em_px = points * LIVE_DPI / 72
    x, y = round(em_px * (1 + len(words))), round(em_px * (2 + 2 * words.count("\n")))  # more than half of any words
    page = Image.new("L", (2 * x, 2 * y))
    font = _font(findfont(FontProperties(weight=weight)), int(em_px + 0.5))
    look = {"anchor": ha[0].replace("c", "m") + "m", "align": ha, "spacing": SPACING_EM * em_px}
    ImageDraw.Draw(page).multiline_text((x, y - UP_EM * em_px), words, 255, font, **look)
    left, top, *_ = box = page.getbbox() or (x, y, x, y)  # no ink in a blank
    return page.crop(box), left - x, top - y


@cache
def _mark(marker: str, size_px: float) -> tuple[np.ndarray, Image.Image, Image.Image]:
    """Return the corners of one of matplotlib's markers, and as masks with smooth edges the whole of it and its inside.

    Painted four times as large, then reduced.
    """
    style = MarkerStyle(marker)
    corners = style.get_path().transformed(style.get_transform()).to_polygons()[0] * (size_px, -size_px)
    places = (4 * (corners + MARK_PX) + 2).ravel().tolist()
    whole, inside = (Image.new("L", (8 * MARK_PX, 8 * MARK_PX)) for _ in range(2))
    for mask, edge in ((whole, 255), (inside, 0)):
        ImageDraw.Draw(mask).polygon(places, 255)
        ImageDraw.Draw(mask).line(places + places[:4], edge, 6, "curve")
    return corners, whole.reduce(4), inside.reduce(4)


class Sketch(Drawing):
    """Base of a `Drawing` that is said anew for each result: in `draw` a subclass says what results look like.

    What may take the place of a result has to have room in the picture of the first.
    """

    width_px, height_px = 950, 0
    owners: Mapping[str, Owner] = OWNERS  # by name, for boxes and the legend

    def update(self, result: Result) -> None:
        """Draw a result, in a picture as high as that of the first."""
        self.shapes, self.marks, self.said, self.used = [], [], [], {}
        height_px = round(self.draw(result))
        self.height_px = self.height_px or height_px

    @property
    def figure(self) -> Figure:
        """The picture for a page, drawn anew."""
        figure, axes = new_figure(self.width_px / LIVE_DPI, self.height_px / LIVE_DPI)
        figure.set_layout_engine("none")
        axes.set(position=(0, 0, 1, 1), xlim=(0, self.width_px), ylim=(self.height_px, 0))
        axes.set_axis_off()
        shapes = [(((x, y), (x, to_y), (to_x, to_y), (to_x, y)), *look) for x, y, to_x, to_y, *look in self.shapes]
        shapes += [(_mark(*mark)[0] + (x, y), *colours, 1, "-") for x, y, *mark, colours in self.marks]
        names = ("verts", "facecolor", "edgecolor", "linewidth", "linestyle")
        # lists: a tuple of two line styles would be one of dashes
        looks = dict(zip(names, map(list, zip(*shapes, strict=True)), strict=True))
        axes.add_collection(PolyCollection(**looks), autolim=False)
        for x, y, words, colour, ha, size, weight in self.said:
            axes.text(x, y, words, color=colour, ha=ha, va="center", size=size, weight=weight, parse_math=False)
        return figure

    def pixels(self, result: Result) -> Image.Image:
        """Draw a result and return what is seen, painted by Pillow."""
        self.update(result)
        picture = Image.new("RGB", (self.width_px, self.height_px), PAPER.colour)
        pen = ImageDraw.Draw(picture)
        for *corners, fill, edge, width, line in self.shapes:
            (x, y, to_x, to_y), line_px = map(round, corners), round(width * LIVE_DPI / 72) or 1
            fill, edge = (None if colour == "none" else colour for colour in (fill, edge))
            if line == ":":
                dots = product(range(x, to_x + 1, DOT_PX), (y, to_y))
                pen.point([*dots, *product((x, to_x), range(y, to_y + 1, DOT_PX))], edge)
            elif x < to_x and y < to_y:
                pen.rectangle((x, y, to_x - (not edge), to_y - (not edge)), fill, edge, line_px)
            elif edge:
                pen.line((x, y, to_x, to_y), edge, line_px)
        for x, y, *mark, colours in self.marks:
            for colour, mask in zip(reversed(colours), _mark(*mark)[1:], strict=True):
                picture.paste(colour, (round(x) - MARK_PX, round(y) - MARK_PX), mask)
        for x, y, words, colour, *look in self.said:
            letters, right, down = _rendered(words, *look)
            picture.paste(colour, (x + right, y + down), letters)
        return picture

    def draw(self, result: Result) -> float:
        """Say box by box what a result looks like; return how high the picture is, in pixels."""

    def line(self, x, y, to_x, to_y, colour=INK, width=1.0, line="-") -> None:
        """Draw a line along x or along y."""
        self.shapes.append((x, y, to_x, to_y, "none", colour, width, line))

    def mark(self, x, y, marker, fill=INK, size_px=11, edge=INK) -> None:
        """Draw one of matplotlib's markers."""
        self.used[marker, fill] = True
        self.marks.append((x, y, marker, size_px, (fill, edge)))

    def say(self, x, y, words, colour=INK, ha="center", points=9.5, weight="normal") -> None:
        """Write words, their middle at y; at whole pixels, so that they look the same wherever they stand."""
        if words:
            self.said.append((round(x), round(y), words, colour, ha, points, weight))

    def frame(self, left, right, y, height, edge=INK, width=1.6, fill="none", line="-") -> None:
        """Draw a rectangle around the height y."""
        self.shapes.append((left, y - height / 2, right, y + height / 2, fill, edge, width, line))

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
