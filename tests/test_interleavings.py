"""All orders of events: what breaks is found, what holds holds in every order, and the check itself can fail."""

import functools
import multiprocessing
from math import comb

import pytest

from splicelab.errors import InputError
from splicelab.evidence.orders import search as orders
from splicelab.evidence.orders.machine import MEANT, OTHER, Machine
from splicelab.evidence.orders.programs import (
    CORRUPT,
    LEAKED,
    LOST,
    PROGRAMS,
    REUSED,
    TWICE,
    TwoMessages,
    search_orders,
)
from splicelab.evidence.orders.search import ENDLESS, Verdicts, World, search

UNSAFE = ("naive_attach", "rewritten_header")
SAFE = [name for name in PROGRAMS if name not in UNSAFE]
known = functools.cache(search_orders)
BY_REFERENCE = "send attach:header attach:payload attach:trailer"
SHORT = "kmalloc; write; send copy:header attach:payload copy:trailer; kfree"


class Impatient(TwoMessages):
    """Nothing is lost or cut on the way, and an order that broke a rule is not followed any further."""

    fatal = frozenset(TwoMessages.rules)

    def __init__(self, program):
        super().__init__(program)
        self.losses = self.splits = 0


@pytest.mark.parametrize("name", SAFE)
def test_no_order_breaks_what_copies_or_keeps_a_reference(name):
    verdict = known(name)
    assert verdict.violation is None and verdict.counterexample == [] and verdict.broken == {}
    assert verdict.states > 3000 and verdict.orders > 10_000_000 and verdict.orders_broken == 0


def test_an_attached_slab_object_goes_out_as_the_next_owner_s_bytes():
    verdict = known("naive_attach")
    assert verdict.violation == CORRUPT and set(verdict.broken) == {CORRUPT, REUSED}
    words = [step.words for step in verdict.counterexample]
    assert words[-4:] == [
        "message 1: kfree",
        "allocates object 3, writes ee",
        "transmits ee ee d1 ee",
        "has ee ee d1 ee .. .. .. ..",
    ]
    assert 0 < verdict.orders_broken < verdict.orders


def test_a_rewritten_header_changes_what_the_queue_shows_while_its_memory_is_safe():
    verdict = known("rewritten_header")
    assert set(verdict.broken) == {CORRUPT}
    last = verdict.counterexample[-1].world
    assert last.received[:4] == MEANT[4:6] + MEANT[2:3] + MEANT[7:8]  # the second message's header round the first
    assert OTHER not in last.owner


def test_the_counterexample_is_the_shortest_and_its_bytes_are_those_in_memory():
    verdict = known("naive_attach")
    assert len(verdict.counterexample) == 8
    assert all(step.world.received == bytes(8) for step in verdict.counterexample[:-1])
    attached = verdict.counterexample[3].world.queue[0].frags
    assert verdict.counterexample[-1].world.shown(attached) == verdict.counterexample[-1].world.received[:4]


@pytest.mark.parametrize(
    ("program", "rule"),
    [
        ("kmalloc; write; send copy:header attach:payload copy:trailer; kfree; kfree", TWICE),
        (f"frag_alloc; write; {BY_REFERENCE}; put_page; put_page", TWICE),
        ("kmalloc; write; send copy:header attach:payload copy:trailer", LEAKED),
        (f"frag_alloc; write; {BY_REFERENCE}", LEAKED),
        (f"alloc_page; write; put_page; {BY_REFERENCE}", CORRUPT),
        ("kmalloc; send copy:header attach:payload copy:trailer; kfree", CORRUPT),
        ("kmalloc; write; send copy:header MORE; kfree", LOST),
        ("kmalloc; write; send callback:header; send attach:payload callback:trailer", TWICE),
        ("kmalloc; write; frag_alloc; memcpy; kfree; put_page last; " + BY_REFERENCE + "; put_page", TWICE),
    ],
)
def test_a_broken_program_is_found(program, rule):
    assert rule in search("broken", Impatient(program)).broken


@pytest.mark.parametrize("name", ["attach_callback", "copy_on_ref"])
def test_a_receiver_who_keeps_slab_memory_without_a_copy_is_found(name):
    class Kept(Impatient):
        def referenced(self, frag, by_receiver):
            if by_receiver:
                frag = frag._replace(how="attach")
            return self.hold(frag)

    way = search(name, Kept(PROGRAMS[name])).broken[CORRUPT]
    assert way[0].words == "the route leads to a receiver on this machine"


def test_a_split_whose_second_part_does_not_count_is_found():
    class Forgotten(TwoMessages):
        fatal = frozenset(TwoMessages.rules)

        def referenced(self, frag, by_receiver):
            return super().referenced(frag, by_receiver) if by_receiver else frag

    assert search("split", Forgotten(PROGRAMS["attach_callback"])).violation in (CORRUPT, TWICE)
    assert search("split", Forgotten(PROGRAMS["fix_callers"])).violation in (CORRUPT, TWICE)


def test_a_step_may_be_a_reader_s_own_function():
    def scribble(machine, message):
        address = machine.slab[message]
        machine.claim(address, 1, machine.owner[address], b"\x99")

    copies = "send copy:header attach:payload copy:trailer"
    assert search_orders("late", program=("kmalloc", "write", copies, scribble, "kfree")).violation is None
    verdict = search_orders("early", program=("kmalloc", "write", scribble, copies, "kfree"))
    assert verdict.violation == CORRUPT and "caller: message 1: scribble" in verdict.text


def leaves_something(machine, message):
    machine.note = message


def asks_too_much(machine, message):
    machine.slab[message] = machine.slab[7]


@pytest.mark.parametrize(
    ("name", "program", "words"),
    [
        ("naive", "", "alternative: 'naive' is not one of plain_copy"),
        ("mine", "kmalloc; melt", "program: 'melt' is not a step: kmalloc"),
        ("mine", "kmalloc; write; send header", "program: 'send header' is not a step"),
        ("mine", ["kmalloc", 5], "program: '5' is not a step: kmalloc"),
        ("mine", (step for step in ["kmalloc"]), "program: <generator"),
        ("mine", len, "program: <built-in function len>: not a text nor a sequence of steps"),
        ("mine", "", "alternative: 'mine' is not one of"),
        ("fix_callers", "kmalloc", "program: give it one name of its own"),
        ("mine", ["kmalloc", functools.partial(Machine.kfree, address=99)], "program: functools.partial.*: TypeError"),
        ("mine", ["kmalloc", leaves_something], "program: leaves_something: other attributes than"),
        ("mine", ["kmalloc", asks_too_much], "program: asks_too_much: IndexError: "),
        ("mine", "kmalloc; kmalloc; kmalloc", "program: kmalloc: more than three objects, or four pages"),
    ],
)
def test_what_cannot_be_searched_is_said_in_one_line(name, program, words):
    with pytest.raises(InputError, match=words):
        search_orders(name, program=program)


@pytest.mark.parametrize("name", ["naive_attach", "rewritten_header", "copy_on_ref"])
def test_two_processes_find_what_one_does(name):
    alone, both = search(name, TwoMessages(PROGRAMS[name])), known(name)
    assert (alone.states, alone.orders, alone.orders_broken) == (both.states, both.orders, both.orders_broken)
    assert [(rule, words(way)) for rule, way in alone.broken.items()] == [(r, words(w)) for r, w in both.broken.items()]


def words(way):
    return [(step.actor, step.words, step.world.__dict__) for step in way]


def test_a_process_that_may_have_no_children_searches_by_itself():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert (
            pool.apply(search_orders, ("late",), {"program": SHORT}).states == search_orders("x", program=SHORT).states
        )


class Walk(World):
    """So many steps east and north; two orders that meet are one state. ``round_trip`` may go back to the start."""

    rules = ("fell",)

    def __init__(self, east, north, round_trip=False, hole=None):
        self.size, self.round_trip, self.hole, self.x, self.y = (east, north), round_trip, hole, 0, 0

    def events(self):
        yield from (("step", way) for way, room in (("x", self.x < self.size[0]), ("y", self.y < self.size[1])) if room)
        if self.round_trip and (self.x, self.y) == (1, 1):
            yield "step", "home"

    def faults(self, at_end):
        if (self.x, self.y) == self.hole:
            yield "fell"

    def step(self, way):
        self.x, self.y = (0, 0) if way == "home" else (self.x + (way == "x"), self.y + (way == "y"))
        return "walker", way


def test_orders_are_counted_as_a_plain_enumeration_would():
    verdict = search("walk", Walk(7, 6))
    assert (verdict.states, verdict.orders, verdict.orders_broken) == (8 * 7, comb(13, 6), 0)


def test_orders_that_break_a_rule_are_those_that_pass_there():
    verdict = search("walk", Walk(7, 6, hole=(2, 3)))
    assert verdict.orders_broken == comb(5, 2) * comb(8, 3)
    assert len(verdict.counterexample) == 5 and verdict.counterexample[-1].actor == "walker"


def test_work_that_can_go_on_for_ever_is_a_fault_and_shown_once_round():
    verdict = search("walk", Walk(3, 3, round_trip=True))
    assert verdict.violation == ENDLESS and verdict.orders is None
    assert [step.words for step in verdict.counterexample][-1] == "home"
    assert len(verdict.counterexample) == 3


def test_a_world_that_is_not_small_is_refused(monkeypatch):
    monkeypatch.setattr(orders, "MOST_STATES", 20)
    with pytest.raises(InputError, match="more than 20 states"):
        search("walk", Walk(9, 9))


def test_the_table_has_a_row_for_each_program():
    shown = Verdicts({name: known(name) for name in ("fix_callers", "naive_attach")}).table
    assert list(shown.index) == ["fix_callers", "naive_attach"]
    assert list(shown["orders"]) == ["274,127,322"] * 2 and list(shown["shortest (events)"]) == ["", 8]
    assert list(shown["what breaks"]) == ["nothing", CORRUPT]


def test_more_bytes_than_were_meant_are_other_bytes():
    twice = "kmalloc; write; send copy:header copy:payload copy:trailer copy:trailer; kfree"
    assert search_orders("twice", program=twice).violation == CORRUPT
