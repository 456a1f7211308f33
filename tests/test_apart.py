"""A reader's own alternative that reaches outside memory, or never ends, is told in words; the process goes on."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import nbformat
import pytest
from nbclient import NotebookClient

from splicelab import compare, run, search_orders
from splicelab._jit import jit
from splicelab.alternatives import alternative
from splicelab.errors import InputError
from splicelab.evidence.counted import apart
from splicelab.evidence.orders import programs
from splicelab.kernel.iov import iov_add, iov_begin
from splicelab.kernel.message import build
from splicelab.kernel.tcp import sendmsg
from splicelab.kernel.world import MSG_SPLICE_PAGES

pytestmark = pytest.mark.usefixtures("forget_own_alternatives")
OUTSIDE = r"mine: it reached outside all memory, or called itself without end \(SIG(SEGV|BUS)\), in message 1"


def copies_from_nowhere(w):
    iov_begin(w)
    iov_add(w, 1 << 45, w.plan[0].bytes)
    return sendmsg(w, 0)


def splices_from_nowhere(w):
    iov_begin(w)
    iov_add(w, 1 << 45, w.plan[0].bytes)
    return sendmsg(w, MSG_SPLICE_PAGES)


def writes_to_nowhere(w):
    for place in range(w.plan[0].pieces):
        w.piece[place].fate, w.piece[place].kept_address = 1, 1 << 45
        build(w, place)
    return 0


@jit
def deeper(w, depth):
    return deeper(w, depth + 1) + 1 if depth > 0 else 0


def calls_itself(w):
    return deeper(w, 1)


def ends_in_the_end_of_the_run(w):
    w.page_brk = 1 << 45
    return 0


@pytest.mark.parametrize(
    "wild", [copies_from_nowhere, splices_from_nowhere, writes_to_nowhere, calls_itself, ends_in_the_end_of_the_run]
)
def test_what_would_kill_the_process_is_told_in_words(wild):
    alternative("mine")(wild)
    with pytest.raises(InputError, match=OUTSIDE):
        run("siw", "mine", warm_up=0)
    assert multiprocessing.active_children() == []
    assert compare("siw", 4096, ("plain_copy",)).tallies["plain_copy"].outcome == "delivered"


def loops(w):
    while w.plan[0].pieces > 0:
        w.iov_count = 0
    return 0


def test_what_never_ends_is_ended(monkeypatch):
    monkeypatch.setattr(apart, "DEADLINE_S", 1)
    alternative("mine")(loops)
    with pytest.raises(InputError, match="mine: message 1 had not ended after 1 s: an endless loop?"):
        run("siw", "mine")
    assert multiprocessing.active_children() == []


def knots_the_queue(w):
    w.sock[0].read_head = 5
    w.skb[5].next = 5
    return 0


def test_nor_does_a_look_at_the_queue_hang(monkeypatch):
    monkeypatch.setattr(apart, "DEADLINE_S", 1)
    alternative("mine")(knots_the_queue)
    with pytest.raises(InputError, match="mine: message 3 had not ended after 1 s"):
        compare("siw", 4096, ("mine",))


@pytest.fixture
def ctrl_c():
    """Return what interrupts the test: Ctrl-C itself may be ignored where this runs."""
    before, test = signal.signal(signal.SIGALRM, signal.default_int_handler), threading.get_ident()
    yield lambda: signal.pthread_kill(test, signal.SIGALRM)
    signal.signal(signal.SIGALRM, before)


def test_an_interrupt_leaves_no_process_behind(ctrl_c):
    alternative("mine")(loops)
    deadline = time.monotonic() + 120

    def interrupt():  # once it is sent from the child: Python loses what comes while it forks
        while not multiprocessing.active_children() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.5)
        ctrl_c()

    with ThreadPoolExecutor(1) as beside, pytest.raises(KeyboardInterrupt):
        beside.submit(interrupt)
        run("siw", "mine")
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("killed", [False, True])
def test_a_search_that_is_broken_off_leaves_no_process_behind(killed, ctrl_c):
    slow = "kmalloc; write; send callback:header MORE; send attach:payload callback:trailer"

    def end():  # a terminal and Jupyter interrupt all processes; who has no memory left loses one
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL if killed else signal.SIGINT)
        if not killed:
            ctrl_c()

    threading.Timer(0.5, end).start()
    with pytest.raises(BrokenProcessPool if killed else KeyboardInterrupt):
        search_orders("slow", program=slow)
    assert multiprocessing.active_children() == []
    assert slow not in programs._KNOWN  # it was broken off, not waited for


WILD = """
from splicelab import compare
from splicelab.own import *
@alternative("wild")
def wild(w):
    w.page_brk = 1 << 45
    return 0
try:
    compare("siw", 4096, ("wild",))
except ValueError as error:
    print(error)
"""


@pytest.mark.long
def test_a_notebook_goes_on():
    cells = [nbformat.v4.new_code_cell(text) for text in (WILD, "print(compare('siw', 4096, ('plain_copy',)).caller)")]
    NotebookClient(notebook := nbformat.v4.new_notebook(cells=cells), kernel_name="python3").execute()
    said, then = (cell.outputs for cell in notebook.cells)
    assert [output.name for output in said] == ["stdout"] and "outside all memory" in said[0].text
    assert then[0].text == "siw\n"


def test_built_in_alternatives_pay_nothing(monkeypatch):
    monkeypatch.setattr(multiprocessing, "get_context", None)
    monkeypatch.setattr(apart, "shared_world", None)
    assert run("siw", "plain_copy").outcome == "delivered"
    alternative("mine")(loops)
    with pytest.raises(TypeError):
        run("siw", "mine")
