"""The loops of system calls over loopback: against iperf3 with one buffer, and against C with three pieces.

`send` and `sendfile` make the calls that iperf3 makes (copied, and -Z), `splice` sends the same pages in two.
`plain_copy` and `fix_callers` send header, payload and trailer, which iperf3 cannot: C makes the very same calls. What
the pieces themselves take is shown beside it, against iperf3, and has no bound.

``python -m bench.live JSON`` is one of our processes: it prints how long a buffer took on each of its connections.
"""

import ctypes
import json
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from tqdm import tqdm

from bench.compare import build, compilers, format_row
from splicelab._jit import jit
from splicelab.errors import InputError
from splicelab.evidence.live import loops
from splicelab.evidence.live.sockets import CONTROL, Shape, open_wire
from splicelab.evidence.timed.timing import AGAIN, median_interval
from splicelab.paths import REPOSITORY

ALONE = SEND, SENDFILE, SPLICE = "send", "sendfile", "splice"  # the payload, and nothing before and behind it
PLAIN_COPY, FIX_CALLERS = "plain_copy", "fix_callers"
COPIED, SPLICED, IN_C = "iperf3", "iperf3 -Z", "C"
OPTIONS = {COPIED: [], SPLICED: ["-Z"]}
# class, way, reference
CASES = [("live", SEND, COPIED), ("live", SENDFILE, SPLICED), ("live", SPLICE, SPLICED)]
CASES += [("live", PLAIN_COPY, IN_C), ("live", FIX_CALLERS, IN_C)]
CASES += [("pieces", PLAIN_COPY, COPIED), ("pieces", FIX_CALLERS, SPLICED)]
BUFFERS = (16384, 131072)
# The queue's memory lies well or badly for a whole connection, by chance: several of each side make a sample.
SEND_BYTES, CONNECTIONS, ROUNDS = 1 << 28, 5, 11
QUIET, MOST_TIMES = 0.1, 3  # how wide an A/A interval may be, or rounds go on, up to so many times as many
CPUS = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))  # of the sender, of the receiver; of iperf3 as well
SMALL_BYTES = 48 + 4  # header and trailer are part of a buffer
MEMORY = Path("/dev/shm")  # iperf3's file must be of single pages, as ours is: those of a disk may lie in large folios
DEADLINE_S, POLLIN = 60, 1


@jit
def receive(sock, buffer, total_bytes):
    """Receive as iperf3 does: ask before each buffer, read until it is full, compare nothing; return 0, or -1."""
    asked, received = np.array([sock | POLLIN << 32]), 0  # struct pollfd
    while received < total_bytes:
        if loops._poll(asked.ctypes.data, 1, 1000 * DEADLINE_S) <= 0:
            return -1
        end_bytes = min(received + len(buffer), total_bytes)
        while received < end_bytes:
            got = loops._recv(sock, buffer.ctypes.data, end_bytes - received, 0)
            if got <= 0:
                return -1
            received += got
    return 0


@jit
def send_alone(job, way, messages):
    """Send the payload by one of ALONE: as iperf3 does, as iperf3 -Z does, or through a pipe of our own."""
    ended = 0
    for _ in range(messages):
        if way == 0:
            ended = loops.send_memory(job, job.iov[2], job.iov[3], 0)
        elif way == 1:
            ended = loops.send_file(job, 0)
        else:
            ended = loops.splice_pieces(job, 0, 0, 0, 0)
        if ended < 0:
            break
    return ended


def send_in_c(library: ctypes.CDLL, job: loops.Job, way: int, messages: int) -> int:
    """Send messages of three pieces as `loops.send_messages` does, from C."""
    pieces = ctypes.c_void_p(job.iov.ctypes.data)
    if loops.WAYS[way] == PLAIN_COPY:
        return library.send_pieces(job.sock, pieces, ctypes.c_int64(messages))
    return library.splice_pieces(job.sock, job.file, job.pipe_in, job.pipe_out, pieces, ctypes.c_int64(messages))


def sending_side(way: str, library: str = "") -> SimpleNamespace:
    """Return the function that sends: our loops, or the library."""
    send = send_alone if way in ALONE else loops.send_messages
    if library:
        loaded = ctypes.CDLL(library)
        loaded.send_pieces.restype = loaded.splice_pieces.restype = ctypes.c_int64
        send = partial(send_in_c, loaded)
    return SimpleNamespace(send_messages=send)


def receive_here(sock: int, buffer: np.ndarray, rounds: tuple[int, ...], told: Connection) -> None:
    """Receive so many buffers in each round, and say how it ended: a process of its own, as iperf3's receiver."""
    os.sched_setaffinity(0, CPUS[1:])
    for buffers in rounds:
        told.send(receive(sock, buffer, buffers * len(buffer)))


def send_here(way: str, buffer_bytes: int, send_bytes: int, library: str = "") -> float:
    """Return the ns that a buffer took on a connection, until the last byte was received."""
    is_alone, fork = way in ALONE, multiprocessing.get_context("fork")
    shape = Shape(48, buffer_bytes - SMALL_BYTES * (not is_alone), 4)
    rounds, buffer = (16, send_bytes // buffer_bytes), np.zeros(buffer_bytes, np.uint8)
    with open_wire(shape, side=sending_side(way, library)) as wire:
        way, sock = loops.WAYS[ALONE.index(way)] if is_alone else way, wire.receiver.fileno()
        receive(sock, buffer, 0)  # compiled before there are two processes
        here, there = fork.Pipe(duplex=False)
        fork.Process(target=receive_here, args=(sock, buffer, rounds, there), daemon=True).start()
        there.close()
        os.sched_setaffinity(0, CPUS[:1])
        for buffers in rounds:  # the first only to begin with
            start_ns = time.perf_counter_ns()
            wire.put(way, buffers)
            if not here.poll(DEADLINE_S) or here.recv():
                raise InputError("bench: live: the receiver did not get all bytes")
            taken_ns = (time.perf_counter_ns() - start_ns) / buffers
    return taken_ns


def several(measure: Callable[..., float], *given) -> list[float]:
    """Return what a function measures, once for each of several connections."""
    return [measure(*given) for _ in range(CONNECTIONS)]


def ours(way: str, buffer_bytes: int, send_bytes: int, library: str = "") -> list[float]:
    """Return what `send_here` does on each of several connections, from a process of its own."""
    command = [sys.executable, "-m", "bench.live", json.dumps([way, buffer_bytes, send_bytes, library])]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=DEADLINE_S)
    if done.returncode:
        raise InputError(f"bench: live: {(done.stderr.splitlines() or ['no message'])[-1]}")
    return json.loads(done.stdout)


def iperf3(options: list[str], buffer_bytes: int, send_bytes: int) -> float:
    """Return the ns that a buffer took iperf3, as its receiver measured it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = ["-p", str(free.getsockname()[1])]
    command = ["iperf3", "-s", "-1", "-B", "127.0.0.1", "--forceflush", *place]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            while "listening" not in (line := server.stdout.readline()):
                if not line:
                    raise InputError("bench: live: iperf3 -s ended at once")
            asked = f"-A {CPUS[0]},{CPUS[1]} -c 127.0.0.1 -J -N -C {CONTROL.decode()} -l {buffer_bytes} -n {send_bytes}"
            command = ["iperf3", *place, *asked.split(), *options]
            place = os.environ | ({"TMPDIR": str(MEMORY)} if MEMORY.is_dir() else {})
            done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, env=place)
            told = json.loads(done.stdout)
        finally:
            server.kill()
    if "error" in told:
        raise InputError(f"bench: live: iperf3: {told['error']}")
    return 8e9 * buffer_bytes / told["end"]["sum_received"]["bits_per_second"]


def sides(way: str, reference: str, buffer_bytes: int, send_bytes: int, library: str) -> dict[str, Callable]:
    """Return what measures a row, by name: each call returns the ns that a buffer took on several connections."""
    theirs = partial(ours, way, buffer_bytes, send_bytes, library)
    if reference != IN_C:
        theirs = partial(several, iperf3, OPTIONS[reference], buffer_bytes, send_bytes)
    return {"reference": theirs, "kernel": partial(ours, way, buffer_bytes, send_bytes), "reference" + AGAIN: theirs}


def run(rounds: int = ROUNDS, send_bytes: int = SEND_BYTES) -> list[dict]:
    """Measure, print and return a row for each case and buffer; none where there is no iperf3.

    In each round the reference, we and the reference again take turns; a sample is the median of several connections,
    and a row is as those of `compare`, with its samples, but against the mean of both references. Where the reference
    differs from itself by more than QUIET, whatever we took, a row gets more rounds.
    """
    if shutil.which("iperf3") is None:
        print("live    no iperf3 on the path, so nothing to compare with: apt install iperf3")
        return []
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        library, cases = build(compilers()[0], Path(folder)), [*product(CASES, BUFFERS)]
        for (kind, way, reference), buffer_bytes in tqdm(cases, desc="live", leave=False):
            slots, samples = sides(way, reference, buffer_bytes, send_bytes, library), {}
            for turn in range(MOST_TIMES * rounds):
                for name in slots if turn % 2 else reversed(slots):
                    samples.setdefault(name, []).append(float(np.median(slots[name]())))
                ns = {name: np.array(column) for name, column in samples.items()}
                _, aa_low, aa_high = median_interval(ns["reference" + AGAIN] / ns["reference"])
                if turn + 1 >= rounds and aa_high - aa_low <= QUIET:
                    break
            reference_ns = (ns["reference"] + ns["reference" + AGAIN]) / 2
            ratio, low, high = median_interval(ns["kernel"] / reference_ns)
            row = {"class": kind, "kernel": way, "size_bytes": buffer_bytes, "reference": reference, "ratio": ratio}
            row |= {"low": low, "high": high, "aa_low": aa_low, "aa_high": aa_high}
            row["extra_ns"] = float(np.median(ns["kernel"] - reference_ns))
            rows.append(row | {"samples_ns": samples})
    print(*map(format_row, rows), sep="\n")
    return rows


if __name__ == "__main__":
    print(several(send_here, *json.loads(sys.argv[1])) if sys.argv[1:] else run())
