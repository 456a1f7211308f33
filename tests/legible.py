"""What every figure has to keep: all words inside it, none on another, none too small to read at 100 %."""

from itertools import combinations

from matplotlib.text import Text

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


def assert_legible(figure):
    """No text leaves the figure, lies on another, or is smaller than 9 points."""
    assert_inside(figure)
    drawn = words(figure)
    for text, _ in drawn:
        assert text.get_fontsize() >= SMALLEST_POINTS, f"{text.get_text()!r} has {text.get_fontsize()} points"
    for (one, one_box), (other, other_box) in combinations(drawn, 2):
        across = min(one_box.x1, other_box.x1) - max(one_box.x0, other_box.x0)
        along = min(one_box.y1, other_box.y1) - max(one_box.y0, other_box.y0)
        apart = min(across, along) <= SLACK_PIXELS
        assert apart, f"{one.get_text()!r} and {other.get_text()!r} overlap by {across:.0f} x {along:.0f} pixels"
