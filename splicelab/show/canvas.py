"""A figure that is built once and then only changed: what makes a slider feel immediate.

Most of the time of a full draw goes into text and ticks that never change. They are drawn once and kept as a
background; a new picture is that background with the moving artists on top.
"""

from collections.abc import Iterable
from io import BytesIO

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from PIL import Image

from splicelab.result import Result


class Drawing:
    """One figure for all results of a kind: the constructor draws what stays, `update` changes what moves.

    The layout is made once, right after the constructor, and is then frozen: axis limits and labels are set there,
    and a moving title or tick label holds its longest text there, so that room is kept for it. Artists are not
    added or removed in `update`: make as many as are ever needed, and hide those not in use.
    """

    figure: Figure
    moving: Iterable[Artist]

    def update(self, result: Result) -> None:
        """Change the moving artists to show this result."""

    @classmethod
    def of(cls, result: Result) -> "Drawing":
        """Return a drawing with room for this result and all that an Explorer may put in its place."""
        return cls()

    @classmethod
    def picture(cls, result: Result) -> Figure:
        """Return the figure of one result, for a page."""
        drawing = cls.of(result)
        drawing.update(result)
        return drawing.figure

    @staticmethod
    def words(result: Result) -> str:
        """Return in words what is drawn, where the result has no text of its own."""


def shows(kind: type[Result]):
    """Let results of this kind be drawn, and said in words, by the class that is decorated."""

    def attach(drawing: type[Drawing]) -> type[Drawing]:
        kind.shown = drawing
        return drawing

    return attach


def settled(drawing: Drawing) -> Drawing:
    """Give the same drawing with its layout made and frozen."""
    drawing.figure.draw_without_rendering()
    drawing.figure.set_layout_engine("none")
    return drawing


class LiveCanvas:
    """PNG pictures of one drawing, made from a kept background and its moving artists."""

    def __init__(self, drawing: Drawing):
        self.drawing = settled(drawing)
        self.background = None
        self.moving = sorted(drawing.moving, key=lambda artist: artist.get_zorder())
        for artist in self.moving:
            artist.set_animated(True)

    def png(self, result: Result) -> bytes:
        """Picture of `result`; anything raised by the drawing passes through, and the next picture is whole again."""
        figure, canvas = self.drawing.figure, self.drawing.figure.canvas
        self.drawing.update(result)
        # Artists report a change to their figure, animated ones do not: stale means that the background has changed
        # (dpi, limits, a title, any artist that does not move).
        if self.background is None or figure.stale:
            canvas.draw()
            self.background = canvas.copy_from_bbox(figure.bbox)
        else:
            canvas.restore_region(self.background)
        for artist in self.moving:
            figure.draw_artist(artist)
        png = BytesIO()
        pixels = Image.frombuffer("RGBA", canvas.get_width_height(physical=True), canvas.buffer_rgba())
        pixels.save(png, format="png", compress_level=1)  # loopback is fast, and stronger compression is not
        return png.getvalue()
