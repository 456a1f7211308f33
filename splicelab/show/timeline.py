"""One message on a line: its calls, which of them pushed, the skbs that left, and the records of a layer above.

Every piece of memory has the same width, whatever its bytes; below it stands what became of them.
"""

from collections.abc import Sequence
from functools import partial
from itertools import accumulate, pairwise, zip_longest

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D

from splicelab.errors import InputError
from splicelab.evidence.counted.timeline import ALONE, Row, Timeline
from splicelab.kernel.world import MSG_EOR, MSG_MORE, MSG_SENDPAGE_NOTLAST
from splicelab.show.canvas import Drawing, shows
from splicelab.show.style import COUNTED, OWNERS, Picture, axis_label, new_figure, owner_handles

PARTS = 24
GAP, DIGIT = 0.002, 0.009  # between boxes, and about a digit of 9 points, as shares of the width
LETTERS = {"M": MSG_MORE, "N": MSG_SENDPAGE_NOTLAST, "E": MSG_EOR}
KEY = "above a call its flags: M = MSG_MORE, N = MSG_SENDPAGE_NOTLAST, E = MSG_EOR"
LANES = ("calls", "pushes", "skbs", "records above")
MARKS = (("^", "black", "push, data leaves"), ("^", "white", "push, held back"), ("D", "black", "leaves, no push"))


class _Panel:
    """The artists of one message: its boxes, a line of marks of each kind, as many words as are ever needed."""

    def __init__(self, axes, lanes: int):
        axes.set(xlim=(0, 1.03), ylim=(0.4 - lanes, 0.85), xticks=[])
        axes.set_yticks(-np.arange(lanes), LANES[:lanes])
        axes.tick_params(left=False)
        axes.spines[:].set_visible(False)
        self.title = axes.set_title("6.12: 24 calls, 24 pushes, 24 skbs, 24 records above, 10000 bytes wait above")
        self.boxes = axes.add_collection(PolyCollection([], edgecolors="#333333", linewidths=0.8))
        look = {"mec": "black", "ms": 8, "clip_on": False, "in_layout": False}  # a line of no marks lies at pixel 0
        self.marks = [axes.plot([], [], marker, mfc=fill, **look)[0] for marker, fill, _ in MARKS]
        self.words = [axes.text(0, 0, "", ha="center", va="center", fontsize=9) for _ in range(4 * PARTS)]
        self.moving = [self.title, self.boxes, *self.marks, *self.words]

    def show(self, row: Row) -> None:
        """Lay out one message; InputError where it has more parts than the picture holds."""
        calls, marks, skbs = row.happenings
        pieces = np.cumsum([0, *(piece.size_bytes for piece in row.trace.pieces)])
        bounds = sorted({*map(int, pieces), *(first for _, first, _ in calls)})
        if max(len(bounds) - 1, len(skbs)) > PARTS:
            raise InputError(f"picture: more than {PARTS} pieces or skbs in one message")
        place = partial(np.interp, xp=bounds, fp=np.linspace(0, 1, len(bounds)))
        boxes, words = [], []  # (lane, first byte, end, fill, ink, line, gaps on both sides), (x, y, text, ink)
        for flags, first, end in calls:
            letters = " ".join(letter for letter, flag in LETTERS.items() if flags & flag)
            words.append((place([first, end]).mean(), 0.55, letters, "black"))
            for left, right in pairwise(byte for byte in bounds if first <= byte <= end):
                look = OWNERS[row.trace.pieces[np.searchsorted(pieces, left, "right") - 1].memory]
                boxes.append((0, left, right, look.colour, look.ink, "-", (left == first, right == end)))
        boxes += [(2, first, end, OWNERS["skb"].colour, "black", "-", (True, True)) for first, end in skbs]
        closed, open_bytes, _ = row.records or ((), 0, "")
        ends = [0, *accumulate(record.size_bytes for record in closed)]
        boxes += [(3, first, end, "white", "black", "-", (True, True)) for first, end in pairwise(ends)]
        boxes += [(3, ends[-1], ends[-1] + open_bytes, "white", "black", ":", (True, True))] * (open_bytes > 0)
        corners = []
        for lane, first, end, _, ink, _, gaps in boxes:
            (left, right), size = place([first, end]) + np.multiply(GAP, gaps) * (1, -1), f"{end - first}"
            corners.append([(x, y - lane) for x, y in ((left, -0.3), (right, -0.3), (right, 0.3), (left, 0.3))])
            if right - left > DIGIT * len(size):
                words.append(((left + right) / 2, -lane, size, ink))
        self.boxes.set(verts=corners, facecolor=[box[3] for box in boxes], linestyle=[box[5] for box in boxes])
        for kind, line in enumerate(self.marks):
            at = [place(byte) + 0.02 * (kind == ALONE) for byte, mark in marks if mark == kind]
            line.set_data(at, [-1] * len(at))
        for text, (x, y, said, ink) in zip_longest(self.words, words, fillvalue=(0, 0, "", "black")):
            text.set(x=x, y=y, text=said, color=ink)
        self.title.set_text(row.text)


@shows(Timeline)
class TimelineDrawing(Drawing):
    """Some messages, one below the other."""

    def __init__(self, panels: int, has_records: bool, owners: Sequence[str]):
        lanes = 3 + has_records
        self.figure, axes = new_figure(9.5, 0.75 + (0.45 + 0.42 * lanes) * panels, panels, 1, squeeze=False)
        self.panels = [_Panel(one, lanes) for one in axes.flat]
        self.moving = [artist for panel in self.panels for artist in panel.moving]
        axes[-1, 0].set_xlabel(f"{axis_label('bytes of one message, from its first to its last', COUNTED)}\n{KEY}")
        marks = [Line2D([], [], ls="", ms=8, marker=m, mfc=c, mec="black", label=text) for m, c, text in MARKS]
        self.figure.legend(handles=[*owner_handles(owners), *marks], loc="outside lower center", ncols=6)

    def update(self, result: Timeline) -> None:
        """Show as many messages; InputError for one that does not fit."""
        for panel, row in zip(self.panels, result.rows, strict=True):
            panel.show(row)

    @classmethod
    def of(cls, result: Timeline) -> "TimelineDrawing":
        """Return a drawing with a panel for each message, and a legend of whose memory these lie in."""
        owners = sorted({piece.memory for row in result.rows for piece in row.trace.pieces})
        return cls(len(result.rows), any(row.records for row in result.rows), owners)


def over_pages(ways: dict[str, Sequence], recorded: dict[str, Sequence]) -> Picture:
    """Return pushes and skbs over the size of a message; both hold (payload pages, pushes, skbs) a way's name.

    Counted ways are lines, in the order given; recorded ones are rings, without skbs, since other windows cut those.
    """
    figure, panels = new_figure(9.5, 3.2, 1, 2)
    for axes, number, what in zip(panels, (1, 2), ("calls of tcp_push a message", "skbs a message"), strict=True):
        for (name, rows), style in zip(ways.items(), ("o-", "s-", "x--", "^-"), strict=False):
            axes.plot([row[0] for row in rows], [row[number] for row in rows], style, ms=5, label=name)
        axes.set(xlim=(0, 17), ylim=(0, 19), xticks=range(0, 17, 2), yticks=range(0, 19, 3), title=what)
        axes.set_xlabel("pages of payload")
        axes.grid(True)
    for name, rows in recorded.items():
        panels[0].plot(
            [row[0] for row in rows], [row[1] for row in rows], "o", ms=12, mfc="none", color="black", label=name
        )
    panels[0].set_ylabel(axis_label("number", COUNTED))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    points = [point[:2] for rows in recorded.values() for point in rows]
    return Picture(figure, f"recorded (pages, pushes): {points}")
