"""One whole message in plain Python: the rules of the kernels and of reference/*.c in ints, lists and small classes.

The caller builds header and trailer in page fragments, sends them with its pages in one call that attaches everything
by reference, drops its own references; an ACK frees what was sent. Counters have the model's names.
"""

from collections import Counter, deque

from bench.twin_memory import PAGE_BYTES, FragmentCache, Iterator, Memory

MAX_FRAGS = 17
BATCH_PAGES = 8
GSO_BYTES = 65215
FULL, REFUSED = "full", "refused"


class Skb:
    """A socket buffer: fragments as [page, offset, size_bytes]."""

    def __init__(self, seq: int, truesize: int) -> None:
        self.seq, self.truesize, self.size_bytes, self.frags = seq, truesize, 0, []
        self.segments, self.psh = 0, False


class Connection:
    """A TCP socket without Nagle, and the caller in front of it."""

    def __init__(self, pieces: list[tuple[str, int]], mss: int, empty_truesize: int, window: int = 1 << 20) -> None:
        self.counters = Counter()
        self.memory = Memory(self.counters)
        self.cache = FragmentCache(self.memory)
        self.mss = self.goal = self.half_window = mss
        self.empty_truesize, self.window = empty_truesize, window
        self.unsent, self.in_flight, self.segments_out = deque(), deque(), 0
        self.write_seq = self.pushed_seq = self.una_seq = self.next_seq = self.wmem = 0
        self.window_is_full, self.most_out, self.window_used_seq = False, 0, 0
        self.pieces = []
        for role, size_bytes in pieces:
            order = max(-(-size_bytes // PAGE_BYTES) - 1, 0).bit_length()
            address = self.memory.take(order).page * PAGE_BYTES if role == "payload" else self.memory.take_slab()
            self.pieces.append((address, size_bytes))
        self.message_bytes = sum(size_bytes for _, size_bytes in self.pieces)

    def send_message(self) -> None:
        """Build, send, release; the ACK comes right behind."""
        start = self.write_seq
        built = [(self.cache.alloc(size) if address is None else address, size) for address, size in self.pieces]
        sent = self.sendmsg(Iterator(built))
        for (kept, _), (address, _) in zip(self.pieces, built, strict=True):
            if kept is None:
                self.cache.free(address)
        self.counters["refused"] += sent == REFUSED
        self.counters["short_sends"] += sent != REFUSED and self.write_seq - start < self.message_bytes
        self.acknowledge(self.write_seq)

    def sendmsg(self, message: Iterator) -> int | str:
        """Attach the message to the last unsent skb and to new ones; return the bytes taken."""
        counters = self.counters
        counters["sends"] += 1
        counters["sendmsg"] += 1
        counters["sendmsg_bytes"] += message.left
        sent = 0
        while message.left:
            skb = self.unsent[-1] if self.unsent else None
            room = max(self.goal - skb.size_bytes, 0) if skb else 0
            taken = self.append(skb, message, room) if room else FULL
            if taken == FULL:
                if room:
                    self.mark_push(skb)
                skb = Skb(self.write_seq, 0)
                self.account(skb, 0, self.empty_truesize)
                self.unsent.append(skb)
                counters["stream_alloc"] += 1
                taken = self.append(skb, message, self.goal)
            if taken == REFUSED:
                sent = sent or REFUSED
                break
            self.write_seq += taken
            if not sent:
                skb.psh = False
            sent += taken
            if message.left and skb.size_bytes >= self.goal:
                if self.write_seq > self.pushed_seq + self.half_window:
                    self.mark_push(skb)
                    self.write_out()
                elif skb is self.unsent[0]:
                    self.write_out(one_only=True)
        if self.unsent and not self.unsent[-1].size_bytes:
            self.free(self.unsent.pop())
        if sent != REFUSED:
            counters["tcp_push"] += 1
            if self.unsent:
                self.mark_push(self.unsent[-1])
                self.write_out()
        return sent

    def append(self, skb: Skb, message: Iterator, room: int) -> int | str:
        """Attach pages until room or slots are used up; what found no slot goes back."""
        room, spliced, error = min(room, message.left), 0, None
        while message.left and spliced < room and not error:
            batch_pages = min(max(MAX_FRAGS - len(skb.frags), 1), BATCH_PAGES)
            address, left = message.take(room - spliced, batch_pages)
            while left:
                size_bytes = min(left, PAGE_BYTES - address % PAGE_BYTES)
                error = self.attach(skb, address, size_bytes)
                if error:
                    message.step(-left if error == FULL else 0)
                    break
                address, left, spliced = address + size_bytes, left - size_bytes, spliced + size_bytes
        self.counters["spliced_bytes"] += spliced
        self.counters["eio"] += error == REFUSED
        self.account(skb, spliced, spliced)
        return spliced or error

    def attach(self, skb: Skb, address: int, size_bytes: int) -> str | None:
        """Lengthen the last fragment, or take a slot and a reference for a new one."""
        page, offset = divmod(address, PAGE_BYTES)
        block = self.memory.block_of[page]
        if block.is_slab or block.count < 1:
            return REFUSED
        self.counters["frag_appends"] += 1
        if skb.frags and skb.frags[-1][0] == page and sum(skb.frags[-1][1:]) == offset:
            skb.frags[-1][2] += size_bytes
            return None
        if len(skb.frags) == MAX_FRAGS:
            return FULL
        skb.frags.append([page, offset, size_bytes])
        self.counters["frag_slots"] += 1
        self.memory.get(page).queued += 1
        if block.queued == 1:
            self.counters["pinned_bytes"] += PAGE_BYTES << block.order
            peak_bytes = max(self.counters["pinned_peak_bytes"], self.counters["pinned_bytes"])
            self.counters["pinned_peak_bytes"] = peak_bytes
        return None

    def account(self, skb: Skb, size_bytes: int, truesize_bytes: int) -> None:
        """Charge what an skb holds to the socket."""
        skb.size_bytes += size_bytes
        skb.truesize += truesize_bytes
        self.wmem += truesize_bytes
        self.counters["truesize_peak"] = max(self.counters["truesize_peak"], self.wmem)

    def free(self, skb: Skb) -> None:
        """Drop the references of all fragments."""
        for page, _, _ in skb.frags:
            block = self.memory.block_of[page]
            block.queued -= 1
            if not block.queued:
                self.counters["pinned_bytes"] -= PAGE_BYTES << block.order
            self.memory.put(page)
        self.wmem -= skb.truesize

    def mark_push(self, skb: Skb) -> None:
        """Set PSH and remember how far the stream was pushed."""
        skb.psh = True
        self.pushed_seq = self.write_seq

    def write_out(self, one_only: bool = False) -> None:
        """Transmit while the window is open."""
        has_sent = False
        while self.unsent:
            quota = min(max(self.window // 2, 1), self.window - self.segments_out, max(GSO_BYTES // self.mss, 2))
            if quota <= 0 or not self.unsent[0].size_bytes:
                break
            self.transmit(self.unsent.popleft())
            has_sent = True
            if one_only:
                break
        is_full = self.segments_out >= self.window
        is_peak = not self.window_is_full and self.segments_out > self.most_out
        if is_full or (has_sent and (self.una_seq >= self.window_used_seq or is_peak)):
            self.window_is_full, self.most_out, self.window_used_seq = is_full, self.segments_out, self.next_seq

    def transmit(self, skb: Skb) -> None:
        """Send an skb: from now on it waits for its ACK."""
        counters = self.counters
        skb.segments = -(-skb.size_bytes // self.mss)
        self.in_flight.append(skb)
        self.next_seq = skb.seq + skb.size_bytes
        self.segments_out += skb.segments
        counters["skbs"] += 1
        counters["segments"] += skb.segments
        counters["pushes"] += skb.psh
        counters["sent_bytes"] += skb.size_bytes
        counters["received_bytes"] += skb.size_bytes
        counters["short_segments"] += skb.size_bytes < skb.segments * self.mss

    def acknowledge(self, seq: int) -> None:
        """Free what is covered and open the window."""
        self.una_seq = min(seq, self.next_seq)
        acked = 0
        while self.in_flight and self.in_flight[0].seq + self.in_flight[0].size_bytes <= self.una_seq:
            skb = self.in_flight.popleft()
            acked += skb.segments
            self.free(skb)
        self.segments_out -= acked
        if self.window_is_full or self.window < 2 * self.most_out:
            self.window += acked
        self.write_out()
