"""A random life of a connection: what arrives is what was meant, and every reference is held by somebody."""

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from kernel.machines import PICK, PROFILE, as_test, check_empty
from kernel.worlds import PAGE, buffer, counted, fill, fresh, memory, queue, received, send, skbs

from splicelab.kernel import frag
from splicelab.kernel.memory import FREE, SLAB, put_page
from splicelab.kernel.pipe import pipe_add, pipe_begin, pipe_drain, sendfile
from splicelab.kernel.slab import kfree, kmalloc
from splicelab.kernel.tcp import sendpage, set_cork, set_nodelay
from splicelab.kernel.tcp_input import acknowledge, finish, retransmit
from splicelab.kernel.tcp_output import push_pending
from splicelab.kernel.world import MSG_EOR, MSG_MORE, MSG_SPLICE_PAGES, NONE


class StreamMachine(RuleBasedStateMachine):
    """A connection that sends, loses, repeats and is acknowledged: bytes as meant, references as held."""

    @initialize(profile=PROFILE, goal_segs=st.integers(1, 45), mss=st.sampled_from([536, 1448, 9000]))
    def connect(self, profile, goal_segs, mss):
        self.w = fresh(profile, 10, mss, goal_segs * mss)
        self.w.sock[0].receiver_shares_pages = goal_segs % 2
        self.w.sock[0].max_segments = 1 + goal_segs % 3 * 20
        self.meant, self.owned = b"", {}  # head of a block: (address, bytes)

    def write(self, size_bytes, seed):
        address = buffer(self.w, size_bytes, seed=seed)
        self.owned[address // PAGE] = (address, size_bytes)
        return address

    def mean(self, *segments):
        text = b"".join(memory(self.w, *segment) for segment in segments)
        start = len(self.meant)
        self.w.meant[start : start + len(text)] = memoryview(text)
        self.meant += text
        return len(text)

    @rule(sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=6), splice=st.booleans(), seed=PICK,
          flags=st.sampled_from([0, MSG_MORE, MSG_EOR]), keeps=st.booleans())  # fmt: skip
    def sendmsg(self, sizes, splice, seed, flags, keeps):
        segments = [(self.write(size_bytes, seed + n), size_bytes) for n, size_bytes in enumerate(sizes)]
        how = MSG_SPLICE_PAGES if splice else 0
        assert self.mean(*segments) == send(self.w, *segments, flags=flags | how)
        if not splice or self.w.profile[0].has_splice_pages == 0:
            for address, size_bytes in segments:
                fill(self.w, address, size_bytes, seed + 50)  # what was copied may be rewritten
        if not keeps:
            for address, _ in segments:
                self.free(address // PAGE)

    @rule(size_bytes=st.integers(1, 8192), splice=st.booleans(), seed=PICK)
    def send_slab(self, size_bytes, splice, seed):
        """Send what every kernel copies; with the flag only the v3 patch does."""
        address = kmalloc(self.w, size_bytes)
        fill(self.w, address, size_bytes, seed)
        if splice and self.w.profile[0].copies_slab == 0 and self.w.profile[0].has_splice_pages != 0:
            assert send(self.w, (address, size_bytes), flags=MSG_SPLICE_PAGES) == -5
        else:
            how = MSG_SPLICE_PAGES if splice else 0
            assert self.mean((address, size_bytes)) == send(self.w, (address, size_bytes), flags=how)
        kfree(self.w, address)
        assert kmalloc(self.w, size_bytes) == address
        fill(self.w, address, size_bytes, seed + 1)
        kfree(self.w, address)

    @rule(sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=4), more=st.booleans(), seed=PICK)
    def splice_received(self, sizes, more, seed):
        """Splice buffers that a socket has received, each larger than a page: the pipe lets go of them at once."""
        pipe_begin(self.w)
        segments = [(self.write(size_bytes, seed + n), size_bytes) for n, size_bytes in enumerate(sizes)]
        assert [pipe_add(self.w, *segment) for segment in segments] == sizes
        assert self.mean(*segments) == pipe_drain(self.w, sum(sizes), more)
        for address, _ in segments:
            self.free(address // PAGE)

    @precondition(lambda self: self.w.profile[0].has_sendpage)
    @rule(
        size_bytes=st.integers(1, 20000), seed=PICK, flags=st.sampled_from([0, MSG_MORE, 0x20000, MSG_MORE | 0x20000])
    )
    def sendpage(self, size_bytes, seed, flags):
        address = self.write(size_bytes, seed)
        assert self.mean((address, size_bytes)) == sendpage(self.w, address // PAGE, 0, size_bytes, flags)

    @precondition(lambda self: self.owned)
    @rule(pick=PICK)
    def owner_frees(self, pick):
        self.free(sorted(self.owned)[pick % len(self.owned)])

    def free(self, head):
        del self.owned[head]
        put_page(self.w, head)

    @rule(count=st.integers(1, 3))
    def lose(self, count):
        self.w.sock[0].lose = count

    @rule(part=st.integers(0, 1448 * 50))
    def ack(self, part):
        sk = self.w.sock[0]
        seq = min(sk.snd_una + part, sk.snd_nxt)
        retransmit(self.w, seq)
        acknowledge(self.w, seq)

    @rule(window=st.sampled_from([0, 1, 2, 10, 1000]))
    def change(self, window):
        self.w.sock[0].cwnd = window
        push_pending(self.w)

    @rule(is_on=st.booleans())
    def nodelay(self, is_on):
        set_nodelay(self.w, is_on)

    @rule(asked=st.integers(1, 90_000), there=st.integers(0, 90_000), seed=PICK)
    def sendfile(self, asked, there, seed):
        """Send a file that may end before: what is there arrives, and nothing of it is announced in vain for ever."""
        address = self.write(max(there, 1), seed)
        sent = min(asked, there)
        self.mean((address, sent))
        assert sendfile(self.w, address, asked, there) == sent

    @rule(is_on=st.booleans())
    def cork(self, is_on):
        set_cork(self.w, is_on)

    @invariant()
    def references_are_held(self):
        if not hasattr(self, "w"):
            return
        w = self.w
        held = Counter(int(w.page[page].head) for parts in queue(w) for page, _, _ in parts) + Counter(
            self.owned.keys()
        )
        for row, cache in enumerate(w.frag_cache):
            if cache.page != NONE:
                held[int(cache.page)] += 1 if row in (frag.TASK_FRAG, frag.SK_FRAG) else int(cache.bias)
        kinds, heads = w.page["kind"][: w.page_brk], w.page["head"][: w.page_brk]
        used = [page for page in range(1, w.page_brk) if kinds[page] not in (FREE, SLAB) and heads[page] == page]
        assert {page: int(w.page[page].refcount) for page in used} == held
        assert counted(w, "double_put", "corrupt_bytes", "exhausted", "objects_in_use") == (0, 0, 0, 0)
        assert len(self.meant) == w.sock[0].write_seq

    def teardown(self):
        if not hasattr(self, "w"):
            return
        w = self.w
        w.sock[0].lose, w.sock[0].cwnd = 0, 1000
        set_cork(w, False)
        retransmit(w, w.sock[0].snd_nxt)
        finish(w)
        assert received(w) == self.meant and counted(w, "corrupt_bytes") == (0,)
        assert counted(w, "received_bytes", "sent_bytes") == (len(self.meant),) * 2
        for head in list(self.owned):
            self.free(head)
        assert skbs(w) == [] and w.sock[0].wmem_queued == 0 and w.sock[0].packets_out == 0
        check_empty(w)


TestStream = as_test(StreamMachine)
