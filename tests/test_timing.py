"""Timing: the statistics on made-up samples, the loop on a fake clock, and what machine it was."""

import json
import re

import numpy as np
import pytest
from numba import config, njit

from splicelab.evidence.timed import timing
from splicelab.evidence.timed.timing import AGAIN, machine_name, median_interval, time_kernels
from splicelab.paths import data_path


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock by one that kernels move."""

    class Clock:
        now_ns = 0

        def kernel(self, cost_ns, log=None, name=None):
            def run(iterations):
                self.now_ns += cost_ns * iterations
                if log is not None:
                    log.append((name, iterations))
                return iterations

            return run

    clock = Clock()
    monkeypatch.setattr(timing.time, "perf_counter_ns", lambda: clock.now_ns)
    return clock


def test_the_interval_covers_the_true_median_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        _, low, high = median_interval(rng.lognormal(size=31))
        hits += low <= 1.0 <= high
    assert 0.93 <= hits / 400 <= 1.0


def test_few_samples_have_no_interval():
    assert median_interval(np.array([1.0, 2.0, 3.0])) == (2.0, -np.inf, np.inf)


def test_compare_measures_what_kernels_cost(clock):
    result = time_kernels({"A": clock.kernel(100), "B": clock.kernel(250)}, samples=9)
    assert {name: set(samples) for name, samples in result.items()} == {"A": {100}, "B": {250}, "A" + AGAIN: {100}}
    assert {len(samples) for samples in result.values()} == {9}


def test_rounds_are_interleaved_and_calls_long_enough(clock):
    log = []
    kernels = {name: clock.kernel(cost, log, name) for name, cost in [("A", 100), ("B", 300)]}
    time_kernels(kernels, samples=4, sample_ms=1)
    rounds = log[-3 * (4 + timing.WARM_UP) :]
    assert [name for name, _ in rounds[:6]] == ["A", "B", "A", "A", "B", "A"]
    assert {iterations for _, iterations in rounds} == {4096}


def test_a_hiccup_does_not_shorten_the_calls(clock):
    calls = []

    def kernel(iterations):
        calls.append(iterations)
        clock.now_ns += 100 * iterations + 10**8 * (len(calls) in (2, 9, 15))
        return 0

    assert timing.calibrate(kernel, sample_ms=1) == 2**14


def test_costs_far_apart_get_their_own_iterations(clock):
    log = []
    kernels = {name: clock.kernel(cost, log, name) for name, cost in [("A", 10), ("B", 10_000)]}
    time_kernels(kernels, samples=1, sample_ms=1, same_iterations=False)
    assert set(log[-3:]) == {("A", 2**17), ("B", 128)}


def test_the_file_is_named_after_the_processor():
    facts = {"cpu": "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", "cpus": "2"}
    assert machine_name(facts) == "intel-xeon-gold-6338-cpu-2-00ghz-2-cpus"
    zen_3, zen_5 = ({"cpu": "AMD EPYC", "caches": caches, "cpus": "2"} for caches in ("32K 512K", "48K 1024K"))
    assert machine_name(zen_3) == "amd-epyc-32k-512k-2-cpus" != machine_name(zen_5)


@pytest.mark.parametrize("path", sorted(data_path("bench").glob("*.json")), ids=lambda path: path.stem)
def test_a_kept_file_is_found_by_the_processor_that_it_was_measured_on(path):
    facts = json.loads(path.read_text(encoding="utf-8"))["environment"]
    assert path.stem.removeprefix("unit-costs-") == machine_name(facts)


def test_environment_names_machine_and_versions():
    facts = timing.environment()
    assert {"cpu", "kernel", "governor", "caches", "busy", "python", "numba", "llvm"} <= set(facts)
    assert all(isinstance(value, str) and value for value in facts.values())
    assert re.search(r"kernel \w+", timing.describe(facts))


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
def test_a_loop_whose_result_is_unused_is_deleted():
    """The trap behind the rule that kernels return checksums: such a loop would be timed as free."""

    def used(data, iterations):
        total = 0
        for i in range(iterations):
            total += data[i]
        return total

    def unused(data, iterations):
        total = 0
        for i in range(iterations):
            total += data[i]
        return iterations

    def loads(function):
        compiled = njit(function)
        compiled(np.zeros(8, np.uint8), 8)
        return re.findall(r"load (?:i8|<\d+ x i8>)", compiled.inspect_llvm(compiled.signatures[0]))

    assert loads(used) and not loads(unused)
