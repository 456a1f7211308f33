"""One notebook in a real browser: it runs, a slider moves it, nothing is asked from outside.

How long a key press takes to become a painted picture goes to build/browser-latency.json; it is reported, not asserted,
since it depends on the machine and on what else runs there.
"""

import json
import os
from statistics import median, quantiles

import nbformat
import pytest
from browser import CHROMIUM, ROOT, opened

pytest.importorskip("playwright", reason="no playwright: pip install -e .[test]")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium: the browser test needs it (apt-get install chromium)"
)

NOTEBOOK = "notebooks/03_copy_in_the_stack.ipynb"  # None: a small notebook with the Explorer of rich_drawing
MOVES = 30


def demo(folder):
    cells = ["from rich_drawing import rich_explorer", "rich_explorer()"]
    path = folder / "demo.ipynb"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


def drag(explorer, right_px):
    box = explorer.handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = explorer.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + right_px, y, steps=8)
    mouse.up()


def report(samples_ms, notebook):
    summary = {
        "what": "key press to painted picture in JupyterLab, ms",
        "notebook": notebook.name,
        "moves": len(samples_ms),
        "median_ms": round(median(samples_ms), 1),
        "p95_ms": round(quantiles(samples_ms, n=20, method="inclusive")[-1], 1),
        "load_1min": os.getloadavg()[0],
        "cpus": os.cpu_count(),
        "samples_ms": [round(sample, 1) for sample in samples_ms],
    }
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "browser-latency.json").write_text(json.dumps(summary, indent=1) + "\n")
    print("key press to painted picture: median {median_ms} ms, 95th percentile {p95_ms} ms".format(**summary))


def test_a_slider_moves_picture_and_numbers(tmp_path):
    notebook = ROOT / NOTEBOOK if NOTEBOOK else demo(tmp_path)
    with opened(notebook) as shown:
        shown.run_all()
        explorer = shown.explorer()
        state = explorer.state()
        explorer.handle.focus()
        explorer.page.keyboard.press(explorer.arrow())
        state = explorer.wait_for_change(state)
        drag(explorer, 60 if explorer.arrow() == "ArrowRight" else -60)
        explorer.wait_for_change(state)
        samples_ms = explorer.latencies_ms(MOVES)
        assert len(samples_ms) == MOVES
        report(samples_ms, notebook)
        assert not shown.outside, f"requests to the outside: {shown.outside}"
        assert not shown.errors, f"errors in the console: {shown.errors}"
