"""The decision: what it is made of, that its order is real where it says so, and bad questions in one line."""

import json
from itertools import pairwise

import numpy as np
import pytest

from splicelab import cli, compare, debate, decide, unit_costs
from splicelab.errors import InputError
from splicelab.evidence.debate.criteria import CRITERIA, FAMILIES
from splicelab.evidence.debate.decide import SURE, WEIGHTS
from splicelab.evidence.debate.phases import AXES, NEVER
from splicelab.evidence.debate.senders import sender
from splicelab.evidence.timed.unit_costs import UnitCosts

YOURS = {"header_bytes": 48, "header_owner": "slab", "trailer_bytes": 4}


@pytest.fixture(scope="module")
def decision():
    return decide("iscsi_tcp", {4096: 0.25, 65536: 0.75}, in_flight=2)


def test_counts_are_those_of_compare(decision):
    given = {"mtu": 1500, "ack_delay": 2, "messages": 4}
    small, large = (compare("iscsi_tcp", size, **given).table for size in (4096, 65536))
    for name in decision.criteria.index:
        mean = 0.25 * small.loc[name].drop("outcome") + 0.75 * large.loc[name].drop("outcome")
        row = decision.criteria.loc[name]
        assert row["calls"] == pytest.approx(mean["sends"] / 4) and row["skbs"] == pytest.approx(mean["skbs"] / 4)
        assert row["bytes held"] == pytest.approx(mean["pinned_peak_bytes"])


def test_scores_are_weighted_means_between_best_and_worst(decision):
    for criterion in CRITERIA:
        place = CRITERIA.index(criterion)
        alone, values = decision.scaled[:, :, place], decision.draws[:, :, place]
        assert alone.min() == 0 and alone.max() in (0, 1)
        for score, value in zip(alone, values, strict=True):
            assert np.all(np.diff(score[np.argsort(value, kind="stable")]) >= 0)
    assert decision.parts.sum(axis=1).to_dict() == pytest.approx(decision.table.score.to_dict())
    alone = decide("iscsi_tcp", {65536: 1}, weights=dict.fromkeys(FAMILIES, 0) | {"calls": 1})
    assert alone.table.score.to_dict() == pytest.approx(
        dict(zip(alone.criteria.index, alone.scaled[0, :, 0], strict=True))
    )


def test_a_lower_place_is_surely_behind(decision):
    scores = dict(zip(decision.criteria.index, (decision.scaled @ decision.shares.to_numpy()).T, strict=True))
    firsts = decision.table.place.drop_duplicates().index
    assert len(firsts) > 2
    for ahead, behind in pairwise(firsts):
        assert (scores[ahead] < scores[behind]).mean() >= SURE
    for name, place in decision.table.place.items():  # not surely behind the first of its own place
        first = decision.table.index[decision.table.place == place][0]
        assert (scores[first] < scores[name]).mean() < SURE


def test_what_would_change_it_does(decision):
    first = decision.table.index[0]
    assert (decision.would_change.to.notna() == (decision.would_change.lead_least < 0)).all()
    for criterion, row in decision.would_change.dropna().iterrows():
        again = decide("iscsi_tcp", {4096: 0.25, 65536: 0.75}, in_flight=2, weights={criterion: row.to})
        assert again.table.index[0] == row.then != first


def test_a_weight_above_the_usual_is_changed_from_where_it_stands():
    heavy = decide(YOURS, {4096: 1}, weights=dict.fromkeys(CRITERIA, 0) | {"calls": 20, "lines in callers": 9})
    assert heavy.most_weight == 20 and heavy.would_change.to.max() > 3
    for criterion, row in heavy.would_change.dropna().iterrows():
        assert decide(YOURS, {4096: 1}, weights=heavy.weights | {criterion: row.to}).table.index[0] == row.then


def test_who_brings_other_bytes_is_out():
    decision = decide(YOURS | {"header_owner": "stack"}, {4096: 1})
    assert {"copy_in_stack", "rewrite_helper"} <= decision.excluded.keys() <= set(debate("choices").index)
    assert not decision.excluded.keys() & set(decision.table.index)
    assert "lost and sent again" in decision.excluded["copy_in_stack"] and "not copy_in_stack" in decision.text


def test_who_lives_by_replies_is_not_tested_beyond_them():
    assert "piecewise" in decide("nvme_tcp", {4096: 1}).table.index


def test_it_is_as_it_was_when_the_thread_was_written():
    assert "copy_in_stack" in decide("sunrpc_server", {4096: 1}).table.index
    assert "copy_in_stack" in decide("sunrpc_server", {4096: 1}, as_of_6_1=True).excluded


def test_noise_of_a_machine_does_not_change_what_is_called_real():
    """20 machines whose unit costs all differ by 10 %: what one calls surely ahead, none calls surely behind."""
    kept, random = unit_costs(), np.random.RandomState(7)
    orders = []
    for _ in range(20):
        samples = kept.samples_ns * random.uniform(0.9, 1.1, kept.samples_ns.shape[1])
        table = decide(YOURS, {65536: 1}, costs=UnitCosts(samples, {})).table
        orders.append(table.place.to_dict())
    for one in orders:
        for other in orders:
            turned = [(a, b) for a in one for b in one if one[a] == 1 < one[b] and other[b] == 1 < other[a]]
            assert turned == []


def test_phases_say_who_comes_first():
    yours = decide(YOURS, {4096: 1})
    phases = yours.phases("flag_ignored", "header_bytes")
    assert phases.table.shape == (len(AXES["header_bytes"]), len(AXES["flag_ignored"]))
    assert phases.table.loc[48, 0.0] == yours.recommended[0]
    assert phases.table.loc[48, 1.0] == decide(YOURS, {4096: 1}, flag_ignored=1.0).recommended[0]
    assert phases.same.loc[48, 0.0] == len(yours.recommended) - 1


def test_a_header_without_room_is_never_sent():
    assert (decide("siw", {4096: 1}).phases("flag_ignored", "header_bytes").table.loc[4096] == NEVER).all()
    assert phases_error("x", "header_bytes").startswith("axis: 'x'")
    assert phases_error("header_bytes", "header_bytes") == "axis: header_bytes twice"


def phases_error(x, y):
    with pytest.raises(InputError) as caught:
        decide(YOURS, {4096: 1}).phases(x, y)
    return str(caught.value)


@pytest.mark.parametrize(
    "given, told",
    [
        ({"caller": "nobody"}, "caller"),
        ({"caller": {"header_bytes": -1}}, "header_bytes: must be greater than or equal to 0, not -1"),
        ({"caller": {"header_bytes": 1 << 40}}, "header_bytes: must be less than"),
        ({"caller": {"owner": 3}}, "caller: 'owner' is not one of header_bytes"),
        ({"payloads": {}}, "payloads"),
        ({"payloads": {4096: 0}}, "payloads: no share is above 0"),
        ({"payloads": {-1: 1}}, "payload: -1 bytes"),
        ({"payloads": {4096: float("nan")}}, "payloads[4096]"),
        ({"weights": {"beauty": 1}}, "criterion: 'beauty'"),
        ({"weights": {"calls": -1}}, "weights.calls"),
        ({"flag_ignored": 1.5}, "flag_ignored"),
        ({"messages": 0}, "messages: 0, not 1 to "),
        ({"messages": "many"}, "messages: must be a valid integer"),
        ({"in_flight": 63}, "in flight: 63 messages, not 0 to 62"),
        ({"mtu": ([],)}, "mtu: must be a valid integer"),  # what cannot be a key of what is kept
    ],
)
def test_a_bad_question_is_a_sentence(given, told):
    with pytest.raises(InputError) as caught:
        decide(**{"caller": "iscsi_tcp", "payloads": {4096: 1}} | given)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_a_sender_that_is_described_sends_what_it_says():
    calls = sender(48, "stack", "rewritten", 4).sends("6.12", 8192)
    assert [(call.method, [segment.size_bytes for segment in call.segments]) for call in calls] == [
        ("copy", [48]),
        ("splice", [4096]),
        ("splice", [4096]),
        ("copy", [4]),
    ]
    assert "MORE" not in calls[-1].flags and all("MORE" in call.flags for call in calls[:-1])


def test_the_command_line_says_the_same(capsys):
    words = ["decide", "--header", "48", "--trailer", "4", "--payload", "4096:0.7,65536:0.3", "--flag-ignored", "0.1"]
    assert cli.main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    mine = decide(YOURS, {4096: 0.7, 65536: 0.3}, flag_ignored=0.1)
    assert told["recommended"] == mine.recommended[0]
    assert {"alternative", "score", "low", "high", "reasons"} <= told["ranking"][0].keys() and "would_change" in told
    assert cli.main([*words, "--weight", "time=0"]) == 0
    assert capsys.readouterr().out.startswith("yours: ")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--caller", "siw", "--header", "48"],
        ["--caller", "siw", "--header-owner", "page"],
        ["--header", "48", "--payload", "4096"],
        ["--header", "48", "--payload", "4096:1,4096:1"],
        ["--header", "48", "--payload", "4096:1, +04096:1"],
        ["--caller", "siw", "--weight", "time"],
        ["--caller", "siw", "--payload", "4k:1"],
    ],
)
def test_bad_options_are_a_sentence(words, capsys):
    assert cli.main(["decide", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("splicelab: ") and err.count("\n") == 1


def test_pictures_are_legible():
    from legible import assert_legible

    decision = decide(YOURS, {4096: 1})
    assert_legible(decision.figure)
    assert_legible(decide(YOURS, weights=dict.fromkeys(WEIGHTS, 0)).figure)  # all are level, and none has a bar
    assert_legible(decision.phases("messages_per_s", "ack_delay_ms").figure)


def test_weights_are_equal_but_for_hindsight():
    assert {name for name, weight in WEIGHTS.items() if weight != 1} == {"later bugs"}


def test_what_a_hostile_reader_found():
    alone = decide("siw", {65536: 1}, lose_every=1, fate="rewritten")
    assert alone.recommended == ["plain_copy"] and alone.would_change.then.tolist() == [""] * len(WEIGHTS)
    given = {"time": 3, "work": 0}
    assert decide("siw", weights=given).weights == decide("siw", weights=dict(reversed(given.items()))).weights
    with pytest.raises(InputError, match="costs: must be"):
        decide("siw", costs="here")
