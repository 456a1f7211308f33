"""Where the decision changes: who comes first over two properties of a sender and its connection, and how surely."""

from collections.abc import Mapping
from itertools import product
from math import ceil
from typing import Any

import pandas as pd

from splicelab.errors import InputError, one_of
from splicelab.evidence.debate.decide import decide
from splicelab.evidence.debate.senders import find_sender
from splicelab.kernel.world import ACK_DELAY_MAX
from splicelab.progress import progress
from splicelab.result import Result

AXES = {  # the values that are tried
    "header_bytes": (4, 16, 48, 128, 512, 1024, 4096),
    "payload_bytes": (512, 1024, 4096, 16384, 32768, 65536, 131072),
    "flag_ignored": (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0),
    "messages_per_s": (10, 100, 1_000, 3_000, 10_000, 30_000),
    "ack_delay_ms": (0.1, 0.3, 1.0, 2.0, 5.0, 20.0),
}
NEVER = "never sent"
USUAL = {"messages_per_s": 1_000, "ack_delay_ms": 1.0}


class Phases(Result):
    """A row for each value of one axis, a column for each of the other: who comes first, and ``same`` as how many."""

    table: pd.DataFrame
    same: pd.DataFrame

    @property
    def text(self) -> str:
        """How often each alternative comes first, and where that is not sure."""
        counts = ", ".join(f"{name} {count}" for name, count in self.table.stack().value_counts().items())
        unsure = int((self.same > 0).to_numpy().sum())
        axes = f"{self.table.index.name} by {self.table.columns.name}"
        return f"{axes}, first of {self.table.size}: {counts}; together with others in {unsure}"


def phases(asked: Mapping[str, Any], x: str, y: str) -> Phases:
    """Decide over two of AXES, everything else as it was asked of `decide`.

    Messages in flight are those of one ACK delay, as many as the model holds. InputError for an axis that there is not.
    """
    for name in (x, y):
        one_of("axis", name, AXES)
    if x == y:
        raise InputError(f"axis: {x} twice")
    caller, found = find_sender(asked["caller"], asked["as_of_6_1"]), {}
    for down, across in progress("deciding", list(product(AXES[y], AXES[x]))):
        values, one = {y: down, x: across}, {**asked, "caller": caller, "as_of_6_1": False}
        if "header_bytes" in values:
            one["caller"] = caller.model_copy(update={"header_bytes": values["header_bytes"]})
        if "payload_bytes" in values:
            one["payloads"] = {values["payload_bytes"]: 1.0}
        one["flag_ignored"] = values.get("flag_ignored", one["flag_ignored"])
        if not USUAL.keys().isdisjoint(values):
            waiting = ceil((USUAL | values)["messages_per_s"] * (USUAL | values)["ack_delay_ms"] / 1e3)
            one["in_flight"] = min(waiting, ACK_DELAY_MAX - 1)
        try:
            first = decide(**one).recommended
        except InputError:  # a header that leaves no room in a segment
            first = [NEVER]
        found[down, across] = first[0], len(first) - 1
    table = pd.DataFrame(found, ["first", "same"]).T.rename_axis([y, x])
    return Phases(table["first"].unstack(), table["same"].unstack().astype(int))
