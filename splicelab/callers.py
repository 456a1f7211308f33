"""Who sends what: the kernel's own senders as rows of data/callers.csv, and what each hands to TCP for one message.

A row's `sends_6_1` and `sends_6_12` are recipes, `METHOD:PIECES:FLAGS` each, in the order of the calls; data/README.md
explains the grammar. `Caller.sends` turns one into calls with bytes, owners and flags.
"""

import csv
import re
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from splicelab.errors import InputError
from splicelab.paths import data_path

Owner = Literal["slab", "large_kmalloc", "stack", "page_frag", "page", "page_cache", "none"]
Bytes = Annotated[int, Field(ge=0, le=1 << 20)]
Text = Annotated[str, Field(min_length=1)]
Row = TypeVar("Row", bound=BaseModel)

_FLAGS = "(?:-|(?:MORE|NOTLAST|EOR)(?:[|](?:MORE|NOTLAST|EOR))*)"
_PIECES = "(?:header|head|payload|trailer)(?:[+](?:head|payload|trailer))*|payload[*]"
_SEND = re.compile(f"(copy|sendpage|splice):({_PIECES}):({_FLAGS})(?:~({_FLAGS}))?(?:;({_FLAGS})(?:~({_FLAGS}))?)?")


class Segment(NamedTuple):
    """A run of bytes of one piece of the message, and who owns the memory."""

    piece: str
    size_bytes: int
    owner: str


class Send(NamedTuple):
    """One call into TCP: copy (sendmsg), sendpage, or splice (sendmsg with MSG_SPLICE_PAGES); flags without MSG_."""

    method: str
    segments: list[Segment]
    flags: frozenset[str]


def _recipe(text: str) -> str:
    """Check the grammar of a recipe, word by word."""
    for word in text.split():
        if not (match := _SEND.fullmatch(word)):
            raise ValueError(f"{word!r} is not METHOD:PIECES:FLAGS")
        if match[5] and match[2] != "payload*":
            raise ValueError(f"{word!r}: flags after ; are those of the last piece of payload*")
        if "NOTLAST" in word and match[1] != "sendpage":
            raise ValueError(f"{word!r}: NOTLAST is a flag of sendpage")
    if not text.split():
        raise ValueError("no send")
    return text


Recipe = Annotated[str, AfterValidator(_recipe)]


def _flags(text: str) -> frozenset[str]:
    """Return the flags of a recipe's third part, without the dash that stands for none."""
    return frozenset(text.split("|")) - {"-"}


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
        if self.trailer_bytes_min > self.trailer_bytes_max:
            raise ValueError("trailer_bytes_min: larger than trailer_bytes_max")
        sizes = {"header": self.header_bytes, "head": self.head_bytes, "trailer": self.trailer_bytes_max}
        owners = {"header": self.header_owner_6_1, "head": self.head_owner, "trailer": self.trailer_owner}
        for piece, size_bytes in sizes.items():
            if (size_bytes > 0) != (owners[piece] != "none"):
                raise ValueError(f"{piece}_owner: {owners[piece]} for {size_bytes} bytes")
            for column in ("sends_6_1", "sends_6_12"):
                pieces = re.findall("[a-z]+", " ".join(word.split(":")[1] for word in getattr(self, column).split()))
                if (size_bytes > 0) != (piece in pieces) or len(pieces) != len(set(pieces)):
                    raise ValueError(f"{column}: {piece} of {size_bytes} bytes must be sent {min(size_bytes, 1)} time")
        return self

    def sends(self, kernel: str, payload_bytes: int, trailer_bytes: int | None = None) -> list[Send]:
        """Return the calls that send one message on a 6.1 kernel, or on any later one (the 6.12 recipe).

        `trailer_bytes` is the row's smallest unless given. Pieces of no bytes are not sent.

        Raises
        ------
        InputError
            A size is negative, or the trailer is not one that this caller sends.
        """
        trailer_bytes = self.trailer_bytes_min if trailer_bytes is None else trailer_bytes
        if payload_bytes < 0:
            raise InputError(f"{self.key}: payload: {payload_bytes} bytes")
        if not self.trailer_bytes_min <= trailer_bytes <= self.trailer_bytes_max:
            raise InputError(
                f"{self.key}: trailer: {trailer_bytes} bytes, not {self.trailer_bytes_min} to {self.trailer_bytes_max}"
            )
        old = kernel == "6.1"
        pieces = {
            "header": Segment("header", self.header_bytes, self.header_owner_6_1 if old else self.header_owner_6_12),
            "head": Segment("head", self.head_bytes, self.head_owner),
            "payload": Segment("payload", payload_bytes, self.payload_owner),
            "trailer": Segment("trailer", trailer_bytes, self.trailer_owner),
        }
        calls = []
        for word in (self.sends_6_1 if old else self.sends_6_12).split():
            method, names, *flags = _SEND.fullmatch(word).groups()
            segments = [pieces[name] for name in names.rstrip("*").split("+") if pieces[name].size_bytes]
            if names == "payload*":
                unit = self.payload_unit_bytes or payload_bytes
                for start in range(0, payload_bytes, unit or 1):
                    size_bytes = min(unit, payload_bytes - start)
                    own = flags[2:] if flags[2] and start + size_bytes == payload_bytes else flags[:2]
                    calls.append((method, [pieces["payload"]._replace(size_bytes=size_bytes)], own))
            elif segments:
                calls.append((method, segments, flags[:2]))
        # What stands after ~ holds for the call that turns out to be the last one of the message.
        return [
            Send(method, segments, _flags(own[1] if own[1] and call is calls[-1] else own[0]))
            for call in calls
            for method, segments, own in [call]
        ]


def read_rows(path: str | Path, row_type: type[Row]) -> list[Row]:
    """Return the rows of a CSV file, each checked against a schema whose first column names the row.

    Raises
    ------
    InputError
        `FILE: row N (NAME): FIELD: what is wrong`; N is the line of the file that an editor shows.
    """
    name = Path(path).name
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            raw = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not raw:
        raise InputError(f"{name}: no row")
    rows, first = [], next(iter(row_type.model_fields))
    for line, row in raw:
        where = f"{name}: row {line} ({row.get(first) or ''!s:.40})"
        if None in row or None in row.values():
            raise InputError(f"{where}: {'too many' if None in row else 'too few'} columns")
        try:
            rows.append(row_type.model_validate(row))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            field = f"{problem['loc'][0]}: " if problem["loc"] else ""
            text = problem["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
            given = f", not {problem['input']!r:.60}" if field and problem["type"] != "value_error" else ""
            raise InputError(f"{where}: {field}{text}{given}") from None
    return rows


def load_callers(path: str | Path | None = None) -> dict[str, Caller]:
    """Return the callers of data/callers.csv by key, in the file's order; InputError names row and field."""
    path = data_path("callers.csv") if path is None else Path(path)
    callers: dict[str, Caller] = {}
    for place, row in enumerate(read_rows(path, Caller), 2):
        if row.key in callers:
            raise InputError(f"{path.name}: row {place} ({row.key}): key: stands twice")
        callers[row.key] = row
    return callers
