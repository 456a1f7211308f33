"""Records of the layers above TCP, by the rules of 6.1 and 6.12."""

import pytest

from splicelab.callers import Segment, Send, load_callers
from splicelab.errors import InputError
from splicelab.evidence.counted.layers import HANDED_DOWN, LAYERS, PATTERNS, layers
from splicelab.evidence.counted.run import run


def call(method, size_bytes, flags=""):
    return Send(method, [Segment("payload", size_bytes, "page")], frozenset(flags.split()))


def sizes(layer, kernel, *calls):
    made = layers().records(layer, kernel, list(calls))
    return [record.size_bytes for record in made.closed], made.open_bytes, made.refused


def test_tls_in_software_listened_to_notlast_for_pages_and_to_more_for_copies():
    pages = [call("sendpage", 4096, "MORE"), call("sendpage", 4096, "MORE NOTLAST"), call("sendpage", 100)]
    assert sizes("tls_sw", "6.1", *pages) == ([4096, 4196], 0, "")
    assert sizes("tls_sw", "6.1", call("copy", 48, "MORE"), pages[0]) == ([4144], 0, "")
    since = [call("splice", 4096, "MORE"), call("splice", 4096, "MORE"), call("splice", 100)]
    assert sizes("tls_sw", "6.12", *since) == ([8292], 0, "")


@pytest.mark.parametrize("layer", ["tls_device", "tls_device_zerocopy", "kcm", "smc"])
def test_others_took_notlast_for_more(layer):
    pages = [call("sendpage", 4096, "NOTLAST"), call("sendpage", 4096, "MORE"), call("sendpage", 100)]
    assert sizes(layer, "6.1", *pages) == ([8292], 0, "")
    assert sizes(layer, "6.12", call("splice", 4096, "MORE"), call("splice", 100)) == ([4196], 0, "")
    assert sizes(layer, "6.12", call("splice", 4096, "MORE")) == ([], 4096, "")


def test_messages_of_kcm_seqpacket_end_by_eor_alone_since_its_pages_come_by_sendmsg():
    assert sizes("kcm_seqpacket", "6.1", call("sendpage", 4096, "NOTLAST"), call("sendpage", 8)) == ([4104], 0, "")
    assert sizes("kcm_seqpacket", "6.12", call("splice", 4096, "MORE"), call("splice", 8)) == ([], 4104, "")
    assert sizes("kcm_seqpacket", "6.12", call("splice", 4096), call("copy", 8, "EOR")) == ([4104], 0, "")


def test_a_tls_record_is_full_at_16_kib():
    assert sizes("tls_sw", "6.12", call("splice", 40000)) == ([16384, 16384, 7232], 0, "")
    assert sizes("tls_sw", "6.12", call("splice", 16384, "MORE")) == ([16384], 0, "")
    assert sizes("tls_sw", "6.1", *[call("sendpage", 4096, "NOTLAST")] * 5) == ([16384], 4096, "")


def test_tls_in_the_device_closes_a_full_record_when_the_next_bytes_come():
    full = call("splice", 16384, "MORE")
    assert sizes("tls_device", "6.12", full) == ([], 16384, "")
    assert sizes("tls_device", "6.12", full, call("copy", 1)) == ([16384, 1], 0, "")
    assert sizes("tls_device", "6.12", call("splice", 16384)) == ([16384], 0, "")


def test_a_record_closes_when_its_slots_are_used():
    small = [call("splice", 100, "MORE")] * 17
    made = layers().records("tls_sw", "6.12", small)
    assert [(record.size_bytes, record.call, record.why) for record in made.closed] == [(1700, 16, "no slot left")]
    made = layers().records("tls_device_zerocopy", "6.12", small)  # one of 16 is the prefix
    assert [(record.size_bytes, record.call, record.why) for record in made.closed] == [(1500, 14, "no slot left")]
    assert made.open_bytes == 200
    assert sizes("tls_device", "6.12", *small) == ([], 1700, "")
    copies = [call("copy", 100, "MORE")] * 20
    assert sizes("tls_sw", "6.12", *copies) == ([], 2000, "")


def test_tls_and_eor():
    assert sizes("tls_sw", "6.1", call("sendpage", 8, "EOR")) == ([], 0, "call 1: -EOPNOTSUPP")
    assert sizes("tls_device", "6.12", call("splice", 8, "MORE EOR")) == ([], 0, "call 1: -EINVAL")
    assert sizes("tls_sw", "6.12", call("splice", 8, "MORE"), call("splice", 8, "EOR")) == ([16], 0, "")


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_no_byte_is_lost_for_any_caller(layer, kernel):
    for caller in load_callers().values():
        sends = caller.sends(kernel, min(caller.payload_bytes_max, 65536))
        made = layers().records(layer, kernel, sends)
        total = sum(segment.size_bytes for send in sends for segment in send.segments)
        if not made.refused:
            assert sum(record.size_bytes for record in made.closed) + made.open_bytes == total


def test_an_unknown_layer_is_refused():
    with pytest.raises(InputError, match="layer: 'quic' is not one of"):
        layers().records("quic", "6.1", [])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_sender_with_each_pattern_delivers_on_both_kernels(pattern):
    pushes = []
    for profile in ("6.1", "6.12"):
        caller = layers().sender(pattern)
        tally = run(caller, "piecewise", profile, payload_bytes=8192)
        assert tally.received_bytes == 8240 and tally.corrupt_bytes == 0
        pushes.append(tally.tcp_push)
    assert pushes == [1 if "NOTLAST" in pattern else 4, 4]


def test_a_sender_without_trailer_ends_with_its_last_page():
    (*_, last) = layers().sender("MORE", trailer_bytes=0).sends("6.12", 8192, 0)
    assert last.flags == frozenset()


@pytest.mark.parametrize("layer", HANDED_DOWN)
def test_what_is_handed_down(layer):
    old, since = (
        run(layers().handed_down[layer], "piecewise", profile, payload_bytes=16384 + 29, mtu=1500)
        for profile in ("6.1", "6.12")
    )
    assert old.sends == since.sends == since.tcp_push == 5
    assert old.tcp_push == (5 if layer == "tcp_bpf" else 1)
    assert since.short_segments == (1 if layer == "espintcp" else 5)


def test_the_tables_say_it_for_every_layer():
    table = layers().table
    assert (
        table.loc[("tls_sw", "6.1", "sendpage")].tolist() == ["closes", "closes", "open", "open"] + ["-EOPNOTSUPP"] * 2
    )
    assert table.loc[("kcm_seqpacket", "6.12", "splice")].tolist() == ["open", "open", "", "", "closes", "closes"]
    assert len(table) == 4 * len(LAYERS)
    table = layers().by_pattern(4096)
    assert table.loc[("tls_sw", "6.1"), "MORE"] == "24 + 4096 + 24" and table.loc[("tls_sw", "6.12"), "MORE"] == "4144"
    assert table.loc[("kcm_seqpacket", "6.12"), "nothing"] == "(4144)"
