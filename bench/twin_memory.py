"""Pages, page fragments and the segments of a send in ints and lists: what twin.py stands on."""

from collections import Counter

PAGE_BYTES = 4096
CACHE_ORDER = 3
BIAS = 32768


class Block:
    """2**order pages with one reference count, and in how many queued fragments they show."""

    __slots__ = ("page", "order", "count", "queued", "is_slab")

    def __init__(self, page: int, order: int) -> None:
        self.page, self.order, self.count, self.queued, self.is_slab = page, order, 1, 0, False


class Memory:
    """Pages in naturally aligned blocks; a freed block is handed out again first."""

    def __init__(self, counters: Counter) -> None:
        self.counters = counters
        self.next_page = 1
        self.freed = [[] for _ in range(11)]
        self.block_of = {}

    def take(self, order: int) -> Block:
        """Return a block with one reference."""
        pages = 1 << order
        if self.freed[order]:
            block = self.freed[order].pop()
            block.count, block.queued = 1, 0
        else:
            first = -(-self.next_page // pages) * pages
            self.next_page = first + pages
            block = Block(first, order)
            for page in range(first, first + pages):
                self.block_of[page] = block
        self.counters["new_pages"] += pages
        self.counters["pages_in_use"] += pages
        return block

    def take_slab(self) -> None:
        """Take a page for the object that the caller had before, and which stays unused."""
        self.take(0).is_slab = True
        self.counters["kmallocs"] += 1
        self.counters["objects_in_use"] += 1

    def get(self, page: int) -> Block:
        """Take a reference on a page's block."""
        block = self.block_of[page]
        block.count += 1
        self.counters["get_page"] += 1
        return block

    def put(self, page: int) -> None:
        """Drop a reference; the last one frees the block."""
        block = self.block_of[page]
        if block.count <= 0:
            self.counters["double_put"] += 1
            return
        block.count -= 1
        self.counters["put_page"] += 1
        if block.count == 0:
            self.freed[block.order].append(block)
            self.counters["pages_in_use"] -= 1 << block.order


class FragmentCache:
    """Pieces cut downward from blocks of 32 KiB; all references are bought with the block."""

    def __init__(self, memory: Memory) -> None:
        self.memory, self.block, self.offset, self.bias = memory, None, 0, 0

    def alloc(self, size_bytes: int) -> int:
        """Return the address of a piece."""
        if self.block is None or size_bytes > self.offset:
            self.start_over()
        self.bias -= 1
        self.offset -= size_bytes
        self.memory.counters["frag_allocs"] += 1
        return self.block.page * PAGE_BYTES + self.offset

    def start_over(self) -> None:
        """Begin again on this block, if no piece of it is in use, or on a new one."""
        if self.block is not None:
            self.block.count -= self.bias
        if self.block is not None and self.block.count == 0:
            self.memory.counters["refurbishes"] += 1
        else:
            self.block = self.memory.take(CACHE_ORDER)
        self.block.count = self.bias = BIAS + 1
        self.offset = PAGE_BYTES << self.block.order

    def free(self, address: int) -> None:
        """Drop the reference of a piece."""
        self.memory.counters["frag_frees"] += 1
        self.memory.put(address // PAGE_BYTES)


class Iterator:
    """The segments of one send, walked front to back."""

    def __init__(self, segments: list[tuple[int, int]]) -> None:
        self.segments, self.index, self.offset = segments, 0, 0
        self.left = sum(size_bytes for _, size_bytes in segments)

    def take(self, size_bytes: int, pages: int) -> tuple[int, int]:
        """Step over at most so many pages of one segment; return address and bytes."""
        while self.offset == self.segments[self.index][1]:
            self.index, self.offset = self.index + 1, 0
        address, segment_bytes = self.segments[self.index]
        address += self.offset
        size_bytes = min(size_bytes, segment_bytes - self.offset, pages * PAGE_BYTES - address % PAGE_BYTES)
        self.step(size_bytes)
        return address, size_bytes

    def step(self, size_bytes: int) -> None:
        """Step on, or back by a negative number."""
        self.offset += size_bytes
        self.left -= size_bytes
