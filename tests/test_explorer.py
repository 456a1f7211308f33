"""The Explorer: the picture follows the controls exactly, errors are said, and what is stored stays the same."""

import subprocess
import sys
import threading
from base64 import b64decode
from io import BytesIO
from itertools import product

import ipywidgets
import nbformat
import pytest
from legible import assert_legible, drawn
from nbclient import NotebookClient
from PIL import Image
from rich_drawing import rich, rich_explorer

from splicelab import explore
from splicelab.errors import InputError
from splicelab.result import CRISP_DPI, Result
from splicelab.show.canvas import Drawing
from splicelab.show.style import new_figure

EXTREMES = [dict(zip(("header", "pages", "flag"), v, strict=True)) for v in product((0, 512), (1, 6), ("given",))]


def picture(widget):
    return widget.children[1].value


def note(widget):
    return widget.children[2].value


def test_there_and_back_gives_the_same_bytes():
    widget = rich_explorer()
    header, pages = widget.controls["header"], widget.controls["pages"]
    header.value = 30
    first = picture(widget), note(widget)
    header.value = 31
    assert picture(widget) != first[0] and note(widget) != first[1]
    pages.value = 6
    pages.value, header.value = 3, 30
    assert (picture(widget), note(widget)) == first


@pytest.mark.parametrize("values", EXTREMES, ids=str)
def test_updated_equals_freshly_built(values):
    updated = drawn(rich())
    for other in EXTREMES:
        updated.png(rich(**other))
    assert updated.png(rich(**values)) == drawn(rich(**values)).png(rich(**values))


@pytest.mark.parametrize("values", EXTREMES, ids=str)
def test_the_picture_is_legible_at_the_extremes(values):
    assert_legible(rich(**values).figure, is_moving=True)


class Limit(Result):
    """A number; its text may fail."""

    def __init__(self, x, broken=""):
        self.x, self.broken = x, broken

    @property
    def text(self):
        if self.broken == "text":
            raise RuntimeError("<text> failed")
        return f"limit: {self.x}"


class Titled(Drawing, shows=Limit):
    """A drawing that changes what is in the background: its title and limits."""

    def __init__(self, result):
        self.figure, self.axes = new_figure(3, 2)
        self.axes.set(title="title of 100", xlim=(0, 10))
        self.line = self.axes.axvline(1)
        self.moving = [self.line]

    def update(self, result):
        self.line.set_xdata([result.x / 2] * 2)
        if result.broken == "update":
            raise RuntimeError("<update> failed")
        self.axes.set_title(f"title of {result.x}")
        self.axes.set_xlim(0, result.x)


def test_a_change_in_the_background_is_drawn():
    fresh = [drawn(Limit(x)).png(Limit(x)) for x in (10, 50)]
    canvas = drawn(Limit(10))
    assert [canvas.png(Limit(x)) for x in (10, 50, 10)] == [*fresh, fresh[0]]


@pytest.mark.parametrize(
    ("control", "value", "said"),
    [
        (ipywidgets.IntSlider(value=1, min=0, max=9, description="x"), 2, "x: 2"),
        (ipywidgets.FloatSlider(value=1, min=0, max=9, step=0.1, description="x"), 3 * 1.1, "x: 3.3"),
        (ipywidgets.Checkbox(value=False, description="x"), True, "x: yes"),
        (ipywidgets.Dropdown(options=[("one", 1), ("two", 2)], description="x"), 2, "x: two"),
        (ipywidgets.ToggleButtons(options=[("one", 1), ("two", 2)], description="x"), 2, "x: two"),
        (ipywidgets.SelectionSlider(options=[("4 KiB", 4096), ("8 KiB", 8192)], description="x"), 8192, "x: 8 KiB"),
        (ipywidgets.BoundedIntText(value=1, min=0, max=9, description="x"), 5, "x: 5"),
    ],
    ids=lambda item: type(item).__name__ if isinstance(item, ipywidgets.Widget) else "",
)
def test_any_control_moves_the_picture(control, value, said):
    widget = explore(lambda x: Limit(x + 1), x=control)
    before = picture(widget)
    control.value = value
    assert picture(widget) != before
    assert str(value + 1) in note(widget)
    assert widget._repr_mimebundle_()[0]["text/plain"] == f"Explorer: {said}\nlimit: {value + 1}"


def test_values_out_of_bounds_cannot_be_entered():
    widget = rich_explorer()
    widget.controls["header"].value = 100_000
    assert widget.controls["header"].value == 512
    assert "1024" in note(widget)


def test_refused_values_get_a_sentence_and_the_controls_stay_usable():
    widget = rich_explorer()
    before = picture(widget)
    widget.controls["header"].value = 0
    widget.controls["pages"].value = 0
    assert "a message needs a header or a page" in note(widget)
    assert "no picture for these values: a message needs" in widget._repr_mimebundle_()[0]["text/plain"]
    widget.controls["pages"].value = 3
    widget.controls["header"].value = 48
    assert picture(widget) == before and widget.error is None and "role='alert'" not in note(widget)


@pytest.mark.parametrize("broken", ["compute", "update", "text"])
def test_an_exception_is_never_lost(broken):
    def compute(x):
        if x == 3 and broken == "compute":
            raise RuntimeError("<compute> failed")
        return Limit(x, broken if x == 3 else "")

    slider = ipywidgets.IntSlider(value=1, min=1, max=9, description="x")
    widget = explore(compute, x=slider)
    before, stored = picture(widget), widget._repr_mimebundle_()[0]["image/png"]
    slider.value = 3
    assert widget._repr_mimebundle_()[0]["image/png"] == stored
    assert f"RuntimeError: &lt;{broken}&gt; failed" in note(widget)
    assert isinstance(widget.error, RuntimeError)
    slider.value = 1
    assert picture(widget) == before


def test_first_values_that_fail_are_seen_in_the_cell():
    with pytest.raises(ZeroDivisionError):
        explore(lambda x: Limit(1 // x), x=ipywidgets.IntSlider(value=0, description="x"))


NO_CONTROLS = [(1, 9, "x"), object(), ipywidgets.fixed(10), ipywidgets.Box([])]
NOT_OFFERING_TEN = [(1, 9), [1, 2], {"one": 1}]


@pytest.mark.parametrize("short", NO_CONTROLS + NOT_OFFERING_TEN, ids=repr)
def test_what_makes_no_control_is_said(short):
    with pytest.raises(InputError, match="explore: x: "):
        explore(lambda x=10: Limit(x), x=short)


@pytest.mark.parametrize(
    ("name", "short", "kind", "label"),
    [
        ("payload_bytes", (0, 64), ipywidgets.IntSlider, "payload (bytes)"),
        ("loss", (0.0, 1.0, 0.1), ipywidgets.FloatSlider, "chance of a loss"),
        ("flag", True, ipywidgets.Checkbox, "splice flag given"),
        ("kernel", ["6.1", "6.12"], ipywidgets.Dropdown, "kernel"),
        ("payload_bytes", [("a page", 4096)], ipywidgets.Dropdown, "payload"),
    ],
)
def test_shorthand_becomes_a_control_with_words(name, short, kind, label):
    (control,) = explore(lambda **values: Limit(1), **{name: short}).controls.values()
    assert isinstance(control, kind) and control.description == label


def test_sliders_answer_while_they_move_unless_slow():
    for slow in (False, True):
        slider = explore(Limit, slow=slow, x=(1, 9)).controls["x"]
        assert slider.continuous_update is not slow


def test_two_threads_never_mix_their_pictures():
    busy, overlaps = [], []

    def compute(x):
        overlaps.append(len(busy))
        busy.append(x)
        threading.Event().wait(0.002)
        busy.remove(x)
        return Limit(x)

    sliders = [ipywidgets.IntSlider(value=1, min=1, max=90, description="x") for _ in range(2)]
    widgets = [explore(compute, x=s) for s in sliders]

    def move(slider, start):
        for x in range(start, start + 40, 4):
            slider.value = x

    threads = [threading.Thread(target=move, args=(s, start)) for s in sliders for start in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(overlaps)
    for widget, slider in zip(widgets, sliders, strict=True):
        assert note(widget).count(f"limit: {slider.value}") == 1
        assert picture(widget) == drawn(widget.result).png(Limit(slider.value))


def test_what_is_stored_is_crisp_and_stable():
    (data, metadata), (again, _) = (rich_explorer()._repr_mimebundle_() for _ in range(2))
    assert set(data) == {"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"}
    assert (data["image/png"], data["text/plain"]) == (again["image/png"], again["text/plain"])
    assert metadata["image/png"] == {"width": 950, "height": 380, "alt": data["text/plain"]}
    assert Image.open(BytesIO(b64decode(data["image/png"]))).size == (round(9.5 * CRISP_DPI), round(3.8 * CRISP_DPI))
    assert data["text/plain"].splitlines() == [
        "Explorer: header (bytes): 48, payload (pages): 3, MSG_SPLICE_PAGES: given",
        "bytes copied: 12384, 96, 96, 0, 96, 0",
    ]


def test_a_notebook_with_an_explorer_passes_strict_nbval(tmp_path, monkeypatch, pytestconfig):
    monkeypatch.setenv("PYTHONPATH", f"{pytestconfig.rootpath}:{pytestconfig.rootpath / 'tests'}")
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    cells = [
        "from rich_drawing import rich_explorer",
        "explorer = rich_explorer()\nexplorer",
        "explorer.controls['header'].value = 49\nexplorer",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, kernel_name="python3", store_widget_state=False)
    client.execute()
    path = tmp_path / "explorer.ipynb"
    nbformat.write(notebook, path)
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=60"]
    run = subprocess.run([*command, "-p", "no:cacheprovider", path], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    assert "3 passed" in run.stdout
