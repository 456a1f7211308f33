"""bench/: the same message by the model, in C and in plain Python; what the rows and the long runs say."""

import ctypes
import json
import shutil
import time
from dataclasses import replace
from mmap import mmap

import pytest
from legible import assert_legible

from bench import compare, growth, message, reader, rows, scaling, sweep, trace, twin, use
from bench.memory import HUGE_BYTES, LINE_BYTES, Memory
from splicelab import explore, trace_message
from splicelab.alternatives import BUILT_IN
from splicelab.evidence.counted.run import run_messages
from splicelab.kernel.profiles import PROFILES
from splicelab.kernel.world import COUNTERS

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc: apt install gcc libc6-dev")
ROW = {
    "class": "message",
    "kernel": "k",
    "size_bytes": 1,
    "reference": "gcc",
    "ratio": 1.0,
    "low": 1.0,
    "high": 1.0,
    "aa_low": 0.99,
    "aa_high": 1.01,
    "extra_ns": 0.0,
}


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    return {"gcc": ctypes.CDLL(compare.build("gcc", tmp_path_factory.mktemp("reference")))}


@pytest.mark.parametrize("messages", [1, 2, 3000])
def test_the_python_twin_counts_what_the_model_counts(messages):
    w = message.open_model()
    sizes, is_payload = message.pieces(w)
    roles = ["payload" if flag else "header" for flag in is_payload]
    pieces = list(zip(roles, sizes.tolist(), strict=True))
    connection = twin.Connection(pieces, message.MSS, PROFILES[message.PROFILE]["empty_skb_truesize"])
    run_messages(w, BUILT_IN.index(message.ALTERNATIVE), messages)
    for _ in range(messages):
        connection.send_message()
    counted = {name: int(w.tally[0][name]) for name in COUNTERS}
    assert counted == {name: connection.counters[name] for name in COUNTERS}
    assert counted["sent_bytes"] == messages * (16 + 65536 + 4) and counted["skbs"] == 2 * messages


def test_all_counters_that_move_are_compared():
    w = message.open_model()
    run_messages(w, BUILT_IN.index(message.ALTERNATIVE), 3000)
    assert {name for name in COUNTERS if w.tally[0][name]} <= set(message.COUNTED)


@needs_gcc
def test_c_and_the_model_agree_in_every_counter(libraries):
    memory = Memory(0)
    models, references = message.models(memory), message.references(libraries["gcc"], memory)
    for messages in (1, 2, 500, 3000):  # on each connection, on from where it was
        for kernel, reference in zip(models, references, strict=True):
            assert kernel(messages) == reference(messages)


def test_arrays_lie_at_lines_by_lot():
    places = [Memory(seed)(100).ctypes.data % HUGE_BYTES for seed in range(8)]
    assert len(set(places)) > 4 and not any(place % LINE_BYTES for place in places)
    assert not Memory(1)(1 << 20).any() and Memory(1).world().page_brk == 1


def test_the_digest_tells_counters_apart():
    assert message.digest([1, 2]) != message.digest([2, 1]) != message.digest([2, 2])
    assert message.digest([-1]) == 2**64 - 1, "as an unsigned word in C"


@needs_gcc
def test_a_process_gives_each_row_and_the_same_row_in_both_places(libraries):
    case = next(iter(rows.alloc_cases(libraries, Memory(0))))
    row = rows.measure(replace(case, sample_ms=0.1), samples=7)
    assert row["class"] == "alloc" and row["reference"] == "gcc" and row["ratio"] > 0 and row["aa"] > 0
    assert set(compare.SAME) < set(row) and row["kernel_ns"] > 0


@needs_gcc
def test_sides_that_disagree_are_no_row(libraries):
    case = next(iter(rows.alloc_cases(libraries, Memory(0))))
    with pytest.raises(rows.InputError, match="page_frag_down, 48 bytes: kernel and gcc disagree"):
        rows.measure(replace(case, run_reference=lambda iterations: 0), samples=7)


def test_the_interval_is_over_processes():
    process = {
        "class": "copy",
        "kernel": "k",
        "size_bytes": 1,
        "reference": "gcc",
        "kernel_ns": 3.0,
        "reference_ns": 2.0,
    }
    ratios = [1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 1.3, 1.31, 1.32]
    (row,) = compare.over_processes([[process | {"ratio": ratio, "aa": 2 - ratio}] for ratio in ratios])
    assert (row["ratio"], row["extra_ns"]) == (1.04, 1.0) and set(row) == set(ROW)
    assert 1.0 <= row["low"] <= 1.01 and row["high"] >= 1.31 and row["aa_high"] >= 0.99


def test_a_process_that_fails_says_why(monkeypatch):
    with pytest.raises(compare.InputError, match=r"nowhere\.so"):
        compare.fresh_process({"gcc": "nowhere.so"}, 0, 7)


def test_every_compiler_is_named_with_its_flags(tmp_path, monkeypatch):
    for name in ("gcc", "clang"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {name} 1.2\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compare.compilers() == ["gcc", "clang"]
    assert compare.facts()["clang"] == "clang 1.2 -O3 -march=native"
    monkeypatch.setenv("CC", "icc")
    with pytest.raises(compare.InputError, match="icc"):
        compare.compilers()


@pytest.mark.parametrize(
    "change, verdict",
    [
        ({"ratio": 1.19, "low": 1.1}, "within"),
        ({"ratio": 1.3, "low": 1.25}, "over"),
        ({"ratio": 1.3, "low": 1.1}, "unclear"),
        ({"class": "python", "ratio": 0.005, "low": 0.004}, "within"),
        ({"class": "python", "ratio": 0.02, "low": 0.019}, "over"),
        ({"class": "copy", "kernel": "memcpy", "ratio": 2.0, "low": 2.0, "extra_ns": 0.9}, "within"),
        ({"class": "copy", "kernel": "memcpy", "ratio": 2.0, "low": 2.0, "extra_ns": 1.1}, "over"),
    ],
)
def test_median_and_interval_decide(change, verdict):
    row = {**ROW, **change}
    assert compare.verdict(row) == verdict
    assert compare.format_row(row).endswith(verdict) and f"bound {compare.bound_words(row)}" in compare.format_row(row)


def test_long_runs_say_what_a_message_costs_at_each_length(capsys):
    rows = growth.run(counts=(2000, 4000), longest=6000)
    assert [row["alternative"] for row in rows] == list(BUILT_IN)
    lengths = {row["alternative"]: [leg["messages"] for leg in row["legs"]] for row in rows}
    assert lengths.pop(growth.LONGEST_BY) == [2000, 4000, 6000] and set(map(tuple, lengths.values())) == {(2000, 4000)}
    assert all(row["legs"][-1]["peak_kib"] - row["legs"][0]["peak_kib"] < 1024 for row in rows)
    out = capsys.readouterr().out
    assert out.startswith("ns per message, count-only, after 2e+03, 4e+03, 6e+03") and out.count("flat") >= len(rows)


def test_a_message_that_gets_dearer_is_not_flat():
    legs = [{"to_fresh": (ratio, 0.9, 1.2)} for ratio in (0.9, 0.92, 0.9)]
    assert growth.is_flat({"legs": legs}) and not growth.is_flat({"legs": [*legs, {"to_fresh": (1.0, 0.9, 1.2)}]})


def test_memory_that_was_held_before_does_not_hide_a_peak():
    held = mmap(-1, 50_000_000)  # from the kernel itself: what malloc hands out it may have had already
    held.write(bytes(50_000_000))
    before_kib = growth.peak_kib()
    held.close()
    growth.forget_peak()
    assert growth.peak_kib() < before_kib - 40_000


def test_two_threads_count_what_one_does(monkeypatch, capsys):
    monkeypatch.setitem(sweep.GRID, "messages", 100)
    monkeypatch.setattr(sweep, "HASHED", [bytes(1_000_000)] * 2)
    monkeypatch.setattr(sweep, "by_dask", lambda one_s: {"dask": len(one_s)})
    row = sweep.run(rounds=2)
    assert row["dask"] == 2
    assert {name: [*map(len, row["seconds"][name].values())] for name in ("sweep", "control")} == {
        "sweep": [2, 2],
        "control": [2, 2],
    }
    assert "sweep: two threads" in capsys.readouterr().out


def test_a_first_use_names_what_took_too_long(monkeypatch, capsys):
    seconds = iter((0.5, 21, 0.5))
    printed = {"load_s": 0.1, "predict_s": 3, "uncompiled": []}
    monkeypatch.setattr(
        use, "run_python", lambda *_, **__: ((s := next(seconds)), json.dumps(printed | {"kernels_s": s}))
    )
    assert [row["seconds"] for row in use.run()] == [0.5, 21, 0.5, 0.1, 3]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines] == ["within", "over", "within", "within", "over"]


def test_all_kernels_means_all(monkeypatch):
    printed = json.dumps({"kernels_s": 1, "load_s": 1, "predict_s": 1, "uncompiled": ["splicelab.kernel.copy.gather"]})
    monkeypatch.setattr(use, "run_python", lambda *_, **__: (1.0, printed))
    with pytest.raises(use.InputError, match=r"not called: splicelab\.kernel\.copy\.gather"):
        use.run()


def test_a_long_trace_is_the_same_in_both_forms(capsys):
    rows = trace.run(2000)
    assert {row["messages"] for row in rows} == {1000} and len(rows) == 6
    assert capsys.readouterr().out.count("within") >= 4


def test_the_floor_shows_what_the_explorer_would():
    def one(payload_bytes=4096):
        return trace_message("siw", "copy_in_stack", payload_bytes=payload_bytes)

    live, floor = (explore(one, payload_bytes=(4096, 12288, 4096)) for _ in range(2))
    reader.replay(floor)
    for explorer in (live, floor):
        explorer.controls["payload_bytes"].value = 8192
    assert floor._picture.value == live._picture.value and floor._words.value == live._words.value


def test_growth_is_fitted_and_drawn(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(scaling, "message_ns", lambda alternative, payload_bytes, **_: 0.1 * payload_bytes)
    legs = [{"messages": 10**power, "ns": 100.0, "peak_kib": 2**power} for power in (1, 2, 3)]
    few = ("fix_callers", "rewritten_after_reply")
    rows = scaling.run([{"alternative": scaling.LONGEST_BY, "legs": legs}], few, tmp_path / "growth.png")
    assert rows["messages"]["ns_exponent"] == 1 and rows["messages"]["kib_exponent"] == 0.301
    assert rows["size"]["ns_exponent"] == 1 and rows["in flight"]["ns_exponent"] == 0
    assert rows["states"]["x"] == [6235, 3435] and min(rows["states"]["kib"]) > 0
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.count("growth") == 5
    assert_legible(scaling.draw(rows))


def test_a_message_is_timed_without_its_setting_up(monkeypatch):
    monkeypatch.setattr(scaling, "send", lambda caller, alternative, messages: time.sleep(0.01 + messages * 1e-5))
    assert 8_000 < scaling.message_ns("fix_callers") < 30_000
