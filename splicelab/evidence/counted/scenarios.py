"""Read scenarios: one TCP connection per line of JSON, what was sent on it and what is given rather than modelled.

The format is that of `data/recordings` (see `data/README.md`). Recorded answers in a line (`expect`, `skbs`) and
the name of its pattern (`kind`) are dropped unread, so whoever predicts from a `Scenario` cannot have seen them.
"""

import json
import lzma
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from splicelab.errors import InputError
from splicelab.kernel.world import PAGE_SIZE, SCHEDULE
from splicelab.tables import first_error

# The kernel's own bits (include/linux/socket.h, include/linux/splice.h). A user program can set no others here.
SENDMSG_FLAGS = {
    "MSG_DONTWAIT": 0x40, "MSG_EOR": 0x80, "MSG_NOSIGNAL": 0x4000, "MSG_MORE": 0x8000, "MSG_ZEROCOPY": 0x4000000,
}  # fmt: skip
SPLICE_FLAGS = {"SPLICE_F_MOVE": 1, "SPLICE_F_NONBLOCK": 2, "SPLICE_F_MORE": 4, "SPLICE_F_GIFT": 8}

# Upper limits: what the model's memory holds, and that a slip of the pen ends in a sentence, not in hours of work.
MAX_BYTES = 4 << 20  # of one message, and of the file that sendfile and splice read
MAX_LIST = 100_000  # messages of a connection, calls of a message, pieces
MAX_IOV = 1024  # segments of one sendmsg: UIO_MAXIOV
MAX_CWND = 1 << 20  # segments


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
_Index = _whole(0, MAX_LIST)
_PageOffset = _whole(0, PAGE_SIZE - 1)
_Piece = _one_of(
    "piece",
    vmsplice=tuple[Literal["vmsplice"], _PageOffset, _Bytes],
    file=tuple[Literal["file"], _Bytes, _Bytes],
)
_Call = _one_of(
    "call",
    sendmsg=tuple[Literal["sendmsg"], _list(_Bytes, at_most=MAX_IOV), _bits(SENDMSG_FLAGS)],
    sendfile=tuple[Literal["sendfile"], _Bytes, _Bytes],
    splice=tuple[Literal["splice"], _list(_Piece, 1), _bits(SPLICE_FLAGS)],
    cork=tuple[Literal["cork"], _whole(0, 1)],
)
_Goal = tuple[_Index, _Index, _whole(1, 65535), _whole(1, 1 << 20)]
_Ack = tuple[_Index, _Index, _Bytes]
_Dropped = Annotated[Any, AfterValidator(lambda _: None), Field(repr=False)]


def _wrong(field: str, text: str) -> PydanticCustomError:
    """Return an error that is seen only when several fields are taken together, pinned to one of them."""
    return PydanticCustomError("field", "{text}", {"field": field, "text": text})


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
    """MSG_ZEROCOPY: offset in its page of each segment, and the size in bytes of the folio behind the payload."""

    offsets: tuple[_PageOffset, _PageOffset, _PageOffset]
    payload_folio: Literal[*(PAGE_SIZE << order for order in range(10))]


class Message(_Strict):
    """One message: the calls that sent it, and what the recording knows of windows and ACKs.

    `calls` are tuples that begin with their name: ("sendmsg", [bytes of each segment], flag bits),
    ("sendfile", file offset, bytes), ("splice", [(kind, offset, bytes)], flag bits), ("cork", 0 or 1).
    `goals` are (call, flush, mss, size_goal in bytes), `acks` are (call, flush, bytes of the message).
    """

    calls: _list(_Call, 1)
    receiver_reads: Literal["after_message", "after_each_call"]
    cwnd: _whole(1, MAX_CWND)
    goals: _list(_Goal, at_most=SCHEDULE)
    acks: _list(_Ack, at_most=SCHEDULE)
    expect: _Dropped = None
    skbs: _Dropped = None

    @model_validator(mode="after")
    def _bounded(self) -> "Message":
        total_bytes = sum(map(call_bytes, self.calls))
        if total_bytes > MAX_BYTES:
            raise _wrong("calls", f"{total_bytes} bytes in one message, more than {MAX_BYTES}")
        for place, call in enumerate(self.calls):
            end = max(file_ends(call), default=0)
            if end > MAX_BYTES:
                raise _wrong(f"calls[{place}]", f"reads up to byte {end} of a file; the model's file has {MAX_BYTES}")
        for place, (_, _, acked_bytes) in enumerate(self.acks):
            if acked_bytes > total_bytes:
                raise _wrong(f"acks[{place}][2]", f"{acked_bytes} bytes of a message of {total_bytes}")
        return self


class Scenario(_Strict):
    """One connection. `id` is echoed and nothing else; `"task_frag" in s.model_fields_set` tells null from absent."""

    id: Annotated[Any, AfterValidator(_name)]
    kernel: Literal["6.1", "6.12"]
    mtu: _whole(68, 65536)
    nodelay: _whole(0, 1)
    task_frag: TaskFrag | None = None
    zerocopy: Zerocopy | None = None
    messages: _list(Message, 1)
    kind: _Dropped = None

    @model_validator(mode="after")
    def _complete(self) -> "Scenario":
        first_goals = self.messages[0].goals
        if not first_goals or first_goals[0][:2] != (0, 0):
            raise _wrong("messages[0].goals", "must begin with [0, 0, mss, size_goal], in force before the first call")
        for place, message in enumerate(self.messages):
            for number, call in enumerate(message.calls):
                if call[0] != "sendmsg" or not call[2] & SENDMSG_FLAGS["MSG_ZEROCOPY"]:
                    continue
                where = f"messages[{place}].calls[{number}]"
                if self.zerocopy is None:
                    raise _wrong("zerocopy", f"missing, and {where} carries MSG_ZEROCOPY")
                if len(call[1]) > len(self.zerocopy.offsets):
                    raise _wrong(f"{where}[1]", "more segments than zerocopy.offsets says places of")
        return self


def call_bytes(call: tuple) -> int:
    """Return how many bytes a call of `Message.calls` sends."""
    if call[0] == "sendmsg":
        return sum(call[1])
    if call[0] == "splice":
        return sum(piece[2] for piece in call[1])
    return call[2] if call[0] == "sendfile" else 0


def file_ends(call: tuple) -> list[int]:
    """Return where in the file each read of a call of `Message.calls` ends, in bytes."""
    if call[0] == "splice":
        return [offset + size_bytes for kind, offset, size_bytes in call[1] if kind == "file"]
    return [call[1] + call[2]] if call[0] == "sendfile" else []


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
        return Scenario.model_validate_json(line)
    except ValidationError as error:
        tags = {"sendmsg", "sendfile", "splice", "cork", "vmsplice", "file"}
        raise InputError(f"{where}: {first_error(error, 'line', tags)}") from None


def read_scenarios(path: str | Path) -> list[tuple[str, Scenario]]:
    """Return each connection of a .jsonl or .jsonl.xz file behind its place, `FILE:LINE`.

    Raises InputError, `FILE:LINE: FIELD: what is wrong`, before the first is returned.
    """
    places = [(f"{path}:{number}", line) for number, line in read_lines(path)]
    return [(where, parse_scenario(line, where)) for where, line in places]
