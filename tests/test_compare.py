"""The comparison of one message by every alternative: its form as JSON and as a table, and what must hold in it."""

import contextlib
import io
import json

import pytest

from splicelab import cli
from splicelab.alternatives import BUILT_IN
from splicelab.callers import load_callers
from splicelab.errors import InputError
from splicelab.evidence.counted.compare import AS_THE_CALLER, COUNTERS, compare
from splicelab.evidence.counted.run import segment_bytes
from splicelab.evidence.counted.tally import Tally
from splicelab.kernel.profiles import PROFILES

OUTCOMES = {"delivered", "corrupt bytes", "short send", "short, wrong bytes", "refused (-EIO)"}


def as_json(*arguments):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert cli.main(["compare", *arguments, "--json"]) == 0
    return json.loads(out.getvalue())


def test_the_form_of_the_json():
    result = as_json("--caller", "siw", "--payload", "65536")
    assert list(result) == ["caller", "payload_bytes", "profile", "rows"]
    assert (result["caller"], result["payload_bytes"], result["profile"]) == ("siw", 65536, "6.12+v3")
    assert [row["alternative"] for row in result["rows"]] == list(BUILT_IN), "all of them by default, in one order"
    for row in result["rows"]:
        assert list(row) == ["alternative", "outcome", "counters", "calls"] and row["outcome"] in OUTCOMES
        assert list(row["counters"]) == list(COUNTERS) and {"sends", "copied_bytes"} <= set(COUNTERS)
        assert all(type(value) is int and value >= 0 for value in row["counters"].values())


def test_the_counters_are_some_of_the_tally():
    assert set(COUNTERS) <= set(Tally._fields) and len(set(COUNTERS)) == len(COUNTERS)


def test_alternatives_come_in_the_order_asked_for():
    names = ["fix_callers", "plain_copy"]
    options = [part for name in names for part in ("--alternative", name)]
    result = as_json("--caller", "ceph_v1", "--payload", "4096", "--profile", "6.12", *options)
    assert [row["alternative"] for row in result["rows"]] == names and result["profile"] == "6.12"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("caller", load_callers())
def test_what_must_hold_in_every_row(caller, profile):
    shape = load_callers()[caller]
    payload_bytes = min(10_000, shape.payload_bytes_max)
    messages = [m for m in shape.operation(payload_bytes, segment_bytes(65536)[0]) if m.caller == shape]
    total = sum(s.size_bytes for message in messages for send in message.sends(profile) for s in send.segments)
    for row in compare(caller, payload_bytes, profile=profile).plain()["rows"]:
        counts = row["counters"]
        if row["outcome"] == "delivered":
            leaves = row["alternative"] in AS_THE_CALLER and caller != "ceph_v1"  # its ACK says MORE, and none comes
            meant = total + shape.ack_bytes * leaves
            assert counts["sent_bytes"] == counts["received_bytes"] == meant
        assert counts["sends"] >= 1 and counts["kmallocs"] == counts["kfrees"]
        assert counts["frag_allocs"] == counts["frag_frees"] or profile == "6.12+v3"
        assert (row["outcome"] == "refused (-EIO)") == (counts["sent_bytes"] == 0)
        assert (counts["eio"] > 0) == (row["outcome"] in ("refused (-EIO)", "short send", "short, wrong bytes"))
        if row["alternative"] == "plain_copy":
            assert (row["outcome"], counts["copied_bytes"], counts["sends"]) == ("delivered", total, len(messages))
        assert len(row["calls"]) == counts["sends"]


def test_the_argument_in_one_table():
    """Three calls against one, and who copies how much, for a siw message of 16 + 61440 + 4 bytes."""
    table = compare("siw", 61440).table
    four = ["plain_copy", "piecewise", "copy_in_stack", "fix_callers"]
    assert table["sends"][four].tolist() == [1, 17, 1, 1]
    assert table["copied_bytes"][four].tolist() == [61460, 20, 20, 0]
    assert table["frag_allocs"]["fix_callers"] == 2 and set(table["outcome"]) == {"delivered"}


def test_a_table_has_a_row_for_what_was_asked_for():
    table = compare("siw", 100, ("plain_copy",)).table
    assert list(table.columns) == ["outcome", *COUNTERS] and list(table.index) == ["plain_copy"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("nobody", 1), "caller: 'nobody' is not one of siw, "),
        (("siw", -1), "payload: -1 bytes, not 0 to "),
        (("o2net", 1), "o2net: payload: 1 bytes, not 0 to 0"),
        (("dlm", 4081), "dlm: payload: 4081 bytes, not 0 to 4080"),
        (("rds", 2 << 20), "rds: payload: 2097152 bytes, not 0 to 1048576"),
        (("siw", 1, ("magic",)), "alternative: 'magic' is not one of "),
        (("siw", 1, (), "5.15"), "profile: '5.15' is not one of "),
    ],
)
def test_bad_input_names_the_field(arguments, message):
    with pytest.raises(InputError) as caught:
        compare(*arguments)
    assert str(caught.value).startswith(message)


def test_the_command_twice_prints_the_same(capsys):
    outputs = []
    for _ in range(2):
        assert cli.main(["compare", "--caller", "iscsi_tcp", "--payload", "5000"]) == 0
        outputs.append(capsys.readouterr())
    assert outputs[0] == outputs[1] and outputs[0].err == ""
