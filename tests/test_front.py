"""The front door: few names, each explained, summarised in the map and tried; and the map says what there is."""

import ast
import dataclasses
import doctest
import importlib
import inspect
import pickle
import re

import pytest

import splicelab
from splicelab import own
from splicelab.evidence.counted.layers import Layers
from splicelab.evidence.orders.search import Verdict
from splicelab.paths import REPOSITORY
from splicelab.result import Result

MAP = REPOSITORY / "docs" / "map.md"
OFFERED = {name: getattr(splicelab, name) for name in splicelab.__all__ if name != "own"}
OWN = {name: value for name, value in vars(own).items() if callable(value) and not name.startswith("_")}
OFFERED |= {f"own.{name}": value for name, value in OWN.items()}


def doc(value):
    return inspect.cleandoc(getattr(value, "py_func", value).__doc__)


def test_there_are_at_most_45_names():
    assert 20 < len(OFFERED) <= 45


@pytest.mark.parametrize("name", OFFERED)
def test_each_is_explained_and_the_map_says_its_first_line(name):
    first = doc(OFFERED[name]).splitlines()[0]
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.+) \|$", MAP.read_text(), re.MULTILINE))
    assert rows[name] == first.replace("|", r"\|")


def test_the_map_lists_no_name_that_is_not_there():
    assert set(re.findall(r"^\| `([\w.]+)` \|", MAP.read_text(), re.MULTILINE)) == set(OFFERED)


@pytest.mark.parametrize("name", [name for name in OFFERED if not name.startswith("own.")])
def test_each_has_an_example_that_runs(name):
    examples = doctest.DocTestParser().get_doctest(doc(OFFERED[name]), {}, name, None, 0)
    assert examples.examples
    assert doctest.DocTestRunner(verbose=False).run(examples).failed == 0


@pytest.mark.usefixtures("forget_own_alternatives")
def test_the_map_s_examples_run_and_use_all_that_an_alternative_needs():
    text = MAP.read_text()
    assert all(re.search(rf"\b{name}\(", text) for name in OWN)
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)):
        path = REPOSITORY / "build" / f"map_{number}.py"  # numba and inspect want a file
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
        exec(compile(code, str(path), "exec"), {"__name__": f"map_{number}"})


def test_every_path_and_name_on_the_map_exists():
    found = re.findall(
        r"`((?:splicelab|tests|notebooks|data|bench|docs|tools)/[\w./-]*)(?:: (\w+(?:, \w+)*))?`", MAP.read_text()
    )
    assert len(found) > 30
    for path, names in found:
        assert (REPOSITORY / path).exists(), path
        if names:
            tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
            there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            there |= {
                n.id
                for node in tree.body
                if isinstance(node, ast.Assign)
                for t in node.targets
                for n in ast.walk(t)
                if isinstance(n, ast.Name)
            }
            assert set(names.split(", ")) <= there, f"{path}: {names}"


def kinds(kind=Result):
    for child in kind.__subclasses__():
        yield child
        yield from kinds(child)


def test_every_kind_of_result_has_a_text_and_a_picture_or_table_of_its_own():
    importlib.import_module("splicelab.show")
    assert len(set(kinds())) > 10
    for kind in kinds():
        assert kind.shown is not None or "text" in dir(kind), kind


def test_a_kind_with_fields_is_frozen_and_one_without_stays_as_it_was():
    verdict = Verdict("mine", 1, 1, 0, {})
    assert pickle.loads(pickle.dumps(verdict)) == verdict == dataclasses.replace(verdict)
    assert dataclasses.replace(verdict, states=2) != verdict and repr(verdict) == verdict.text
    with pytest.raises(dataclasses.FrozenInstanceError):
        verdict.states = 2
    assert Layers.__eq__ is object.__eq__ and not dataclasses.is_dataclass(Layers)
