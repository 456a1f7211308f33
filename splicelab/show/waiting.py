"""What waits for its ACK: the memory that each answer holds meanwhile, and what it copies after all."""

from ipywidgets import Dropdown, SelectionSlider

from splicelab.callers import load_callers
from splicelab.evidence.counted.run import run
from splicelab.evidence.counted.tally import Tally
from splicelab.kernel.world import PAGE_SIZE, new_world
from splicelab.show.explorer import Explorer
from splicelab.show.style import COUNTED, OWNERS, axis_label, new_figure

FRAGMENT, OBJECT, PAGE = OWNERS["page_frag"].colour, OWNERS["slab"].colour, "#666666"
WAYS = {  # black dots and dashes let the line below them be seen
    "copy_in_stack": {"color": FRAGMENT, "linewidth": 4},
    "fix_callers": {"color": "black", "linestyle": (0, (1, 1.5)), "linewidth": 2},
    "page_per_object": {"color": PAGE, "linewidth": 4},
    "attach_callback": {"color": OBJECT, "linewidth": 4},
    "copy_on_ref": {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 2},
}
BARS = FRAGMENT, FRAGMENT, PAGE, OBJECT, OBJECT
IN_FLIGHT, MESSAGES = (1, 4, 16, 64), 64


def wait(caller: str = "iscsi_tcp", header_bytes: int = 0, **options) -> dict[str, list[Tally]]:
    """Return what each of WAYS does with 64 messages of a page, for each number IN_FLIGHT; 0: the caller's header."""
    shape = load_callers()[caller]
    shape = shape.model_copy(update={"header_bytes": header_bytes or shape.header_bytes})
    options |= {"messages": MESSAGES, "payload_bytes": PAGE_SIZE, "mtu": 1500, "moves_bytes": False}
    return {way: [run(shape, way, ack_delay=count - 1, **options) for count in IN_FLIGHT] for way in WAYS}


def wait_text(found: dict[str, list[Tally]]) -> str:
    """Say in words what is drawn, a line an answer."""
    words = "{}: a message has {:g} bytes copied, callbacks: {:g}; 64 in flight hold {:,} bytes beside the payload"
    return "\n".join(
        words.format(way, first.copied_bytes / MESSAGES, first.notifications / MESSAGES, _held(last))
        for way, (first, *_, last) in found.items()
    )


def _held(tally: Tally) -> int:
    return tally.pinned_peak_bytes - PAGE_SIZE


class Waiting:
    """The same as a `Drawing`: a line for what an answer holds, and in its colour a bar for what it copies."""

    def __init__(self):
        self.figure, (held, copied) = new_figure(9.5, 3.3, 1, 2, width_ratios=[3, 2])
        held.set(xscale="log", yscale="log", xlim=(0.85, 75), ylim=(8, 8e6), xlabel="messages in flight")
        held.set_xticks(IN_FLIGHT, IN_FLIGHT)
        held.minorticks_off()
        held.set_ylabel(axis_label("bytes held beside the payload", COUNTED))
        self.lines = [held.plot(IN_FLIGHT, IN_FLIGHT, label=way, **look)[0] for way, look in WAYS.items()]
        held.legend(ncols=2, loc="upper left")
        copied.set(xlim=(0, 1.3), xticks=[], ylim=(len(WAYS) - 0.5, -0.5))
        copied.set_yticks(range(len(WAYS)), list(WAYS))
        copied.set_xlabel(axis_label("bytes copied a message", COUNTED))
        self.bars = copied.barh(range(len(WAYS)), 1, 0.6, color=BARS)
        self.numbers = [copied.text(0, row, "0", va="center") for row in range(len(WAYS))]
        self.moving = [*self.lines, *self.bars, *self.numbers]

    def update(self, values: dict, result: dict[str, list[Tally]]) -> None:
        """Show what `wait` found."""
        most = max(tallies[0].copied_bytes for tallies in result.values()) or 1
        for line, bar, number, tallies in zip(self.lines, self.bars, self.numbers, result.values(), strict=True):
            line.set_ydata([_held(tally) for tally in tallies])
            bar.set_width(tallies[0].copied_bytes / most)
            number.set(x=tallies[0].copied_bytes / most + 0.03, text=f"{tallies[0].copied_bytes / MESSAGES:g}")


def waiting_explorer() -> Explorer:
    """Return an Explorer over headers, callers, and who takes references on the way."""
    world = new_world()  # cells have their own: sliders come in another thread

    def compute(segments, receiver, **options):
        return wait(world=world, segments_in_software=segments, loopback=receiver, **options)

    sizes = [("the caller's own", 0), *((f"{size:,}", size) for size in (128, 512, 2048))]
    controls = {
        "header_bytes": SelectionSlider(options=sizes, description="header (bytes)"),
        "caller": Dropdown(options=("iscsi_tcp", "siw", "ceph_v1", "rds"), description="caller"),
        "segments": Dropdown(options={"by the card": False, "in software": True}, description="segments are cut"),
        "receiver": Dropdown(options={"elsewhere": False, "on this machine": True}, description="receiver"),
    }
    return Explorer(controls, compute, Waiting, lambda values, found: wait_text(found))
