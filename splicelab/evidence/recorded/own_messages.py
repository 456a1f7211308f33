"""From calls to messages: which calls belong together, what shapes there are, and which bytes waited for what.

When bytes wait follows Nagle's rule as Linux has it: a short segment waits while another short one is not acknowledged,
and one that MORE or a cork holds back waits for the timer. Source: Linux 6.12 net/ipv4/tcp_output.c: tcp_nagle_check,
tcp_minshall_check; net/ipv4/tcp.c: tcp_push. No trace has ACKs: what is received, or a pause of 40 ms, stands for one.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from splicelab.evidence.recorded.trace_lines import SENDS, TracedCall
from splicelab.kernel.world import PAGE_SIZE

ACK_S, TIMER_S = 0.04, 0.2  # a delayed ACK comes at the latest, what MORE holds leaves by the timer
MOST_SOCKETS, MOST_WAITS, MOST_EXACT, MOST_SHAPES = 1 << 16, 1000, 512, 1024
MOST = MOST_CALLS, MOST_PIECES, MOST_BYTES = 128, 256, 1 << 19  # of a message
ROUND_BYTES = 1 << 16
NAGLE, CORK = "Nagle: an ACK", "a cork left in: the timer"
MORE, MORE_BEHIND = "MORE left set: the timer", "MORE left set: an ACK or the timer"  # something is in flight before it
WAITS_FOR = (NAGLE, MORE, MORE_BEHIND, CORK)
ATTACHES = ("sendfile", "splice", "sendpage")

Part = tuple[str, tuple[tuple[int, str], ...], tuple[str, ...]]  # copy or splice, (bytes, owner) of segments, flags


class Shape(NamedTuple):
    """What messages that cost the same have in common: calls with flags, segments and owners; a cork or none."""

    parts: tuple[Part, ...]
    is_corked: bool = False

    @property
    def bytes(self) -> int:
        """How much one such message sends."""
        return sum(size_bytes for _, segments, _ in self.parts for size_bytes, _ in segments)

    @property
    def words(self) -> str:
        """The calls in short: ``copy 48 MORE, splice 4096``."""
        said = (f"{way} {'+'.join(str(size) for size, _ in segs)} {'|'.join(flags)}" for way, segs, flags in self.parts)
        return ", ".join(map(str.strip, said)) + " (corked)" * self.is_corked

    def rounded(self) -> "Shape":
        """Return a shape whose sizes have three significant bits, for a trace in which no two messages are alike."""
        parts = tuple((way, tuple((_round(size), owner) for size, owner in segs), how) for way, segs, how in self.parts)
        return self._replace(parts=parts)


def _round(size_bytes: int) -> int:
    """Return the nearest size of three significant bits."""
    low = max(size_bytes.bit_length() - 3, 0)
    return (size_bytes + (1 << low >> 1)) >> low << low


class Wait(NamedTuple):
    """Bytes held back when a call had returned; seconds until the socket's next event, None: the trace ends."""

    line: int
    socket: str
    call: str
    bytes: int
    waits_for: str
    seconds: float | None


class Connection:
    """What is remembered of a socket: the message that is being sent, and what TCP holds back of it."""

    __slots__ = ("last", "parts", "pieces", "bytes", "is_corked", "is_nodelay", "is_small", "in_flight", "held", "why")

    def __init__(self):
        self.last, self.parts, self.pieces, self.bytes, self.held, self.why = None, [], 0, 0, 0, ""
        self.is_corked = self.is_nodelay = self.is_small = self.in_flight = False

    def push(self, mss: int, why: str) -> None:
        """Let leave what may: full segments, and the rest unless something holds it."""
        tail_bytes = self.held % mss
        self.in_flight |= self.held >= mss
        nagle = NAGLE if self.is_small and not self.is_nodelay else ""
        self.why = MORE_BEHIND if why == MORE and self.in_flight else why or nagle
        self.held = tail_bytes if self.why else 0
        if tail_bytes and not self.why:
            self.is_small = self.in_flight = True


@dataclass
class Gathered:
    """What was found in a trace, in constant memory: at most MOST_SHAPES shapes and MOST_WAITS waits by line."""

    mss: int
    pause_s: float
    is_until_pause: bool
    counts: Counter = field(default_factory=Counter)  # calls by name, and messages, bytes, more, sockets …
    shapes: Counter = field(default_factory=Counter)
    waits: list[Wait] = field(default_factory=list)
    causes: dict[str, list] = field(default_factory=dict)  # times, longest in seconds, first line
    sockets: dict[str, Connection] = field(default_factory=dict)

    def gather(self, calls: Iterable[TracedCall]) -> "Gathered":
        """Take in a trace to its end."""
        for call in calls:
            self.counts[call.call] += 1
            if call.call in ("refused", "elsewhere"):
                continue
            if (one := self.sockets.get(call.socket)) is None:
                if call.call in ("close", "recv"):
                    continue
                one = self.sockets[call.socket] = Connection()
                if len(self.sockets) > MOST_SOCKETS:
                    self._leave(next(iter(self.sockets)), None)
            if call.call in SENDS:
                self._send(one, call)
            elif call.call == "recv":
                self._acked(one, call.time, is_received=True)
            elif call.call == "close":
                self._leave(call.socket, call.time)
            else:
                self._option(one, call)
        for socket in list(self.sockets):
            self._leave(socket, None)
        return self

    def _send(self, one: Connection, call: TracedCall) -> None:
        """Take in a call that sends: a message goes on, or begins; what is held meanwhile."""
        if one.last is not None:
            if one.parts and call.time - one.last.time >= self.pause_s:
                self._finish(one)
            self._acked(one, call.time)
        self.counts["sockets"] += one.last is None
        is_more = not call.flags.isdisjoint(("MORE", "NOTLAST"))
        self.counts["more"] += is_more
        sent_bytes = sum(call.segment_sizes)
        self.counts["bytes"] += sent_bytes
        way = "splice" if call.call in ATTACHES or "SPLICE_PAGES" in call.flags else "copy"
        said = ("MORE",) * is_more + ("EOR",) * ("EOR" in call.flags)
        rounds = _rounds(call.call, call.iterator, call.segment_sizes, call.owner)
        for number, (segments, round_bytes) in enumerate(rounds, 1):
            sums = len(one.parts) + 1, one.pieces + len(segments), one.bytes + round_bytes
            if one.parts and any(size > most for size, most in zip(sums, MOST, strict=True)):
                self.counts["cut"] += 1
                self._finish(one)
            is_last = number == len(rounds) or way == "copy"  # else splice goes on, and says so
            one.parts.append((way, segments, said if is_last else ("MORE",)))
            one.pieces, one.bytes = one.pieces + len(segments), one.bytes + round_bytes
        one.held, one.last = one.held + sent_bytes, call
        one.push(self.mss, CORK if one.is_corked else MORE if is_more else "")
        if not (is_more or one.is_corked or self.is_until_pause):
            self._finish(one)

    def _option(self, one: Connection, call: TracedCall) -> None:
        """Take in TCP_CORK and TCP_NODELAY: what they let out, and the message that an uncorking ends."""
        if call.call == "cork":
            one.is_corked = True
            return
        was_corked = one.is_corked
        one.is_corked &= call.call != "uncork"
        one.is_nodelay = call.call == "nodelay" or one.is_nodelay and call.call != "nagle"
        if call.call != "nagle" and one.last is not None:
            self._wait(one, call.time)
            one.last = call
            one.push(self.mss, "")
        if was_corked and not one.is_corked and not self.is_until_pause:
            self._finish(one, True)

    def _acked(self, one: Connection, now_s: float, is_received: bool = False) -> None:
        """Let an ACK arrive, where something received or a pause says that it has."""
        waited_s = now_s - one.last.time if one.last is not None else 0.0
        if not (is_received or waited_s >= ACK_S):
            if one.held and one.why == NAGLE:
                self._wait(one, now_s)
            return
        is_released = one.why in (NAGLE, MORE_BEHIND) or waited_s >= TIMER_S
        if is_released or not is_received:
            self._wait(one, now_s)
        one.held *= not is_released
        one.is_small = one.in_flight = False

    def _wait(self, one: Connection, now_s: float | None) -> None:
        """Note bytes that were held until now; what MORE holds for a moment only is what it is for."""
        seconds = None if now_s is None else max(now_s - one.last.time, 0.0)
        if not one.held or one.why != NAGLE and seconds is not None and seconds < ACK_S:
            return
        times, longest, first = self.causes.get(one.why, (0, 0.0, one.last.line))
        self.causes[one.why] = [times + 1, max(longest, seconds or 0.0), first]
        if len(self.waits) < MOST_WAITS:
            self.waits.append(Wait(one.last.line, one.last.socket, one.last.call, one.held, one.why, seconds))

    def _leave(self, socket: str, now_s: float | None) -> None:
        """Forget a socket that was closed, or whose trace ends."""
        one = self.sockets.pop(socket)
        if one.last is not None:
            self._wait(one, now_s)
        self._finish(one)

    def _finish(self, one: Connection, was_corked: bool = False) -> None:
        """Count a message by its shape."""
        if not one.parts:
            return
        shape = Shape(tuple(one.parts), was_corked or one.is_corked)
        one.parts, one.pieces, one.bytes = [], 0, 0
        self.counts["messages"] += 1
        if shape not in self.shapes and len(self.shapes) >= MOST_EXACT:
            shape = shape.rounded()
            self.counts["rounded"] += 1
            if shape not in self.shapes and len(self.shapes) >= MOST_SHAPES:
                self.counts["left out"] += 1
                return
        self.shapes[shape] += 1


@lru_cache(1 << 12)
def _rounds(name: str, iterator: str, sizes: tuple[int, ...], owners: tuple[str, ...]) -> list[tuple[tuple, int]]:
    """Return the segments of each call into TCP, and their bytes: one for 16 pages, or for MOST_BYTES of others."""
    most_bytes = ROUND_BYTES if name in ("sendfile", "splice") else MOST_BYTES
    rounds, segments, round_bytes = [], [], 0
    for size_bytes, owner in zip(sizes, owners * (len(sizes) // len(owners)), strict=True):
        whose = owner_of(iterator, size_bytes, owner)
        while size_bytes:
            part_bytes = min(size_bytes, most_bytes - round_bytes)
            segments.append((part_bytes, whose))
            size_bytes, round_bytes = size_bytes - part_bytes, round_bytes + part_bytes
            if round_bytes == most_bytes or len(segments) == MOST_PIECES:
                rounds.append((tuple(segments), round_bytes))
                segments, round_bytes = [], 0
    return [*rounds, (tuple(segments), round_bytes)] if segments else rounds


def owner_of(iterator: str, size_bytes: int, owner: str) -> str:
    """Return whose memory a segment is taken as: what the trace says, or what a kernel sender would have.

    Pages for a file, a pipe and page vectors, and for user memory of a page or more; slab for what is shorter, and for
    kernel memory that kmalloc takes from slab.
    """
    if owner in ("user", "-"):
        is_short = size_bytes < PAGE_SIZE if iterator == "user" else size_bytes <= 2 * PAGE_SIZE
        return "slab" if iterator in ("user", "kvec", "-") and is_short else "page"
    return owner
