"""The comparison bars: the numbers of a comparison and nothing else, legible whatever is compared."""

from itertools import pairwise

import pytest
from legible import assert_legible, drawn

from splicelab import compare
from splicelab.show.style import DANGER, GOOD


@pytest.mark.parametrize(
    ("caller", "payload_bytes", "profile"),
    [("siw", 65536, "6.12+v3"), ("iscsi_tcp", 4096, "6.12"), ("siw", 1048576, "6.1"), ("sunrpc_server", 0, "6.17")],
)
def test_bars_are_legible(caller, payload_bytes, profile):
    assert_legible(compare(caller, payload_bytes, profile=profile, chosen="copy_in_stack").figure)


@pytest.mark.parametrize(
    ("payload_bytes", "options", "said"),
    [(4096, {}, "one message"), (4096, {"messages": 3}, "3 messages"), (65536, {"mtu": 1500}, "46 messages")],
)
def test_the_axis_says_how_many_messages_were_counted(payload_bytes, options, said):
    drawing = drawn(compare("siw", payload_bytes, ("plain_copy", "copy_in_stack"), **options))
    assert compare("ceph_v1", 4096, ("plain_copy",)).of == "one message"  # the frame for the answer is another's
    assert f"{said} (counted)" in [words for _, _, words, *_ in drawing.said]


def column(drawing, title):
    """Return the words of a column from top to bottom, each with its colour, and how long its bars are, in pixels."""
    titles = dict(sorted((x, words) for x, y, words, *_ in drawing.said if y == 20)) | {950: ""}
    here, after = next((here, after) for here, after in pairwise(titles) if titles[here] == title)
    inside = sorted((y, words, colour) for x, y, words, colour, *_ in drawing.said if here <= x < after and y > 20)
    bars = [right - left for left, _, right, _, fill, *_ in drawing.shapes if fill != "none" and round(left) == here]
    return [(words, colour) for _, words, colour in inside], bars


def test_the_longest_bar_fills_its_column_and_none_hides_a_zero():
    drawing = drawn(compare("siw", 61440, chosen="copy_in_stack"))
    _, sends = column(drawing, "send calls")
    assert max(sends) > 55 and sends[3] == pytest.approx(max(sends) / 17)
    assert [words for words, _ in column(drawing, "bytes copied")[0]][:5] == ["61,460", "20", "20", "20", "0"]


def test_a_drawing_forgets_the_comparison_before():
    drawing = drawn(compare("iscsi_tcp", 4096, profile="6.12"))
    assert column(drawing, "how it ended")[0][3:5] == [("refused (-EIO)", DANGER), ("delivered", GOOD)]
    drawing.update(compare("iscsi_tcp", 4096))
    assert set(column(drawing, "how it ended")[0]) == {("delivered", GOOD)}


def test_words_say_the_same_as_the_bars():
    first, *_ = compare("iscsi_tcp", 4096, ("copy_in_stack", "fix_callers")).text.splitlines()
    assert first == (
        "copy_in_stack: delivered; send calls 1, bytes copied 48, frag slots 2, allocator operations 4, "
        "pinned bytes (peak) 36,864, pushes 1"
    )


def test_what_the_stack_takes_from_its_allocator_is_counted_like_the_caller_s():
    table = compare("iscsi_tcp", 4096, ("copy_in_stack", "fix_callers")).table
    assert table[["kmallocs", "frag_allocs", "frag_frees"]].to_numpy().tolist() == [[1, 1, 1], [0, 1, 1]]


def test_large_numbers_leave_room_for_the_next_column():
    found = compare("iscsi_tcp", 1 << 20)
    drawing = drawn(found)
    (copied, _), *_ = column(drawing, "bytes copied")[0]
    (pinned, _), *_ = column(drawing, "pinned bytes\n(peak)")[0]
    assert copied == "1.0M" and pinned.endswith(("k", "M"))
    assert_legible(drawing.figure)
