"""One message drawn: what is seen is what was counted, boxes join up, words are legible, pictures are repeatable."""

from itertools import product

import pytest
from legible import assert_legible, drawn

from splicelab.errors import InputError
from splicelab.evidence.counted.limits import call_bytes
from splicelab.evidence.counted.patterns import ANNOUNCES, HOWS, observe
from splicelab.evidence.counted.predict import predict_one
from splicelab.evidence.recorded.recordings import recordings
from splicelab.show.plot import plot

RECORDED_AS = {  # the names that the recordings use
    "plain": ("one sendmsg", "nothing"),
    "sep3": ("three sendmsg", "nothing"),
    "copy3": ("three sendmsg", "MSG_MORE"),
    "more3": ("sendfile between", "MSG_MORE"),
    "cork3": ("sendfile between", "TCP_CORK"),
    "vm1": ("one splice", "nothing"),
}
SHAPES = [(48, 4096, 4), (128, 65536, 0), (0, 512, 0), (4, 16384, 4)]
CONNECTIONS = list(product(("6.1", "6.12"), (1500, 65536), (False, True), (False, True)))
EXTREMES = [
    (("one splice", "MSG_MORE to the end"), (0, 4096, 0), {"mtu": 1500}),  # its title is the longest
    (("three sendmsg", "MSG_MORE"), (48, 4096, 4), {}),
    (("sendfile between", "MSG_MORE"), (512, 65536, 512), {"kernel": "6.1"}),
    (("one splice", "TCP_CORK"), (1, 65536, 1), {"mtu": 1500}),
    (("three sendmsg", "nothing"), (0, 512, 0), {"nodelay": False}),
]


@pytest.mark.parametrize(("how", "announce"), list(product(HOWS, ANNOUNCES)))
def test_the_queue_that_is_seen_is_what_leaves(how, announce):
    for shape, (kernel, mtu, nodelay, acks_each_call) in product(SHAPES, CONNECTIONS):
        options = {"kernel": kernel, "mtu": mtu, "nodelay": nodelay, "acks_each_call": acks_each_call}
        seen = observe(how, announce, *shape, **options)
        assert [[skb.size_bytes, skb.truesize, len(skb.frags)] for skb in seen.skbs] == seen.counters["skbs"]
        assert sum(frag.size_bytes for skb in seen.skbs for frag in skb.frags) == sum(shape)
        for row in (seen.pieces, seen.calls, seen.tcp_calls):
            starts = [position for _, position, _ in row]
            assert starts == [sum(size for *_, size in row[:number]) for number in range(len(row))]
            assert sum(size for *_, size in row) == sum(shape)


def test_looking_changes_nothing():
    seen = observe("sendfile between", "MSG_MORE", 128, 65536, 4)
    assert seen.counters == predict_one(seen.scenario)["messages"][0]


def test_a_recorded_message_is_seen_behind_the_ones_before_it():
    recorded = next(row for row in recordings() if row.kind == "copy3" and row.scenario.kernel == "6.12")
    seen = observe(recorded.scenario, number=1)
    assert recorded.messages[1].items() <= seen.counters.items()
    assert [position for _, position, _ in seen.tcp_calls] == [0, 48, 4144]


def test_what_is_acked_depends_on_what_was_sent():
    assert len(observe("three sendmsg", "MSG_MORE", acks_each_call=True).skbs) == 1
    assert len(observe("three sendmsg", "nothing", acks_each_call=True).skbs) == 3


@pytest.mark.parametrize("kind", RECORDED_AS)
def test_patterns_are_those_that_were_recorded(kind):
    rows = [row.scenario for row in recordings() if row.kind == kind]
    scenario = next(s for s in rows if sum(map(call_bytes, s.messages[0].calls)) == 4148)
    assert observe(*RECORDED_AS[kind]).scenario.messages[0].calls == scenario.messages[0].calls


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"how": "one send"}, "^how: 'one send' is not one of one sendmsg, three sendmsg"),
        ({"announce": "CORK"}, "^announce: must be 'nothing', 'MSG_MORE', 'TCP_CORK' or .*, not 'CORK'$"),
        ({"mtu": 9000}, "^mtu: 9000 is not one of 1500, 65536$"),
        ({"header_bytes": 0, "payload_bytes": 0, "trailer_bytes": 0}, "at least one byte"),
        ({"header_bytes": -1}, "greater than or equal to 0"),
    ],
)
def test_impossible_patterns_get_a_sentence(arguments, said):
    with pytest.raises(InputError, match=said):
        observe(**{"how": "one sendmsg"} | arguments)


@pytest.mark.parametrize(("ways", "shape", "options"), EXTREMES, ids=str)
def test_the_drawing_is_legible_and_repeatable(ways, shape, options):
    seen = observe(*ways, *shape, **options)
    assert_legible(seen.figure)
    assert f"skbs {len(seen.skbs)}" in seen.text
    updated = drawn(seen)
    for other_ways, other_shape, other_options in EXTREMES:
        updated.png(observe(*other_ways, *other_shape, **other_options))
    assert updated.png(seen) == drawn(seen).png(seen)


def test_recorded_beside_predicted_says_how_many_agree():
    was = observe("one sendmsg").counters
    recorded = {(kernel, kind): was for kernel in ("6.1", "6.12") for kind in RECORDED_AS}
    predicted = recorded | {("6.12", "vm1"): was | {"tcp_push": 9}}
    picture = plot(predicted, recorded)
    assert repr(picture) == "exact: 59 of 60 counts"
    assert_legible(picture.figure)


def test_the_sweep_names_its_worst_message():
    points = list(product(("6.1", "6.12"), (512, 4096, 16384, 65536)))
    sweep = {
        ", ".join(ways): [observe(*ways, 48, size, 4, kernel=kernel) for kernel, size in points]
        for ways in RECORDED_AS.values()
    }
    picture = plot(sweep)
    assert repr(picture).startswith("48 messages; most calls: Linux 6.1: calls into TCP 18, ")
    assert_legible(picture.figure)


def test_the_exercises_of_the_notebook_have_these_answers():
    spliced = [observe("one splice", "nothing", 48, kib << 10, 0) for kib in (56, 60, 64)]
    assert [len(seen.tcp_calls) for seen in spliced] == [1, 1, 2]
    waits = [observe("three sendmsg", nodelay=False, acks_each_call=in_time) for in_time in (True, False)]
    assert [len(seen.skbs) for seen in waits] == [3, 2]
