"""A drawing of boxes, lines and words in pixels: made once, taken from pools at each update, hidden if not needed."""

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from splicelab.show.canvas import Drawing
from splicelab.show.style import LIVE_DPI, OWNERS, new_figure

INK, FAINT, DANGER, GOOD = "#111111", "#707070", "#B2182B", "#1B7837"
WORDS_KEPT = 1000


class Word(Text):
    """Words on a live canvas, rendered once: most of a redraw would go into the same letters again."""

    kept: dict[tuple, tuple] = {}

    def draw(self, renderer) -> None:
        """Draw the kept picture of these words; a figure that is saved renders them as usual."""
        if not self.get_animated() or not (self.get_visible() and self.get_text()):
            super().draw(renderer)
            return
        x, y = self.get_transform().transform(self.get_position()).round().astype(int)
        key = (self.get_text(), self.get_color(), self.get_ha(), self.get_size(), self.get_weight(), renderer.dpi)
        if key not in self.kept:
            if len(self.kept) == WORDS_KEPT:
                self.kept.clear()
            page = RendererAgg(renderer.width, renderer.height, renderer.dpi)
            super().draw(page)
            letters = np.asarray(page.buffer_rgba())[::-1]
            rows, cols = (np.flatnonzero(letters[..., 3].any(axis=axis)) for axis in (1, 0))
            picture = letters[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1].copy()
            self.kept[key] = picture, cols[0] - x, rows[0] - y
        picture, right, up = self.kept[key]
        renderer.draw_image(renderer.new_gc(), x + right, y + up, picture)


class Sketch(Drawing):
    """Base of a `Drawing`; coordinates are pixels at 100 dpi from the top left corner.

    A subclass draws what stays on ``self.axes``, and in `update` what moves between `begin` and `end`.
    """

    def __init__(self, width_px: int, height_px: int, boxes: int, lines: int, words: int):
        self.figure, self.axes = new_figure(width_px / LIVE_DPI, height_px / LIVE_DPI)
        self.figure.set_layout_engine("none")
        self.axes.set(position=[0, 0, 1, 1], xlim=(0, width_px), ylim=(height_px, 0))
        self.axes.set_axis_off()
        self._boxes = [self.axes.add_patch(Rectangle((0, 0), 1, 1, zorder=2)) for _ in range(boxes)]
        self._lines = [self.axes.add_line(Line2D([], [], zorder=3, marker="v", markevery=[1])) for _ in range(lines)]
        self._words = [self.axes.add_artist(Word(0, 0, "", va="center", zorder=4)) for _ in range(words)]
        self.moving = [*self._boxes, *self._lines, *self._words]

    def begin(self) -> None:
        """Start a new picture."""
        self._unused = [iter(pool) for pool in (self._boxes, self._lines, self._words)]

    def end(self) -> None:
        """Hide what this picture did not need."""
        for artist in (artist for pool in self._unused for artist in pool):
            artist.set_visible(False)

    def box(self, x, y, width, height, facecolor, edgecolor="#333333", linewidth=0.8, linestyle="-") -> None:
        """Draw a rectangle."""
        box = next(self._unused[0])
        box.set(x=x, y=y, width=width, height=height, visible=True)
        box.set(facecolor=facecolor, edgecolor=edgecolor, linewidth=linewidth, linestyle=linestyle)

    def line(self, xs, ys, color, linewidth, head=0) -> None:
        """Draw a line from one point to another, with an arrow head downward if it has a size."""
        line = next(self._unused[1])
        line.set(xdata=xs, ydata=ys, color=color, linewidth=linewidth, markersize=head, visible=True)

    def say(self, x, y, text, color=INK, ha="center", fontsize=9.5, fontweight="normal") -> None:
        """Write words, their middle at y; at whole pixels, so that they look the same wherever they stand."""
        look = {"color": color, "ha": ha, "fontsize": fontsize, "fontweight": fontweight}
        next(self._unused[2]).set(x=round(x), y=round(y), text=text, visible=True, **look)

    def memory(self, x, y, width, height, owner, words, ha="center") -> None:
        """Draw memory in the colour of its owner, with words where they fit."""
        colours = OWNERS[owner]
        self.box(x, y, width, height, colours.colour)
        if width > 94:
            self.say(x + (6 if ha == "left" else width / 2), y + height / 2, words, colours.ink, ha, 9)
