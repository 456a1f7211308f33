"""Verdicts: each rests on evidence that is run again, and none stands when a piece of it is taken away."""

import csv
import shutil

import pytest

from splicelab import verdict
from splicelab.claims import _holds
from splicelab.errors import InputError
from splicelab.evidence.debate import tables
from splicelab.paths import DATA

NAMES = [f"C{number}" for number in range(1, 15)]


@pytest.fixture(scope="module")
def judged():
    return verdict()


@pytest.mark.parametrize("claim", NAMES)
def test_each_piece_of_evidence_holds_and_there_are_two_kinds(judged, claim):
    pieces = judged.pieces(claim)
    assert pieces[~pieces.holds].index.tolist() == []
    assert pieces.kind.nunique() >= 2
    assert judged.of(claim) == judged.claims.verdict[claim] != "open"


def test_it_says_all_of_it(judged):
    assert list(judged.claims.index) == NAMES and len(judged.table) == sum(len(judged.pieces(name)) for name in NAMES)
    assert "FAILS" not in judged.text and all(name in judged.text and f"<b>{name}</b>" in judged.html for name in NAMES)
    assert judged.html.count("<details>") == len(judged.table)


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Return a way to change data/evidence.csv for this test: a function of its rows."""

    def change(rows_from):
        shutil.copy(DATA / "claims.csv", tmp_path)
        with open(DATA / "evidence.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        with open(tmp_path / "evidence.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows_from(rows))
        monkeypatch.setattr(tables, "data_path", lambda name: tmp_path / name)

    return change


with open(DATA / "evidence.csv", newline="") as evidence:
    PIECES = [row["id"] for row in csv.DictReader(evidence)]


@pytest.mark.parametrize("piece", PIECES)
def test_without_any_one_piece_the_verdict_is_open(table, monkeypatch, piece):
    monkeypatch.setattr("splicelab.claims._holds", lambda call, where: True)
    table(lambda rows: [row for row in rows if row["id"] != piece])
    assert verdict(piece[:-1]).of(piece[:-1]) == "open"


def test_a_piece_that_does_not_hold_opens_its_verdict_and_says_so(table):
    table(lambda rows: [row | {"call": "1 > 2"} if row["id"] == "C11a" else row for row in rows])
    judged = verdict("C11")
    assert judged.of("C11") == "open" and "counted FAILS" in judged.text and "FAILS" in judged.html


@pytest.mark.parametrize("claim", ["C15", "", "c1", 3])
def test_an_unknown_claim_is_refused(claim):
    with pytest.raises(InputError, match="claim"):
        verdict(claim)


@pytest.mark.parametrize(
    "call",
    [
        "",
        "1 +",
        "open('/etc/passwd')",
        "__import__('os')",
        "run.__globals__",
        "().__class__",
        "own.sendmsg",
        "eval('1')",
    ],
)
def test_what_is_no_call_of_a_public_name_is_refused_in_one_line(call):
    with pytest.raises(InputError, match=r"^evidence.csv: C1a: call: ") as caught:
        _holds(call, "evidence.csv: C1a: call")
    assert "\n" not in str(caught.value)


def test_each_later_event_that_can_be_run_shows_what_it_says(judged):
    later = judged.later
    assert later.table.run.ne("").sum() >= 8 and later.table[later.table.run != ""].holds.all()
    assert "FAILS" not in later.text and later.html.count("<details>") == later.table.run.ne("").sum()


def test_a_claim_that_is_named_twice_is_judged_once_and_in_the_order_named():
    assert verdict("C11", "C1", "C11").claims.index.tolist() == ["C11", "C1"]


def test_what_came_later_is_that_of_the_claims():
    assert set(verdict("C10").later.table.claims) == {"C10"}
