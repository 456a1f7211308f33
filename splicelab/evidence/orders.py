"""Every order in which the events of a small world can happen, and the shortest one that breaks a rule."""

from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

import pandas as pd
from tqdm import tqdm

from splicelab.errors import InputError

MOST_STATES = 1_000_000
ENDLESS = "the work never ends"


def replaced(items: tuple, place: int, item) -> tuple:
    """Return the items with one of them replaced."""
    return (*items[:place], item, *items[place + 1 :])


class World:
    """A small world: attributes with immutable values, whose tuple is its state, and methods that are its events."""

    rules: tuple[str, ...] = ()  # what can be broken, the most telling first

    def events(self) -> Iterator[tuple]:
        """Yield all that can happen next: a method's name and its arguments; it returns who did what, in words."""
        raise NotImplementedError

    def faults(self, at_end: bool) -> Iterator[str]:
        """Yield the rules that are broken now; some can be only at the end, when nothing can happen any more."""
        raise NotImplementedError

    def at(self, state: tuple) -> "World":
        """Return a world of this kind in another state."""
        world = object.__new__(type(self))
        world.__dict__.update(zip(self.__dict__, state, strict=True))
        return world


class Step(NamedTuple):
    """An event of a counterexample: who did what, and the world after it."""

    actor: str
    words: str
    world: World


class Verdict(NamedTuple):
    """What a search found: states, the orders they stand for, how many of these break a rule, the shortest that does.

    ``orders`` is None where the work may never end; ``broken`` has the shortest way to each rule that was broken.
    """

    name: str
    states: int
    orders: int | None
    orders_broken: int | None
    violation: str | None
    counterexample: list[Step]
    broken: dict[str, list[Step]]


def search(name: str, start: World) -> Verdict:
    """Visit every state of a world once, the nearest first: two orders that meet in a state are followed as one.

    Raises
    ------
    InputError
        More than MOST_STATES states: the world is not small.
    """
    states = [tuple(start.__dict__.values())]
    number, before, after, faulty, first = {states[0]: 0}, [0], [], set(), {}
    for here, state in enumerate(tqdm(iter(states), desc=name, unit=" states", delay=2, leave=False)):
        world, next_states = start.at(state), []
        for event in world.events():
            changed = start.at(state)
            getattr(changed, event[0])(*event[1:])
            key = tuple(changed.__dict__.values())
            if key not in number:
                number[key] = len(states)
                states.append(key)
                before.append(here)
            next_states.append(number[key])
        after.append(next_states)
        for fault in world.faults(not next_states):
            faulty.add(here)
            first.setdefault(fault, here)
        if len(states) > MOST_STATES:
            raise InputError(f"{name}: more than {MOST_STATES:,} states; it takes a smaller world to try every order")
    orders, unbroken = [0] * len(states), [0] * len(states)
    try:
        for here in TopologicalSorter(dict(enumerate(after))).static_order():  # ends first
            orders[here] = sum(orders[place] for place in after[here]) or 1
            unbroken[here] = 0 if here in faulty else sum(unbroken[place] for place in after[here]) or not after[here]
        counts = orders[0], orders[0] - unbroken[0]
    except CycleError as cycle:
        loop = cycle.args[1][:0:-1]  # the graph was given backwards, and one state stands at both ends
        begin = loop.index(min(loop))
        round_trip = (*loop[begin + 1 :], *loop[: begin + 1])
        counts, first[ENDLESS] = (None, None), loop[begin]
    broken = {}
    for rule in (*start.rules, ENDLESS):
        if rule in first:
            way = [first[rule]]
            while way[0]:
                way.insert(0, before[way[0]])
            broken[rule] = _steps(start, [states[here] for here in (*way, *(round_trip if rule == ENDLESS else ()))])
    violation = next(iter(broken), None)
    return Verdict(name, len(states), *counts, violation, broken.get(violation, []), broken)


def _steps(world: World, states: list[tuple]) -> list[Step]:
    """Tell the events that lead from each of these states to the next."""
    steps = []
    for state, wanted in pairwise(states):
        for name, *arguments in world.at(state).events():
            changed = world.at(state)
            told = getattr(changed, name)(*arguments)
            if tuple(changed.__dict__.values()) == wanted:
                steps.append(Step(*told, changed))
                break
    return steps


def table(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """Return verdicts as a table: a row a program, the last column the shortest way to what it broke, in words."""
    rows = [verdict._asdict() for verdict in verdicts]
    for row in rows:
        row["violation"] = row["violation"] or "none in any order"
        row["counterexample"] = "; ".join(f"{step.actor}: {step.words}" for step in row["counterexample"])
    return pd.DataFrame(rows).drop(columns="broken").set_index("name")
