"""What a first use takes, each in a process of its own: the import, all kernels compiled, all found in the cache."""

import json
import os
import subprocess
import sys
import tempfile
import time

from splicelab.errors import InputError
from splicelab.paths import REPOSITORY

GOALS_S = {
    "import splicelab": 1.0,
    "all kernels cold": 20.0,
    "all kernels warm": 1.0,
    "recordings loaded": 1.0,
    "predict all warm": 2.0,
}


def run_python(*arguments: str, cache: str = "") -> tuple[float, str]:
    """Return how long a Python process takes with this folder of compiled kernels, and what it prints."""
    start_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "NUMBA_CACHE_DIR": cache},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return time.perf_counter() - start_s, done.stdout


def run() -> list[dict]:
    """Measure, print and return a row for each; imports of libraries do not count as compiling.

    Raises
    ------
    InputError
        A kernel was not called, so that "all" would be untrue.
    """
    seconds = {"import splicelab": run_python("-c", "import splicelab")[0]}
    with tempfile.TemporaryDirectory() as folder:
        for state in ("cold", "warm"):
            printed = json.loads(run_python("-m", "bench.every_kernel", cache=folder)[1])
            seconds[f"all kernels {state}"] = printed["kernels_s"]
            if state == "cold" and printed["uncompiled"]:
                raise InputError(f"bench: not called: {', '.join(printed['uncompiled'])}")
    seconds |= {"recordings loaded": printed["load_s"], "predict all warm": printed["predict_s"]}
    rows = [{"use": name, "seconds": round(taken_s, 2), "goal": GOALS_S[name]} for name, taken_s in seconds.items()]
    for row in rows:
        verdict = "within" if row["seconds"] < row["goal"] else "over"
        print(f"use     {row['use']:18} {row['seconds']:6.2f} s  goal {row['goal']:4.0f} s  {verdict}")
    return rows
