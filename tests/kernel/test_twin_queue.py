"""Random sends while the window is shut, side by side with the twin: every fragment of every skb is predicted."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from kernel import twin
from kernel.machines import PICK, PROFILE, SIZE, as_test, check_empty, check_memory
from kernel.twin_queue import Queue
from kernel.worlds import PAGE, fresh, queue, send, skbs

from splicelab.kernel.memory import KINDS, alloc_pages, put_page
from splicelab.kernel.slab import alloc_mixed, kfree, kmalloc
from splicelab.kernel.tcp import sendpage
from splicelab.kernel.tcp_input import finish
from splicelab.kernel.world import MSG_EOR, MSG_SPLICE_PAGES


class QueueMachine(RuleBasedStateMachine):
    """Sends of every kind while the window is shut: which bytes land in which fragment of which skb."""

    @initialize(profile=PROFILE, size_goal=st.sampled_from([1448, 5000, 65160, 1 << 17]))
    def boot(self, profile, size_goal):
        self.w, self.memory = fresh(profile, size_goal=size_goal), twin.Memory(profile)
        self.twin = Queue(self.memory, size_goal)
        self.buffers = []  # (address, bytes, is slab)

    @rule(kind=st.sampled_from(["user", "stack", "slab", "mixed"]), size_bytes=st.integers(1, 3 * PAGE))
    def new_buffer(self, kind, size_bytes):
        if kind == "slab":
            address = kmalloc(self.w, size_bytes)
            assert address == self.memory.kmalloc(size_bytes)
        elif kind == "mixed":
            address = alloc_mixed(self.w, size_bytes)
            assert address == self.memory.mixed(size_bytes)
        else:
            order = (-(-size_bytes // PAGE) - 1).bit_length()
            address = alloc_pages(self.w, order, KINDS.index(kind)) * PAGE
            assert address == self.memory.pages(order, kind) * PAGE
        self.buffers.append((address, size_bytes, kind == "slab"))

    def cut(self, pick, start, size_bytes):
        address, most, _ = self.buffers[pick % len(self.buffers)]
        start %= most
        return address + start, min(size_bytes, most - start)

    @precondition(lambda self: self.buffers)
    @rule(cuts=st.lists(st.tuples(PICK, st.integers(0, 9999), SIZE), min_size=1, max_size=24), splice=st.booleans(),
          eor=st.booleans())  # fmt: skip
    def sendmsg(self, cuts, splice, eor):
        segments = [self.cut(*cut) for cut in cuts]
        flags = MSG_SPLICE_PAGES * splice | MSG_EOR * eor
        assert send(self.w, *segments, flags=flags) == self.twin.sendmsg(segments, splice, eor)

    @precondition(lambda self: self.buffers and self.memory.profile == "6.1")
    @rule(cut=st.tuples(PICK, st.integers(0, 9999), SIZE))
    def sendpage(self, cut):
        address, size_bytes = self.cut(*cut)
        assert sendpage(self.w, address // PAGE, address % PAGE, size_bytes, 0) == size_bytes
        self.twin.sendpage(address // PAGE, address % PAGE, size_bytes)

    @precondition(lambda self: self.buffers)
    @rule(pick=PICK)
    def owner_frees(self, pick):
        address, _, is_slab = self.buffers.pop(pick % len(self.buffers))
        if is_slab:
            kfree(self.w, address)
            self.memory.kfree(address)
        else:
            put_page(self.w, address // PAGE)
            self.memory.put(address // PAGE)

    @rule()
    def all_arrives(self):
        sk = self.w.sock[0]
        sk.cwnd = 1 << 20
        finish(self.w)
        sk.cwnd = 0
        self.twin.drop()

    @invariant()
    def same(self):
        if hasattr(self, "w"):
            assert queue(self.w) == [[tuple(part) for part in skb["frags"]] for skb in self.twin.skbs]
            eors = [bool(self.w.skb[index].eor) for index in skbs(self.w)]
            assert eors == [skb["eor"] for skb in self.twin.skbs]
            check_memory(self.w, self.memory)
            empty_bytes = 1280 if self.memory.profile == "6.1" else 960
            total = sum(size for parts in queue(self.w) for _, _, size in parts)
            assert self.w.sock[0].wmem_queued == total + empty_bytes * len(self.twin.skbs)

    def teardown(self):
        if hasattr(self, "w"):
            while self.buffers:
                self.owner_frees(0)
            self.all_arrives()
            self.same()
            check_empty(self.w)


TestQueue = as_test(QueueMachine)
