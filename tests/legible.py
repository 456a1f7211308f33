"""What every figure has to keep: words inside it, none on another or too small, and a legend of what is drawn."""

from itertools import chain, combinations

from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from splicelab.show.sketch import Sketch

SMALLEST_POINTS = 9
SLACK_PIXELS = 1


def words(figure):
    """All visible texts of a drawn figure with their boxes in pixels."""
    figure.draw_without_rendering()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    hidden_ticks = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks() + axis.get_minor_ticks():
                if not axes.axison or not axis.get_visible() or not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                    hidden_ticks.update((tick.label1, tick.label2))
    return [(text, text.get_window_extent()) for text in texts if text not in hidden_ticks]


def assert_inside(figure):
    """No text leaves the figure."""
    for text, box in words(figure):
        inside = box.x0 >= -SLACK_PIXELS and box.y0 >= -SLACK_PIXELS
        inside &= box.x1 <= figure.bbox.x1 + SLACK_PIXELS and box.y1 <= figure.bbox.y1 + SLACK_PIXELS
        assert inside, f"{text.get_text()!r} leaves the figure: {box} in {figure.bbox.bounds}"


def colours(artists):
    """Return the colours of lines, areas and cells."""
    found = []
    for artist in artists:
        if isinstance(artist, Line2D):
            found.append(artist.get_color())
        elif isinstance(artist, Patch):
            found.append(artist.get_facecolor())
        elif isinstance(artist, Collection):
            found += [*artist.get_facecolor(), *artist.get_edgecolor()]
        elif isinstance(artist, AxesImage):
            found += [*artist.to_rgba(artist.get_array()).reshape(-1, 4)]
    return {to_hex(colour) for colour in found}


def assert_legend_is_drawn(figure):
    """Every colour that a legend explains is there."""
    legends = figure.findobj(Legend)
    explained = set(chain.from_iterable(legend.findobj() for legend in legends))
    drawn = colours(artist for artist in figure.findobj() if artist not in explained and artist.get_visible())
    for legend in legends:
        for handle, words in zip(legend.legend_handles, legend.get_texts(), strict=True):
            assert colours([handle]) <= drawn, f"{words.get_text()!r} is in the legend and not in the picture"


def drawn(result, kind=None):
    """Return a drawing for a result, as an Explorer begins; of another kind than the result's own, if given."""
    drawing = (kind or result.shown)(result)
    if isinstance(drawing, Sketch):  # in others the layout is made before the first result is shown
        drawing.update(result)
    return drawing


def assert_legible(figure, is_moving=False):
    """No text leaves the figure, lies on another, or is smaller than 9 points; no legend explains what is not there.

    A picture that moves may explain what its controls bring later.
    """
    assert_inside(figure)
    if not is_moving:
        assert_legend_is_drawn(figure)
    seen = words(figure)
    for text, _ in seen:
        assert text.get_fontsize() >= SMALLEST_POINTS, f"{text.get_text()!r} has {text.get_fontsize()} points"
    for (one, one_box), (other, other_box) in combinations(seen, 2):
        across = min(one_box.x1, other_box.x1) - max(one_box.x0, other_box.x0)
        along = min(one_box.y1, other_box.y1) - max(one_box.y0, other_box.y0)
        apart = min(across, along) <= SLACK_PIXELS
        assert apart, f"{one.get_text()!r} and {other.get_text()!r} overlap by {across:.0f} x {along:.0f} pixels"
