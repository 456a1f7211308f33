"""The picture of a trace: legible whatever was sent, and nothing of the trace before stays in it."""

import pytest
from legible import assert_legible, drawn

from splicelab import own_trace
from splicelab.evidence.recorded.own_messages import MORE
from splicelab.evidence.recorded.own_trace import STORED
from splicelab.evidence.recorded.trace_lines import COLUMNS


@pytest.fixture
def crowded():
    """Return a trace with more shapes, calls and segments than there is room for, and owners of every kind."""
    rows = [",".join(COLUMNS)]
    for number in range(1, 20):
        sizes, owners = (
            "+".join(["100000"] * 90),
            "+".join(["slab", "page", "stack", "page_frag", "large_kmalloc"] * 18),
        )
        rows += [f"{number},s,sendmsg,MORE|EOR,kvec,{sizes},{owners}"] * number + [f"{number},s,cork,-,-,-,-"]
    return own_trace({"name": "crowded", "content": "\n".join(rows).encode()})


@pytest.mark.parametrize("name", STORED)
def test_a_stored_trace_is_legible(name):
    assert_legible(own_trace(name).figure)


def test_a_crowded_one_is_legible(crowded):
    assert_legible(crowded.figure)


def test_a_drawing_forgets_the_trace_before(crowded):
    first = own_trace("nbdkit")
    drawing = drawn(crowded)
    drawing.update(first)
    fresh = drawn(first)
    assert drawing.said == fresh.said and len(drawing.shapes) == len(fresh.shapes)
    assert f"1 {MORE}" in [words for _, _, words, *_ in drawing.said]
