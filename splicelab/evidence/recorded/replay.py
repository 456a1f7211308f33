"""A recorded operation of kernel code call for call, beside the calls that the model makes for the same operation."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import cache
from itertools import groupby, zip_longest

import pandas as pd

from splicelab.errors import InputError, one_of
from splicelab.evidence.counted.compare import Call, Comparison, as_call, compare
from splicelab.evidence.counted.run import known_callers
from splicelab.evidence.recorded.recordings import operations
from splicelab.result import Result

KERNELS = {"6.1": "6.1.192", "6.12": "6.12.117"}
FROM_USER_PAGES = ("iscsi_tcp", "drbd", "nvme_tcp", "ceph_v1", "ceph_v2")  # an unaligned buffer has its pages cut


def row_of(op) -> str | None:
    """Return the caller that a recorded operation (a row of `operations`) is compared with, or None."""
    what, cfg, direction, *_ = op.op.split("|")
    names = {f"{what} {direction} {op.role}", f"{what} {cfg} {direction} {op.role}"}
    return next((key for key, row in known_callers().items() if names & {*row.recorded_as.split("; ")}), None)


def recorded_calls(op) -> list[Call]:
    """Return recorded calls in the words of the recipes, without flags that do not change what is sent."""
    return [as_call(size_bytes, bits, name == "sendpages") for name, size_bytes, bits, _ in op.calls]


def model_of(op, key: str, kernel: str) -> Comparison:
    """Return what the caller's own calls are for a recorded operation, counted."""
    _, cfg, direction, size_bytes, offset, _ = op.op.split("|")
    is_command = op.role == "H" and direction in ("read", "inquiry")  # which asks for payload and has none
    payload_bytes = 0 if is_command else int(size_bytes)
    how = {"data_digest": cfg == "dd", "page_offset_bytes": int(offset) if key in FROM_USER_PAGES else 0}
    if key == "nvme_tcp" and kernel == "6.12":  # the buffer lay in a huge page: one entry
        how |= {"entry_bytes": max(4096, payload_bytes), "page_offset_bytes": 0}
    return compare(key, payload_bytes, ("piecewise",), kernel, **how)


class Replay(Result):
    """An operation on both kernels: ``counts`` (calls, copied, attached bytes, pushes; recorded and of the model).

    ``memory`` is whose it is, as read in the sources. ``lines`` are (how many side by
    side, recorded call or None, the model's or None), by kernel.
    """

    operation: str
    payload_bytes: int
    lines: dict[str, list[tuple[int, Call | None, Call | None]]]
    counts: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    memory: dict[str, str]

    @property
    def table(self) -> pd.DataFrame:
        """A row for each run of like calls: kernel, how many, recorded, model."""
        rows = [(kernel, n, words(was), words(said)) for kernel, lines in self.lines.items() for n, was, said in lines]
        return pd.DataFrame(rows, columns=["kernel", "calls", "recorded", "model"])

    @property
    def text(self) -> str:
        """What was recorded on each kernel, and whether the model says the same."""
        told = []
        for kernel, (was, said) in self.counts.items():
            other = sum(n for n, one, another in self.lines[kernel] if one != another)
            agrees = f"the model differs in {other} calls: {said}" if other or was != said else "the model: the same"
            form = "{}: {} of {:,} bytes, recorded: {:,} calls, {:,} bytes copied, {:,} attached, {:,} pushes; {}"
            told.append(form.format(KERNELS[kernel], self.operation, self.payload_bytes, *was, agrees))
        return "\n".join(told)


def words(call: Call | None) -> str:
    """Say one call."""
    return "" if call is None else f"{call[0]} {call[1]:,} {'|'.join(call[2])}".strip()


@cache
def by_operation() -> dict[str, dict[tuple[str, int], object]]:
    """Return by name, kernel and bytes the first recording of each operation with an aligned buffer."""
    found: dict[str, dict] = {}
    for op in operations().itertuples():
        if key := row_of(op):
            _, cfg, direction, payload_bytes, offset, _ = op.op.split("|")
            name = f"{key} {direction}{', data digest' * (cfg == 'dd')}"
            if offset in ("", "0"):
                found.setdefault(name, {}).setdefault((op.kernel, int(payload_bytes)), op)
    return found


def replay(operation: str, payload_bytes: int) -> Replay:
    """Put an operation as recorded on both kernels beside the model; InputError names what was recorded."""
    found = by_operation()[one_of("operation", operation, by_operation())]
    sizes = sorted({size_bytes for _, size_bytes in found})
    if payload_bytes not in sizes:
        raise InputError(f"payload: {operation} was recorded with {', '.join(map(str, sizes))} bytes")
    lines, counts, memory = {}, {}, {}
    for kernel, release in KERNELS.items():
        op = found[release, payload_bytes]
        told = model_of(op, row_of(op), kernel)
        tally, row = told.tallies["piecewise"], known_callers()[told.caller]
        owners = {"header": getattr(row, f"header_owner_{kernel.replace('.', '_')}"), "head": row.head_owner}
        owners |= {"payload": row.payload_owner, "trailer": row.trailer_owner}
        memory[kernel] = ", ".join(f"{piece}: {owner}" for piece, owner in owners.items() if owner != "none")
        was, said = recorded_calls(op), told.calls["piecewise"]
        lines[kernel] = [(len(list(group)), *pair) for pair, group in groupby(_aligned(was, said))]
        attached_bytes = op.spliced_bytes + sum(size_bytes for method, size_bytes, _ in was if method == "sendpage")
        recorded = (len(was), op.copied_bytes, attached_bytes, op.pushes)
        model_bytes = tally.spliced_bytes + tally.sendpages_bytes
        counts[kernel] = recorded, (len(said), tally.copied_bytes, model_bytes, tally.tcp_push)
    return Replay(operation, payload_bytes, lines, counts, memory)


def _aligned(was: list[Call], said: list[Call]) -> Iterator[tuple[Call | None, Call | None]]:
    """Yield calls that belong together, None where one side has none."""
    for _, a, b, c, d in SequenceMatcher(None, was, said, autojunk=False).get_opcodes():
        yield from zip_longest(was[a:b], said[c:d])
