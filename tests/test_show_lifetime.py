"""Figures of lifetimes and of the matrix: legible, and the Explorer comes back to the same picture."""

import pytest
from explorer_rules import assert_keeps_the_rules
from legible import assert_legible
from splicelab.show.matrix import by_piece, same_owner

from splicelab.evidence.counted.lifetimes import lives_by_delay, moments
from splicelab.evidence.counted.matrix import matrix
from splicelab.show.grid import ends_grid, ends_text
from splicelab.show.lifetime import Rates, life, life_text, lifetime_explorer, rates


@pytest.mark.parametrize(("kernel", "object_bytes", "zeroed"), [("6.1", 32, False), ("6.12", 16384, True)])
def test_a_life_is_legible(kernel, object_bytes, zeroed):
    assert_legible(life(moments(kernel, object_bytes, zeroed)))


def test_a_life_in_words_says_who_has_the_memory_and_what_arrived():
    lines = life_text(moments()).splitlines()
    assert lines[2].startswith("3 kmalloc by another user, who writes: another user, ee ee … ac b9; skb shows it")
    assert lines[4].endswith("queue empty; received ee ee … ac b9")


def test_rates_are_legible():
    assert_legible(rates({f"{pressure}": lives_by_delay(pressure=pressure) for pressure in (0, 1)}))
    assert_legible(Rates().figure)


def test_the_explorer_keeps_the_rules():
    extremes = {"ack_delay": 63, "loss": 0.5, "pressure": 16.0}, {"ack_delay": 0, "loss": 0.01, "pressure": 0.0}
    large = {"size": "16384 bytes (large kmalloc)", "kernel": "6.12"}
    assert_keeps_the_rules(lifetime_explorer(1000), [{"ack_delay": 30}, {"ack_delay": 31}, *extremes, large])


def test_the_explorer_follows_and_comes_back():
    explorer = lifetime_explorer(1000)
    first = explorer._picture.value
    explorer.controls["kernel"].value, explorer.controls["size"].value = "6.17", "16384 bytes (large kmalloc)"
    text = explorer._repr_mimebundle_()[0]["text/plain"]
    assert explorer.error is None and "pages put back that nobody had taken" in text
    explorer.controls["kernel"].value, explorer.controls["size"].value = "6.1", "32 bytes"
    for pressure in (16.0, 0.0, 1.0):
        explorer.controls["pressure"].value = pressure
        assert explorer.error is None
    assert explorer._picture.value == first


def test_the_matrix_is_legible_and_says_the_same_in_words():
    table = matrix(("6.12", "6.12+v3"), ("slab", "stack", "vmalloc'd stack"))
    ends = same_owner(table)
    assert_legible(ends_grid(ends, "kernel"))
    lines = ends_text(ends).splitlines()
    assert lines[0] == (
        "slab object, fresh memory: no flag, or no SG: copied; 6.12: refused (-EIO); 6.12+v3: slab copied, rest spliced"
    )
    assert lines[2].startswith("kernel stack: ") and lines[2].endswith("6.12+v3: silently wrong")


def test_the_place_of_a_piece_decides_how_its_refusal_is_heard():
    ends = by_piece(matrix(("6.12",), ("slab", "page"), ("slab", "page")), "6.12")
    assert_legible(ends_grid(ends, "owner of the trailer"))
    assert ends_text(ends) == (
        "slab object: slab object: refused (-EIO); page cache: refused (-EIO)\n"
        "page cache: slab object: short; page cache: spliced"
    )
