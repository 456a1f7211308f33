"""The prose: what a verdict counts was counted, words are explained where they first appear, minutes are as long."""

import json
import re
import sys

import pytest

from splicelab.paths import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tools"))
import link_words
import nbformat

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
COUNTED = (
    "calls?|pushes|push|skbs?|bytes|copied bytes|frags?|frames|fragments|messages|pages|segments|callbacks|objects"
)
NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
VERDICTS = (
    "title",
    "lead-note",
    "verdict",
    "cost-note",
    "costs-units",
    "sweep-read",
    "long-read",
    "smallest-read",
    "siw-read",
)
WORDS_A_MINUTE = 92  # of one careful reading, pictures and tables included
# Segments and bytes of the largest skb of 1,448-byte segments; header and data of a frame of siw that fills one.
FACTS = {"06_kill_notlast_first": {"45", "65,160", "16", "1,428"}}


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
            said = re.sub(r"\]\([^)]*\)|`[^`]*`", "", "".join(cell["source"]))
            counts = plain(re.findall(rf"(?<![\w.-])({NUMBER})(?: [a-z-]+)? (?:{COUNTED})\b", said))
            assert {count for count in counts if float(count) >= 5} <= known, cell["id"]


def words(cells):
    """Count the words of a notebook's prose, without what links lead to."""
    text = " ".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return len(re.findall(r"\w+", re.sub(r"\]\([^)]*\)|<[^>]+>", "", text)))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_reading_takes_as_long_as_it_says(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    said = re.findall(r"Reading takes about (\d+) minutes", " ".join("".join(cell["source"]) for cell in cells))
    assert said == [str(5 * round(words(cells) / WORDS_A_MINUTE / 5))]
    teaching = (REPOSITORY / "docs" / "teaching.md").read_text(encoding="utf-8")
    assert f"| {path.stem[:2]} | {said[0]} |" in teaching


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_word_leads_to_the_glossary_where_it_is_first_used(path):
    cells = nbformat.read(path, as_version=4).cells
    linked = link_words.linked(cells, path.stem)
    assert [cell.id for cell, source in zip(cells, linked, strict=True) if cell.source != source] == []


def test_a_word_without_its_link_is_found_and_linked_once():
    cells = [
        nbformat.v4.new_markdown_cell(source)
        for source in ("# Frags", "`frag_alloc` and [a frag](x), a `frag` and skbs.", "A frag.")
    ]
    first, second, third = link_words.linked(cells, "03_x")
    assert first == cells[0].source and third == cells[2].source
    assert second.startswith('`frag_alloc` and [a frag](x), a [`frag`](00_start_here.ipynb#words-of-this-workbook "A p')
    assert "and [skbs](" in second
    again = [nbformat.v4.new_markdown_cell(source) for source in (first, second, third)]
    assert link_words.linked(again, "03_x") == [first, second, third]


def test_a_word_inside_a_longer_one_is_not_meant():
    sources = "Under memory pressure.", "Memory pressure aside, without pressure."
    cells = [nbformat.v4.new_markdown_cell(source) for source in sources]
    first, second = link_words.linked(cells, "03_x")
    assert first.startswith("Under [memory pressure](") and "Little memory is free" in first
    assert second.startswith("Memory pressure aside, without [pressure](")


# One meaning a word: a segment is on the wire, and the kernel stack is memory.
MIXED = re.compile(
    r"segments? of (an|the) (array|iovec)|(?<!kernel )stack (and|or|nor) static|static (and|or|nor) stack"
)
MIXED_UP = re.compile(r"(?<!kernel )stack memory|(put|lies|lay|header|built) (is )?on (the|its|a) stack\b")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_word_has_one_meaning(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    plain_text = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell.source) for cell in cells]
    assert [found[0] for text in plain_text for each in (MIXED, MIXED_UP) for found in each.finditer(text)] == []


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


def test_the_task_s_fragment_is_as_good_as_notebook_08_says():
    notebook = nbformat.read(REPOSITORY / "notebooks" / "08_fragment_allocators.ipynb", as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    said = re.search(r"is within (\d+) % of the best", cells["c10-verdict"].source)
    for name in ("coalesce", "coalesce-skbs"):
        printed = cells[name].outputs[0]["data"]["text/plain"]
        rows = [[int(number) for number in row.split()[-4:]] for row in re.findall(r"(?:True|False) .*", printed)]
        assert len(rows) == 8 and all(row[2] <= min(row) * (1 + int(said[1]) / 100) for row in rows)
