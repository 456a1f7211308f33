"""What this machine gave is written down below data/, each file in one step; `python -m bench.keep` does the live run.

A live run takes some minutes, and its file is what readers see whose machine cannot do one.
"""

import json
from pathlib import Path

from splicelab.evidence.live.run import LiveRun, live
from splicelab.evidence.timed.unit_costs import UnitCosts, kept_path
from splicelab.paths import data_path


def keep(path: Path, told: dict, **options) -> Path:
    """Write JSON in the place of a file that may be there, never half of it; return the path."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(told, **options) + "\n", encoding="utf-8")
    return part.replace(path)


def keep_costs(costs: UnitCosts) -> Path:
    """Keep unit costs for this kind of machine, to four digits."""
    rows = costs.samples_ns.map(lambda ns: float(f"{ns:.4g}")).to_dict("list")
    return keep(kept_path(costs.environment), {"environment": costs.environment, "samples_ns": rows}, indent=1)


def keep_run(run: LiveRun, path: Path) -> Path:
    """Keep a live run, to a tenth of a nanosecond."""
    told = run.predictions
    said = {"provenance": run.provenance, "kernel": told.kernel, "profile": told.profile, "skb_bytes": told.skb_bytes}
    for name, table in (("predictions", told.table), ("samples", run.samples)):
        said[name] = json.loads(table.to_json(orient="records", double_precision=1))
    return keep(path, said, separators=(",", ":"))


if __name__ == "__main__":
    found = live()
    if found.stored_because:
        raise SystemExit(f"nothing kept: {found.stored_because}")
    print(f"kept in {keep_run(found, data_path('live', 'run.json'))}")
