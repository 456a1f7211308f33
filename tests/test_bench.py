"""bench/: the same message by the model, in C and in plain Python; what the rows and the long runs say."""

import json
import shutil
from dataclasses import replace

import pytest

from bench import compare, growth, message, sweep, trace, twin, use
from splicelab.alternatives import BUILT_IN
from splicelab.evidence.counted.run import run_messages
from splicelab.evidence.timed.timing import machine_name
from splicelab.kernel.profiles import PROFILES
from splicelab.kernel.world import COUNTERS

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc: apt install gcc libc6-dev")
ROW = {
    "class": "message",
    "kernel": "k",
    "size_bytes": 1,
    "reference": "C",
    "ratio": 1.0,
    "low": 1.0,
    "high": 1.0,
    "aa_low": 0.99,
    "aa_high": 1.01,
    "extra_ns": 0.0,
}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compare.build(tmp_path_factory.mktemp("reference"))


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
def test_c_and_the_model_agree_in_every_counter(library):
    kernel, reference = message.model(), message.reference(library, compare.aligned)
    for messages in (1, 2, 500, 3000):  # on each connection, on from where it was
        for _ in range(message.PLACES_IN_MEMORY):
            assert kernel(messages) == reference(messages)


def test_the_digest_tells_counters_apart():
    assert message.digest([1, 2]) != message.digest([2, 1]) != message.digest([2, 2])
    assert message.digest([-1]) == 2**64 - 1, "as an unsigned word in C"


@needs_gcc
def test_a_row_has_its_fields_and_its_samples(library):
    case = next(iter(compare.alloc_cases(library)))
    row, samples = compare.measure(replace(case, sample_ms=0.1), samples=7)
    assert set(row) == set(ROW) and row["class"] == "alloc" and row["ratio"] > 0
    assert {len(column) for column in samples.values()} == {7} and len(samples) == 3


@needs_gcc
def test_sides_that_disagree_are_no_row(library):
    case = next(iter(compare.alloc_cases(library)))
    with pytest.raises(compare.InputError, match="page_frag_down, 48 bytes: kernel and C disagree"):
        compare.measure(replace(case, run_reference=lambda iterations: 0), samples=7)


@pytest.mark.parametrize(
    "change, is_within",
    [
        ({"ratio": 1.19, "low": 1.1}, True),
        ({"ratio": 1.3, "low": 1.25}, False),
        ({"ratio": 1.3, "low": 1.1}, True),
        ({"ratio": 1.3, "low": 1.1, "aa_high": 1.25}, False),
        ({"class": "python", "ratio": 0.005, "low": 0.004}, True),
        ({"class": "python", "ratio": 0.02, "low": 0.019}, False),
        ({"class": "copy", "kernel": "memcpy", "ratio": 2.0, "low": 2.0, "extra_ns": 0.9}, True),
    ],
)
def test_the_bound_and_the_noise_decide(change, is_within):
    row = {**ROW, **change}
    assert compare.is_within(row) == is_within
    assert compare.format_row(row).endswith("within" if is_within else "over")


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
    held = bytearray(b"x") * 50_000_000
    before_kib = growth.peak_kib()
    del held
    growth.forget_peak()
    assert growth.peak_kib() < before_kib - 40_000


def test_the_file_is_named_after_the_processor():
    facts = {"cpu": "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", "cpus": "2"}
    assert machine_name(facts) == "intel-xeon-gold-6338-cpu-2-00ghz-2-cpus"


def test_two_threads_count_what_one_does(monkeypatch, capsys):
    monkeypatch.setitem(sweep.GRID, "messages", 100)
    monkeypatch.setattr(sweep, "HASHED", [bytes(1_000_000)] * 2)
    row = sweep.run(rounds=2)
    assert {name: [*map(len, row["seconds"][name].values())] for name in ("sweep", "control")} == {
        "sweep": [2, 2],
        "control": [2, 2],
    }
    assert "sweep: two threads" in capsys.readouterr().out


def test_a_first_use_names_what_took_too_long(monkeypatch, capsys):
    seconds = iter((0.5, 31, 0.5))
    printed = {"load_s": 0.1, "predict_s": 3, "uncompiled": []}
    monkeypatch.setattr(
        use, "run_python", lambda *_, **__: ((s := next(seconds)), json.dumps(printed | {"kernels_s": s}))
    )
    assert [row["seconds"] for row in use.run()] == [0.5, 31, 0.5, 0.1, 3]
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
