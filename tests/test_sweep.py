"""The sweep: one table whatever runs it, rows that survive an interruption, and refusals that say where."""

import contextlib
import dbm.dumb
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
from pandas.testing import assert_frame_equal

from splicelab.errors import InputError
from splicelab.evidence.counted import sweep as module
from splicelab.evidence.counted.compare import pick_caller
from splicelab.evidence.counted.run import run
from splicelab.evidence.counted.sweep import sweep
from splicelab.evidence.counted.tally import Tally

GRID = {
    "caller": ["siw", "iscsi_tcp"],
    "alternative": ["copy_in_stack", "fix_callers"],
    "allocator": ["page_frag_down", "v3_per_cpu"],
    "ack_delay": range(0, 30, 15),
    "messages": 50,
}


class Inline(Executor):
    """An executor that runs each call at once, and is interrupted after so many."""

    def __init__(self, calls=10**9):
        self.calls, self.ran = calls, 0

    def submit(self, function, *arguments):
        if self.ran == self.calls:
            raise KeyboardInterrupt
        self.ran += 1
        future = Future()
        future.set_result(function(*arguments))
        return future


@pytest.fixture(scope="module")
def table():
    return sweep(GRID, Inline()).table


def test_a_row_is_a_run(table):
    assert len(table) == 16 and list(table["ack_delay"][:3]) == [0, 15, 0]
    row = table.iloc[6]
    options = {"allocator": row.allocator, "ack_delay": int(row.ack_delay), "messages": 50, "moves_bytes": False}
    tally = run(pick_caller(row.caller), row.alternative, **options)
    assert Tally(*row[list(Tally._fields)]) == tally and row.outcome == "taken"


def test_threads_give_the_same_table(table):
    assert_frame_equal(sweep(GRID).table, table)
    with ThreadPoolExecutor(5) as threads:
        assert_frame_equal(sweep(GRID, threads).table, table)


def test_processes_give_the_same_table(table):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        assert_frame_equal(sweep(GRID, processes).table, table)


def test_a_dask_cluster_gives_the_same_table(table):
    distributed = pytest.importorskip("distributed", reason="dask is not installed: pip install 'splicelab[dask]'")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        assert len(client.scheduler_info()["workers"]) == 2
        found = sweep(GRID, client.get_executor()).table
    assert found.to_csv() == table.to_csv()
    assert_frame_equal(found, table)


@pytest.mark.parametrize("kind", ["dict", "file"])
def test_an_interrupted_sweep_goes_on_with_the_rest(table, tmp_path, kind):
    with contextlib.nullcontext({}) if kind == "dict" else dbm.dumb.open(str(tmp_path / "rows"), "c") as rows:
        with pytest.raises(KeyboardInterrupt):
            sweep(GRID, Inline(5), rows)
    with contextlib.nullcontext(rows) if kind == "dict" else dbm.dumb.open(str(tmp_path / "rows"), "c") as rows:
        rest = Inline()
        assert_frame_equal(sweep(GRID, rest, rows).table, table)
        assert rest.ran < 16 - 1
        done = Inline(0)
        assert_frame_equal(sweep(GRID, done, rows).table, table)
        assert_frame_equal(sweep({**GRID, "caller": "siw"}, done, rows).table, table[:8])


def test_an_interruption_in_a_thread_keeps_what_is_done(monkeypatch):
    calls, count_cell, rows = [], module.count_cell, {}

    def interrupt_the_third(cell):
        calls.append(cell)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return count_cell(cell)

    monkeypatch.setattr(module, "count_cell", interrupt_the_third)
    with ThreadPoolExecutor(1) as one, pytest.raises(KeyboardInterrupt):
        sweep(GRID, one, rows)
    assert len(rows) >= 2 and len(calls) <= 16


def test_rows_of_other_sources_are_counted_anew(monkeypatch):
    rows, grid = {}, {"caller": "siw", "alternative": "plain_copy", "messages": 1}
    monkeypatch.setattr(module, "sources_key", lambda part: "others")
    sweep(grid, finished=rows)
    monkeypatch.undo()
    sweep(grid, finished=rows)
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"allocators": "kmalloc"}, "grid: 'allocators' is not one of caller"),
        ({"allocator": ["kmaloc"]}, "grid: allocator: 'kmaloc' is not one of page_frag_down"),
        ({"caller": "siv"}, "grid: caller: 'siv' is not one of siw"),
        ({"ack_delay": []}, "grid: ack_delay: no value"),
    ],
)
def test_a_name_in_no_table_is_refused_before_anything_runs(change, said):
    with pytest.raises(InputError, match=said):
        sweep(GRID | change, Inline(0))
    with pytest.raises(InputError, match="grid: no alternative"):
        sweep({"caller": "siw"})


def test_what_cannot_be_sent_is_a_row_that_says_so():
    found = sweep({"caller": "siw", "alternative": "plain_copy", "payload_bytes": [4096, 1 << 21], "messages": 1}).table
    assert found["outcome"][0] == "taken" and found["outcome"][1].startswith("not run: ")
    assert found["sends"].isna().tolist() == [False, True]


def test_with_bytes_moved_the_outcome_is_what_arrived():
    grid = {"caller": "iscsi_tcp", "alternative": "copy_in_stack", "profile": ["6.12", "6.12+v3"]}
    found = sweep({**grid, "messages": 5, "moves_bytes": True}).table
    assert list(found["outcome"]) == ["refused (-EIO)", "delivered"]
