"""A figure that is built once and then only changed: what makes a slider feel immediate.

Most of the time of a full draw goes into text and ticks that never change. They are drawn once and kept as a
background; a new picture is that background with the moving artists on top.
"""

from collections.abc import Iterable
from functools import cache
from io import BytesIO

import numpy as np
from matplotlib.artist import Artist
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image, ImageChops

from splicelab.result import Result
from splicelab.show.style import DANGER, GOOD, NEIGHBOUR, OWNERS, PLAIN

OFF_BY = 20  # of 255: more would make one family's colour another's


class Drawing:
    """One figure for all results of a kind: the constructor draws what stays, `update` changes what moves.

    The constructor gets the first result, and makes room for all that may take its place. The layout is made once,
    with the first live picture, and is then frozen: axis limits and labels are set there, and a moving title or tick
    label holds its longest text there. Artists are not added or removed in `update`: make as many as are ever needed.

    Where nothing stays there is no constructor, and `update` makes the picture anew. A subclass says what it is for:
    ``class Bars(Drawing, shows=Comparison)``.
    """

    figure: Figure
    moving: Iterable[Artist] = ()  # in the order in which they are drawn
    background = None  # as it was kept

    def __init_subclass__(cls, shows: type[Result] | None = None) -> None:
        """Let results of this kind be drawn, and said in words, by the subclass."""
        if shows is not None:
            shows.shown = cls

    def __init__(self, result: Result):
        """Draw what stays: nothing."""

    def update(self, result: Result) -> None:
        """Change the moving artists to show this result."""

    @classmethod
    def picture(cls, result: Result) -> Figure | None:
        """Return the figure of one result, for a page; None where there is nothing to draw."""
        drawing = cls(result)
        drawing.update(result)
        return drawing.figure

    @staticmethod
    def words(result: Result) -> str:
        """Say in words what is drawn, where the result has no text of its own."""

    def png(self, result: Result) -> bytes:
        """Picture of `result`; anything raised on the way passes through, and the next picture is whole again."""
        png = BytesIO()
        # few colours pack faster than all; stronger packing would take longer than the way
        in_few_colours(self.pixels(result)).save(png, format="png", compress_level=1)
        return png.getvalue()

    def pixels(self, result: Result) -> Image.Image:
        """Draw a result and return what is seen: the background as it was kept, and on top of it what moves."""
        if self.moving and self.background is None:
            self.figure.draw_without_rendering()
            self.figure.set_layout_engine("none")
            for artist in self.moving:
                artist.set_animated(True)
        self.update(result)
        figure, canvas = self.figure, self.figure.canvas
        # Artists report a change to their figure, animated ones do not: stale means that the background has changed
        # (dpi, limits, a title, any artist that does not move).
        if self.background is None or figure.stale:
            canvas.draw()
            self.background = canvas.copy_from_bbox(figure.bbox)
        else:
            canvas.restore_region(self.background)
        for artist in self.moving:
            figure.draw_artist(artist)
        return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


@cache
def _palette() -> Image.Image:
    """Return the colours of the one style, each in steps to white and to black, and greys, as a picture has them."""
    shades = np.linspace(0, 1, 8, endpoint=False)[:, None]
    named = *(owner.colour for owner in OWNERS.values()), DANGER, GOOD, NEIGHBOUR, PLAIN
    colours = [np.array(colour) for colour in map(to_rgb, named) if len(set(colour)) > 1]  # the others are greys
    steps = [colour + (1 - colour) * shades for colour in colours] + [colour * shades for colour in colours]
    greys = np.arange(255, 0, -8)[:, None].repeat(3, axis=1) / 255  # closer together white would not be white
    found = Image.new("P", (1, 1))
    found.putpalette(np.rint(255 * np.unique(np.concatenate([*steps, greys]), axis=0)).astype(np.uint8).tobytes())
    return found


def in_few_colours(picture: Image.Image) -> Image.Image:
    """Return a picture in the colours of the one style, or in 128 of its own where a pixel is further off than these.

    To find its own takes twice as long. Every second pixel of every second row is looked at: what is drawn is wider.
    """
    few, half = picture.quantize(palette=_palette(), dither=Image.Dither.NONE), [one // 2 for one in picture.size]
    seen, meant = (one.resize(half, Image.Resampling.NEAREST).convert("RGB") for one in (few, picture))
    if np.max(ImageChops.difference(seen, meant)) <= OFF_BY:
        return few
    return picture.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
