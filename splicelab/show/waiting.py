"""What waits for its ACK: the memory that each answer holds meanwhile, and what it copies after all."""

from splicelab.evidence.counted.compare import IN_FLIGHT, MESSAGES, Held
from splicelab.show.canvas import Drawing, shows
from splicelab.show.style import COUNTED, OWNERS, axis_label, new_figure

FRAGMENT, OBJECT, PAGE = OWNERS["page_frag"].colour, OWNERS["slab"].colour, "#666666"
WAYS = {  # black dots and dashes let the line below them be seen
    "copy_in_stack": {"color": FRAGMENT, "linewidth": 4},
    "fix_callers": {"color": "black", "linestyle": (0, (1, 1.5)), "linewidth": 2},
    "page_per_object": {"color": PAGE, "linewidth": 4, "marker": "s", "markersize": 9},
    "attach_callback": {"color": OBJECT, "linewidth": 4},
    "copy_on_ref": {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 2},
}
BARS = FRAGMENT, FRAGMENT, PAGE, OBJECT, OBJECT


@shows(Held)
class Waiting(Drawing):
    """A line for what an answer holds, and in its colour a bar for what it copies."""

    def __init__(self, result: Held):
        self.figure, (held, copied) = new_figure(9.5, 3.3, 1, 2, width_ratios=[5, 2])
        held.set(xscale="log", yscale="log", xlim=(0.85, 75), ylim=(8, 8e6), xlabel="messages in flight")
        held.set_xticks(IN_FLIGHT, IN_FLIGHT)
        held.minorticks_off()
        held.set_ylabel(axis_label("bytes held beside the payload", COUNTED))
        self.lines = [held.plot(IN_FLIGHT, IN_FLIGHT, label=way, **look)[0] for way, look in WAYS.items()]
        held.legend(ncols=2, loc="upper left")
        copied.set(xlim=(0, 1.3), xticks=[], ylim=(len(WAYS) - 0.5, -0.5))
        copied.set_yticks(range(len(WAYS)), list(WAYS))
        copied.set_xlabel(axis_label("bytes copied", COUNTED))
        self.bars = copied.barh(range(len(WAYS)), 1, 0.6, color=BARS)
        self.numbers = [copied.text(0, row, "0", va="center") for row in range(len(WAYS))]
        self.moving = [*self.lines, *self.bars, *self.numbers]

    def update(self, result: Held) -> None:
        """Show what was found."""
        copied = [tallies[0].copied_bytes for tallies in result.tallies.values()]
        most = max(copied) or 1
        held = result.table.to_numpy()
        for line, bar, number, row, size_bytes in zip(self.lines, self.bars, self.numbers, held, copied, strict=True):
            line.set_ydata(row)
            bar.set_width(size_bytes / most)
            number.set(x=size_bytes / most + 0.03, text=f"{size_bytes / MESSAGES:g}")
