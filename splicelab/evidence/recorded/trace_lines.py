"""A reader's own trace as a stream of calls, in constant memory: CSV as data/README.md has it, or strace's text."""

import os
import re
import socket
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from splicelab.errors import InputError
from splicelab.evidence.counted.run import FLAGS as SENT_FLAGS
from splicelab.kernel.world import MSG_SPLICE_PAGES, MSG_ZEROCOPY
from splicelab.progress import progress
from splicelab.tables import first_error

SENDS = ("sendmsg", "sendmmsg", "sendto", "write", "writev", "sendfile", "splice", "sendpage")
OPTIONS = ("cork", "uncork", "nodelay", "nagle")
OWNERS = ("slab", "large_kmalloc", "stack", "page_frag", "page", "user", "-")
FLAGS = SENT_FLAGS | {"SPLICE_PAGES": MSG_SPLICE_PAGES, "ZEROCOPY": MSG_ZEROCOPY}
FLAGS |= {"DONTWAIT": socket.MSG_DONTWAIT, "NOSIGNAL": socket.MSG_NOSIGNAL}  # these do not change what is asked here
MOST_SEGMENTS, MAX_READ_BYTES, LINE_BYTES, UPLOAD_BYTES = 1024, 0x7FFFF000, 1 << 16, 8 << 20
Size = Annotated[str, Field(pattern="^[0-9]{1,10}$"), AfterValidator(int), Field(le=MAX_READ_BYTES)]


def _flags(text: str) -> Collection[str]:
    """Read flags: names joined by |, their number in hex, or -."""
    if re.fullmatch("0x[0-9a-fA-F]{1,8}", text):
        return [name for name, bit in FLAGS.items() if int(text, 16) & bit]
    return text.split("|") if text != "-" else ()


def _sizes(text: str) -> Collection[str]:
    """Read the bytes of segments, joined by +, or -."""
    return text.split("+") if text != "-" else ()


class TracedCall(NamedTuple):
    """One call on a socket, with what TCP took of it: ``line`` is where it stands in the file, then a row's columns.

    ``time`` is in seconds, ``segment_sizes`` in bytes. A call that sends is one of SENDS; others: one of OPTIONS, recv,
    close, refused (an error), elsewhere (no socket; in no CSV).
    """

    line: int
    time: Annotated[str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?$"), AfterValidator(float)]
    socket: Annotated[str, Field(pattern="^[!-~]{1,120}$")]
    call: Literal[*SENDS, *OPTIONS, "recv", "close", "refused"]
    flags: Annotated[frozenset[Literal[*FLAGS]], BeforeValidator(_flags)] = frozenset()
    iterator: Literal["user", "kvec", "bvec", "file", "pipe", "-"] = "-"
    segment_sizes: Annotated[tuple[Size, ...], Field(max_length=MOST_SEGMENTS), BeforeValidator(_sizes)] = ()
    owner: Annotated[tuple[Literal[*OWNERS], ...], BeforeValidator(lambda text: text.split("+"))] = ()


def _agree(row: TracedCall) -> TracedCall:
    """Refuse a row whose columns do not fit each other."""
    if len(row.owner) not in (1, len(row.segment_sizes)):
        raise ValueError(f"owner: {len(row.owner)} of them for {len(row.segment_sizes)} segments")
    if (row.call in SENDS) != bool(row.segment_sizes):
        raise ValueError(f"segment_sizes: {'none' if row.call in SENDS else 'some'} with {row.call}")
    return row


ROW, COLUMNS = TypeAdapter(Annotated[TracedCall, AfterValidator(_agree)]), TracedCall._fields[1:]


def csv_calls(lines: Iterator[tuple[int, str]]) -> Iterator[TracedCall]:
    """Yield the calls of a CSV behind its header; InputError begins with line and field."""
    for number, line in lines:
        if not line:  # bpftrace ends with some
            continue
        texts = line.split(",")
        if len(texts) != len(COLUMNS):
            raise InputError(f"line {number}: {len(texts)} columns, not the {len(COLUMNS)}: {','.join(COLUMNS)}")
        try:
            yield ROW.validate_python(dict(zip(TracedCall._fields, (number, *texts), strict=True)))
        except ValidationError as error:
            raise InputError(f"line {number}: {first_error(error, tags=range(MOST_SEGMENTS))}") from None


def text_lines(file: BinaryIO, bar: Any) -> Iterator[tuple[int, str]]:
    """Yield number and text of every line; InputError for one that is too long, or that ends unlike the first."""
    ends = None
    for number, raw in enumerate(iter(partial(file.readline, LINE_BYTES), b""), 1):
        text = raw.rstrip(b"\r\n")
        end = raw[len(text) :]
        if len(raw) == LINE_BYTES:
            raise InputError(f"line {number}: longer than {LINE_BYTES} bytes, which no call is")
        ends = ends or end
        if end not in (ends, b"") or ends not in (b"\n", b"\r\n", b"") or b"\r" in text:
            raise InputError(f"line {number}: line ends are mixed: \\n or \\r\\n, in all of a file")
        bar.update(len(raw))
        yield number, text.decode(errors="replace")


def trace_name(source: str | Path | dict) -> str:
    """Return what a trace is called: the last part of a path, or the name that an upload has."""
    return str(source.get("name"))[:80] if isinstance(source, dict) else Path(source).name


@contextmanager
def open_trace(source: str | Path | dict) -> Iterator[tuple[BinaryIO, int]]:
    """Open a trace: file and bytes; InputError for what is no file, and for an upload that is too large."""
    if isinstance(source, dict):
        content = source.get("content")
        if not isinstance(content, bytes | memoryview) or len(content) > UPLOAD_BYTES:
            most = f"{UPLOAD_BYTES >> 20} MiB"
            raise InputError(f"{trace_name(source)}: no content, or more than {most}: splicelab trace takes any size")
        yield BytesIO(content), len(content)
        return
    try:  # and no FIFO waits
        with open(source, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
            there = os.fstat(file.fileno())
            if not stat.S_ISREG(there.st_mode):
                raise InputError(f"{source}: not a regular file")
            yield file, there.st_size
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{source}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def read_calls(source: str | Path | dict) -> Iterator[TracedCall]:
    """Yield the calls of a trace in either form, told apart by the first line.

    Raises InputError, ``FILE: line N: FIELD: what is wrong``.
    """
    from splicelab.evidence.recorded.strace import strace_calls

    name = trace_name(source)
    with open_trace(source) as (file, size_bytes), progress(name, total=size_bytes, unit="B") as bar:
        lines = text_lines(file, bar)
        try:
            number, first = next(lines, (1, ""))
            if first == ",".join(COLUMNS):
                yield from csv_calls(lines)
            elif first[:1].isdigit() and "," not in first.split(" ")[0] or first.startswith(("[pid", "strace:")):
                yield from strace_calls(chain([(number, first)], lines))
            else:
                raise InputError(f"line 1: neither the columns {','.join(COLUMNS)} nor a line of strace -ttt")
        except InputError as error:
            raise InputError(f"{name}: {error}") from None


def csv_lines(source: str | Path | dict) -> Iterator[str]:
    """Yield a trace as lines of CSV: what strace wrote becomes a file to share, without its strings and paths."""
    yield ",".join(COLUMNS)
    for call in read_calls(source):
        if call.call != "elsewhere":
            sizes, owners = "+".join(map(str, call.segment_sizes)), "+".join(call.owner)
            texts = "|".join(sorted(call.flags)), call.iterator, sizes, owners
            yield ",".join([f"{call.time:.6f}", call.socket, call.call, *(text or "-" for text in texts)])
