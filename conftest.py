"""What every strict run over the notebooks needs, also a bare ``pytest --nbval notebooks/``."""

import functools
from pathlib import Path

SANITIZER = Path(__file__).parent / "tests" / "nbval.cfg"
CELL_TIMEOUT_S = 120
OUTPUT_TIMEOUT_S = 30  # nbval's own 5 s are short on a loaded machine
TIMED = (
    "timed:",
    "estimated:",
    "environment:",
    "live:",
)  # text that announces an HTML table of this machine's own figures


def pytest_configure(config):
    """Set the sanitizer and the cell timeout where the command line gives none."""
    if getattr(config.option, "nbval", False):
        config.option.nbval_sanitize_with = config.option.nbval_sanitize_with or str(SANITIZER)
        config.option.nbval_cell_timeout = min(config.option.nbval_cell_timeout, CELL_TIMEOUT_S)


def pytest_collectstart(collector):
    """Compare no progress bars: they go to standard error."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)


def pytest_itemcollected(item):
    """Compare the HTML of counted results too; leave it out only beside a text that says `timed:`."""
    if not hasattr(item, "output_timeout"):
        return
    item.output_timeout = OUTPUT_TIMEOUT_S
    texts = ["".join(output.get("data", {}).get("text/plain", "")) for output in item.cell.outputs]
    if any(text.startswith(TIMED) for text in texts):
        skip = (*item.parent.skip_compare, "text/html")
        item.compare_outputs = functools.partial(item.compare_outputs, skip_compare=skip)
