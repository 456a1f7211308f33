"""Fragment allocators under every order of events: the v3 patch's per-CPU one, and a page_frag_cache without a lock.

Sources: alloc_skb_frag of the v3 patch (netdev 2023-06-20, D. Howells), reviewed by P. Abeni; Linux 6.12
mm/page_alloc.c: __page_frag_alloc_align; "nvme-tcp: fix usage of page_frag_cache" (2025), whose remedy is a mutex.
"""

from collections.abc import Iterator
from typing import NamedTuple

from splicelab.evidence.orders.search import World

BIAS, ALIGN_BYTES, PAGE_BYTES = 32768, 64, 4096
SLAB_PARTS = (48, PAGE_BYTES)  # the patch copies slab data in parts of at most a page
RULES = WRONG_FLAG, TWICE, EARLY, WRONG_COUNT, LEAKED = (
    "a cache notes pfmemalloc of another folio than its own",
    "the same bytes were handed out twice",
    "a page was freed while a fragment of it was in use",
    "references do not add up",
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
        self.folios, self.caches = [None] * 4, [Cache(), Cache()]
        self.tasks = [("idle", 0, None)] * 2  # state, bytes asked for, folio from the page allocator or of a fragment

    def events(self) -> Iterator[tuple]:
        """Yield what a task can do next; nobody interferes between get_cpu and put_cpu."""
        for task, (state, size_bytes, _) in enumerate(self.tasks):
            if state in ("idle", "awake"):
                sizes = self.requests if state == "idle" else (size_bytes,)
                yield from (("_get_cpu", task, cpu, size) for cpu in (0, 1) for size in sizes)
            elif state == "asleep":
                yield from (("_alloc_folio", task, outcome) for outcome in OUTCOMES)
            elif state == "has a fragment":
                yield "_put_fragment", task

    def faults(self, at_end: bool) -> Iterator[str]:
        """Yield what is wrong while no CPU is inside the allocator."""
        cached = {cache.folio: cache for cache in self.caches}
        for folio, cache in ((folio, cached.get(number)) for number, folio in enumerate(self.folios) if folio):
            if cache and cache.pfmemalloc != folio.pfmemalloc:
                yield WRONG_FLAG
            if cache and folio.refcount != cache.bias + folio.in_use:
                yield WRONG_COUNT
            if folio.in_use and folio.refcount <= 0:
                yield EARLY
            if not cache and at_end:
                yield LEAKED

    def _count(self, number, references, in_use=0):
        """Add to the references of a folio and return them; who sees none left frees it."""
        folio = self.folios[number]
        self.folios[number] = folio._replace(refcount=folio.refcount + references, in_use=folio.in_use + in_use)
        return self.folios[number].refcount

    def _free(self, number):
        if number is not None:
            self.folios[number] = None

    def _get_cpu(self, task, cpu, size_bytes):
        self.caches[cpu], self.tasks[task] = self._alloc(self.caches[cpu], self.tasks[task][2], size_bytes)
        return f"task {task}", f"wants {size_bytes} bytes on CPU {cpu}: {self.tasks[task][0]}"

    def _alloc(self, cache, spare, size_bytes):
        """Go on to a fragment, a refusal, or until the CPU must be let go. Return cache and task as they are."""
        if self.repaired and size_bytes > PAGE_BYTES:
            return cache, ("refused", 0, None)
        if spare is not None and not self.repaired:
            cache = cache._replace(pfmemalloc=self.folios[spare].pfmemalloc)  # but this cache may have a folio by now
        while cache.folio is None or size_bytes > cache.offset:
            if cache.folio is not None and self._count(cache.folio, -cache.bias) == 0:
                folio_bytes = self.folios[cache.folio].size_bytes
                if not cache.pfmemalloc and size_bytes > folio_bytes:
                    self._free(spare)
                    return cache, ("refused", 0, None)
                if not cache.pfmemalloc:
                    self._count(cache.folio, BIAS + 1)
                    cache = cache._replace(offset=folio_bytes, bias=BIAS + 1)
                    continue
                self._free(cache.folio)
            if spare is None:
                return Cache(), ("asleep", size_bytes, None)
            self._count(spare, BIAS)
            cache = Cache(spare, self.folios[spare].size_bytes, BIAS + 1, self.folios[spare].pfmemalloc)
            spare = None
        self._count(cache.folio, 0, 1)
        self._free(spare)
        offset = (cache.offset - size_bytes) & -ALIGN_BYTES
        return cache._replace(offset=offset, bias=cache.bias - 1), ("has a fragment", 0, cache.folio)

    def _alloc_folio(self, task, outcome):
        number = self.folios.index(None)
        self.folios[number] = Folio(*OUTCOMES[outcome])
        self.tasks[task] = ("awake", self.tasks[task][1], number)
        return "page allocator", f"gives task {task} {outcome}"

    def _put_fragment(self, task):
        number = self.tasks[task][2]
        self.tasks[task] = ("done", 0, None)
        if self._count(number, -1, -1) == 0:
            self._free(number)
        return f"task {task}", "puts its fragment"


class Shared(World):
    """A page_frag_cache on a page of four fragments; two tasks take two each, one load or store at a time."""

    rules = RULES

    def __init__(self, mutex: bool):
        self.mutex, self.locked, self.drained = mutex, False, False
        self.offset, self.bias, self.refcount = 4, BIAS + 1, BIAS + 1
        self.tasks = [("load offset", 0, 0, ())] * 2  # next step, its registers for offset and bias, fragments

    def events(self) -> Iterator[tuple]:
        """Yield each task's next step; the cache is drained when nobody will ask any more."""
        for task, (step, *_) in enumerate(self.tasks):
            if step != "done" and not (self.mutex and self.locked and step == "load offset"):
                yield "_go", task
        if not self.drained and {step for step, *_ in self.tasks} <= {"put", "done"}:
            yield ("_drain",)

    def faults(self, at_end: bool) -> Iterator[str]:
        """Yield what is wrong between any two loads or stores."""
        fragments = [fragment for *_, held in self.tasks for fragment in held]
        if len(set(fragments)) < len(fragments):
            yield TWICE
        if fragments and self.refcount <= 0:
            yield EARLY
        if self.refcount < 0 or self.drained and self.refcount != len(fragments):
            yield WRONG_COUNT

    def _drain(self):
        self.refcount, self.drained = self.refcount - self.bias, True
        return "owner", "drains the cache"

    def _go(self, task):
        step, offset, bias, held = self.tasks[task]
        words = step
        if step == "load offset":
            self.locked, offset, step, words = True, self.offset - 1, "load bias", f"{step}: {self.offset}"
        elif step == "load bias":
            bias, step = self.bias - 1, "store bias"
        elif step == "store bias":
            self.bias, bias, step = bias, 0, "store offset"
        elif step == "store offset":
            self.locked, self.offset, held = False, offset, (*held, offset)
            step, words = ("put" if held[1:] else "load offset"), f"{step}: {offset}, and has that fragment"
        else:
            self.refcount, held = self.refcount - 1, held[1:]
            step = "put" if held else "done"
        self.tasks[task] = (step, offset, bias, held)
        return f"task {task}", words


WORLDS = {  # repaired: a size check comes first, and the flag is noted together with its folio
    "v3 per CPU, any size": PerCpu((*SLAB_PARTS, 2 * PAGE_BYTES), repaired=False),
    "v3 per CPU, slab parts": PerCpu(SLAB_PARTS, repaired=False),
    "v3 per CPU, repaired": PerCpu((*SLAB_PARTS, 2 * PAGE_BYTES), repaired=True),
    "page_frag_cache, no lock": Shared(mutex=False),
    "page_frag_cache, mutex": Shared(mutex=True),
}
