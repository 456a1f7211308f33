"""The numbers of the argument: what a verdict counts stands in an output, or in the code, of the same notebook."""

import json
import re

import pytest

from splicelab.paths import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
COUNTED = (
    "calls?|pushes|push|skbs?|bytes|copied bytes|frags?|frames|fragments|messages|pages|segments|callbacks|objects"
)
NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
VERDICTS = ("verdict", "cost-note", "costs-units", "sweep-read", "long-read", "smallest-read", "siw-read")
FACTS = {"06_kill_notlast_first": {"45", "65,160"}}  # segments and bytes of the largest skb of 1,448-byte segments


def plain(numbers):
    return {number.replace(",", "") for number in numbers}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_verdict_counts_was_counted(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    shown = []
    for cell in (cell for cell in cells if cell["cell_type"] == "code"):
        shown.append("".join(cell["source"]))
        shown += [
            "".join(output.get("data", {}).get("text/plain", output.get("text", ""))) for output in cell["outputs"]
        ]
    known = plain(re.findall(NUMBER, " ".join(shown))) | plain(FACTS.get(path.stem, ()))
    for cell in cells:
        if cell["cell_type"] == "markdown" and any(word in cell["id"] for word in VERDICTS):
            said = re.sub(r"\(http[^)]*\)|`[^`]*`", "", "".join(cell["source"]))
            counts = plain(re.findall(rf"(?<![\w.-])({NUMBER})(?: [a-z-]+)? (?:{COUNTED})\b", said))
            assert {count for count in counts if float(count) >= 5} <= known, cell["id"]
