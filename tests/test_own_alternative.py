"""A new alternative: one file and one name in the package, or one function in a cell; one line where it is no good."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from splicelab._jit import jit
from splicelab.alternatives import BUILT_IN, OWN, alternative
from splicelab.callers import load_callers
from splicelab.errors import InputError
from splicelab.evidence.counted.compare import compare
from splicelab.evidence.counted.message import trace_message
from splicelab.evidence.counted.run import run
from splicelab.kernel.iov import iov_begin
from splicelab.kernel.message import add_piece, build, release
from splicelab.kernel.tcp import sendmsg
from splicelab.kernel.world import MSG_MORE
from splicelab.paths import DATA, REPOSITORY

CALLERS = load_callers()
SIW = CALLERS["siw"]
LONG = pytest.mark.long  # each compiles for seconds
pytestmark = pytest.mark.usefixtures("forget_own_alternatives")


def test_one_file_and_one_name_register_a_new_one(tmp_path):
    """Tried in a copy of the package, as plain Python: nothing else has to be touched."""
    shutil.copytree(REPOSITORY / "splicelab", tmp_path / "splicelab", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "data").mkdir()
    shutil.copy(DATA / "callers.csv", tmp_path / "data")
    folder = tmp_path / "splicelab" / "alternatives"
    text = (folder / "plain_copy.py").read_text().replace("def plain_copy(", "def copy_again(")
    (folder / "copy_again.py").write_text(text)
    registry = folder / "__init__.py"
    text, count = re.subn(r"(BUILT_IN = \(\n)", r'\1    "copy_again",\n', registry.read_text())
    assert count == 1
    registry.write_text(text)
    arguments = ["-m", "splicelab", "compare", "--caller", "siw", "--payload", "100"]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    _, columns, outcomes, *_ = done.stdout.splitlines()
    assert columns.split()[1:3] == ["copy_again", "plain_copy"] and outcomes.split()[1:3] == ["delivered"] * 2


def header_apart(w):
    """Copy all pieces but the last in one call and the last in another."""
    last = w.plan[0].pieces - 1
    iov_begin(w)
    for place in range(last + 1):
        build(w, place)
    for place in range(last):
        add_piece(w, place)
    sent = sendmsg(w, MSG_MORE)
    iov_begin(w)
    add_piece(w, last)
    sent += sendmsg(w, 0)
    for place in range(last + 1):
        release(w, place)
    return sent


def test_a_readers_own_function_stands_beside_the_others():
    alternative("header apart")(header_apart)
    comparison = compare("siw", 8192)
    assert list(comparison.tallies) == [*BUILT_IN, "header apart"]
    own, plain = comparison.tallies["header apart"], comparison.tallies["plain_copy"]
    assert own.outcome == "delivered" and own.sends == 2
    assert own.copied_bytes == plain.copied_bytes
    tally = run(SIW, "header apart", "6.1", 20, payload_bytes=5000, ack_delay=2, lose_every=3)
    assert tally.outcome == "delivered" and tally.received_bytes >= 20 * 5020


def test_a_cell_may_be_run_again_with_a_changed_function():
    alternative("mine")(header_apart)
    assert run(SIW, "mine").sends == 2

    @alternative("mine")
    def nothing(w):
        return -5

    assert run(SIW, "mine").ending == "refused (-EIO)"


def test_what_nobody_asked_the_stack_to_take_was_not_refused():
    alternative("mine")(lambda w: 0)
    assert {column.way for column in trace_message("siw", "mine").columns} == {"not sent"}
    for wrong, said in ((3, "messages: 3, not 1 to 1"), (None, "messages: must be a valid integer")):
        with pytest.raises(InputError, match=said):
            trace_message("siw", "mine", messages=wrong)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_names_of_the_package_are_taken(name):
    with pytest.raises(InputError, match=f"alternative: '{name}' is taken by the package"):
        alternative(name)(header_apart)
    assert name not in OWN


@jit
def build_all(w):
    for place in range(w.plan[0].pieces):
        build(w, place)


def what_is_said(function, run_it=False):
    with pytest.raises(InputError) as caught:
        alternative("mine")(function)
        if run_it:
            run(SIW, "mine")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def misspells(w):
    return sendmsgg(w, 0)  # noqa: F821


def misnames(w):
    return w.plan[0].peices


def asks_too_much(w):
    return iov_begin(w, 3)


def yields(w):
    yield 0


def says_nothing(w):
    build_all(w)


def divides(w):
    return 1 // (w.plan[0].pieces * 0)


def reaches_too_far(w):
    return w.piece[100_000].role


def test_a_function_that_cannot_be_compiled_gets_one_line_in_its_own_cell():
    assert what_is_said(misspells) == "mine: does not compile: NameError: name 'sendmsgg' is not defined"
    assert what_is_said(misnames) == "mine: does not compile: KeyError: 'peices'"
    assert what_is_said(yields).endswith("is no Python function, or yields")
    said = what_is_said(asks_too_much)
    assert said.startswith("mine: does not compile: ") and "too many positional arguments" in said
    assert said.endswith(f", line {asks_too_much.__code__.co_firstlineno + 1}")
    assert what_is_said(says_nothing) == "mine: returns none, not the bytes taken or a negative errno"
    assert "mine" not in OWN


def test_what_it_raises_is_one_line():
    assert what_is_said(divides, True) == "mine: ZeroDivisionError: integer division by zero, in message 1"
    assert what_is_said(reaches_too_far, True) == "mine: IndexError: index is out of bounds, in message 1"


def test_one_that_makes_no_call_is_seen_to_make_none():
    alternative("silent")(lambda w: 0)
    trace = trace_message("siw", "silent")
    assert trace.tally.ending == "short send" and trace.places["caller"] == "0 calls" and trace.figure is not None
