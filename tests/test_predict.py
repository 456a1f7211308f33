"""Prediction beside recording, message by message; and that nobody told the predictor an answer."""

import collections
import json
import random
import subprocess
import sys

import pytest

from splicelab import cli
from splicelab.evidence.counted.predict import predict
from splicelab.evidence.counted.scenarios import parse_scenario, read_lines
from splicelab.evidence.recorded import recordings as traces
from splicelab.paths import DATA


@pytest.fixture(scope="module")
def recorded():
    return traces.recordings()


@pytest.fixture(scope="module")
def predicted(recorded):
    return predict([r.scenario for r in recorded])


@pytest.fixture(scope="module")
def lines():
    paths = [traces.recording_path(row) for row in traces.manifest("connections")]
    return [json.loads(line) for path in paths for _, line in read_lines(path)]


def test_every_counter_and_every_skb_of_every_recorded_message(recorded, predicted, capsys):
    agreement = traces.Agreement(traces.beside(recorded, predicted))
    table = agreement.table
    with capsys.disabled():
        print("\npredicted exactly / recorded, in messages:", table.to_string(), sep="\n")
    wrong = traces.beside(recorded, predicted).query("equal == False")
    assert len(wrong) == 0, f"\n{wrong.head(20).to_string()}"
    per_counter = table.groupby("counter")["total"].sum()
    assert per_counter["tcp_push"] == 1200 and per_counter["skbs"] == 1117


def test_what_waits_is_what_left_after_the_last_call_in_the_recorded_events(predicted):
    """Where model and events differ, Nagle waited for a late ACK, and that carries the number of the last call."""
    answers = {(one["id"], place): counts for one in predicted for place, counts in enumerate(one["messages"])}
    seen = collections.Counter()
    for row in traces.manifest("events"):
        for _, line in read_lines(traces.recording_path(row)):
            read = json.loads(line)
            said, codes = answers[read["id"], read["message"]], [event[0] for event in read["events"]]
            later = codes.index("S")
            waited = sum(event[1] for event in read["events"][later:] if event[0] == "xmit")
            until = len(codes) - codes[::-1].index("xmit") if waited else 0
            by = ("ack" if "ack_in" in codes[later:until] else "timer") if waited else None
            seen[by, said["unsent_bytes"] == waited and said["released_by"] == by] += 1
    assert seen == {(None, True): 1146, ("timer", True): 28, ("ack", False): 26}


def test_a_connection_is_predicted_from_itself_alone(recorded, predicted):
    for place in random.Random(7).sample(range(len(recorded)), 12):
        assert predict([recorded[place].scenario]) == [predicted[place]]


BLIND = """
import sys
def refuse(event, arguments):
    if event == "open" and "{data}" in str(arguments[0]):
        raise PermissionError(13, "a prediction reads no recording", str(arguments[0]))
sys.addaudithook(refuse)
from splicelab.cli import main
sys.exit(main(["predict", sys.argv[1]]))
"""


def test_nothing_in_the_file_or_in_data_tells_the_answer(lines, predicted, tmp_path):
    """The same without data/, with other names in another order, and with answers and patterns that are lies."""
    order = list(range(len(lines)))
    random.Random(3).shuffle(order)
    path = tmp_path / "renamed.jsonl"
    with open(path, "w") as file:
        for number, place in enumerate(order):
            connection = lines[place] | {"id": number, "kind": lines[order[number - 1]]["kind"]}
            if number % 2:
                del connection["kind"]
            messages = [dict(message) for message in connection["messages"]]
            for message in messages:
                message.pop("skbs", None)
                message["expect"] = {"tcp_push": 10**6, "spliced_bytes": number}
                if number % 3 == 0:
                    del message["expect"]
            file.write(json.dumps(connection | {"messages": messages}) + "\n")
    blind = [sys.executable, "-c", BLIND.replace("{data}", str(DATA)), str(path)]
    done = subprocess.run(blind, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == list(range(len(lines)))
    assert [answer["messages"] for answer in answers] == [predicted[place]["messages"] for place in order]


def test_the_audit_hook_of_that_test_does_refuse(tmp_path):
    recording = DATA / "recordings" / "tcp-6.12-mtu65536.jsonl.xz"
    blind = [sys.executable, "-c", BLIND.replace("{data}", str(DATA)), str(recording)]
    done = subprocess.run(blind, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "a prediction reads no recording" in done.stderr


def made_up(calls, **changes):
    """Return a connection of one message at MTU 1500 that is in no recording."""
    first = {"calls": calls, "receiver_reads": "after_message", "cwnd": 100, "goals": [[0, 0, 1448, 31856]], "acks": []}
    return {"id": 1, "kernel": "6.12", "mtu": 1500, "nodelay": 1, "messages": [first]} | changes


def answers(connection):
    return predict([parse_scenario(json.dumps(connection).encode(), "made up")])[0]["messages"]


def test_a_goal_that_no_call_has_read_is_in_force_in_the_next_message():
    connection = made_up([["cork", 1], ["cork", 0]])
    connection["messages"].append(made_up([["sendmsg", [40000], []]])["messages"][0] | {"goals": []})
    assert [skb[0] for skb in answers(connection)[1]["skbs"]] == [31856, 40000 - 31856]


def test_an_ack_of_bytes_that_more_held_says_that_the_probe_timer_sent_them():
    connection = made_up([["sendmsg", [50], ["MSG_MORE"]], ["sendmsg", [60], []], ["sendmsg", [70], []]], nodelay=0)
    connection["messages"][0] |= {"receiver_reads": "after_each_call", "acks": [[1, 0, 50], [2, 0, 110], [3, 0, 180]]}
    (answer,) = answers(connection)  # net/ipv4/tcp_output.c: tcp_write_wakeup; so Nagle finds nothing in flight
    assert answer["skbs"] == [[size, 960 + size, 1] for size in (50, 60, 70)]


@pytest.mark.parametrize("call", [["sendmsg", [], []], ["sendmsg", [0, 0], ["MSG_EOR"]]])
def test_an_empty_sendmsg_is_a_call_that_pushes_nothing(call):
    (answer,) = answers(made_up([call]))  # net/ipv4/tcp.c: tcp_sendmsg_locked goes straight to its end
    assert {name: count for name, count in answer.items() if count} == {"sendmsg": 1}


@pytest.mark.parametrize("pieces", [[["vmsplice", 7, 0]], [["file", 9, 0], ["vmsplice", 0, 0]]])
def test_an_empty_pipe_makes_no_call(pieces):
    (answer,) = answers(made_up([["splice", pieces, ["SPLICE_F_MORE", "SPLICE_F_GIFT"]], ["sendfile", 5, 0]]))
    assert not any(answer.values())


def test_what_zerocopy_pins_never_joins_what_was_vmspliced():
    zerocopy = {"offsets": [100, 0, 0], "payload_folio": 4096}
    calls = [["splice", [["vmsplice", 0, 100]], ["SPLICE_F_MORE"]], ["sendmsg", [50, 10, 4], ["MSG_ZEROCOPY"]]]
    assert answers(made_up(calls, zerocopy=zerocopy))[0]["skbs"] == [[164, 960 + 100 + 3 * 4096, 4]]


def test_every_line_names_every_expected_counter(lines, predicted):
    for connection, answer in zip(lines, predicted, strict=True):
        assert answer["id"] == connection["id"] and len(answer["messages"]) == len(connection["messages"])
        for message, counts in zip(connection["messages"], answer["messages"], strict=True):
            assert set(message["expect"]) <= set(counts) and all(len(skb) == 3 for skb in counts["skbs"])


def change(connection, path, value):
    """Return a copy with the value at a path replaced, or taken away if it is `...`."""
    copy = json.loads(json.dumps(connection))
    *way, last = path
    place = copy
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copy


@pytest.mark.parametrize(
    "path, value, field",
    [
        (["kernel"], "5.15", "kernel"),
        (["kernel"], ..., "kernel"),
        (["mtu"], "1500", "mtu"),
        (["nodelay"], 2, "nodelay"),
        (["messages"], [], "messages"),
        (["messages", 0, "cwnd"], 0, "messages[0].cwnd"),
        (["messages", 1, "calls"], ..., "messages[1].calls"),
        (["messages", 0, "calls", 0], ["sendto", 1], "messages[0].calls[0]"),
        (["messages", 0, "calls", 0, 1, 0], -1, "messages[0].calls[0][1][0]"),
        (["messages", 0, "calls", 0, 2], ["MSG_OOB"], "messages[0].calls[0][2]"),
        (["messages", 0, "goals"], [], "messages[0].goals"),
        (["messages", 2, "acks"], [[0, 0]], "messages[2].acks[0]"),
        (["surprise"], 1, "surprise"),
    ],
)
def test_a_malformed_line_is_one_sentence_and_nothing_is_printed(lines, tmp_path, capsys, path, value, field):
    plain = next(line for line in lines if line["kind"] == "plain" and len(line["messages"]) > 2)
    file = tmp_path / "s.jsonl"
    file.write_text("\n".join(json.dumps(c) for c in (plain, plain, change(plain, path, value), plain)))
    assert cli.main(["predict", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith(f"splicelab: {file}:3: {field}"), err


@pytest.mark.parametrize("text", ["{", "[]", "null", '"x"', "{}", "\x00", "{'id': 1}", '{"id": NaN}', "\ufeff{}"])
def test_what_is_no_connection_is_one_sentence(tmp_path, capsys, text):
    file = tmp_path / "s.jsonl"
    file.write_text(text + "\n")
    assert cli.main(["predict", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith(f"splicelab: {file}:1: "), err


def test_a_missing_or_empty_file_is_one_sentence(tmp_path, capsys):
    (tmp_path / "empty.jsonl").touch()
    for name in ("missing.jsonl", "empty.jsonl", "."):
        assert cli.main(["predict", str(tmp_path / name)]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and str(tmp_path) in err
