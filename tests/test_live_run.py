"""A live run as a result: measured in processes of their own, kept, shown, and what stands in where there is none."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from jupyter_client.manager import start_new_kernel
from legible import assert_legible
from test_live import can_splice

from bench.keep import keep_run
from splicelab.evidence.live.loops import WAYS
from splicelab.evidence.live.measure import _child, _told, measure
from splicelab.evidence.live.run import crossing, live
from splicelab.evidence.live.sockets import LiveError, Shape
from splicelab.paths import REPOSITORY
from splicelab.show.live import CostCurves

NO_SPLICE = REPOSITORY / "tests" / "no_splice.py"
needs_splice = pytest.mark.skipif(not can_splice(), reason="this machine does not let a program splice to a socket")


@needs_splice
def test_a_run_that_is_given_up_ends_its_process():
    cells = [[[48, 4096, 4], "hot"]] * 500
    with _child({"cells": cells, "ways": WAYS, "route": "loopback", "rounds": 2, "sample_ms": 1.0}) as child:
        assert child.stdout.readline() == "ready\n"
        assert next(_told(child))["shape"] == [48, 4096, 4]
    children = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "live.measure"], capture_output=True, text=True)
    assert children.stdout == ""


@needs_splice
def test_a_run_measures_every_way_and_again_the_first(tmp_path):
    sizes = {"header_bytes": (48,), "payload_bytes": (1024, 4096)}
    samples = measure(sizes=sizes, processes=2, rounds=3, sample_ms=0.5, heats=("hot",))
    assert len(samples) == 2 * 2 * (len(WAYS) + 1) and (samples.ns_per_message > 100).all()
    assert samples.groupby("alternative").calls_per_message.first()["piecewise"] == 3
    run = live(stored=True)
    keep_run(run, tmp_path / "run.json")
    again = json.loads((tmp_path / "run.json").read_text())
    assert len(again["samples"]) == len(run.samples) and list(tmp_path.iterdir()) == [tmp_path / "run.json"]


def test_the_stored_run_says_so_and_has_every_part():
    run = live(stored=True)
    assert run.stored_because == "it was asked for" and "cpu" in run.provenance
    assert {"kernel", "profile", "predictions", "measurements", "break_even"} == set(run.plain())
    assert run.parts.ns[:-1].ge(0).all() and run.predictions.table.agrees.mean() >= 0.98
    figure = CostCurves.picture(run.show("cpu_kernel_ns", 1024, "cold"))
    assert "stored run" in figure.axes[0].get_title("left")
    assert_legible(figure)


@needs_splice
def test_a_program_that_may_not_splice_shows_the_stored_run_and_why():
    code = "from splicelab import live; run = live(quick=True); print(run.stored_because, run.predictions.html)"
    told = subprocess.run([sys.executable, NO_SPLICE, sys.executable, "-c", code], capture_output=True, text=True)
    assert "three_calls: Operation not permitted" in told.stdout and "(a stored run, since " in told.stdout, told.stderr


@needs_splice
def test_a_notebook_interrupts_a_run_within_a_second():
    manager, kernel = start_new_kernel()
    try:
        first = "from splicelab import live; from splicelab.evidence.live.forecast import forecast; forecast((1024,))"
        kernel.execute_interactive(first, timeout=120)  # compiled code is loaded in one piece, deaf meanwhile
        kernel.execute_interactive("1 / 0", timeout=120)  # a kernel's first traceback loads what writes it
        for after_s in (0.3, 5.0):  # while it predicts; while it measures
            asked = kernel.execute("live()", stop_on_error=False)  # or what comes soon after is not run
            time.sleep(after_s)
            manager.interrupt_kernel()
            start_s = time.monotonic()
            content = kernel.get_shell_msg(timeout=10)
            while content["parent_header"].get("msg_id") != asked:
                content = kernel.get_shell_msg(timeout=10)
            took_s = time.monotonic() - start_s
            assert content["content"].get("ename") == "KeyboardInterrupt", content["content"]
            assert took_s < 1
        children = subprocess.run(["pgrep", "-P", str(manager.provisioner.pid)], capture_output=True, text=True)
        assert children.stdout == "", "the processes that measure have gone"
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_machine_that_cannot_shows_the_stored_run_and_why(monkeypatch):
    def refuse(*_):
        raise LiveError("live: no splice here")

    monkeypatch.setattr("splicelab.evidence.live.run.forecast", refuse)
    assert live(quick=True).stored_because == "no splice here"


def test_without_the_compiler_the_stored_run_is_shown_and_why(monkeypatch):
    monkeypatch.setattr("splicelab.evidence.live.sockets.config.DISABLE_JIT", 1)
    assert live(quick=True).stored_because.startswith("NUMBA_DISABLE_JIT is set")


def test_break_even_is_that_of_the_middle_process_between_the_others():
    run, rows = live(stored=True), []
    for process, cross in enumerate((4000, 16000, None)):  # from where on piecewise is measured as cheaper
        for payload in (1000, 4000, 16000):
            ns = {"plain_copy": 100, "piecewise": 80 if cross and payload >= cross else 125}
            rows += [(way, 48, payload, 4, "hot", process, value) for way, value in ns.items()]
    columns = ["alternative", *Shape._fields, "heat", "process", "ns_per_message"]
    (even,) = replace(run, samples=pd.DataFrame(rows, columns=columns)).break_even.itertuples()
    assert (even.alternative, even.payload_bytes, even.low) == ("piecewise", pytest.approx(8000), pytest.approx(2000))
    assert np.isnan(even.high), "in one process it never is"


@pytest.mark.parametrize(
    ("ratio", "found"),
    [
        ([2, 1.5, 1.2], None),
        ([0.9, 0.8, 0.7], 1000),
        ([2, 0.5, 0.4], 2000),
        ([0.5, 2, 0.5], 6324.6),
        ([2, 2, 0.5], 6324.6),
    ],
)
def test_from_where_on_a_ratio_stays_below_one(ratio, found):
    at = crossing(pd.Series(ratio, index=[1000, 4000, 10000]))
    assert np.isnan(at) if found is None else at == pytest.approx(found, rel=1e-4)
