"""data/callers.csv and what its rows say: checked on load, and against the recorded callers."""

import csv

import pytest

from splicelab.callers import Caller, load_callers
from splicelab.errors import InputError
from splicelab.evidence.counted.run import segment_bytes
from splicelab.paths import DATA
from splicelab.tables import read_rows

CALLERS = load_callers()
FIRST = ["siw", "iscsi_tcp", "sunrpc_server", "nvme_tcp", "ceph_v1"]


def calls(key, kernel, payload_bytes, trailer_bytes=None):
    """Return a message's calls as (method, bytes, flags), which is what a recording shows."""
    sends = CALLERS[key].sends(kernel, payload_bytes, trailer_bytes)
    return [(send.method, sum(s.size_bytes for s in send.segments), "|".join(sorted(send.flags))) for send in sends]


def test_every_caller_has_a_source_and_the_named_ones_come_first():
    assert list(CALLERS)[:5] == FIRST and len(CALLERS) == 16
    assert all("Linux 6.1 and 6.12 " in caller.source for caller in CALLERS.values())


def test_sizes_that_the_protocols_fix():
    sizes = {key: (c.header_bytes, c.trailer_bytes_min, c.trailer_bytes_max) for key, c in CALLERS.items()}
    assert sizes["siw"] == (16, 4, 7) and sizes["iscsi_tcp"][0] == 48 and sizes["sunrpc_server"][0] == 4
    assert sizes["nvme_tcp"][0] == 72 and sizes["ceph_v1"] == (54, 13, 21)
    assert CALLERS["ceph_v1"].trailer_bytes == 21
    owners = CALLERS["sunrpc_server"].header_owner_6_1, CALLERS["sunrpc_server"].header_owner_6_12
    assert owners == ("stack", "page_frag")


def test_siw_as_recorded_and_as_before():
    assert calls("siw", "6.12", 8192) == [
        ("copy", 16, "MORE"), ("splice", 4096, "MORE"), ("splice", 4096, ""), ("copy", 4, "EOR"),
    ]  # fmt: skip
    assert calls("siw", "6.1", 8192) == [
        ("copy", 16, "MORE"), ("sendpage", 4096, "MORE|NOTLAST"), ("sendpage", 4096, "MORE"), ("copy", 4, "EOR"),
    ]  # fmt: skip


def test_nfsd_as_recorded():
    old = calls("sunrpc_server", "6.1", 65536)
    assert old == [("copy", 4, ""), ("sendpage", 104, "")] + [("sendpage", 4096, "")] * 16
    assert calls("sunrpc_server", "6.1", 1, 3)[2:] == [("sendpage", 1, ""), ("sendpage", 3, "")]
    (new,) = CALLERS["sunrpc_server"].sends("6.12", 65536)
    assert [s.owner for s in new.segments] == ["page_frag", "page", "page"] and not new.flags


def test_nvme_as_recorded():
    assert calls("nvme_tcp", "6.1", 4096) == [("sendpage", 72, "MORE|NOTLAST"), ("sendpage", 4096, "EOR")]
    assert calls("nvme_tcp", "6.12", 4096, 4) == [
        ("splice", 72, "MORE"), ("splice", 4096, "MORE"), ("copy", 4, "EOR"),
    ]  # fmt: skip
    assert calls("nvme_tcp", "6.1", 0) == [("sendpage", 72, "EOR")]
    read = calls("nvmet_tcp", "6.1", 65536)
    assert len(read) == 18 and read[0] == ("sendpage", 24, "MORE|NOTLAST") and read[-1] == ("sendpage", 24, "EOR")
    assert [flags for *_, flags in calls("nvmet_tcp", "6.12", 4096)] == ["MORE", "MORE", "EOR"]


def test_an_nfs_client_holds_back_what_more_follows():
    assert calls("sunrpc_client", "6.12", 65536) == [("copy", 184, "MORE"), ("copy", 65536, "")]
    assert [flags for *_, flags in calls("sunrpc_client", "6.12", 1, 3)] == ["MORE", "MORE", ""]
    assert calls("sunrpc_client", "6.1", 0) == [("copy", 184, "")]


@pytest.mark.parametrize("key", CALLERS)
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_every_message_is_sent_whole_and_once(key, kernel):
    caller = CALLERS[key]
    for payload_bytes in (0, 1, 4080, 4097, 65536):
        if payload_bytes > caller.payload_bytes_max:
            continue
        sends = caller.sends(kernel, payload_bytes, caller.trailer_bytes_max)
        sent = [segment for send in sends for segment in send.segments]
        head_bytes = caller.head_bytes_6_1 if kernel == "6.1" else caller.head_bytes_6_12
        whole = caller.header_bytes + head_bytes + payload_bytes + caller.trailer_bytes_max
        assert sum(segment.size_bytes for segment in sent) == whole
        assert all(segment.size_bytes and segment.owner != "none" for segment in sent)
        assert all("NOTLAST" not in send.flags for send in sends[-1:])
        assert kernel == "6.1" or all(send.method != "sendpage" for send in sends)


@pytest.mark.parametrize(
    ("key", "sizes", "said"),
    [
        ("siw", (-1,), "siw: payload: -1 bytes, not 0 to"),
        ("o2net", (1,), "o2net: payload: 1 bytes, not 0 to 0"),
        ("dlm", (4081,), "dlm: payload: 4081 bytes, not 0 to 4080"),
        ("siw", (4096, 8), "siw: trailer: 8 bytes, not 4 to 7"),
        ("nvme_tcp", (4096, 2), "nvme_tcp: trailer of 2 bytes: padding: 2 bytes, not 0 to 0"),
    ],
)
def test_sizes_that_a_caller_does_not_send_are_refused(key, sizes, said):
    with pytest.raises(InputError, match=said):
        CALLERS[key].sends("6.12", *sizes)


WRONG = [
    ({"header_bytes": "-1"}, "header_bytes: must be greater than or equal to 0, not '-1'"),
    ({"header_bytes": "many"}, "header_bytes: must be a valid integer"),
    ({"header_bytes": "1e9"}, "header_bytes: "),
    ({"header_bytes": ""}, "header_bytes: "),
    ({"header_owner_6_1": "heap"}, "header_owner_6_1: must be 'slab', 'large_kmalloc'"),
    ({"header_owner_6_1": "none"}, "header_owner_6_1: none does not go with the size"),
    ({"head_owner": "page"}, "head_owner: page does not go with the size"),
    ({"trailer_bytes": "9"}, "trailer_bytes: not between trailer_bytes_min and trailer_bytes_max"),
    ({"corked_6_1": "maybe"}, "corked_6_1: "),
    ({"source": ""}, "source: "),
    ({"key": "Siw!"}, "key: "),
    ({"sends_6_1": ""}, "sends_6_1: "),
    ({"sends_6_1": "copy:header"}, "sends_6_1: 'copy:header' is not METHOD:PIECES:FLAGS"),
    ({"sends_6_1": "write:header:-"}, "sends_6_1: 'write:header:-' is not"),
    ({"sends_6_12": "splice:header:NOTLAST"}, "sends_6_12: 'splice:header:NOTLAST': unknown flag 'NOTLAST' of splice"),
    ({"sends_6_12": "splice:header*:MORE"}, "sends_6_12: 'splice:header*:MORE': * and ; belong to payload alone"),
    ({"sends_6_12": "splice:payload:MORE;-"}, "sends_6_12: 'splice:payload:MORE;-': * and ; belong to payload alone"),
    ({"sends_6_12": "copy:header:-"}, "sends_6_12: sends header, and the sizes say header payload trailer"),
    ({"recorded_as": "rping 65536 s0"}, "recorded_as: must match pattern"),
    ({"sends_6_1": "copy:header+header+payload+trailer:-"}, "sends_6_1: sends header header"),
]


def altered(tmp_path, change):
    """Write data/callers.csv with its first row changed."""
    with open(DATA / "callers.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0] |= change
    path = tmp_path / "callers.csv"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[1]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize(("change", "said"), WRONG, ids=[said for _, said in WRONG])
def test_malformed_row_is_one_line_with_file_row_and_field(tmp_path, change, said):
    with pytest.raises(InputError) as caught:
        load_callers(altered(tmp_path, change))
    text = str(caught.value)
    assert text.startswith(f"callers.csv: row 2 ({change.get('key', 'siw')}): {said}"), text
    assert "\n" not in text


def test_malformed_file_is_said(tmp_path):
    good = (DATA / "callers.csv").read_text(encoding="utf-8").splitlines()
    path = tmp_path / "callers.csv"
    for text, said in [
        ("", "callers.csv: no row"),
        (good[0], "callers.csv: no row"),
        ("\n".join([*good[:3], good[1]]), r"callers.csv: row 4 \(siw\): key: stands twice"),
        (good[0] + "\nsiw,short", r"callers.csv: row 2 \(siw\): too few columns"),
        (good[0] + "\n" + good[1] + ",x", r"callers.csv: row 2 \(siw\): too many columns"),
        (good[0].replace("head_bytes", "head_size") + "\n" + good[1], r"callers.csv: row 2 \(siw\): head_bytes_6_1: "),
    ]:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=said):
            load_callers(path)
    path.write_bytes(b"key\n\xff")
    with pytest.raises(InputError, match="callers.csv: cannot be read"):
        read_rows(path, Caller)
    with pytest.raises(InputError, match="gone.csv: cannot be read: No such file"):
        load_callers(tmp_path / "gone.csv")


def operation(key, kernel, payload_bytes, mtu=65536, **how):
    messages = CALLERS[key].operation(payload_bytes, segment_bytes(mtu)[0], **how)
    sends = [send for message in messages for send in message.sends(kernel)]
    return [(send.method, sum(s.size_bytes for s in send.segments), "|".join(sorted(send.flags))) for send in sends]


def test_a_data_digest_leaves_what_else_a_trailer_has_to_padding():
    with pytest.raises(InputError, match="iscsi_tcp: trailer of 3 bytes: padding: -1 bytes, not 0 to 3"):
        operation("iscsi_tcp", "6.12", 4096, trailer_bytes=3, data_digest=True)
    assert operation("iscsi_tcp", "6.12", 1, trailer_bytes=3)[2:] == [("copy", 3, "")]
    assert operation("iscsi_tcp", "6.12", 1, trailer_bytes=7)[2:] == [("copy", 3, ""), ("copy", 4, "")]
    assert list(CALLERS["nvme_tcp"].trailer_sizes()) == [0, 4]
    assert list(CALLERS["lio_target"].trailer_sizes()) == list(range(8))


def test_siw_builds_a_short_write_behind_its_header():
    assert operation("siw", "6.12", 30) == [("copy", 16 + 32 + 4, "")]
    assert operation("siw", "6.12", 33) == [("copy", 16 + 36 + 4, "EOR")]


def test_drbd_walks_pages_however_long_the_entries_are():
    assert operation("drbd", "6.12", 65536, entry_bytes=65536) == operation("drbd", "6.12", 65536)
    assert len(operation("iscsi_tcp", "6.12", 65536, entry_bytes=65536)) == 2


@pytest.mark.parametrize(
    ("key", "how", "calls"),
    [
        ("iscsi_tcp", {"header_digest": True}, [("copy", 52, ""), ("splice", 4096, "")]),
        ("lio_target", {"header_digest": True}, [("copy", 52, ""), ("splice", 4096, "")]),
        ("lio_target", {"data_digest": True}, [("copy", 48, ""), ("splice", 4096, ""), ("copy", 4, "")]),
        ("nvme_tcp", {"header_digest": True}, [("splice", 76, "MORE"), ("splice", 4096, "EOR")]),
        (
            "nvmet_tcp",
            {"header_digest": True},
            [("splice", 28, "MORE"), ("splice", 4096, "MORE"), ("splice", 28, "EOR")],
        ),
    ],
)
def test_digests(key, how, calls):
    assert operation(key, "6.12", 4096, **how) == calls


def test_a_large_write_of_nvme_sends_its_command_alone_and_a_data_header_with_a_digest_of_its_own():
    found = operation("nvme_tcp", "6.12", 32768, header_digest=True, data_digest=True, entry_bytes=32768)
    assert found == [("splice", 76, "EOR"), ("splice", 28, "MORE"), ("splice", 32768, "MORE"), ("copy", 4, "EOR")]


@pytest.mark.parametrize(
    ("key", "payload_bytes", "parts"),
    [
        ("iscsi_tcp", 1 << 20, [65536, 262144, 262144, 262144, 196608]),
        ("lio_target", 1 << 20, [262144] * 4),
        ("drbd", 1 << 20, [126976] * 8 + [32768]),
        ("ktls", 40000, [16384, 16384, 7232]),
        ("sunrpc_client", 3 << 20, [1 << 20] * 3),
        ("rds", 1 << 20, [1 << 20]),
    ],
)
def test_an_operation_is_cut_as_the_protocol_cuts_it(key, payload_bytes, parts):
    assert [m.payload_bytes for m in CALLERS[key].operation(payload_bytes, 65483)] == parts


@pytest.mark.parametrize("mtu", [1500, 9000, 65536])
def test_an_fpdu_of_siw_fits_one_segment(mtu):
    mss = segment_bytes(mtu)[0]
    for message in CALLERS["siw"].operation(200_000, mss):
        assert message.payload_bytes + 20 <= mss


@pytest.mark.parametrize(
    ("key", "how", "said"),
    [
        ("siw", {"header_digest": True}, "siw: header digest: its protocol has none"),
        ("rds", {"data_digest": True}, "rds: data digest: its protocol has none that can be chosen"),
    ],
)
def test_a_digest_that_there_is_not_is_refused(key, how, said):
    with pytest.raises(InputError, match=said):
        operation(key, "6.12", 4096, **how)
