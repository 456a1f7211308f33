"""Read scenarios: one TCP connection per line of JSON, what was sent on it and what is given rather than modelled.

The format is that of `data/recordings` (see `data/README.md`). Recorded or wanted answers in a line (`expect`,
`skbs`, `want`) and the name of its pattern (`kind`) are dropped unread, so whoever predicts cannot have seen them.
"""

import json
import lzma
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from splicelab.errors import InputError
from splicelab.evidence.counted.limits import BIG_GSO_BYTES, MAX_BYTES, find_impossible
from splicelab.evidence.counted.run import segment_bytes
from splicelab.kernel.world import GSO_MAX_SEGS, PAGE_SIZE, SCHEDULE
from splicelab.tables import first_error

# The kernel's own bits (include/linux/socket.h, include/linux/splice.h). A user program can set no others here.
SENDMSG_FLAGS = {
    "MSG_DONTWAIT": 0x40, "MSG_EOR": 0x80, "MSG_NOSIGNAL": 0x4000, "MSG_MORE": 0x8000, "MSG_ZEROCOPY": 0x4000000,
}  # fmt: skip
SPLICE_FLAGS = {"SPLICE_F_MOVE": 1, "SPLICE_F_NONBLOCK": 2, "SPLICE_F_MORE": 4, "SPLICE_F_GIFT": 8}

# Upper limits, so that a slip of the pen ends in a sentence, not in hours of work.
MAX_LIST = 100_000  # messages of a connection, calls of a message, pieces
MAX_IOV = 1024  # segments of one sendmsg: UIO_MAXIOV
MAX_CWND = 1 << 20  # segments
MAX_READ_BYTES = 0x7FFFF000  # of one call: MAX_RW_COUNT


def _whole(low: int, high: int) -> Any:
    """Return an integer type with both limits."""
    return Annotated[int, Field(ge=low, le=high)]


def _bits(names: dict[str, int]) -> Any:
    """Return a type that reads a list of flag names as the kernel's bits."""

    def combine(flags: list[str]) -> int:
        for flag in flags:
            if flag not in names:
                raise ValueError(f"unknown flag {flag!r:.40}; expected {', '.join(names)}")
        return sum(names[flag] for flag in set(flags))

    return Annotated[list[str], Field(max_length=16), AfterValidator(combine)]


def _one_of(kind: str, **shapes: Any) -> Any:
    """Return a union of tuples that the name in the first place tells apart."""
    union = Union[tuple(Annotated[shape, Tag(name)] for name, shape in shapes.items())]  # noqa: UP007

    def first(value: Any) -> str | None:
        name = value[0] if isinstance(value, list | tuple) and value else None
        return name if isinstance(name, str) and name in shapes else None

    unknown = f"unknown {kind}; must be a list that begins with {' or '.join(shapes)}"
    return Annotated[union, Discriminator(first, custom_error_type="unknown", custom_error_message=unknown)]


def _list(of: Any, at_least: int = 0, at_most: int = MAX_LIST) -> Any:
    """Return a list type with both limits of its length."""
    return Annotated[list[of], Field(min_length=at_least, max_length=at_most)]


_Bytes = _whole(0, MAX_BYTES)
_Window = Annotated[int | None, Field(ge=1, le=1 << 30)]
_Index = _whole(0, MAX_LIST)
_PageOffset = _whole(0, PAGE_SIZE - 1)
_Piece = _one_of(
    "piece",
    vmsplice=tuple[Literal["vmsplice"], _PageOffset, _Bytes],
    file=tuple[Literal["file"], _Bytes, _whole(0, MAX_READ_BYTES)],
    socket=tuple[Literal["socket"], _PageOffset, _whole(0, BIG_GSO_BYTES)],
)
_Call = _one_of(
    "call",
    sendmsg=tuple[Literal["sendmsg"], _list(_Bytes, at_most=MAX_IOV), _bits(SENDMSG_FLAGS)],
    sendfile=tuple[Literal["sendfile"], _Bytes, _whole(0, MAX_READ_BYTES)],
    splice=tuple[Literal["splice"], _list(_Piece, 1), _bits(SPLICE_FLAGS)],
    cork=tuple[Literal["cork"], _whole(0, 1)],
    nodelay=tuple[Literal["nodelay"], _whole(0, 1)],
)
_Goal = tuple[_Index, _Index, _whole(1, 65535), _whole(1, 1 << 20)]
_Ack = tuple[_Index, _Index, _Bytes]
_Dropped = Annotated[Any, AfterValidator(lambda _: None), Field(repr=False)]


def _name(value: Any) -> Any:
    """Let through what JSON can echo: anything but a number that is none."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError("must not hold NaN or an infinite number") from None
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class TaskFrag(_Strict):
    """The sender task's page fragment before the first copy: offset and size in bytes, references held on its page."""

    offset: _whole(0, PAGE_SIZE << 3)
    size: Literal[4096, 32768]
    refcount: _whole(1, 1 << 20)


class Zerocopy(_Strict):
    """MSG_ZEROCOPY: offset in its page of each segment, and the size in bytes of the folios behind the payload.

    Payload is what stands between the first and the last of three segments or more, the second of two, and one alone;
    the others lie in pages of 4 KiB. A segment begins in a page of its own, not where another ends.
    """

    offsets: _list(_PageOffset, 1, MAX_IOV)
    payload_folio: Literal[*(PAGE_SIZE << order for order in range(10))]


class Message(_Strict):
    """One message: the calls that sent it, and what the recording knows of windows and ACKs.

    `calls` are tuples that begin with their name: ("sendmsg", [bytes of each segment], flag bits),
    ("sendfile", file offset, bytes), ("splice", [(kind, offset, bytes)], flag bits), ("cork", 0 or 1), ("nodelay", 0
    or 1). `goals` are (call, flush, mss, size_goal in bytes), `acks` are (call, flush, bytes of the message).
    `max_segments` is what pacing lets into one skb, `max_window` the largest window that the peer has offered.
    """

    calls: _list(_Call, 1)
    receiver_reads: Literal["after_message", "after_each_call"]
    cwnd: _whole(1, MAX_CWND)
    goals: _list(_Goal, at_most=SCHEDULE)
    acks: _list(_Ack, at_most=SCHEDULE)
    max_segments: Annotated[int | None, Field(ge=1, le=GSO_MAX_SEGS)] = None
    max_window: _Window = None
    expect: _Dropped = None
    skbs: _Dropped = None


class Scenario(_Strict):
    """One connection. `id` is echoed and nothing else; `"task_frag" in s.model_fields_set` tells null from absent."""

    id: Annotated[Any, AfterValidator(_name)]
    kernel: Literal["6.1", "6.12"]
    mtu: _whole(68, 65536)
    nodelay: _whole(0, 1)
    task_frag: TaskFrag | None = None
    zerocopy: Zerocopy | None = None
    so_zerocopy: _whole(0, 1) = 1
    file_size: _Bytes | None = None
    max_window: _Window = None
    messages: _list(Message, 1)
    kind: _Dropped = None
    want: _Dropped = None

    @model_validator(mode="after")
    def _complete(self) -> "Scenario":
        for field, text in find_impossible(self):
            raise PydanticCustomError("field", "{text}", {"field": field, "text": text})
        return self


def read_lines(path: str | Path) -> list[tuple[int, bytes]]:
    """Return the number and the text of every line that is not blank; a name in .xz is unpacked.

    Raises
    ------
    InputError
        The file cannot be read, or holds no line.
    """
    try:
        content = Path(path).read_bytes()
        content = lzma.decompress(content) if str(path).endswith(".xz") else content
    except (OSError, lzma.LZMAError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    lines = [(number, line) for number, line in enumerate(content.split(b"\n"), 1) if line.strip()]
    if not lines:
        raise InputError(f"{path}: empty, no line to read")
    return lines


def parse_scenario(line: bytes, where: str) -> Scenario:
    """Return the connection that a line of JSON describes; an InputError begins with `where`."""
    try:
        scenario = Scenario.model_validate_json(line)
        json.loads(line, object_pairs_hook=_once)
        return scenario
    except ValidationError as error:
        tags = {"sendmsg", "sendfile", "splice", "cork", "nodelay", "vmsplice", "file", "socket"}
        raise InputError(f"{where}: {first_error(error, 'line', tags)}") from None
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None


def one_message(where: str, calls: list, mtu: int, cwnd: int, **connection: Any) -> Scenario:
    """Return a connection that sends one message: its size goal is what the MTU allows, no ACK comes before the end.

    Raises InputError as `parse_scenario`.
    """
    goals = [[0, 0, *segment_bytes(mtu)]]
    message = {"calls": calls, "receiver_reads": "after_message", "cwnd": cwnd, "goals": goals, "acks": []}
    return parse_scenario(json.dumps({"mtu": mtu, "messages": [message], **connection}).encode(), where)


def _once(pairs: list[tuple[str, Any]]) -> None:
    """Refuse an object in which a name stands twice: JSON leaves open which of its values is meant."""
    names = [name for name, _ in pairs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{ascii(twice[0])[1:-1]:.60}: stands twice in one object")


def read_scenarios(path: str | Path) -> list[tuple[str, Scenario]]:
    """Return each connection of a .jsonl or .jsonl.xz file behind its place, `FILE:LINE`.

    Raises InputError, `FILE:LINE: FIELD: what is wrong`, before the first is returned.
    """
    places = [(f"{path}:{number}", line) for number, line in read_lines(path)]
    return [(where, parse_scenario(line, where)) for where, line in places]
