"""A new alternative: one file and one name in the package, or one function in a cell; and a wrong one is told so."""

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
from splicelab.evidence.compare import compare
from splicelab.evidence.counted import outcome, run
from splicelab.kernel.frag import PAGE_PER_OBJECT, frag_alloc, frag_free
from splicelab.kernel.iov import iov_begin
from splicelab.kernel.memory import get_page, put_page
from splicelab.kernel.message import add_piece, build, release, splice_flag
from splicelab.kernel.slab import kfree, kmalloc
from splicelab.kernel.tcp import sendmsg
from splicelab.kernel.world import MSG_MORE, PAGE_SIZE
from splicelab.paths import DATA, REPOSITORY

CALLERS = load_callers()
SIW = CALLERS["siw"]
LONG = pytest.mark.long  # each compiles for seconds


@pytest.fixture(autouse=True)
def forget():
    yield
    OWN.clear()


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
    assert [row["alternative"] for row in comparison["rows"]] == [*BUILT_IN, "header apart"]
    own, plain = comparison["rows"][-1], comparison["rows"][0]
    assert own["outcome"] == "delivered" and own["counters"]["sends"] == 2
    assert own["counters"]["copied_bytes"] == plain["counters"]["copied_bytes"]
    tally = run(SIW, "header apart", "6.1", 20, payload_bytes=5000, ack_delay=2, lose_every=3)
    assert outcome(tally) == "delivered" and tally.received_bytes >= 20 * 5020


def test_a_cell_may_be_run_again_with_a_changed_function():
    alternative("mine")(header_apart)
    assert run(SIW, "mine").sends == 2

    @alternative("mine")
    def nothing(w):
        return -5

    assert outcome(run(SIW, "mine")) == "refused (-EIO)"


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_names_of_the_package_are_taken(name):
    with pytest.raises(InputError, match=f"alternative: '{name}' is taken by the package"):
        alternative(name)(header_apart)
    assert name not in OWN


@jit
def build_all(w):
    for place in range(w.plan[0].pieces):
        build(w, place)


@jit
def send_first(w, count, flags):
    iov_begin(w)
    for place in range(count):
        add_piece(w, place)
    return sendmsg(w, flags)


@jit
def right(w):
    build_all(w)
    sent = send_first(w, w.plan[0].pieces, 0)
    for place in range(w.plan[0].pieces):
        release(w, place)
    return sent


def leaks_a_reference(w):
    get_page(w, w.piece[1].address // PAGE_SIZE)
    return right(w)


def leaks_an_object(w):
    kmalloc(w, 16)
    return right(w)


def leaks_a_fragment(w):
    frag_alloc(w, w.plan[0].allocator, 16)
    return right(w)


def forgets_to_release(w):
    build_all(w)
    return send_first(w, w.plan[0].pieces, 0)


def puts_twice(w):
    page = frag_alloc(w, PAGE_PER_OBJECT, 16)
    frag_free(w, PAGE_PER_OBJECT, page)
    frag_free(w, PAGE_PER_OBJECT, page)
    return right(w)


def drops_the_callers_page(w):
    sent = right(w)
    put_page(w, w.piece[1].address // PAGE_SIZE)
    return sent


def frees_twice(w):
    address = kmalloc(w, 16)
    kfree(w, address)
    kfree(w, address)
    return right(w)


@pytest.mark.parametrize(
    "wrong, told",
    [
        (leaks_a_reference, "leaked"),
        pytest.param(leaks_an_object, "leaked", marks=LONG),
        pytest.param(leaks_a_fragment, "leaked", marks=LONG),
        (forgets_to_release, "leaked"),
        (puts_twice, "double_put"),
        pytest.param(drops_the_callers_page, "double_put", marks=LONG),
        (frees_twice, "leaked -"),
    ],
)
def test_what_breaks_memory_is_an_error_that_names_the_alternative(wrong, told):
    alternative("mine")(wrong)
    with pytest.raises(RuntimeError, match=f"mine on 6.12: .*{told}"):
        run(CALLERS["iscsi_tcp"], "mine", "6.12", trailer_bytes=4)
    OWN.clear()
    assert outcome(run(SIW, "plain_copy")) == "delivered", "the next run begins afresh"


def forgets_the_trailer(w):
    build_all(w)
    return send_first(w, w.plan[0].pieces - 1, 0)


def forgets_it_and_says_that_all_went(w):
    build_all(w)
    send_first(w, w.plan[0].pieces - 1, 0)
    return w.plan[0].bytes


def sends_before_it_builds(w):
    for place in range(w.plan[0].pieces):
        w.piece[place].address = w.piece[place].kept_address
    sent = send_first(w, w.plan[0].pieces, 0)
    build_all(w)
    return sent


def swaps_header_and_trailer(w):
    build_all(w)
    iov_begin(w)
    for place in range(w.plan[0].pieces - 1, -1, -1):
        add_piece(w, place)
    return sendmsg(w, 0)


def attaches_what_is_rewritten(w):
    build_all(w)
    return send_first(w, w.plan[0].pieces, splice_flag(w))


@pytest.mark.parametrize(
    "wrong, told",
    [
        (forgets_the_trailer, "short send"),
        (forgets_it_and_says_that_all_went, "short send"),
        pytest.param(sends_before_it_builds, "corrupt bytes", marks=LONG),
        pytest.param(swaps_header_and_trailer, "corrupt bytes", marks=LONG),
        (attaches_what_is_rewritten, "corrupt bytes"),
    ],
)
def test_what_spoils_the_message_is_its_outcome(wrong, told):
    alternative("mine")(wrong)
    owners = {"header": "static", "trailer": "static"}
    assert outcome(run(SIW, "mine", "6.12", 8, owners=owners, ack_delay=1, lose_every=2)) == told
