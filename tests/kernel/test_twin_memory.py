"""Random operations on pages, kmalloc and the fragment allocators, side by side with their twin in plain Python."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from kernel import twin
from kernel.machines import PICK, PROFILE, SIZE, as_test, check_empty, check_memory
from kernel.worlds import PAGE, fresh

from splicelab.kernel import frag
from splicelab.kernel.memory import USER, alloc_pages, get_page, put_page
from splicelab.kernel.slab import kfree, kmalloc
from splicelab.kernel.world import NONE


class MemoryMachine(RuleBasedStateMachine):
    """Pages, kmalloc and the fragment allocators."""

    @initialize(profile=PROFILE)
    def boot(self, profile):
        self.w, self.twin = fresh(profile), twin.Memory(profile)
        self.held, self.objects, self.pieces = [], [], []

    @rule(order=st.integers(0, 4))
    def new_pages(self, order):
        head, ours = alloc_pages(self.w, order, USER), self.twin.pages(order, "user")
        assert (None if head == NONE else head) == ours
        if ours is not None:
            self.held.append(ours)

    @rule(pick=PICK, tail=PICK)
    def hold(self, pick, tail):
        heads = [head for head, block in self.twin.blocks.items() if not block.frozen]
        if heads:
            head = heads[pick % len(heads)]
            page = head + tail % (1 << self.twin.blocks[head].order)
            get_page(self.w, page)
            self.twin.get(page)
            self.held.append(page)

    @precondition(lambda self: self.held)
    @rule(pick=PICK)
    def let_go(self, pick):
        page = self.held.pop(pick % len(self.held))
        put_page(self.w, page)
        self.twin.put(page)

    @rule(size_bytes=SIZE)
    def new_object(self, size_bytes):
        address, ours = kmalloc(self.w, size_bytes), self.twin.kmalloc(size_bytes)
        assert (None if address == NONE else address) == ours
        if ours is not None:
            self.objects.append(ours)

    @precondition(lambda self: self.objects)
    @rule(pick=PICK)
    def free_object(self, pick):
        address = self.objects.pop(pick % len(self.objects))
        kfree(self.w, address)
        self.twin.kfree(address)

    @rule(allocator=st.sampled_from(frag.ALLOCATORS), size_bytes=SIZE)
    def cut(self, allocator, size_bytes):
        if any(block.reserves for block in self.twin.blocks.values()) or self.twin.from_reserves:
            size_bytes = min(size_bytes, PAGE)  # more never ends in the kernel: a bug that reviewers found
        address = frag.frag_alloc(self.w, frag.ALLOCATORS.index(allocator), size_bytes)
        ours = self.twin.frag(allocator, size_bytes)
        assert (None if address == NONE else address) == ours
        if ours is not None:
            self.pieces.append((allocator, ours))

    @precondition(lambda self: self.pieces)
    @rule(pick=PICK)
    def give_back(self, pick):
        allocator, address = self.pieces.pop(pick % len(self.pieces))
        frag.frag_free(self.w, frag.ALLOCATORS.index(allocator), address)
        self.twin.free_frag(allocator, address)

    @rule(high_order_fails=st.booleans(), from_reserves=st.booleans())
    def pressure(self, high_order_fails, from_reserves):
        self.w.fail_high_order, self.w.from_reserves = high_order_fails, from_reserves
        self.twin.high_order_fails, self.twin.from_reserves = high_order_fails, from_reserves

    @invariant()
    def same(self):
        if hasattr(self, "w"):
            check_memory(self.w, self.twin)

    def teardown(self):
        if not hasattr(self, "w"):
            return
        while self.pieces:
            self.give_back(0)
        while self.objects:
            self.free_object(0)
        while self.held:
            self.let_go(0)
        self.twin.drain()
        check_empty(self.w)
        assert {block.kind for block in self.twin.blocks.values()} <= {"slab"}


TestMemory = as_test(MemoryMachine)
