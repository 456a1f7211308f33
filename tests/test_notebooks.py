"""The shape of every stored notebook, the tool that writes them, and what a strict run notices."""

import ast
import json
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from splicelab.paths import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
EXEMPT = re.compile("nbval.(ignore.output|skip)", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|Users|tmp|work|opt|usr/lib|var)/\w|\b[A-Z]:\\")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def stored(request):
    """Return the notebook as it lies in the file: nothing repaired, nothing added."""
    return json.loads(request.param.read_text(encoding="utf-8"))


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell["outputs"]]


def test_the_first_line_is_the_title(stored):
    first = stored["cells"][0]
    assert first["cell_type"] == "markdown" and "".join(first["source"]).startswith("# ")


def test_it_was_run_from_top_to_bottom_and_nothing_failed(stored):
    assert [cell["execution_count"] for cell in code_cells(stored)] == list(range(1, len(code_cells(stored)) + 1))
    assert not [output for output in outputs(stored) if output["output_type"] == "error"]


def test_it_holds_no_widget_state_no_standard_error_and_no_timing(stored):
    assert "widgets" not in stored["metadata"] and "version" not in stored["metadata"]["language_info"]
    assert not [output for output in outputs(stored) if output.get("name") == "stderr"]
    assert not [output for output in outputs(stored) if any("widget-view" in kind for kind in output.get("data", {}))]
    assert all(set(cell["metadata"]) <= {"jupyter", "tags"} for cell in stored["cells"])


def test_every_picture_is_said_in_words(stored):
    pictures = [output for output in outputs(stored) if "image/png" in output.get("data", {})]
    words = [output["metadata"].get("image/png", {}).get("alt", "") for output in pictures]
    assert pictures and all(len(alt.split()) > 3 for alt in words)


def test_every_cell_has_an_id_of_its_own(stored):
    ids = [cell["id"] for cell in stored["cells"]]
    assert len(set(ids)) == len(ids)


def test_at_most_one_cell_in_twenty_is_exempt_from_comparison(stored):
    cells = code_cells(stored)
    exempt = [cell for cell in cells if EXEMPT.search("".join(cell["source"]) + str(cell["metadata"].get("tags")))]
    assert len(exempt) <= 0.05 * len(cells)


def test_cells_are_short_and_define_no_class(stored):
    sources = ["".join(cell["source"]) for cell in code_cells(stored)]
    open_cells = [cell for cell in code_cells(stored) if "answer" not in cell["metadata"].get("tags", [])]
    assert max(len(source.splitlines()) for source in sources) <= 25
    assert 1 <= statistics.median(len("".join(cell["source"]).splitlines()) for cell in open_cells) <= 5
    assert not [source for source in sources if re.search(r"^\s*class ", source, re.MULTILINE)]


def test_imports_are_few_and_do_not_stand_before_the_first_idea(stored):
    first, *_ = code_cells(stored)
    tree = ast.parse("".join(first["source"]))
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    importing = next((cell for cell in code_cells(stored) if cell["id"] == "imports"), first)
    assert len(imports) <= 3 and len("".join(importing["source"]).splitlines()) <= 5
    assert any("image/png" in output.get("data", {}) for output in first["outputs"]), "the key picture comes first"


def test_an_explorer_takes_at_most_six_lines(stored):
    for source in ("".join(cell["source"]) for cell in code_cells(stored)):
        if re.search(r"^explore\(", source, re.MULTILINE):
            tree = ast.parse(source)
            defined = {
                line
                for node in tree.body
                if isinstance(node, ast.FunctionDef | ast.ImportFrom)
                for line in range(node.lineno, node.end_lineno + 1)
            }
            lines = {number for number, line in enumerate(source.splitlines(), 1) if line.strip()}
            assert len(lines - defined) <= 6, source


def test_verdicts_stand_in_one_place(stored):
    for cell in stored["cells"]:
        text = "".join(cell["source"])
        assert cell["cell_type"] == "code" or not re.search(r"[Vv]erdict on \W*C\d|\| *verdict *\|", text), text


def test_it_stays_below_500_kilobytes(stored):
    assert len(json.dumps(stored)) < 500_000


def test_no_output_names_a_folder_of_the_writer_s_machine(stored):
    for output in outputs(stored):
        texts = [output.get("text", ""), *(v for k, v in output.get("data", {}).items() if k.startswith("text/"))]
        for text in texts:
            assert not MACHINE_PATH.search("".join(text)), "".join(text)[:300]


CELLS = {
    "counted": "print('3 copies')",
    "table": "import pandas\n\npandas.DataFrame({'copies': [3]})",
    "timed": "from IPython.display import display\n\n"
    "display({'text/plain': 'timed: 5 samples, see table', 'text/html': '17 ns'}, raw=True)",
    "noise": "import sys\n\nprint('progress', file=sys.stderr)",
}


@pytest.fixture
def workbook(tmp_path):
    """Return a notebook in a repository of its own, with the writer and the settings of strict runs beside it."""
    for name in ("conftest.py", "tests/nbval.cfg", "tools/write_notebooks.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / "pytest.ini").touch()
    cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in CELLS.items()]
    path = tmp_path / "notebooks" / "00_sample.ipynb"
    path.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def run(workbook: Path, *command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *command], cwd=workbook.parents[1], capture_output=True, text=True, timeout=120
    )


def strict(workbook: Path) -> str:
    return run(workbook, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "notebooks").stdout.splitlines()[-1]


def test_the_writer_is_repeatable_and_a_changed_digit_is_noticed(workbook):
    assert run(workbook, "tools/write_notebooks.py").returncode == 0
    first = workbook.read_text()
    assert run(workbook, "tools/write_notebooks.py").returncode == 0
    assert workbook.read_text() == first
    assert "progress\\n" not in first and run(workbook, "tools/write_notebooks.py", "--check").returncode == 0

    workbook.write_text(first.replace('"17 ns"', '"18 ns"'))
    assert "4 passed" in strict(workbook)
    workbook.write_text(first.replace('"3 copies\\n"', '"4 copies\\n"').replace("<td>3</td>", "<td>4</td>"))
    assert "2 failed, 2 passed" in strict(workbook)
    assert "+3 copies" in run(workbook, "tools/write_notebooks.py", "--check").stderr


def test_the_writer_leaves_a_failing_notebook_as_it_was(workbook):
    notebook = nbformat.read(workbook, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("1 / 0", id="wrong", metadata={"tags": ["raises-exception"]}))
    nbformat.write(notebook, workbook)
    before = workbook.read_text()
    done = run(workbook, "tools/write_notebooks.py")
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr
    assert workbook.read_text() == before and list(workbook.parent.iterdir()) == [workbook]
