"""The shoot-out: offsets that the kernel's rules give, memory that never overlaps, and what delay and loss cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splicelab.errors import InputError
from splicelab.evidence.counted.fragments import Load, block_offsets, fill, shoot_out
from splicelab.kernel.frag import ALLOCATORS
from splicelab.kernel.world import PAGE_SIZE

SHARED = ("page_frag_down", "page_frag_up", "sk_page_frag", "v3_per_cpu")


def first_offsets(allocator, *sizes_bytes, count=4):
    return block_offsets(allocator, sizes_bytes)[0][:count]


def test_offsets_are_those_of_the_kernel():
    assert first_offsets("page_frag_down", 4) == [32764, 32760, 32756, 32752]
    assert first_offsets("page_frag_down", 72, count=2) == [32696, 32624]
    assert first_offsets("page_frag_up", 72) == first_offsets("sk_page_frag", 72) == [0, 72, 144, 216]
    assert first_offsets("v3_per_cpu", 16, 8, 48, 4) == [32704, 32640, 32576, 32512]


@pytest.mark.parametrize(
    ("allocator", "size_bytes", "pieces", "block_bytes"),
    [
        ("page_frag_down", 72, 455, 32768),
        ("page_frag_up", 72, 455, 32768),
        ("sk_page_frag", 4, 8192, 32768),
        ("v3_per_cpu", 4, 512, 32768),
        ("v3_per_cpu", 64, 512, 32768),
        ("v3_per_cpu", 65, 256, 32768),
        ("page_per_object", 4, 1, 4096),
        ("kmalloc", 48, 64, 4096),
        ("kmalloc", 72, 42, 4096),
    ],
)
def test_what_a_block_yields(allocator, size_bytes, pieces, block_bytes):
    offsets, found_bytes = block_offsets(allocator, (size_bytes,))
    assert (len(offsets), found_bytes) == (pieces, block_bytes)


@pytest.mark.parametrize("allocator", SHARED)
def test_without_order_3_a_block_is_one_page(allocator):
    offsets, block_bytes = block_offsets(allocator, (64,), order3_fails=True)
    assert (len(offsets), block_bytes) == (64, PAGE_SIZE)


def test_a_header_pins_a_block_and_truesize_is_charged_the_header():
    table = shoot_out((48,), messages=1).table
    assert set(table["held_peak_bytes"]) == {48}
    assert set(table.loc[list(SHARED), "pinned_peak_bytes"]) == {32768}
    assert set(table.loc[["page_per_object", "kmalloc"], "pinned_peak_bytes"]) == {4096}


def test_upward_pieces_share_a_frag_and_downward_ones_do_not():
    coalesced = shoot_out((48, 4), in_flight=4, messages=100).table["coalesced"]
    assert coalesced["page_frag_up"] == coalesced["sk_page_frag"] > 190
    assert coalesced[["page_frag_down", "v3_per_cpu", "page_per_object", "kmalloc"]].sum() == 0
    assert (shoot_out((48,), messages=100).table["coalesced"] == 0).all(), "nothing stands in the queue before it"


def test_a_block_is_used_again_only_when_nothing_of_it_is_in_flight():
    alone, delayed = (shoot_out(in_flight=n).table["new_pages"][list(SHARED)] for n in (1, 2))
    assert (alone == 8).all() and (delayed > 100).all()


def test_a_lost_message_holds_what_is_behind_it():
    even, lossy = (shoot_out((48,), in_flight=64, lose_every=n).table for n in (0, 10))
    assert (lossy["held_peak_bytes"] == 2 * even["held_peak_bytes"]).all()
    assert lossy["pinned_peak_bytes"]["page_per_object"] == 2 * even["pinned_peak_bytes"]["page_per_object"]


@given(
    st.sampled_from(ALLOCATORS),
    st.lists(st.integers(1, PAGE_SIZE), min_size=1, max_size=3),
    st.integers(1, 20),
    st.sampled_from([0, 1, 3, 10]),
    st.booleans(),
    st.integers(1, 120),
)
def test_pieces_in_flight_never_overlap(allocator, sizes_bytes, in_flight, lose_every, order3_fails, messages):
    load = Load(tuple(sizes_bytes), in_flight, lose_every, order3_fails, messages)._asdict()
    filling = fill(allocator, **load)
    flying = sorted(filling.pieces[filling.acked :])
    assert all(start + size <= after for (start, size), (after, _) in zip(flying, flying[1:], strict=False))
    assert filling.held_bytes == sum(size for _, size in flying) <= filling.pinned_bytes
    assert len(filling.pieces) + filling.refused == messages * len(sizes_bytes)
    assert not filling.refused or (allocator == "kmalloc" and order3_fails), "only slabs need more than one page"
    assert filling.pinned_bytes >= PAGE_SIZE * len({address // PAGE_SIZE for address, _ in flying})
    table = shoot_out(allocators=(allocator,), **load).table
    assert table["held_peak_bytes"].item() >= filling.held_bytes
    assert table["frag_slots"].item() + table["coalesced"].item() >= len(filling.pieces)


@pytest.mark.parametrize(
    ("allocator", "load", "said"),
    [
        ("slub", Load(), "allocator: 'slub' is not one of page_frag_down"),
        ("kmalloc", Load(()), "sizes: "),
        ("kmalloc", Load((48, 0)), "sizes: "),
        ("kmalloc", Load((4097,)), "not 1 to 4096 each"),
        ("kmalloc", Load((48,), 0), "in flight: 0 messages, not 1 to 1024"),
        ("kmalloc", Load((48, 4), 513), "in flight: 513 messages, not 1 to 512"),
        ("kmalloc", Load(lose_every=-1), "lose_every, messages: -1 and 10000, not 0 or more"),
    ],
)
def test_a_load_that_the_model_cannot_hold_is_refused(allocator, load, said):
    with pytest.raises(InputError, match=said):
        fill(allocator, **load._asdict())
    with pytest.raises(InputError):
        shoot_out(allocators=(allocator,), **load._asdict())
