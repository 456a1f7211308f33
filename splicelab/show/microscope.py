"""The message microscope: one message, whose memory it lies in, what is copied, and who keeps it until when."""

from splicelab.evidence.counted.broken import times
from splicelab.evidence.counted.message import Column, Trace
from splicelab.show.sketch import PAPER, Sketch, scale
from splicelab.show.style import DANGER, FAINT, GOOD, INK, OWNERS, Owner

HEIGHT, LEFT, RIGHT = 572, 112, 940
PATH_Y, CALL_Y, MEMORY_Y, SKB_Y, LIFE_Y = 61, 108, 181, 287, 372
BLOCK, BAR, ROW = 42, 18, 45
STAGES = {"built": 112, "sendmsg": 220, "call returns": 390, "next message": 550, "sent again": 705, "ACK": 830}
# What the caller does with its memory: at which stage; what it keeps goes on.
ENDS_AT = dict.fromkeys(("kfree", "own reference put"), "call returns")
ENDS_AT |= {"rewritten": "next message", "kfree by callback": "ACK"}


class Microscope(Sketch, shows=Trace):
    """One message: its path, its calls, its memory, the skbs that hold it, and lifetimes."""

    def draw(self, trace: Trace) -> float:
        """Draw a message."""
        columns, ended = trace.columns, trace.tally.ending
        self.say(10, 17, trace.name, INK, "left", 11, "bold")
        self.say(RIGHT, 17, ended, GOOD if ended == "delivered" else DANGER, "right", 11, "bold")
        captions = "send calls", "memory of\nthe caller", "what the\nskb holds", "who keeps it,\nuntil when"
        for words, y in zip(captions, (CALL_Y, MEMORY_Y, SKB_Y, LIFE_Y), strict=True):
            self.say(10, y, words, FAINT, "left", 10)
        self._draw_path(trace)
        starts = [column.position for column in columns]
        place = scale([*starts, starts[-1] + columns[-1].size_bytes], LEFT, RIGHT)
        for column in columns:
            self._draw_piece(place(column.position), place(column.position + column.size_bytes), column)
        done = 0
        for call in trace.merged(trace.calls):
            x, end = place((call.position, call.position + call.size_bytes))
            self.line(x + 4, CALL_Y + 8, end - 4, CALL_Y + 8, width=1.5)
            self.say((x + end) / 2, CALL_Y - 3, f"call {done + 1}" + f" to {done + call.count}" * (call.count > 1))
            done += call.count
        for frag in trace.merged(trace.frags):
            words = times(frag.size_bytes, "byte") if frag.count == 1 else f"{frag.count} frags"
            self._draw_block(*place((frag.position, frag.position + frag.size_bytes)), SKB_Y, frag.kind, words)
        for number, skb in enumerate(trace.skbs, 1):
            x, end = place((skb.position, skb.position + skb.size_bytes))
            self.frame(x, end, SKB_Y, BLOCK + 12)
            if end - x > 110:
                words = f"skb {number}: {times(skb.size_bytes, 'byte')}, {times(len(skb.frags), 'frag')}"
                self.say(min((x + end) / 2, RIGHT - 82), SKB_Y + 39, words)
        for name, x in STAGES.items():
            if name != "sent again":
                self.say(x + 5, LIFE_Y, name, FAINT, "left", 10)
                self.line(x, LIFE_Y + 10, x, HEIGHT - 6, "#CCCCCC", line=":")
        lives = [column for column in columns if not column.label.startswith(("…", "page 2", "page 3"))]
        for number, column in enumerate(lives):
            self._draw_life(LIFE_Y + 25 + number * ROW, column)
        if trace.tally.retransmits:
            self.line(STAGES["sent again"], LIFE_Y + 10, STAGES["sent again"], HEIGHT - 6, DANGER, 1.5)
            self.say(STAGES["sent again"] + 5, LIFE_Y, "sent again", DANGER, "left", 10)
        return HEIGHT

    def _draw_path(self, trace: Trace) -> None:
        """Draw the call path and what happens where; dark is who deals with memory that cannot be attached."""
        step = (RIGHT - 2) / 6
        for number, (name, words) in enumerate(trace.places.items()):
            x, ink = 10 + number * step, INK if words else FAINT
            acts = name == trace.acting
            look = Owner("", DANGER if trace.tally.eio else INK, "white") if acts else PAPER._replace(ink=ink)
            self.box(x, x + step - 20, PATH_Y, look, height=50, edge=ink, width=1, line="-" if words else ":")
            self.say(x + step / 2 - 10, PATH_Y - 10, name + " acts" * acts, look.ink, weight="bold")
            self.say(x + step / 2 - 10, PATH_Y + 10, words or "none", look.ink)
            if number:
                self.mark(x - 10, PATH_Y, ">", FAINT, 8, FAINT)

    def _draw_block(self, left, right, y, memory: str, words: str) -> None:
        self.box(left + 3, right - 3, y, memory, f"{OWNERS[memory].label}\n{words}", height=BLOCK)

    def _draw_piece(self, left, right, column: Column) -> None:
        """Draw a piece in the caller's memory, and its way to what holds it."""
        y, x, size = (MEMORY_Y + SKB_Y) / 2 - 4, left + (right - left) / 4, times(column.size_bytes, "byte")
        self.say((left + right) / 2, MEMORY_Y - 34, column.label, weight="bold")
        self._draw_block(left, right, MEMORY_Y, column.memory, size)
        if not column.held:
            self.say((left + right) / 2, y, column.way, DANGER, weight="bold")
            return
        colour, width, head = (OWNERS["copied"].colour, 5, 15) if column.way == "copied" else (FAINT, 1, 9)
        self.line(x, y - 25, x, y + 18, colour, width)
        self.mark(x, y + 20, "v", colour, head, colour)
        words, ink = (f"copied\n{size}", INK) if column.way == "copied" else (column.way, FAINT)
        self.say(x + 12, y, words, ink, "left")

    def _draw_life(self, y, column: Column) -> None:
        """Draw how long caller and skb keep a piece."""
        end, sent, ack = STAGES.get(ENDS_AT.get(column.end), RIGHT), STAGES["sendmsg"], STAGES["ACK"]
        bar = {"height": BAR, "ha": "left"}
        self.say(10, y + 9, column.label.replace("page 1", "pages"), INK, "left", weight="bold")
        self.box(LEFT, end, y, column.memory, f"{OWNERS[column.memory].label}: kept by the caller", **bar)
        self.say(end + 6, y, column.end if end < RIGHT else "", INK, "left")
        y += BAR + 1
        if column.held:
            self.box(sent, ack, y, column.held, f"{OWNERS[column.held].label}: kept by the skb", **bar)
        else:
            self.say(sent + 6, y, column.way, DANGER, "left", weight="bold")
        if column.is_at_risk:
            self.frame(end, ack, y, BAR, DANGER, fill="white")
            self.say(end + 8, y, "bytes may change", DANGER, "left", weight="bold")

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
