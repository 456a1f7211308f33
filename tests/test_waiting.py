"""What waits for its ACK: the numbers of the runs, legible at the extremes, and a picture that comes back."""

import pytest
from explorer_rules import assert_keeps_the_rules
from explorers import explorer_of
from legible import assert_legible

from splicelab import held_until_ack
from splicelab.evidence.counted.compare import WAYS


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"caller": "siw", "header_bytes": 2048, "loopback": True},
        {"caller": "ceph_v1", "segments_in_software": True},
    ],
)
def test_lines_and_bars_are_legible(options):
    assert_legible(held_until_ack(**options).figure)


def test_an_object_is_held_alone_and_a_fragment_with_its_block():
    lines = held_until_ack().text.splitlines()
    assert len(lines) == len(WAYS)
    assert lines[0] == (
        "copy_in_stack: a message has 48 bytes copied, callbacks: 0; 64 in flight hold 32,768 bytes beside the payload"
    )
    assert lines[3] == (
        "attach_callback: a message has 0 bytes copied, callbacks: 1; 64 in flight hold 4,096 bytes beside the payload"
    )


def test_a_reference_on_the_way_brings_the_copy_back():
    taken = held_until_ack("rds", 512, segments_in_software=True).tallies
    assert taken["copy_on_ref"][0].copied_bytes == taken["copy_in_stack"][0].copied_bytes == 64 * 512
    assert taken["attach_callback"][0].copied_bytes == 0


def test_a_control_moves_the_picture_and_comes_back():
    explorer = explorer_of("07_callbacks_and_copy_on_ref")
    first = explorer._picture.value
    explorer.controls["loopback"].value = True
    assert explorer.error is None and explorer._picture.value != first
    explorer.controls["loopback"].value = False
    assert explorer._picture.value == first


def test_the_explorer_keeps_the_rules():
    local = {"caller": "siw", "loopback": True}
    assert_keeps_the_rules(
        explorer_of("07_callbacks_and_copy_on_ref"),
        [{"header_bytes": 128}, {"header_bytes": 2048}, {"segments_in_software": True}, local],
    )
