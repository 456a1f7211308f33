"""Messages on a line each: their calls, which of them pushed, the skbs that left, and the records of a layer above.

Every piece of memory has the same width, whatever its bytes; below it stands what became of them.
"""

from collections.abc import Sequence
from itertools import accumulate, count, pairwise
from textwrap import fill

from splicelab.errors import InputError
from splicelab.evidence.counted.timeline import ALONE, HELD, LEAVES, Row, Timeline
from splicelab.kernel.world import MSG_EOR, MSG_MORE, MSG_SENDPAGE_NOTLAST
from splicelab.show.sketch import PAPER, Sketch, scale
from splicelab.show.style import COUNTED, INK, Picture, axis_label, new_figure

PARTS = 24
LEFT, RIGHT, LANE, GAP = 118, 930, 42, 2
LETTERS = {"M": MSG_MORE, "N": MSG_SENDPAGE_NOTLAST, "E": MSG_EOR}
KEY = "above a call its flags: M = MSG_MORE, N = MSG_SENDPAGE_NOTLAST, E = MSG_EOR"
MARKS = {
    LEAVES: ("^", INK, "push, data leaves"),
    HELD: ("^", "white", "push, held back"),
    ALONE: ("D", INK, "leaves, no push"),
}


class TimelineDrawing(Sketch, shows=Timeline):
    """Some messages, one below the other."""

    def draw(self, result: Timeline) -> float:
        """Draw as many messages; InputError for one of more parts than the picture holds."""
        y = 12
        for row in result.rows:
            y = self._draw_row(y, row)
        words = f"{axis_label('bytes of one message, from its first to its last', COUNTED)}\n{KEY}"
        self.say((LEFT + RIGHT) / 2, y + 8, words, points=10)
        self.legend(y + 44, MARKS.values())
        return y + 60

    def _draw_row(self, top, row: Row) -> float:
        """Draw one message below top; return where the next one begins."""
        calls, marks, skbs = row.happenings
        pieces = [0, *accumulate(piece.size_bytes for piece in row.trace.pieces)]
        edges = sorted({*pieces, *(first for _, first, _ in calls)})
        if max(len(edges) - 1, len(skbs)) > PARTS:
            raise InputError(f"picture: more than {PARTS} pieces or skbs in one message")
        place = scale(edges, LEFT, RIGHT)
        self.say(LEFT, top, row.text, ha="left", points=11, weight="bold")
        captions = ["calls", "pushes", "skbs", *["records above"] * (row.records is not None)]
        lanes = dict(zip(captions, count(top + 46, LANE)))
        for caption, y in lanes.items():
            self.say(LEFT - 12, y, caption, ha="right", points=10)

        def put(lane, first, end, owner, gaps=(GAP, GAP), **look):
            left, right = place((first, end))
            self.box(left + gaps[0], right - gaps[1], lanes[lane], owner, f"{end - first}", height=26, **look)

        for flags, first, end in calls:
            letters = " ".join(letter for letter, flag in LETTERS.items() if flags & flag)
            self.say(place((first, end)).mean(), lanes["calls"] - 23, letters, points=9)
            for piece, (start, stop) in zip(row.trace.pieces, pairwise(pieces), strict=True):
                if max(start, first) < min(stop, end):
                    gaps = GAP * (first >= start), GAP * (end <= stop)
                    put("calls", max(start, first), min(stop, end), piece.kind, gaps)
        for byte, kind in marks:
            self.mark(place(byte) + 16 * (kind == ALONE), lanes["pushes"], *MARKS[kind][:2])
        for first, end in skbs:
            put("skbs", first, end, "skb")
        if row.records:
            ends = [0, *accumulate(record.size_bytes for record in row.records.closed)]
            for first, end in pairwise(ends):
                put("records above", first, end, PAPER)
            if row.records.open_bytes:
                put("records above", ends[-1], ends[-1] + row.records.open_bytes, PAPER, line=":")
        return top + 45 + LANE * len(lanes)


def over_pages(ways: dict[str, Sequence], recorded: dict[str, Sequence]) -> Picture:
    """Draw pushes and skbs over the size of a message; both hold (payload pages, pushes, skbs) by the name of a way.

    Counted ways are lines, in the order given; recorded ones are rings, without skbs, since other windows cut those.
    """
    (figure, panels), ends = new_figure(9.5, 3.2, 1, 2), {}
    for axes, number, what in zip(panels, (1, 2), ("calls of tcp_push a message", "skbs a message"), strict=True):
        for (name, rows), style in zip(ways.items(), ("o-", "s-", "x--", "^:"), strict=False):
            axes.plot([row[0] for row in rows], [row[number] for row in rows], style, ms=5, mfc="white", color=INK)
            ends.setdefault((number, rows[-1][number]), []).append(name)
        axes.set(xlim=(0, 17), ylim=(0, 24), xticks=range(0, 17, 2), yticks=range(0, 19, 3), title=what)
        axes.set(xlabel="pages of payload", ylabel=axis_label("number", COUNTED))
        axes.grid(True)
    for (number, height), names in ends.items():  # ways with one line have one label
        panels[number - 1].text(16.8, height + 1, fill("; ".join(names), 44), ha="right", va="bottom")
    for name, rows in recorded.items():
        pages, pushes = zip(*rows, strict=True)
        panels[0].plot(pages, pushes, "o", ms=12, mfc="none", color="black", label=name)
    if recorded:
        figure.legend(loc="outside lower center")
    return Picture(figure, f"recorded (pages, pushes): {[row for rows in recorded.values() for row in rows]}")
