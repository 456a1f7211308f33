"""The v3 allocator's reviewed bugs and the unlocked cache are found, and the repaired ones hold in every order."""

import pytest

from splicelab.evidence.orders.allocators import (
    BIAS,
    EARLY,
    TWICE,
    WORLDS,
    WRONG_COUNT,
    WRONG_FLAG,
    Cache,
    Folio,
    PerCpu,
)
from splicelab.evidence.orders.programs import search_orders
from splicelab.evidence.orders.search import ENDLESS, search


@pytest.fixture(scope="module")
def verdicts():
    return search_orders("allocators")


def test_every_reviewed_bug_is_found(verdicts):
    assert {WRONG_FLAG, WRONG_COUNT, ENDLESS} <= set(verdicts["v3 per CPU, any size"].broken)


def test_slab_parts_reach_one_of_them(verdicts):
    verdict = verdicts["v3 per CPU, slab parts"]
    assert set(verdict.broken) == {WRONG_FLAG} and 0 < verdict.orders_broken < verdict.orders


def test_the_flag_lands_on_the_wrong_folio_when_a_task_wakes_up_where_another_has_been(verdicts):
    steps = verdicts["v3 per CPU, any size"].broken[WRONG_FLAG]
    world = steps[-1].world
    cache = next(cache for cache in world.caches if cache.folio is not None)
    assert cache.pfmemalloc and not world.folios[cache.folio].pfmemalloc
    assert (
        len({step.words.split("CPU ")[1][0] for step in steps if step.actor == "task 1" and "CPU" in step.words}) == 2
    )


def test_the_loop_without_end_is_a_page_of_the_reserves_for_a_request_above_a_page(verdicts):
    *_, given, again = verdicts["v3 per CPU, any size"].broken[ENDLESS]
    assert "reserves" in given.words and again.words.endswith("asleep") and "8192" in again.words


def test_a_refused_request_leaves_a_folio_without_references_in_the_cache(verdicts):
    last = verdicts["v3 per CPU, any size"].broken[WRONG_COUNT][-1]
    assert last.words.endswith("refused")
    assert [folio.refcount for folio in last.world.folios if folio] == [0]


@pytest.mark.parametrize("name", ["v3 per CPU, repaired", "page_frag_cache, mutex"])
def test_the_repaired_ones_hold_in_every_order(verdicts, name):
    assert verdicts[name].broken == {} and verdicts[name].orders > 500


def test_two_tasks_on_an_unlocked_cache_get_the_same_bytes_and_lose_a_reference(verdicts):
    broken = verdicts["page_frag_cache, no lock"].broken
    assert set(broken) == {TWICE, EARLY, WRONG_COUNT}
    first, second = (held for *_, held in broken[TWICE][-1].world.tasks)
    assert set(first) & set(second)


def test_v3_cuts_downward_in_steps_of_64_bytes_and_starts_over_when_nobody_holds_a_fragment():
    world = PerCpu((48,), repaired=False)
    world.folios[0] = Folio(4096, False, BIAS + 1)
    cache, task = world._alloc(Cache(0, 4096, BIAS + 1), None, 48)
    assert (cache.offset, cache.bias, task[0]) == (4032, BIAS, "has a fragment")
    cache, _ = world._alloc(cache, None, 4096)  # the first fragment is still held: another folio is needed
    assert cache == Cache() and world.folios[0].refcount == 1


def test_the_verdicts_stand_in_one_table(verdicts):
    assert list(verdicts.table.index) == list(WORLDS)


def test_a_size_check_alone_leaves_the_wrong_flag():
    assert search("small", PerCpu((48,), repaired=False)).violation == WRONG_FLAG
