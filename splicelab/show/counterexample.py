"""A counterexample as a time line: who acts, what the memory holds that the queue shows, and what has arrived."""

from textwrap import fill

from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from splicelab.errors import InputError
from splicelab.evidence.orders import Verdict
from splicelab.evidence.small_world import FREE, MEANT, OBJECT_BYTES, OTHER, PAGE_BYTES, SLAB_PAGE, Machine
from splicelab.show.bars import BAD, PLAIN
from splicelab.show.style import OWNERS, Owner, new_figure, owner_handles

ACTORS = ("caller", "somebody else", "network", "receiver")
LANE, WORDS, MEMORY, ARRIVED, WIDTH = 1.45, 5.3, 11.2, 14.2, 19.2  # lanes' distance; where columns begin, and the end
BYTE = 0.62
SOMEBODY = Owner("somebody else's", "#222222", "white")


def time_line(verdict: Verdict) -> Figure:
    """Draw the shortest counterexample of `splicelab.evidence.interleavings.explore`, an event a row.

    Raises
    ------
    InputError
        The verdict has none, or is not about two messages.
    """
    steps = verdict.counterexample
    if not steps or not isinstance(steps[0].world, Machine):
        raise InputError(f"{verdict.name}: no counterexample of a message to draw")
    figure, axes = new_figure(9.5, 1.5 + 0.34 * len(steps))
    axes.set(xlim=(-0.7, WIDTH), ylim=(len(steps) + 0.3, -1.7), xticks=[], yticks=[])
    axes.set_title(f"{verdict.name.replace('_', ' ')}: {verdict.violation}")
    axes.spines[:].set_visible(False)
    for lane, actor in enumerate(ACTORS):
        axes.plot([LANE * lane] * 2, [-0.4, len(steps) - 0.6], color=PLAIN, linewidth=0.8)
        axes.text(LANE * lane, -0.55, actor.replace(" ", "\n"), ha="center", fontsize=9)
    axes.text(MEMORY, -0.55, "memory that\nthe queue shows", fontsize=9)
    axes.text(ARRIVED, -0.55, "arrived (red: not what was meant)", fontsize=9)
    start = next((frag.address for step in steps for skb in step.world.queue for frag in skb.frags), OBJECT_BYTES)
    shown = slice(start // OBJECT_BYTES * OBJECT_BYTES, start // OBJECT_BYTES * OBJECT_BYTES + OBJECT_BYTES)
    before = steps[0].world.memory
    for row, step in enumerate(steps):
        w = step.world
        axes.plot(LANE * ACTORS.index(step.actor), row, "o", color=OWNERS["copied"].colour, markersize=7)
        axes.text(WORDS, row, fill(step.words.replace("attach:", ""), 40), va="center", fontsize=9)
        for place, address in enumerate(range(PAGE_BYTES * len(w.refs))[shown]):
            edge = BAD if w.memory[address] != before[address] else PLAIN
            _byte(axes, MEMORY + place * BYTE, row, w.memory[address], _look(w, address), edge)
        for place, value in enumerate(w.received):
            look = Owner("", BAD, "white") if value not in (0, MEANT[place]) else Owner("", "white", "black")
            _byte(axes, ARRIVED + place * BYTE, row, value, look, PLAIN)
        before = w.memory
    somebody = Patch(facecolor=SOMEBODY.colour, label=SOMEBODY.label)
    axes.legend(handles=[*owner_handles(("slab", "page_frag", "free")), somebody], loc="lower center", ncols=4)
    return figure


def _look(w: Machine, address: int) -> Owner:
    """Return how a byte of memory is drawn."""
    if w.owner[address] == OTHER:
        return SOMEBODY
    kind = "free" if w.owner[address] == FREE else "slab" if address // PAGE_BYTES == SLAB_PAGE else "page_frag"
    return OWNERS[kind]


def _byte(axes, left: float, row: int, value: int, look: Owner, edge: str) -> None:
    """Draw one byte as a box with its value; 0 has not arrived."""
    box = Rectangle((left, row - 0.38), BYTE * 0.92, 0.76, facecolor=look.colour, edgecolor=edge, linewidth=1.2)
    axes.add_patch(box)
    text = f"{value:02x}" if value else ""
    axes.text(left + BYTE * 0.46, row, text, ha="center", va="center", fontsize=9, color=look.ink)
