"""The matrix of owners, flags and kernels against a reading of the rules, every combination."""

import pytest

from splicelab.errors import InputError
from splicelab.evidence.counted.matrix import MESSAGES, VMALLOC_STACK, Matrix, matrix
from splicelab.evidence.counted.run import open_world
from splicelab.kernel.memory import KINDS, sendpage_ok
from splicelab.kernel.message import OWNERS, alloc_owned
from splicelab.kernel.profiles import PROFILES
from splicelab.kernel.world import PAGE_SIZE


@pytest.fixture(scope="module")
def table():
    return matrix().table


def piece_end(owner, kernel, is_again):
    """Return what the kernel does with one piece that it is asked to splice, and whether it goes out right."""
    if owner == "slab":
        return "slab copied" if kernel == "6.12+v3" else "refused"
    if owner == "large_kmalloc" and kernel == "6.17":
        return "refused"
    return "changed" if owner in ("stack", "static") or is_again else "spliced"


def meant_end(row):
    if VMALLOC_STACK in (row.header, row.trailer):
        return "not expressible"
    if not (row.flag and row.scatter_gather) or row.kernel == "6.1":
        return "copied"
    header, trailer = (
        piece_end(owner, row.kernel, row.next_message == "same memory again") for owner in (row.header, row.trailer)
    )
    if header == "refused":
        return "refused (-EIO)"
    if trailer == "refused":
        return "short, wrong bytes" if header == "changed" else "short"
    if "changed" in (header, trailer):
        return "silently wrong"
    return "slab copied, rest spliced" if "slab copied" in (header, trailer) else "spliced"


def test_every_combination_ends_as_the_rules_say(table):
    assert len(table) == len(PROFILES) * 2 * 2 * 2 * 7 * 7
    wrong = [tuple(row) for row in table.itertuples(index=False) if row.outcome != meant_end(row)]
    assert not wrong


def test_bytes_copied_are_those_of_the_pieces_copied(table):
    slab = table.query("kernel == '6.12+v3' and flag and scatter_gather and header == 'slab' and trailer == 'slab'")
    assert set(slab.copied_bytes) == {MESSAGES * (48 + 4)}
    large = table.query("kernel == '6.17' and not flag and header == 'large_kmalloc' and trailer == 'slab'")
    assert set(large.copied_bytes) == {MESSAGES * (48 + 4096 + 4)}


def test_the_promise_holds_for_all_without_the_flag_and_for_some_with_it(table):
    kept = Matrix(table).promise
    assert (kept.xs("no flag", level="flag").kept == 144).all() and (kept.of == 144).all()
    with_flag = kept.xs("flag", level="flag").kept
    assert with_flag["6.12"] < with_flag["6.12+v3"] < with_flag["6.1"] == 144


def test_a_small_piece_in_large_kmalloc_is_not_slab_memory():
    """48 bytes at the start of a larger object: pages with a count up to 6.16, without one since 6.17."""
    w = open_world("6.12")
    address = alloc_owned(w, OWNERS.index("large_kmalloc"), 48)
    assert KINDS[w.page[address // PAGE_SIZE].kind] == "large_kmalloc" and sendpage_ok(w, address // PAGE_SIZE)
    w = open_world("6.17")
    address = alloc_owned(w, OWNERS.index("large_kmalloc"), 48)
    assert not sendpage_ok(w, address // PAGE_SIZE)


def test_an_unknown_owner_or_kernel_is_refused():
    with pytest.raises(InputError, match="owner: 'heap'"):
        matrix(("6.12",), headers=("heap",))
    with pytest.raises(InputError, match="profile: '5.4'"):
        matrix(("5.4",), ("slab",), ("slab",))
