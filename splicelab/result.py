"""A result that shows itself: its picture or table in a notebook, one stable text for tests and diffs, plain data."""

import inspect
from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from typing import Any, ClassVar, dataclass_transform

LIVE_DPI, CRISP_DPI = 100, 180  # a figure shows at 100 pixels an inch, and is stored nearly twice as fine
TABLE_HTML = {"float_format": "{:.4g}".format, "border": 0}


def crisp_png(figure, alt: str = "") -> tuple[str, dict[str, Any]]:
    """Return a figure as PNG, base64, finer than it is shown, and its metadata: size in pixels to show, alt text."""
    from PIL import Image

    full, png = BytesIO(), BytesIO()
    figure.savefig(full, format="rgba", dpi=CRISP_DPI)  # as it is: to pack it for a moment took a third of the time
    size = tuple(int(inches * CRISP_DPI) for inches in figure.get_size_inches())
    # 128 colours look the same here, and a notebook with a dozen pictures stays small
    few = Image.frombuffer("RGBA", size, full.getbuffer()).convert("RGB")
    few = few.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(png, format="png", optimize=True)
    width, height = (round(inches * LIVE_DPI) for inches in figure.get_size_inches())
    return b64encode(png.getvalue()).decode(), {"width": width, "height": height, "alt": alt}


@dataclass_transform(frozen_default=True)
class Result:
    """What a public function returns: shows as a picture where there is one for its kind, else as a table.

    A kind that names fields of its own is a frozen dataclass, without saying so.
    ``text`` is its stable text: counted or recorded words only, what a strict run compares. ``alt`` says the same
    beside the picture; ``table``, where there is one, gives plain data as a DataFrame, ``figure`` the picture.
    """

    shown: ClassVar[Any] = None  # draws results of this kind and says them in words; the floor of pictures sets it

    def __init_subclass__(cls, **options) -> None:
        super().__init_subclass__(**options)
        if inspect.get_annotations(cls):
            dataclass(frozen=True, repr=False)(cls)

    @property
    def text(self) -> str:
        """The stable text: what a picture says in words, or the table."""
        return (self.shown and self.shown.words(self)) or self.table.to_string()

    @property
    def alt(self) -> str:
        """What stands in for the picture: its text."""
        return self.text

    @property
    def figure(self):
        """The picture as a matplotlib Figure, drawn anew each time; None where this kind of result has none."""
        return None if self.shown is None else self.shown.picture(self)

    @property
    def html(self) -> str | None:
        """What a page shows where there is no picture: the table."""
        return self.table.to_html(**TABLE_HTML) if hasattr(self, "table") else None

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include=None, exclude=None):
        data, metadata = {"text/plain": self.text}, {}
        if (figure := self.figure) is not None:
            data["image/png"], metadata["image/png"] = crisp_png(figure, self.alt)
        elif self.html is not None:
            data["text/html"] = self.html
        return data, metadata


class Folded(Result):
    """Numbers that show when a reader clicks on them."""

    html = text = ""

    def __init__(self, kind: str, html: str):
        self.text = f"{kind}: numbers folded up"
        self.html = f"<details><summary>The numbers ({kind})</summary>{html}</details>"


class Unfolds(Result):
    """A result whose picture has its numbers below, one click away; its text begins with what they are, as `timed:`."""

    @property
    def numbers(self) -> Folded:
        """The table alone, folded."""
        return Folded(self.text.partition(":")[0], self.html)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)
        display(self.numbers)
