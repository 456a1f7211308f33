"""kmalloc: size classes with a last-in-first-out freelist, so that what was freed last is handed out next.

Source: Linux 6.12 mm/slab_common.c: kmalloc_size_index; mm/slub.c: do_slab_free, ___kmalloc_large_node.
One CPU, no partial slabs, no redzone, nothing zeroed: reuse of memory stays visible on purpose.
"""

from splicelab._jit import jit
from splicelab.kernel import memory
from splicelab.kernel.memory import SLAB, alloc_pages, head_of, unsigned
from splicelab.kernel.world import KFREE, KMALLOC, NONE, OBJECT_GRAIN, PAGE_SIZE, log

CLASSES = (8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192)
SLAB_ORDERS = (0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 3, 3, 3)


@jit(forceinline=True)
def kmalloc_class(size_bytes):
    """Return the index of the smallest size class that holds ``size_bytes``, or NONE above 8192 bytes."""
    for index in range(len(CLASSES)):
        if size_bytes <= CLASSES[index]:
            return index
    return NONE


@jit
def new_slab(w, index):
    """Cut a new slab of this class into free objects, the lowest address in front; False when memory is exhausted."""
    head = alloc_pages(w, SLAB_ORDERS[index], SLAB)
    if head == NONE:
        return False
    w.page[head].slab_class = index
    size_bytes = CLASSES[index]
    for number in range((PAGE_SIZE << SLAB_ORDERS[index]) // size_bytes - 1, -1, -1):
        address = head * PAGE_SIZE + number * size_bytes
        w.object_next[address // OBJECT_GRAIN] = w.free_objects[index]
        w.free_objects[index] = address
    return True


@jit(forceinline=True)
def kmalloc(w, size_bytes):
    """Return the address of a slab object, or of whole pages above 8192 bytes; NONE when memory is exhausted."""
    index = kmalloc_class(size_bytes)
    if index == NONE:
        address = memory.alloc_block(w, size_bytes, memory.LARGE_KMALLOC)
    else:
        if w.free_objects[index] == NONE and not new_slab(w, index):
            return NONE
        address = w.free_objects[index]
        w.free_objects[index] = w.object_next[unsigned(address // OBJECT_GRAIN)]
    if address == NONE:
        return NONE
    w.object_next[unsigned(address // OBJECT_GRAIN)] = 0  # of an object in use: how often a queue shows it
    w.tally[0].kmallocs += 1
    w.tally[0].objects_in_use += 1
    log(w, KMALLOC, address, size_bytes, 0)
    return address


@jit(forceinline=True)
def kfree(w, address):
    """Free an object at once, whoever still points at it; large ones only drop their page reference."""
    head = head_of(w, address // PAGE_SIZE)
    w.tally[0].kfrees += 1
    w.tally[0].objects_in_use -= 1
    log(w, KFREE, address, 0, 0)
    if w.page[head].kind != memory.LARGE_KMALLOC:
        index = unsigned(w.page[head].slab_class)
        w.object_next[unsigned(address // OBJECT_GRAIN)] = w.free_objects[index]
        w.free_objects[index] = address
    elif w.profile[0].large_kmalloc_frozen != 0:
        memory.free_pages(w, head)
    else:
        memory.put_block(w, head)


@jit
def alloc_mixed(w, size_bytes):
    """Return the address of one range of pages of which the first is page cache and each later one a slab object."""
    address = memory.alloc_block(w, size_bytes, memory.PAGE_CACHE)
    if address != NONE:
        head, pages = w.page[address // PAGE_SIZE], 1 << w.page[address // PAGE_SIZE].order
        head.order = 0
        for page in range(head.head + 1, head.head + pages):
            later = w.page[page]
            later.head, later.order, later.kind, later.slab_class = page, 0, SLAB, kmalloc_class(PAGE_SIZE)
            later.queued, later.refcount = 0, 0 if memory.is_frozen(w, SLAB) else 1
            w.object_next[page * PAGE_SIZE // OBJECT_GRAIN] = 1  # its owner shows it: no callback frees it
    return address


@jit
def object_at(w, address):
    """Return the address of the slab object that a byte belongs to, and the size of its class in bytes."""
    head = w.page[address // PAGE_SIZE].head
    size_bytes = CLASSES[w.page[head].slab_class]
    return head * PAGE_SIZE + (address - head * PAGE_SIZE) // size_bytes * size_bytes, size_bytes


@jit
def show_object(w, address):
    """Let a queue point at an object without any page reference: its owner must not free it before the callback."""
    w.object_next[address // OBJECT_GRAIN] += 1
    if w.object_next[address // OBJECT_GRAIN] == 1:
        tally = w.tally[0]
        tally.pinned_bytes += object_at(w, address)[1]
        tally.pinned_peak_bytes = max(tally.pinned_peak_bytes, tally.pinned_bytes)


@jit
def hide_object(w, address):
    """Let go of an object; when no queue shows it any more, the completion callback frees it.

    Of a free object, where this is the next free one's address or NONE, it says that its owner did not wait.
    """
    if not 0 < w.object_next[address // OBJECT_GRAIN] < PAGE_SIZE:
        w.tally[0].freed_early += 1
        return
    w.object_next[address // OBJECT_GRAIN] -= 1
    if w.object_next[address // OBJECT_GRAIN] == 0:
        w.tally[0].pinned_bytes -= object_at(w, address)[1]
        w.tally[0].notifications += 1
        kfree(w, address)
