"""A machine small enough to try every order of events: six pages, two messages, a network that may lose.

A message has two bytes of header, one of payload, one of trailer. Bytes are real, and so is what arrives.
Sources of behaviour: Linux 6.1/6.12 mm/slub.c (freed last, handed out next; kfree looks at no reference),
include/linux/mm.h (get_page, put_page), net/core/sock.c (skb_page_frag_refill), net/core/skbuff.c (skb_zcopy_clone,
skb_orphan_frags_rx, skb_split), net/ipv4/tcp_output.c (skbs leave in order, and once more when they were lost).
"""

from collections.abc import Iterator
from typing import NamedTuple

from splicelab.evidence.orders.search import World

PAGE_BYTES, OBJECT_BYTES, PAGES, SLAB_PAGE = 12, 4, 6, 1  # page 0 is the page cache's
FREE, MESSAGE, KEPT, OTHER, PAYLOAD = 0, (1, 2), 3, 4, 5  # whose bytes a byte of memory is
MEANT = bytes.fromhex("1112d113 2122d223")
WIRE, LOOPBACK = "over a wire", "to a receiver on this machine"


class Frag(NamedTuple):
    """Bytes that an skb shows: where, whose they were when attached, how they are held, for which message."""

    address: int
    size: int
    owner: int
    how: str
    message: int


class Skb(NamedTuple):
    """A part of the stream. ``wire`` is what is under way: bytes as they were when it left."""

    place: int
    message: int
    frags: tuple[Frag, ...]
    held: bool
    state: str = "queued"
    wire: bytes = b""


class Machine(World):
    """Memory, queue, network, receiver, and somebody else who wants memory too."""

    def __init__(self):
        self.memory = bytearray((MEANT[2:3] + MEANT[6:7]).ljust(PAGE_BYTES * PAGES, b"\x5a"))
        self.owner = bytearray(bytes([PAYLOAD] * 2).ljust(PAGE_BYTES * PAGES, b"\0"))
        self.refs, self.free_pages = [1, 1, 0, 0, 0, 0], [5, 4, 3, 2]
        self.freelist = [20, 16, 12]  # of the slab; the last is handed out next
        self.cache = (0, 0)  # the page that fragments are cut from, and where the next one starts
        self.slab, self.frag = [0, 0], [0, 0]  # of each message: its object, its fragment or page
        self.users, self.due = [0, 0], []  # frags that need a message's object; messages whose callback is due
        self.queue, self.inbox, self.received = [], [], bytearray(len(MEANT))
        self.route, self.losses, self.splits = "", 1, 1
        self.neighbour = 0  # what somebody else holds; -1 when he is gone

    def claim(self, address: int, size: int, owner: int, data: bytes = b"") -> None:
        """Note whose these bytes of memory are now, and write them."""
        self.owner[address : address + size] = bytes([owner]) * size
        self.memory[address : address + len(data)] = data

    def kmalloc(self, owner: int) -> int:
        """Return the object that was freed last."""
        address = self.freelist.pop()
        self.claim(address, OBJECT_BYTES, owner)
        return address

    def kfree(self, address: int) -> None:
        """Free an object at once, whoever still looks at it."""
        self.freelist.append(address)
        self.claim(address, OBJECT_BYTES, FREE)

    def alloc_page(self, owner: int) -> int:
        """Return the page that was freed last, with one reference."""
        page = self.free_pages.pop()
        self.refs[page] = 1
        self.claim(page * PAGE_BYTES, PAGE_BYTES, owner)
        return page * PAGE_BYTES

    def get_page(self, address: int, more: int = 1) -> None:
        """Add to the references of a page, which is free when the last one is dropped."""
        page = address // PAGE_BYTES
        self.refs[page] += more
        if self.refs[page] == 0:
            self.free_pages.append(page)
            self.claim(page * PAGE_BYTES, PAGE_BYTES, FREE)

    def frag_alloc(self, size: int, owner: int, data: bytes = b"") -> int:
        """Cut a piece with a reference of its own from a shared page; one that nobody else holds starts over."""
        page, offset = self.cache
        offset = 0 if self.refs[page] == 1 else offset
        if page == 0 or offset + size > PAGE_BYTES:
            if page:
                self.get_page(page * PAGE_BYTES, -1)
            page, offset = self.alloc_page(FREE) // PAGE_BYTES, 0
        self.cache = page, offset + size
        self.get_page(page * PAGE_BYTES)
        self.claim(page * PAGE_BYTES + offset, size, owner, data)
        return page * PAGE_BYTES + offset

    def shown(self, frags: tuple[Frag, ...]) -> bytes:
        """Return the bytes that frags show at this moment."""
        return b"".join(self.memory[frag.address : frag.address + frag.size] for frag in frags)

    def copy(self, frag: Frag) -> Frag:
        """Return a frag with the same bytes in a page fragment."""
        owner = MESSAGE[frag.message]
        return frag._replace(address=self.frag_alloc(frag.size, owner, self.shown((frag,))), owner=owner, how="attach")

    def hold(self, frag: Frag, more: int = 1) -> Frag:
        """Take or drop what keeps a frag's memory: a page reference, or a place among those the callback waits for."""
        if frag.how == "attach":
            self.get_page(frag.address, more)
            return frag
        self.users[frag.message] += more
        if self.users[frag.message] == 0:
            self.due.append(frag.message)
        return frag

    def referenced(self, frag: Frag, by_receiver: bool) -> Frag:
        """Return the frag for somebody else who takes a reference, or a copy if he may keep it beyond the callback."""
        is_copied = frag.how == "copy_on_ref" or by_receiver and frag.how == "callback"
        return self.copy(frag) if is_copied else self.hold(frag)

    def events(self) -> Iterator[tuple]:
        """Yield what network, receiver, callback and somebody else can do next."""
        if self.neighbour >= 0:
            yield from [("_leave",)] if self.neighbour else [("_reuse", True), ("_reuse", False)]
        if self.due:
            yield ("_callback",)
        if self.inbox:
            yield ("_read",)
        states = [skb.state for skb in self.queue]
        if "queued" in states and (len(states) > 1 or not self.queue[0].held):  # MSG_MORE holds a lone skb
            yield "_transmit", states.index("queued")
            whole = [frag.size for frag in self.queue[states.index("queued")].frags] == [2, 1, 1]
            if self.splits and whole:
                yield "_split", states.index("queued")
        if "under way" in states:  # a wire keeps the order
            yield "_deliver", states.index("under way")
            if self.losses:
                yield "_lose", states.index("under way")
        if "lost" in states:
            yield "_transmit", states.index("lost")
        if states and states[0] == "delivered":
            yield ("_ack",)

    def _take_route(self, route):
        self.route = route
        return "network", f"the route leads {route}"

    def _reuse(self, of_slab):
        size = OBJECT_BYTES if of_slab else PAGE_BYTES
        address = self.neighbour = self.kmalloc(OTHER) if of_slab else self.alloc_page(OTHER)
        self.claim(address, size, OTHER, b"\xee" * size)
        return "somebody else", f"allocates {'object' if of_slab else 'page'} {address // size}, writes ee"

    def _leave(self):
        where, self.neighbour = self.neighbour, -1
        self.kfree(where) if where // PAGE_BYTES == SLAB_PAGE else self.get_page(where, -1)
        return "somebody else", "frees it again"

    def _callback(self):
        message = self.due.pop(0)
        self.kfree(self.slab[message])
        return "caller", f"message {message + 1}: callback, kfree"

    def _split(self, place):
        skb, self.splits = self.queue[place], 0
        frag = skb.frags[0]
        other = self.referenced(frag, by_receiver=False)
        if other != frag:  # a copy: now both show it
            self.hold(other)
            self.hold(frag, -1)
        head, tail = other._replace(size=1), other._replace(size=1, address=other.address + 1)
        parts = skb._replace(frags=(head,)), skb._replace(frags=(tail, *skb.frags[1:]), place=skb.place + 1)
        self.queue[place : place + 1] = parts
        return "network", "cuts the skb inside its header"

    def _transmit(self, place):
        skb = self.queue[place]
        if self.route == LOOPBACK:
            self.inbox.append((skb.place, tuple(self.referenced(frag, by_receiver=True) for frag in skb.frags)))
            self.queue[place] = skb._replace(state="delivered")
            return "network", "hands over references"
        self.queue[place] = skb._replace(state="under way", wire=self.shown(skb.frags))
        return "network", f"transmits {self.queue[place].wire.hex(' ')}" + " again" * (skb.state == "lost")

    def _lose(self, place):
        self.losses = 0
        self.queue[place] = self.queue[place]._replace(state="lost", wire=b"")
        return "network", "loses it on the way"

    def _deliver(self, place):
        skb = self.queue[place]
        self.queue[place] = skb._replace(state="delivered", wire=b"")
        return self._receive(skb.place, skb.wire)

    def _receive(self, place, data):
        self.received[place : place + len(data)] = data
        return "receiver", f"has {self.received.hex(' ').replace('00', '..')}"

    def _read(self):
        place, frags = self.inbox.pop(0)
        data = self.shown(frags)
        for frag in frags:
            self.hold(frag, -1)
        return self._receive(place, data)

    def _ack(self):
        while self.queue and self.queue[0].state == "delivered":  # ACKs are cumulative
            for frag in self.queue.pop(0).frags:
                self.hold(frag, -1)
        return "network", "ACK: what has arrived is freed"
