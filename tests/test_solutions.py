"""Exercises: each leaves an answer open in a cell; its solution stands elsewhere, and the same cell calls it right."""

import ast
import atexit
import json
import re

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from splicelab.paths import REPOSITORY

TEXT = (REPOSITORY / "docs" / "solutions.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r"^### (\d\d-\d)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
SOLUTIONS = {name: re.search(r"```python\n(.*?)```", text, re.DOTALL)[1] for name, text in SECTIONS}
CELLS = {
    path.name[:2]: json.loads(path.read_text(encoding="utf-8"))["cells"]
    for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
}
ANSWERS = {
    f"{number}-{cell['id'].removeprefix('answer-')}": cell
    for number, cells in CELLS.items()
    for cell in cells
    if "answer" in cell["metadata"].get("tags", [])
}


def source(cell):
    return "".join(cell["source"])


def judged(code, number):
    """Run a notebook's first cell, its imports and one cell more; return what its checks said."""
    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    atexit.unregister(shell.atexit_operations)  # each would look through all memory for garbage: half a minute
    code_cells = [cell for cell in CELLS[number] if cell["cell_type"] == "code"]
    for cell in (one for one in code_cells if one is code_cells[0] or one["id"] == "imports"):
        shell.run_cell(source(cell)).raise_error()
    done = shell.run_cell(code)
    done.raise_error()
    return repr(done.result).splitlines()


def test_each_answer_has_a_solution_and_each_task_leads_to_it():
    assert list(SOLUTIONS) == list(ANSWERS) and ANSWERS
    links = {
        (number, link)
        for number, cells in CELLS.items()
        for cell in cells
        for link in re.findall(r"\(\.\./docs/solutions\.md#([\w-]+)\)", source(cell))
    }
    assert links == {(name[:2], name) for name in SOLUTIONS}


def test_no_notebook_holds_a_solution():
    texts = [source(cell) for cells in CELLS.values() for cell in cells]
    assert not [text for text in texts if "<summary>Solution" in text or "celltag_solution" in text]
    assert not [cell["id"] for cells in CELLS.values() for cell in cells if cell["id"].startswith("solution")]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_stored_open(name):
    outputs = ANSWERS[name]["outputs"]
    said = [line for output in outputs for line in "".join(output["data"]["text/plain"]).splitlines()]
    assert said and all(line.startswith("open  ") for line in said)


def wrong(code, stub):
    """Return a solution with another value for each name that is open in the notebook's cell."""
    names = {target.id for node in ast.parse(stub).body if isinstance(node, ast.Assign) for target in opened(node)}
    tree = ast.parse(code)
    for node in tree.body:
        if isinstance(node, ast.Assign) and names & {
            at.id for at in ast.walk(node.targets[0]) if isinstance(at, ast.Name)
        }:
            for place in ast.walk(node.value):
                if isinstance(place, ast.Constant):
                    place.value = place.value + 4 if isinstance(place.value, int) else other(place.value)
            if isinstance(node.value, ast.List) and not node.value.elts:
                node.value.elts.append(ast.Constant("slab"))
    return ast.unparse(tree)


def other(words):
    """Return another program, or the name of another way."""
    return words.replace("kfree; ", "") + "; kfree" if "kfree" in words else "copy_in_stack"


def opened(node):
    """Return the names that an assignment leaves open."""
    targets, values = ((one.elts if isinstance(one, ast.Tuple) else [one]) for one in (node.targets[0], node.value))
    return [
        name
        for name, value in zip(targets, values, strict=False)
        if isinstance(value, ast.Constant) and value.value is ...
    ]


@pytest.mark.usefixtures("forget_own_alternatives")
@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_is_right_and_another_answer_is_wrong(name):
    said = judged(SOLUTIONS[name], name[:2])
    assert said and all(line.startswith("ok    ") for line in said)
    stub = source(ANSWERS[name])
    check = ast.unparse(ast.parse(stub).body[-1])
    assert check == ast.unparse(ast.parse(SOLUTIONS[name]).body[-1]), "the notebook's own check"
    assert any(line.startswith("WRONG ") for line in judged(wrong(SOLUTIONS[name], stub), name[:2]))
