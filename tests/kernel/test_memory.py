"""Pages: compound heads, references, reuse, and what may be referenced on which kernel."""

import pytest
from kernel.worlds import PAGE, counted, fresh, refcount

from splicelab.kernel import memory
from splicelab.kernel import world as kernel
from splicelab.kernel.profiles import PROFILES
from splicelab.kernel.slab import kmalloc

FROZEN = {"slab": ("6.14", "6.17"), "large_kmalloc": ("6.17",)}


@pytest.mark.parametrize("order", range(kernel.ORDERS))
def test_a_compound_page_is_aligned_and_its_tails_count_at_the_head(order):
    w = fresh()
    memory.alloc_pages(w, 0, memory.USER)
    head = memory.alloc_pages(w, order, memory.USER)
    last = head + (1 << order) - 1
    assert head % (1 << order) == 0 and refcount(w, last) == 1
    memory.get_page(w, last)
    assert refcount(w, head) == 2 and int(w.page[head].refcount) == 2
    if order:
        assert int(w.page[last].refcount) == 0
    memory.put_page(w, last)
    memory.put_page(w, head)
    assert w.page[head].kind == memory.FREE and counted(w, "pages_in_use", "double_put") == (1, 0)
    assert memory.alloc_pages(w, order, memory.USER) == head, "what was freed last is handed out next"


def test_one_put_too_many_is_counted_and_changes_nothing():
    w = fresh()
    head = memory.alloc_pages(w, 0, memory.USER)
    other = memory.alloc_pages(w, 0, memory.USER)
    memory.put_page(w, head)
    memory.put_page(w, head)
    assert counted(w, "double_put", "pages_in_use") == (1, 1) and refcount(w, other) == 1
    assert [memory.alloc_pages(w, 0, memory.USER) for _ in range(2)] == [head, other + 1]


def test_high_orders_fail_on_request_and_the_arena_ends():
    w = fresh()
    w.fail_high_order = 1
    assert memory.alloc_pages(w, 3, memory.USER) == kernel.NONE
    assert memory.alloc_pages(w, 0, memory.USER) > 0 and counted(w, "exhausted") == (0,)
    w.fail_high_order = 0
    assert [memory.alloc_pages(w, 10, memory.USER) for _ in range(4)][-1] == kernel.NONE
    assert counted(w, "exhausted") == (1,)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", memory.KINDS[1:])
def test_what_sendpage_ok_accepts(profile, kind):
    """Slab never; large kmalloc until its pages lose their count; stack and static memory pass, wrong as it is."""
    w = fresh(profile)
    if kind in FROZEN:
        address = kmalloc(w, 8192 if kind == "slab" else 8193)
        page = address // PAGE + 1
    else:
        page = memory.alloc_pages(w, 1, memory.KINDS.index(kind)) + 1
    is_frozen = profile in FROZEN.get(kind, ())
    assert bool(memory.sendpage_ok(w, page)) == (kind != "slab" and not is_frozen)
    assert refcount(w, page) == (0 if is_frozen else 1)
    memory.get_page(w, page)
    assert refcount(w, page) == (0 if is_frozen else 2), "on a frozen page get_page does nothing"
    memory.put_page(w, page)
    assert refcount(w, page) == (0 if is_frozen else 1) and counted(w, "double_put") == (0,)


def test_the_queue_pins_whole_blocks_once():
    w = fresh()
    head = memory.alloc_pages(w, 3, memory.FRAGMENT)
    single = memory.alloc_pages(w, 0, memory.USER)
    for page in (head, head + 5, single):
        memory.queue_ref(w, page)
    assert counted(w, "pinned_bytes") == (32768 + 4096,) and refcount(w, head) == 3
    for page in (head, head + 5, single):
        memory.queue_unref(w, page)
    assert counted(w, "pinned_bytes", "pinned_peak_bytes") == (0, 36864) and refcount(w, head) == 1
