"""The workbook's words drawn small, each by a model kernel that has just done the thing: no number is typed in."""

from itertools import count, pairwise
from typing import NamedTuple

import numpy as np

from splicelab.errors import one_of
from splicelab.evidence.counted.message import trace_message
from splicelab.evidence.counted.patterns import observe
from splicelab.evidence.counted.tally import Span
from splicelab.kernel.frag import BIAS, FROM_THE_END, page_frag_alloc
from splicelab.kernel.memory import FRAGMENT, PAGE_CACHE, alloc_pages, get_page
from splicelab.kernel.slab import CLASSES, kfree, kmalloc, kmalloc_class
from splicelab.kernel.world import MAX_SKB_FRAGS, MSG_MORE, PAGE_SIZE, new_world
from splicelab.show.sketch import PAPER, Sketch
from splicelab.show.style import COUNTED, Owner, Picture

LEFT, RIGHT = 140, 894


class Strip(NamedTuple):
    """One term: boxes side by side, (width, owner of the memory, words) each, and what they show in a sentence."""

    term: str
    boxes: list[tuple[float, str | Owner, str]]
    sentence: str


def memory() -> list[Strip]:
    """Allocate pages, slab objects and page fragments."""
    w = new_world()
    page, head = alloc_pages(w, 0, PAGE_CACHE), alloc_pages(w, 3, FRAGMENT)
    folio = range(head, head + (1 << w.page[head].order))
    before = w.page[page].refcount
    get_page(w, page)
    get_page(w, folio[-1])
    objects = [kmalloc(w, 48) for _ in range(3)]
    names = dict(zip(objects, ("A", "B, freed", "C"), strict=True))
    kfree(w, objects[1])
    names[kmalloc(w, 40)] = "was B, now D"
    object_bytes = CLASSES[kmalloc_class(48)]
    starts = [page_frag_alloc(w, size_bytes) for size_bytes in (72, 48)]
    cache = w.frag_cache[FROM_THE_END]
    offsets = [start - cache.page * PAGE_SIZE for start in starts]
    in_use = w.page[cache.page].refcount - cache.bias
    count = f"a reference taken on page {folio[-1]} is counted on the head, page {head}: {w.page[head].refcount}"
    fate = f"each header of 48 bytes gets {object_bytes}; whoever still reads B, at address {objects[1]}, now reads D"
    paid = f"a folio of {cache.size_bytes} bytes, {BIAS + 1} references paid in advance, {in_use} in use"
    cut = [(2, "page_frag", f"48 bytes at {offsets[1]}"), (2, "page_frag", f"72 bytes at {offsets[0]}")]
    return [
        Strip("page", [(1, "page_cache", f"page {page}: {PAGE_SIZE} bytes")],
              f"references: {before}; with one taken by a queue: {w.page[page].refcount}"),
        Strip("folio", [(1, "page_cache", f"{number}" + ": head" * (number == head)) for number in folio], count),
        Strip("slab object", [(1, "slab", f"object {names[address]}") for address in sorted(names)], fate),
        Strip("page fragment", [(3, "free", f"free: bytes 0 to {offsets[1] - 1}"), *cut], paid),
    ]  # fmt: skip


def _entry(span: Span) -> tuple[float, str, str]:
    """Return the box of a bio_vec or frag that points at a span."""
    page, offset = divmod(span.address, PAGE_SIZE)
    return 1, span.kind, f"page {page}, offset {offset}, {span.size_bytes} bytes"


def message() -> list[Strip]:
    """Send header, page and trailer of siw: as the patch would take them, then from fragments on 6.12."""
    ways = (("copy_in_stack", "6.12+v3"), ("fix_callers", "6.12"))
    given, fixed = (trace_message("siw", *way, payload_bytes=PAGE_SIZE) for way in ways)
    skb, pinned_bytes = fixed.skbs[0], fixed.tally.pinned_peak_bytes
    slots = [(1, frag.kind, f"{frag.size_bytes}") for frag in skb.frags]
    slots += [(1, "free", "")] * (MAX_SKB_FRAGS - len(slots))
    charged = [(2, "skb", f"skb itself: {skb.truesize - skb.size_bytes}")]
    charged += [(max(frag.size_bytes**0.2, 2), frag.kind, f"data: {frag.size_bytes}") for frag in skb.frags]
    return [
        Strip("bio_vec", [_entry(piece) for piece in given.pieces],
              f"an array of {len(given.pieces)}: header and trailer in slab memory, payload in a page of its own"),
        Strip("frag", [_entry(frag) for frag in skb.frags],
              "three such numbers; but a frag holds a reference, so header and trailer now are page fragments"),
        Strip("skb", slots,
              f"{skb.size_bytes} bytes in {len(skb.frags)} of {MAX_SKB_FRAGS} slots; then a new skb begins"),
        Strip("truesize", charged,
              f"charged: {skb.truesize} bytes; kept from being freed: {pinned_bytes} bytes of pages"),
    ]  # fmt: skip


def movement() -> list[Strip]:
    """Send one message spliced and copied, and in three calls with and without MSG_MORE."""
    spliced, copied = (observe(how) for how in ("one splice", "one sendmsg"))
    more, apart = (observe("three sendmsg", how, acks_each_call=True) for how in ("MSG_MORE", "nothing"))
    frags = [(max(frag.size_bytes**0.3, 6), frag.kind, f"{frag.size_bytes} bytes") for frag in spliced.skbs[0].frags]
    ends, pushes = [skb.position + skb.size_bytes for skb in more.skbs], []
    for number, (flags, start, size_bytes) in enumerate(more.tcp_calls, 1):
        left = sum(start < end <= start + size_bytes for end in ends)
        words = f"call {number}: {size_bytes} bytes{', MORE' * (flags & MSG_MORE > 0)}"
        pushes.append((1, PAPER, f"{words}\n{f'▲ {left} skb leaves' if left else '△ nothing leaves'}"))
    counts = [seen.counters["copied_bytes"] for seen in (spliced, copied)]
    return [
        Strip("splice", frags, f"bytes copied: {counts[0]}; by a sendmsg of the same message: {counts[1]}"),
        Strip("push", pushes, f"{len(pushes)} calls, all but the last with MSG_MORE; "
              f"skbs that leave: {len(more.skbs)}; without it: {len(apart.skbs)}"),
    ]  # fmt: skip


GROUPS = {group.__name__: group for group in (memory, message, movement)}


def words(group: str) -> Picture:
    """Draw the workbook's words for memory, message or movement, each by a model kernel that has just done the thing.

    Raises
    ------
    InputError
        Another group.

    Examples
    --------
    >>> from splicelab import words
    >>> words("movement")
    splice: bytes copied: 0; by a sendmsg of the same message: 4148
    push: 3 calls, all but the last with MSG_MORE; skbs that leave: 1; without it: 3
    """
    strips = GROUPS[one_of("group", group, GROUPS)]()
    return Picture(Glossary.picture(strips), "\n".join(f"{one.term}: {one.sentence}" for one in strips))


class Glossary(Sketch):
    """Terms below each other: boxes side by side, and what they show in a sentence."""

    width_px = 900

    def draw(self, strips: list[Strip]) -> float:
        """Draw the terms."""
        for y, (term, boxes, sentence) in zip(count(37, 82), strips):
            ends = np.cumsum([0, *(width for width, *_ in boxes)])
            places = pairwise(LEFT + ends * (RIGHT - LEFT) / ends[-1])
            self.say(LEFT - 10, y, term, ha="right", points=10.5, weight="bold")
            for (_, owner, said), (left, right) in zip(boxes, places, strict=True):
                self.box(left, right, y, owner, said, height=42)
            self.say(LEFT, y + 34, f"{sentence} ({COUNTED})", ha="left")
        self.legend(82 * len(strips) + 22)
        return 82 * len(strips) + 45
