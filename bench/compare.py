"""Ratios of the kernels to the same work in C, with their intervals and the noise of the reference itself."""

import ctypes
import json as json_module
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import config
from tqdm import tqdm

from bench import loops, message
from splicelab.errors import InputError
from splicelab.evidence.timed.timing import AGAIN, describe, environment, median_interval, time_kernels
from splicelab.evidence.timed.unit_loops import ALLOC_BYTES
from splicelab.kernel.frag import ALLOCATORS
from splicelab.kernel.world import new_world

SOURCES = sorted(Path(__file__).with_name("reference").glob("*.c"))
FLAGS = ("-std=c11", "-O3", "-march=native", "-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra")
MEMCPY_SIZES = (16, 48, 128, 512, 4096, 16384, 65536, 1 << 20)
CHECKSUM_SIZES = (48, 1448, 4096, 65536)
PAYLOAD_PAGES = (1, 16)
ARENA_BYTES = 256 << 20
PAGE_BYTES = 4096
MESSAGES = 2048
SAMPLES = 201
SAMPLE_MS, MESSAGE_SAMPLE_MS = 1.0, 5.0
BOUNDS = {"copy": 1.05, "alloc": 1.05, "message": 1.2, "python": 0.01, "live": 1 / 0.95}
SMALL_COPY_BYTES, SMALL_COPY_EXTRA_NS = 128, 1.0


@dataclass(frozen=True)
class Case:
    """One row to measure: a kernel and its reference, both called as ``f(iterations)``."""

    group: str
    kernel: str
    size_bytes: int
    reference: str
    run_kernel: Callable[[int], int]
    run_reference: Callable[[int], int]
    cycle: int = 16  # after so many operations the sum does not depend on where they began
    sample_ms: float = SAMPLE_MS
    same_iterations: bool = True


def build(folder: Path) -> ctypes.CDLL:
    """Compile the references and load them.

    Raises
    ------
    InputError
        There is no C compiler, or it fails.
    """
    compiler = shutil.which(os.environ.get("CC", "gcc")) or shutil.which("cc")
    if compiler is None:
        raise InputError("bench: no C compiler (gcc or cc) on the path: the ratios need one")
    library = folder / "reference.so"
    done = subprocess.run([compiler, *FLAGS, *map(str, SOURCES), "-o", str(library)], capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"bench: {compiler} failed: {(done.stderr.splitlines() or ['no message'])[0]}")
    return ctypes.CDLL(str(library))


def pair(library: ctypes.CDLL, name: str, args: tuple, kernel_args: tuple = ()) -> tuple[Callable, Callable]:
    """Return the loop `name` of loops.py and of the references with its arguments, but for the iterations.

    `kernel_args` stand for the first of `args` where both sides hold their state in their own way.
    """
    kernel, reference = getattr(loops, name), getattr(library, name)
    reference.restype = ctypes.c_uint64
    reference.argtypes = [ctypes.c_void_p if isinstance(arg, np.ndarray) else ctypes.c_int64 for arg in (*args, 0)]
    plain = [arg.ctypes if isinstance(arg, np.ndarray) else arg for arg in args]  # .ctypes keeps its array alive
    own = kernel_args + args[len(kernel_args) :]
    return (lambda iterations: kernel(*own, iterations)), (lambda iterations: reference(*plain, iterations))


def aligned(size_bytes: int, offset_bytes: int = 0) -> np.ndarray:
    """Return zeroed bytes at an offset from a page boundary: where malloc puts them would differ from run to run."""
    raw = np.zeros(size_bytes + 2 * PAGE_BYTES, np.uint8)
    start = -raw.ctypes.data % PAGE_BYTES + offset_bytes
    return raw[start : start + size_bytes]


def copy_cases(library: ctypes.CDLL) -> Iterator[Case]:
    """Yield memcpy against libc, then copy with checksum and gather against C, from hot and cold sources."""
    rng = np.random.default_rng(0)
    src = aligned(ARENA_BYTES)
    src[:] = rng.integers(0, 256, ARENA_BYTES, dtype=np.uint8)
    dst = aligned(
        2 << 20, PAGE_BYTES // 2
    )  # half a page off: a load must not look like a recent store (4 KiB aliasing)
    hot = np.arange(4) * 64
    for size in MEMCPY_SIZES:
        yield Case("copy", "memcpy", size, "libc memcpy", *pair(library, "copy_loop", (dst, src, size)))
    cursor = np.zeros(1, np.int64)
    for size in CHECKSUM_SIZES:
        count = min(1 << 18, 1 << (ARENA_BYTES // size).bit_length() - 1)
        cold = rng.integers(0, (ARENA_BYTES - size) // 64, count) * 64
        for heat, places in (("hot", hot), ("cold", cold)):
            both = pair(library, "checksum_loop", (dst, src, size, places, len(places) - 1, cursor))
            yield Case("copy", f"copy_checksum {heat}", size, "C", *both, len(places))
    for pages in PAYLOAD_PAGES:
        sizes = np.array([48] + [PAGE_BYTES] * pages + [4])
        table = rng.permutation(ARENA_BYTES // PAGE_BYTES)[: len(sizes) * MESSAGES].reshape(-1, len(sizes)) * PAGE_BYTES
        for heat, messages in (("hot", 1), ("cold", MESSAGES)):
            both = pair(library, "gather_loop", (dst, src, table, sizes, len(sizes), messages - 1, cursor))
            yield Case("copy", f"gather {heat}", int(sizes.sum()), "C", *both, max(messages, 16))


def alloc_cases(library: ctypes.CDLL) -> Iterator[Case]:
    """Yield allocating and freeing one header by each allocator, in a machine of its own that has just started."""
    library.start_machine.argtypes = [ctypes.c_void_p]
    for key, name in enumerate(ALLOCATORS):
        machine = aligned(library.machine_bytes())
        library.start_machine(machine.ctypes.data)
        both = pair(library, "alloc_loop", (machine, key, ALLOC_BYTES), (new_world(),))
        yield Case("alloc", name, ALLOC_BYTES, "C", *both)


def message_cases(library: ctypes.CDLL) -> Iterator[Case]:
    """Yield one whole message, count-only, against C and against plain Python; all counters must agree."""
    sides = (("message", "C", message.reference(library, aligned)), ("python", "plain Python", message.python()))
    for group, name, run_reference in sides:
        yield Case(
            *(group, message.ALTERNATIVE, message.PAYLOAD_BYTES, name, message.model(), run_reference),
            cycle=MESSAGES,
            sample_ms=MESSAGE_SAMPLE_MS,
            same_iterations=group == "message",
        )


def measure(case: Case, samples: int) -> tuple[dict, dict]:
    """Return one row, and its samples in ns by side; both sides must give the same checksum.

    Raises
    ------
    InputError
        The kernel and the reference disagree.
    """
    if case.run_kernel(case.cycle) != case.run_reference(case.cycle):
        raise InputError(f"bench: {case.kernel}, {case.size_bytes} bytes: kernel and {case.reference} disagree")
    kernels = {"reference": case.run_reference, "kernel": case.run_kernel}
    timing = time_kernels(kernels, samples=samples, sample_ms=case.sample_ms, same_iterations=case.same_iterations)
    ratio, low, high = timing.ratio("kernel")
    _, aa_low, aa_high = timing.ratio("reference" + AGAIN)
    extra_ns, _, _ = median_interval(timing.samples_ns["kernel"] - timing.samples_ns["reference"])
    row = {
        "class": case.group,
        "kernel": case.kernel,
        "size_bytes": case.size_bytes,
        "reference": case.reference,
        "ratio": ratio,
        "low": low,
        "high": high,
        "aa_low": aa_low,
        "aa_high": aa_high,
        "extra_ns": extra_ns,
    }
    return row, {side: [round(float(ns), 4) for ns in column] for side, column in timing.samples_ns.items()}


def is_within(row: dict) -> bool:
    """Return whether a row keeps its bound: the interval reaches it, and the median does or the noise is below it."""
    if row["kernel"] == "memcpy" and row["size_bytes"] < SMALL_COPY_BYTES:
        return row["extra_ns"] <= SMALL_COPY_EXTRA_NS
    bound = BOUNDS[row["class"]]
    return row["low"] <= bound and min(row["ratio"], row["aa_high"]) <= bound


def format_row(row: dict) -> str:
    """Return a row as one line of the printed table."""
    return (
        f"{row['class']:8}{row['kernel']:20}{row['size_bytes']:>9}  {row['reference']:12}"
        f"{row['ratio']:7.3f} [{row['low']:.3f}, {row['high']:.3f}]  A/A [{row['aa_low']:.3f}, {row['aa_high']:.3f}]"
        f"{row['extra_ns']:>10.2f} ns  {'within' if is_within(row) else 'over'}"
    )


def run(json: bool = False, samples: int = SAMPLES) -> tuple[dict, list[dict]]:
    """Measure all rows and print them, as a table or as JSON; an interrupt keeps the rows that are done.

    Return environment and rows as printed in JSON, and besides the samples behind each row.

    Raises
    ------
    InputError
        There is no compiler of one kind or the other, or results disagree.
    """
    if config.DISABLE_JIT:
        raise InputError("bench: NUMBA_DISABLE_JIT is set: nothing to measure without compiled kernels")
    rows, raw = [], []
    facts = environment()
    with tempfile.TemporaryDirectory() as folder:
        library = build(Path(folder))
        cases = [*copy_cases(library), *alloc_cases(library), *message_cases(library)]
        try:
            for case in tqdm(cases, desc="bench", unit="row", disable=None, leave=False):
                row, columns = measure(case, samples)
                rows.append(row)
                raw.append(columns)
        except KeyboardInterrupt:
            facts["interrupted"] = f"after {len(rows)} of {len(cases)} rows"
    result = {"environment": facts, "rows": rows}
    if json:
        print(json_module.dumps(result, indent=1))
    else:
        print(describe(facts), *map(format_row, rows), sep="\n")
    return result, raw


if __name__ == "__main__":
    import sys

    try:
        run(json="--json" in sys.argv[1:])
    except InputError as error:
        print(f"splicelab: {error}", file=sys.stderr)
        sys.exit(2)
