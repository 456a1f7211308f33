"""The one widget: controls, a picture that follows them at once, and a note that says the same in words."""

from collections.abc import Callable, Mapping
from html import escape
from threading import RLock
from typing import Any

from ipywidgets import HTML, Box, Image, Layout, VBox, Widget

from splicelab.show.canvas import Drawing, LiveCanvas, settled
from splicelab.show.style import crisp_png

Values = dict[str, Any]

_drawing = RLock()  # one for all Explorers: a slider's later messages come in another thread, while cells run


class Explorer(VBox):
    """Controls over a picture over a note; a saved page shows the picture and text of the values it was left at.

    Parameters
    ----------
    controls : dict of str to Widget
        Widgets with a `value` and a description that says it in words, with its unit; bounds keep bad values out.
    compute : callable
        ``compute(**values)`` gives the result. It is called from another thread than cells: it must not share work
        arrays with them. A ValueError is shown as its sentence.
    draw : callable
        ``draw()`` gives a new `Drawing`, the same each time: one for the live picture, others for saved pages.
    text : callable
        ``text(values, result)`` gives counted results in plain words. They are stored: no timed number.
    note : callable, optional
        ``note(values, result)`` gives HTML under the picture; `text` where it is not given.
    slow : bool
        Redraw only when a slider is let go: for a compute that takes over 200 ms.

    Raises
    ------
    ValueError
        A control has no description, or compute refuses the first values. What compute, draw or text raise for the
        first values passes through, so that it is seen in the cell.
    """

    def __init__(
        self,
        controls: Mapping[str, Widget],
        compute: Callable[..., Any],
        draw: Callable[[], Drawing],
        text: Callable[[Values, Any], str],
        note: Callable[[Values, Any], str] | None = None,
        slow: bool = False,
    ):
        self.controls = dict(controls)
        self.error: Exception | None = None  # of the last redraw, for `raise explorer.error` in a cell
        self._compute, self._draw, self._text, self._note = compute, draw, text, note
        self._arrange(slow)
        self._picture = Image(format="png", layout=Layout(align_self="flex-start"))  # its own size: not stretched
        self._words = HTML()
        with _drawing:
            self._canvas = LiveCanvas(draw())
            self._show()
        row = Box(list(self.controls.values()), layout=Layout(flex_flow="row wrap"))
        super().__init__([row, self._picture, self._words])
        for control in self.controls.values():
            control.observe(self._redraw, "value")

    def _arrange(self, slow: bool) -> None:
        """Make all controls alike: descriptions in full, sliders that answer while they move."""
        nameless = [name for name, control in self.controls.items() if not control.description]
        if nameless:
            raise ValueError(f"Explorer: control {nameless[0]!r} has no description")
        width_em = 0.6 * max((len(control.description) for control in self.controls.values()), default=0) + 1
        for control in self.controls.values():
            control.style.description_width = f"{width_em:.1f}em"
            control.layout.width = f"{width_em + 22:.1f}em"  # one width, so that rows of controls line up
            if control.has_trait("continuous_update"):
                control.continuous_update = not slow

    def _show(self) -> None:
        """Compute and draw the values that the controls have now."""
        values = {name: control.value for name, control in self.controls.items()}
        result = self._compute(**values)
        png, text = self._canvas.png(values, result), self._text(values, result)
        note = self._note(values, result) if self._note else f"<div style='white-space: pre-line'>{escape(text)}</div>"
        self._picture.value, self._words.value = png, f"<div role='status'>{note}</div>"
        self._shown = (values, result, text)

    def _redraw(self, change) -> None:
        """Follow a control; nothing may be raised here, since no one would see it: it is said in the note."""
        with _drawing:
            self.error = None
            try:
                self._show()
            except Exception as error:
                self.error = error
                said = f"<b>No picture for these values:</b> {escape(_sentence(error))}"
                self._words.value = (
                    f"<div role='alert' style='color: #a00'>{said}<br>Above is the picture of the values before.</div>"
                )

    def _setting(self) -> str:
        """Say the control values in one line."""
        return ", ".join(f"{control.description}: {_reading(control)}" for control in self.controls.values())

    def _repr_mimebundle_(self, **kwargs):
        """Add a crisp PNG and stable text: pages without a kernel, diffs and tests show these."""
        data = super()._repr_mimebundle_(**kwargs)
        with _drawing:
            values, result, text = self._shown
            if self.error is not None:
                text = f"no picture for these values: {_sentence(self.error)}"
            drawing = settled(self._draw())
            drawing.update(values, result)
            data["image/png"], size = crisp_png(drawing.figure)
            data["text/plain"] = f"Explorer: {self._setting()}\n{text}"
        return data, {"image/png": size}


def _reading(control: Widget) -> str:
    """Value of a control as its reader sees it: the label of a choice, yes or no of a box, 0.3 for 0.1 * 3."""
    if control.has_trait("label"):
        return str(control.label)
    if isinstance(control.value, bool):
        return "yes" if control.value else "no"
    return f"{control.value:g}" if isinstance(control.value, float) else str(control.value)


def _sentence(error: Exception) -> str:
    """Words for an exception: a ValueError speaks for itself, anything else needs its name."""
    return str(error) if isinstance(error, ValueError) and str(error) else f"{type(error).__name__}: {error}"
