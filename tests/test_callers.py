"""data/callers.csv and what its rows say: checked on load, and against the recorded callers."""

import csv

import pytest

from splicelab.callers import Caller, load_callers
from splicelab.errors import InputError
from splicelab.evidence.recorded.recordings import operations
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


FLAG_BITS = {"MORE": 0x8000, "NOTLAST": 0x20000, "EOR": 0x80}
RECORDED_AS = {  # which row describes a recorded operation, and by how many bytes its head differs in 6.12
    ("nvme", "read", "T"): ("nvmet_tcp", 0),
    ("nvme", "write", "H"): ("nvme_tcp", 0),
    ("nfs", "read", "T"): ("sunrpc_server", 16),
    ("nfs", "write", "H"): ("sunrpc_client", 0),
}


def as_recorded(send):
    """Return a call as the tracer saw it."""
    bits = sum(FLAG_BITS[flag] for flag in send.flags)
    return send.method, sum(segment.size_bytes for segment in send.segments), bits


def from_recording(call):
    """Return a recorded call in the words of the recipes, without flags that do not change what is sent."""
    name, size_bytes, bits, _ = call
    method = "sendpage" if name == "sendpages" else "splice" if bits & 0x8000000 else "copy"
    return method, size_bytes, bits & sum(FLAG_BITS.values())


def test_rows_say_what_was_recorded_call_for_call():
    compared = set()
    for operation in operations().query("caller != 'siw' and cfg != 'dd'").itertuples():
        what, _, direction, payload_bytes, offset, _ = operation.op.split("|")
        key, more_bytes = RECORDED_AS.get((what, direction, operation.role), (None, 0))
        payload_bytes = int(payload_bytes)
        # A large write of nvme-tcp is asked for by the target first, and an unaligned one has two bio_vecs.
        if key is None or key == "nvme_tcp" and (payload_bytes > 4096 or offset != "0"):
            continue
        kernel = "6.1" if operation.kernel == "6.1.192" else "6.12"
        caller = CALLERS[key]
        if kernel == "6.12":
            caller = caller.model_copy(update={"head_bytes": caller.head_bytes + more_bytes})
        padding = -payload_bytes % 4 if what == "nfs" else None
        expected = [as_recorded(send) for send in caller.sends(kernel, payload_bytes, padding)]
        assert [from_recording(call) for call in operation.calls] == expected, (key, kernel, operation.op)
        compared.add((key, kernel))
    assert len(compared) == 8


def test_every_spliced_fpdu_of_siw_has_the_flags_of_its_row():
    fpdus = 0
    for operation in operations().query("caller == 'siw' and kernel == '6.12.117'").itertuples():
        calls = [from_recording(call) for call in operation.calls]
        for place, call in enumerate(calls):
            if call == ("copy", 16, FLAG_BITS["MORE"]):
                end = next(n for n in range(place + 1, len(calls)) if calls[n][0] == "copy")
                pages = calls[place + 1 : end]
                assert [bits for _, _, bits in pages] == [FLAG_BITS["MORE"]] * (len(pages) - 1) + [0]
                assert calls[end] == ("copy", 4, FLAG_BITS["EOR"])
                fpdus += 1
    assert fpdus > 190


@pytest.mark.parametrize("key", CALLERS)
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_every_message_is_sent_whole_and_once(key, kernel):
    caller = CALLERS[key]
    for payload_bytes in (0, 1, 4080, 4097, 65536):
        if payload_bytes > caller.payload_bytes_max:
            continue
        sends = caller.sends(kernel, payload_bytes, caller.trailer_bytes_max)
        sent = [segment for send in sends for segment in send.segments]
        whole = caller.header_bytes + caller.head_bytes + payload_bytes + caller.trailer_bytes_max
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
        (good[0].replace("head_bytes", "head_size") + "\n" + good[1], r"callers.csv: row 2 \(siw\): head_bytes: "),
    ]:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=said):
            load_callers(path)
    path.write_bytes(b"key\n\xff")
    with pytest.raises(InputError, match="callers.csv: cannot be read"):
        read_rows(path, Caller)
    with pytest.raises(InputError, match="gone.csv: cannot be read: No such file"):
        load_callers(tmp_path / "gone.csv")
