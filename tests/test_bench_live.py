"""Class live of the bench: rows like those of the other classes, and a line where there is no iperf3."""

import shutil

import pytest
from test_bench import ROW
from test_live import can_splice

from bench import compare, live

pytestmark = pytest.mark.skipif(not can_splice(), reason="this machine does not let a program splice to a socket")


def test_without_iperf3_it_is_a_line(monkeypatch, capsys):
    monkeypatch.setattr(live.shutil, "which", lambda name: None)
    assert live.run() == []
    assert capsys.readouterr().out == "live    no iperf3 on the path, so nothing to compare with: apt install iperf3\n"


@pytest.mark.parametrize("way", live.WAYS)
def test_a_buffer_takes_a_time(way, monkeypatch):
    monkeypatch.setattr(live.os, "sched_setaffinity", lambda *_: None)  # this process goes on
    assert 100 < live.send_here(way, 16384, 1 << 22) < 1e7


def test_a_ratio_below_95_percent_is_over():
    assert compare.verdict(ROW | {"class": "live", "ratio": 1.04, "low": 1.03}) == "within"
    assert compare.verdict(ROW | {"class": "live", "ratio": 1.07, "low": 1.06}) == "over"


@pytest.mark.skipif(shutil.which("iperf3") is None, reason="no iperf3: apt install iperf3")
def test_rows_have_their_fields_and_their_samples():
    rows = live.run(rounds=2, send_bytes=1 << 24)
    assert len(rows) == 2 * len(live.WAYS)
    assert all(set(row) == {*ROW, "samples_ns"} and row["ratio"] > 0 for row in rows)
    assert {len(column) for row in rows for column in row["samples_ns"].values()} == {2}
