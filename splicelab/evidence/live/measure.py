"""What a message costs on this kernel: each alternative in turn, in several processes, over header and payload.

``python -m splicelab.evidence.live.measure JSON`` is one of these processes: a line of JSON for each shape and heat.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from itertools import product

import numpy as np

from splicelab.evidence.live.loops import WAYS
from splicelab.evidence.live.sockets import HEATS, LiveError, Shape, Wire, open_wire
from splicelab.paths import REPOSITORY
from splicelab.progress import progress

AGAIN = "plain_copy, again"  # the A/A row
COSTS = ("ns_per_message", "cpu_user_ns", "cpu_kernel_ns", "calls_per_message")
SIZES = {"header_bytes": (48, 1024), "payload_bytes": (1024, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288)}
QUICK_SIZES = {"header_bytes": (48,), "payload_bytes": (1024, 8192, 32768, 131072)}
TRAILER_BYTES = 4
FULL = {"sizes": SIZES, "processes": 5, "rounds": 12, "sample_ms": 4.0, "heats": HEATS}
QUICK = {"sizes": QUICK_SIZES, "processes": 3, "rounds": 6, "sample_ms": 2.0, "heats": HEATS[:1]}
DEADLINE_S = 300


def time_way(wire: Wire, way: str, messages: int) -> list[float]:
    """Return COSTS of a message, until the last byte has been received; CPU time is that of the sending thread."""
    used, start_ns = resource.getrusage(resource.RUSAGE_THREAD), time.perf_counter_ns()
    counts = wire.send(way, messages)
    ns, now = time.perf_counter_ns() - start_ns, resource.getrusage(resource.RUSAGE_THREAD)
    cpu_ns = [1e9 * (now.ru_utime - used.ru_utime), 1e9 * (now.ru_stime - used.ru_stime)]
    return [value / messages for value in (ns, *cpu_ns, counts["calls"])]


def measure_here(shape: Shape, heat: str, ways: list[str], route: str, rounds: int, sample_ms: float) -> dict:
    """Return for each of the ways, and once more for plain copy, COSTS in each of the rounds, which take turns."""
    slots = {way: way for way in ways} | {AGAIN: WAYS[0]}
    with open_wire(shape, heat, route=route) as wire:
        messages = 8
        while time_way(wire, WAYS[0], messages)[0] * messages < sample_ms * 1e6:
            messages *= 2
        for way in slots.values():
            wire.send(way, messages)
        costs = {name: [] for name in slots}
        for turn in range(rounds):
            for name in slots if turn % 2 else reversed(slots):
                costs[name].append(time_way(wire, slots[name], messages))
    return costs


@contextmanager
def _child(job: dict) -> Iterator[subprocess.Popen]:
    """Start a process that measures once it is told to; end it whatever happens."""
    command = [sys.executable, "-m", "splicelab.evidence.live.measure", json.dumps(job)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, text=True, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, **pipes) as child:
        try:
            yield child
        finally:
            child.kill()


def _told(child: subprocess.Popen) -> Iterator[dict]:
    """Let a process measure and yield what it says; LiveError where it does not end well."""
    with suppress(OSError):  # it has ended, and tells why below
        child.stdin.close()
    yield from map(json.loads, child.stdout)
    if child.wait(DEADLINE_S):
        raise LiveError(f"live: {(child.stderr.read().strip().splitlines() or ['a process was ended'])[-1]}")


def measure(ways: tuple[str, ...] = WAYS, route: str = "loopback", **how):
    """Measure ways over sizes of header and payload (FULL says how, unless given); return a DataFrame, a row each.

    The processes get ready together, which saves a reader half of that, and measure one after the other.

    Columns: alternative, header_bytes, payload_bytes, trailer_bytes, heat, process, COSTS (of a process: the median
    time, and means, since CPU time comes in ticks), and the quartiles of its time, first_ns and third_ns.
    Raises LiveError where a run does not end as it must.
    """
    import pandas as pd  # the measuring processes do without

    how, rows = FULL | how, []
    shapes = [[header, payload, TRAILER_BYTES] for header, payload in product(*how["sizes"].values())]
    job = {"cells": [*product(shapes, how["heats"])], "ways": ways, "route": route}
    job |= {name: how[name] for name in ("rounds", "sample_ms")}
    with progress("live", total=how["processes"] * len(job["cells"])) as bar, ExitStack() as stack:
        children = [stack.enter_context(_child(job)) for _ in range(how["processes"])]
        stack.callback(lambda: [child.kill() for child in children])  # all at once, before each is waited for
        for child in children:
            child.stdout.readline()  # ready: none loads code while another measures
        for process, child in enumerate(children):
            for cell in _told(child):
                for name, costs in cell["costs"].items():
                    first_ns, median_ns, third_ns = np.percentile([cost[0] for cost in costs], (25, 50, 75))
                    middle = median_ns, *np.mean(costs, axis=0)[1:]
                    rows.append((name, *cell["shape"], cell["heat"], process, *middle, first_ns, third_ns))
                bar.update()
    columns = ["alternative", *Shape._fields, "heat", "process", *COSTS, "first_ns", "third_ns"]
    return pd.DataFrame(rows, columns=columns)


def main(text: str) -> None:
    """Load what is compiled, say so, wait for this process's turn, then measure the cells of a job and print each."""
    job = json.loads(text)
    cells = job.pop("cells")

    def costs(shape: list[int], heat: str) -> dict:
        with ThreadPoolExecutor(1) as fresh:  # Linux splits a thread's CPU time by its ticks in user mode so far, ever
            return fresh.submit(measure_here, Shape(*shape), heat, **job).result()

    costs(*cells[0])
    print("ready", flush=True)
    sys.stdin.read()
    costs(*cells[0])  # warms up the machine
    for shape, heat in cells:
        print(json.dumps({"shape": shape, "heat": heat, "costs": costs(shape, heat)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)  # all is closed and said; to take the compiler down would keep the next process waiting for 0.3 s
