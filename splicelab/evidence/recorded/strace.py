"""What strace -f -ttt writes, as calls on TCP sockets: unfinished and resumed, of threads, partial, refused."""

import re
from collections.abc import Iterator
from itertools import chain

from splicelab.errors import InputError
from splicelab.evidence.recorded.trace_lines import FLAGS, MAX_READ_BYTES, TracedCall

LINE = re.compile(r"(?:\[pid +(\d+)\] |(\d+) +)?(\d{9,12}\.\d{3,9}) (.*)")
CALL = re.compile(
    r"(\w+)\((.*)\) += (-?\d{1,19}|\?|0x[0-9a-f]+)(?:<((?:->|[^>])*)>)?(?: (?:\?|E[A-Z0-9]+) \(.*\)| \(.*\))?"
)
TOOK = re.compile(r" <\d+\.\d+>$")  # of strace -T
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"(?:\.\.\.)?')
FD = r"(\d+)(?:<((?:->|[^>])*)>)?(?:\(deleted\))?"
FIRST, LAST = re.compile(FD), re.compile(r", ([A-Z_|]+|0x[0-9a-f]+|0)$")
SENDTO = re.compile(r", ([A-Z_|]+|0x[0-9a-f]+|0), (?:NULL|0x[0-9a-f]+|\{.*\}), [^,]+$")
SPLICED = re.compile(rf"{FD}, (?:NULL|\[.*?\]), {FD}, ")
LENGTH, OPTION = re.compile(r"iov_len=(\d{1,19})"), re.compile(r"TCP_(CORK|NODELAY), \[(\d+)\]")
OPTION_NAMES = {"CORK": ("uncork", "cork"), "NODELAY": ("nagle", "nodelay")}
SENDING = ("sendmsg", "sendmmsg", "sendto", "send", "write", "writev", "sendfile", "sendfile64", "splice")
READING = ("read", "readv", "recv", "recvfrom", "recvmsg", "recvmmsg")
OTHERS = ("setsockopt", "socket", "accept", "accept4", "connect", "close", "shutdown", "clone", "clone3")
NAMES_A_SOCKET = ("sendmsg", "sendmmsg", "sendto", "send", "sendfile", "sendfile64", "recvfrom", "recvmsg", "shutdown")
MOST_KNOWN = 1 << 16  # of descriptors and tasks, the oldest are forgotten first


def keep(known: dict, key, value):
    """Remember something in a dict that stays small."""
    known[key] = value
    if len(known) > MOST_KNOWN:
        del known[next(iter(known))]


class Descriptors:
    """Which descriptor of which task is a TCP socket: as strace -yy says, or else as earlier calls have shown."""

    def __init__(self):
        self.tables, self.known, self.early = {}, {}, {}

    def place(self, task: str, fd: str) -> tuple[str, str]:
        """Return the place of a descriptor; threads share a table."""
        return self.tables.get(task, task), fd

    def socket(self, task: str, fd: str, said: str | None, name: str) -> str | None:
        """Return a name for the connection, or None where this is no TCP socket."""
        place = self.place(task, fd)
        if said is not None:
            is_tcp = said.startswith(("TCP:", "TCPv6:", "socket:"))
            return said.replace(" ", "") if is_tcp else None
        if place not in self.known and name in NAMES_A_SOCKET:
            keep(self.known, place, True)
        return ":".join(place) if self.known.get(place) else None


def strace_calls(number: int, first: str, lines: Iterator[tuple[int, str]]) -> Iterator[TracedCall]:
    """Yield the calls of strace's text. A call counts when it returns; its line is the one where it begins.

    Raises InputError, line and field first, for a line that strace -ttt does not write.
    """
    descriptors, begun = Descriptors(), {}
    for number, line in chain([(number, first)], lines):  # noqa: B020
        if line.startswith("strace: ") or not line:
            continue
        if not (match := LINE.fullmatch(line)):
            raise InputError(f"line {number}: time: not a line of strace -ttt: {line!r:.60}")
        task, start, said = match[1] or match[2] or "-", number, match[4]
        if said.startswith(("--- ", "+++ ")) or said.endswith(" <detached ...>"):
            continue
        if said.startswith("<... "):
            start, head = begun.pop(task, (number, None))
            if head is None:  # strace was attached while it ran
                continue
            said = head + said.partition(" resumed>")[2]
        elif said.endswith("<unfinished ...>"):
            keep(begun, task, (number, said.removesuffix("<unfinished ...>")))
            continue
        name = said.partition("(")[0]
        if name in SENDING or name in READING or name in OTHERS:
            said = QUOTED.sub('""', TOOK.sub("", said))
            if not (call := CALL.fullmatch(said)):
                raise InputError(f"line {start}: call: not a whole call as strace writes it: {said!r:.60}")
            yield from _on_socket(descriptors, start, float(match[3]), task, *call.groups())
        elif not (name.isidentifier() and "= " in said):
            raise InputError(f"line {number}: call: not a whole call as strace writes it: {said!r:.60}")


def _on_socket(
    descriptors: Descriptors, line: int, time_s: float, task: str, name: str, args: str, result: str, new: str | None
) -> Iterator[TracedCall]:
    """Yield what one finished call does on a TCP socket, and remember what it says of descriptors."""
    taken_bytes = int(result) if result.lstrip("-").isdigit() else -1
    if name.startswith("clone"):
        if "CLONE_FILES" in args and taken_bytes > 0:
            keep(descriptors.tables, result, descriptors.place(task, "")[0])
        return
    if name == "socket":
        is_tcp = args.startswith(("AF_INET, SOCK_STREAM", "AF_INET6, SOCK_STREAM"))
        keep(descriptors.known, descriptors.place(task, result), is_tcp)
        return
    fds = SPLICED.match(args).groups()[2:] if name == "splice" and SPLICED.match(args) else None
    fds = fds or (FIRST.match(args).groups() if FIRST.match(args) else ("-1", ""))
    if name.startswith("accept"):
        place = descriptors.place(task, result)
        is_tcp = descriptors.known.get(descriptors.place(task, fds[0]), "AF_UNIX" not in args)
        keep(descriptors.known, place, is_tcp and taken_bytes >= 0)
        yield TracedCall(line, time_s, ":".join(place), "close")  # whatever had this number before
        return
    if name == "connect" or name == "setsockopt" and "SOL_TCP" in args:
        is_tcp = "sin_port" in args or "sin6_port" in args or name == "setsockopt"
        descriptors.known.setdefault(descriptors.place(task, fds[0]), is_tcp)
    socket = descriptors.socket(task, *fds, name)
    if socket is None:
        if name in SENDING:
            yield TracedCall(line, time_s, "-", "elsewhere")
        elif name == "close":
            descriptors.known.pop(descriptors.place(task, fds[0]), None)
        return
    place = descriptors.place(task, fds[0])
    if "->" in socket and place in descriptors.early:  # an option set before the connection had this name
        yield TracedCall(line, time_s, socket, descriptors.early.pop(place))
    if name in ("close", "shutdown"):
        descriptors.known.pop(place, None) if name == "close" else None
        if name == "close" or "SHUT_RD," not in args + ",":
            yield TracedCall(line, time_s, socket, "close")
    elif name == "setsockopt":
        if (option := OPTION.search(args)) and taken_bytes == 0:
            said = OPTION_NAMES[option[1]][option[2] != "0"]
            yield TracedCall(line, time_s, socket, said)
            if fds[1] and "->" not in socket:
                keep(descriptors.early, place, said)
    elif name in READING and taken_bytes > 0:
        yield TracedCall(line, time_s, socket, "recv")
    elif name in SENDING:
        yield from _sends(line, time_s, socket, name, args, taken_bytes)


def _sends(line: int, time_s: float, socket: str, name: str, args: str, taken_bytes: int) -> Iterator[TracedCall]:
    """Yield what a call sent: no more than it returned."""
    if taken_bytes < 0:
        yield TracedCall(line, time_s, socket, "refused")
        return
    if taken_bytes > MAX_READ_BYTES:
        raise InputError(f"line {line}: result: {taken_bytes} bytes, more than one call can take")
    flags = (SENDTO if name == "sendto" else LAST).search(args) if name not in ("write", "writev", "sendfile") else None
    said = flags[1] if flags else ""
    names = {part.removeprefix("MSG_").removeprefix("SPLICE_F_") for part in said.split("|")} & FLAGS.keys()
    iterator = {"sendfile": "file", "sendfile64": "file", "splice": "pipe"}.get(name, "user")
    messages = [(args, taken_bytes)]
    if name == "sendmmsg":
        parts = [part.rpartition("msg_len=") for part in args.split("msg_hdr=")[1 : taken_bytes + 1]]
        messages = [(head, int(re.match(r"\d{1,10}|", tail)[0] or 0)) for head, _, tail in parts]
    for text, left_bytes in messages:
        sizes = []
        for size_bytes in [*map(int, LENGTH.findall(text)), left_bytes]:  # strace shortens long lists: what is left
            sizes.append(min(size_bytes, left_bytes))
            left_bytes -= sizes[-1]
        if sizes := tuple(filter(None, sizes)):
            yield TracedCall(line, time_s, socket, name.removesuffix("64"), frozenset(names), iterator, sizes, ("-",))
