"""Small connections with the right answer beside them, and the rule of the kernel that gives it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splicelab.evidence.counted.predict import Sender, predict_one
from splicelab.evidence.counted.scenarios import parse_scenario, read_lines
from splicelab.kernel.world import UNKNOWN_WINDOW
from splicelab.paths import REPOSITORY

RULES = {  # a file of tests/cases and where its answers come from
    "waits": "6.12 net/ipv4/tcp_output.c: tcp_nagle_check (only a small segment in flight), tcp_write_wakeup (200 ms)",
    "options": "6.12 net/ipv4/tcp.c: __tcp_sock_set_nodelay, __tcp_sock_set_cork",
    "sizes": "6.12 net/ipv4/tcp_output.c: tcp_tso_autosize; net/core/sock.c: sk_dst_gso_max_size; tcp.c: forced_push",
    "zerocopy": "6.12 net/core/datagram.c: zerocopy_fill_skb_from_iter; net/ipv4/tcp.c: tcp_sendmsg_locked",
    "files": "6.12 fs/splice.c: splice_direct_to_actor; net/ipv4/tcp.c: tcp_splice_eof (since 6.5)",
    "pipes": "6.12 fs/splice.c: splice_to_socket (ca2d49f77ce4); 6.1 fs/splice.c: pipe_to_sendpage",
    "forced_push": "recorded, 6.1, MTU 1500, 256 KiB: size_goal at what GSO allows says nothing of the window",
}
LINES = [(name, line) for name in RULES for _, line in read_lines(REPOSITORY / "tests" / "cases" / f"{name}.jsonl")]


def answers(line):
    """Return what the model says of a connection, a dict per message."""
    scenario = parse_scenario(line if isinstance(line, bytes) else json.dumps(line).encode(), "case")
    messages = predict_one(scenario)["messages"]
    return [{**counts, "skb_lens": [length for length, *_ in counts["skbs"]]} for counts in messages]


def connection(calls, **fields):
    """Return a connection of one message at MTU 1500 whose window never decides."""
    names = {"max_segments", "cwnd", "goals", "acks"} & set(fields)
    inside = {name: fields.pop(name) for name in names}
    message = {"calls": calls, "receiver_reads": "after_message", "cwnd": 1000, "goals": [[0, 0, 1448, 65160]]}
    return {
        "id": 0,
        "kernel": "6.12",
        "mtu": 1500,
        "nodelay": 1,
        "messages": [message | {"acks": []} | inside],
    } | fields


@pytest.mark.parametrize("name, line", LINES, ids=[f"{name}: {json.loads(line)['id']}" for name, line in LINES])
def test_every_case_has_its_right_value(name, line):
    raw = json.loads(line)
    recorded = [{**m.get("expect", {}), **{k: m[k] for k in ("skbs",) if k in m}} for m in raw["messages"]]
    wanted = raw.get("want", recorded)
    assert any(wanted), "a case without an answer"
    found = [{key: said[key] for key in right} for right, said in zip(wanted, answers(line), strict=True)]
    assert found == wanted, RULES[name]


@given(
    sizes=st.lists(st.tuples(st.integers(0, 4095), st.integers(1, 9000)), min_size=2, max_size=60),
    kernel=st.sampled_from(["6.1", "6.12"]),
    goal_segs=st.integers(1, 45),
)
def test_zerocopy_takes_any_number_of_segments_and_cuts_by_goal_and_pages(sizes, kernel, goal_segs):
    """Each segment lies in pages of its own, so an skb is full after 17 pages or at the goal, whichever comes first."""
    left, most, lengths = [], goal_segs * 1000, [0]
    for offset, size in sizes:
        while size:
            left.append(min(size, 4096 - offset))
            size, offset = size - left[-1], 0
    pages = 0
    while left:
        part = min(left[0], most - lengths[-1])
        if part == 0 or pages == 17:
            lengths.append(0)
            pages = 0
            continue
        lengths[-1], left[0], pages = lengths[-1] + part, left[0] - part, pages + 1
        left = left[left[0] == 0 :]
    calls = [["sendmsg", [size for _, size in sizes], ["MSG_ZEROCOPY"]]]
    zerocopy = {"offsets": [offset for offset, _ in sizes], "payload_folio": 4096}
    goals = [[0, 0, 1000, most]]
    (said,) = answers(connection(calls, kernel=kernel, zerocopy=zerocopy, goals=goals))
    assert said["skb_lens"] == lengths
    assert all(skb[2] <= 17 for skb in said["skbs"]) and said["copied_bytes"] == 0


@st.composite
def any_calls(draw):
    flags = st.lists(st.sampled_from(["MSG_MORE", "MSG_EOR"]), max_size=2, unique=True)
    piece = st.tuples(st.sampled_from(["vmsplice", "file", "socket"]), st.integers(0, 4095), st.integers(0, 20_000))
    more = st.sampled_from([[], ["SPLICE_F_MORE"]])
    call = st.one_of(
        st.tuples(st.just("sendmsg"), st.lists(st.integers(0, 3000), max_size=3), flags),
        st.tuples(st.just("sendfile"), st.integers(0, 9000), st.integers(0, 9000)),
        st.tuples(st.sampled_from(["cork", "nodelay"]), st.integers(0, 1)),
        st.tuples(st.just("splice"), st.lists(piece, min_size=1, max_size=3), more),
    )
    return [list(one) for one in draw(st.lists(call, min_size=1, max_size=6))]


@given(
    calls=any_calls(), kernel=st.sampled_from(["6.1", "6.12"]), nodelay=st.integers(0, 1), cwnd=st.integers(1, 60),
    max_segments=st.integers(1, 50), file_size=st.integers(0, 12_000),
)  # fmt: skip
def test_what_waits_is_what_had_not_left_and_everything_leaves_in_the_end(calls, kernel, nodelay, cwnd, **limits):
    file_size = limits["file_size"]
    pieces = [("user", 0, sum(call[1])) for call in calls if call[0] == "sendmsg"]
    pieces += [("file", *call[1:]) for call in calls if call[0] == "sendfile"]
    pieces += [piece for call in calls if call[0] == "splice" for piece in call[1]]
    total = sum(min(size, max(file_size - at, 0)) if kind == "file" else size for kind, at, size in pieces)
    line = connection(calls, kernel=kernel, nodelay=nodelay, cwnd=cwnd, **limits)
    (said,) = answers(line)
    assert sum(said["skb_lens"]) == total >= said["unsent_bytes"] >= 0
    assert (said["unsent_bytes"] == 0) == (said["released_by"] is None)
    assert max(said["skb_lens"], default=0) <= 1448 * limits["max_segments"]
    if said["released_by"] == "ack":
        assert total > said["unsent_bytes"], "an ACK of something that left"
    names = {call[0] for call in calls}
    promises = any("MORE" in flag for call in calls if call[0] in ("sendmsg", "splice") for flag in call[-1])
    if nodelay and not promises and cwnd > 40 and names <= {"sendmsg", "splice"}:
        assert said["unsent_bytes"] == 0 or total > 40 * 1448, "nobody holds anything back"


@pytest.mark.parametrize(
    "mtu, goals, max_windows, half",
    [
        (1500, [[0, 0, 1448, 65160]], (None, None), UNKNOWN_WINDOW),
        (1500, [[0, 0, 1448, 31856]], (None, None), 31856 + 1447),
        (
            1500,
            [[0, 0, 1448, 31856], [1, 0, 1448, 65160]],
            (None, None),
            31856 + 1447,
        ),
        (1500, [[0, 0, 1448, 65160]], (140_000, None), 70_000),
        (1500, [[0, 0, 1448, 65160]], (140_000, 150_000), 75_000),
        (1500, [[0, 0, 974, 14610]], (None, None), 14610 + 973),
        (1500, [[0, 0, 974, 64284]], (None, None), UNKNOWN_WINDOW),
        (9000, [[0, 0, 8948, 62636]], (None, None), UNKNOWN_WINDOW),
        (65536, [[0, 0, 32741, 32741]], (None, None), 32741),
        (65536, [[0, 0, 65483, 65483]], (None, None), UNKNOWN_WINDOW),
        (1500, [[0, 0, 1448, 179552]], (None, None), UNKNOWN_WINDOW),
    ],
)
def test_half_of_the_largest_window_is_what_the_scenario_tells_of_it(mtu, goals, max_windows, half):
    """The goal is bounded by half of the window only where it is below what GSO allows (tcp_bound_to_half_wnd)."""
    line = connection([["sendmsg", [10], []]], mtu=mtu, goals=goals)
    for place, max_window in zip((line, line["messages"][0]), max_windows, strict=True):
        if max_window:
            place["max_window"] = max_window
    scenario, seen = parse_scenario(json.dumps(line).encode(), "case"), []
    Sender(scenario).run(scenario.messages[0], lambda w: seen.append(int(w.sock[0].half_window)))
    assert seen == [half]
