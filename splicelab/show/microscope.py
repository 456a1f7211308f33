"""The message microscope: one message, whose memory it lies in, what is copied, and who keeps it until when."""

from splicelab.evidence.counted.broken import times
from splicelab.evidence.counted.message import Trace
from splicelab.show.canvas import shows
from splicelab.show.sketch import DANGER, FAINT, GOOD, INK, Sketch
from splicelab.show.style import OWNERS

WIDTH, HEIGHT, LEFT, RIGHT = 950, 572, 112, 940
PATH_Y, CALL_Y, MEMORY_Y, SKB_Y, LIFE_Y = 36, 108, 160, 266, 378
BLOCK, BAR, ROW = 42, 18, 45
STAGES = {"built": 112, "sendmsg": 220, "call returns": 390, "next message": 550, "sent again": 705, "ACK": 830}
# What the caller does with its memory: at which stage; what it keeps goes on.
ENDS_AT = dict.fromkeys(("kfree", "own reference put"), "call returns")
ENDS_AT |= {"rewritten": "next message", "kfree by callback": "ACK"}


@shows(Trace)
class Microscope(Sketch):
    """One message: path, calls, memory, skbs, lifetimes."""

    def __init__(self):
        super().__init__(WIDTH, HEIGHT, boxes=60, lines=30, words=80)
        captions = "send calls", "memory of\nthe caller", "what the\nskb holds", "who keeps it,\nuntil when"
        for words, y in zip(captions, (CALL_Y, MEMORY_Y + 21, SKB_Y + 21, LIFE_Y - 6), strict=True):
            self.axes.text(10, y, words, va="center", color=FAINT)
        for name, x in STAGES.items():
            if name != "sent again":
                self.axes.text(x + 5, LIFE_Y - 6, name, va="center", color=FAINT)
                self.axes.plot([x, x], [LIFE_Y + 4, HEIGHT - 6], color="#CCCCCC", linewidth=1, linestyle=":", zorder=1)

    def update(self, result: Trace) -> None:
        """Draw another message."""
        self.begin()
        columns, ended = result.columns, result.tally.ending
        width = (RIGHT - LEFT) / len(columns)
        self.say(10, 17, result.name, INK, "left", 11, "bold")
        self.say(RIGHT, 17, ended, GOOD if ended == "delivered" else DANGER, "right", 11, "bold")
        self._draw_path(result)
        for number, column in enumerate(columns):
            self._draw_piece(LEFT + number * width, width, column)

        def x_of(position):
            """Return where a byte of the message stands: all columns have one width, whatever their bytes."""
            for number, column in enumerate(columns):
                if position < column.position + column.size_bytes:
                    return LEFT + width * (number + (position - column.position) / column.size_bytes)
            return RIGHT

        self._draw_calls(result.merged(result.calls), x_of)
        self._draw_skbs(result, result.merged(result.frags), x_of)
        if result.tally.retransmits:
            self.line([STAGES["sent again"]] * 2, [LIFE_Y + 4, HEIGHT - 6], DANGER, 1.5)
            self.say(STAGES["sent again"] + 5, LIFE_Y - 6, "sent again", DANGER, "left", 10)
        lives = [column for column in columns if not column.label.startswith(("…", "page 2", "page 3"))]
        for number, column in enumerate(lives):
            self._draw_life(LIFE_Y + 10 + number * ROW, column)
        self.end()

    def _draw_path(self, trace):
        """Draw the call path and what happens where; dark is who deals with memory that cannot be attached."""
        acting, step = trace.acting, (RIGHT - 2) / 6
        for number, (name, words) in enumerate(trace.places.items()):
            x, acts, line = 10 + number * step, name == acting, INK if words else FAINT
            fill, ink = (DANGER if trace.tally.eio else INK, "white") if acts else ("white", line)
            self.box(x, PATH_Y, step - 20, 50, fill, line, 1, "-" if words else ":")
            self.say(x + step / 2 - 10, PATH_Y + 15, name + " acts" * acts, ink, fontweight="bold")
            self.say(x + step / 2 - 10, PATH_Y + 35, words or "none", ink)
            if number:
                self.say(x - 10, PATH_Y + 25, "▶", FAINT)

    def _draw_calls(self, calls, x_of):
        done = 0
        for call in calls:
            x, end = x_of(call.position) + 4, x_of(call.position + call.size_bytes) - 4
            self.line([x, end], [CALL_Y + 8] * 2, INK, 1.5)
            self.say((x + end) / 2, CALL_Y - 3, f"call {done + 1}" + f" to {done + call.count}" * (call.count > 1))
            done += call.count

    def _draw_piece(self, x, width, column):
        middle, size = MEMORY_Y + BLOCK + 30, times(column.size_bytes, "byte")
        self.say(x + width / 2, MEMORY_Y - 13, column.label, fontweight="bold")
        self._block(x, MEMORY_Y, width, column.memory, size)
        arrow = [x + width / 4] * 2, [middle - 26, middle + 18]
        if column.way == "copied":
            self.line(*arrow, OWNERS["copied"].colour, 5, 12)
            self.say(x + width / 4 + 12, middle, f"copied\n{size}", INK, "left")
        elif column.held:
            self.line(*arrow, FAINT, 1, 7)
            self.say(x + width / 4 + 12, middle, column.way, FAINT, "left")
        else:
            self.say(x + width / 2, middle, column.way, DANGER, fontweight="bold")

    def _block(self, x, y, width, memory, size):
        self.memory(x + 3, y, max(width - 6, 2), BLOCK, memory, f"{OWNERS[memory].label}\n{size}")

    def _draw_skbs(self, trace, frags, x_of):
        for frag in frags:
            x, end = x_of(frag.position), x_of(frag.position + frag.size_bytes)
            words = times(frag.size_bytes, "byte") if frag.count == 1 else f"{frag.count} frags"
            self._block(x, SKB_Y, end - x, frag.memory, words)
        for number, skb in enumerate(trace.skbs, 1):
            x, end = x_of(skb.position), x_of(skb.position + skb.size_bytes)
            self.box(x, SKB_Y - 6, end - x, BLOCK + 12, "none", INK, 1.6)
            if end - x > 110:
                words = f"skb {number}: {times(skb.size_bytes, 'byte')}, {times(len(skb.frags), 'frag')}"
                self.say(min((x + end) / 2, RIGHT - 82), SKB_Y + BLOCK + 18, words)

    def _draw_life(self, y, column):
        end, sent, ack = STAGES.get(ENDS_AT.get(column.end), RIGHT), STAGES["sendmsg"], STAGES["ACK"]
        self.say(10, y + BAR, column.label.replace("page 1", "pages"), INK, "left", fontweight="bold")
        self.memory(
            LEFT, y, end - LEFT, BAR, column.memory, f"{OWNERS[column.memory].label}: kept by the caller", "left"
        )
        self.say(end + 6, y + BAR / 2, column.end if end < RIGHT else "", INK, "left")
        y += BAR + 1
        if column.held:
            self.memory(sent, y, ack - sent, BAR, column.held, f"{OWNERS[column.held].label}: kept by the skb", "left")
        else:
            self.say(sent + 6, y + BAR / 2, column.way, DANGER, "left", fontweight="bold")
        if column.is_at_risk:
            self.box(end, y, ack - end, BAR, "white", DANGER, 1.6)
            self.say(end + 8, y + BAR / 2, "bytes may change", DANGER, "left", fontweight="bold")

    @staticmethod
    def words(trace: Trace) -> str:
        """Say in words what is drawn."""
        path = [f"{name}{' acts' * (name == trace.acting)}: {said}" for name, said in trace.places.items() if said]
        lines = [f"{trace.name}: {trace.tally.outcome}", " → ".join(path)]
        for column in trace.columns:
            way = f"copied into a {OWNERS[column.held].label}" if column.way == "copied" else column.way
            risk = ", its bytes may change before the ACK" if column.is_at_risk else ""
            lines.append(f"{column.label}: {OWNERS[column.memory].label}, {column.size_bytes:,} bytes, {way}{risk}")
        return "\n".join(lines)
