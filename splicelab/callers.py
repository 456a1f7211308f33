"""Who sends what: the kernel's own senders, rows of data/callers.csv, and what each hands to TCP for one message.

A row's `sends_6_1` and `sends_6_12` are recipes, `METHOD:PIECES:FLAGS` per call; data/README.md explains them.
"""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from splicelab.errors import InputError, within
from splicelab.kernel.world import PAGE_SIZE
from splicelab.paths import data_path
from splicelab.recipes import Recipe, Segment, Send, read_words
from splicelab.tables import read_rows

Owner = Literal["slab", "large_kmalloc", "stack", "page_frag", "page", "none"]
Asks = Literal["none", "first", "each"]  # whether it asks sendpage_ok, and of which pages of a call
Bytes = Annotated[int, Field(ge=0, le=1 << 30)]
Text = Annotated[str, Field(min_length=1)]


class Caller(BaseModel):
    """A row of data/callers.csv, which data/README.md explains. Sizes in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
    name: Text
    header_bytes: Bytes
    header_owner_6_1: Owner
    header_owner_6_12: Owner
    header_fate: Literal["freed", "rewritten", "kept", "none"]
    head_bytes_6_1: Bytes
    head_bytes_6_12: Bytes
    head_owner: Owner
    payload_owner: Owner
    payload_unit_bytes: Bytes
    copied_below_bytes: Bytes
    inline_below_bytes: Bytes
    message_bytes_max: Annotated[str, Field(pattern=r"^(segment|\d+( \d+)?)?$")]
    alone_above_bytes: Bytes
    data_header_bytes: Bytes
    payload_bytes_max: Bytes
    trailer_bytes: Bytes
    trailer_bytes_min: Bytes
    trailer_bytes_max: Bytes
    trailer_owner: Owner
    trailer_is_pdu: bool
    pads: bool
    header_digest_bytes: Bytes
    data_digest_bytes: Bytes
    digest_copies: bool
    sends_6_1: Recipe
    sends_6_12: Recipe
    asks_6_1: Asks
    asks_6_12: Asks
    corked_6_1: bool
    corked_6_12: bool
    ack_bytes: Bytes
    copies_into: Literal["task_frag", "sk_frag", "none"]
    recorded_as: Annotated[str, Field(pattern=r"^([\w-]+( [\w-]+){1,2} [HT](; |$))*$")]
    source: Text
    note: str

    @model_validator(mode="after")
    def _agree(self) -> "Caller":
        if not self.trailer_bytes_min <= self.trailer_bytes <= self.trailer_bytes_max:
            raise ValueError("trailer_bytes: not between trailer_bytes_min and trailer_bytes_max")
        most_bytes = {"header": self.header_bytes, "head": max(self.head_bytes_6_1, self.head_bytes_6_12)}
        most_bytes |= {"payload": self.payload_bytes_max, "trailer": self.trailer_bytes_max}
        most_bytes["digest"] = self.data_digest_bytes
        for column in ("sends_6_1", "sends_6_12"):
            sent = [piece for _, pieces, *_ in read_words(getattr(self, column)) for piece in pieces]
            if self._ends_in_parts(column):
                most_bytes |= {"trailer": 0, "pad": 3 * self.pads}
            there = sorted(piece for piece, size_bytes in most_bytes.items() if size_bytes)
            if sorted(sent) != there:
                raise ValueError(f"{column}: sends {' '.join(sent)}, and the sizes say {' '.join(there)}")
        for piece in ("header_owner_6_1", "header_owner_6_12", "head_owner", "payload_owner", "trailer_owner"):
            size_bytes = self.trailer_bytes_max if piece == "trailer_owner" else most_bytes[piece.split("_")[0]]
            if (getattr(self, piece) == "none") == (size_bytes > 0):
                raise ValueError(f"{piece}: {getattr(self, piece)} does not go with the size")
        return self

    def _ends_in_parts(self, column: str) -> bool:
        """Return whether padding and data digest are what follows the payload, not a trailer of one piece."""
        return ":trailer" not in getattr(self, column) and self.data_digest_bytes > 0

    def trailer_sizes(self) -> range:
        """Return the sizes in bytes of the trailers that the caller does send; a digest is whole."""
        is_digest = self._ends_in_parts("sends_6_12") and not self.pads
        return range(self.trailer_bytes_min, self.trailer_bytes_max + 1, self.data_digest_bytes if is_digest else 1)

    def most_bytes(self, segment_bytes: int, number: int = 1) -> int:
        """Return the most payload that a message holds whose turn it is in an operation, on this TCP segment."""
        if self.message_bytes_max == "segment":  # Linux 6.12 drivers/infiniband/sw/siw/siw_qp_tx.c: siw_update_tcpseg
            return (segment_bytes & -8) - self.header_bytes - self.trailer_bytes
        limits = [int(limit) for limit in self.message_bytes_max.split()] or [self.payload_bytes_max]
        return limits[min(number, len(limits) - 1)]

    def sends(self, kernel: str, payload_bytes: int, trailer_bytes: int | None = None) -> tuple[Send, ...]:
        """Return the calls that send one message on 6.1, or on any later kernel; pieces of no bytes are left out.

        Raises InputError where payload or trailer (the usual one unless given) has a size that is never sent.
        """
        return Message(self, payload_bytes, trailer_bytes).sends(kernel)

    def operation(
        self,
        payload_bytes: int,
        segment_bytes: int,
        *,
        header_digest: bool = False,
        page_offset_bytes: int = 0,
        **how: int | bool | None,
    ) -> "list[Message]":
        """Return the messages that carry an operation of so many bytes of payload; ``how`` are fields of `Message`.

        The payload begins so many bytes into its first page. InputError for a digest that the protocol does not have.
        """
        messages, digest_bytes = [], self.header_digest_bytes if header_digest else 0
        within(f"{self.key}: payload", payload_bytes, 0, self.payload_bytes_max, " bytes")
        if header_digest and not digest_bytes:
            raise InputError(f"{self.key}: header digest: its protocol has none")
        trailers = ("trailer_bytes", "trailer_bytes_min", "trailer_bytes_max") if self.trailer_is_pdu else ()
        grown = {name: getattr(self, name) + digest_bytes for name in ("header_bytes", *trailers)}
        caller = self.model_copy(update=grown)
        if self.data_header_bytes and payload_bytes > self.alone_above_bytes:
            messages.append(Message(caller, 0, of_bytes=payload_bytes))
            caller = caller.model_copy(update={"header_bytes": self.data_header_bytes + digest_bytes})
        offset_bytes = start_bytes = number = 0
        while offset_bytes < payload_bytes or number == 0:
            left_bytes, most_bytes = payload_bytes - offset_bytes, caller.most_bytes(segment_bytes, number)
            size_bytes = min(
                within(f"{self.key}: payload that has room", most_bytes, left_bytes > 0, 1 << 30), left_bytes
            )
            places = {"start_bytes": start_bytes, "of_bytes": payload_bytes}
            messages.append(Message(caller, size_bytes, offset_bytes=page_offset_bytes + offset_bytes, **places, **how))
            offset_bytes, number = offset_bytes + size_bytes, number + 1
            start_bytes += size_bytes + self.header_bytes + self.trailer_bytes
        if self.ack_bytes:
            bare = dict.fromkeys(("head_bytes_6_1", "head_bytes_6_12", "trailer_bytes", "trailer_bytes_min"), 0)
            bare |= {"header_bytes": self.ack_bytes, "copied_below_bytes": 0}
            messages.append(Message(self.model_copy(update=bare), 0))
        return messages


class Message(NamedTuple):
    """One message of a caller. The trailer is the usual one unless given, a payload's entries are of ``entry_bytes``.

    In an operation of ``of_bytes`` of payload, this message's begins ``offset_bytes`` behind a page border, and so many
    ``start_bytes`` of all pieces were sent before.
    """

    caller: Caller
    payload_bytes: int = PAGE_SIZE
    trailer_bytes: int | None = None
    data_digest: bool = False
    entry_bytes: int = PAGE_SIZE
    offset_bytes: int = 0
    start_bytes: int = 0
    of_bytes: int | None = None

    def _sizes(self, column: str) -> dict[str, int]:
        """Return the bytes of each piece; InputError for what is never sent."""
        row, given = self.caller, self.trailer_bytes
        if self.data_digest and not row.data_digest_bytes:
            raise InputError(f"{row.key}: data digest: its protocol has none that can be chosen")
        padding_bytes = -self.payload_bytes % 4 if row.pads else 0
        digest_bytes = row.data_digest_bytes if self.data_digest and self.payload_bytes else 0
        sizes = {"header": row.header_bytes, "head": getattr(row, f"head_bytes_{column[6:]}"), "pad": padding_bytes}
        if row._ends_in_parts(column):
            given = row.trailer_bytes or None if given is None else given
            if given is not None:
                digest_bytes = row.data_digest_bytes if given >= row.data_digest_bytes else digest_bytes
                padding = f"{row.key}: trailer of {given} bytes: padding"
                sizes["pad"] = within(padding, given - digest_bytes, 0, 3 * row.pads, " bytes")
            trailer_bytes = sizes["pad"] + digest_bytes
        else:
            trailer_bytes = row.trailer_bytes + padding_bytes if given is None else given
        within(f"{row.key}: payload", self.payload_bytes, 0, row.payload_bytes_max, " bytes")
        within(f"{row.key}: trailer", trailer_bytes, row.trailer_bytes_min, row.trailer_bytes_max, " bytes")
        return sizes | {"payload": self.payload_bytes, "digest": digest_bytes, "trailer": trailer_bytes}

    @lru_cache(1024)  # noqa: B019 - a message is a value, and a sweep asks for the same ones again and again
    def sends(self, kernel: str) -> tuple[Send, ...]:
        """Return the calls that send it on 6.1, or on any later kernel, as `Caller.sends`."""
        row, column = self.caller, f"sends_{'6_1' if kernel == '6.1' else '6_12'}"
        sizes, words = self._sizes(column), read_words(getattr(row, column))
        owners = {piece: getattr(row, f"{piece}_owner", row.trailer_owner) for piece in sizes}  # digest: as the trailer
        owners["header"] = getattr(row, f"header_owner{column[5:]}")
        of_bytes = self.payload_bytes if self.of_bytes is None else self.of_bytes
        if of_bytes < row.copied_below_bytes:
            flags = words[-1][3] if of_bytes >= row.inline_below_bytes else [["-", "-"]]
            words = [("copy", [piece for _, pieces, *_ in words for piece in pieces], "", flags)]
        calls = []
        for method, pieces, star, choices in words:
            roles = {piece: "trailer" if piece == "digest" else piece for piece in pieces}
            segments = [Segment(roles[piece], sizes[piece], owners[piece]) for piece in pieces if sizes[piece]]
            if "payload" in pieces and sizes["digest"] and row.digest_copies:
                method = "copy"
            unit_bytes = (row.payload_unit_bytes or self.entry_bytes) if star else 0
            parts = _cut(segments, self.offset_bytes if pieces == ["payload"] else self.start_bytes, unit_bytes)
            calls += [(method, part, choices[place == len(parts) - 1 and -1]) for place, part in enumerate(parts)]
        last = len(calls) - 1
        return tuple(
            Send(method, segments, frozenset(flags[place == last].split("|")) - {"-"})
            for place, (method, segments, flags) in enumerate(calls)
        )


def _cut(segments: list[Segment], start_bytes: int, unit_bytes: int) -> list[list[Segment]]:
    """Return the segments of each call, where a call ends at each multiple of a unit; 0: one call for all."""
    parts, position = [], start_bytes
    for segment in segments:
        left_bytes = segment.size_bytes
        while left_bytes:
            is_begun = parts and (not unit_bytes or position % unit_bytes)
            size_bytes = min(left_bytes, unit_bytes - position % unit_bytes) if unit_bytes else left_bytes
            if not is_begun:
                parts.append([])
            parts[-1].append(segment._replace(size_bytes=size_bytes))
            position, left_bytes = position + size_bytes, left_bytes - size_bytes
    return parts


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
