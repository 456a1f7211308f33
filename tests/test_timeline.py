"""The time line: what is drawn is what happened."""

import pytest
from legible import assert_legible, drawn

from splicelab.callers import load_callers
from splicelab.errors import InputError
from splicelab.evidence.counted.layers import layers
from splicelab.evidence.counted.message import trace_message
from splicelab.evidence.counted.timeline import ALONE, HELD, LEAVES, Row, timeline
from splicelab.show.plot import plot

CALLERS, ABOVE = load_callers(), layers()


def row(caller, profile, payload_bytes=8192, layer="", **options):
    caller = CALLERS.get(caller, caller)
    trace = trace_message(caller, "piecewise", profile, payload_bytes=payload_bytes, **options)
    above = ABOVE.records(layer, profile, caller.sends(profile, payload_bytes)) if layer else None
    return Row(f"{caller.key} on {profile}", trace, above)


def test_pushes_are_where_the_calls_end_and_skbs_follow_them():
    calls, marks, skbs = row("nvmet_tcp", "6.1", 4096).happenings
    assert [end - first for _, first, end in calls] == [24, 4096, 24]
    assert (marks, skbs) == ([(4144, LEAVES)], [(0, 4144)])
    _, marks, skbs = row("siw", "6.12", 4096).happenings
    assert marks == [(16, HELD), (4112, LEAVES), (4116, LEAVES)] and skbs == [(0, 4112), (4112, 4116)]


def test_what_leaves_without_a_push_is_told_apart():
    long = row("nvmet_tcp", "6.1", 65536, mtu=1500).happenings
    assert long[1:] == ([(65160, ALONE), (65584, LEAVES)], [(0, 65160), (65160, 65584)])
    corked = row("sunrpc_server", "6.1", 4096).happenings
    assert corked[1] == [(4, HELD), (108, HELD), (4204, HELD), (4204, ALONE)]
    waits_for_ack = row(ABOVE.sender("MORE"), "6.12", nodelay=False).happenings
    assert waits_for_ack[1][-2:] == [(8240, HELD), (8240, ALONE)]


def test_the_words_say_what_is_drawn():
    assert row("siw", "6.12", layer="tls_sw").text == ("siw on 6.12: 4 calls, 4 pushes, 2 skbs, 2 records above")
    assert row("siw", "6.1", layer="tls_sw").text.endswith("1 record above, call 4: -EOPNOTSUPP")
    assert row(ABOVE.sender("MORE"), "6.12", layer="kcm_seqpacket").text.endswith("8240 bytes wait above")


@pytest.mark.parametrize("key", CALLERS)
def test_figures_of_all_callers_are_legible(key):
    payload_bytes = min(CALLERS[key].most_bytes(1448), 65536)
    rows = (row(key, profile, payload_bytes, mtu=1500) for profile in ("6.1", "6.12"))
    assert_legible(timeline(*rows).figure)


def test_an_updated_picture_is_the_picture_made_anew():
    one = timeline(row("siw", "6.1", 61440, "tls_sw"))
    other = timeline(row("nvmet_tcp", "6.12", layer="kcm_seqpacket"))
    canvas = drawn(one)
    first = canvas.png(one)
    assert canvas.png(other) == drawn(other).png(other) != first
    assert canvas.png(one) == first
    assert_legible(canvas.figure)


def test_a_message_of_too_many_pieces_is_refused():
    with pytest.raises(InputError, match="more than 24 pieces"):
        _ = timeline(row("nvmet_tcp", "6.12", 131072)).figure


def test_the_sweep_is_legible():
    ways = {f"kill_notlast, 6.{n}": [(1, 3, 2), (16, 18, 17)] for n in (1, 12, 13, 14)}
    assert_legible(plot(ways, {"recorded, 6.1 and 6.12": [(16, 18)]}).figure)
