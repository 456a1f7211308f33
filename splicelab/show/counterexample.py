"""A counterexample as a time line: who acts, what memory or caches hold then, and what has arrived."""

from collections.abc import Iterator
from itertools import count, zip_longest
from textwrap import fill

from matplotlib.figure import Figure

from splicelab.evidence.orders.allocators import PerCpu
from splicelab.evidence.orders.machine import FREE, MEANT, OBJECT_BYTES, OTHER, PAGE_BYTES, SLAB_PAGE, Machine
from splicelab.evidence.orders.search import Verdict, World
from splicelab.show.sketch import PAPER, WRONG, Sketch
from splicelab.show.style import PLAIN, Owner

ACTORS = ("caller", "task 0", "task 1", "somebody else", "page allocator", "owner", "network", "receiver")
TOP, ROW, LANE, BOXES, BYTE, WIDE = 91, 39, 71, 569, 29, 175  # pixels; of boxes where they begin and their widths
Boxes = list[tuple[str, str | Owner]]


class Counterexample(Sketch, shows=Verdict):
    """The shortest counterexample, an event a row; a thick frame has just changed."""

    @classmethod
    def picture(cls, verdict: Verdict) -> Figure | None:
        """Return the figure of a verdict; None where no order breaks a rule, and there is nothing to draw."""
        return super().picture(verdict) if verdict.broken else None

    def draw(self, verdict: Verdict) -> float:
        """Draw who acts, what happens, and what memory or caches hold then."""
        steps = verdict.counterexample
        end = TOP + ROW * (len(steps) - 1)
        title = f"{verdict.name.replace('_', ' ')}: {verdict.violation} (orders; thick: changed)"
        self.say(5, 11, title, ha="left", points=11, weight="bold")
        acting = {step.actor for step in steps}
        lanes = dict(zip((actor for actor in ACTORS if actor in acting), count(38, LANE)))
        for actor, x in lanes.items():
            self.say(x, 58, actor.replace(" ", "\n"), points=9)
            self.line(x, TOP - 16, x, end + 16, PLAIN, 0.8)
        queued = (frag.address for step in steps for skb in getattr(step.world, "queue", ()) for frag in skb.frags)
        first, before = next(queued, SLAB_PAGE * PAGE_BYTES), {}
        for y, step in zip(range(TOP, end + 1, ROW), steps, strict=True):
            self.mark(lanes[step.actor], y, "o", "#4D4D4D", 10, "#4D4D4D")
            self.say(LANE * len(lanes) + 3, y, fill(step.words.replace("attach:", ""), 40), ha="left", points=9)
            left = BOXES
            for title, width, boxes in _columns(step.world, first // OBJECT_BYTES * OBJECT_BYTES):
                if y == TOP:
                    self.say(left, 58, title, ha="left", points=9)
                for words, owner in boxes:
                    edge, line = (PLAIN, 0.8) if before.get(left, words) == words else ("black", 2)
                    before[left] = words
                    self.box(left, left + width - 2, y, owner, words, edge=edge, width=line)
                    left += width
                left += 24
        if isinstance(steps[0].world, Machine):
            self.legend(end + 32)
        return end + ROW + 20


def _columns(w: World, address: int) -> Iterator[tuple[str, float, Boxes]]:
    """Yield what is shown of a world: a title, the width of a box, and boxes; of memory, an object's worth."""
    if isinstance(w, Machine):
        memory = [(f"{w.memory[place]:02x}", _look(w, place)) for place in range(address, address + OBJECT_BYTES)]
        yield "memory that the\nqueue points at", BYTE, memory
        got = zip_longest(w.received, MEANT)
        arrived = [(f"{byte:02x}" if byte else "", PAPER if byte in (0, meant) else WRONG) for byte, meant in got]
        yield "arrived (white on dark: wrong)", BYTE, arrived
    elif isinstance(w, PerCpu):
        for number, cache in enumerate(w.caches):
            words = f"folio {cache.folio}, {'reserves' if cache.pfmemalloc else 'ordinary'}" if cache.bias else "empty"
            is_wrong = cache.bias and cache.pfmemalloc != w.folios[cache.folio].pfmemalloc
            yield f"CPU {number}\nhas noted", WIDE, [(words, WRONG if is_wrong else PAPER)]
    else:
        yield "next\noffset", 71, [(str(w.offset), PAPER)]
        (*_, first), (*_, second) = w.tasks
        for number, held in enumerate((first, second)):
            look = WRONG if set(first) & set(second) else PAPER
            yield f"task {number}\nhas", 128, [(" and ".join(map(str, held)), look)]


def _look(w: Machine, address: int) -> str:
    """Return whose a byte of memory is."""
    if w.owner[address] == OTHER:
        return "other"
    return "free" if w.owner[address] == FREE else "slab" if address // PAGE_BYTES == SLAB_PAGE else "page_frag"
