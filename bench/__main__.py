"""Everything: long runs, sweeps, a first use, kernels against C; kept with all samples in data/bench/<machine>.json."""

import argparse
import json
import sys

from bench import compare, growth, live, sweep, trace, use
from splicelab.errors import InputError
from splicelab.evidence.timed.timing import machine_name
from splicelab.evidence.timed.unit_costs import keep, unit_costs
from splicelab.paths import REPOSITORY


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--note", help="kept with the figures, such as what else the machine did")
    note = parser.parse_args().note
    long_runs = growth.run()  # first: the arena of the copies would hide a peak of memory
    sweeps = sweep.run()
    first_use = use.run()
    traces = trace.run()
    result, processes = compare.run()
    live_rows = live.run()
    if note:
        result["environment"]["note"] = note
    result |= {"processes": processes, "live": live_rows}
    result |= {"growth": long_runs, "sweep": sweeps, "use": first_use, "trace": traces}
    print(f"unit costs kept in {keep(unit_costs(here=True)).name}")
    path = REPOSITORY / "data" / "bench" / f"{machine_name(result['environment'])}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result) + "\n")
    print(f"kept in {path.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
