"""One whole message, count-only, three times: by the package's kernel, in C, and in plain Python."""

import ctypes
import functools
from collections.abc import Callable

import numpy as np

from bench import twin
from bench.memory import PLACES_IN_MEMORY, Memory
from splicelab.alternatives import BUILT_IN
from splicelab.callers import Message, load_callers
from splicelab.evidence.counted.run import lay_plan, open_world, run_messages, segment_bytes
from splicelab.kernel.frag import PAGE_FRAG_DOWN, TASK_FRAG
from splicelab.kernel.message import PAYLOAD, open_run
from splicelab.kernel.profiles import PROFILES
from splicelab.kernel.world import COUNTERS, NAGLE_OFF, new_world

CALLER, ALTERNATIVE, PROFILE, PAYLOAD_BYTES = "siw", "fix_callers", "6.12+v3", 65536
MSS, _ = segment_bytes(65536)
COUNTED = (  # in the order of reference/message.c
    *("sends", "sendmsg", "sendmsg_bytes", "spliced_bytes", "frag_appends", "stream_alloc", "tcp_push"),
    *("skbs", "segments", "short_segments", "pushes", "frag_slots", "sent_bytes", "received_bytes"),
    *("retransmits", "eio", "refused", "short_sends", "frag_allocs", "frag_frees", "refurbishes"),
    *("refills", "refill_newpage", "kmallocs", "kfrees", "new_pages", "get_page", "put_page", "truesize_peak"),
    *("pinned_peak_bytes", "pinned_bytes", "pages_in_use", "objects_in_use", "double_put", "exhausted"),
)
PLACES = np.array([COUNTERS.index(name) for name in COUNTED])


def digest(counted: list[int]) -> int:
    """Return all counters in one number of 64 bits, as C does."""
    total = 0
    for count in counted:
        total = total * 31 + count
    return total & (1 << 64) - 1


def open_model(payload_bytes: int = PAYLOAD_BYTES, memory=None):
    """Return a machine, of its own if it is not given one, with the message laid out and nothing sent."""
    w = open_world(PROFILE, new_world() if memory is None else memory)
    lay_plan(w, Message(load_callers()[CALLER], payload_bytes), PROFILE, {})
    plan, sk = w.plan[0], w.sock[0]
    plan.allocator, plan.flag = PAGE_FRAG_DOWN, 1
    sk.mss = sk.size_goal = sk.half_window = MSS
    sk.nonagle, sk.cwnd, sk.frag_cache = NAGLE_OFF, 1 << 20, TASK_FRAG
    open_run(w)
    return w


def pieces(w) -> tuple[np.ndarray, np.ndarray]:
    """Return the sizes of the message's pieces in bytes, and whether each is payload."""
    piece = w.piece[: w.plan[0].pieces]
    return piece["size_bytes"].copy(), (piece["role"] == PAYLOAD).astype(np.int64)


def models(memory: Memory) -> list[Callable[[int], int]]:
    """Return the kernel as ``f(messages)`` on connections of its own; results are the digest of all counters so far."""
    return [_one_model(open_model(memory=memory.world())) for _ in range(PLACES_IN_MEMORY)]


def _one_model(w) -> Callable[[int], int]:
    key, counters = BUILT_IN.index(ALTERNATIVE), w.tally.view(np.int64)

    def run(messages: int) -> int:
        run_messages(w, key, messages)
        return digest(counters[PLACES].tolist())

    return run


def references(library: ctypes.CDLL, memory: Memory) -> list[Callable[[int], int]]:
    """Return the reference in C in the same way."""
    library.message_loop.restype = ctypes.c_uint64
    library.message_loop.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    connections = [memory(library.connection_bytes()) for _ in range(PLACES_IN_MEMORY)]
    sizes, is_payload = pieces(open_model())
    empty_bytes = PROFILES[PROFILE]["empty_skb_truesize"]
    numbers = [ctypes.c_int64(number) for number in (len(sizes), MSS, empty_bytes, PAGE_FRAG_DOWN)]
    for connection in connections:
        library.start_connection(connection.ctypes, sizes.ctypes, is_payload.ctypes, *numbers)
    return [functools.partial(library.message_loop, connection.ctypes) for connection in connections]


def python() -> Callable[[int], int]:
    """Return the plain Python twin in the same way."""
    sizes, is_payload = pieces(open_model())
    roles = ["payload" if flag else "header" for flag in is_payload]
    connection = twin.Connection(
        list(zip(roles, sizes.tolist(), strict=True)), MSS, PROFILES[PROFILE]["empty_skb_truesize"]
    )

    def run(messages: int) -> int:
        for _ in range(messages):
            connection.send_message()
        return digest([connection.counters[name] for name in COUNTED])

    return run
