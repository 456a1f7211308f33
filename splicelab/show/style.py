"""The one look of all figures, made without pyplot: sizes, colours of the owners of memory, kinds of evidence."""

from enum import StrEnum
from typing import NamedTuple

from matplotlib import rc_params_from_file, rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from splicelab.paths import data_path
from splicelab.result import LIVE_DPI, Result
from splicelab.tables import read_table

STYLE = rc_params_from_file(data_path("figures.mplstyle"), use_default_template=False)
INK, FAINT, EDGE, DANGER, GOOD = "#111111", "#707070", "#333333", "#B2182B", "#1B7837"
PLAIN = "#9AA5B1"  # a bar or line that is nobody's memory
NEIGHBOUR = "#2FA379"  # a page fragment beside another one


class Owner(NamedTuple):
    """How the memory of one owner is drawn: its words, its fill, and the colour of text on that fill."""

    label: str
    colour: str
    ink: str


def read_owners(name: str) -> dict[str, Owner]:
    """Return how each row of a table of data/ is drawn."""
    return {key: Owner(row.label, row.colour, row.ink) for key, row in read_table(data_path(name)).items()}


# After the palette of Okabe and Ito, some lighter or darker: told apart with any common colour blindness, and in print
# without colours where they stand side by side. Every use carries words as well.
OWNERS = read_owners("owners.csv")
UNITS = ("bytes", "pages", "messages", "percent", "ns")
LABELS = {name: row.label for name, row in read_table(data_path("labels.csv")).items()}  # where a name is not enough


def label(name: str, has_unit: bool = True) -> str:
    """Return the words of an axis or a control: a suffix _bytes, _pages … is the unit in brackets."""
    stem, _, unit = name.rpartition("_")
    words = stem + f" ({unit})" * has_unit if stem and unit in UNITS else name
    return LABELS.get(name, words.replace("_", " "))


# Where a number comes from: the model, kernels timed on this machine, system calls to its kernel, a traced kernel.
Evidence = StrEnum("Evidence", "COUNTED TIMED LIVE RECORDED")
COUNTED, TIMED, LIVE, RECORDED = Evidence


def axis_label(quantity: str, evidence: str) -> str:
    """Words for an axis with the kind of evidence: ``bytes copied (counted)``; ValueError for an unknown kind."""
    return f"{quantity} ({Evidence(evidence)})"


def new_figure(width_in: float = 8.5, height_in: float = 3.0, rows: int = 1, cols: int = 1, **subplots):
    """Figure in the one style, and its axes; keyword arguments go to `Figure.subplots`."""
    rcParams.update(STYLE)  # not a context: text added later, also by a slider's thread, must look the same
    figure = Figure(figsize=(width_in, height_in), dpi=LIVE_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, cols, **subplots)


class Picture(Result):
    """A figure that belongs to no single kind of result, with its stable text."""

    figure, text = None, ""

    def __init__(self, figure: Figure, text: str):
        self.figure, self.text = figure, text
