"""A reader's own alternative runs in a child process: what it does to memory, or never ends, harms no notebook.

Checks at the border of the world would cost every alternative, and could not end a loop.
"""

import faulthandler
import mmap
import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from splicelab.errors import InputError
from splicelab.kernel.run import begin_message, end_message
from splicelab.kernel.world import NONE, WORLD

DEADLINE_S = 5  # of one message


def shared_world():
    """Return a world that a parent and its child both see; it takes a `reset` to be an empty machine."""
    return np.frombuffer(mmap.mmap(-1, WORLD.itemsize), WORLD)[0]


def run_own(function, w, messages: int) -> None:
    """Send so many messages by a reader's own function, which `alternative` has compiled."""
    for _ in range(messages):
        begin_message(w)
        end_message(w, int(function(w)))  # of a truth value a child would compile anew


def apart(name: str, w, work: Callable[[], Any]) -> Any:
    """Return what ``work()`` returns, which sends messages of the shared world ``w``, from a child process.

    All that it calls has to be compiled. Raises InputError, one line, for what it raises, for a crash, and for a
    message that has not ended after DEADLINE_S.
    """
    fork, at = multiprocessing.get_context("fork"), NONE
    here, there = fork.Pipe(duplex=False)
    child = fork.Process(target=_answer, args=(there, work))
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        child.start()  # other threads may hold locks: compiled code asks for none
    there.close()
    try:
        while not here.poll(DEADLINE_S):
            if at == (at := int(w.plan[0].messages)):
                raise InputError(f"{name}: message {at} had not ended after {DEADLINE_S} s: an endless loop?")
        answer, raised = here.recv()
    except EOFError:
        child.join()
        ended_by = signal.Signals(-child.exitcode)
        is_memory = ended_by in (signal.SIGSEGV, signal.SIGBUS)
        why = "it reached outside all memory, or called itself without end" if is_memory else "its process was ended"
        answer, raised = None, f"{why} ({ended_by.name})"
    finally:
        child.kill()
        child.join()
        here.close()
    if raised:
        raise InputError(f"{name}: {raised}, in message {w.plan[0].messages}")
    return answer


def _answer(there, work: Callable[[], Any]) -> None:
    """Do the work and send the answer; leave no word on standard error and no exit handler of the parent's run."""
    faulthandler.disable()
    try:
        there.send((work(), ""))
    except Exception as error:
        there.send((None, f"{type(error).__name__}: {error}"))
    os._exit(0)
