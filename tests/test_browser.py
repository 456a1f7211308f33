"""A notebook in a real browser: it runs, a slider moves it by key and by mouse, nothing is asked from outside.

How long a key press takes to become a painted picture goes to build/browser-latency-NOTEBOOK.json; it is reported, not
asserted, since it depends on the machine and on what else runs there.
"""

import json
import os
from statistics import median, quantiles

import pytest
from browser import CHROMIUM, ROOT, opened

pytest.importorskip("playwright", reason="no playwright: pip install -e .[test]")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium: the browser test needs it (apt-get install chromium)"
)

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
USUAL, MOVES = "03_copy_in_the_stack", 30  # the one of each run; `make soak` opens all


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
    (ROOT / "build" / f"browser-latency-{notebook.stem}.json").write_text(json.dumps(summary, indent=1) + "\n")
    print("key press to painted picture: median {median_ms} ms, 95th percentile {p95_ms} ms".format(**summary))


@pytest.mark.parametrize(
    "notebook",
    [pytest.param(path, id=path.stem, marks=[pytest.mark.long] * (path.stem != USUAL)) for path in NOTEBOOKS],
)
def test_a_control_moves_picture_and_numbers(notebook):
    with opened(notebook) as shown:
        shown.run_all()
        explorer = shown.explorer()
        state = explorer.state()
        if explorer.has_slider:
            explorer.handle.focus()
            explorer.page.keyboard.press(explorer.arrow())
            state = explorer.wait_for_change(state)
            drag(explorer, 60 if explorer.arrow() == "ArrowRight" else -60)
            explorer.wait_for_change(state)
            samples_ms = explorer.latencies_ms(MOVES)
            assert len(samples_ms) == MOVES
            report(samples_ms, notebook)
        else:  # choices alone; the list that a click opens is the system's, and not in the page
            explorer.choice.focus()
            for key in ("Enter", "ArrowDown", "Enter"):  # an arrow alone moves JupyterLab to another cell
                explorer.page.keyboard.press(key)
            moved = explorer.wait_for_change(state)
            explorer.choice.select_option(state[0])
            assert explorer.wait_for_change(moved)[0] == state[0]
        assert not shown.outside, f"requests to the outside: {shown.outside}"
        assert not shown.errors, f"errors in the console: {shown.errors}"
