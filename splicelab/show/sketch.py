"""Rows of boxes over bytes or over time: what the pictures of messages, lives and orders of events are made of.

Coordinates are pixels at 100 dpi from the top left corner. A picture is said anew at each update, box by box and word
by word; shapes are one artist, and words are kept once they have been rendered, so that a slider feels immediate.
"""

from collections.abc import Callable, Iterable
from functools import cache, lru_cache, partial
from itertools import pairwise

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.collections import PolyCollection
from matplotlib.font_manager import FontProperties
from matplotlib.markers import MarkerStyle
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

from splicelab.result import LIVE_DPI, Result
from splicelab.show.canvas import Drawing
from splicelab.show.style import OWNERS, Owner, new_figure

INK, FAINT, EDGE, DANGER, GOOD = "#111111", "#707070", "#333333", "#B2182B", "#1B7837"
PAPER, WRONG = Owner("", "white", INK), Owner("wrong", DANGER, "white")
ROOM = 3  # pixels that a box has more than its words
WORDS_KEPT = 1000


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


class Word(Text):
    """Words on a live canvas, rendered once: most of a redraw would go into the same letters again."""

    kept: dict[tuple, tuple] = {}

    def draw_kept(self, renderer) -> None:
        """Draw the kept picture of these words."""
        x, y = self.get_transform().transform(self.get_position()).round().astype(int)
        key = (self.get_text(), self.get_color(), self.get_ha(), self.get_size(), self.get_weight(), renderer.dpi)
        if key not in self.kept:
            if len(self.kept) == WORDS_KEPT:
                self.kept.clear()
            page = RendererAgg(renderer.width, renderer.height, renderer.dpi)
            self.draw(page)
            letters = np.asarray(page.buffer_rgba())[::-1]
            rows, cols = (np.flatnonzero(letters[..., 3].any(axis=axis)) for axis in (1, 0))
            picture = letters[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1].copy()
            self.kept[key] = picture, cols[0] - x, rows[0] - y
        picture, right, up = self.kept[key]
        renderer.draw_image(renderer.new_gc(), x + right, y + up, picture)


class Ink(Artist):
    """All that is drawn: shapes, then words; as many of both as a picture needs."""

    def __init__(self, axes):
        super().__init__()
        axes.add_artist(self)
        self.shapes = axes.add_collection(PolyCollection([]), autolim=False)
        self.shapes.remove()  # it draws where the axes are, when this is drawn
        self.shapes.axes, self.shapes.figure = axes, axes.figure
        self.words: list[Word] = []
        self.begin()

    def begin(self) -> None:
        """Start a new picture."""
        self.used, self.outlines, self.looks = 0, [], []

    def end(self) -> None:
        """Show it."""
        names = ("facecolor", "edgecolor", "linewidth", "linestyle")
        self.shapes.set(verts=self.outlines, **dict(zip(names, zip(*self.looks, strict=True), strict=True)))

    def get_children(self) -> list[Word]:
        """Return the words of this picture."""
        return self.words[: self.used]

    def draw(self, renderer) -> None:
        """Draw the picture; words that are saved to a file are rendered for it."""
        self.shapes.draw(renderer)
        for word in self.get_children():
            word.draw_kept(renderer) if self.get_animated() else word.draw(renderer)


class Sketch(Drawing):
    """Base of a `Drawing`: a subclass gives `size_px`, and in `draw` says what a result looks like."""

    def __init__(self, width_px: float, height_px: float):
        self.width_px, self.height_px = width_px, height_px
        self.figure, axes = new_figure(width_px / LIVE_DPI, height_px / LIVE_DPI)
        self.figure.set_layout_engine("none")
        axes.set(position=[0, 0, 1, 1], xlim=(0, width_px), ylim=(height_px, 0))
        axes.set_axis_off()
        self.ink = Ink(axes)
        self.moving = [self.ink]

    @staticmethod
    def size_px(result: Result) -> tuple[float, float]:
        """Return width and height of the picture of a result, and of all that may take its place."""

    def draw(self, result: Result) -> None:
        """Say box by box what a result looks like."""

    @classmethod
    def of(cls, result: Result) -> "Sketch":
        """Return a drawing as large as the result needs."""
        return cls(*cls.size_px(result))

    def update(self, result: Result) -> None:
        """Draw another result."""
        self.ink.begin()
        self.draw(result)
        self.ink.end()

    def shape(self, corners, fill="none", edge=EDGE, width=0.8, line="-") -> None:
        """Draw a closed line."""
        self.ink.outlines.append(corners)
        self.ink.looks.append((fill, edge, width, line))

    def line(self, x, y, end_x, end_y, colour=INK, width=1.0, line="-") -> None:
        """Draw a straight line."""
        self.shape(((x, y), (end_x, end_y)), "none", colour, width, line)

    def mark(self, x, y, marker, fill=INK, size_px=11, edge=INK) -> None:
        """Draw one of matplotlib's markers."""
        self.shape(_corners(marker, size_px) + (x, y), fill, edge, 1)

    def say(self, x, y, text, colour=INK, ha="center", points=9.5, weight="normal") -> None:
        """Write words, their middle at y; at whole pixels, so that they look the same wherever they stand."""
        ink = self.ink
        if not text:
            return
        if ink.used == len(ink.words):
            word = ink.axes.add_artist(Word(0, 0, "", va="center"))
            word.remove()
            word.axes, word.figure = ink.axes, ink.axes.figure
            ink.words.append(word)
        look = {"color": colour, "ha": ha, "fontsize": points, "fontweight": weight}
        ink.words[ink.used].set(x=round(x), y=round(y), text=text, **look)
        ink.used += 1

    def frame(self, left, right, y, height, edge=INK, width=1.6, fill="none", line="-") -> None:
        """Draw a rectangle around the height y."""
        top, bottom = y - height / 2, y + height / 2
        self.shape(((left, top), (right, top), (right, bottom), (left, bottom)), fill, edge, width, line)

    def box(self, left, right, y, owner, *names, height=30, ha="center", points=9, edge=EDGE, width=0.8, line="-"):
        """Draw memory in the colour of its owner around the height y, with the longest of its names that has room."""
        owner = OWNERS.get(owner, owner)
        self.frame(left, right, y, height, edge, width, owner.colour, line)
        if name := next((name for name in names if width_px(name, points) + ROOM <= right - left), ""):
            self.say(left + 6 if ha == "left" else (left + right) / 2, y, name, owner.ink, ha, points)

    def legend(self, y, owners: Iterable[str], marks=()) -> None:
        """Say in the middle of a line what colours and marks stand for; marks are (marker, fill, words)."""
        entries = [(OWNERS[owner], OWNERS[owner].label) for owner in owners] + [(mark, mark[2]) for mark in marks]
        widths = [36 + width_px(words, 9.5) for _, words in entries]
        gap = min(24, (self.width_px - sum(widths)) / len(widths))
        x = (self.width_px - sum(widths) - gap * (len(widths) - 1)) / 2
        for (look, words), width in zip(entries, widths, strict=True):
            if isinstance(look, Owner):
                self.box(x, x + 27, y, look, height=10)
            else:
                self.mark(x + 18, y, *look[:2])
            self.say(x + 36, y, words, ha="left")
            x += width + gap
