"""What a wrong alternative of a reader's own broke, in words: each way to go wrong, and the sentence for it."""

from functools import partial

import pytest
from legible import assert_legible

from splicelab import explore, trace_message
from splicelab._jit import jit
from splicelab.alternatives import OWN, alternative
from splicelab.callers import load_callers
from splicelab.evidence.counted.broken import BrokenError
from splicelab.evidence.counted.compare import compare
from splicelab.evidence.counted.run import run
from splicelab.kernel.frag import PAGE_PER_OBJECT, frag_alloc, frag_free
from splicelab.kernel.iov import iov_begin
from splicelab.kernel.memory import get_page, put_page
from splicelab.kernel.message import add_piece, build, release, splice_flag
from splicelab.kernel.slab import kfree, kmalloc
from splicelab.kernel.tcp import sendmsg
from splicelab.kernel.world import ATTACH_SLAB, MSG_MORE, PAGE_SIZE
from splicelab.show.grid import FILL

CALLERS = load_callers()
SIW = CALLERS["siw"]
LONG = pytest.mark.long  # each compiles for seconds
pytestmark = pytest.mark.usefixtures("forget_own_alternatives")


@jit
def build_all(w):
    for place in range(w.plan[0].pieces):
        build(w, place)


@jit
def send_first(w, count, flags):
    iov_begin(w)
    for place in range(count):
        add_piece(w, place)
    return sendmsg(w, flags)


@jit
def right(w):
    build_all(w)
    sent = send_first(w, w.plan[0].pieces, 0)
    for place in range(w.plan[0].pieces):
        release(w, place)
    return sent


def leaks_a_reference(w):
    get_page(w, w.piece[1].address // PAGE_SIZE)
    return right(w)


def leaks_an_object(w):
    kmalloc(w, 16)
    return right(w)


def leaks_a_fragment(w):
    frag_alloc(w, w.plan[0].allocator, 16)
    return right(w)


def forgets_to_release(w):
    build_all(w)
    return send_first(w, w.plan[0].pieces, 0)


def puts_twice(w):
    page = frag_alloc(w, PAGE_PER_OBJECT, 16)
    frag_free(w, PAGE_PER_OBJECT, page)
    frag_free(w, PAGE_PER_OBJECT, page)
    return right(w)


def drops_the_callers_page(w):
    sent = right(w)
    put_page(w, w.piece[1].address // PAGE_SIZE)
    return sent


def frees_twice(w):
    address = kmalloc(w, 16)
    kfree(w, address)
    kfree(w, address)
    return right(w)


def frees_before_it_sends(w):
    w.sock[0].slab_rule = ATTACH_SLAB
    build_all(w)
    for place in range(w.plan[0].pieces):
        release(w, place)
    return send_first(w, w.plan[0].pieces, splice_flag(w))


def frees_while_it_is_queued(w):
    w.sock[0].slab_rule = ATTACH_SLAB
    build_all(w)
    sent = send_first(w, w.plan[0].pieces, splice_flag(w))
    for place in range(w.plan[0].pieces):
        release(w, place)
    return sent


FREED_AFTER = {"header": "freed", "trailer": "freed"}
HELD = "still held at the end; who frees them?"
PUT = "a reference was put that nobody held (double put), 3 times"
FREED = "a slab object was freed while the queue still showed it, 8 times"
GOT = "message 4: the receiver got 52 of 8,296 bytes that were not meant: first at byte 0 (header); the slab object was"


@pytest.mark.parametrize(
    "wrong, told",
    [
        (leaks_a_reference, f"leaked: 1 page block {HELD}"),
        pytest.param(leaks_an_object, f"leaked: 5 slab objects {HELD}", marks=LONG),
        (leaks_a_fragment, f"leaked: 1 page block {HELD}"),
        (forgets_to_release, f"leaked: 10 slab objects {HELD}"),
        (puts_twice, PUT),
        pytest.param(drops_the_callers_page, PUT.replace("3", "4"), marks=LONG),
        (frees_twice, "an object was freed that nobody held (double kfree), 5 times"),
        pytest.param(frees_before_it_sends, f"{GOT} freed before it was sent; {FREED}", marks=LONG),
        (frees_while_it_is_queued, f"{GOT} freed while the queue still showed it; {FREED}"),
    ],
)
def test_what_breaks_memory_is_an_error_that_says_what(wrong, told):
    alternative("mine")(wrong)
    options = {"trailer_bytes": 4, "ack_delay": 1, "lose_every": 2, "fate": FREED_AFTER}
    with pytest.raises(BrokenError) as caught:
        run(CALLERS["iscsi_tcp"], "mine", "6.12", 3, **options)
    assert str(caught.value) == f"mine on 6.12: {told}"
    (row,) = compare("iscsi_tcp", 4096, ("mine",), "6.12", messages=3, **options).plain()["rows"]
    assert row["outcome"].endswith(told) and row["counters"]["sends"] == 3
    OWN.clear()
    assert run(SIW, "plain_copy").outcome == "delivered", "the next run begins afresh"


def forgets_the_trailer(w):
    build_all(w)
    return send_first(w, w.plan[0].pieces - 1, 0)


def forgets_it_and_says_that_all_went(w):
    build_all(w)
    send_first(w, w.plan[0].pieces - 1, 0)
    return w.plan[0].bytes


def sends_before_it_builds(w):
    for place in range(w.plan[0].pieces):
        w.piece[place].address = w.piece[place].kept_address
    sent = send_first(w, w.plan[0].pieces, 0)
    build_all(w)
    return sent


def swaps_header_and_trailer(w):
    build_all(w)
    iov_begin(w)
    for place in range(w.plan[0].pieces - 1, -1, -1):
        add_piece(w, place)
    return sendmsg(w, 0)


def attaches_what_is_rewritten(w):
    build_all(w)
    return send_first(w, w.plan[0].pieces, splice_flag(w))


def sends_the_header_twice(w):
    build_all(w)
    return send_first(w, w.plan[0].pieces, 0) + send_first(w, 1, 0)


def leaves_more_hanging(w):
    build_all(w)
    return send_first(w, w.plan[0].pieces, MSG_MORE)


ORDER = "they left like that: in another order, or before they were written"
REWRITTEN = "its owner wrote the next message into the same memory (static) while the queue still showed it"
NOT_MEANT = "the receiver got {} bytes that were not meant: first at byte 0 (header); {}"


@pytest.mark.parametrize(
    "wrong, told",
    [
        (
            forgets_the_trailer,
            "short send: message 1: 4 bytes fewer arrived than were meant: from byte 4,112 (trailer) on",
        ),
        pytest.param(
            forgets_it_and_says_that_all_went,
            "short send: message 1: 4 bytes fewer arrived than were meant: from byte 4,112 (trailer) on",
            marks=LONG,
        ),
        (sends_before_it_builds, f"corrupt bytes: message 1: {NOT_MEANT.format('20 of 4,116', ORDER)}"),
        pytest.param(
            swaps_header_and_trailer,
            f"corrupt bytes: message 1: {NOT_MEANT.format('4,116 of 4,116', ORDER)}",
            marks=LONG,
        ),
        (attaches_what_is_rewritten, f"corrupt bytes: message 4: {NOT_MEANT.format('20 of 8,232', REWRITTEN)}"),
        (sends_the_header_twice, "corrupt bytes: message 1: 16 bytes more arrived than were meant"),
        (
            leaves_more_hanging,
            "broken: message 10: 41,160 bytes still waited at the end: the last call said MSG_MORE, and no more came",
        ),
    ],
)
def test_what_spoils_the_message_is_its_outcome_in_words(wrong, told):
    alternative("mine")(wrong)
    options = {"owners": {"header": "static", "trailer": "static"}, "ack_delay": 1, "lose_every": 2}
    tally = run(SIW, "mine", "6.12", 8, **options)
    assert tally.outcome == told and tally.ending in FILL
    assert compare("siw", 4096, ("mine",), "6.12", messages=8, **options).tallies["mine"].outcome == told


def test_table_explorer_and_bars_say_it_too():
    alternative("mine")(forgets_the_trailer)
    said = "short send: message 1: 4 bytes fewer arrived than were meant: from byte 4,112 (trailer) on"
    comparison = compare("siw", 4096, ("plain_copy", "mine"))
    assert comparison.table.outcome["mine"] == said and said in comparison.text
    assert_legible(comparison.figure)
    explorer = explore(partial(trace_message, "siw", "mine"), payload_bytes=[4096, 8192])
    explorer.controls["payload_bytes"].value = 8192
    explorer.controls["payload_bytes"].value = 4096
    assert said in explorer._words.value and said in explorer._repr_mimebundle_()[0]["text/plain"]
    alternative("leaks")(leaks_a_fragment)
    explorer = explore(partial(trace_message, "siw"), alternative=["plain_copy", "leaks"])
    with pytest.raises(BrokenError, match="leaked: "):
        explore(partial(trace_message, "siw", "leaks"))
    explorer.controls["alternative"].value = "leaks"
    assert isinstance(explorer.error, BrokenError)
    explorer.controls["alternative"].value = "plain_copy"
    assert explorer.error is None, "the others go on"
