"""The loops of system calls against iperf3 over loopback, copied (-Z: sendfile) in the same buffer sizes.

`send` and `sendfile` make the calls that iperf3 makes, `splice` the same pages in two; `plain_copy` and `fix_callers`
send the buffer as a message of three pieces, which takes a longer list or more calls. All are held to the same bound.

``python -m bench.live JSON`` is one of our processes: it sends so many bytes and prints how long a buffer took.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from itertools import product
from types import SimpleNamespace

import numpy as np
from tqdm import tqdm

from bench.compare import format_row
from splicelab._jit import jit
from splicelab.errors import InputError
from splicelab.evidence.live import loops
from splicelab.evidence.live.sockets import CONTROL, Shape, open_wire
from splicelab.evidence.timed.timing import AGAIN, median_interval
from splicelab.paths import REPOSITORY

ALONE = SEND, SENDFILE, SPLICE = "send", "sendfile", "splice"  # the payload, and nothing before and behind it
COPIED, SPLICED = ("iperf3", []), ("iperf3 -Z", ["-Z"])
WAYS = {SEND: COPIED, SENDFILE: SPLICED, SPLICE: SPLICED, "plain_copy": COPIED, "fix_callers": SPLICED}
BUFFERS = (16384, 131072)
SEND_BYTES, ROUNDS = 1 << 29, 11
CPUS = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))  # of the sender, of the receiver; of iperf3 as well
SMALL_BYTES = 48 + 4  # header and trailer are part of a buffer
DEADLINE_S = 60


@jit
def receive(sock, buffer, meant, total_bytes, state):
    """Receive as iperf3 does: nothing is compared."""
    while state[0] < total_bytes:
        got = loops._recv(sock, buffer.ctypes.data, min(len(buffer), total_bytes - state[0]), 0)
        if got <= 0:
            return -1
        state[0] += got
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


def send_here(way: str, buffer_bytes: int, send_bytes: int) -> float:
    """Return the ns that a buffer took, until the last byte was received."""
    is_alone = way in ALONE
    side = SimpleNamespace(send_messages=send_alone if is_alone else loops.send_messages, receive=receive)
    with open_wire(Shape(48, buffer_bytes - SMALL_BYTES * (not is_alone), 4), side=side) as wire:
        wire.buffer, wire.message_bytes = np.zeros(buffer_bytes, np.uint8), buffer_bytes
        os.sched_setaffinity(0, CPUS[1:])
        way = loops.WAYS[ALONE.index(way)] if is_alone else way  # whose number the loop is given
        wire.send(way, 16)  # begins the receiving thread, where this one is
        os.sched_setaffinity(0, CPUS[:1])
        start_ns, buffers = time.perf_counter_ns(), send_bytes // buffer_bytes
        wire.send(way, buffers)
        return (time.perf_counter_ns() - start_ns) / buffers


def ours(way: str, buffer_bytes: int, send_bytes: int) -> float:
    """Return what `send_here` does, from a process of its own."""
    command = [sys.executable, "-m", "bench.live", json.dumps([way, buffer_bytes, send_bytes])]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=DEADLINE_S)
    if done.returncode:
        raise InputError(f"bench: live: {(done.stderr.splitlines() or ['no message'])[-1]}")
    return float(done.stdout)


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
            asked = [
                "-A",
                "{},{}".format(*CPUS),
                "-c",
                "127.0.0.1",
                *place,
                "-J",
                "-N",
                "-C",
                CONTROL.decode(),
                "-l",
                str(buffer_bytes),
                *options,
            ]
            command = ["iperf3", *asked, "-n", str(send_bytes)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
            told = json.loads(done.stdout)
        finally:
            server.kill()
    if "error" in told:
        raise InputError(f"bench: live: iperf3: {told['error']}")
    return 8e9 * buffer_bytes / told["end"]["sum_received"]["bits_per_second"]


def run(rounds: int = ROUNDS, send_bytes: int = SEND_BYTES) -> list[dict]:
    """Measure, print and return a row for each way and buffer; none where there is no iperf3.

    In each round iperf3, we and iperf3 again take turns; a row is as those of `compare`, with its samples.
    """
    if shutil.which("iperf3") is None:
        print("live    no iperf3 on the path, so nothing to compare with: apt install iperf3")
        return []
    rows = []
    for (way, (reference, options)), buffer_bytes in tqdm([*product(WAYS.items(), BUFFERS)], desc="live", leave=False):
        given = buffer_bytes, send_bytes
        slots = {"reference": lambda given=given, options=options: iperf3(options, *given)}
        slots |= {"kernel": lambda given=given, way=way: ours(way, *given), "reference" + AGAIN: slots["reference"]}
        samples = {name: [] for name in slots}
        for turn in range(rounds):
            for name in slots if turn % 2 else reversed(slots):
                samples[name].append(slots[name]())
        ns = {name: np.array(column) for name, column in samples.items()}
        ratio, low, high = median_interval(ns["kernel"] / ns["reference"])
        _, aa_low, aa_high = median_interval(ns["reference" + AGAIN] / ns["reference"])
        row = {"class": "live", "kernel": way, "size_bytes": buffer_bytes, "reference": reference, "ratio": ratio}
        row |= {"low": low, "high": high, "aa_low": aa_low, "aa_high": aa_high}
        row["extra_ns"] = float(np.median(ns["kernel"] - ns["reference"]))
        rows.append(row | {"samples_ns": samples})
    print(*map(format_row, rows), sep="\n")
    return rows


if __name__ == "__main__":
    print(send_here(*json.loads(sys.argv[1])) if sys.argv[1:] else run())
