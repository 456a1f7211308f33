"""Unit costs: what is measured is what is said, and counted events add up."""

import json
import re
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from legible import assert_legible
from numba import config

from bench.keep import keep_costs
from splicelab import explore, plot, unit_costs
from splicelab.errors import InputError
from splicelab.evidence.timed import unit_costs as module
from splicelab.evidence.timed import unit_loops
from splicelab.evidence.timed.unit_costs import ALLOCATORS, ATOMIC, COLD_LINE, COMMON, COPY_SIZES, Estimate, UnitCosts
from splicelab.paths import data_path

compiled = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="needs the compiler")


@pytest.fixture
def costs():
    """Return made-up costs: a copy takes 1 ns a byte (cold 10), an allocation 7 ns, an atomic pair 20, a line 100."""
    ns = {f"copy {size} B hot": size for size in COPY_SIZES} | {f"copy {size} B cold": 10 * size for size in COPY_SIZES}
    ns |= {f"alloc + free {name}": 7 for name in ALLOCATORS} | {ATOMIC: 20, COLD_LINE: 100}
    return UnitCosts(pd.DataFrame([ns] * 31, dtype=float), {"cpu": "abacus"})


def total_ns(estimate):
    return tuple(estimate.table[["median_ns", "low_ns", "high_ns"]].sum())


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
    assert total_ns(result) == pytest.approx((144 + 7 + 14 + 80,) * 3)
    assert list(result.table["count"]) == [2, 1, 2, 4]
    assert total_ns(costs.estimate(tally, heat="cold"))[0] == pytest.approx(1440 + 101)
    assert total_ns(costs.estimate({"cold_lines": 3}))[0] == 300
    assert total_ns(costs.estimate({})) == (0, 0, 0)


def test_an_estimate_says_what_it_leaves_out_and_keeps_numbers_in_html(costs):
    result = costs.estimate({"kmallocs": 1})
    assert "locks" in repr(result) and "DMA" in repr(result) and "7" not in repr(result)
    assert "<td>7</td>" in result.html and "abacus" in result.html
    assert result.decides == "most of it: kmalloc + kfree"


@pytest.mark.parametrize("options", [{"allocator": "slub"}, {"heat": "tepid"}])
def test_unknown_names_are_refused(costs, options):
    with pytest.raises(InputError, match=next(iter(options.values()))):
        costs.estimate({}, **options)


@compiled
def test_measured_costs_are_in_order(monkeypatch):
    monkeypatch.setattr(module, "PROCESSES", 2)
    costs = module.unit_costs(here=True)
    assert repr(costs).startswith("timed: 2 processes; hot: one place")
    assert costs.cost("copy 65536 B cold")[0] > costs.cost("copy 128 B hot")[0]
    assert costs.cost(COLD_LINE)[0] > 1
    assert (costs.samples_ns > 0).all(axis=None) and set(costs.samples_ns) > set(module.names())


def test_a_a_is_every_other_process_over_the_rest():
    again = UnitCosts(pd.DataFrame({ATOMIC: [20.0, 10, 30, 5, 40, 10]}), {}).table.loc[ATOMIC, "A/A"]
    assert again == 30 / 10


def test_kept_costs_come_back_as_they_were(tmp_path, monkeypatch, costs):
    monkeypatch.setattr(module, "data_path", lambda *parts: tmp_path)
    whole = UnitCosts(costs.samples_ns[module.names()], {"cpu": "an Abacus", "cpus": "2"})
    assert keep_costs(whole).name == "unit-costs-an-abacus-2-cpus.json" and len(list(tmp_path.iterdir())) == 1
    again = module.unit_costs()  # of another machine, as there are none of this
    assert again.cost(ATOMIC).tolist() == [20, 20, 20] and again.environment["cpu"] == "an Abacus"
    busy = UnitCosts(whole.samples_ns, {"busy": "1.2"})
    assert "at rest" not in again.html and "not at rest" in busy.html and "an Abacus" in again.html
    assert ["not at rest" in each.figure.axes[0].get_title(loc="left") for each in (again, busy)] == [False, True]


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


def test_estimates_say_what_is_common_and_what_decides(costs):
    copied = costs.estimate({"copies": 2, "copied_bytes": 96, "kmallocs": 1, "get_page": 2, "put_page": 2})
    mended = costs.estimate({"frag_allocs": 1, "get_page": 2, "put_page": 2})
    both = plot({"patch": copied, "mended": mended})
    parts = both.parts()
    assert parts[COMMON].tolist() == [40, 40] and list(parts.columns)[0] == COMMON
    assert parts.loc["patch", "copies"] == 96 and parts.loc["mended", "fragments"] == 7 and parts.shape == (2, 5)
    assert parts.sum(axis=1).tolist() == [total_ns(copied)[0], total_ns(mended)[0]]
    assert both.decides == "least: mended; what decides: copies"
    assert both.text.startswith("estimated: least: mended") and not re.search(r"\d", both.decides)
    assert plot({"one": mended, "other": mended}).decides.startswith("all cost the same")


def test_what_is_uncertain_decides_nothing(costs):
    wide = dict.fromkeys(costs.samples_ns, [1.0, 3, 5, 7, 9, 11, 13, 40])
    near = UnitCosts(pd.DataFrame(wide), {})
    ways = {name: near.estimate({"frag_allocs": 1, "copies": number}) for name, number in (("a", 0), ("b", 1))}
    assert plot(ways).decides.startswith("least: a;")
    ways["c"] = near.estimate({"kmallocs": 1})
    assert "a" in plot(ways).decides.partition(";")[0] and "c" in plot(ways).decides.partition(";")[0]


def test_pictures_of_time_are_legible_and_unfold(costs):
    assert_legible(unit_costs().figure)
    copies = {"copies": 3, "copied_bytes": 900}
    ways = plot({"patch": costs.estimate(copies), "mended": costs.estimate({"kmallocs": 9})})
    assert_legible(ways.figure)
    assert_legible(costs.estimate(copies).figure)
    shown = []
    with patch("IPython.display.display", lambda data, **options: shown.append((data, options))):
        ways._ipython_display_()
    (picture, _), (numbers, _) = shown
    assert picture["image/png"] and picture["text/plain"] == ways.text
    assert numbers.text.startswith("estimated:") and "<details>" in numbers.html and "<table" in numbers.html


def test_the_cheapest_is_among_the_least_also_where_another_end_has_more_in_common():
    rows = {("a", "fragments"): (10, 10, 10), ("a", "copies"): (5, 5, 5)}
    rows |= {("b", "fragments"): (12, 12, 10), ("b", "copies"): (4, 1, 5)}
    ways = Estimate(pd.DataFrame.from_dict(rows, "index", columns=["median_ns", "low_ns", "high_ns"]), {})
    ways.table.index = pd.MultiIndex.from_tuples(ways.table.index)
    assert ways.decides == "all cost the same within what is uncertain"


def test_an_explorer_measures_here_and_shows_it_whole(costs, monkeypatch):
    monkeypatch.setattr(module, "_measure", lambda: costs)
    explorer = explore(unit_costs, here=False, slow=True)
    kept = explorer._picture.value
    explorer.controls["here"].value = True
    assert explorer.error is None and explorer._picture.value != kept and explorer.result is costs
    assert_legible(explorer._shown.figure)


@pytest.mark.parametrize("path", sorted(data_path("bench").glob("unit-costs-*.json")), ids=lambda path: path.stem)
def test_what_notebook_08_says_of_time_is_so_on_every_machine_that_was_measured(path):
    samples = json.loads(path.read_text())["samples_ns"]
    low, high = ({name: end(samples[name]) for name in samples} for end in (min, max))
    assert max(high[f"alloc + free {name}"] for name in ALLOCATORS) < min(low[ATOMIC], low["copy 48 B cold"])
