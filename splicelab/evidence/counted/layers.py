"""Layers above TCP: where they end their records for a sender's calls, and what they hand to TCP themselves.

Counted, by rules read in Linux 6.1.192 and 6.12.117; what kTLS and KCM then hand to TCP was recorded. Which source
says what about a layer stands in data/layers.csv and data/handed_down.csv; data/sender_patterns.csv has senders above.
"""

import sys
from itertools import product
from typing import NamedTuple

import pandas as pd

from splicelab.callers import Caller, Send
from splicelab.errors import one_of
from splicelab.evidence.counted.run import pick_caller
from splicelab.kernel.world import PAGE_SIZE
from splicelab.paths import data_path
from splicelab.result import Result
from splicelab.tables import read_table


def _recipes(name: str) -> dict[str, dict[str, str]]:
    """Return the calls of each sender before 6.5 and since, by the name of their column."""
    rows = read_table(data_path(name))
    return {key: row.model_dump(include={"sends_6_1", "sends_6_12"}) for key, row in rows.items()}


LAYERS = read_table(data_path("layers.csv"))
HANDED_DOWN, PATTERNS = _recipes("handed_down.csv"), _recipes("sender_patterns.csv")


class Record(NamedTuple):
    """A record that was closed: its bytes, the number of the call (from 0) that closed it, and why."""

    size_bytes: int
    call: int
    why: str


class Records(NamedTuple):
    """What the calls became: closed records, bytes that wait in an open one, the first call's error or ""."""

    closed: list[Record]
    open_bytes: int
    refused: str


def end_of_call(layer: str, kernel: str, send: Send) -> str:
    """Return what a call does to the record at its end: it stays open, closes, or the call is refused with an error."""
    if layer.startswith("tls") and "EOR" in send.flags:
        if kernel == "6.1":
            return "-EOPNOTSUPP"
        if "MORE" in send.flags:
            return "-EINVAL"
    is_page = kernel == "6.1" and send.method == "sendpage"
    if layer == "tls_sw" and is_page:
        is_open = "NOTLAST" in send.flags  # and MORE says nothing
    elif layer == "kcm_seqpacket" and not is_page:
        is_open = "EOR" not in send.flags
    else:
        is_open = send.flags & {"MORE", "NOTLAST"}
    return "open" if is_open else "closes"


def _pieces(attaches: str, send: Send) -> list[tuple[int, bool]]:
    """Return (bytes, is attached) of what a call brings: one page part for sendpage, one per page for splice."""
    is_attached = send.method != "copy" and attaches == "yes"
    sizes = [segment.size_bytes for segment in send.segments]
    if not is_attached or send.method == "sendpage":
        return [(sum(sizes), is_attached)]
    return [(min(PAGE_SIZE, size - start), True) for size in sizes for start in range(0, size, PAGE_SIZE)]


class Layers(Result):
    """The rules of the layers; ``table`` says what each does with its record at the end of a call."""

    names, patterns = tuple(LAYERS), tuple(PATTERNS)

    @property
    def table(self) -> pd.DataFrame:
        """By layer, kernel and method a row, by flags a column."""
        rows = {}
        calls = ("6.1", "copy"), ("6.1", "sendpage"), ("6.12", "copy"), ("6.12", "splice")
        for layer, (kernel, method) in product(LAYERS, calls):
            row = rows[layer, kernel, method] = {}
            for given in ("", "MORE", "NOTLAST", "MORE NOTLAST", "EOR", "MORE EOR"):
                said = end_of_call(layer, kernel, Send(method, [], frozenset(given.split())))
                row[given or "no flag"] = said if method == "sendpage" or "NOTLAST" not in given else ""
        return pd.DataFrame(rows).T

    @staticmethod
    def sender(pattern: str, header_bytes: int = 24, trailer_bytes: int = 24) -> Caller:
        """Return an NVMe target of a sender's own making: three parts in pages, calls with one of ``patterns``."""
        sizes = {"header_bytes": header_bytes, "trailer_bytes": trailer_bytes, "trailer_bytes_min": 0}
        return pick_caller("nvmet_tcp").model_copy(update=sizes | PATTERNS[one_of("pattern", pattern, PATTERNS)])

    @property
    def handed_down(self) -> dict[str, Caller]:
        """What each layer sends to TCP itself, as a caller, one call for each page."""
        kcm = pick_caller("kcm").model_copy(update={"payload_unit_bytes": PAGE_SIZE})
        return {layer: kcm.model_copy(update=recipe) for layer, recipe in HANDED_DOWN.items()}

    def records(self, layer: str, kernel: str, sends: list[Send]) -> Records:
        """Find the records that a layer makes of a sender's calls, on 6.1 or any later kernel (as in 6.12).

        Copies side by side share a slot; a call that is refused ends the message. InputError for an unknown layer.
        """
        rule = LAYERS[one_of("layer", layer, LAYERS)]
        most_bytes, most_slots = rule.record_bytes or sys.maxsize, rule.slots or sys.maxsize
        closed, size_bytes, slots, is_copy = [], 0, rule.slots_taken, rule.slots_taken > 0
        for number, send in enumerate(sends):
            end = end_of_call(layer, kernel, send)
            if end.startswith("-"):
                return Records(closed, size_bytes, f"call {number + 1}: {end}")
            pieces = [list(piece) for piece in _pieces(rule.attaches, send)]
            while pieces or size_bytes:
                if pieces and size_bytes < most_bytes:
                    part_bytes = min(pieces[0][0], most_bytes - size_bytes)
                    slots += pieces[0][1] or not is_copy
                    is_copy = not pieces[0][1]
                    size_bytes += part_bytes
                    pieces[0][0] -= part_bytes
                    pieces = pieces[pieces[0][0] == 0 :]
                is_last_open = not pieces and end == "open"
                # TLS in the device looks for a full record only when the next bytes come.
                is_full = size_bytes >= most_bytes and not (is_last_open and layer.startswith("tls_device"))
                if is_full or slots >= most_slots or not (pieces or is_last_open):
                    why = "full" if is_full else "no slot left" if slots >= most_slots else "end of the call"
                    closed.append(Record(size_bytes, number, why))
                    size_bytes, slots, is_copy = 0, rule.slots_taken, rule.slots_taken > 0
                elif is_last_open:
                    break
        return Records(closed, size_bytes, "")

    def by_pattern(self, payload_bytes: int) -> pd.DataFrame:
        """Return the sizes of the records that each layer makes of each pattern; in brackets what stays open."""
        rows = {}
        for layer, kernel, pattern in product(LAYERS, ("6.1", "6.12"), PATTERNS):
            made = self.records(layer, kernel, self.sender(pattern).sends(kernel, payload_bytes))
            sizes = [f"{record.size_bytes}" for record in made.closed]
            row = rows.setdefault((layer, kernel), {})
            row[pattern] = " + ".join(sizes + [f"({made.open_bytes})"] * (made.open_bytes > 0))
        return pd.DataFrame(rows).T


def layers() -> Layers:
    """Return the rules by which layers above TCP end their records, and what they hand to TCP themselves.

    Examples
    --------
    >>> from splicelab import layers
    >>> own = layers().sender("MORE")
    >>> layers().records("tls_sw", "6.12", own.sends("6.12", 4096)).closed[0].size_bytes
    4144
    """
    return Layers()
