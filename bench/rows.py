"""The rows of one process: kernels beside references, in memory placed anew: ``python -m bench.rows``."""

import ctypes
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bench import loops, message
from bench.memory import LINE_BYTES, PLACES_IN_MEMORY, Memory
from splicelab.errors import InputError
from splicelab.evidence.timed.timing import AGAIN, time_kernels
from splicelab.evidence.timed.unit_loops import ALLOC_BYTES
from splicelab.kernel.frag import ALLOCATORS

MEMCPY_SIZES = (16, 48, 128, 512, 4096, 16384, 65536, 1 << 20)
CHECKSUM_SIZES = (48, 1448, 4096, 65536)
PAYLOAD_PAGES = (1, 16)
ARENA_BYTES, PAGE_BYTES = 256 << 20, 4096
MESSAGES = 2048
SAMPLES = 31
SAMPLE_MS, MESSAGE_SAMPLE_MS = 1.0, 5.0


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


def in_turn(runs: list[Callable[[int], int]]) -> Callable[[int], int]:
    """Return loops over memory of their own as one; so the reference beside itself is never in one place twice."""
    turns = itertools.cycle(runs)
    return lambda iterations: next(turns)(iterations)


def copy_cases(libraries: dict[str, ctypes.CDLL], memory: Memory) -> Iterator[Case]:
    """Yield memcpy against libc, then copy with checksum and gather against C, from hot and cold sources.

    Both sides work on the same addresses.
    """
    rng = memory.rng
    src, dst = memory(ARENA_BYTES), memory(1 << 20)
    src[:] = np.frombuffer(rng.bytes(ARENA_BYTES), np.uint8)
    hot = int(rng.integers(ARENA_BYTES // PAGE_BYTES // 2)) * PAGE_BYTES + np.arange(4) * LINE_BYTES
    for size in MEMCPY_SIZES:
        first = next(iter(libraries.values()))
        yield Case("copy", "memcpy", size, "libc", *pair(first, "copy_loop", (dst, src[hot[0] :], size)))
    cursor = np.zeros(1, np.int64)
    for size in CHECKSUM_SIZES:
        count = min(1 << 18, 1 << (ARENA_BYTES // size).bit_length() - 1)
        cold = rng.integers(0, (ARENA_BYTES - size) // LINE_BYTES, count) * LINE_BYTES
        for (heat, places), (name, library) in itertools.product({"hot": hot, "cold": cold}.items(), libraries.items()):
            both = pair(library, "checksum_loop", (dst, src, size, places, len(places) - 1, cursor))
            yield Case("copy", f"copy_checksum {heat}", size, name, *both, len(places))
    for pages in PAYLOAD_PAGES:
        sizes = np.array([48] + [PAGE_BYTES] * pages + [4])
        table = rng.permutation(ARENA_BYTES // PAGE_BYTES)[: len(sizes) * MESSAGES].reshape(-1, len(sizes)) * PAGE_BYTES
        heats = {"hot": 1, "cold": MESSAGES}
        for (heat, messages), (name, library) in itertools.product(heats.items(), libraries.items()):
            both = pair(library, "gather_loop", (dst, src, table, sizes, len(sizes), messages - 1, cursor))
            yield Case("copy", f"gather {heat}", int(sizes.sum()), name, *both, max(messages, 16))


def alloc_cases(libraries: dict[str, ctypes.CDLL], memory: Memory) -> Iterator[Case]:
    """Yield allocating and freeing one header by each allocator, in machines that have just started."""
    for (key, allocator), (name, library) in itertools.product(enumerate(ALLOCATORS), libraries.items()):
        library.start_machine.argtypes = [ctypes.c_void_p]
        pairs = []
        for _ in range(PLACES_IN_MEMORY):
            machine = memory(library.machine_bytes())
            library.start_machine(machine.ctypes.data)
            pairs.append(pair(library, "alloc_loop", (machine, key, ALLOC_BYTES), (memory.world(),)))
        yield Case("alloc", allocator, ALLOC_BYTES, name, *map(in_turn, zip(*pairs, strict=True)))


def message_cases(libraries: dict[str, ctypes.CDLL], memory: Memory) -> Iterator[Case]:
    """Yield one whole message, count-only, against C and against plain Python; all counters must agree."""
    in_c = {name: in_turn(message.references(library, memory)) for name, library in libraries.items()}
    for name, run_reference in {**in_c, "plain Python": message.python()}.items():
        yield Case(
            "message" if name in in_c else "python",
            *(message.ALTERNATIVE, message.PAYLOAD_BYTES, name, in_turn(message.models(memory)), run_reference),
            cycle=MESSAGES,
            sample_ms=MESSAGE_SAMPLE_MS,
            same_iterations=name in in_c,
        )


def measure(case: Case, samples: int) -> dict:
    """Return one row of one process: medians in ns of each side; both sides must give the same checksum.

    Raises
    ------
    InputError
        The kernel and the reference disagree.
    """
    if case.run_kernel(case.cycle) != case.run_reference(case.cycle):
        raise InputError(f"bench: {case.kernel}, {case.size_bytes} bytes: kernel and {case.reference} disagree")
    kernels = {"reference": case.run_reference, "kernel": case.run_kernel}
    ns = time_kernels(kernels, samples=samples, sample_ms=case.sample_ms, same_iterations=case.same_iterations)
    return {
        "class": case.group,
        "kernel": case.kernel,
        "size_bytes": case.size_bytes,
        "reference": case.reference,
        "ratio": float(np.median(ns["kernel"] / ns["reference"])),
        "aa": float(np.median(ns["reference" + AGAIN] / ns["reference"])),
        "kernel_ns": float(np.median(ns["kernel"])),
        "reference_ns": float(np.median(ns["reference"])),
    }


def rows_here(paths: dict[str, str], seed: int, samples: int = SAMPLES) -> list[dict]:
    """Return all rows of this process; `paths` are the references by compiler."""
    libraries, memory = {name: ctypes.CDLL(path) for name, path in paths.items()}, Memory(seed)
    cases = itertools.chain.from_iterable(make(libraries, memory) for make in (copy_cases, alloc_cases, message_cases))
    return [measure(case, samples) for case in cases]


if __name__ == "__main__":
    import sys

    print(json.dumps(rows_here(json.loads(sys.argv[1]), *map(int, sys.argv[2:]))))
