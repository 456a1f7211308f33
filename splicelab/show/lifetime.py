"""Lifetimes drawn: one message step by step (memory, queue, receiver), and how often it arrives wrong."""

import numpy as np
import pandas as pd

from splicelab.errors import InputError
from splicelab.evidence.counted.life import Life, in_hex
from splicelab.evidence.counted.lifetimes import FATES, Rates
from splicelab.show.canvas import Drawing
from splicelab.show.sketch import Sketch
from splicelab.show.style import COUNTED, DANGER, FAINT, GOOD, INK, OWNERS, Picture, axis_label, new_figure

USERS = {"the message": "slab", "another user": "other"}  # both slab memory, but not the message's
FATE_COLOURS = ("#D9D9D9", "#7FBF8E", OWNERS["slab"].colour, OWNERS["other"].colour)
LEFT, BLOCK, STEP, SQUARES = 272, 128, 62, 200
LINES = {"linestyle": ["-", "--", ":", "-."], "marker": list("osD^"), "color": [INK, "#444444", "#666666", "#888888"]}


class LifeDrawing(Sketch, shows=Life):
    """The life of one message, a row a step: memory, queue, receiver."""

    def draw(self, result: Life) -> float:
        """Draw a life."""
        for x, words in ((10, f"step ({COUNTED})"), (400, "memory: three objects"), (670, "queue"), (820, "receiver")):
            self.say(x, 18, words, FAINT, "left")
        meant = result.moments[0].blocks[1][1]
        for number, (what, blocks, refcount, got) in enumerate(result.moments):
            y = 58 + number * STEP
            self.say(10, y, f"{number + 1} {what}", ha="left")
            for place, (user, data) in enumerate(blocks):
                x, words = LEFT + place * BLOCK, f"{user}\n{in_hex(data)}"
                self.box(x, x + BLOCK - 4, y, USERS.get(user, "free"), words, height=44, points=9.5)
            if refcount is not None:
                self.frame(LEFT + BLOCK - 4, LEFT + 2 * BLOCK, y, 54, width=2.2)
            queue = "empty" if refcount is None else f"skb: framed object\npage count {refcount}"
            self.say(670, y, queue, ha="left")
            words, colour = ("as meant", GOOD) if got == meant else ("WRONG", DANGER)
            said = f"{words}\n{in_hex(got)}" if got else "nothing yet"
            self.say(820, y, said, colour if got else FAINT, "left")
        return 50 + len(result.moments) * STEP


def _delay_axes(axes, delays, said: str = "") -> None:
    """Label the axes of a sweep over ACK delays, evenly spaced."""
    axes.set(xlim=(-0.4, len(delays) - 0.6), ylim=(-0.03, 1.03), xlabel="messages sent before the ACK is due" + said)
    axes.set(xticks=range(len(delays)), xticklabels=delays, ylabel=axis_label("wrong, of those lost", COUNTED))


def rates(swept: dict[str, Rates]) -> Picture:
    """Draw several sweeps over the ACK delay, each with its 95 % intervals."""
    tables = {name: one.table for name, one in swept.items()}
    if len({tuple(table.index) for table in tables.values()}) > 1:
        raise InputError("plot: sweeps over the same ACK delays")
    figure, axes = new_figure(9.5, 4)
    axes.set_prop_cycle(**LINES)
    for number, (name, table) in enumerate(tables.items()):
        spread = (table.share - table.low, table.high - table.share)
        x = np.arange(len(table)) + 0.06 * (number - len(tables) / 2)
        axes.errorbar(x, table.share, spread, capsize=3)
        axes.text(x[0] - 0.2, table.share.iloc[0], name, ha="right", va="center")  # there they are furthest apart
    _delay_axes(axes, table.index)
    axes.set_xlim(-1.6, None)
    words = pd.DataFrame({name: table.share for name, table in tables.items()}).round(2).to_string()
    return Picture(figure, f"share of lost messages that arrive wrong, by ACK delay\n{words}")


class RatesDrawing(Drawing, shows=Rates):
    """The first messages of one workload as squares, and the sweep."""

    def __init__(self, result: Rates):
        self.figure, (top, axes) = new_figure(9.5, 4.6, 2, height_ratios=(1, 2))
        top.set(xlim=(-1, 50), ylim=(4, -1.6), title=f"The first {SQUARES} messages (counted)")
        top.set_axis_off()
        at = np.arange(SQUARES)
        self.squares = top.scatter(at % 50, at // 50, s=70, marker="s", edgecolor="#555555", linewidth=0.4)
        for place, (words, colour) in enumerate(zip(FATES, FATE_COLOURS, strict=True)):
            top.scatter(place * 12, -1.1, s=70, marker="s", color=colour, edgecolor="#555555", linewidth=0.4)
            top.text(place * 12 + 0.8, -1.1, words, va="center")
        _delay_axes(axes, result.table.index, " (line: as set above; bars: 95 % intervals)")
        (self.line,) = axes.plot(range(len(result.table)), np.zeros(len(result.table)), "o-", color=INK)
        self.spreads = axes.vlines(range(len(result.table)), 0, 0, color=INK, linewidth=5, alpha=0.35)
        self.here = axes.axvline(0, color=DANGER, linewidth=1.5)
        self.moving = [self.squares, self.spreads, self.line, self.here]

    def update(self, result: Rates) -> None:
        """Show another workload."""
        one, table = result.lives, result.table
        self.squares.set_facecolor([FATE_COLOURS[fate] for fate in one.fates[:SQUARES]])
        self.line.set_ydata(table.share)
        ranges = enumerate(zip(table.low, table.high, strict=True))
        self.spreads.set_segments([((x, low), (x, high)) for x, (low, high) in ranges])
        self.here.set_xdata([np.interp(result.ack_delay, table.index, range(len(table)))] * 2)
