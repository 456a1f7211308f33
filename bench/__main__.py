"""Everything, a few minutes on an idle machine; kept with all samples in data/bench/<machine>.json."""

import argparse
import sys

from bench import compare, growth, live, reader, scaling, sweep, trace, use
from bench.keep import keep, keep_costs
from splicelab.errors import InputError
from splicelab.evidence.timed.timing import machine_name
from splicelab.evidence.timed.unit_costs import unit_costs
from splicelab.paths import REPOSITORY


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--note", help="kept with the figures, such as what else the machine did")
    note = parser.parse_args().note
    long_runs = growth.run()  # first: the arena of the copies would hide a peak of memory
    sweeps = sweep.run()
    scaled = scaling.run(long_runs)
    first_use = use.run()
    waits, traces = reader.run(), trace.run()
    result, processes = compare.run()
    result["rows"] += live.run()
    if note:
        result["environment"]["note"] = note
    result |= {"processes": processes, "growth": long_runs, "scaling": scaled}
    result |= {"sweep": sweeps, "use": first_use, "reader": waits, "trace": traces}
    print(f"unit costs kept in {keep_costs(unit_costs(here=True)).name}")
    path = REPOSITORY / "data" / "bench" / f"{machine_name(result['environment'])}.json"
    path.parent.mkdir(exist_ok=True)
    print(f"kept in {keep(path, result).relative_to(REPOSITORY)}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
