"""The Explorer of a message, the grid of a sweep, the self-checks: what a notebook shows beside the microscope."""

import pandas as pd
import pytest
from legible import assert_legible, drawn

from splicelab.callers import load_callers
from splicelab.errors import InputError
from splicelab.evidence.counted.message import trace_message
from splicelab.evidence.counted.run import run
from splicelab.show.check import check
from splicelab.show.grid import grid
from splicelab.show.message_explorer import explore_message

SIW = load_callers()["siw"]


def test_a_control_moves_the_message_and_comes_back():
    explorer = explore_message("copy_in_stack")
    first = explorer._picture.value
    explorer.controls["owners"].value = {"header": "stack"}
    explorer.controls["lose_every"].value = True
    assert explorer.error is None and "corrupt bytes" in explorer._repr_mimebundle_()[0]["text/plain"]
    explorer.controls["owners"].value, explorer.controls["lose_every"].value = {}, False
    assert explorer._picture.value == first


@pytest.mark.parametrize("caller", ["siw", "iscsi_tcp", "ceph_v1", "rds", "sunrpc_server", "nvme_tcp"])
def test_a_trailer_that_the_caller_does_not_send_is_brought_within_what_it_does(caller):
    explorer = explore_message("fix_callers", caller, "6.12")
    for trailer, pages in ((0, 1), (21, 16)):
        explorer.controls["trailer_bytes"].value, explorer.controls["payload_pages"].value = trailer, pages
        assert explorer.error is None


def test_an_unknown_caller_is_refused():
    with pytest.raises(InputError, match="sctp"):
        explore_message("copy_in_stack", "sctp")


def test_kept_words_look_as_on_a_fresh_canvas():
    traces = [trace_message(SIW, way, "6.12", payload_bytes=12288) for way in ("piecewise", "fix_callers")]
    used = drawn(traces[0])
    assert [used.png(trace) for trace in traces][1] == drawn(traces[1]).png(traces[1])


def test_a_grid_is_legible_and_says_the_same_in_words():
    profiles = ("6.12", "6.12+v3")
    sweep = {p: {"header in slab": run(SIW, "copy_in_stack", p, payload_bytes=4096)} for p in profiles}
    picture = grid(pd.DataFrame(sweep), "kernel")
    assert_legible(picture.figure)
    assert picture.text == "header in slab: 6.12: refused (-EIO); 6.12+v3: delivered, 20 bytes copied"


def test_a_wrong_check_says_so():
    assert repr(check(("sends", 1, 1), ("copied bytes", 16, 20))).splitlines() == [
        "ok    sends: 1",
        "WRONG copied bytes: 16, not 20",
    ]


def test_a_control_offers_what_the_caller_sends():
    explorer = explore_message("copy_in_stack", "ceph_v1")
    trailer, pages = explorer.controls["trailer_bytes"], explorer.controls["payload_pages"]
    ends = {"nvme_tcp": (0, 4, 4, 16), "siw": (4, 7, 1, 15), "rds": (0, 0, 1, 16), "ceph_v1": (13, 21, 1, 16)}
    pages.value = 16
    for caller, (low, high, step, most_pages) in ends.items():
        explorer.controls["caller"].value = caller
        assert (trailer.min, trailer.max, trailer.step, pages.max) == (low, high, step, most_pages)
        assert trailer.disabled == (low == high) and low <= trailer.value <= high
        sent = {piece.role: piece.size_bytes for piece in explorer.result.pieces}
        assert sent.get("trailer", 0) == trailer.value and explorer.error is None
