"""Class live of the bench: rows like those of the other classes, and a line where there is no iperf3."""

import shutil
from types import SimpleNamespace

import pytest
from test_bench import ROW, needs_gcc
from test_live import can_splice

from bench import compare, live
from splicelab.evidence.live import loops
from splicelab.evidence.live.sockets import Shape, open_wire

pytestmark = pytest.mark.skipif(not can_splice(), reason="this machine does not let a program splice to a socket")


def test_without_iperf3_it_is_a_line(monkeypatch, capsys):
    monkeypatch.setattr(live.shutil, "which", lambda name: None)
    assert live.run() == []
    assert capsys.readouterr().out == "live    no iperf3 on the path, so nothing to compare with: apt install iperf3\n"


@pytest.mark.parametrize("way", dict.fromkeys(way for _, way, _ in live.CASES))
def test_a_buffer_takes_a_time(way, monkeypatch):
    monkeypatch.setattr(live.os, "sched_setaffinity", lambda *_: None)  # this process goes on
    assert 100 < live.send_here(way, 16384, 1 << 22) < 1e7


@needs_gcc
@pytest.mark.parametrize("payload_bytes", [4096, 200_000])
@pytest.mark.parametrize("way", [live.PLAIN_COPY, live.FIX_CALLERS])
def test_c_sends_the_same_bytes(way, payload_bytes, tmp_path):
    shape, told = Shape(48, payload_bytes, 4), []
    send_in_c = live.sending_side(way, compare.build("gcc", tmp_path)).send_messages
    for side in (loops, SimpleNamespace(send_messages=send_in_c, receive=loops.receive)):
        with open_wire(shape, side=side) as wire:
            before = wire.at_rest()
            for _ in range(3):
                wire.send(way)  # every byte is compared
            after = wire.at_rest()
            told.append(after["bytes sent"] - before["bytes sent"])
    assert told == [3 * sum(shape)] * 2


def test_a_ratio_below_95_percent_is_over_and_what_the_pieces_take_is_shown():
    assert compare.verdict(ROW | {"class": "live", "ratio": 1.04, "low": 1.03}) == "within"
    assert compare.verdict(ROW | {"class": "live", "ratio": 1.07, "low": 1.06}) == "over"
    assert compare.format_row(ROW | {"class": "pieces", "ratio": 1.3, "low": 1.2}).endswith("bound none   shown")


@pytest.mark.skipif(shutil.which("iperf3") is None, reason="no iperf3: apt install iperf3")
def test_rows_have_their_fields_and_their_samples(monkeypatch):
    monkeypatch.setattr(live, "CONNECTIONS", 1)
    monkeypatch.setattr(live, "BUFFERS", [16384])
    monkeypatch.setattr(live, "CASES", live.CASES[2::2])  # one of each reference
    rows = live.run(rounds=2, send_bytes=1 << 24)
    assert [row["reference"] for row in rows] == [live.SPLICED, live.IN_C, live.SPLICED]
    assert all(set(row) == {*ROW, "samples_ns"} and row["ratio"] > 0 for row in rows)
    too_few = 2 * live.MOST_TIMES  # for an A/A interval: as where the machine is not quiet
    assert {len(column) for row in rows for column in row["samples_ns"].values()} == {too_few}
