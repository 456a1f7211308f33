"""Figures of lifetimes and of the matrix: legible, and the Explorer comes back to the same picture."""

import pytest
from explorer_rules import assert_keeps_the_rules
from explorers import explorer_of
from legible import assert_legible

from splicelab import life, lives, matrix, plot

NOTEBOOK = "01_slab_pages_and_lifetimes"


@pytest.mark.parametrize(("kernel", "object_bytes", "zeroed"), [("6.1", 32, False), ("6.12", 16384, True)])
def test_a_life_is_legible(kernel, object_bytes, zeroed):
    assert_legible(life(kernel, object_bytes, zeroed).figure)


def test_a_life_in_words_says_who_has_the_memory_and_what_arrived():
    lines = life().text.splitlines()
    assert lines[2].startswith("3 kmalloc by another user, who writes: another user, ee ee … ac b9; skb points at it")
    assert lines[4].endswith("queue empty; received ee ee … ac b9")


def test_rates_are_legible():
    assert_legible(plot({f"{pressure}": lives(pressure=pressure, by_delay=True) for pressure in (0, 1)}).figure)
    assert_legible(lives(ack_delay=4, messages=500, by_delay=True).figure)


def test_the_explorer_keeps_the_rules():
    extremes = {"ack_delay": 63, "loss": 0.5, "pressure": 16.0}, {"ack_delay": 0, "loss": 0.01, "pressure": 0.0}
    large = {"object_bytes": 16384, "kernel": "6.12"}
    assert_keeps_the_rules(explorer_of(NOTEBOOK), [{"ack_delay": 30}, {"ack_delay": 31}, *extremes, large])


def test_the_explorer_follows_and_comes_back():
    explorer = explorer_of(NOTEBOOK)
    first = explorer._picture.value
    explorer.controls["kernel"].value, explorer.controls["object_bytes"].value = "6.17", 16384
    text = explorer._repr_mimebundle_()[0]["text/plain"]
    assert explorer.error is None and "pages put back that nobody had taken" in text
    explorer.controls["kernel"].value, explorer.controls["object_bytes"].value = "6.1", 32
    for pressure in (16.0, 0.0, 1.0):
        explorer.controls["pressure"].value = pressure
        assert explorer.error is None
    assert explorer._picture.value == first


def test_the_matrix_is_legible_and_says_the_same_in_words():
    picture = plot(matrix(("6.12", "6.12+v3"), ("slab", "stack", "vmalloc'd stack")).same_owner, "kernel")
    assert_legible(picture.figure)
    lines = picture.text.splitlines()
    assert lines[0] == (
        "slab object, fresh memory: no flag, or no SG: copied; 6.12: refused (-EIO); 6.12+v3: slab copied, rest spliced"
    )
    assert lines[2].startswith("kernel stack: ") and lines[2].endswith("6.12+v3: silently wrong")


def test_the_place_of_a_piece_decides_how_its_refusal_is_heard():
    ends = matrix(("6.12",), ("slab", "page"), ("slab", "page")).by_piece("6.12")
    picture = plot(ends, "owner of the trailer")
    assert_legible(picture.figure)
    assert picture.text == (
        "slab object: slab object: refused (-EIO); page: refused (-EIO)\npage: slab object: short; page: spliced"
    )


def test_other_delays_than_the_usual_have_their_own_ticks():
    labels = lives(pressure=0, messages=500, by_delay=(0, 1, 8)).figure.axes[1].get_xticklabels()
    assert [label.get_text() for label in labels] == ["0", "1", "8"]
