"""Unit costs: what is measured is what is said, and counted events add up."""

import numpy as np
import pytest
from numba import config

from splicelab.errors import InputError
from splicelab.evidence.timed import unit_costs as module
from splicelab.evidence.timed import unit_loops
from splicelab.evidence.timed.unit_costs import ALLOCATORS, ATOMIC, COLD_LINE, COPY_SIZES, UnitCosts

compiled = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="needs the compiler")


@pytest.fixture
def costs():
    """Return made-up costs: a copy takes 1 ns a byte (cold 10), an allocation 7 ns, an atomic pair 20, a line 100."""
    ns = {f"copy {size} B hot": size for size in COPY_SIZES} | {f"copy {size} B cold": 10 * size for size in COPY_SIZES}
    ns |= {f"alloc + free {name}": 7 for name in ALLOCATORS} | {ATOMIC: 20, COLD_LINE: 100}
    samples_ns = {name: np.full(31, float(value)) for name, value in ns.items()}
    return UnitCosts(samples_ns, {"cpu": "abacus"})


def test_copies_cost_between_and_beyond_the_measured_sizes(costs):
    for size in (16, 72, 4000, 65536, 200_000):
        assert costs.copy_cost(size, "hot") == pytest.approx([size] * 3)
    assert costs.copy_cost(512, "cold") == pytest.approx([5120] * 3)


def test_an_estimate_is_counts_times_costs(costs):
    tally = {
        "copies": 2,
        "copied_bytes": 144,
        "kmallocs": 1,
        "frag_allocs": 2,
        "get_page": 3,
        "put_page": 5,
        "sends": 9,
    }
    result = costs.estimate(tally)
    assert result.total_ns == pytest.approx((144 + 7 + 14 + 80,) * 3)
    assert list(result.table["count"]) == [2, 1, 2, 4]
    assert costs.estimate(tally, heat="cold").total_ns[0] == pytest.approx(1440 + 101)
    assert costs.estimate({"cold_lines": 3}).total_ns[0] == 300
    assert costs.estimate({}).total_ns == (0, 0, 0)


def test_an_estimate_says_what_it_leaves_out_and_keeps_numbers_in_html(costs):
    result = costs.estimate({"kmallocs": 1})
    assert "locks" in repr(result) and "DMA" in repr(result) and "7" not in repr(result)
    assert "7 ns" in result.html and "locks" in result.html and "abacus" in result.html


@pytest.mark.parametrize("options", [{"allocator": "slub"}, {"heat": "tepid"}])
def test_unknown_names_are_refused(costs, options):
    with pytest.raises(InputError, match=next(iter(options.values()))):
        costs.estimate({}, **options)


@compiled
def test_measured_costs_are_in_order(monkeypatch):
    monkeypatch.setattr(module, "PROCESSES", 2)
    costs = module.unit_costs(here=True)
    assert repr(costs) == "timed: 2 processes, see table"
    assert costs.cost("copy 65536 B cold")[0] > costs.cost("copy 128 B hot")[0]
    assert costs.cost(COLD_LINE)[0] > 1
    assert costs.table["A/A"].between(0.1, 10).all()


def test_kept_costs_come_back_as_they_were(tmp_path, monkeypatch, costs):
    monkeypatch.setattr(module, "data_path", lambda *parts: tmp_path)
    whole = UnitCosts({name: costs.samples_ns[name] for name in module.names()}, {"cpu": "an Abacus", "cpus": "2"})
    assert module.keep(whole).name == "unit-costs-an-abacus-2-cpus.json" and len(list(tmp_path.iterdir())) == 1
    again = module.unit_costs()  # of another machine, as there are none of this
    assert again.cost(ATOMIC).tolist() == [20, 20, 20] and again.environment["cpu"] == "an Abacus"
    assert "at rest" not in again.html and "not at rest" in UnitCosts(whole.samples_ns, {"load": "1.2"}).html


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"samples_ns": 3}', '{"samples_ns": {"copy 16 B hot": ["x"]}}'])
def test_a_damaged_file_is_named(tmp_path, monkeypatch, text):
    monkeypatch.setattr(module, "data_path", lambda *parts: tmp_path)
    (tmp_path / "unit-costs-any.json").write_text(text)
    with pytest.raises(InputError, match=r"unit-costs-any\.json: .*restore it"):
        module.unit_costs()


@compiled
def test_a_reference_comes_back_to_zero_each_time():
    counter = np.zeros(1, np.int64)
    assert unit_loops.atomic_loop(counter, 1000) == 1000
    assert counter[0] == 0


@compiled
def test_the_chase_meets_every_line_once():
    chain = np.roll(np.arange(8), -3)
    last = np.zeros(1, np.int64)
    assert [unit_loops.chase_loop(chain, last, 1) for _ in range(8)] == [3, 6, 1, 4, 7, 2, 5, 0]


@pytest.mark.skipif(not config.DISABLE_JIT, reason="the compiler is on")
def test_without_the_compiler_it_says_so():
    with pytest.raises(InputError, match="NUMBA_DISABLE_JIT"):
        module.unit_costs(here=True)
