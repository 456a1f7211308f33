"""Fragment allocators under every order of events: the v3 patch's per-CPU one, and a page_frag_cache without a lock.

Sources: alloc_skb_frag of the v3 patch (netdev 2023-06-20, D. Howells), reviewed by P. Abeni; Linux 6.12
mm/page_alloc.c: __page_frag_alloc_align; "nvme-tcp: fix usage of page_frag_cache" (2025), whose remedy is a mutex.
"""

from collections.abc import Iterator
from typing import NamedTuple

from splicelab.evidence.orders import Verdict, World, replaced, search

BIAS, ALIGN_BYTES, PAGE_BYTES = 32768, 64, 4096
SLAB_PARTS = (48, PAGE_BYTES)  # the patch copies slab data in parts of at most a page
ANY_SIZE = (*SLAB_PARTS, 2 * PAGE_BYTES)
RULES = WRONG_FLAG, TWICE, EARLY, WRONG_COUNT, LEAKED = (
    "a cache notes pfmemalloc of another folio than its own",
    "the same bytes were handed out twice",
    "a page was freed while a fragment of it was in use",
    "references of a folio do not add up",
    "memory leaked",
)
OUTCOMES = {  # of the page allocator: bytes, and whether they come from the reserves
    "an order-3 folio": (8 * PAGE_BYTES, False),
    "one page, as order 3 failed": (PAGE_BYTES, False),
    "one page of the reserves (pfmemalloc), as order 3 failed": (PAGE_BYTES, True),
}


class Folio(NamedTuple):
    """Pages with one reference count, and how many fragments of it are in use."""

    size_bytes: int
    pfmemalloc: bool
    refcount: int = 1
    in_use: int = 0


class Cache(NamedTuple):
    """What a CPU keeps between requests; ``folio`` is a number, or None."""

    folio: int | None = None
    offset: int = 0
    bias: int = 0
    pfmemalloc: bool = False


class PerCpu(World):
    """The v3 allocator: two tasks with a request each, who may sleep for a folio and wake up on the other CPU."""

    rules = RULES

    def __init__(self, requests: tuple[int, ...], repaired: bool):
        self.requests, self.repaired = requests, repaired
        self.folios, self.caches = (None,) * 4, (Cache(), Cache())
        self.tasks = (("idle", 0, None),) * 2  # state, bytes asked for, folio from the page allocator or of a fragment

    def events(self) -> Iterator[tuple]:
        """Yield what a task can do next; nobody interferes between get_cpu and put_cpu."""
        for task, (state, size_bytes, _) in enumerate(self.tasks):
            if state == "idle":
                yield from (("_get_cpu", task, cpu, request) for cpu in (0, 1) for request in self.requests)
            elif state == "awake":
                yield from (("_get_cpu", task, cpu, size_bytes) for cpu in (0, 1))
            elif state == "asleep":
                yield from (("_alloc_folio", task, outcome) for outcome in OUTCOMES)
            elif state == "has a fragment":
                yield "_put_fragment", task

    def faults(self, at_end: bool) -> Iterator[str]:
        """Yield what is wrong while no CPU is inside the allocator."""
        cached = {cache.folio: cache for cache in self.caches}
        for number, folio in enumerate(self.folios):
            cache = cached.get(number)
            if folio and cache and cache.pfmemalloc != folio.pfmemalloc:
                yield WRONG_FLAG
            if folio and cache and folio.refcount != cache.bias + folio.in_use:
                yield WRONG_COUNT
            if folio and folio.in_use and folio.refcount <= 0:
                yield EARLY
            if folio and not cache and at_end:
                yield LEAKED

    def _count(self, number, references, in_use=0):
        """Add to the references of a folio and return them; the caller frees it."""
        folio = self.folios[number]
        changed = folio._replace(refcount=folio.refcount + references, in_use=folio.in_use + in_use)
        self.folios = replaced(self.folios, number, changed)
        return changed.refcount

    def _free(self, number):
        self.folios = replaced(self.folios, number, None)

    def _get_cpu(self, task, cpu, size_bytes):
        """Go through the allocator until it returns or must let go of the CPU; one turn of the loop is one try."""
        cache, spare = self.caches[cpu], self.tasks[task][2]
        if self.repaired and size_bytes > PAGE_BYTES:
            now = "refused", 0, None
        else:
            cache, now = self._alloc(cache, spare, size_bytes)
        self.caches, self.tasks = replaced(self.caches, cpu, cache), replaced(self.tasks, task, now)
        return f"task {task}", f"wants {size_bytes} bytes on CPU {cpu}: {now[0]}"

    def _alloc(self, cache, spare, size_bytes):
        """Return the cache and the task as they are afterwards."""
        if spare is not None and not self.repaired:
            cache = cache._replace(pfmemalloc=self.folios[spare].pfmemalloc)  # if it has a folio, it keeps that one
        while True:
            if cache.folio is not None and size_bytes <= cache.offset:
                offset = (cache.offset - size_bytes) & -ALIGN_BYTES
                self._count(cache.folio, 0, 1)
                if spare is not None:
                    self._free(spare)
                return cache._replace(offset=offset, bias=cache.bias - 1), ("has a fragment", 0, cache.folio)
            if cache.folio is not None and self._count(cache.folio, -cache.bias) == 0:
                folio_bytes = self.folios[cache.folio].size_bytes
                if cache.pfmemalloc:
                    self._free(cache.folio)
                elif size_bytes > folio_bytes:
                    if spare is not None:
                        self._free(spare)
                    return cache, ("refused", 0, None)
                else:
                    self._count(cache.folio, BIAS + 1)
                    cache = cache._replace(offset=folio_bytes, bias=BIAS + 1)
                    continue
            if spare is None:
                return Cache(), ("asleep", size_bytes, None)
            self._count(spare, BIAS)
            cache = Cache(spare, self.folios[spare].size_bytes, BIAS + 1, self.folios[spare].pfmemalloc)
            spare = None

    def _alloc_folio(self, task, outcome):
        number = self.folios.index(None)
        self.folios = replaced(self.folios, number, Folio(*OUTCOMES[outcome]))
        self.tasks = replaced(self.tasks, task, ("awake", self.tasks[task][1], number))
        return "page allocator", f"gives task {task} {outcome}"

    def _put_fragment(self, task):
        number = self.tasks[task][2]
        self.tasks = replaced(self.tasks, task, ("done", 0, None))
        if self._count(number, -1, -1) == 0:
            self._free(number)
        return f"task {task}", "puts its fragment"


class Shared(World):
    """One page_frag_cache of two-fragment pages, and two tasks that take two fragments each, load by load."""

    rules = RULES

    def __init__(self, mutex: bool):
        self.mutex, self.owner = mutex, None
        self.page, self.offset, self.bias, self.refs = 0, 2, BIAS + 1, (BIAS + 1,)
        self.tasks = (("starts", 0, 0, ()),) * 2  # next step, its registers offset and bias, fragments
        self.drained = False

    def events(self) -> Iterator[tuple]:
        """Yield each task's next step, and the end of the cache when nobody will ask any more."""
        for task, (step, *_) in enumerate(self.tasks):
            if step != "done" and not (step == "starts" and self.mutex and self.owner is not None):
                yield "_go", task
        if not self.drained and {step for step, *_ in self.tasks} <= {"puts", "done"}:
            yield ("_drain",)

    def faults(self, at_end: bool) -> Iterator[str]:
        """Yield what is wrong between any two loads or stores."""
        fragments = [fragment for *_, held in self.tasks for fragment in held]
        if len(set(fragments)) < len(fragments):
            yield TWICE
        if any(self.refs[page] <= 0 for page, _ in fragments):
            yield EARLY
        if min(self.refs) < 0:
            yield WRONG_COUNT
        if at_end and max(self.refs) > 0:
            yield LEAKED

    def _drain(self):
        self.refs, self.drained = self._less(self.page, self.bias), True
        return "owner", "drains the cache"

    def _less(self, page, references):
        return replaced(self.refs, page, self.refs[page] - references)

    def _go(self, task):
        """Do one load, one store or one atomic operation of a task."""
        step, offset, bias, held = self.tasks[task]
        words = step
        if step == "starts":
            self.owner, offset, step = task, self.offset - 1, "loads bias"
            words = f"loads offset {self.offset}"
        elif step == "loads bias":
            bias, step = self.bias, "stores bias" if offset >= 0 else "drops the rest"
        elif step == "drops the rest":
            self.refs = self._less(self.page, bias)
            if self.refs[self.page]:
                self.page, self.refs = len(self.refs), (*self.refs, 0)
            self.refs, step = self._less(self.page, -BIAS - 1), "sets bias"
        elif step == "sets bias":
            self.bias, offset, step = BIAS + 1, 1, "loads bias"
        elif step == "stores bias":
            self.bias, step = bias - 1, "stores offset"
        elif step == "stores offset":
            self.offset, self.owner, held = offset, None, (*held, (self.page, offset))
            step, words = "starts" if len(held) < 2 else "puts", f"stores offset {offset}, has fragment {held[-1]}"
            offset = bias = 0
        else:
            self.refs, held = self._less(held[0][0], 1), held[1:]
            step = "puts" if held else "done"
        self.tasks = replaced(self.tasks, task, (step, offset, bias, held))
        return f"task {task}", words


WORLDS = {
    "v3 per CPU, any size": PerCpu(ANY_SIZE, repaired=False),
    "v3 per CPU, slab parts": PerCpu(SLAB_PARTS, repaired=False),
    "v3 per CPU, repaired": PerCpu(ANY_SIZE, repaired=True),
    "page_frag_cache, shared without a lock": Shared(mutex=False),
    "page_frag_cache, shared with a mutex": Shared(mutex=True),
}


def explore_allocators() -> list[Verdict]:
    """Try every order of events of these worlds; repaired means a size check first, and the flag set with its folio."""
    return [search(name, world) for name, world in WORLDS.items()]
