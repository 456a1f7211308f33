"""The state of one simulated machine: a single record of fixed arrays, so that a kernel takes one pointer.

A numba record with nested arrays compiles fast, is cached, and every size in it is a compile-time constant.
With the JIT switched off the same code runs on the same record as plain Python.
"""

import numpy as np

from splicelab._jit import Record, jit

PAGE_SIZE, PAGES, ORDERS = 4096, 4096, 11
SKBS, MAX_SKB_FRAGS = 4096, 17
SEGMENTS, PIPE_BUFFERS, PIECES = 1024, 256, 512
FRAG_CACHES, SLAB_CLASSES, OBJECT_GRAIN = 8, 13, 8
SCHEDULE, EVENTS, ACK_DELAY_MAX = 4096, 4096, 63
IN_FLIGHT_MAX = ACK_DELAY_MAX + 1
WIRE_BYTES = 1 << 21
NONE = -1
UNKNOWN_WINDOW, GSO_MAX_SEGS = 1 << 40, 65535  # half of a window that nobody knows is never reached

MSG_OF_SENDPAGE = 1 << 30  # in the log of events alone: the call was ->sendpage
MSG_EOR, MSG_MORE, MSG_SENDPAGE_NOTLAST, MSG_ZEROCOPY, MSG_SPLICE_PAGES = 0x80, 0x8000, 0x20000, 1 << 26, 1 << 27
NAGLE_OFF, NAGLE_CORK, NAGLE_PUSH = 1, 2, 4
EIO, ENOMEM, EMSGSIZE = 5, 12, 90
BY_PROFILE, ATTACH_SLAB, COPY_ON_REF = range(3)  # what sendmsg does with slab data: as the profile says, or a what-if
CALL, COPY, SPLICE, PUSH, TRANSMIT, LOSE, ACK, FREE, KMALLOC, KFREE, FRAG_ALLOC, FRAG_FREE, REWRITE = range(13)
UNCORK = 13

COUNTERS = (
    # calls into TCP, as the recordings count them
    *("sendmsg", "sendmsg_bytes", "sendpages", "sendpages_bytes", "sendpages_notlast", "spliced_bytes"),
    *("frag_appends", "copies", "copied_bytes", "refills", "refill_newpage", "stream_alloc", "tcp_push"),
    # what the caller and the wire see; pushes are skbs that leave with PSH
    *("sends", "skbs", "segments", "short_segments", "pushes", "frag_slots", "retransmits"),
    *("sent_bytes", "received_bytes", "corrupt_bytes", "eio", "refused", "short_sends", "notifications"),
    # memory
    *("kmallocs", "kfrees", "frag_allocs", "frag_frees", "refurbishes", "new_pages", "get_page", "put_page"),
    *("truesize_peak", "pinned_peak_bytes", "pinned_bytes", "pages_in_use", "objects_in_use"),
    # a run with one of these is an error, not a result
    *("leaked", "double_put", "freed_early", "exhausted"),
)


def _int64(*names):
    return np.dtype((Record, [(name, "i8") for name in names]))


TALLY = _int64(*COUNTERS)
PROFILE = _int64(
    *("has_sendpage", "has_splice_pages", "grows_skbs", "empty_skb_truesize", "copies_slab", "has_splice_eof"),
    *("page_frag_upward", "slab_pages_frozen", "large_kmalloc_frozen"),
)
SOCK = _int64(
    *("scatter_gather", "receiver_shares_pages", "nonagle", "mss", "size_goal", "half_window"),
    *("cwnd", "cwnd_limited", "max_packets_out", "cwnd_usage_seq", "packets_out"),
    *("write_seq", "pushed_seq", "snd_una", "snd_nxt", "snd_sml", "wmem_queued"),
    # one list of skbs: read_head .. una_head (ACKed, the receiver still holds them) .. send_head (unsent) .. tail
    *("read_head", "una_head", "send_head", "tail", "uarg", "uarg_bytes", "frag_cache", "lose"),
    *("slab_rule", "segments_in_software", "max_segments", "waited_calls", "waited_bytes"),
    *("calls", "goals", "next_goal", "acks", "next_ack", "acks_each_call"),
)
PLAN = _int64(
    *("pieces", "steps", "corked", "allocator", "flag", "bytes", "messages", "first_byte", "ack_delay", "lose_every"),
    *("keeps", "released"),
)
SKB = _int64(
    *("seq", "len", "truesize", "nr_frags", "gso_segs", "gso_size", "acked_bytes"),
    *("uarg", "pure_zerocopy", "eor", "psh", "delivered", "next", "prev"),
)
FRAG = _int64("page", "offset", "size_bytes", "object")
SEGMENT = _int64("address", "size_bytes")
PIECE = _int64("role", "size_bytes", "owner", "fate", "address", "kept_address")
STEP = _int64("method", "first_piece", "pieces", "msg_flags", "flags_since_6_5", "asks")
FRAG_CACHE = _int64("page", "offset", "size_bytes", "bias", "pfmemalloc")
_PAGE = [(name, "i4") for name in ("refcount", "head", "next", "queued", "order")]
_PAGE += [(name, "i1") for name in ("kind", "slab_class", "pfmemalloc")]
PAGE = np.dtype((Record, np.dtype(_PAGE, align=True)))  # 24 bytes: at 23, allocating took a third longer
_SCALARS = (
    *("moves_bytes", "page_brk", "fail_high_order", "from_reserves", "free_skb", "transmitted", "logging", "events"),
    *("iov_count", "iov_index", "iov_offset", "iov_left", "pipe_head", "pipe_tail"),
)
_SMALL = [(name, "i8") for name in _SCALARS] + [
    *(("profile", PROFILE, (1,)), ("sock", SOCK, (1,)), ("tally", TALLY, (1,))),
    *(("plan", PLAN, (1,)), ("piece", PIECE, (PIECES,)), ("step", STEP, (PIECES + 1,)), ("replaced", "i8", (PIECES,))),
    ("kept", "i8", (IN_FLIGHT_MAX, 5)),  # by message and role
    *(("free_pages", "i8", (ORDERS,)), ("free_objects", "i8", (SLAB_CLASSES,))),
    *(("frag_cache", FRAG_CACHE, (FRAG_CACHES,)), ("page", PAGE, (PAGES,)), ("skb", SKB, (SKBS,))),
]
_LARGE = [
    *(("frag", FRAG, (SKBS, MAX_SKB_FRAGS)), ("iov", SEGMENT, (SEGMENTS,)), ("pipe", SEGMENT, (PIPE_BUFFERS,))),
    *(("goal", "i8", (SCHEDULE, 5)), ("ack", "i8", (SCHEDULE, 3)), ("transmit", "i8", (SCHEDULE, 3))),
    *(("event", "i8", (EVENTS, 4)), ("message_end", "i8", (IN_FLIGHT_MAX,))),
    *(("object_next", "i8", (PAGES * PAGE_SIZE // OBJECT_GRAIN,)), ("arena", "u1", (PAGES * PAGE_SIZE,))),
    *(("meant", "u1", (WIRE_BYTES,)), ("received", "u1", (WIRE_BYTES,))),
]
WORLD = np.dtype((Record, np.dtype(_SMALL + _LARGE, align=True)))


def new_world():
    """Return an empty machine: no page in use, no socket open. About 40 MiB of address space, touched as needed."""
    world = np.zeros(1, WORLD)[0]
    reset(world)
    return world


def reset(world) -> None:
    """Forget everything: all pages free, no fragment page, and an idle socket with Nagle off the wire's way."""
    world.base.view("u1")[: WORLD.fields[_LARGE[0][0]][1]] = 0
    world.free_pages[:] = world.free_objects[:] = NONE
    world.frag_cache["page"] = NONE
    world.page_brk = 1  # page 0 stays unused: address 0 is no memory
    world.skb["next"] = np.arange(1, SKBS + 1)
    world.skb["next"][-1] = NONE
    sk = world.sock[0]
    sk.scatter_gather, sk.mss, sk.size_goal, sk.cwnd = 1, 1448, 65160, 10
    sk.half_window, sk.max_segments = UNKNOWN_WINDOW, GSO_MAX_SEGS
    sk.read_head = sk.una_head = sk.send_head = sk.tail = NONE


def reset_tally(w):
    """Set every counter to zero, and forget the logged events and transmissions."""
    w.tally[0] = 0
    w.transmitted = w.events = 0


@jit(forceinline=True)
def log(w, kind, first, second, third):
    """Note one event for the figures, when somebody asked for them."""
    if w.logging != 0 and w.events < EVENTS:
        row = w.event[w.events]
        row[0], row[1], row[2], row[3] = kind, first, second, third
        w.events += 1
