"""Run a caller's messages through an alternative on a kernel profile, and count."""

import functools
import threading
from typing import Any

from splicelab.alternatives import BUILT_IN, OWN, run_messages
from splicelab.callers import Caller, Message, load_callers
from splicelab.errors import InputError, one_of, within
from splicelab.evidence.counted.apart import apart, run_own, shared_world
from splicelab.evidence.counted.broken import BrokenError, broken_memory, broken_message
from splicelab.evidence.counted.tally import Tally
from splicelab.kernel import world as kernel
from splicelab.kernel.calls import ASKS, METHODS
from splicelab.kernel.frag import ALLOCATORS, SK_FRAG, TASK_FRAG
from splicelab.kernel.message import FATES, OWNERS, PAYLOAD_OWNERS, ROLES, open_run
from splicelab.kernel.profiles import use_profile
from splicelab.kernel.run import close_run, settle
from splicelab.tables import Whole, checked

WARM_UP = 2
FLAGS = {"MORE": kernel.MSG_MORE, "EOR": kernel.MSG_EOR, "NOTLAST": kernel.MSG_SENDPAGE_NOTLAST}
MAX_PAYLOAD_BYTES, MOST_MESSAGES = 1 << 20, 10_000_000
IP_BYTES_MAX, HEADERS_BYTES, GSO_BYTES = 65535, 52, 65215  # of an IPv4 packet; of IP, TCP and time stamps; of an skb
known_callers = functools.cache(load_callers)
_mine = threading.local()


def pick_caller(key: str | Caller | Message) -> Caller | Message:
    """Return a caller by its key, or the one given; raise InputError with the keys there are."""
    if isinstance(key, Caller | Message):
        return key
    return known_callers()[one_of("caller", key, known_callers())]


def segment_bytes(mtu: int) -> tuple[int, int]:
    """Return the payload of a TCP segment with time stamps, and the size goal on a connection that has sent before.

    An IPv4 packet ends below 64 KiB, and so does what the driver is given. InputError for an MTU that none has.
    """
    mss = min(within("mtu", mtu, 576, 65536, " bytes"), IP_BYTES_MAX) - HEADERS_BYTES
    return mss, max(GSO_BYTES // mss, 1) * mss


def lay_plan(w, message: Message, profile: str, owners: dict, fate: str | dict | None = None) -> None:
    """Write a caller's message into the world: its pieces with their owners, and the calls that it makes itself.

    ``owners`` replaces the owner of a role, and ``fate`` what becomes of header, payload and trailer after the send
    (or ``{role: fate}``): for the question what an alternative does with other memory, and for another sender.
    A payload that is not said to be freed or rewritten has the same bytes in every message.
    """
    caller, is_old, plan = message.caller, profile == "6.1", w.plan[0]
    pieces, steps = [], []
    if message.payload_bytes > MAX_PAYLOAD_BYTES:
        raise InputError(f"payload: {message.payload_bytes} bytes, more than the {MAX_PAYLOAD_BYTES} of the model")
    fates = fate if isinstance(fate, dict) else {role: fate for role in ROLES if fate and role != "head"}
    for role, owner in owners.items():
        one_of("owner", owner, PAYLOAD_OWNERS if one_of("piece", role, ROLES) == "payload" else OWNERS)
    for role, end in fates.items():
        one_of("fate", end, FATES if one_of("piece", role, ROLES) else ())
    sends, later = message.sends(profile), message.sends("6.12")
    later = later if len(later) == len(sends) else sends  # one send for all came later still, and had no NOTLAST
    for send, since in zip(sends, later, strict=True):
        first_piece, segments = len(pieces), send.segments
        if send.method == "sendpage":  # one piece of one page, whatever parts of the message lie in it
            segments = [segments[0]._replace(size_bytes=sum(segment.size_bytes for segment in segments))]
        for role, size_bytes, owner in segments:
            unit_bytes = caller.payload_unit_bytes or size_bytes if role == "payload" else size_bytes
            like = "trailer" if role == "pad" else role
            usual = "kept" if role in ("payload", "head") else caller.header_fate.replace("none", "kept")
            owned, end = owners.get(like, owner), fates.get(like, usual)
            if owned in ("stack", "static"):  # the next message is built in the same place
                end = "rewritten"
            for start in range(0, size_bytes, unit_bytes):
                memory = "slab" if owned == "page_then_slab" and start > 0 else owned
                what = ROLES.index(role), min(unit_bytes, size_bytes - start)
                pieces.append((*what, PAYLOAD_OWNERS.index(memory), FATES.index(end), 0, 0))
        flags = (sum(FLAGS[flag] for flag in call.flags) for call in (send, since))
        asks = ASKS.index(caller.asks_6_1 if is_old else caller.asks_6_12)
        steps.append((METHODS.index(send.method), first_piece, len(pieces) - first_piece, *flags, asks))
    if len(pieces) > kernel.PIECES:
        raise InputError(f"payload: more than {kernel.PIECES} pieces in one message")
    w.piece[: len(pieces)], w.step[: len(steps)] = pieces, steps  # each in the order of its record's fields
    plan.pieces, plan.steps = len(pieces), len(steps)
    plan.corked = caller.corked_6_1 if is_old else caller.corked_6_12


@checked
def set_up(
    w,
    caller: Any,
    profile: str,
    *,
    payload_bytes: Whole = kernel.PAGE_SIZE,
    trailer_bytes: Whole | None = None,
    entry_bytes: Whole = kernel.PAGE_SIZE,
    data_digest: bool = False,
    mtu: Whole = 65536,
    allocator: str = "page_frag_down",
    flag: bool = True,
    scatter_gather: bool = True,
    nodelay: bool = True,
    loopback: bool = False,
    segments_in_software: bool = False,
    ack_delay: Whole = 0,
    lose_every: Whole = 0,
    moves_bytes: bool = True,
    owners: dict[str, str] | None = None,
    fate: str | dict[str, str] | None = None,
) -> None:
    """Lay a caller's message (or the one given, whatever its payload) and its connection out in a fresh world.

    Every byte that arrives is compared with what was meant (``moves_bytes``). ``ack_delay`` is in messages,
    ``lose_every`` n loses the first skb of each n-th message, which is sent again before its ACK. InputError for a key
    that is not in its table, a size that the caller does not send or the model does not hold.
    """
    within("ack_delay", ack_delay, 0, kernel.ACK_DELAY_MAX, " messages")
    within("lose_every", lose_every, 0, MOST_MESSAGES)
    plan, sk = w.plan[0], w.sock[0]
    sk.mss, sk.size_goal = segment_bytes(mtu)
    if not isinstance(caller, Message):
        most_bytes = caller.most_bytes(int(sk.mss))
        within(f"{caller.key}: payload of one message", payload_bytes, 0, most_bytes, " bytes")
        caller = Message(caller, payload_bytes, trailer_bytes, data_digest, entry_bytes)
    within("entry", caller.entry_bytes, 1, MAX_PAYLOAD_BYTES, " bytes")
    lay_plan(w, caller, profile, owners or {}, fate)
    message_bytes = sum(int(w.piece[place].size_bytes) for place in range(plan.pieces))
    if message_bytes * (ack_delay + 1) > kernel.WIRE_BYTES:
        raise InputError(f"payload: {message_bytes} bytes a message in flight {ack_delay + 1} times, more than 2 MiB")
    plan.allocator, plan.flag = ALLOCATORS.index(one_of("allocator", allocator, ALLOCATORS)), flag
    plan.ack_delay, plan.lose_every = ack_delay, lose_every
    sk.scatter_gather = scatter_gather
    sk.receiver_shares_pages, sk.segments_in_software = loopback, segments_in_software
    sk.nonagle = kernel.NAGLE_OFF if nodelay else 0
    sk.cwnd = 1 << 20
    sk.frag_cache = SK_FRAG if caller.caller.copies_into == "sk_frag" else TASK_FRAG
    w.moves_bytes = moves_bytes
    open_run(w)


@checked
def run(
    caller: Any,
    alternative: str,
    profile: str = "6.12+v3",
    messages: Whole = 1,
    *,
    warm_up: Whole = WARM_UP,
    look=None,
    **options,
) -> Tally:
    """Count what ``messages`` messages of a caller, or its key, cost on a connection that has sent ``warm_up`` already.

    ``options`` are those of `set_up`. Counters of memory and of the wire include the ACK that lets go of it.
    ``look(w)`` sees the queue before the last ACKs, events logged; what it returns is ``tally.seen``. A reader's own
    alternative runs in a child process.

    Raises
    ------
    InputError
        As `set_up`; and where a reader's own alternative raises something.
    BrokenError
        The run leaked memory or dropped a reference twice: a defect of the alternative, never a result. The sentence
        says what else it broke, and ``tally`` has the counters.

    Examples
    --------
    >>> from splicelab import run
    >>> tally = run("siw", "copy_in_stack", "6.12+v3", payload_bytes=4096)
    >>> tally.outcome, tally.sends, tally.copied_bytes
    ('delivered', 1, 20)
    """
    within("messages", messages, 0, MOST_MESSAGES)
    within("warm_up", warm_up, 0, MOST_MESSAGES, " messages")
    caller, is_own = pick_caller(caller), one_of("alternative", alternative, (*BUILT_IN, *OWN)) in OWN
    w = open_world(profile, shared_world() if is_own else None)
    set_up(w, caller, profile, **options)
    if is_own:
        _load_kernels()
    key = None if is_own else BUILT_IN.index(alternative)
    send = functools.partial(run_own, OWN[alternative]) if is_own else lambda w, many: run_messages(w, key, many)

    def count() -> tuple[Tally, bool]:
        send(w, warm_up)
        start_counting(w)
        w.logging = look is not None
        send(w, messages)
        seen = look(w) if look is not None else None
        settle(w)
        tally = Tally(*w.tally[0].tolist())
        is_whole = w.sock[0].snd_nxt == w.plan[0].bytes * (warm_up + messages)
        close_run(w)
        told = harm = broken_memory(w.tally[0])
        if is_own and (harm or not is_whole or w.tally[0].refused or w.tally[0].corrupt_bytes):
            set_up(open_world(profile, w), caller, profile, **options)
            told = "; ".join(filter(None, (broken_message(w, OWN[alternative], warm_up + messages), harm)))
        tally.seen, tally.broke = seen, told
        return tally, harm != ""

    tally, is_harmed = apart(alternative, w, count) if is_own else count()
    if is_harmed:
        error = BrokenError(f"{alternative} on {profile}: {tally.broke}")
        error.tally = tally
        raise error
    return tally


@functools.cache
def _load_kernels() -> None:
    """Have compiled what a child process calls: there it would be lost with the process."""
    run(next(iter(known_callers())), BUILT_IN[0])
    run_own(lambda w: 0, open_world("6.12"), 1)


def open_world(profile: str, world=None):
    """Return a world as a fresh machine of this profile; without one, this thread's: sliders come in another thread."""
    if world is None:
        if not hasattr(_mine, "world"):
            _mine.world = kernel.new_world()
        world = _mine.world
    kernel.reset(world)
    use_profile(world, profile)
    return world


def start_counting(w):
    """Set the counters of events to zero and keep those of what is held now."""
    tally = w.tally[0]
    pages, objects, pinned = tally.pages_in_use, tally.objects_in_use, tally.pinned_bytes
    kernel.reset_tally(w)
    tally.pages_in_use, tally.objects_in_use, tally.pinned_bytes = pages, objects, pinned
    tally.pinned_peak_bytes = pinned
