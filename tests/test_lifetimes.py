"""Attached slab memory: wrong bytes only where somebody took the memory, and known chances by hand."""

import numpy as np
import pytest

from splicelab.errors import InputError
from splicelab.evidence.counted.life import life
from splicelab.evidence.counted.lifetimes import AGAIN, ANOTHERS, AT_ONCE, OWN_LATER, lives
from splicelab.kernel.profiles import PROFILES

FEW = {"messages": 2000, "loss": 0.2}


@pytest.mark.parametrize("kernel", PROFILES)
@pytest.mark.parametrize("object_bytes", [32, 192, 8192, 16384])
def test_it_matters_who_frees_the_memory_not_who_counts_its_pages(kernel, object_bytes):
    counted = lives(kernel, object_bytes, **FEW)
    is_kept_for_the_skb = object_bytes > 8192 and kernel != "6.17"
    assert (counted.wrong == 0) == is_kept_for_the_skb
    assert counted.lost > 100 and (counted.double_put > 0) == (object_bytes > 8192 and kernel == "6.17")


def test_slab_lives_are_the_same_before_and_after_its_pages_lost_their_count():
    before, after = lives("6.13", **FEW), lives("6.14", **FEW)
    assert np.array_equal(before.fates, after.fates) and before.corrupt_bytes == after.corrupt_bytes


def test_without_loss_nothing_is_wrong():
    counted = lives(loss=0, pressure=4)
    assert set(counted.fates) == {AT_ONCE} and counted.corrupt_bytes == counted.lost == 0


@pytest.mark.parametrize(("delay", "fate"), [(0, AGAIN), (1, OWN_LATER), (8, OWN_LATER)])
def test_with_nobody_else_the_next_message_of_the_same_sender_takes_the_object(delay, fate):
    counted = lives(ack_delay=delay, pressure=0, **FEW)
    assert set(counted.fates) == {AT_ONCE, fate}


@pytest.mark.parametrize("pressure", [0.25, 1.0, 4.0])
def test_before_the_next_message_only_others_can_take_it_and_the_chance_is_that_of_a_random_walk(pressure):
    """An object on top of a free list is taken when more was allocated than freed: a walk that first steps below 0."""
    random, survived = np.random.default_rng(2), []
    for steps in random.poisson(pressure, 20_000):
        walk = np.cumsum(random.choice((-1, 1), steps))
        survived.append(not (walk < 0).any())
    table = lives(by_delay=(0,), pressure=pressure, messages=40_000).table
    assert table.low[0] - 0.02 < 1 - np.mean(survived) < table.high[0] + 0.02
    assert OWN_LATER not in lives(ack_delay=0, pressure=pressure, **FEW).fates


def test_zeroing_changes_more_bytes_and_the_same_messages():
    plain, zeroed = lives(zeroed=False, **FEW), lives(zeroed=True, **FEW)
    assert np.array_equal(plain.fates, zeroed.fates) and ANOTHERS in plain.fates
    assert zeroed.corrupt_bytes > plain.corrupt_bytes


def test_the_interval_is_wilsons_and_open_without_losses():
    table = lives(by_delay=(4,), **FEW).table
    assert 0 < table.low[4] < table.share[4] < table.high[4] < 1
    nothing = lives(by_delay=(4,), loss=0).table
    assert (nothing.low[4], nothing.high[4]) == (0, 1) and np.isnan(nothing.share[4])


def test_the_same_call_gives_the_same_lives():
    assert np.array_equal(lives(**FEW).fates, lives(**FEW).fates)


@pytest.mark.parametrize(
    ("kernel", "object_bytes", "users", "counts", "is_right"),
    [
        ("6.1", 32, ["the message", "free", "another user", "another user", "another user"], [2, 2, 2, 2, None], False),
        ("6.14", 32, ["the message", "free", "another user", "another user", "another user"], [0] * 4 + [None], False),
        ("6.12", 16384, ["the message", *["kept for the skb"] * 3, "free"], [2, 1, 1, 1, None], True),
        ("6.17", 16384, ["the message", "free", *["another user"] * 3], [0] * 4 + [None], False),
    ],
)
def test_a_life_step_by_step(kernel, object_bytes, users, counts, is_right):
    moments = life(kernel, object_bytes).moments
    assert [moment.blocks[1][0] for moment in moments] == users
    assert [moment.refcount for moment in moments] == counts
    assert [moment.received for moment in moments[:3]] == [b""] * 3
    assert (moments[-1].received == moments[0].blocks[1][1]) == is_right


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ack_delay": 64}, "ack_delay: 64"),
        ({"loss": 1.5}, "loss: 1.5"),
        ({"pressure": -1}, "pressure: -1"),
        ({"object_bytes": 16}, "object_bytes: 16"),
        ({"kernel": "5.4"}, "profile: '5.4'"),
    ],
)
def test_what_the_model_does_not_hold_is_said_in_one_line(given, words):
    with pytest.raises(InputError, match=words):
        lives(**given)
