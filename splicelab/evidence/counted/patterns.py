"""One message in the patterns that were recorded: the calls that send it, and what can be seen of it on its way.

Windows and ACKs are inputs. Here they are those of a connection that has sent before: the size goal has reached what
the MTU allows, and the congestion window never decides.
"""

from typing import Any, Literal

from splicelab.errors import InputError, one_of, within
from splicelab.evidence.counted.limits import call_bytes, pieces_of, there_bytes
from splicelab.evidence.counted.predict import Sender
from splicelab.evidence.counted.scenarios import Scenario, one_message
from splicelab.evidence.counted.tally import Skb, look_at_log, look_at_queue
from splicelab.kernel.world import MSG_MORE
from splicelab.result import Result
from splicelab.tables import Whole, checked

MTUS = (1500, 65536)  # recorded
HOWS = ("one sendmsg", "three sendmsg", "sendfile between", "one splice")
ANNOUNCES = ("nothing", "MSG_MORE", "TCP_CORK", "MSG_MORE to the end")
MEMORY = {"user": "user", "vmsplice": "user", "file": "page_cache", "socket": "page_frag"}
WAITS_FOR = {"ack": "an ACK", "timer": "the timer"}
WINDOW_SEGMENTS = 1000
COUNTS = {  # what is compared, from the counters of a message
    "calls into TCP": lambda count: count["sendmsg"] + count["sendpages"],
    "bytes copied": lambda count: count["copied_bytes"],
    "bytes attached": lambda count: count["spliced_bytes"] + count["sendpages_bytes"],
    "pushes": lambda count: count["tcp_push"],
    "skbs": lambda count: len(count["skbs"]),
}


class Seen(Result):
    """A message as it stands in the queue when all calls have returned; positions count its bytes from 0.

    ``pieces`` are (owner of their memory, position, bytes), ``calls`` of the program (words, position, bytes), calls
    into TCP and pushes (flag bits, position, bytes).
    """

    scenario: Scenario
    pieces: list[tuple[str, int, int]]
    calls: list[tuple[str, int, int]]
    tcp_calls: list[tuple[int, int, int]]
    pushes: list[tuple[int, int, int]]
    skbs: list[Skb]
    counters: dict

    @property
    def text(self) -> str:
        """What the message took, counted; and what of it waits for an ACK, or the timer, if nobody sends more."""
        counts = [f"{name} {count(self.counters)}" for name, count in COUNTS.items()]
        if released_by := self.counters["released_by"]:
            counts.append(f"{self.counters['unsent_bytes']} bytes wait for {WAITS_FOR[released_by]}")
        return f"Linux {self.scenario.kernel}: {', '.join(counts)}"


def pattern_calls(how: str, announce: str, header_bytes: int, payload_bytes: int, trailer_bytes: int) -> list[list]:
    """Return the calls of one pattern in the form of a scenario; pieces of no bytes are left out."""
    sizes = [header_bytes, payload_bytes, trailer_bytes]
    if how == "one sendmsg":
        calls = [["sendmsg", [size for size in sizes if size], []]]
    elif how == "one splice":
        pieces = [["vmsplice", 0, header_bytes], ["file", 0, payload_bytes], ["vmsplice", 0, trailer_bytes]]
        calls = [["splice", [piece for piece in pieces if piece[2]], []]]
    else:
        calls = [["sendmsg", [size], []] for size in sizes if size]
        if how == "sendfile between" and payload_bytes:
            calls[header_bytes > 0] = ["sendfile", 0, payload_bytes]
    announcing = {"MSG_MORE": calls[:-1], "MSG_MORE to the end": calls}.get(announce, [])
    for name, *_, flags in (call for call in announcing if call[0] != "sendfile"):
        flags.append("MSG_MORE" if name == "sendmsg" else "SPLICE_F_MORE")
    return [["cork", 1], *calls, ["cork", 0]] if announce == "TCP_CORK" else calls


def _pattern(how, announce, sizes, kernel, mtu, nodelay) -> Scenario:
    """Return one message of a pattern as a connection; InputError for a value that is not possible."""
    if sum(sizes) == 0:
        raise InputError("a message needs at least one byte")
    calls = pattern_calls(one_of("how", how, HOWS), announce, *sizes)
    connection = {"id": how, "kernel": kernel, "nodelay": int(nodelay)}
    return one_message("pattern", calls, one_of("mtu", mtu, MTUS), WINDOW_SEGMENTS, **connection)


@checked
def observe(
    how: Any,
    announce: Literal[*ANNOUNCES] = "nothing",
    header_bytes: Whole = 48,
    payload_bytes: Whole = 4096,
    trailer_bytes: Whole = 4,
    *,
    kernel: str = "6.12",
    mtu: Whole = 65536,
    nodelay: bool = True,
    acks_each_call: bool = False,
    number: Whole = 0,
) -> Seen:
    """Send one message in one of the patterns that were recorded, and look at it as it stands in the queue.

    ``how`` is one of HOWS, ``announce`` one of ANNOUNCES; or ``how`` is a `Scenario` that says all of it, and whose
    messages are sent up to ``number``. With ``acks_each_call`` whatever is in flight when a call returns is ACKed
    there, as loopback mostly did in the recordings; ACKs of the scenario itself are processed as well.

    Raises
    ------
    InputError
        A value that is not possible, or no byte to send.

    Examples
    --------
    >>> from splicelab import observe
    >>> observe("three sendmsg", "MSG_MORE", acks_each_call=True)
    Linux 6.12: calls into TCP 3, bytes copied 4148, bytes attached 0, pushes 3, skbs 1
    """
    sizes = (header_bytes, payload_bytes, trailer_bytes)
    scenario = how if isinstance(how, Scenario) else _pattern(how, announce, sizes, kernel, mtu, nodelay)
    within("number", number, 0, len(scenario.messages) - 1)
    sender = Sender(scenario)
    w = sender.world
    w.sock[0].acks_each_call = acks_each_call
    for message in scenario.messages[:number]:
        sender.run(message)
    message, first_byte, seen = scenario.messages[number], int(w.sock[0].write_seq), []
    w.logging = 1

    def look(w):
        for name in ("call", "push"):
            rows = (numbers for kind, *numbers in look_at_log(w) if kind == name)
            seen.append([(flags, seq - first_byte, size_bytes) for flags, seq, size_bytes in rows])
        seen.append(look_at_queue(w, first_byte))

    counters = sender.run(message, look)
    pieces, calls, position = [], [], 0
    for call in message.calls:
        words = call[0] + (" MORE" if call[0] == "sendmsg" and call[2] & MSG_MORE else "")
        size_bytes = call_bytes(call, scenario.file_size)
        calls += [(words, position, size_bytes)] * (size_bytes > 0)
        for piece in pieces_of(call):
            pieces.append((MEMORY[piece[0]], position, there_bytes(*piece, scenario.file_size)))
            position += pieces[-1][2]
    return Seen(scenario, pieces, calls, *seen, counters)
