"""The decision in pictures: scores and what they are made of, what would move them, and where who comes first."""

from collections.abc import Iterator
from textwrap import fill

import numpy as np
import pandas as pd

from splicelab.evidence.debate.criteria import FAMILIES
from splicelab.evidence.debate.decide import Decision
from splicelab.evidence.debate.phases import Phases
from splicelab.evidence.debate.tables import debate
from splicelab.show.canvas import Drawing
from splicelab.show.grid import new_cells, put_cell
from splicelab.show.sketch import Sketch
from splicelab.show.style import PLAIN, label, read_owners

TOP, BOTTOM = 8, 318  # of the bars, in pixels
LIGHT = "#E8E4D8 #DCE3EA #C9D8E6 #E3C9CC #CFE3D4 #E9DDF0 #F3E3C3 #D6EEF0 #F0D6E4"  # of alternatives in a map


class Ranking(Sketch, shows=Decision):
    """Left a bar an alternative with its interval, less is better; right how a weight moves the lead of the first."""

    owners = read_owners("families.csv")  # no colour of an owner of memory

    def draw(self, result: Decision) -> float:
        """Draw a decision."""
        table = result.table.assign(**{name: result.parts[list(of)].sum(axis=1) for name, of in FAMILIES.items()})
        table.index = table.place.astype(str) + ". " + table.index
        words = "score, less is better (counted, estimated, assumed)"
        place = self.axis(142, 530, BOTTOM, (0, 1.03 * table.high.max() or 1), words)
        for y, row in self._rows(134, table):
            end = 0
            for family in FAMILIES:
                start, end = end, end + getattr(row, family)
                if end > start:
                    self.box(place(start), place(end), y, family, height=20, edge="none")
            self.line(place(row.low), y, place(row.high), y, width=1.5)
        leads = result.would_change.assign(span=lambda found: found.lead_least - found.lead_most).sort_values("span")
        ends = min(1.1 * leads.lead_least.min(), 0), 1.1 * max(leads.lead_most.max(), 0) or 1
        most = f"{result.most_weight:g}"
        words = f"lead (estimated), weight 0 to {most};\nmark: at {most}; below 0 another is first"
        place = self.axis(686, 930, BOTTOM, ends, words)
        for y, lead in self._rows(678, leads):
            self.frame(place(lead.lead_least), place(lead.lead_most), y, 14, "none", fill=PLAIN)
            self.line(place(lead.lead_at_end), y - 9, place(lead.lead_at_end), y + 9, width=1.5)
        self.line(place(0), BOTTOM, place(0), TOP)
        self.legend(BOTTOM + 80)
        return BOTTOM + 100

    def _rows(self, right: float, table: pd.DataFrame) -> Iterator[tuple[int, tuple]]:
        """Write the names of rows, and give with each row how far down it stands."""
        for number, row in enumerate(table.itertuples()):
            y = round(TOP + (BOTTOM - TOP) * (number + 0.5) / len(table))
            self.say(right, y, row.Index.replace("_", " "), ha="right", points=10)
            yield y, row


class PhaseMap(Drawing, shows=Phases):
    """A cell a sender: who comes first in it; hatched where others are as good within what is uncertain."""

    def update(self, result: Phases) -> None:
        """Draw a map."""
        fills = dict(zip(debate("choices").index, LIGHT.split(), strict=True))
        axes = new_cells(result.table, label(result.table.columns.name), 0.42)
        axes.set_ylabel(label(result.table.index.name))
        axes.xaxis.set_major_formatter(lambda place, _: f"{result.table.columns[int(place)]:,g}")
        axes.yaxis.set_major_formatter(lambda place, _: f"{result.table.index[int(place)]:,g}")
        for (row, col), name in np.ndenumerate(result.table.to_numpy()):
            same = result.same.iat[row, col]
            words = fill(name.replace("_", " ") + f" +{same}" * bool(same), 15)
            put_cell(axes, row, col, words, fills.get(name, "white"), "\\\\" if same else None, "#A9A9A9")
        axes.set_title("first by score (counted, estimated, assumed); hatched: +n others are as good", fontsize=10)
        self.figure = axes.figure
