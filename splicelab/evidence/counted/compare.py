"""One message of a caller, sent by every alternative: the notebooks' table, counted."""

import pandas as pd

from splicelab.alternatives import BUILT_IN, OWN
from splicelab.callers import load_callers
from splicelab.errors import InputError
from splicelab.evidence.counted.broken import BrokenError
from splicelab.evidence.counted.run import outcome, run

DEFAULT_PROFILE = "6.12+v3"
COUNTERS = (
    *("sends", "copies", "copied_bytes", "kmallocs", "kfrees", "frag_allocs", "frag_frees", "refills", "new_pages"),
    *("get_page", "put_page", "skbs", "frag_slots", "tcp_push", "pushes", "segments", "short_segments"),
    *("truesize_peak", "pinned_peak_bytes", "eio", "short_sends", "sent_bytes", "received_bytes", "corrupt_bytes"),
)


def pick_caller(key: str):
    """Return a caller by its key; raise InputError with the keys there are."""
    callers = load_callers()
    if key not in callers:
        raise InputError(f"caller: {key!r} is not one of {', '.join(callers)}")
    return callers[key]


def compare(
    caller: str,
    payload_bytes: int,
    alternatives: tuple[str, ...] = (),
    profile: str = DEFAULT_PROFILE,
    **options,
) -> dict:
    """Return what one message costs by each alternative (all of them by default), as plain numbers.

    ``options`` go to `splicelab.evidence.counted.run.run`. Raises InputError for a key that is in no table.
    """
    shape = pick_caller(caller)
    rows = []
    for key in alternatives or (*BUILT_IN, *OWN):
        try:
            tally = run(shape, key, profile, payload_bytes=payload_bytes, **options)
        except BrokenError as error:
            tally = error.tally
        rows.append(
            {
                "alternative": key,
                "outcome": outcome(tally),
                "counters": {name: getattr(tally, name) for name in COUNTERS},
            }
        )
    return {"caller": caller, "payload_bytes": payload_bytes, "profile": profile, "rows": rows}


def as_table(comparison: dict, counters: tuple[str, ...] = COUNTERS) -> pd.DataFrame:
    """Return a comparison as a table, a row per alternative."""
    rows = comparison["rows"]
    table = pd.DataFrame([row["counters"] for row in rows], [row["alternative"] for row in rows])[list(counters)]
    table.insert(0, "outcome", [row["outcome"] for row in rows])
    return table.rename_axis("alternative")
