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


AMOUNT = r"\b(\d[\d,.]*\d|\d)[  ]?(ns|nanoseconds?|µs|microseconds?|percent|%)(?!\w)"
TIMES = r"(?:twice|half|double|(?:two|three|four|five|six|ten|\d+)(?:-?fold| times))"
RATIO = rf"\b{TIMES} (?:as|of|the|slower|faster|dearer)"
NS = {"n": 1, "µ": 1000, "m": 1000}


def timed_sections(cells):
    """Yield the prose under each heading that stands beside something timed or estimated, and the numbers shown."""
    prose, shown, is_timed = [], "", False
    for cell in [*cells, {"cell_type": "markdown", "source": ["# end"]}]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            if source.startswith("#") and prose:
                if is_timed:
                    yield prose, shown
                prose, shown, is_timed = [], "", False
            prose.append(source)
            continue
        for output in cell["outputs"]:
            data = output.get("data", {})
            is_timed |= "".join(data.get("text/plain", "")).startswith(("timed:", "estimated:"))
            shown += re.sub("<[^>]*>", " ", "".join(data.get("text/html", "")))


def contradictions(cells):
    """Return what the prose beside timed numbers says in numbers that the table beside it does not."""
    wrong = []
    for prose, shown in timed_sections(cells):
        table = [float(number.replace(",", "")) for number in re.findall(NUMBER, shown)]
        for number, unit in re.findall(AMOUNT, " ".join(prose)):
            said = float(number.replace(",", "")) * NS.get(unit[0], 1)
            if not any(abs(value - said) <= 0.05 * said for value in table):
                wrong.append(f"{number} {unit}")
        wrong += [match[0] for match in re.finditer(RATIO, " ".join(prose))]
    return wrong


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_prose_says_of_time_stands_in_the_table_beside_it(path):
    assert not contradictions(json.loads(path.read_text(encoding="utf-8"))["cells"])


def test_a_sentence_that_contradicts_its_table_is_found():
    table = {"text/plain": "timed: 8 processes", "text/html": "<td>copy 48 B hot</td><td>0.69</td>"}
    code = {"cell_type": "code", "source": ["costs"], "outputs": [{"data": table}]}

    def found(text):
        return contradictions([{"cell_type": "markdown", "source": ["## Cost\n", text]}, code])

    assert not found("A copy of 48 bytes takes 0.7 ns, here.")
    assert found("A copy takes 6.7 ns.") == ["6.7 ns"] and found("It takes 3 µs.") == ["3 µs"]
    assert found("`kmalloc` takes two times as many.") == ["two times as"]
