"""Memory, slabs and fragments in ints, lists and dicts: a twin written from the rules and not from the kernels."""

PAGE = 4096
CLASSES = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192]
MOST_OBJECTS = 512


def slab_shape(size_bytes):
    """Return (order, objects) by the rule of calculate_order() for 16 CPUs: at least 24 objects, little waste."""
    least = min(4 * ((16).bit_length() + 1), 32768 // size_bytes)
    while least > 1:
        for part in (16, 8, 4, 2):
            for order in range(4):
                objects = (PAGE << order) // size_bytes
                if objects >= least and (PAGE << order) % size_bytes <= (PAGE << order) // part:
                    return order, objects
        least -= 1
    return 0, PAGE // size_bytes


class Block:
    """2**order pages with one count of references, or none at all where the kernel froze them."""

    def __init__(self, order, kind, frozen, reserves):
        self.order, self.kind, self.frozen, self.reserves = order, kind, frozen, reserves
        self.count = 0 if frozen else 1


class Memory:
    """A page allocator that hands out again what came back last, and else the next aligned block."""

    def __init__(self, profile):
        self.profile = profile
        self.upward = profile in ("6.13", "6.14", "6.17")
        self.blocks, self.freed, self.brk = {}, {}, 1
        self.high_order_fails = self.from_reserves = False
        self.objects, self.free_objects = {}, {size_bytes: [] for size_bytes in CLASSES}
        self.caches = {}

    def pages(self, order, kind):
        if order and self.high_order_fails:
            return None
        if self.freed.get(order):
            head = self.freed[order].pop()
        else:
            head = -(-self.brk // (1 << order)) * (1 << order)
            self.brk = head + (1 << order)
        frozen = kind == "slab" and self.profile in ("6.14", "6.17") or kind == "large" and self.profile == "6.17"
        self.blocks[head] = Block(order, kind, frozen, self.from_reserves)
        return head

    def mixed(self, size_bytes):
        """Return pages side by side: the first is page cache, and each later one slab for ever."""
        order = (-(-size_bytes // PAGE) - 1).bit_length()
        head = self.pages(order, "cache")
        self.blocks[head].order = 0
        for page in range(head + 1, head + (1 << order)):
            self.blocks[page] = Block(0, "slab", self.profile in ("6.14", "6.17"), False)
        return head * PAGE

    def head(self, page):
        for order in range(11):
            head = page >> order << order
            if head in self.blocks and self.blocks[head].order >= order:
                return head
        raise KeyError(page)

    def give_back(self, head):
        self.freed.setdefault(self.blocks.pop(head).order, []).append(head)

    def get(self, page, count=1):
        block = self.blocks[self.head(page)]
        block.count += 0 if block.frozen else count

    def put(self, page, count=1):
        head = self.head(page)
        block = self.blocks[head]
        if block.frozen:
            return
        assert block.count >= count, "a reference below zero"
        block.count -= count
        if block.count == 0:
            self.give_back(head)

    def kmalloc(self, size_bytes):
        room = next((room for room in CLASSES if room >= size_bytes), None)
        if room is None:
            head = self.pages((-(-size_bytes // PAGE) - 1).bit_length(), "large")
            if head is None:
                return None
            address = head * PAGE
        else:
            if not self.free_objects[room]:
                order, objects = slab_shape(room)
                head = self.pages(order, "slab")
                if head is None:
                    return None
                self.free_objects[room] = [head * PAGE + n * room for n in reversed(range(objects))]
            address = self.free_objects[room].pop()
        self.objects[address] = room
        return address

    def kfree(self, address):
        room = self.objects.pop(address)
        if room is not None:
            self.free_objects[room].append(address)
        elif self.blocks[address // PAGE].frozen:
            self.give_back(address // PAGE)
        else:
            self.put(address // PAGE)

    def new_page(self):
        head = self.pages(3, "frag")
        return self.pages(0, "frag") if head is None else head

    def frag(self, allocator, size_bytes):
        """Return the address of a piece from one of the allocators, or None."""
        if allocator == "page_frag_down":
            return self.biased(allocator, size_bytes, False, 1)
        if allocator == "page_frag_up":
            return self.biased(allocator, size_bytes, True, 1)
        if allocator == "v3_per_cpu":
            return self.biased(allocator, max(size_bytes, 1), False, 64)
        if allocator == "page_per_object":
            return self.pages(0, "frag") * PAGE
        if allocator == "kmalloc":
            return self.kmalloc(size_bytes)
        cache = self.refill("sk_frag", size_bytes)
        if cache["offset"] + size_bytes > cache["size"]:
            return None
        self.get(cache["page"])
        cache["offset"] += size_bytes
        return cache["page"] * PAGE + cache["offset"] - size_bytes

    def free_frag(self, allocator, address):
        self.kfree(address) if allocator == "kmalloc" else self.put(address // PAGE)

    def refill(self, name, size_bytes):
        """skb_page_frag_refill: a page that nobody else holds starts again, whatever its size."""
        cache = self.caches.setdefault(name, {"page": None})
        if cache["page"] is not None:
            if self.blocks[cache["page"]].count == 1:
                cache["offset"] = 0
                return cache
            if cache["offset"] + size_bytes <= cache["size"]:
                return cache
            self.put(cache["page"])
        cache["page"], cache["offset"] = self.new_page(), 0
        cache["size"] = PAGE << self.blocks[cache["page"]].order
        return cache

    def biased(self, name, size_bytes, upward, align):
        """page_frag_cache and the v3 folio: references are paid for in advance, one for each byte that the page has."""
        cache = self.caches.setdefault(name, {"page": None})
        for _ in range(3):
            if cache["page"] is None:
                cache["page"] = self.new_page()
                block = self.blocks[cache["page"]]
                block.count += 32768
                size = PAGE << block.order
                cache.update(bias=32769, size=size, offset=0 if upward else size)
            offset = cache["offset"] if upward else cache["offset"] - size_bytes
            if offset >= 0 and offset + size_bytes <= cache["size"]:
                offset -= offset % align
                cache["bias"] -= 1
                cache["offset"] = offset + size_bytes if upward else offset
                return cache["page"] * PAGE + offset
            if upward and size_bytes > PAGE:
                return None
            block = self.blocks[cache["page"]]
            block.count -= cache["bias"]
            if block.count:
                cache["page"] = None
            elif block.reserves:
                self.give_back(cache["page"])
                cache["page"] = None
            else:
                block.count = cache["bias"] = 32769
                if size_bytes > cache["size"]:
                    return None
                cache["offset"] = 0 if upward else cache["size"]
        raise AssertionError("a request that no page satisfies")

    def drain(self):
        for cache in self.caches.values():
            if cache["page"] is not None:
                self.put(cache["page"], cache.get("bias", 1))
        self.caches.clear()

    def sendpage_ok(self, page):
        block = self.blocks[self.head(page)]
        return block.kind != "slab" and block.count >= 1
