"""kmalloc: the kernel's size classes, their alignment and slabs, and what is freed is handed out next."""

import pytest
from kernel.worlds import PAGE, counted, fresh, memory, refcount

from splicelab.kernel.memory import LARGE_KMALLOC, SLAB, get_page, put_page
from splicelab.kernel.slab import kfree, kmalloc, kmalloc_class
from splicelab.kernel.world import NONE

CLASSES = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192]
OBJECTS = [512, 256, 128, 64, 42, 32, 42, 32, 32, 32, 16, 8, 4]  # in a slab, 16 CPUs
ORDERS = [0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 3, 3, 3]
ALIGNMENT = [8, 16, 32, 64, 32, 128, 64, 256, 512, 1024, 2048, 4096, 8192]


def test_every_size_gets_the_smallest_class_that_holds_it():
    for size_bytes in [*range(1, 300), *(n + d for n in CLASSES for d in (-1, 0, 1))]:
        fitting = [index for index, room in enumerate(CLASSES) if room >= size_bytes]
        assert kmalloc_class(size_bytes) == (fitting[0] if fitting else NONE), size_bytes


@pytest.mark.parametrize(
    "size_bytes, objects, order, alignment", list(zip(CLASSES, OBJECTS, ORDERS, ALIGNMENT, strict=True))
)
def test_a_slab_holds_as_many_objects_as_in_the_kernel(size_bytes, objects, order, alignment):
    w = fresh()
    addresses = [kmalloc(w, size_bytes) for _ in range(objects)]
    head = addresses[0] // PAGE
    assert counted(w, "new_pages", "kmallocs") == (1 << order, objects)
    assert all(address % alignment == 0 for address in addresses)
    assert addresses == list(range(addresses[0], addresses[0] + objects * size_bytes, size_bytes))
    assert addresses[-1] + size_bytes <= (head + (1 << order)) * PAGE
    assert {int(w.page[w.page[address // PAGE].head].kind) for address in addresses} == {SLAB}
    kmalloc(w, size_bytes)
    assert counted(w, "new_pages") == (2 << order,), "the next object begins a new slab"


@pytest.mark.parametrize("size_bytes", [1, 16, 48, 90, 190, 4096, 8000])
def test_what_was_freed_last_is_handed_out_next_with_its_bytes(size_bytes):
    w = fresh()
    first, second, third = (kmalloc(w, size_bytes) for _ in range(3))
    w.arena[second : second + size_bytes] = 0xA5
    kfree(w, first)
    kfree(w, second)
    assert (kmalloc(w, size_bytes), kmalloc(w, size_bytes)) == (second, first)
    assert memory(w, second, size_bytes) == b"\xa5" * size_bytes
    assert counted(w, "objects_in_use", "kmallocs", "kfrees") == (3, 5, 2) and third not in (first, second)


def test_a_page_reference_does_not_keep_a_slab_object():
    w = fresh("6.12")
    address = kmalloc(w, 16)
    get_page(w, address // PAGE)
    kfree(w, address)
    assert kmalloc(w, 16) == address
    put_page(w, address // PAGE)
    assert refcount(w, address // PAGE) == 1 and counted(w, "double_put") == (0,)


@pytest.mark.parametrize("size_bytes, order", [(8193, 2), (16384, 2), (16385, 3), (65536, 4), (70000, 5)])
def test_more_than_8192_bytes_are_pages_that_a_reference_keeps(size_bytes, order):
    w = fresh("6.14")
    address = kmalloc(w, size_bytes)
    page = address // PAGE
    assert (int(w.page[page].kind), int(w.page[page].order), address % PAGE) == (LARGE_KMALLOC, order, 0)
    get_page(w, page + 1)
    kfree(w, address)
    assert counted(w, "pages_in_use", "objects_in_use") == (1 << order, 0)
    assert kmalloc(w, size_bytes) != address
    put_page(w, page)
    assert kmalloc(w, size_bytes) == address


def test_since_6_17_no_reference_keeps_them():
    w = fresh("6.17")
    address = kmalloc(w, 16384)
    get_page(w, address // PAGE)
    kfree(w, address)
    assert kmalloc(w, 16384) == address


def test_exhausted_memory_is_an_error_of_the_run():
    w = fresh()
    while kmalloc(w, 1 << 20) != NONE:
        pass
    assert counted(w, "exhausted") == (1,) and counted(w, "kmallocs") == counted(w, "objects_in_use")
    assert kmalloc(w, 8192) == NONE or counted(w, "exhausted") == (1,)
