"""The Explorers of the notebooks, made by the cells that are stored there."""

import ast
import json
from functools import cache

from splicelab.paths import REPOSITORY

CELLS = {  # by notebook, what an Explorer's cell needs from cells before it
    "00_start_here": ["lead", "imports", "taste-bars", "explorer"],
    "01_slab_pages_and_lifetimes": ["imports", "explorer"],
    "02_one_message_three_sends": ["lead", "imports", "explorer"],
    "03_copy_in_the_stack": ["imports", "explorer"],
    "04_fix_the_callers": ["lead", "imports", "explorer"],
    "05_rewrite_before_send": ["lead", "imports", "explorer"],
    "06_kill_notlast_first": ["lead", "imports", "explored", "explorer"],
    "07_callbacks_and_copy_on_ref": ["lead", "imports", "explorer"],
    "08_fragment_allocators": ["one-header", "imports", "explorer"],
    "09_real_callers": ["imports", "operations", "explorer"],
    "10_your_kernel": ["lead", "imports", "explorer"],
    "11_verdict": ["lead", "explorer"],
}


@cache
def _cells(notebook):
    stored = json.loads((REPOSITORY / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8"))
    return {cell["id"]: "".join(cell["source"]) for cell in stored["cells"]}


def explorer_of(notebook):
    """Run the cells and return the Explorer that the last one ends in."""
    names = {}
    for place, cell in enumerate(CELLS[notebook]):
        *body, last = ast.parse(_cells(notebook)[cell]).body
        if place < len(CELLS[notebook]) - 1:
            body.append(last)
        exec(compile(ast.Module(body, []), notebook, "exec"), names)
    return eval(compile(ast.Expression(last.value), notebook, "eval"), names)
