"""The comparison bars: the numbers of a comparison and nothing else, legible whatever is compared."""

import pytest
from legible import assert_legible

from splicelab.evidence.counted.compare import compare
from splicelab.show.bars import Bars
from splicelab.show.style import DANGER, GOOD


@pytest.mark.parametrize(
    ("caller", "payload_bytes", "profile"),
    [("siw", 65536, "6.12+v3"), ("iscsi_tcp", 4096, "6.12"), ("siw", 1048576, "6.1"), ("sunrpc_server", 0, "6.17")],
)
def test_bars_are_legible(caller, payload_bytes, profile):
    assert_legible(compare(caller, payload_bytes, profile=profile, chosen="copy_in_stack").figure)


def test_the_longest_bar_fills_its_panel_and_none_hides_a_zero():
    comparison = compare("siw", 61440, chosen="copy_in_stack")
    drawing = Bars(comparison)
    drawing.update(comparison)
    sends = [bar.get_width() for bar in drawing.bars[0]]
    assert max(sends) == 1 and sends[3] == pytest.approx(1 / 17)
    assert [number.get_text() for number in drawing.numbers[1]][:5] == ["61,460", "20", "20", "20", "0"]


def test_a_drawing_forgets_the_comparison_before():
    comparison = compare("iscsi_tcp", 4096, profile="6.12")
    drawing = Bars(comparison)
    drawing.update(comparison)
    assert [(e.get_text(), e.get_color()) for e in drawing.endings][3:5] == [
        ("refused (-EIO)", DANGER),
        ("delivered", GOOD),
    ]
    drawing.update(compare("iscsi_tcp", 4096))
    assert {e.get_text() for e in drawing.endings} == {"delivered"}


def test_words_say_the_same_as_the_bars():
    first, *_ = compare("iscsi_tcp", 4096, ("copy_in_stack", "fix_callers")).text.splitlines()
    assert first == (
        "copy_in_stack: delivered; send calls 1, bytes copied 48, frag slots 2, allocator operations 4, "
        "pinned bytes (peak) 36,864, pushes 1"
    )


def test_what_the_stack_takes_from_its_allocator_is_counted_like_the_caller_s():
    table = compare("iscsi_tcp", 4096, ("copy_in_stack", "fix_callers")).table
    assert table[["kmallocs", "frag_allocs", "frag_frees"]].to_numpy().tolist() == [[1, 1, 1], [0, 1, 1]]


def test_large_numbers_leave_room_for_the_next_panel():
    found = compare("iscsi_tcp", 1 << 20)
    drawing = Bars(found)
    drawing.update(found)
    assert drawing.numbers[1][0].get_text() == "1.0M" and drawing.numbers[4][0].get_text().endswith(("k", "M"))
    assert_legible(drawing.figure)
