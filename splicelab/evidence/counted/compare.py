"""One message of a caller, sent by every alternative: the notebooks' table, counted."""

from dataclasses import dataclass

import pandas as pd

from splicelab.alternatives import BUILT_IN, OWN
from splicelab.evidence.counted.broken import BrokenError
from splicelab.evidence.counted.run import pick_caller, run
from splicelab.evidence.counted.tally import Tally
from splicelab.result import Result

DEFAULT_PROFILE = "6.12+v3"
COUNTERS = (
    *("sends", "copies", "copied_bytes", "kmallocs", "kfrees", "frag_allocs", "frag_frees", "refills", "new_pages"),
    *("get_page", "put_page", "skbs", "frag_slots", "tcp_push", "pushes", "segments", "short_segments"),
    *("truesize_peak", "pinned_peak_bytes", "eio", "short_sends", "sent_bytes", "received_bytes", "corrupt_bytes"),
)


@dataclass(frozen=True, repr=False)
class Comparison(Result):
    """What one message costs by each alternative: ``tallies`` by name; ``chosen`` is drawn dark."""

    caller: str
    payload_bytes: int
    profile: str
    tallies: dict[str, Tally]
    chosen: str = ""

    @property
    def table(self) -> pd.DataFrame:
        """A row for each alternative: how the message ended, and every counter."""
        rows = {name: [t.outcome, *(getattr(t, key) for key in COUNTERS)] for name, t in self.tallies.items()}
        return pd.DataFrame.from_dict(rows, "index", columns=["outcome", *COUNTERS]).rename_axis("alternative")

    def plain(self) -> dict:
        """Return plain numbers, as the command line prints them as JSON."""
        rows = [
            {"alternative": name, "outcome": t.outcome, "counters": {key: getattr(t, key) for key in COUNTERS}}
            for name, t in self.tallies.items()
        ]
        return {"caller": self.caller, "payload_bytes": self.payload_bytes, "profile": self.profile, "rows": rows}


def compare(
    caller: str,
    payload_bytes: int,
    alternatives: tuple[str, ...] = (),
    profile: str = DEFAULT_PROFILE,
    *,
    chosen: str = "",
    **options,
) -> Comparison:
    """Count what one message costs by each alternative (all of them by default).

    ``options`` go to `splicelab.run`. Raises InputError for a key that is in no table.

    Examples
    --------
    >>> from splicelab import compare
    >>> compare("siw", 4096, ("plain_copy", "copy_in_stack")).table["copied_bytes"].to_dict()
    {'plain_copy': 4116, 'copy_in_stack': 20}
    """
    shape, tallies = pick_caller(caller), {}
    for key in alternatives or (*BUILT_IN, *OWN):
        try:
            tallies[key] = run(shape, key, profile, payload_bytes=payload_bytes, **options)
        except BrokenError as error:
            tallies[key] = error.tally
    return Comparison(shape.key, payload_bytes, profile, tallies, chosen)
