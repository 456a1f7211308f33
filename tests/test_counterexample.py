"""The time line of a counterexample: legible, and it shows the bytes of the search."""

import pytest
from legible import assert_legible, words

from splicelab import search_orders
from splicelab.evidence.orders.allocators import WORLDS
from splicelab.evidence.orders.programs import PROGRAMS, REUSED, TwoMessages
from splicelab.evidence.orders.search import search


class Corrupt(TwoMessages):
    """A message in two calls, whose callback comes after the first: followed until other bytes arrive."""

    fatal = frozenset(TwoMessages.rules) - {REUSED}

    def __init__(self):
        super().__init__("kmalloc; write; send callback:header; send attach:payload callback:trailer")
        self.losses = self.splits = 0


@pytest.mark.parametrize("name", ["naive_attach", "rewritten_header", "early_callback"])
def test_a_time_line_is_legible_and_ends_in_what_the_receiver_got(name):
    verdict = search_orders(name) if name in PROGRAMS else search(name, Corrupt())
    figure = verdict.figure
    assert_legible(figure)
    drawn = [text.get_text() for text, _ in words(figure)]
    received = verdict.counterexample[-1].world.received
    assert all(f"{value:02x}" in drawn for value in received if value)
    assert sum(text.startswith("message 1:") for text in drawn) >= 3
    assert "13" in drawn, "the first message's trailer, in the memory that was queued first"


@pytest.mark.parametrize(
    ("name", "said"), [("v3 per CPU, slab parts", "folio 0, reserves"), ("page_frag_cache, no lock", "3")]
)
def test_a_time_line_of_an_allocator_shows_its_caches_and_who_has_what(name, said):
    figure = search(name, WORLDS[name]).figure
    assert_legible(figure)
    assert said in [text.get_text() for text, _ in words(figure)]


def test_without_a_counterexample_there_is_nothing_to_draw():
    assert_legible(search("unsent", TwoMessages("kmalloc; kfree; kfree")).figure)
    assert search_orders("fix_callers").figure is None
