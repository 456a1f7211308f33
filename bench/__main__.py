"""Everything: long runs, sweeps, a first use, kernels against C; kept with all samples in data/bench/<machine>.json."""

import argparse
import json
import re
import sys

from bench import compare, growth, sweep, trace, use
from splicelab.errors import InputError
from splicelab.paths import REPOSITORY


def machine_name(facts: dict[str, str]) -> str:
    """Return a file name for a kind of machine: its processor, and how many of them."""
    words = re.findall("[a-z0-9]+", re.sub(r"\(\w+\)", " ", facts["cpu"].lower()))
    return "-".join([*words, facts["cpus"], "cpus"])


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--note", help="kept with the figures, such as what else the machine did")
    note = parser.parse_args().note
    long_runs = growth.run()  # first: the arena of the copies would hide a peak of memory
    sweeps = sweep.run()
    first_use = use.run()
    traces = trace.run()
    result, samples = compare.run()
    if note:
        result["environment"]["note"] = note
    for row, columns in zip(result["rows"], samples, strict=True):
        row["samples_ns"] = columns
    result |= {"growth": long_runs, "sweep": sweeps, "use": first_use, "trace": traces}
    path = REPOSITORY / "data" / "bench" / f"{machine_name(result['environment'])}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result) + "\n")
    print(f"kept in {path.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
