"""Every order of build, send, kfree, reuse, transmit, lose, retransmit, ACK, put and callback, for each alternative.

The programs of data/programs.csv run on the machine of `splicelab.evidence.orders.machine`. What arrives is compared
with what was meant, byte by byte; nothing but these bytes says "corrupt".
"""

import multiprocessing
import re
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import zip_longest

from splicelab.errors import InputError, one_of
from splicelab.evidence.orders.allocators import WORLDS
from splicelab.evidence.orders.machine import FREE, KEPT, LOOPBACK, MEANT, MESSAGE, WIRE, Frag, Machine, Skb
from splicelab.evidence.orders.search import Step, Verdict, Verdicts, World, search
from splicelab.paths import data_path
from splicelab.progress import progress
from splicelab.tables import read_table

Program = str | Sequence[str | Callable[[Machine, int], None]]

# What a caller does for each of its two messages; between two steps anybody else may run.
PROGRAMS = {name: row.steps for name, row in read_table(data_path("programs.csv")).items()}
STEP = re.compile(
    "kmalloc|alloc_page|frag_alloc( once)?|write|memcpy|kfree|put_page( last)?|wait_reply"
    "|send( (copy|attach|callback|copy_on_ref):(header|payload|trailer))+( MORE)?"
)
PIECES = {"header": (0, 2), "payload": (2, 1), "trailer": (3, 1)}  # place in the message, bytes
RULES = CORRUPT, TWICE, LEAKED, LOST, REUSED = (
    "other bytes arrived than were meant",
    "a reference was dropped twice",
    "memory leaked",
    "bytes never arrived",
    "memory in the queue was handed out again",
)
_KNOWN: dict[str, Verdict] = {}  # by program, for as long as this process lives


class TwoMessages(Machine):
    """A caller who sends two messages by a program, on a machine where others act too; InputError for no step."""

    rules = RULES
    fatal = frozenset({TWICE})

    def __init__(self, program: Program):
        super().__init__()
        if not isinstance(program, Sequence):
            raise InputError(f"program: {program!r:.60}: not a text nor a sequence of steps")
        steps = program.split(";") if isinstance(program, str) else program
        self.program = tuple(step if callable(step) else str(step).strip() for step in steps)
        if unknown := [step for step in self.program if not callable(step) and not STEP.fullmatch(step)]:
            raise InputError(f"program: {unknown[0]!r} is not a step: {STEP.pattern}")
        self.steps = 0

    def events(self) -> Iterator[tuple]:
        """Yield what anybody can do next."""
        if not self.route:
            yield from (("_take_route", route) for route in (WIRE, LOOPBACK))
            return
        message, step = divmod(self.steps, len(self.program))
        if message < 2 and (self.program[step] != "wait_reply" or all(self.received[: 4 * message])):
            yield "_step", message, self.program[step]
        yield from super().events()

    def faults(self, at_end: bool) -> Iterator[str]:
        """Yield the rules that memory, queue or receiver break now."""
        if any(got and got != meant for got, meant in zip_longest(self.received, MEANT)):
            yield CORRUPT
        too_many = sum(self.refs) - 2 - (self.cache[0] > 0)  # at the end three kinds of pages may have a reference
        if min(self.refs + self.users) < 0 or len(set(self.freelist)) < len(self.freelist) or at_end and too_many < 0:
            yield TWICE
        for frag in (frag for skb in self.queue for frag in skb.frags):
            if set(self.owner[frag.address : frag.address + frag.size]) - {FREE, frag.owner}:
                yield REUSED
        if at_end and (len(self.freelist) < 3 or too_many > 0):
            yield LEAKED
        if at_end and not all(self.received):
            yield LOST

    def _step(self, message, step):
        self.steps += 1
        name, known = getattr(step, "__name__", str(step)), tuple(self.__dict__)
        try:
            verb, *words = name.split()
            step(self, message) if callable(step) else getattr(self, f"_{verb}")(message, *words)
        except Exception as error:
            is_full = isinstance(error, IndexError) and not callable(step)
            why = "more than three objects, or four pages" if is_full else f"{type(error).__name__}: {error}"
            raise InputError(f"program: {name}: {why}") from None
        if tuple(self.__dict__) != known:
            raise InputError(f"program: {name}: other attributes than the machine began with")
        return "caller", f"message {message + 1}: {name}"

    def _kmalloc(self, message):
        self.slab[message] = self.kmalloc(MESSAGE[message])

    def _alloc_page(self, message):
        self.frag[message] = self.alloc_page(MESSAGE[message])

    def _frag_alloc(self, message, once=""):
        is_kept = once and message == 1
        self.frag[message] = self.frag[0] if is_kept else self.frag_alloc(4, KEPT if once else MESSAGE[message])

    def _write(self, message):
        for start, size in (PIECES["header"], PIECES["trailer"]):
            address = (self.frag[message] or self.slab[message]) + start
            self.claim(address, size, self.owner[address], MEANT[4 * message + start :][:size])

    def _memcpy(self, message):
        source, target = self.slab[message], self.frag[message]
        self.memory[target : target + 4] = self.memory[source : source + 4]

    def _send(self, message, *words):
        frags = ()
        for how, piece in (word.split(":") for word in words if word != "MORE"):
            start, size = PIECES[piece]
            address = message if piece == "payload" else (self.frag[message] or self.slab[message]) + start
            frag = Frag(address, size, self.owner[address], how, message)
            frags += (self.copy(frag) if how == "copy" else self.hold(frag),)
        last = self.queue[-1] if self.queue else None
        if last and last.state == "queued" and last.message == message:
            self.queue[-1] = last._replace(frags=last.frags + frags, held="MORE" in words)
        else:
            start, _ = PIECES[words[0].split(":")[1]]
            self.queue.append(Skb(4 * message + start, message, frags, "MORE" in words))

    def _kfree(self, message):
        self.kfree(self.slab[message])

    def _put_page(self, message, last=""):
        if not last or message == 1:
            self.get_page(self.frag[message], -1)

    def _wait_reply(self, message):
        """Do nothing: until the message before has arrived, this was no event."""


def search_orders(*names: str, program: Program = "") -> Verdict | Verdicts:
    """Try every order of events of one program, of several, or of all in data/programs.csv where none is named.

    "allocators" stands for the worlds of two tasks who share an allocator; each has a name of its own. A ``program``
    of a reader's own is a text as in data/programs.csv, or a sequence of its steps and of functions
    ``step(machine, message)`` that change the machine; message is 0 or 1. A callback frees the message's slab object.

    Raises
    ------
    InputError
        A name or a step that is not known, or a program that needs more than this machine has.

    Examples
    --------
    >>> from splicelab import search_orders
    >>> print(search_orders("naive_attach").text.splitlines()[-1])
    receiver: has ee ee d1 ee .. .. .. ..
    """
    several = names == ("allocators",) or len(names) != 1
    if program and (several or names[0] in (*PROGRAMS, *WORLDS)):
        raise InputError("program: give it one name of its own")
    names = tuple(WORLDS) if names == ("allocators",) else names or tuple(PROGRAMS)
    wanted = {name: program or (PROGRAMS | WORLDS)[one_of("alternative", name, (*PROGRAMS, *WORLDS))] for name in names}
    _search_routes({one for one in wanted.values() if isinstance(one, str)} - set(_KNOWN))
    found = {name: _found(name, one) for name, one in wanted.items()}
    return Verdicts(found) if several else found[names[0]]


def _found(name: str, program: Program | World) -> Verdict:
    """Return what is known of a program in words; search a world, or a program with a reader's own steps."""
    if isinstance(program, str):
        return replace(_KNOWN[program], name=name)
    return search(name, program if isinstance(program, World) else TwoMessages(program))


def _search_routes(programs: set[str]) -> None:
    """Search the two routes of each program in two processes, and note what both found: they share no state.

    The longest program comes first, so that at the end no process waits long for the other.
    """
    tasks = [(program, route) for program in sorted(programs, key=len, reverse=True) for route in (WIRE, LOOPBACK)]
    if not tasks or multiprocessing.current_process().daemon:  # such a process, of a cluster, may have no children
        parts = [_search_route(task) for task in tasks]
    else:
        fork = multiprocessing.get_context("fork")  # an interrupt of all these processes ends the two
        no_warning = warnings.catch_warnings(action="ignore", category=DeprecationWarning)  # no thread's lock is needed
        with no_warning, ProcessPoolExecutor(2, fork, signal.signal, (signal.SIGINT, signal.SIG_DFL)) as pool:
            parts = list(progress("orders", pool.map(_search_route, tasks), total=len(tasks)))
    for (program, _), wire, loopback in zip(tasks[::2], parts[::2], parts[1::2], strict=True):
        ways = {rule: [one.broken[rule] for one in (wire, loopback) if rule in one.broken] for rule in RULES}
        _KNOWN[program] = replace(
            wire,
            states=1 + wire.states + loopback.states,
            orders=wire.orders + loopback.orders,
            orders_broken=wire.orders_broken + loopback.orders_broken,
            broken={rule: min(found, key=len) for rule, found in ways.items() if found},
        )


def _search_route(task: tuple[str, str]) -> Verdict:
    """Search what follows when a program's route is known."""
    program, route = task
    machine = TwoMessages(program)
    first = Step(*machine.do(("_take_route", route)), machine)
    found = search(program, machine)
    return replace(found, broken={rule: [first, *way] for rule, way in found.broken.items()})
