"""The decision in pictures: scores and what they are made of, what would move them, and where who comes first."""

import numpy as np
import pandas as pd

from splicelab.evidence.debate.criteria import FAMILIES
from splicelab.evidence.debate.decide import MOST_WEIGHT, Decision
from splicelab.evidence.debate.phases import NEVER, Phases
from splicelab.show.bars import stack_bars
from splicelab.show.canvas import Drawing, shows
from splicelab.show.grid import new_cells, put_cell
from splicelab.show.style import PLAIN, new_figure

# Families of criteria; no colour of an owner of memory.
LOOKS = {
    "work": ("work: calls, copies, time", "#3B4A5A"),
    "wire": ("wire: skbs", "#CFDCE8"),
    "memory": ("memory: held, fetched", "#B9A44C"),
    "code": ("code: callers, core, others", "#A6636B"),
    "hindsight": ("later bugs", "#6F5A7E"),
}
SHORT = {"plain_copy": "copy all", "piecewise": "as in 6.12", "three_calls": "three calls", "copy_in_stack": "stack"}
SHORT |= {"fix_callers": "callers", "rewrite_helper": "helper", "page_per_object": "page each"}
SHORT |= {"attach_callback": "callback", "copy_on_ref": "copy on ref", NEVER: "never sent"}
LIGHT = "#E8E4D8 #DCE3EA #C9D8E6 #E3C9CC #CFE3D4 #E9DDF0 #F3E3C3 #D6EEF0 #F0D6E4 #FFFFFF"
FILLS = dict(zip(SHORT, LIGHT.split(), strict=True))
LABELS = {"header_bytes": "header (bytes)", "payload_bytes": "payload (bytes)", "messages_per_s": "messages a second"}
LABELS |= {"flag_ignored": "share of sockets that ignore the flag", "ack_delay_ms": "ACK delay (ms)"}


@shows(Decision)
class Ranking(Drawing):
    """Left a bar an alternative with its interval, less is better; right how a weight moves the lead of the first."""

    def update(self, result: Decision) -> None:
        """Draw this decision: alternatives change their order, and some are left out."""
        self.figure, (bars, moves) = new_figure(9.5, 4.2, 1, 2, width_ratios=[3, 2])
        self.figure.set_layout_engine(None)  # the same whatever the labels are
        self.figure.subplots_adjust(left=0.15, right=0.985, bottom=0.27, top=0.98, wspace=0.52)
        table, parts = result.table, result.parts.loc[result.table.index]
        families = {words: parts[list(FAMILIES[family])].sum(axis=1) for family, (words, _) in LOOKS.items()}
        stack_bars(bars, pd.DataFrame(families), dict(LOOKS.values()))
        bars.hlines(range(len(table)), table.low, table.high, color="black", lw=1.2)
        places = [f"{row.place}. {name.replace('_', ' ')}" for name, row in table.iterrows()]
        bars.set_yticks(range(len(table)), places)
        bars.set(xlim=(0, None), xlabel="score, less is better (counted, estimated, posted)")
        bars.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.4, -0.15), ncols=2)
        leads = result.would_change.assign(span=lambda found: found.lead_most - found.lead_least).sort_values("span")
        moves.use_sticky_edges = False
        moves.barh(leads.index, leads.span, 0.5, leads.lead_least, color=PLAIN)
        moves.plot(leads.lead_at_end, leads.index, "k|", ms=11)
        moves.axvline(0, color="black", lw=1)
        moves.set(xmargin=0.08, xlabel=f"lead (estimated), weights 0 to {MOST_WEIGHT:g} (|);\nbelow 0 another is first")


@shows(Phases)
class PhaseMap(Drawing):
    """A cell a sender: who comes first in it; hatched where others are as good within what is uncertain."""

    def update(self, result: Phases) -> None:
        """Draw a map."""
        axes = new_cells(result.table, LABELS[result.table.columns.name], 0.42)
        axes.set_ylabel(LABELS[result.table.index.name])
        axes.xaxis.set_major_formatter(lambda place, _: f"{result.table.columns[int(place)]:,g}")
        axes.yaxis.set_major_formatter(lambda place, _: f"{result.table.index[int(place)]:,g}")
        for (row, col), name in np.ndenumerate(result.table.to_numpy()):
            same = result.same.iat[row, col]
            words = SHORT.get(name, name) + (f" +{same}" if same else "")
            put_cell(axes, row, col, words, FILLS.get(name, "white"), "//" if same else None)
        axes.set_title("first by score (counted, estimated, posted); hatched: +n others are as good", fontsize=10)
        self.figure = axes.figure
