"""A trace of one's own: which calls are a message, what waited for what, and what its messages cost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splicelab import cli, own_trace, run
from splicelab.errors import InputError
from splicelab.evidence.counted.predict import predict_one
from splicelab.evidence.counted.scenarios import parse_scenario
from splicelab.evidence.recorded import own_messages
from splicelab.evidence.recorded.own_messages import CORK, MORE, MORE_BEHIND, NAGLE, Gathered, Shape
from splicelab.evidence.recorded.trace_lines import COLUMNS, TracedCall, read_calls

HEADER = ",".join(COLUMNS)
MSS = 1448


def send(time_s, *sizes, flags=(), call="sendmsg", iterator="kvec", owner="-", socket="s", line=1):
    return TracedCall(line, time_s, socket, call, frozenset(flags), iterator, sizes, (owner,))


def option(time_s, call, socket="s", line=1):
    return TracedCall(line, time_s, socket, call)


def gather(*calls, pause_s=0.2, is_until_pause=False):
    numbered = (call._replace(line=number) for number, call in enumerate(calls, 1))
    return Gathered(MSS, pause_s, is_until_pause).gather(numbered)


def words(found):
    return {shape.words: times for shape, times in found.shapes.items()}


def test_a_row_of_csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER}\n0.25,ffff88,sendmsg,MORE|EOR,kvec,48+4096,slab+page\n1,x,recv,-,-,-,-\n")
    first, second = read_calls(path)
    assert first == (2, 0.25, "ffff88", "sendmsg", {"MORE", "EOR"}, "kvec", (48, 4096), ("slab", "page"))
    assert second == (3, 1.0, "x", "recv", frozenset(), "-", (), ("-",))


def test_flags_may_be_the_kernel_s_bits(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER}\r\n1,x,sendmsg,0x8008040,bvec,4096,-\r\n")
    assert next(read_calls(path)).flags == {"MORE", "SPLICE_PAGES", "DONTWAIT"}


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("-1,s,sendmsg,-,user,1,-", "time"),
        ("nan,s,sendmsg,-,user,1,-", "time"),
        ("1,,sendmsg,-,user,1,-", "socket"),
        ("1,s,gossip,-,user,1,-", "call"),
        ("1,s,sendmsg,LESS,user,1,-", "flags"),
        ("1,s,sendmsg,0x,user,1,-", "flags"),
        ("1,s,sendmsg,-,cloud,1,-", "iterator"),
        ("1,s,sendmsg,-,user,-1,-", "segment_sizes"),
        (f"1,s,sendmsg,-,user,{1 << 63},-", "segment_sizes"),
        (f"1,s,sendmsg,-,user,{'1+' * 1024}1,-", "segment_sizes"),
        ("1,s,sendmsg,-,user,-,-", "segment_sizes"),
        ("1,s,recv,-,-,9,-", "segment_sizes"),
        ("1,s,sendmsg,-,user,1,heap", "owner"),
        ("1,s,sendmsg,-,user,1,none", "owner"),
        ("1,s,sendmsg,-,user,1+2+3,slab+page", "owner"),
        ("1,s,sendmsg,-,user,1", "columns"),
        ("1,s,sendmsg,-,user,1,-,-", "columns"),
    ],
)
def test_a_wrong_row_names_line_and_field(tmp_path, row, field):
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER}\n0,s,sendmsg,-,user,1,-\n{row}\n")
    with pytest.raises(InputError, match=rf"^a\.csv: line 3: .*{field}"):
        own_trace(path)


def test_until_a_call_without_more():
    found = gather(send(0, 48, flags=["MORE"]), send(0.1, 4096, iterator="bvec"), send(0.11, 20))
    assert words(found) == {"copy 48 MORE, copy 4096": 1, "copy 20": 1}


def test_more_that_nothing_follows_ends_with_the_timer():
    found = gather(send(0, 48, flags=["MORE"]), send(0.21, 20))
    assert words(found) == {"copy 48 MORE": 1, "copy 20": 1}


def test_until_a_pause():
    calls = [send(0, 1), send(0.009, 2), send(0.02, 3), send(0.0295, 4)]
    assert words(gather(*calls, pause_s=0.01, is_until_pause=True)) == {"copy 1, copy 2": 1, "copy 3, copy 4": 1}


def test_a_cork_is_a_message_with_what_lies_in_it():
    found = gather(option(0, "nodelay"), option(0, "cork"), send(0, 48), send(0, 9), option(0, "uncork"), send(0, 7))
    assert words(found) == {"copy 48, copy 9 (corked)": 1, "copy 7": 1} and not found.causes


def test_sockets_are_told_apart():
    found = gather(send(0, 48, flags=["MORE"]), send(0, 20, socket="t"), send(0, 5))
    assert words(found) == {"copy 48 MORE, copy 5": 1, "copy 20": 1}


@pytest.mark.parametrize(
    ("calls", "line", "size_bytes", "why", "seconds"),
    [
        ([send(0, 48, flags=["MORE"]), send(0.15, 9)], 1, 48, MORE, 0.15),
        ([send(0, 48, flags=["MORE"]), send(0.01, 50, flags=["MORE"]), option(0.3, "close")], 2, 98, MORE, 0.29),
        ([option(0, "cork"), send(0, 48), send(0.3, 9), option(0.3, "uncork")], 2, 48, CORK, 0.3),
        ([send(0, 48), send(0, 500), option(0.001, "recv")], 2, 500, NAGLE, 0.001),
        ([send(0, 48), send(0, 3 * MSS + 7), option(0.04, "recv")], 2, 7, NAGLE, 0.04),
        ([send(0, 48), send(0, 9), option(0.01, "nodelay")], 2, 9, NAGLE, 0.01),
        ([send(0, 48), send(0, 9)], 2, 9, NAGLE, None),
        ([send(0, MSS + 48, flags=["MORE"]), option(0.05, "recv"), send(0.5, 1)], 1, 48, MORE_BEHIND, 0.05),
    ],
)
def test_who_waited_after_which_line(calls, line, size_bytes, why, seconds):
    (wait,) = gather(*calls).waits
    assert wait[0::3] == (line, size_bytes) and wait.waits_for == why
    assert wait.seconds == pytest.approx(seconds) if seconds is not None else wait.seconds is None


@pytest.mark.parametrize(
    "calls",
    [
        [send(0, 48, flags=["MORE"]), send(0.039, 9)],
        [send(0, 48, flags=["MORE"]), option(0.01, "close")],
        [send(0, 48), option(0.001, "recv"), send(0.002, 500)],
        [send(0, 48), send(0.05, 500)],
        [send(0, 48), send(0, 2 * MSS - 0)],
        [option(0, "nodelay"), send(0, 48), send(0, 9)],
        [send(0, MSS, flags=["MORE"])],
    ],
)
def test_who_did_not_wait(calls):
    assert not gather(*calls).waits


CALLS = st.lists(
    st.tuples(st.sampled_from([1, 48, 500, MSS - 1, MSS, MSS + 1, 4000]), st.booleans()), min_size=1, max_size=7
)


@given(CALLS, st.booleans(), st.sampled_from(["plain", "corked", "uncorked"]))
def test_what_is_held_is_what_the_model_of_the_kernel_holds(sends, nodelay, cork):
    made = [["sendmsg", [size], ["MSG_MORE"] * more] for size, more in sends]
    made = ([["cork", 1]] if cork != "plain" else []) + made + ([["cork", 0]] if cork == "uncorked" else [])
    message = {
        "calls": made,
        "receiver_reads": "after_message",
        "cwnd": 1000,
        "goals": [[0, 0, MSS, 45 * MSS]],
        "acks": [],
    }
    line = {"id": 1, "kernel": "6.12", "mtu": 1500, "nodelay": int(nodelay), "messages": [message]}
    (told,) = predict_one(parse_scenario(json.dumps(line).encode(), "x"))["messages"]
    traced = [option(0, "nodelay")] * nodelay
    for name, *what in made:
        more = ["MORE"] if name == "sendmsg" and what[1] else []
        traced.append(
            send(0, *what[0], flags=more) if name == "sendmsg" else option(0, "cork" if what[0] else "uncork")
        )
    (*_, last) = [None, *(wait for wait in gather(*traced).waits if wait.seconds is None)]
    released_by = {MORE: {"timer"}, CORK: {"timer"}, MORE_BEHIND: {"timer", "ack"}, NAGLE: {"ack"}}
    assert (last.bytes if last else 0) == told["unsent_bytes"]
    assert told["released_by"] in (released_by[last.waits_for] if last else {None})


def test_a_long_message_is_cut_and_says_so():
    found = gather(*[send(0, 9, flags=["MORE"])] * 300, send(0, 3 << 20))
    assert found.counts["cut"] > 2 and sum(shape.bytes * n for shape, n in found.shapes.items()) == 2700 + (3 << 20)
    assert all(shape.bytes <= own_messages.MOST_BYTES for shape in found.shapes)


def test_a_file_goes_in_rounds_of_sixteen_pages_and_user_memory_has_the_owner_that_is_stated():
    (shape,) = gather(send(0, 150_000, call="sendfile", iterator="file")).shapes
    assert shape.words == "splice 65536 MORE, splice 65536 MORE, splice 18928"
    (shape,) = gather(send(0, 100, 4096, 9000, iterator="user")).shapes
    assert [owner for _, owner in shape.parts[0][1]] == ["slab", "page", "page"]
    (shape,) = gather(send(0, 100, 9000, owner="page_frag")).shapes
    assert {owner for _, owner in shape.parts[0][1]} == {"page_frag"}


@given(st.integers(1, 1 << 20))
def test_rare_sizes_have_three_significant_bits(size_bytes):
    ((_, ((near, _),), _),) = Shape((("copy", ((size_bytes, "slab"),), ()),)).rounded().parts
    assert (
        abs(near - size_bytes) <= size_bytes / 8
        and near >> max(near.bit_length() - 3, 0) << max(near.bit_length() - 3, 0) == near
    )


def test_what_is_kept_does_not_grow():
    calls = (send(place, 1 + place * 7919 % 500_000, socket=f"s{place}", flags=["MORE"]) for place in range(70_000))
    found = Gathered(MSS, 0.2, False).gather(calls)
    assert len(found.shapes) <= own_messages.MOST_SHAPES and len(found.waits) == own_messages.MOST_WAITS
    assert found.counts["messages"] == 70_000 == sum(found.shapes.values()) + found.counts["left out"]
    waited = sum((1 + place * 7919 % 500_000) % MSS > 0 for place in range(70_000))
    assert sum(times for times, *_ in found.causes.values()) == waited and not found.sockets


def test_through_an_alternative_a_shape_counts_as_often_as_it_occurs(tmp_path):
    path = tmp_path / "siw.csv"
    rows = [
        "{0},s,sendmsg,MORE,kvec,16,slab",
        "{0},s,sendmsg,SPLICE_PAGES|MORE,bvec,4096,page",
        "{0},s,sendmsg,EOR,kvec,4,slab",
    ]
    path.write_text("\n".join([HEADER, *(row.format(n) for n in range(5) for row in rows)]) + "\n")
    told = own_trace(path).through(("plain_copy", "copy_in_stack", "piecewise"))
    for key in ("plain_copy", "copy_in_stack"):  # the driver itself does not say MORE on its last page
        one, tally = run("siw", key, payload_bytes=4096), told.tallies[key]
        assert (tally.sends, tally.copied_bytes, tally.skbs) == (5 * one.sends, 5 * one.copied_bytes, 5 * one.skbs)
        assert tally.truesize_peak == one.truesize_peak and tally.outcome == "delivered"
    assert told.calls["piecewise"] == [("copy", 16, ("MORE",)), ("splice", 4096, ("MORE",)), ("copy", 4, ("EOR",))]


def test_the_command_line_prints_both_and_as_json(capsys):
    assert cli.main(["trace", "data/traces/nbdkit.strace"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("recorded: nbdkit.strace: ") and f"waited for {MORE}: 1 times, at most 0.207 s" in out
    assert cli.main(["trace", "data/traces/nbdkit.strace", "--json", "--message-ends", "0.01"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stalls"][MORE]["line"] == told["waits"][0]["line"] == 60
    wanted = ["compare", "--trace", "data/traces/nginx.strace", "--alternative", "plain_copy"]
    assert cli.main(wanted) == 0 and "8 messages of 5 shapes" in capsys.readouterr().out
    assert cli.main([*wanted, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"][0]["counters"]["copied_bytes"] == told["payload_bytes"] == 381_362


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compare"], "give --caller and --payload"),
        (["compare", "--trace", "data/traces/nginx.strace", "--caller", "siw"], "give --caller and --payload"),
        (["compare", "--trace", "data/traces/nginx.strace", "--data-digest"], "data_digest: a trace says"),
        (["compare", "--trace", "data/traces/nginx.strace", "--profile", "6.1"], "profile: a trace"),
        (["trace", "data/traces/nginx.strace", "--message-ends", "soon"], "message_ends: 'soon'"),
        (["trace", "data/traces/nginx.strace", "--message-ends", "-1"], "message_ends: -1.0 s"),
        (["trace", "data/traces/nginx.strace", "--message-ends", "nan"], "message_ends: nan s"),
        (["trace", "data/traces/nginx.strace", "--mtu", "9"], "mtu: 9 bytes"),
    ],
)
def test_what_does_not_go_together_is_one_line(arguments, said, capsys):
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("\n") == 1
