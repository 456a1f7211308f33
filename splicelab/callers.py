"""Who sends what: the kernel's own senders, rows of data/callers.csv, and what each hands to TCP for one message.

A row's `sends_6_1` and `sends_6_12` are recipes, `METHOD:PIECES:FLAGS` per call; data/README.md explains them.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from splicelab.errors import InputError
from splicelab.paths import data_path
from splicelab.tables import read_rows

Owner = Literal["slab", "large_kmalloc", "stack", "page_frag", "page", "none"]
Bytes = Annotated[int, Field(ge=0, le=1 << 30)]
Text = Annotated[str, Field(min_length=1)]

_WORD = re.compile(r"(copy|sendpage|splice):((?:header|head|payload|trailer|[+])+)([*]?):([A-Z|~;-]+)")


class Segment(NamedTuple):
    """A run of bytes of one piece of a message (header, head, payload or trailer), and who owns the memory."""

    piece: str
    size_bytes: int
    owner: str


class Send(NamedTuple):
    """One call into TCP: copy (sendmsg), sendpage, or splice (sendmsg with MSG_SPLICE_PAGES); flags without MSG_."""

    method: str
    segments: list[Segment]
    flags: frozenset[str]


def _words(recipe: str) -> list[tuple[str, list[str], str, list[list[str]]]]:
    """Split a recipe into (method, pieces, "*" or "", flags as [[while more follows, at the end], the last page's])."""
    words = []
    for word in recipe.split():
        if not (match := _WORD.fullmatch(word)):
            raise ValueError(f"{word!r} is not METHOD:PIECES:FLAGS")
        method, pieces, star, flags = match.groups()
        choices = [(part.split("~") * 2)[:2] for part in flags.split(";")]
        names = {flag for choice in choices for text in choice for flag in text.split("|")}
        if unknown := names - {"MORE", "EOR", "-"} - ({"NOTLAST"} if method == "sendpage" else set()):
            raise ValueError(f"{word!r}: unknown flag {' '.join(sorted(unknown))!r} of {method}")
        if len(choices) > 1 + bool(star) or star and pieces != "payload":
            raise ValueError(f"{word!r}: * and ; belong to payload alone")
        words.append((method, pieces.split("+"), star, choices))
    return words


Recipe = Annotated[str, Field(min_length=1), AfterValidator(lambda text: _words(text) and text)]


class Caller(BaseModel):
    """A row of data/callers.csv. Sizes in bytes; a payload unit of 0 means one piece per scatterlist entry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
    name: Text
    header_bytes: Bytes
    header_owner_6_1: Owner
    header_owner_6_12: Owner
    header_fate: Literal["freed", "rewritten", "kept", "none"]
    head_bytes: Bytes
    head_owner: Owner
    payload_owner: Owner
    payload_unit_bytes: Bytes
    payload_bytes_max: Bytes
    trailer_bytes: Bytes
    trailer_bytes_min: Bytes
    trailer_bytes_max: Bytes
    trailer_owner: Owner
    sends_6_1: Recipe
    sends_6_12: Recipe
    corked_6_1: bool
    corked_6_12: bool
    copies_into: Literal["task_frag", "sk_frag", "none"]
    source: Text
    note: str

    @model_validator(mode="after")
    def _agree(self) -> "Caller":
        if not self.trailer_bytes_min <= self.trailer_bytes <= self.trailer_bytes_max:
            raise ValueError("trailer_bytes: not between trailer_bytes_min and trailer_bytes_max")
        most_bytes = {"header": self.header_bytes, "head": self.head_bytes}
        most_bytes |= {"payload": self.payload_bytes_max, "trailer": self.trailer_bytes_max}
        there = sorted(piece for piece, size_bytes in most_bytes.items() if size_bytes)
        for column in ("sends_6_1", "sends_6_12"):
            sent = [piece for _, pieces, *_ in _words(getattr(self, column)) for piece in pieces]
            if sorted(sent) != there:
                raise ValueError(f"{column}: sends {' '.join(sent)}, and the sizes say {' '.join(there)}")
        for piece in ("header_owner_6_1", "header_owner_6_12", "head_owner", "payload_owner", "trailer_owner"):
            if (getattr(self, piece) == "none") == (piece.split("_")[0] in there):
                raise ValueError(f"{piece}: {getattr(self, piece)} does not go with the size")
        return self

    def nearest_trailer_bytes(self, trailer_bytes: int) -> int:
        """Return the size of trailer that the caller does send and that is nearest to this one."""
        return min(max(trailer_bytes, self.trailer_bytes_min), self.trailer_bytes_max)

    def sends(self, kernel: str, payload_bytes: int, trailer_bytes: int | None = None) -> list[Send]:
        """Return the calls that send one message on 6.1, or on any later kernel; pieces of no bytes are left out.

        Raises InputError where payload or trailer (the row's usual one unless given) has a size that is never sent.
        """
        trailer_bytes = self.trailer_bytes if trailer_bytes is None else trailer_bytes
        ranges = {"payload": (payload_bytes, 0, self.payload_bytes_max)}
        ranges["trailer"] = (trailer_bytes, self.trailer_bytes_min, self.trailer_bytes_max)
        for piece, (size_bytes, least_bytes, most_bytes) in ranges.items():
            if not least_bytes <= size_bytes <= most_bytes:
                raise InputError(f"{self.key}: {piece}: {size_bytes} bytes, not {least_bytes} to {most_bytes}")
        column = "6_1" if kernel == "6.1" else "6_12"
        sizes = {"header": self.header_bytes, "head": self.head_bytes}
        sizes |= {"payload": payload_bytes, "trailer": trailer_bytes}
        owners = {piece: getattr(self, f"{piece}_owner") for piece in ("head", "payload", "trailer")}
        owners["header"] = getattr(self, f"header_owner_{column}")
        calls = []
        for method, pieces, star, choices in _words(getattr(self, f"sends_{column}")):
            segments = [Segment(piece, sizes[piece], owners[piece]) for piece in pieces if sizes[piece]]
            if star and segments and self.payload_unit_bytes:
                full, rest_bytes = divmod(payload_bytes - 1, self.payload_unit_bytes)
                calls += [(method, [segments[0]._replace(size_bytes=self.payload_unit_bytes)], choices[0])] * full
                segments = [segments[0]._replace(size_bytes=rest_bytes + 1)]
            if segments:
                calls.append((method, segments, choices[-1]))
        last = len(calls) - 1
        return [
            Send(method, segments, frozenset(flags[place == last].split("|")) - {"-"})
            for place, (method, segments, flags) in enumerate(calls)
        ]


def load_callers(path: str | Path | None = None) -> dict[str, Caller]:
    """Return the callers of data/callers.csv by key, in the file's order; InputError names row and field.

    Examples
    --------
    >>> from splicelab import load_callers
    >>> [call.method for call in load_callers()["siw"].sends("6.12", 4096)]
    ['copy', 'splice', 'copy']
    """
    rows = read_rows(data_path("callers.csv") if path is None else path, Caller)
    return {caller.key: caller for caller in rows}
