"""The scenario reader: what it accepts, and the one line it says about everything else."""

import copy
import json

import pytest

from splicelab.errors import InputError
from splicelab.evidence.counted.limits import MAX_BYTES, call_bytes
from splicelab.evidence.counted.scenarios import read_scenarios

GOOD = {
    "id": "a", "kernel": "6.12", "mtu": 65536, "nodelay": 0, "kind": "made up", "task_frag": None,
    "zerocopy": {"offsets": [0, 0, 1024], "payload_folio": 4096},
    "messages": [{
        "calls": [
            ["sendmsg", [48, 4096, 4], ["MSG_MORE", "MSG_ZEROCOPY"]],
            ["cork", 1],
            ["sendfile", 100, 4096],
            ["splice", [["vmsplice", 0, 16], ["file", 0, 8192]], ["SPLICE_F_MORE"]],
        ],
        "receiver_reads": "after_message", "cwnd": 10, "goals": [[0, 0, 32741, 32741]], "acks": [[2, 0, 4148]],
    }],
}  # fmt: skip


def write(tmp_path, *lines):
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return path


def changed(path, value):
    """Return GOOD with one place changed; a value of ... takes the place out."""
    scenario = copy.deepcopy(GOOD)
    *way, last = path
    place = scenario
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return scenario


def test_good_line_is_read_as_plain_tuples(tmp_path):
    ((_, scenario),) = read_scenarios(write(tmp_path, b"", GOOD, b"  "))
    assert scenario.id == "a" and scenario.kernel == "6.12" and scenario.zerocopy.payload_folio == 4096
    (message,) = scenario.messages
    assert message.calls == [
        ("sendmsg", [48, 4096, 4], 0x4008000),
        ("cork", 1),
        ("sendfile", 100, 4096),
        ("splice", [("vmsplice", 0, 16), ("file", 0, 8192)], 4),
    ]
    assert [call_bytes(call) for call in message.calls] == [4148, 0, 4096, 8208]
    assert message.goals == [(0, 0, 32741, 32741)] and message.acks == [(2, 0, 4148)]


def test_recorded_answers_are_dropped_unread(tmp_path):
    line = copy.deepcopy(GOOD)
    line["messages"][0] |= {"expect": "not looked at", "skbs": [1, {"x": None}]}
    ((_, scenario),) = read_scenarios(write(tmp_path, line))
    assert scenario.kind is None and scenario.messages[0].expect is None and scenario.messages[0].skbs is None


@pytest.mark.parametrize("name", ["x", "", 7, 1.5, True, None, [1, "x"], {"a": [None]}])
def test_id_is_echoed(tmp_path, name):
    ((_, scenario),) = read_scenarios(write(tmp_path, changed(["id"], name)))
    assert scenario.id == name and type(scenario.id) is type(name)


def test_absent_task_frag_is_told_from_null(tmp_path):
    scenarios = [scenario for _, scenario in read_scenarios(write(tmp_path, GOOD, changed(["task_frag"], ...)))]
    assert [s.task_frag for s in scenarios] == [None, None]
    assert ["task_frag" in s.model_fields_set for s in scenarios] == [True, False]


GOAL = "messages[0].goals[0][3]: no kernel has a size goal of "
CALLS = ["messages", 0, "calls"]
WRONG = [
    (["kernel"], "6.2", "kernel: must be '6.1' or '6.12'"),
    (["kernel"], 6.1, "kernel: "),
    (["mtu"], 65536.5, "mtu: "),
    (["mtu"], "1500", "mtu: must be a valid integer, not '1500'"),
    (["mtu"], True, "mtu: must be a valid integer, not True"),
    (["mtu"], float("nan"), "mtu: "),
    (["mtu"], 10**30, "mtu: "),
    (["mtu"], -1, "mtu: must be greater than or equal to 68, not -1"),
    (["nodelay"], 2, "nodelay: "),
    (["nodelay"], False, "nodelay: "),
    (["id"], ..., "id: missing"),
    (["id"], float("inf"), "id: must not hold NaN or an infinite number"),
    (["id"], [float("nan")], "id: must not hold NaN or an infinite number"),
    (["taskfrag"], None, "taskfrag: unknown field"),
    (["new\nline"], 1, "new\\nline: unknown field"),
    (["task_frag"], {"offset": 1, "size": 32768}, "task_frag.refcount: missing"),
    (["task_frag"], {"offset": 1, "size": 5, "refcount": 1}, "task_frag.size: "),
    (["zerocopy"], ..., "zerocopy: missing, and messages[0].calls[0] carries MSG_ZEROCOPY"),
    (["zerocopy", "offsets"], [0, 0], "messages[0].calls[0][1]: more segments than zerocopy.offsets says places of"),
    (["zerocopy", "offsets"], [], "zerocopy.offsets: "),
    (["so_zerocopy"], 2, "so_zerocopy: "),
    (["file_size"], MAX_BYTES + 1, "file_size: "),
    (["max_window"], 0, "max_window: "),
    (["messages", 0, "max_segments"], 0, "messages[0].max_segments: "),
    (["messages", 0, "goals", 0], [0, 0, 1448, 65000], GOAL + "65000 here: it is a multiple of the MSS, 1448"),
    (["messages", 0, "goals", 0], [0, 0, 1448, 1448 * 400], GOAL + "579200 here: no device takes an skb of more than"),
    (["messages", 0, "goals", 0], [0, 0, 1, 65536], GOAL + "65536 here: no device takes an skb of more than"),
    (["zerocopy", "payload_folio"], 5000, "zerocopy.payload_folio: must be 4096, 8192"),
    (["messages"], [], "messages: "),
    (["messages"], {}, "messages: "),
    (["messages", 0], 3, "messages[0]: "),
    (["messages", 0, "cwnd"], ..., "messages[0].cwnd: missing"),
    (["messages", 0, "cwnd"], 0, "messages[0].cwnd: "),
    (["messages", 0, "receiver_reads"], "never", "messages[0].receiver_reads: must be 'after_message' or"),
    (["messages", 0, "goals"], [], "messages[0].goals: must begin with [0, 0, mss, size_goal]"),
    (["messages", 0, "goals", 0], [0, 0, 1448], "messages[0].goals[0][3]: missing"),
    (["messages", 0, "goals", 0, 2], 0, "messages[0].goals[0][2]: "),
    (["messages", 0, "acks", 0, 2], 16453, "messages[0].acks[0][2]: 16453 bytes of a message of 16452"),
    (["messages", 0, "acks", 0, 2], -1, "messages[0].acks[0][2]: must be greater than or equal to 0, not -1"),
    ([*CALLS], [], "messages[0].calls: "),
    ([*CALLS, 1], ["send", 1], "messages[0].calls[1]: unknown call; must be a list that begins with sendmsg or"),
    ([*CALLS, 1], [["cork"], 1], "messages[0].calls[1]: unknown call"),
    ([*CALLS, 1], "cork", "messages[0].calls[1]: unknown call"),
    ([*CALLS, 1], ["cork"], "messages[0].calls[1][1]: missing"),
    ([*CALLS, 1], ["cork", 1, 1], "messages[0].calls[1]: "),
    ([*CALLS, 1], ["cork", 2], "messages[0].calls[1][1]: "),
    ([*CALLS, 0, 1], {}, "messages[0].calls[0][1]: "),
    ([*CALLS, 0, 1], [1] * 4, "messages[0].calls[0][1]: more segments than zerocopy.offsets says places of"),
    ([*CALLS, 0, 1, 2], -4, "messages[0].calls[0][1][2]: must be greater than or equal to 0, not -4"),
    ([*CALLS, 0, 1], [1] * 1025, "messages[0].calls[0][1]: "),
    ([*CALLS, 0, 1], [MAX_BYTES + 1], "messages[0].calls[0][1][0]: "),
    ([*CALLS, 0, 1], [MAX_BYTES, 1], "messages[0].calls: "),
    ([*CALLS, 0, 2], ["MSG_OOB"], "messages[0].calls[0][2]: unknown flag 'MSG_OOB'; expected MSG_DONTWAIT"),
    ([*CALLS, 0, 2], [5], "messages[0].calls[0][2][0]: "),
    ([*CALLS, 2, 2], "8k", "messages[0].calls[2][2]: "),
    ([*CALLS, 3, 1], [], "messages[0].calls[3][1]: "),
    ([*CALLS, 3, 1, 0], ["page", 0, 1], "messages[0].calls[3][1][0]: unknown piece; must be"),
    ([*CALLS, 3, 1, 0, 1], 4096, "messages[0].calls[3][1][0][1]: "),
    ([*CALLS, 2], ["sendfile", 0, MAX_BYTES + 1], "messages[0].calls: "),
    ([*CALLS, 2], ["sendfile", MAX_BYTES, 1], "messages[0].calls[2]: reads up to byte 4194305 of a file; the model's"),
    ([*CALLS, 1], ["nodelay", 2], "messages[0].calls[1][1]: "),
    ([*CALLS, 3, 1, 0], ["socket", 4096, 1], "messages[0].calls[3][1][0][1]: "),
    ([*CALLS, 3, 2], ["MSG_MORE"], "messages[0].calls[3][2]: unknown flag 'MSG_MORE'; expected SPLICE_F_MOVE"),
]


@pytest.mark.parametrize(("place", "value", "said"), WRONG, ids=[said for *_, said in WRONG])
def test_malformed_line_is_one_line_with_file_line_and_field(tmp_path, place, value, said):
    path = write(tmp_path, GOOD, b"", changed(place, value))
    with pytest.raises(InputError) as caught:
        read_scenarios(path)
    text = str(caught.value)
    assert text.startswith(f"{path}:3: {said}"), text
    assert "\n" not in text and len(text) < 400 + len(str(path))


@pytest.mark.parametrize(
    "line",
    [b"{", b"nonsense", b'{"id": 1,}', b"\xff\xfe{}", b"[" * 10000, b'{"id": ' + b"9" * 10000 + b"}", b'"a\x01b"'],
    ids=["cut", "word", "comma", "bytes", "deep", "digits", "control"],
)
def test_what_is_not_json_is_said(tmp_path, line):
    path = write(tmp_path, line)
    with pytest.raises(InputError) as caught:
        read_scenarios(path)
    assert str(caught.value).startswith(f"{path}:1: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("line", [b"3", b"[]", b"null", b'"x"'])
def test_a_line_that_is_no_object_is_said(tmp_path, line):
    with pytest.raises(InputError, match="s.jsonl:1: line: must be an object"):
        read_scenarios(write(tmp_path, line))


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_empty_file_is_said(tmp_path, content):
    with pytest.raises(InputError, match="s.jsonl: empty"):
        read_scenarios(write(tmp_path, content))


def test_missing_file_and_folder_are_said(tmp_path):
    with pytest.raises(InputError, match="no.jsonl: cannot be read: No such file"):
        read_scenarios(tmp_path / "no.jsonl")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_scenarios(tmp_path)
    (tmp_path / "bad.jsonl.xz").write_bytes(b"not xz")
    with pytest.raises(InputError, match="bad.jsonl.xz: cannot be read"):
        read_scenarios(tmp_path / "bad.jsonl.xz")


@pytest.mark.parametrize(
    "fields, goal, said",
    [
        (
            {"kernel": "6.1"},
            [0, 0, 1448, 179552],
            "with IPv4 (no IPv6 segment is that long) more than 65215 ",
        ),
        ({"kernel": "6.1"}, [0, 0, 1428, 177072], None),  # IPv6 has it since 5.19
        ({}, [0, 0, 1448, 179552], None),
        ({"max_window": 100_000}, [0, 0, 1448, 65160], "max_window is 100000, and half of it is the limit"),
        ({"max_window": 140_000}, [0, 0, 1448, 65160], None),
    ],
)
def test_a_size_goal_is_one_that_the_kernel_and_the_window_allow(tmp_path, fields, goal, said):
    line = changed(["messages", 0, "goals", 0], goal) | {"mtu": 1500} | fields
    path = write(tmp_path, line)
    if said is None:
        assert read_scenarios(path)[0][1].messages[0].goals == [tuple(goal)]
        return
    with pytest.raises(InputError) as caught:
        read_scenarios(path)
    assert str(caught.value).startswith(f"{path}:1: {GOAL}{goal[3]} here: {said}")


@pytest.mark.parametrize(
    "place, name",
    [('"cwnd": 10', "cwnd"), ('"id": "a"', "id"), ('"payload_folio": 4096', "payload_folio"), ('"kind": "x"', "kind")],
)
def test_a_name_that_stands_twice_is_said(tmp_path, place, name):
    text = json.dumps(GOOD).replace('"kind": "made up"', '"kind": "x"')
    assert text.count(place) == 1
    path = write(tmp_path, text.replace(place, f"{place}, {place}").encode())
    with pytest.raises(InputError) as caught:
        read_scenarios(path)
    assert str(caught.value) == f"{path}:1: {name}: stands twice in one object"


def test_what_a_connection_may_say_besides(tmp_path):
    line = changed(["zerocopy", "offsets"], [0] * 40) | {
        "file_size": 9,
        "so_zerocopy": 0,
        "max_window": 1 << 20,
        "want": 1,
    }
    line["messages"][0] |= {"max_segments": 2, "max_window": 1 << 21, "acks": []}
    line["messages"][0]["calls"] = [["nodelay", 1], ["splice", [["socket", 4095, 70_000], ["file", 5, 1 << 30]], []]]
    ((_, scenario),) = read_scenarios(write(tmp_path, line))
    assert scenario.want is None and scenario.messages[0].max_window == 1 << 21
    assert [call_bytes(call, scenario.file_size) for call in scenario.messages[0].calls] == [0, 70_004]
