"""Every alternative on every caller, kernel and owner of memory: bytes as meant, or what goes wrong, pinned."""

import functools

import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splicelab.alternatives import BUILT_IN
from splicelab.callers import load_callers
from splicelab.errors import InputError
from splicelab.evidence.counted.run import run
from splicelab.kernel.frag import ALLOCATORS
from splicelab.kernel.message import FATES, OWNERS
from splicelab.kernel.profiles import PROFILES

CALLERS = load_callers()
LOSSY = {"ack_delay": 2, "lose_every": 2}
MESSAGES = 3


@st.composite
def shapes(draw):
    """Draw a caller, a message of it, and owners that may not be its own."""
    caller = CALLERS[draw(st.sampled_from(sorted(CALLERS)))]
    size = st.one_of(st.integers(0, 300), st.integers(0, 70_000), st.sampled_from([4096, 8192, 8193, 65536]))
    least = 0 if caller.header_bytes else 1
    payload_bytes = min(max(draw(size), least), caller.most_bytes(1448), caller.payload_bytes_max)
    trailer_bytes = draw(st.sampled_from(caller.trailer_sizes()))
    roles = st.sampled_from(["header", "head", "payload", "trailer"])
    owners = draw(st.dictionaries(roles, st.sampled_from(OWNERS), max_size=4))
    if draw(st.integers(0, 3)) == 0:
        owners["payload"] = "page_then_slab"
    fates = draw(st.dictionaries(roles, st.sampled_from(FATES), max_size=4))
    return caller, payload_bytes, trailer_bytes, owners, fates


@functools.cache
def message_bytes(caller, profile, payload_bytes, trailer_bytes):
    sends = caller.sends(profile, payload_bytes, trailer_bytes)
    return sum(segment.size_bytes for send in sends for segment in send.segments)


@pytest.mark.soak
@pytest.mark.parametrize("alternative", BUILT_IN)
@given(
    shape=shapes(),
    profile=st.sampled_from(sorted(PROFILES)),
    allocator=st.sampled_from(ALLOCATORS),
    flag=st.sampled_from([True, True, True, False]),
    scatter_gather=st.sampled_from([True, True, True, False]),
    nodelay=st.booleans(),
    mtu=st.sampled_from([1500, 65536]),
    ack_delay=st.integers(0, 3),
    lose_every=st.integers(0, 3),
)
def test_what_arrives_is_what_was_meant_wherever_the_alternative_handles_the_owner(
    alternative, shape, profile, allocator, flag, scatter_gather, **link
):
    """A run that leaks a page or an object, or drops a reference twice, raises: so everything is back each time."""
    caller, payload_bytes, trailer_bytes, owners, fates = shape
    fate = oracle.fate(
        caller, alternative, profile, payload_bytes, trailer_bytes, owners, allocator, flag, scatter_gather, fates
    )
    tally = run(
        caller, alternative, profile, MESSAGES, payload_bytes=payload_bytes, trailer_bytes=trailer_bytes,
        owners=owners, fate=fates, allocator=allocator, flag=flag, scatter_gather=scatter_gather, warm_up=0, **link,
    )  # fmt: skip
    ends = {"refused": tally.refused, "short": tally.short_sends}
    assert ends == {"refused": 0, "short": 0} | ({fate.end: MESSAGES} if fate.end in ends else {})
    if fate.end == "delivered":
        total = MESSAGES * message_bytes(caller, profile, payload_bytes, trailer_bytes)
        assert (tally.sent_bytes, tally.received_bytes, tally.eio) == (total, total, 0)
    else:
        assert tally.eio >= MESSAGES
    if fate.is_stable and fate.end != "short":
        assert tally.corrupt_bytes == 0
    elif fate.end == "delivered" and link["ack_delay"] == 0 and (link["nodelay"] or not link["lose_every"]):
        assert tally.corrupt_bytes == 0, "acknowledged before the next message is built"


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("alternative", ["plain_copy", "copy_in_stack", "fix_callers"])
def test_with_its_own_owners_every_caller_is_delivered_by_the_three_answers(caller, alternative):
    """On the kernel with the patch; loss shows whose header is in pages and written again (the nvme rule)."""
    shape = CALLERS[caller]
    tally = run(shape, alternative, "6.12+v3", 6, payload_bytes=min(5000, shape.payload_bytes_max))
    assert tally.outcome == "delivered"
    lossy = run(shape, alternative, "6.12+v3", 6, payload_bytes=min(5000, shape.payload_bytes_max), **LOSSY)
    by_reference = {
        "copy_in_stack": {"nvme_tcp", "nvmet_tcp", "drbd", "sunrpc_client", "lio_target"},
        "fix_callers": {"nvme_tcp", "nvmet_tcp", "drbd"},
    }.get(alternative, ())
    assert lossy.outcome == ("corrupt bytes" if caller in by_reference else "delivered")


@pytest.mark.parametrize(
    "alternative, profile, fate, owner, outcome",
    [
        ("piecewise", "6.12", "rewritten", "page", "corrupt bytes"),
        ("piecewise", "6.12", {"payload": "rewritten"}, "page", "corrupt bytes"),
        ("piecewise", "6.1", {"payload": "rewritten"}, "page", "corrupt bytes"),
        ("plain_copy", "6.12", "rewritten", "page", "delivered"),
        ("piecewise", "6.12", {"header": "rewritten"}, "page", "delivered"),
        ("piecewise", "6.12", {"payload": "freed"}, "page", "delivered"),  # a reference keeps the page
        ("piecewise", "6.1", {"payload": "freed"}, "slab", "corrupt bytes"),  # and no slab object
        ("piecewise", "6.12", {"payload": "kept"}, "page", "delivered"),
    ],
)
def test_payload_that_changes_in_flight_is_wrong_where_it_is_attached(alternative, profile, fate, owner, outcome):
    """Lost and sent again, it shows what memory holds by then; the header of siw is copied first."""
    tally = run("siw", alternative, profile, 6, payload_bytes=8192, owners={"payload": owner}, fate=fate, **LOSSY)
    assert tally.outcome == outcome
    assert (tally.corrupt_bytes > 4096) == (outcome != "delivered"), "bytes of the payload, not of header or trailer"


SIW, SUNRPC = CALLERS["siw"], CALLERS["sunrpc_server"]


@pytest.mark.parametrize("alternative", ["attach_callback", "copy_on_ref"])
@pytest.mark.parametrize("profile", ["6.12", "6.17"])
def test_an_attached_object_is_freed_by_its_callback(alternative, profile):
    """The header of siw is written again and again: for a callback it takes a fresh one for each message."""
    tally = run(SIW, alternative, profile, 50, **LOSSY)
    assert tally.outcome == "delivered" and tally.kfrees == tally.notifications >= 50


@pytest.mark.parametrize("alternative", ["attach_callback", "copy_on_ref"])
def test_large_kmalloc_needs_no_callback_while_its_pages_are_counted(alternative):
    """LIO's header lies in a kvcalloc'd block: a page reference keeps it, until 6.17 takes the count away."""
    tally = run(CALLERS["lio_target"], alternative, "6.12", 50, **LOSSY)
    assert (tally.outcome, tally.kfrees, tally.notifications) == ("delivered", 50, 0)
    assert run(CALLERS["lio_target"], alternative, "6.17", 5).outcome == "refused (-EIO)"


@pytest.mark.parametrize("profile", ["6.12", "6.13", "6.14", "6.17"])
def test_slab_first_without_the_patch_is_refused(profile):
    tally = run(SIW, "copy_in_stack", profile, 5)
    assert (tally.outcome, tally.refused, tally.eio) == ("refused (-EIO)", 5, 5)
    assert (tally.sent_bytes, tally.skbs, tally.tcp_push) == (0, 0, 0)


@pytest.mark.parametrize("profile", ["6.12", "6.13", "6.14", "6.17"])
@pytest.mark.parametrize("header", ["page", "page_frag", "stack", "static"])
def test_a_slab_trailer_behind_pages_is_a_short_send(profile, header):
    tally = run(SIW, "copy_in_stack", profile, 5, owners={"header": header}, warm_up=0)
    assert (tally.outcome, tally.short_sends, tally.refused) == ("short send", 5, 0)
    assert tally.sent_bytes == 5 * (16 + 4096) and tally.corrupt_bytes == 0


def test_slab_in_the_middle_without_the_patch_leaves_a_hole_that_the_receiver_sees():
    tally = run(CALLERS["sunrpc_client"], "copy_in_stack", "6.12", 5, warm_up=0)
    assert (tally.short_sends, tally.sent_bytes) == (5, 5 * (4 + 4096)) and tally.corrupt_bytes > 4000


@pytest.mark.parametrize("owner", ["stack", "static", "page", "page_frag", "large_kmalloc"])
def test_the_patch_attaches_a_rewritten_header_by_reference(owner):
    """The patch copies slab data only: any other header shows the next message when it is lost and sent again."""
    owners = {"header": owner, "trailer": owner}
    assert run(SIW, "copy_in_stack", "6.12+v3", 12, owners=owners).outcome == "delivered"
    tally = run(SIW, "copy_in_stack", "6.12+v3", 12, owners=owners, warm_up=0, **LOSSY)
    assert tally.outcome == "corrupt bytes"
    # Of 12 messages 5 lose their first skb, which is all of it, before the next is built.
    assert tally.retransmits == 5 and tally.corrupt_bytes == 5 * (16 + 4)


def test_the_patch_copies_slab_data_whatever_happens_to_it_later():
    tally = run(SIW, "copy_in_stack", "6.12+v3", 12, **LOSSY)
    assert (tally.outcome, tally.copies, tally.copied_bytes) == ("delivered", 24, 12 * 20)


@pytest.mark.parametrize("owner", ["slab", "large_kmalloc", "stack", "static"])
@pytest.mark.parametrize("profile", PROFILES)
def test_fix_callers_needs_no_patch(owner, profile):
    tally = run(SIW, "fix_callers", profile, 12, owners={"header": owner, "trailer": owner}, **LOSSY)
    assert tally.outcome == "delivered" and tally.kmallocs == 0


def test_naive_sendpage_of_slab_memory_shows_the_next_owner():
    """A kmalloc'd message goes out by reference and is freed; the next one gets the same object."""
    o2net, frees = CALLERS["o2net"], {"payload_bytes": 0, "fate": "freed"}
    assert run(o2net, "piecewise", "6.1", 12, **frees).outcome == "delivered"
    tally = run(o2net, "piecewise", "6.1", 12, warm_up=0, **frees, **LOSSY)
    assert tally.outcome == "corrupt bytes" and tally.corrupt_bytes == 5 * 32
    assert run(o2net, "piecewise", "6.12", 12, **frees, **LOSSY).outcome == "delivered"


@pytest.mark.parametrize("ack_delay", [0, 1, 40, 63])
@pytest.mark.parametrize(("caller", "profile"), [("o2net", "6.1"), ("rds", "6.12+v3"), ("rds", "6.1"), ("dlm", "6.12")])
def test_what_is_kept_until_the_ack_stays_as_it_was_and_is_freed_then(caller, profile, ack_delay):
    shape = CALLERS[caller]
    given = {"payload_bytes": min(512, shape.payload_bytes_max), "ack_delay": ack_delay, "lose_every": 3}
    tally = run(shape, "piecewise", profile, 100, **given)
    assert tally.outcome == "delivered" and tally.objects_in_use == 0
    if "slab" in (shape.header_owner_6_1, shape.header_owner_6_12) and (caller, profile) != ("o2net", "6.12"):
        assert tally.kmallocs == 100 and tally.kfrees == 100 + min(ack_delay, 2)  # those of the warm-up too


def test_an_ack_in_time_hides_it():
    tally = run(SIW, "copy_in_stack", "6.12+v3", 12, owners={"header": "static"}, ack_delay=0, lose_every=1)
    assert tally.outcome == "delivered" and tally.retransmits > 0


@pytest.mark.parametrize("options", [{"flag": False}, {"scatter_gather": False}])
@pytest.mark.parametrize("alternative", BUILT_IN)
def test_where_the_flag_is_not_given_or_not_supported_everything_is_copied(alternative, options):
    for profile in PROFILES:
        tally = run(SIW, alternative, profile, 4, **options, **LOSSY)
        assert tally.outcome == "delivered"
        if profile != "6.1" or "scatter_gather" in options:
            twice_bytes = 20 if alternative == "rewrite_helper" else 0  # the helper has copied slab data before (C8)
            assert (tally.copied_bytes, tally.spliced_bytes, tally.sendpages) == (4 * (4116 + twice_bytes), 0, 0)


def test_count_only_counts_the_same():
    for alternative in BUILT_IN:
        with_bytes, without = (run(SIW, alternative, messages=9, moves_bytes=moves) for moves in (True, False))
        assert with_bytes == without


@pytest.mark.parametrize(
    "options, message",
    [
        ({"alternative": "magic"}, "alternative: 'magic' is not one of plain_copy, "),
        ({"profile": "2.6"}, "profile: '2.6' is not one of 6.1, "),
        ({"allocator": "malloc"}, "allocator: 'malloc' is not one of page_frag_down, "),
        ({"mtu": 68}, "mtu: 68 bytes, not 576 to 65536"),
        ({"ack_delay": 64}, "ack_delay: 64 messages, not 0 to 63"),
        ({"ack_delay": -1}, "ack_delay: -1 messages, not 0 to 63"),
        ({"payload_bytes": -1}, "siw: payload of one message: -1 bytes, not 0 to 65460"),
        ({"caller": "nvme_tcp", "payload_bytes": 1 << 22}, "payload: 4194304 bytes, more than "),
        (
            {"caller": "rds", "payload_bytes": 1 << 20, "ack_delay": 2},
            "payload: 1048624 bytes a message in flight 3 times",
        ),
        ({"trailer_bytes": 3}, "siw: trailer: 3 bytes, not 4 to 7"),
        ({"owners": {"header": "heap"}}, "owner: 'heap' is not one of slab, "),
        (
            {"owners": {"header": "page_then_slab"}},
            "owner: 'page_then_slab' is not one of slab, large_kmalloc, stack, ",
        ),
        ({"fate": {"body": "freed"}}, "piece: 'body' is not one of header, head, payload, trailer"),
        ({"fate": "lost"}, "fate: 'lost' is not one of freed, rewritten, kept"),
    ],
)
def test_bad_input_is_one_sentence(options, message):
    with pytest.raises(InputError) as caught:
        run(**{"caller": SIW, "alternative": "plain_copy", **options})
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)
