"""The microscope: what it says about a message is true, its words are legible, and no picture keeps any of the last."""

import re
from html import unescape

import pytest
from legible import assert_legible, drawn

from splicelab.alternatives import BUILT_IN
from splicelab.callers import load_callers
from splicelab.errors import InputError
from splicelab.evidence.counted.message import trace_message
from splicelab.show.source import source

CALLERS = load_callers()
STACK = {"owners": {"header": "stack"}, "lose_every": 1}


def trace(caller="siw", alternative="copy_in_stack", profile="6.12+v3", payload_bytes=61440, **options):
    return trace_message(CALLERS[caller], alternative, profile, payload_bytes=payload_bytes, **options)


def ways(seen):
    return [(column.memory, column.way, column.held) for column in seen.columns]


@pytest.mark.parametrize("alternative", BUILT_IN)
@pytest.mark.parametrize("caller", ["siw", "iscsi_tcp", "sunrpc_server", "nvme_tcp", "ceph_v1"])
def test_every_message_is_legible(caller, alternative):
    for profile, payload_bytes in (("6.1", 61440), ("6.12+v3", 12288)):
        assert_legible(trace(caller, alternative, profile, payload_bytes).figure)


@pytest.mark.parametrize("options", [STACK, {"flag": False}, {"scatter_gather": False}, {"caller": "rds", "mtu": 1500}])
def test_every_way_of_going_wrong_is_legible(options):
    assert_legible(trace(**options).figure)


def test_the_patch_copies_slab_and_attaches_pages():
    seen = trace()
    assert [column.label for column in seen.columns] == [*("header", "page 1", "page 2", "… 13 more pages", "trailer")]
    page = ("page_cache", "by reference", "page_cache")
    assert ways(seen) == [("slab", "copied", "page_frag"), page, page, page, ("slab", "copied", "page_frag")]
    assert seen.acting == "sendmsg"


def test_the_patch_attaches_a_stack_header_and_the_picture_warns():
    seen = trace(**STACK)
    header, *_, trailer = seen.columns
    assert (header.way, header.held, header.is_at_risk) == ("by reference", "stack", True)
    assert trailer.way == "copied" and not trailer.is_at_risk
    assert seen.tally.corrupt_bytes == 16


def test_a_mended_caller_copies_nothing():
    seen = trace(alternative="fix_callers", profile="6.12")
    assert {way for _, way, _ in ways(seen)} == {"by reference"}
    assert [column.end for column in seen.columns] == [
        "own reference put",
        "kept",
        "kept",
        "kept",
        "own reference put",
    ]
    assert seen.acting == "caller" and not any(column.is_at_risk for column in seen.columns)


def test_who_acts_is_read_from_the_message():
    places = {way: trace(alternative=way).acting for way in BUILT_IN}
    assert places["rewrite_helper"] == "helper" and places["page_per_object"] == places["piecewise"] == "caller"
    assert places["attach_callback"] == "ACK" and places["plain_copy"] == "sendmsg"
    assert trace(alternative="attach_callback").columns[0].end == "kfree by callback"
    assert trace("sunrpc_server", "fix_callers").acting == ""


def test_where_the_flag_is_ignored_helper_and_stack_copy_both():
    seen = trace("iscsi_tcp", "rewrite_helper", "6.12", 4096, scatter_gather=False)
    assert [seen.places[place] for place in ("helper", "sendmsg")] == ["copies 48 bytes", "copies 4,144 bytes"]


def test_what_is_refused_is_never_held():
    refused = trace("iscsi_tcp", profile="6.12", payload_bytes=4096, trailer_bytes=4)
    assert [column.way for column in refused.columns] == ["refused (-EIO)", "not sent", "not sent"]
    short = trace("iscsi_tcp", profile="6.12", payload_bytes=4096, trailer_bytes=4, owners={"header": "page"})
    assert [column.way for column in short.columns] == ["by reference", "by reference", "refused (-EIO)"]


def test_the_status_quo_makes_a_call_a_piece():
    seen = trace(alternative="piecewise", profile="6.12")
    shown = seen.merged(seen.calls)
    assert [call.count for call in shown] == [1, 1, 1, 13, 1] and seen.acting == "caller"


def test_frags_cover_the_message_without_a_gap():
    for alternative in BUILT_IN:
        covered = 0
        for frag in trace(alternative=alternative).frags:
            assert frag.position == covered
            covered += frag.size_bytes
        assert covered == 61440 + 16 + 4


def test_a_picture_keeps_nothing_of_the_one_before():
    long, short = trace(alternative="piecewise"), trace("iscsi_tcp", profile="6.12")
    canvas = drawn(long)
    first = canvas.png(long)
    assert canvas.png(short) != first == canvas.png(long)


def test_words_say_what_is_drawn():
    assert trace(payload_bytes=4096, **STACK).text.splitlines() == [
        "siw · copy_in_stack · 6.12+v3: corrupt bytes",
        "caller: 1 call → sendmsg acts: copies 4 bytes → skb: 1 skb, 3 frags → wire: lost, sent again → "
        "ACK: drops 3 refs",
        "header: kernel stack, 16 bytes, by reference, its bytes may change before the ACK",
        "payload: page, 4,096 bytes, by reference",
        "trailer: slab object, 4 bytes, copied into a page fragment",
    ]


def test_the_source_shown_is_that_of_the_package():
    shown = source("copy_in_stack")
    assert "sent = sendmsg(w, splice_flag(w))" in shown.text
    text, style = re.sub("<[^>]*>", "", shown.html), shown.html.partition(">")[0]
    assert unescape(text) == shown.text
    assert all(rule in style for rule in ("font-family:monospace", "white-space:pre", "color:", "background:"))
    with pytest.raises(InputError, match="copy_in_stack"):
        source("copy_on_the_moon")


def test_a_stack_frame_is_used_again_whatever_the_caller_s_habit():
    for owner in ("stack", "static"):
        seen = trace("iscsi_tcp", payload_bytes=4096, owners={"header": owner}, lose_every=1)
        assert seen.columns[0].is_at_risk and seen.tally.corrupt_bytes == 48
