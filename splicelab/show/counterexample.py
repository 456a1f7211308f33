"""A counterexample as a time line: who acts, what memory or caches hold then, and what has arrived."""

from collections.abc import Iterator
from textwrap import fill

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from splicelab.evidence.orders.allocators import PerCpu
from splicelab.evidence.orders.machine import FREE, MEANT, OBJECT_BYTES, OTHER, PAGE_BYTES, SLAB_PAGE, Machine
from splicelab.evidence.orders.search import Verdict, World
from splicelab.show.bars import BAD, PLAIN
from splicelab.show.canvas import Drawing, shows
from splicelab.show.style import OWNERS, Owner, new_figure, owner_handles

ACTORS = ("caller", "task 0", "task 1", "somebody else", "page allocator", "owner", "network", "receiver")
LANE, BOXES, END, BYTE, WIDE = 1.5, 11.3, 19.3, 0.62, 3.7  # between lanes; where boxes begin and end; their widths
PAPER, WRONG, SOMEBODY = Owner("", "white", "black"), Owner("wrong", BAD, "white"), OWNERS["other"]
Boxes = list[tuple[str, Owner]]


@shows(Verdict)
class TimeLine(Drawing):
    """The shortest counterexample, an event a row; a thick frame has just changed."""

    @classmethod
    def picture(cls, result: Verdict) -> Figure | None:
        """Return the figure of a verdict, or None where no order breaks a rule."""
        return time_line(result) if result.broken else None


def time_line(verdict: Verdict) -> Figure:
    """Draw a counterexample."""
    steps = verdict.counterexample
    figure, axes = new_figure(9.5, 1.5 + 0.34 * len(steps))
    axes.set(xlim=(-0.7, END), ylim=(len(steps) + 0.3, -1.7), xticks=[], yticks=[])
    axes.set_title(f"{verdict.name.replace('_', ' ')}: {verdict.violation}")
    axes.spines[:].set_visible(False)
    lanes = [actor for actor in ACTORS if actor in {step.actor for step in steps}]
    for lane, actor in enumerate(lanes):
        axes.plot([LANE * lane] * 2, [-0.4, len(steps) - 0.6], color=PLAIN, linewidth=0.8)
        axes.text(LANE * lane, -0.55, actor.replace(" ", "\n"), ha="center", fontsize=9)
    queued = (frag.address for step in steps for skb in getattr(step.world, "queue", ()) for frag in skb.frags)
    first, before = next(queued, SLAB_PAGE * PAGE_BYTES), {}
    for row, step in enumerate(steps):
        axes.plot(LANE * lanes.index(step.actor), row, "o", color=OWNERS["copied"].colour, markersize=7)
        axes.text(LANE * len(lanes) - 0.7, row, fill(step.words.replace("attach:", ""), 40), va="center", fontsize=9)
        left = BOXES
        for title, width, boxes in _columns(step.world, first // OBJECT_BYTES * OBJECT_BYTES):
            if row == 0:
                axes.text(left, -0.55, title, fontsize=9)
            for words, look in boxes:
                edge, line = (PLAIN, 0.8) if before.get(left, words) == words else ("black", 2)
                before[left] = words
                box = (left, row - 0.38), width - 0.05, 0.76
                axes.add_patch(Rectangle(*box, facecolor=look.colour, edgecolor=edge, linewidth=line))
                axes.text(left + width / 2, row, words, ha="center", va="center", fontsize=9, color=look.ink)
                left += width
            left += 0.5
    if isinstance(steps[0].world, Machine):
        handles = owner_handles(("slab", "page_frag", "free", "other"))
        axes.legend(handles=handles, loc="lower center", ncols=4)
    return figure


def _columns(w: World, address: int) -> Iterator[tuple[str, float, Boxes]]:
    """Yield what is shown of a world: a title, the width of a box, and boxes; of memory, an object's worth."""
    if isinstance(w, Machine):
        memory = [(f"{w.memory[place]:02x}", _look(w, place)) for place in range(address, address + OBJECT_BYTES)]
        yield "memory that\nthe queue shows", BYTE, memory
        got = zip(w.received, MEANT, strict=True)
        arrived = [(f"{byte:02x}" if byte else "", PAPER if byte in (0, meant) else WRONG) for byte, meant in got]
        yield "arrived (red: not what was meant)", BYTE, arrived
    elif isinstance(w, PerCpu):
        for number, cache in enumerate(w.caches):
            words = f"folio {cache.folio}, {'reserves' if cache.pfmemalloc else 'ordinary'}" if cache.bias else "empty"
            is_wrong = cache.bias and cache.pfmemalloc != w.folios[cache.folio].pfmemalloc
            yield f"CPU {number}\nhas noted", WIDE, [(words, WRONG if is_wrong else PAPER)]
    else:
        yield "next\noffset", 1.5, [(str(w.offset), PAPER)]
        (*_, first), (*_, second) = w.tasks
        for number, held in enumerate((first, second)):
            look = WRONG if set(first) & set(second) else PAPER
            yield f"task {number}\nhas", 2.7, [(" and ".join(map(str, held)), look)]


def _look(w: Machine, address: int) -> Owner:
    """Return how a byte of memory is drawn."""
    if w.owner[address] == OTHER:
        return SOMEBODY
    return OWNERS["free" if w.owner[address] == FREE else "slab" if address // PAGE_BYTES == SLAB_PAGE else "page_frag"]
