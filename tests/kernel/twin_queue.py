"""The socket queue in lists of lists: which bytes of which page stand in which skb, by the rules of the send calls."""

from kernel.twin import PAGE


class Queue:
    """A socket whose window is shut: skbs as lists of [page, offset, bytes], by the rules of sendmsg and sendpage."""

    def __init__(self, memory, size_goal):
        self.memory, self.size_goal, self.skbs = memory, size_goal, []

    def room(self):
        return self.size_goal - self.length(self.skbs[-1]) if self.skbs and not self.skbs[-1]["eor"] else 0

    @staticmethod
    def length(skb):
        return sum(size for _, _, size in skb["frags"])

    def new(self):
        self.skbs.append({"frags": [], "eor": False})
        return self.skbs[-1]

    def attach(self, skb, page, offset, size_bytes):
        frags = skb["frags"]
        if frags and frags[-1][0] == page and frags[-1][1] + frags[-1][2] == offset:
            frags[-1][2] += size_bytes
        elif len(frags) == 17:
            return False
        else:
            self.memory.get(page)
            frags.append([page, offset, size_bytes])
        return True

    def sendmsg(self, segments, splice, eor):
        """Return the bytes taken or the error; -EIO leaves the rest of an extraction skipped."""
        todo = [list(segment) for segment in segments]
        put = self.splice_some if splice and self.memory.profile != "6.1" else self.copy_some
        copied = error = 0
        while todo and not error:
            taken = put(self.skbs[-1], todo, self.room()) if self.room() > 0 else "full"
            if taken == "full":
                taken = put(self.new(), todo, self.size_goal)
            if taken == "EIO":
                error = -5
            else:
                copied += taken
        if self.skbs and not self.skbs[-1]["frags"]:
            self.skbs.pop()
        if copied and eor and not error:
            self.skbs[-1]["eor"] = True
        return copied or error

    @staticmethod
    def step(todo, size_bytes):
        todo[0][0] += size_bytes
        todo[0][1] -= size_bytes
        if todo[0][1] == 0:
            todo.pop(0)

    def copy_some(self, skb, todo, most):
        cache = self.memory.refill("task_frag", 32)
        size_bytes = min(most, sum(size for _, size in todo), cache["size"] - cache["offset"])
        if not self.attach(skb, cache["page"], cache["offset"], size_bytes):
            return "full"
        cache["offset"] += size_bytes
        left = size_bytes
        while left:
            part = min(left, todo[0][1])
            self.step(todo, part)
            left -= part
        return size_bytes

    def splice_some(self, skb, todo, most):
        memory, done = self.memory, 0
        while todo and done < most:
            address, size_bytes = todo[0]
            pages = min(max(17 - len(skb["frags"]), 1), 8)
            size_bytes = min(size_bytes, most - done, pages * PAGE - address % PAGE)
            rest = [list(segment) for segment in todo]
            self.step(todo, size_bytes)
            while size_bytes:
                part = min(size_bytes, PAGE - address % PAGE)
                page, offset, copy = address // PAGE, address % PAGE, None
                if memory.profile == "6.12+v3" and memory.blocks[memory.head(page)].kind == "slab":
                    if len(skb["frags"]) == 17:
                        todo[:] = rest
                        return done or "full"
                    copy = memory.frag("v3_per_cpu", part)
                    page, offset = copy // PAGE, copy % PAGE
                elif not memory.sendpage_ok(page):
                    return done or "EIO"
                if not self.attach(skb, page, offset, part):
                    todo[:] = rest
                    return done or "full"
                if copy is not None:
                    memory.put(page)
                self.step(rest, part)
                address, size_bytes, done = address + part, size_bytes - part, done + part
        return done

    def sendpage(self, page, offset, size_bytes):
        while size_bytes:
            part = min(self.room(), size_bytes)
            if part <= 0 or not self.attach(self.skbs[-1], page, offset, part):
                part = min(self.size_goal, size_bytes)
                self.attach(self.new(), page, offset, part)
            offset, size_bytes = offset + part, size_bytes - part

    def drop(self):
        """Let go of everything, as when the ACK comes and the receiver has read."""
        for skb in self.skbs:
            for page, _, _ in skb["frags"]:
                self.memory.put(page)
        self.skbs = []
