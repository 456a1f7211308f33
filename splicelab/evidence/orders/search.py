"""Every order in which the events of a small world can happen, and the shortest one that breaks a rule."""

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

import pandas as pd

from splicelab.errors import InputError
from splicelab.progress import no_collector, progress
from splicelab.result import Result

MOST_STATES = 1_000_000
ENDLESS = "the work never ends"
FROZEN = {list: tuple, bytearray: bytes}


class World:
    """Attributes, which frozen are a state, and methods that change them; lists and bytearrays are copied for each.

    ``events()`` yields all that can happen next: a method's name and its arguments; it returns who did what, in words.
    ``faults(at_end)`` yields the rules, of those in ``rules``, broken now; at_end: nothing can happen any more.
    """

    rules: tuple[str, ...] = ()  # the most telling first
    fatal: frozenset[str] = frozenset()  # what comes after one of these is not followed

    def do(self, event: tuple) -> tuple[str, str]:
        """Let an event happen; return what it says of itself."""
        return getattr(self, event[0])(*event[1:])


class Freezer:
    """Worlds of one kind to states and back; what changes in place is found out once, for millions of copies."""

    def __init__(self, start: World):
        self.kind, self.names = type(start), tuple(start.__dict__)
        kinds = [type(value) for value in start.__dict__.values()]
        self.changing = [(place, kind, FROZEN[kind]) for place, kind in enumerate(kinds) if kind in FROZEN]

    def freeze(self, world: World) -> tuple:
        """Return the attributes as they are now, unchangeable."""
        values = list(world.__dict__.values())
        for place, _, frozen in self.changing:
            values[place] = frozen(values[place])
        return tuple(values)

    def thaw(self, state: tuple) -> World:
        """Return a world in a state."""
        values, world = list(state), object.__new__(self.kind)
        for place, kind, _ in self.changing:
            values[place] = kind(values[place])
        world.__dict__.update(zip(self.names, values, strict=True))
        return world


class Step(NamedTuple):
    """An event of a counterexample: who did what, and the world after it."""

    actor: str
    words: str
    world: World


class Verdict(Result):
    """What a search found: states, the orders they stand for, how many of these break a rule, the shortest that does.

    ``orders`` is None where the work may never end; ``broken`` has the shortest way to each rule that was broken.
    """

    name: str
    states: int
    orders: int | None
    orders_broken: int | None
    broken: dict[str, list[Step]]

    @property
    def violation(self) -> str | None:
        """The most telling of the rules that were broken."""
        return next(iter(self.broken), None)

    @property
    def counterexample(self) -> list[Step]:
        """The shortest way to it."""
        return next(iter(self.broken.values()), [])

    @property
    def text(self) -> str:
        """The counterexample, an event a line."""
        told = [f"{step.actor}: {step.words}" for step in self.counterexample]
        return "\n".join(told) or f"{self.name}: {self.orders:,} orders, and none breaks a rule"

    @property
    def table(self) -> pd.DataFrame:
        """A row for it, as in `Verdicts`."""
        return Verdicts({self.name: self}).table


class Verdicts(Result, dict[str, Verdict]):
    """Several verdicts by name."""

    @property
    def table(self) -> pd.DataFrame:
        """A row a program, the last column how many events its counterexample has."""
        rows = {}
        for name, one in self.items():
            counts = (one.states, one.orders, one.orders_broken)
            said = ["endless" if count is None else f"{count:,}" for count in counts]
            rows[name] = *said, one.violation or "nothing", len(one.counterexample) or ""
        columns = "states", "orders", "orders that break a rule", "what breaks", "shortest (events)"
        return pd.DataFrame.from_dict(rows, "index", columns=columns)


@no_collector()
def search(name: str, start: World) -> Verdict:
    """Visit every state once, the nearest first: two orders that meet in a state are followed as one.

    Raises
    ------
    InputError
        More than MOST_STATES states: the world is not small.
    """
    freezer = Freezer(start)
    states = [freezer.freeze(start)]
    number, before, inward, after, faulty, first = {states[0]: 0}, [0], [0], [], set(), {}
    visited = progress(name, iter(states), unit=" states")
    for here, state in enumerate(visited):
        world = freezer.thaw(state)
        events = list(world.events())
        faults = set(world.faults(not events))
        after.append([])
        for event in () if faults & start.fatal else events:
            world = world or freezer.thaw(state)  # the world that was asked does for the first
            world.do(event)
            reached, world = freezer.freeze(world), None
            there = number.setdefault(reached, len(states))
            if there == len(states):
                states.append(reached)
                before.append(here)
                inward.append(0)
            inward[there] += 1
            after[here].append(there)
        if faults:
            faulty.add(here)
            first = dict.fromkeys(faults, [here]) | first
        if len(states) > MOST_STATES:
            raise InputError(f"{name}: more than {MOST_STATES:,} states; it takes a smaller world to try every order")
    orders, unbroken = [0] * len(states), [0] * len(states)
    try:
        for here in reversed(_in_order(after, inward)):
            orders[here] = sum(orders[there] for there in after[here]) or 1
            unbroken[here] = 0 if here in faulty else sum(unbroken[there] for there in after[here]) or not after[here]
        counts = orders[0], orders[0] - unbroken[0]
    except CycleError as cycle:
        loop = cycle.args[1][:0:-1]  # the graph was given backwards, and one state stands at both ends
        begin = loop.index(min(loop))
        counts, first[ENDLESS] = (None, None), [*loop[begin:], *loop[: begin + 1]]
    broken = {}
    for rule in (rule for rule in (*start.rules, ENDLESS) if rule in first):
        way = first[rule]
        while way[0]:
            way = [before[way[0]], *way]
        broken[rule] = [_step(freezer, states[here], states[there]) for here, there in pairwise(way)]
    return Verdict(name, len(states), *counts, broken)


def _in_order(after: list[list[int]], inward: list[int]) -> list[int]:
    """Return the states, each behind all those that lead to it (``inward``: how many); CycleError where some cannot be.

    As graphlib sorts, which takes six times as long for a million states; it finds the circle.
    """
    order = [here for here, count in enumerate(inward) if not count]
    for here in order:
        for there in after[here]:
            inward[there] -= 1
            if not inward[there]:
                order.append(there)
    if len(order) < len(after):
        TopologicalSorter(dict(enumerate(after))).prepare()
    return order


def _step(freezer: Freezer, state: tuple, wanted: tuple) -> Step:
    """Return the event that leads from one state to the other."""
    for event in freezer.thaw(state).events():
        world = freezer.thaw(state)
        step = Step(*world.do(event), world)
        if freezer.freeze(world) == wanted:
            return step
