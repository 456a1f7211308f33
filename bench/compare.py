"""Ratios of the kernels to the same work in C, over fresh processes, with the noise of the reference itself."""

import json as json_module
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from numba import config
from tqdm import tqdm

from bench import rows
from splicelab.errors import InputError
from splicelab.evidence.timed.timing import describe, environment, is_disturbed, median_interval
from splicelab.paths import REPOSITORY

SOURCES = sorted(Path(__file__).with_name("reference").glob("*.c"))
OPTIMISED = ("-O3", "-march=native")
FLAGS = ("-std=c11", *OPTIMISED, "-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra")
COMPILERS = ("gcc", "clang")
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
PROCESSES, DEADLINE_S = 12, 300
BOUNDS = {"copy": 1.05, "alloc": 1.05, "message": 1.2, "python": 0.01, "live": 1 / 0.95}
SMALL_COPY_BYTES, SMALL_COPY_EXTRA_NS = 128, 1.0
SAME = ("class", "kernel", "size_bytes", "reference")


def compilers() -> list[str]:
    """Return the C compilers to hold the kernels against: $CC alone, or gcc and clang, or whatever cc is."""
    asked = [os.environ["CC"]] if "CC" in os.environ else [name for name in COMPILERS if shutil.which(name)] or ["cc"]
    if not shutil.which(asked[0]):
        raise InputError(f"bench: no C compiler ({asked[0]}) on the path: the ratios need one")
    return asked


def build(compiler: str, folder: Path) -> str:
    """Compile the references and return where the library is.

    Raises
    ------
    InputError
        The compiler fails.
    """
    library = folder / f"reference-{Path(compiler).name}.so"
    done = subprocess.run([compiler, *FLAGS, *map(str, SOURCES), "-o", str(library)], capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"bench: {compiler} failed: {(done.stderr.splitlines() or ['no message'])[0]}")
    return str(library)


def facts() -> dict[str, str]:
    """Return the environment, with compilers and whether Linux gives huge pages."""
    found = environment()
    for name in compilers():
        said = subprocess.run([name, "--version"], capture_output=True, text=True).stdout.splitlines()
        found[Path(name).name] = " ".join([*said[:1], *OPTIMISED])
    words = HUGE_PAGES.read_text().split() if HUGE_PAGES.exists() else []
    return found | {"huge pages": next((word.strip("[]") for word in words if "[" in word), "not shown")}


def fresh_process(paths: dict[str, str], seed: int, samples: int) -> list[dict]:
    """Return the rows as one process measures them.

    Raises
    ------
    InputError
        Results disagree, or the process does not end well.
    """
    command = [sys.executable, "-m", "bench.rows", json_module.dumps(paths), str(seed), str(samples)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=DEADLINE_S)
    if done.returncode:
        raise InputError((done.stderr.splitlines() or ["bench: a process ended without a word"])[-1].partition(": ")[2])
    return json_module.loads(done.stdout)


def over_processes(measured: list[list[dict]]) -> list[dict]:
    """Return each row over processes: median and 95 % interval of its ratio, of A/A, and what the kernel takes more."""
    table = []
    for same in zip(*measured, strict=True):
        ratio, low, high = median_interval([row["ratio"] for row in same])
        _, aa_low, aa_high = median_interval([row["aa"] for row in same])
        extra_ns, _, _ = median_interval([row["kernel_ns"] - row["reference_ns"] for row in same])
        row = {key: same[0][key] for key in SAME} | {"ratio": ratio, "low": low, "high": high}
        table.append(row | {"aa_low": aa_low, "aa_high": aa_high, "extra_ns": extra_ns})
    return table


def verdict(row: dict) -> str:
    """Return whether a row keeps its bound: its median does, the whole interval does not, or this run cannot tell."""
    if row["class"] not in BOUNDS:
        return "shown"
    if row["kernel"] == "memcpy" and row["size_bytes"] < SMALL_COPY_BYTES:
        return "within" if row["extra_ns"] <= SMALL_COPY_EXTRA_NS else "over"
    bound = BOUNDS[row["class"]]
    return "within" if row["ratio"] <= bound else "over" if row["low"] > bound else "unclear"


def bound_words(row: dict) -> str:
    """Return the bound of a row as it is printed."""
    if row["kernel"] == "memcpy" and row["size_bytes"] < SMALL_COPY_BYTES:
        return f"+{SMALL_COPY_EXTRA_NS:g} ns"
    return f"{BOUNDS[row['class']]:.3g}" if row["class"] in BOUNDS else "none"


def format_row(row: dict) -> str:
    """Return a row as one line of the printed table."""
    return (
        f"{row['class']:8}{row['kernel']:20}{row['size_bytes']:>9}  {row['reference']:12}"
        f"{row['ratio']:7.3f} [{row['low']:.3f}, {row['high']:.3f}]  A/A [{row['aa_low']:.3f}, {row['aa_high']:.3f}]"
        f"{row['extra_ns']:>10.2f} ns  bound {bound_words(row):5}  {verdict(row)}"
    )


def run(json: bool = False, processes: int = PROCESSES, samples: int = rows.SAMPLES) -> tuple[dict, list[list[dict]]]:
    """Measure all rows and print them, as a table or as JSON; an interrupt keeps the processes that are done.

    Return environment and rows as printed in JSON, and besides what each process measured.

    Raises
    ------
    InputError
        There is no compiler of one kind or the other, or results disagree.
    """
    if config.DISABLE_JIT:
        raise InputError("bench: NUMBA_DISABLE_JIT is set: nothing to measure without compiled kernels")
    found, measured = facts(), []
    with tempfile.TemporaryDirectory() as folder:
        paths = {Path(name).name: build(name, Path(folder)) for name in compilers()}
        try:
            for seed in tqdm(range(processes), desc="bench", unit="process", disable=None, leave=False):
                measured.append(fresh_process(paths, seed, samples))
        except KeyboardInterrupt:
            found["interrupted"] = f"after {len(measured)} of {processes} processes"
    table = over_processes(measured)
    result = {"environment": found | {"processes": str(len(measured))}, "rows": table}
    if json:
        print(json_module.dumps(result, indent=1))
    else:
        warning = ["The machine was not at rest."] * is_disturbed(found)
        print(describe(result["environment"]), *map(format_row, table), *warning, sep="\n")
    return result, measured


if __name__ == "__main__":
    try:
        run(json="--json" in sys.argv[1:])
    except InputError as error:
        print(f"splicelab: {error}", file=sys.stderr)
        sys.exit(2)
