"""Recorded operations beside the model, and all callers on one page: legible, and with the numbers of the results."""

import pytest
from legible import assert_legible, drawn
from matplotlib.text import Text

from splicelab import compare, lives, load_callers, plot, run
from splicelab.errors import InputError
from splicelab.evidence.recorded.replay import by_operation, replay
from splicelab.show.style import DANGER

CASES = [(name, size_bytes) for name, found in by_operation().items() for size_bytes in {size for _, size in found}]


@pytest.mark.parametrize(("name", "payload_bytes"), CASES[::7])
def test_a_replay_is_legible(name, payload_bytes):
    assert_legible(replay(name, payload_bytes).figure)


def test_what_differs_is_red_and_the_next_operation_is_not():
    drawing = drawn(replay("drbd write", 4096))
    red = [words for _, _, words, colour, *_ in drawing.said if colour == DANGER]
    assert [words for words in red if " x " in words] == 2 * [
        "2 x copy 16   model: no call",
        "1 x copy 24   model: no call",
    ]
    drawing.update(replay("nvmet_tcp read", 4096))
    assert DANGER not in {colour for _, _, _, colour, *_ in drawing.said}


def test_all_callers_by_all_alternatives_on_one_page():
    callers = load_callers()
    compared = {key: compare(key, min(65536, row.payload_bytes_max)) for key, row in callers.items()}
    picture = plot(compared)
    assert_legible(picture.figure)
    names, first, *_ = picture.text.splitlines()
    assert names == f"each as {', '.join(compared['siw'].tallies)}"
    calls = [tally.sends for tally in compared["siw"].tallies.values()]
    assert first.startswith(f"siw: calls {', '.join(map(str, calls))}; copied 65576, 40, 40, 40, 0, ")
    assert len(picture.text.splitlines()) == 1 + len(callers)
    siw = picture.figure.axes[0]
    assert [text.get_text() for text in siw.findobj(Text) if text in siw.texts][5:10] == ["21", "40", "21", "4", "98k"]


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ({"a": run("siw", "plain_copy")}, "no picture of Tally"),
        ({"a": []}, "no picture of list: {'a': \\[\\]}"),
        ({"a": [1.5]}, "no picture of list: {'a': \\[1.5"),
        ({"a": [{}]}, "no picture of list: {'a': "),
        (5, "no picture of 5"),
        ([5], r"no picture of \[5\]"),
        ([], r"no picture of \[\]"),
        ("siw", "no picture of 'siw'"),
        ({}, "no picture of {}"),
        ({"a": 3}, "no picture of int"),
        ({"a": compare("siw", 4096, ("plain_copy",)), "b": [48]}, "no picture of Comparison and list"),
        ({name: compare("siw", 4096, (name,)) for name in ("plain_copy", "piecewise")}, "the same alternatives"),
        ({f"{n}": lives(messages=100, by_delay=(0, n)) for n in (1, 2)}, "the same ACK delays"),
    ],
)
def test_what_is_not_of_one_kind_has_no_picture(results, said):
    with pytest.raises(InputError, match=f"^plot: .*{said}"):
        plot(results)


def test_who_is_refused_is_red_and_said():
    picture = plot({"iscsi_tcp": compare("iscsi_tcp", 4096, ("plain_copy", "copy_in_stack"), "6.12")})
    assert picture.text.endswith("; copy_in_stack: refused (-EIO)")
    assert {text.get_color() for text in picture.figure.axes[0].texts[5:]} == {DANGER}
