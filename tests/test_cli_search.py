"""A search for input that makes `splicelab predict` show a traceback, or print half a result."""

import contextlib
import copy
import io
import json
from pathlib import Path

import pytest
from hostile import many
from hypothesis import given
from hypothesis import strategies as st

from splicelab import cli

MESSAGE = {
    "calls": [["sendmsg", [700, 4096], ["MSG_MORE"]], ["splice", [["file", 4000, 5000]], []], ["sendfile", 100, 70000]],
    "receiver_reads": "after_message",
    "cwnd": 10,
    "goals": [[0, 0, 32741, 65482]],
    "acks": [[2, 0, 700]],
}
CONNECTION = {"id": "c", "kernel": "6.12", "mtu": 65536, "nodelay": 0, "kind": "mixed", "task_frag": None}
SCENARIO = CONNECTION | {"messages": [MESSAGE, MESSAGE]}
NUMBERS = st.integers(-2, 70_000) | st.sampled_from([1 << 20, 1 << 31, 1 << 63, 10**30]) | st.floats()
VALUES = st.recursive(st.none() | st.booleans() | NUMBERS | st.text(max_size=9), st.lists, max_leaves=4)


def places(value, path=()):
    """Yield the way to every value in a tree of lists and dicts."""
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, key))


PLACES = [path for path in places(SCENARIO) if path]


@pytest.mark.soak
@many
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3))
def test_any_line_gives_a_prediction_or_one_sentence(tmp_path_factory, changes):
    scenario = copy.deepcopy(SCENARIO)
    for path, value in changes:
        with contextlib.suppress(LookupError, TypeError):  # an earlier change may have taken the place away
            parent = scenario
            for key in path[:-1]:
                parent = parent[key]
            parent[path[-1]] = value
    file = Path(tmp_path_factory.getbasetemp()) / "scenarios.jsonl"
    file.write_text(json.dumps(CONNECTION | {"messages": [MESSAGE]}) + "\n" + json.dumps(scenario) + "\n")

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(["predict", str(file)])
    if status == 0:
        assert err.getvalue() == "" and len([json.loads(line) for line in out.getvalue().splitlines()]) == 2
    else:
        assert status == 2 and out.getvalue() == ""
        assert err.getvalue().startswith(f"splicelab: {file}:2: ") and err.getvalue().count("\n") == 1
