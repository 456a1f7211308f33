"""The picture of a page filling up: the pieces and nothing else, legible at the extremes."""

from itertools import product

import numpy as np
import pytest
from legible import assert_legible, drawn

from splicelab.evidence.counted.fragments import Load, fill, pinned
from splicelab.kernel.frag import ALLOCATORS
from splicelab.show.fragpage import ACKED, IN_FLIGHT, OTHER, UNUSED, cells

EXTREMES = [
    Load(sizes, in_flight, 0, fails, messages)
    for sizes, in_flight, fails, messages in product([(4,), (4096, 4096)], [1, 500], [False, True], [1, 1500])
]


def test_cells_are_the_pieces():
    shown = cells(fill("page_frag_down", (48, 4), messages=2))
    assert shown.shape == (8, 1024)
    assert (shown[7, -13:] == [ACKED + 1] + [ACKED] * 12).all()
    assert (shown[7, -26:-13] == [IN_FLIGHT + 1] + [IN_FLIGHT] * 12).all()
    assert (shown[7, :-26] == UNUSED).all() and (shown[:7] == UNUSED).all()


def test_pages_of_others_stay_white():
    shown = cells(fill("kmalloc", (48,), messages=1))
    assert np.unique(shown[0]).tolist() == [OTHER] and shown[1, :13].tolist() == [IN_FLIGHT] * 12 + [UNUSED]


def test_a_piece_in_flight_is_never_painted_over():
    for allocator in ALLOCATORS:
        filling = fill(allocator, (48,), in_flight=20, messages=2000)
        start = filling.first_page * 4096
        inside = [address for address, _ in filling.pieces[filling.acked :] if 0 <= address - start < 32768]
        assert (cells(filling) >= IN_FLIGHT).sum() == 12 * len(inside)


@pytest.mark.parametrize("load", EXTREMES, ids=str)
@pytest.mark.parametrize("allocator", ["page_frag_down", "page_per_object"])
def test_the_picture_is_legible(allocator, load):
    assert_legible(fill(allocator, **load._asdict()).figure, is_moving=True)


def test_the_words_of_a_full_queue_end_inside_the_picture():
    figure = drawn(full := fill("page_frag_down", (4096, 4096), in_flight=500, messages=1500)).figure
    figure.axes[1].texts[0].set_text("charged (truesize): 4,194,304 B")
    assert full.held_bytes <= 4_194_304
    assert figure.axes[1].texts[0].get_window_extent().x1 <= figure.bbox.x1


def test_there_and_back_gives_the_same_picture():
    fillings = [fill("page_frag_down", messages=messages) for messages in (3, 300, 3)]
    canvas = drawn(fillings[0])
    first, second, third = (canvas.png(filling) for filling in fillings)
    assert first == third != second
    assert first == drawn(fillings[0]).png(fillings[0])


def test_words_say_the_same():
    filling = fill("page_frag_down", (48, 4), in_flight=16, messages=300)
    assert filling.text == ("600 pieces cut from 8 fresh pages, 32 in flight: charged 832 bytes, pinned 32,768 bytes")


def test_the_map_is_legible_and_says_each_number():
    circumstances = {"order-3 blocks": {}, "single pages": {"order3_fails": True}}
    figure = pinned(circumstances, (48,), (1,)).figure
    assert_legible(figure)
    assert [text.get_text() for text in figure.axes[0].texts] == ["32", "32", "32", "32", "4", "4"]
