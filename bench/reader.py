"""What a reader waits for: a notebook from its opening to its last cell, and a slider's picture beside the floor.

The floor is the same widget in the same page with the same pictures, made before: what JupyterLab, the way to it and
the browser take by themselves. It needs chromium and playwright; without them that row is left out, and it says so.
"""

import importlib.util
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from splicelab.evidence.timed.timing import median_interval
from splicelab.show.explorer import Explorer
from tests.browser import CHROMIUM, opened
from tools.write_notebooks import NOTEBOOKS, execute

GOAL_S, GOAL_RATIO, GOAL_MS = 10, 1.4, 100
MOVES, TURNS = 30, 4
EXPLORED = "03_copy_in_the_stack"


def replay(explorer: Explorer) -> Explorer:
    """Return the Explorer with all pictures of its first slider made before: a move only shows the next."""
    slider = next(control for control in explorer.controls.values() if control.has_trait("step"))
    first, shown = slider.value, {}
    for value in range(slider.min, slider.max + 1, slider.step):
        slider.value = value
        shown[value] = explorer._picture.value, explorer._words.value
    slider.value = first
    slider.unobserve(explorer._redraw, "value")

    def show(change):
        explorer._picture.value, explorer._words.value = shown[change.new]

    slider.observe(show, "value")
    return explorer


def both(folder: Path) -> Path:
    """Write a notebook with the Explorer of a stored one, and with its floor below."""
    stored = nbformat.read(NOTEBOOKS / f"{EXPLORED}.ipynb", as_version=4)
    source = {cell.id: cell.source for cell in stored.cells}
    floor = f"from bench.reader import replay\nreplay({source['explorer']})"
    cells = [nbformat.v4.new_code_cell(text) for text in (source["imports"], source["explorer"], floor)]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=stored.metadata)
    nbformat.write(notebook, folder / "both.ipynb")
    return folder / "both.ipynb"


def slider_ms() -> dict[str, list[float]]:
    """Return ms from key press to painted picture, of the Explorer and of its floor, in turn."""
    taken = {"explorer": [], "floor": []}
    for turn in range(TURNS):
        with TemporaryDirectory() as folder, opened(both(Path(folder))) as page:
            page.run_all()
            for number, name in list(enumerate(taken))[:: -1 if turn % 2 else 1]:
                taken[name] += page.explorer(number).latencies_ms(MOVES)
    return taken


def notebook_s(path: Path) -> float:
    """Return how long a notebook takes from the start of its kernel to its last cell, with all kernels compiled."""
    notebook = nbformat.read(path, as_version=4)
    start_s, ends_s = time.perf_counter(), []
    execute(notebook, path.parent, on_cell_executed=lambda **_: ends_s.append(time.perf_counter()))
    return ends_s[-1] - start_s  # nobody waits for the end of the kernel


def run() -> list[dict]:
    """Measure, print and return a row for each notebook, and one for the slider."""
    rows = []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook_s(path)  # so that what it needs is compiled, and its data in memory
        row = {"notebook": path.stem, "seconds": round(notebook_s(path), 1), "goal": GOAL_S}
        rows.append(row | {"verdict": "within" if row["seconds"] <= GOAL_S else "over"})
        print("reader  {notebook:30} {seconds:6.1f} s  goal {goal} s  {verdict}".format(**rows[-1]), flush=True)
    if CHROMIUM is None or importlib.util.find_spec("playwright") is None:
        print("reader  slider: left out (needs chromium and playwright)")
        return rows
    taken = slider_ms()
    middle = {name: median_interval(samples_ms) for name, samples_ms in taken.items()}
    ratio = middle["explorer"][0] / middle["floor"][0]
    is_within = ratio <= GOAL_RATIO and middle["explorer"][0] <= GOAL_MS
    words = ", ".join(f"{name} {ms:.0f} ms [{low:.0f}, {high:.0f}]" for name, (ms, low, high) in middle.items())
    verdict = "within" if is_within else "over"
    print(f"reader  slider: {words}, ratio {ratio:.2f}, goal {GOAL_RATIO} and {GOAL_MS} ms  {verdict}")
    return [*rows, {"slider": EXPLORED, "samples_ms": taken, "ratio": ratio, "verdict": verdict}]
