"""make bench: one command, and every part of it in one file."""

import json

import bench.__main__ as everything
from bench import live

ROW = {"class": "message", "kernel": "k", "ratio": 1.0}


def test_one_command_keeps_what_each_part_found(monkeypatch, tmp_path):
    for part in ("growth", "sweep", "scaling", "use", "reader", "trace"):
        monkeypatch.setattr(getattr(everything, part), "run", lambda *_, part=part: [part])
    facts = {"cpu": "an Abacus", "cpus": "2"}
    monkeypatch.setattr(everything.compare, "run", lambda: ({"environment": facts, "rows": [ROW]}, [["a process"]]))
    monkeypatch.setattr(live, "iperf3", lambda *_: 2.0)
    monkeypatch.setattr(live, "ours", lambda *_: [1.0])
    monkeypatch.setattr(live.shutil, "which", lambda name: name)
    monkeypatch.setattr(everything, "unit_costs", lambda here: here)
    monkeypatch.setattr(everything, "keep_costs", lambda costs: tmp_path)
    monkeypatch.setattr(everything, "REPOSITORY", tmp_path)
    monkeypatch.setattr("sys.argv", ["bench", "--note", "quiet"])
    (tmp_path / "data").mkdir()
    everything.main()
    kept = json.loads((tmp_path / "data" / "bench" / "an-abacus-2-cpus.json").read_text())
    assert {row["class"] for row in kept["rows"]} == {"message", "live", "pieces"} and kept["processes"] == [
        ["a process"]
    ]
    assert kept["environment"]["note"] == "quiet" and kept["reader"] == ["reader"] and kept["trace"] == ["trace"]
