"""Recordings of real kernels: what they counted, beside what the model predicts for the same calls.

Recorded evidence. Two kinds: TCP connections of a user program (`recordings`) and kernel code that
sends (`operations`: nvme-tcp, nfsd, siw). Every file is checked against data/recordings/manifest.csv first.
"""

import hashlib
from collections import defaultdict
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

from splicelab.errors import InputError, one_of
from splicelab.evidence.counted.predict import EXPECTED, Prediction, predict
from splicelab.evidence.counted.scenarios import Scenario, parse_scenario, read_lines
from splicelab.kernel.world import MSG_SPLICE_PAGES
from splicelab.paths import data_path
from splicelab.progress import no_collector
from splicelab.result import Result
from splicelab.tables import read_rows

# The counters that a recording may hold, in the order of the tables; skbs are [length, truesize, nr_frags] each.
COUNTERS = (*EXPECTED, "skbs")


class RecordingFile(BaseModel):
    """A row of the manifest: a stored file, what is in it, and where it came from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Annotated[str, Field(pattern=r"^(callers/)?[\w.-]+$")]
    kind: Literal["connections", "events", "operations", "summary"]
    kernel: Literal["6.1", "6.12", "6.1 6.12"]
    package: Annotated[str, Field(min_length=1)]
    made: Annotated[str, Field(min_length=1)]
    lines: Annotated[int, Field(gt=0)]
    bytes: Annotated[int, Field(gt=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Recorded(NamedTuple):
    """A recorded connection: what was sent, the name of its pattern, and per message the kernel's counts."""

    scenario: Scenario
    kind: str
    messages: list[dict]


def manifest(kind: str | None = None) -> list[RecordingFile]:
    """Return the recordings of one kind, or all."""
    rows = read_rows(data_path("recordings", "manifest.csv"), RecordingFile)
    return [row for row in rows if kind in (None, row.kind)]


def recording_path(row: RecordingFile) -> Path:
    """Return the path of a recording after its checksum was compared; InputError if it is another file."""
    path = data_path("recordings", *row.file.split("/"))
    if hashlib.sha256(path.read_bytes()).hexdigest() != row.sha256:
        raise InputError(f"{path}: sha256 is not the one in manifest.csv; restore the file (git checkout -- data)")
    return path


class Recordings(Result, list):
    """Recorded connections, in the order of the manifest."""

    @property
    def text(self) -> str:
        """How much was recorded."""
        return f"recorded: {len(self)} connections, {sum(len(one.messages) for one in self)} messages"

    @property
    def predicted(self) -> Prediction:
        """What the model says of the same connections."""
        return predict(one.scenario for one in self)

    @property
    def agreement(self) -> "Agreement":
        """Recorded beside predicted."""
        return Agreement(beside(self, self.predicted))

    @property
    def operations(self) -> pd.DataFrame:
        """What kernel code sent, a row for each recorded operation and side (`operations`)."""
        return operations().copy()

    def replay(self, operation: str, payload_bytes: int) -> Result:
        """Put one operation as recorded on both kernels beside the model: by name, such as "nvmet_tcp read"."""
        from splicelab.evidence.recorded.replay import replay  # which reads this module

        return replay(operation, payload_bytes)


class Agreement(Result):
    """Recorded and predicted values, a row per connection, message and counter (`beside`)."""

    values: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """In how many messages the prediction is exact, by kernel, mtu, kind and counter.

        Columns: kernel, mtu, kind, counter, exact, total, left_out (messages in which the counter was not recorded).
        """
        equal = self.values["equal"]
        table = self.values.assign(exact=equal.eq(True), total=equal.notna(), left_out=equal.isna())
        groups = table.groupby(["kernel", "mtu", "kind", "counter"], sort=False)
        return groups[["exact", "total", "left_out"]].sum().reset_index()

    @property
    def text(self) -> str:
        """How many counts there are, and how many of these the model has exactly."""
        table = self.table
        return f"recorded: {table['total'].sum()} counts, of these exact: {table['exact'].sum()}"


def recordings(**wanted) -> Recordings:
    """Return the recorded connections; of one ``kernel``, ``mtu`` or ``kind``, or of several (a tuple), where given.

    Examples
    --------
    >>> from splicelab import recordings
    >>> recordings(kernel="6.12", mtu=65536, kind="vm1").agreement
    recorded: 504 counts, of these exact: 504
    """
    recorded = Recordings()
    for row in manifest("connections"):
        recorded += _connections(recording_path(row), row.sha256)
    columns = {"kernel": attrgetter("scenario.kernel"), "mtu": attrgetter("scenario.mtu"), "kind": attrgetter("kind")}
    known = {name: dict.fromkeys(map(has, recorded)) for name, has in columns.items()}
    for name, values in wanted.items():
        one_of("recordings", name, columns)
        values = [one_of(name, value, known[name]) for value in (values if isinstance(values, tuple) else (values,))]
        recorded = Recordings(one for one in recorded if columns[name](one) in values)
    return recorded


@cache
def _connections(path: Path, sha256: str) -> list[Recorded]:
    """Read a file once, as long as its checksum is the same."""
    recorded = []
    for number, line in read_lines(path):
        raw = from_json(line)
        counts = [m["expect"] | ({"skbs": m["skbs"]} if "skbs" in m else {}) for m in raw["messages"]]
        recorded.append(Recorded(parse_scenario(line, f"{path}:{number}"), raw["kind"], counts))
    return recorded


def beside(recorded: list[Recorded], predicted: list[dict]) -> pd.DataFrame:
    """Put recorded and predicted values beside each other, a row per connection, message and counter.

    Columns: kernel, mtu, kind, id, message, counter, recorded, predicted, equal. A value that was not recorded,
    because timing decided about it, is None and so is `equal`. `predicted` has the form that predict() returns,
    for the same connections.
    """
    rows = []
    for (scenario, kind, messages), answer in zip(recorded, predicted, strict=True):
        for number, (was, said) in enumerate(zip(messages, answer["messages"], strict=True)):
            for counter in COUNTERS:
                value, guess = was.get(counter), said[counter]
                equal = None if value is None else value == guess
                rows.append((scenario.kernel, scenario.mtu, kind, scenario.id, number, counter, value, guess, equal))
    columns = ["kernel", "mtu", "kind", "id", "message", "counter", "recorded", "predicted", "equal"]
    return pd.DataFrame(rows, columns=columns)


@cache
@no_collector()
def operations() -> pd.DataFrame:
    """Return one row per recorded operation of kernel code and side of the connection.

    Columns: caller, kernel, cfg, op (as recorded, `what|cfg|read or write|bytes|buffer offset|repetition`), role
    (H host or client, T target or server, s0 and s1 the two ends of siw), calls (a list of (name, bytes, flag bits,
    kind of iterator)), pushes, copied_bytes, spliced_bytes, skbs (a list of (length, truesize, nr_frags)).
    """
    lines = [(row.file, line) for row in manifest("operations") for _, line in read_lines(recording_path(row))]
    rows = []
    for file, line in lines:
        operation, splicing = from_json(line), {}
        sides = defaultdict(lambda: {"calls": [], "pushes": 0, "copied_bytes": 0, "spliced_bytes": 0, "skbs": []})
        for event in operation["ev"]:
            match event:
                case "call", role, name, size_bytes, flags, iterator, *_:
                    calling, bits = sides[role], int(flags, 16)
                    calling["calls"].append((name, size_bytes, bits, iterator))
                    splicing = calling if bits & MSG_SPLICE_PAGES else splicing  # another task's call may interrupt it
                case "push", role, *_:
                    sides[role]["pushes"] += 1
                case "xmit", role, *skb:
                    sides[role]["skbs"].append(tuple(skb[:3]))
                case "copy", copied_bytes:
                    calling["copied_bytes"] += copied_bytes
                case "splice_ret", spliced_bytes:
                    splicing["spliced_bytes"] += max(spliced_bytes, 0)
        head = {"caller": file.removeprefix("callers/").split("-")[0]}
        head |= {name: operation[name] for name in ("kernel", "cfg", "op")}
        rows += [{**head, "role": role, **counts} for role, counts in sorted(sides.items())]
    return pd.DataFrame(rows)
