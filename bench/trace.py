"""A trace of 10^6 calls, in both forms: its summary, and all alternatives; in a process of its own, for its memory."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from splicelab.paths import REPOSITORY

CALLS, SOCKETS = 1_000_000, 50
GOALS = {"summary, s": 30.0, "with all alternatives, s": 60.0, "memory that it adds, MiB": 100.0}
CODE = """
import json, resource, sys, time
from splicelab import own_trace
own_trace("nginx").through()
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, start_s = peak(), time.perf_counter()
told = own_trace(sys.argv[1])
summary_s = time.perf_counter() - start_s
told.through()
print(json.dumps([summary_s, time.perf_counter() - start_s, peak() - before, told.found.counts["messages"]]))
"""


def write(path: Path, calls: int, is_strace: bool) -> None:
    """Write a trace of so many calls, a header with MORE and a file behind it, on SOCKETS connections by turns."""
    with open(path, "w") as file:
        if not is_strace:
            file.write("time,socket,call,flags,iterator,segment_sizes,owner\n")
        for n in range(calls // 2):
            time_s, who, size_bytes = 1.7e9 + n / 5000, n % SOCKETS, 1 + n * 7919 % 65536
            if is_strace:
                socket = f"{who + 5}<TCP:[127.0.0.1:80->127.0.0.1:{5000 + who}]>"
                file.write(f'{who + 9} {time_s:.6f} sendto({socket}, ""..., 240, MSG_MORE, NULL, 0) = 240\n')
                told = f"sendfile({socket}, 8</srv/file>, [0] => [{size_bytes}], 65536) = {size_bytes}"
                file.write(f"{who + 9} {time_s + 5e-5:.6f} {told}\n")
            else:
                file.write(f"{time_s:.6f},s{who},sendmsg,MORE,user,240,-\n")
                file.write(f"{time_s + 5e-5:.6f},s{who},sendfile,-,file,{size_bytes},-\n")


def run(calls: int = CALLS) -> list[dict]:
    """Measure, print and return a row for each form and goal."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for form in ("CSV", "strace"):
            path = Path(folder) / form
            write(path, calls, form == "strace")
            done = subprocess.run(
                [sys.executable, "-c", CODE, path], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True
            )
            *values, messages = json.loads(done.stdout)
            for (name, goal), value in zip(GOALS.items(), values, strict=True):
                row = {"trace": form, "calls": calls, "messages": messages, "what": name, "value": value, "goal": goal}
                rows.append(row)
                verdict = "within" if value < goal else "over"
                print(f"trace   {form:6} {name:25} {value:6.1f}  goal {goal:4.0f}  {verdict}")
    return rows
