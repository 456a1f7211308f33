"""The one widget: controls, a picture that follows them at once, and a note that says the same in words."""

from collections.abc import Callable, Mapping
from html import escape
from inspect import Parameter, signature
from threading import RLock
from typing import Any

from ipywidgets import HTML, Box, Image, Layout, ValueWidget, VBox, Widget, fixed, interactive

from splicelab.errors import InputError
from splicelab.result import Result, crisp_png
from splicelab.show.style import label

_drawing = RLock()  # one for all Explorers: a slider's later messages come in another thread, while cells run


def explore(
    compute: Callable[..., Result],
    *,
    slow: bool = False,
    labels: Mapping[str, str] | None = None,
    limits: Mapping[str, Callable[..., range]] | None = None,
    **controls: Any,
) -> "Explorer":
    """Return an Explorer: controls over the picture of what ``compute(**values)`` returns, over its text.

    Parameters
    ----------
    compute : callable
        Gives a `Result` that has a picture; its defaults are the first values. It is called from another thread than
        cells. A ValueError (InputError) is shown as its sentence.
    slow : bool
        Redraw only when a slider is let go: for a compute that takes over 200 ms.
    labels : mapping, optional
        Words for controls whose name does not say it: ``payload_bytes`` is "payload (bytes)" by itself.
    limits : mapping of str to callable, optional
        By a slider's name a function of the other values, which gives the range of its own.
    **controls
        One for each argument, in ipywidgets' shorthand: ``(low, high)`` or ``(low, high, step)`` is a slider, a list
        (of values, or of (label, value)) or a mapping a choice, True or False a box; or a widget.

    Raises
    ------
    InputError
        A control cannot be made, or does not offer its first value. What compute raises for the first values passes
        through, so that it is seen in the cell.

    Examples
    --------
    >>> from splicelab import explore, trace_message
    >>> def one(payload_bytes=4096, flag=True):
    ...     return trace_message("siw", "copy_in_stack", payload_bytes=payload_bytes, flag=flag)
    >>> explore(one, payload_bytes=(4096, 65536, 4096), flag=True).controls["payload_bytes"].description
    'payload (bytes)'
    """
    given = {name: found.default for name, found in signature(compute).parameters.items()}
    given |= getattr(compute, "keywords", {})  # of a partial whose function takes them as **options
    made = {name: _control(name, one, given, labels or {}) for name, one in controls.items()}
    return Explorer(made, compute, slow, limits or {})


def _control(name: str, short: Any, given: Mapping[str, Any], labels: Mapping[str, str]) -> Widget:
    """Return the widget that ipywidgets makes of a shorthand, with its words; InputError where it cannot."""
    first = given.get(name, Parameter.empty)
    widget = short if isinstance(short, Widget) else interactive.widget_from_abbrev(short, first)
    if not isinstance(widget, ValueWidget) or isinstance(widget, fixed):
        raise InputError(f"explore: {name}: {short!r} is no control: give (low, high), a list, True or False, a widget")
    if widget is not short and first is not Parameter.empty and widget.value != first:
        raise InputError(f"explore: {name}: the first value, {first!r}, is not among {short!r}")
    is_worded = isinstance(short, list) and short and isinstance(short[0], tuple)
    widget.description = labels.get(name) or widget.description or label(name, not is_worded)
    return widget


class Explorer(VBox):
    """Controls over a picture over a note; a saved page shows the picture and text of the values it was left at."""

    def __init__(self, controls: Mapping[str, Widget], compute: Callable[..., Result], slow: bool, limits: Mapping):
        self.controls = dict(controls)
        self.error: Exception | None = None  # of the last redraw, for `raise explorer.error` in a cell
        self._compute, self._limits, self._is_slow = compute, dict(limits), slow
        width_em = 0.6 * max((len(control.description) for control in self.controls.values()), default=0) + 1
        for control in self.controls.values():  # all alike: descriptions in full, sliders that answer while they move
            control.style.description_width = f"{width_em:.1f}em"
            control.layout.width = f"{width_em + 22:.1f}em"  # one width, so that rows of controls line up
            if control.has_trait("continuous_update"):
                control.continuous_update = not slow
        self._limit()
        self._picture = Image(format="png", layout=Layout(align_self="flex-start"))  # its own size: not stretched
        self._words = HTML()
        with _drawing:
            self.result = compute(**self.values)
            self._shown = self.result.shown(self.result)
            self._show(self.result)
        row = Box(list(self.controls.values()), layout=Layout(flex_flow="row wrap"))
        super().__init__([row, self._picture, self._words])
        for control in self.controls.values():
            control.observe(self._redraw, "value")

    @property
    def values(self) -> dict[str, Any]:
        """What the controls say now."""
        return {name: control.value for name, control in self.controls.items()}

    def _limit(self) -> None:
        """Give sliders the range that the other controls leave them, and the value in it that is nearest."""
        for name, range_of in self._limits.items():
            slider, sizes = self.controls[name], range_of(**self.values)
            value = min(sizes, key=lambda size: abs(size - slider.value))
            with slider.hold_trait_notifications():
                slider.min, slider.max, slider.step, slider.value = sizes[0], sizes[-1], sizes.step, value
            slider.disabled = len(sizes) == 1

    def _show(self, result: Result) -> None:
        """Draw a result and say it."""
        self._picture.value = self._shown.png(result)
        self._words.value = f"<div role='status' style='white-space: pre-line'>{escape(result.alt)}</div>"
        self.result = result

    def _redraw(self, change) -> None:
        """Follow a control; nothing may be raised here, since no one would see it: it is said in the note."""
        with _drawing:
            self.error, before = None, self.values
            try:
                self._limit()
                if self.values != before:
                    return  # a slider that moved has drawn it
                if self._is_slow:
                    self._words.value = "<progress></progress> working …"
                self._show(self._compute(**self.values))
            except Exception as error:
                self.error = error
                said = f"<b>No picture for these values:</b> {escape(_sentence(error))}"
                above = "<br>Above is the picture of the values before."
                self._words.value = f"<div role='alert' style='color: #a00'>{said}{above}</div>"

    def _repr_mimebundle_(self, **kwargs):
        """Add a crisp PNG and stable text: pages without a kernel, diffs and tests show these."""
        data = super()._repr_mimebundle_(**kwargs)
        with _drawing:
            failed = self.error is not None
            text = f"no picture for these values: {_sentence(self.error)}" if failed else self.result.text
            readings = (f"{control.description}: {_reading(control)}" for control in self.controls.values())
            data["text/plain"] = f"Explorer: {', '.join(readings)}\n{text}"
            self._shown.update(self.result)  # where the last one failed, it may be half drawn
            data["image/png"], metadata = crisp_png(self._shown.figure, data["text/plain"])
        return data, {"image/png": metadata}


def _reading(control: Widget) -> str:
    """Value of a control as its reader sees it: the label of a choice, yes or no of a box, 0.3 for 0.1 * 3."""
    if control.has_trait("label"):
        return str(control.label)
    if isinstance(control.value, tuple):  # what was uploaded
        return ", ".join(one["name"] for one in control.value) or "none"
    if isinstance(control.value, bool):
        return "yes" if control.value else "no"
    return f"{control.value:g}" if isinstance(control.value, float) else str(control.value)


def _sentence(error: Exception) -> str:
    """Words for an exception: a ValueError speaks for itself, anything else needs its name."""
    return str(error) if isinstance(error, ValueError) and str(error) else f"{type(error).__name__}: {error}"
