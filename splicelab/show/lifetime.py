"""Lifetimes drawn: one message step by step (memory, queue, receiver), and how often it arrives wrong."""

import numpy as np
import pandas as pd
from ipywidgets import Checkbox, Dropdown, FloatSlider, IntSlider
from matplotlib.figure import Figure

from splicelab.evidence.counted.lifetimes import DELAYS, FATES, Lives, Moment, lives, lives_by_delay
from splicelab.kernel.profiles import DESCRIPTIONS
from splicelab.kernel.slab import CLASSES
from splicelab.kernel.world import new_world
from splicelab.show.explorer import Explorer
from splicelab.show.sketch import DANGER, FAINT, GOOD, INK, Sketch
from splicelab.show.style import COUNTED, OWNERS, axis_label, new_figure

OTHER = OWNERS["other"]  # slab memory as well, but not the message's
USERS = {"the message": OWNERS["slab"], "another user": OTHER}
FATE_COLOURS = ("#D9D9D9", "#7FBF8E", OWNERS["slab"].colour, OTHER.colour)
STEP, BLOCK, SQUARES = 62, 128, 200
LINES = (("-", "o", INK), ("--", "s", "#0072B2"), (":", "D", "#D55E00"), ("-.", "^", "#009E73"))
SIZES = {f"{size} bytes": size for size in CLASSES[2:]} | {"16384 bytes (large kmalloc)": 16384}


def in_hex(data: bytes) -> str:
    """Return the first and last two bytes."""
    return f"{data[:2].hex(' ')} … {data[-2:].hex(' ')}"


def life(moments: list[Moment]) -> Figure:
    """Return the life of one message as a figure, a row a step."""
    drawing = Sketch(950, 50 + len(moments) * STEP, boxes=4 * len(moments), lines=0, words=10 + 9 * len(moments))
    drawing.begin()
    for x, words in ((10, "step"), (400, "memory: three objects"), (670, "queue"), (820, "receiver")):
        drawing.say(x, 18, words, FAINT, "left")
    meant = moments[0].blocks[1][1]
    for number, (what, blocks, refcount, got) in enumerate(moments):
        y = 36 + number * STEP
        drawing.say(10, y + 22, f"{number + 1} {what}", INK, "left")
        for place, (user, data) in enumerate(blocks):
            fill, x = USERS.get(user, OWNERS["free"]), 272 + place * BLOCK
            drawing.box(x, y, BLOCK - 4, 44, fill.colour)
            drawing.say(x + BLOCK / 2, y + 22, f"{user}\n{in_hex(data)}", fill.ink)
        queue = "empty"
        if refcount is not None:
            drawing.box(272 + BLOCK - 4, y - 5, BLOCK + 4, 54, "none", INK, 2.2)
            queue = f"skb: framed object\npage count {refcount}"
        drawing.say(670, y + 22, queue, INK, "left")
        words, colour = ("as meant", GOOD) if got == meant else ("WRONG", DANGER)
        drawing.say(820, y + 22, f"{words}\n{in_hex(got)}" if got else "nothing yet", colour if got else FAINT, "left")
    drawing.end()
    return drawing.figure


def life_text(moments: list[Moment]) -> str:
    """Return the same in words: who has the object that the skb shows, its page's count, what was received."""
    lines = []
    for number, (what, blocks, refcount, received) in enumerate(moments, 1):
        queue = "queue empty" if refcount is None else f"skb shows it, page count {refcount}"
        got = "nothing received yet" if not received else f"received {in_hex(received)}"
        lines.append(f"{number} {what}: {blocks[1][0]}, {in_hex(blocks[1][1])}; {queue}; {got}")
    return "\n".join(lines)


def _delay_axes(axes) -> None:
    """Label the axes of a sweep over ACK delays, evenly spaced."""
    axes.set(xlim=(-0.4, len(DELAYS) - 0.6), ylim=(-0.03, 1.03), xlabel="messages sent before the ACK is due")
    axes.set_xticks(range(len(DELAYS)), DELAYS)
    axes.set_ylabel(axis_label("wrong, of those lost", COUNTED))


def rates(tables: dict[str, pd.DataFrame]) -> Figure:
    """Return sweeps over the ACK delay, each with its 95 % intervals, as one figure."""
    figure, axes = new_figure(9.5, 4)
    for number, (name, table) in enumerate(tables.items()):
        look = dict(zip(("linestyle", "marker", "color"), LINES[number % len(LINES)], strict=True))
        spread = (table.share - table.low, table.high - table.share)
        x = np.arange(len(table)) + 0.06 * (number - len(tables) / 2)
        axes.errorbar(x, table.share, spread, label=name, capsize=3, **look)
    _delay_axes(axes)
    figure.legend(loc="outside right center")
    return figure


class Rates:
    """The Explorer's `Drawing`: the first messages as squares, and the sweep; its result is (Lives, sweep)."""

    def __init__(self):
        self.figure, (top, axes) = new_figure(9.5, 4.6, 2, height_ratios=(1, 2))
        top.set(xlim=(-1, 50), ylim=(4, -1.6), title=f"The first {SQUARES} messages (counted)")
        top.set_axis_off()
        at = np.arange(SQUARES)
        self.squares = top.scatter(at % 50, at // 50, s=70, marker="s", edgecolor="#555555", linewidth=0.4)
        for place, (words, colour) in enumerate(zip(FATES, FATE_COLOURS, strict=True)):
            top.scatter(place * 12, -1.1, s=70, marker="s", color=colour, edgecolor="#555555", linewidth=0.4)
            top.text(place * 12 + 0.8, -1.1, words, va="center")
        _delay_axes(axes)
        (self.line,) = axes.plot(range(len(DELAYS)), np.zeros(len(DELAYS)), "o-", color=INK)
        self.spreads = axes.vlines(range(len(DELAYS)), 0, 0, color=INK, linewidth=5, alpha=0.35)
        self.here = axes.axvline(0, color=DANGER, linewidth=1.5)
        self.moving = [self.squares, self.spreads, self.line, self.here]

    def update(self, values: dict, result: tuple[Lives, pd.DataFrame]) -> None:
        """Show another workload."""
        one, table = result
        self.squares.set_facecolor([FATE_COLOURS[fate] for fate in one.fates[:SQUARES]])
        self.line.set_ydata(table.share)
        ranges = enumerate(zip(table.low, table.high, strict=True))
        self.spreads.set_segments([((x, low), (x, high)) for x, (low, high) in ranges])
        self.here.set_xdata([np.interp(values["ack_delay"], DELAYS, range(len(DELAYS)))] * 2)


def rates_text(values: dict, result: tuple[Lives, pd.DataFrame]) -> str:
    """Return in words how the workload of these control values ended."""
    one, table = result
    counts = np.bincount(one.fates, minlength=len(FATES))
    fates = ", ".join(f"{words} {count:,}" for words, count in zip(FATES, counts, strict=True))
    puts = f"\npages put back that nobody had taken: {one.double_put:,}" if one.double_put else ""
    shares = ", ".join(f"{delay}: {share:.2f}" for delay, share in table.share.items())
    return f"{len(one.fates):,} messages: {fates}\nwrong, of those lost, by delay: {shares}{puts}"


def lifetime_explorer(messages: int = 3000) -> Explorer:
    """Return an Explorer of the workload: kernel, size class, delay, loss, pressure and zeroing."""
    world = new_world()  # cells have their own: sliders come in another thread

    def compute(size, **options) -> tuple[Lives, pd.DataFrame]:
        options |= {"object_bytes": SIZES[size], "messages": messages, "world": world}
        delay = options.pop("ack_delay")
        return lives(ack_delay=delay, **options), lives_by_delay(**options)

    controls = {
        "ack_delay": IntSlider(value=4, max=63, description="ACK delay (messages)"),
        "loss": FloatSlider(value=0.05, min=0.01, max=0.5, step=0.01, description="chance of a loss"),
        "pressure": FloatSlider(value=1, max=16, step=0.25, description="others' kmallocs and kfrees per message"),
        "size": Dropdown(options=list(SIZES), description="size class of the object"),
        "kernel": Dropdown(options=list(DESCRIPTIONS), description="kernel"),
        "zeroed": Checkbox(value=False, description="memory is zeroed when allocated"),
    }
    return Explorer(controls, compute, Rates, rates_text)
