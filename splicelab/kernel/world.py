"""The state of one simulated machine: a single record of fixed arrays, so that a kernel takes one pointer.

A numba record with nested arrays compiles fast, is cached, and every size in it is a compile-time constant.
With the JIT switched off the same record is a ``numpy.record`` and the same code runs as plain Python.
"""

import numpy as np

from splicelab._jit import jit

PAGE_SIZE = 4096
PAGES = 4096
ORDERS = 11
SKBS = 4096
MAX_SKB_FRAGS = 17
SEGMENTS = 1024
PIPE_BUFFERS = 256
PIECES = 512
ACK_DELAY_MAX = 63
FRAG_CACHES = 8
SCHEDULE = 4096
SLAB_CLASSES = 13
OBJECT_GRAIN = 8
WIRE_BYTES = 1 << 21
EVENTS = 4096
NONE = -1

MSG_EOR = 0x80
MSG_MORE = 0x8000
MSG_SENDPAGE_NOTLAST = 0x20000
MSG_ZEROCOPY = 0x4000000
MSG_SPLICE_PAGES = 0x8000000
NAGLE_OFF, NAGLE_CORK, NAGLE_PUSH = 1, 2, 4
EIO = 5
EMSGSIZE = 90
ENOMEM = 12

COUNTERS = (
    # calls into TCP, as the recordings count them
    *("sendmsg", "sendmsg_bytes", "sendpages", "sendpages_bytes", "sendpages_notlast", "spliced_bytes"),
    *("frag_appends", "copies", "copied_bytes", "refills", "refill_newpage", "stream_alloc", "tcp_push"),
    # what the caller and the wire see
    *("sends", "skbs", "segments", "short_segments", "pushes", "frag_slots", "retransmits"),
    *("sent_bytes", "received_bytes", "corrupt_bytes", "eio", "refused", "short_sends"),
    # memory
    *("kmallocs", "kfrees", "frag_allocs", "frag_frees", "refurbishes", "new_pages", "get_page", "put_page"),
    *("truesize_peak", "pinned_peak_bytes", "pinned_bytes", "pages_in_use", "objects_in_use"),
    # a run with one of these is an error, not a result
    *("leaked", "double_put", "exhausted"),
)


def _int64(*names):
    return np.dtype([(name, "i8") for name in names])


TALLY = _int64(*COUNTERS)

PROFILE = _int64(
    *("has_sendpage", "has_splice_pages", "grows_skbs", "empty_skb_truesize", "copies_slab"),
    *("page_frag_upward", "slab_pages_frozen", "large_kmalloc_frozen"),
)

SOCK = _int64(
    *("scatter_gather", "receiver_shares_pages", "nonagle", "mss", "size_goal", "half_window"),
    *("cwnd", "cwnd_limited", "max_packets_out", "cwnd_usage_seq", "packets_out"),
    *("write_seq", "pushed_seq", "snd_una", "snd_nxt", "snd_sml", "wmem_queued"),
    # one list of skbs: read_head .. una_head (ACKed, the receiver still holds them) .. send_head (unsent) .. tail
    *("read_head", "una_head", "send_head", "tail"),
    *("uarg", "uarg_bytes", "frag_cache", "lose"),
    *("calls", "goals", "next_goal", "acks", "next_ack"),
)

SKB = _int64(
    *("seq", "len", "truesize", "nr_frags", "gso_segs", "gso_size", "acked_bytes"),
    *("uarg", "pure_zerocopy", "eor", "psh", "delivered", "next", "prev"),
)

PIECE = _int64("role", "size_bytes", "owner", "fate", "address", "kept_address")
STEP = _int64("method", "first_piece", "pieces", "msg_flags", "flags_since_6_5")
PLAN = _int64(
    *("pieces", "steps", "corked", "allocator", "flag", "bytes", "messages", "first_byte", "handled"),
    *("ack_delay", "lose_every", "neighbours", "unacked"),
)

FRAG = _int64("page", "offset", "size_bytes")
SEGMENT = _int64("address", "size_bytes")
FRAG_CACHE = _int64("page", "offset", "size_bytes", "bias", "pfmemalloc")
PAGE = np.dtype(
    [(name, "i4") for name in ("refcount", "head", "next", "queued", "order")]
    + [(name, "i1") for name in ("kind", "slab_class", "pfmemalloc")]
)

WORLD = np.dtype(
    [
        ("profile", PROFILE, (1,)),
        ("sock", SOCK, (1,)),
        ("tally", TALLY, (1,)),
        ("zero", TALLY, (1,)),
        ("moves_bytes", "i8"),
        ("page_brk", "i8"),
        ("fail_high_order", "i8"),
        ("from_reserves", "i8"),
        ("free_skb", "i8"),
        ("iov_count", "i8"),
        ("iov_index", "i8"),
        ("iov_offset", "i8"),
        ("iov_left", "i8"),
        ("pipe_head", "i8"),
        ("pipe_tail", "i8"),
        ("transmitted", "i8"),
        ("plan", PLAN, (1,)),
        ("piece", PIECE, (PIECES,)),
        ("step", STEP, (PIECES + 1,)),
        ("message_end", "i8", (ACK_DELAY_MAX + 1,)),
        ("logging", "i8"),
        ("events", "i8"),
        ("free_pages", "i8", (ORDERS,)),
        ("free_objects", "i8", (SLAB_CLASSES,)),
        ("frag_cache", FRAG_CACHE, (FRAG_CACHES,)),
        ("page", PAGE, (PAGES,)),
        ("skb", SKB, (SKBS,)),
        ("frag", FRAG, (SKBS, MAX_SKB_FRAGS)),
        ("iov", SEGMENT, (SEGMENTS,)),
        ("pipe", SEGMENT, (PIPE_BUFFERS,)),
        ("goal", "i8", (SCHEDULE, 4)),
        ("ack", "i8", (SCHEDULE, 3)),
        ("transmit", "i8", (SCHEDULE, 3)),
        ("event", "i8", (EVENTS, 4)),
        ("object_next", "i8", (PAGES * PAGE_SIZE // OBJECT_GRAIN,)),
        ("meant", "u1", (WIRE_BYTES,)),
        ("received", "u1", (WIRE_BYTES,)),
        ("arena", "u1", (PAGES * PAGE_SIZE,)),
    ],
    align=True,
)

CALL, COPY, SPLICE, PUSH, TRANSMIT, LOSE, ACK, FREE, KMALLOC, KFREE, FRAG_ALLOC, FRAG_FREE, REWRITE = range(13)
UNCORK = 13


def new_world():
    """Return an empty machine: no page in use, no socket open. About 30 MiB of address space, touched as needed."""
    world = np.zeros(1, WORLD).view(np.recarray)[0]
    reset(world)
    return world


@jit
def reset(w):
    """Forget everything: all pages free, no fragment page, an idle socket with scatter-gather and an open window."""
    w.page_brk = 1
    w.fail_high_order = 0
    w.from_reserves = 0
    w.logging = 0
    for order in range(ORDERS):
        w.free_pages[order] = NONE
    for index in range(SLAB_CLASSES):
        w.free_objects[index] = NONE
    for index in range(FRAG_CACHES):
        w.frag_cache[index].page = NONE
    for page in range(PAGES):
        w.page[page].refcount = 0
        w.page[page].queued = 0
        w.page[page].kind = 0
    for index in range(SKBS):
        w.skb[index].next = index + 1
    w.skb[SKBS - 1].next = NONE
    w.free_skb = 0
    reset_socket(w)
    reset_tally(w)


@jit
def reset_socket(w):
    """Open a new connection: nothing queued, nothing in flight, Nagle on, 10 segments of congestion window."""
    sk = w.sock[0]
    sk.scatter_gather = 1
    sk.receiver_shares_pages = 0
    sk.nonagle = 0
    sk.mss = 1448
    sk.size_goal = 65160
    sk.half_window = 0
    sk.cwnd = 10
    sk.cwnd_limited = 0
    sk.max_packets_out = 0
    sk.cwnd_usage_seq = 0
    sk.packets_out = 0
    sk.write_seq = 0
    sk.pushed_seq = 0
    sk.snd_una = 0
    sk.snd_nxt = 0
    sk.snd_sml = 0
    sk.wmem_queued = 0
    sk.read_head = NONE
    sk.una_head = NONE
    sk.send_head = NONE
    sk.tail = NONE
    sk.uarg = 0
    sk.uarg_bytes = 0
    sk.frag_cache = 0
    sk.lose = 0
    sk.calls = 0
    sk.goals = 0
    sk.next_goal = 0
    sk.acks = 0
    sk.next_ack = 0
    w.iov_count = 0
    w.pipe_head = 0
    w.pipe_tail = 0


@jit
def reset_tally(w):
    """Set every counter to zero, and forget the logged events and transmissions."""
    w.tally[0] = w.zero[0]
    w.transmitted = 0
    w.events = 0


@jit
def log(w, kind, first, second, third):
    """Note one event for the figures, when somebody asked for them."""
    if w.logging != 0 and w.events < EVENTS:
        row = w.event[w.events]
        row[0], row[1], row[2], row[3] = kind, first, second, third
        w.events += 1
