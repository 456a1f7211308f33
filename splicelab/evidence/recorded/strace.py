"""What strace -f -ttt writes, as calls on TCP sockets: unfinished and resumed, of threads, partial, refused."""

import re
from collections.abc import Iterator

from splicelab.errors import InputError
from splicelab.evidence.recorded.trace_lines import FLAGS, MAX_READ_BYTES, TracedCall

LINE = re.compile(r"(?:\[pid +(\d+)\] |(\d+) +)?(\d{9,12}\.\d{3,9}) (.*)")
CALL = re.compile(
    r"(\w+)\((.*)\) += (-?\d{1,19}|\?|0x[0-9a-f]+)(?:<(?:->|[^>])*>)?(?: (?:E[A-Z0-9]+ )?\(.*\)| E[A-Z0-9]+)?"
    r"(?: <\d+\.\d+>)?"  # of strace -T
)
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"(?:\.\.\.)?')
FD = r"(\d+)(?:<((?:->|[^>])*)>)?(?:\(deleted\))?"
FIRST, SPLICED = re.compile(FD), re.compile(rf"{FD}, (?:NULL|\[.*?\]), {FD}, ")
# Flags, and behind those of sendto an address.
LAST = re.compile(r", ([A-Z_|]+|0x[0-9a-f]+|0)(?:, (?:NULL|0x[0-9a-f]+|\{.*\}), [^,]+)?$")
LENGTH, OPTION = re.compile(r"iov_len=(\d{1,19})"), re.compile(r"TCP_(CORK|NODELAY), \[(\d+)\]")
OPTION_NAMES = {"CORK": ("uncork", "cork"), "NODELAY": ("nagle", "nodelay")}
FROM = {"sendfile": "file", "sendfile64": "file", "splice": "pipe"}
FROM |= dict.fromkeys(("sendmsg", "sendmmsg", "sendto", "write", "writev"), "user")
READING = ("read", "readv", "recv", "recvfrom", "recvmsg", "recvmmsg")
READ = {*FROM, *READING, "setsockopt", "socket", "accept", "accept4", "connect", "close", "shutdown", "clone", "clone3"}
NAME_NO_SOCKET = ("write", "writev", "splice", "read", "readv", "close")  # the others are calls on sockets alone
MOST_KNOWN = 1 << 16  # of descriptors and tasks; the oldest are forgotten first


def keep(known: dict, key, value):
    """Remember something in a dict that stays small."""
    known[key] = value
    if len(known) > MOST_KNOWN:
        del known[next(iter(known))]


def strace_calls(lines: Iterator[tuple[int, str]]) -> Iterator[TracedCall]:
    """Yield the calls of strace's text. A call counts when it returns; its line is the one where it begins.

    Raises InputError, line and field first, for a line that strace -ttt does not write.
    """
    descriptors, begun = Descriptors(), {}
    for number, line in lines:
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
        call = CALL.fullmatch(QUOTED.sub('""', said)) if name in READ else None
        if call is None and (name in READ or not (name.isidentifier() and "= " in said)):
            raise InputError(f"line {start}: call: not a whole call as strace writes it: {said!r:.60}")
        if call is not None:
            yield from descriptors.finished(start, float(match[3]), task, *call.groups())


class Descriptors:
    """Which descriptor of which task is a TCP socket: as strace -yy says, or else as earlier calls have shown."""

    def __init__(self):
        self.tables, self.known, self.early = {}, {}, {}  # threads share a table; an option may come before a name

    def finished(self, line: int, time_s: float, task: str, name: str, args: str, result: str) -> Iterator[TracedCall]:
        """Yield what one finished call does on a TCP socket, and remember what it says of descriptors."""
        taken_bytes, table = int(result) if result.lstrip("-").isdigit() else -1, self.tables.get(task, task)
        match = name == "splice" and SPLICED.match(args) or FIRST.match(args)
        fd, said = match.groups()[-2:] if match else ("", None)
        place, new = (table, fd), (table, result)
        if name.startswith("clone"):
            if "CLONE_FILES" in args and taken_bytes > 0:
                keep(self.tables, result, table)
        elif name == "socket":
            keep(self.known, new, args.startswith(("AF_INET, SOCK_STREAM", "AF_INET6, SOCK_STREAM")))
        elif name.startswith("accept"):
            keep(self.known, new, taken_bytes >= 0 and self.known.get(place, "AF_UNIX" not in args))
            yield TracedCall(line, time_s, ":".join(new), "close")  # whatever had this number before
        else:
            is_tcp = "_port" in args if name == "connect" else "SOL_TCP" in args or name != "setsockopt"
            if place not in self.known and is_tcp and name not in NAME_NO_SOCKET:
                keep(self.known, place, True)
            is_tcp = self.known.get(place) if said is None else said.startswith(("TCP:", "TCPv6:", "socket:"))
            if is_tcp:
                yield from self.on_socket(place, line, time_s, said or ":".join(place), name, args, taken_bytes)
            elif name in FROM:
                yield TracedCall(line, time_s, "-", "elsewhere")
            if name == "close":
                self.known.pop(place, None)

    def on_socket(
        self, place: tuple[str, str], line: int, time_s: float, socket: str, name: str, args: str, taken_bytes: int
    ) -> Iterator[TracedCall]:
        """Yield what a call does on this socket."""
        if "->" in socket and place in self.early:
            yield TracedCall(line, time_s, socket, self.early.pop(place))
        if name == "close" or name == "shutdown" and not args.endswith("SHUT_RD"):
            yield TracedCall(line, time_s, socket, "close")
        elif name == "setsockopt" and (option := OPTION.search(args)) and taken_bytes == 0:
            said = OPTION_NAMES[option[1]][option[2] != "0"]
            yield TracedCall(line, time_s, socket, said)
            if "->" not in socket:
                keep(self.early, place, said)
        elif name in READING and taken_bytes > 0:
            yield TracedCall(line, time_s, socket, "recv")
        elif name in FROM and taken_bytes < 0:
            yield TracedCall(line, time_s, socket, "refused")
        elif name in FROM:
            if taken_bytes > MAX_READ_BYTES:
                raise InputError(f"line {line}: result: {taken_bytes} bytes, more than one call can take")
            flags = LAST.search(args) if name.startswith("send") and "file" not in name or name == "splice" else None
            words = flags[1].replace("SPLICE_F_", "").replace("MSG_", "").split("|") if flags else ()
            for sizes in _sizes(name, args, taken_bytes):
                what = name.removesuffix("64"), frozenset(FLAGS.keys() & words), FROM[name], sizes, ("-",)
                yield TracedCall(line, time_s, socket, *what)


def _sizes(name: str, args: str, taken_bytes: int) -> Iterator[tuple[int, ...]]:
    """Yield the bytes of each segment that was sent, of each message: no more than the call has returned."""
    messages = [(args, taken_bytes)]
    if name == "sendmmsg":
        parts = [part.rpartition("msg_len=") for part in args.split("msg_hdr=")[1 : taken_bytes + 1]]
        messages = [(head, int(re.match(r"\d{1,10}|", tail)[0] or 0)) for head, _, tail in parts]
    for text, left_bytes in messages:
        sizes = []
        for size_bytes in [*map(int, LENGTH.findall(text)), left_bytes]:  # strace shortens long lists: what is left
            sizes.append(min(size_bytes, left_bytes))
            left_bytes -= sizes[-1]
        if any(sizes):
            yield tuple(filter(None, sizes))
