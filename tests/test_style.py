"""The style: words at axes, colours that stay apart, pictures that stay the same."""

from base64 import b64decode
from io import BytesIO
from itertools import combinations, product
from types import SimpleNamespace

import numpy as np
import pytest
from legible import assert_inside, assert_legend_is_drawn, assert_legible, drawn
from matplotlib.colors import to_rgb
from PIL import Image, ImageChops, ImageFilter

from splicelab import compare, decide, observe, trace_message
from splicelab.result import CRISP_DPI
from splicelab.show.canvas import in_few_colours
from splicelab.show.sketch import ROOM, Sketch
from splicelab.show.style import DANGER, GOOD, INK, LIVE, NEIGHBOUR, OWNERS, Picture, axis_label, new_figure


def luminance(colour):
    """Relative luminance of WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def small_picture():
    figure, axes = new_figure(4, 2)
    axes.bar(["a", "b"], [1, 2])
    axes.set_ylabel(axis_label("bytes copied", LIVE))
    return Picture(figure, "bytes copied: a 1, b 2")


def test_axis_label_says_the_kind_of_evidence():
    assert axis_label("bytes copied", "counted") == "bytes copied (counted)"
    with pytest.raises(ValueError, match="guessed"):
        axis_label("bytes copied", "guessed")


@pytest.mark.parametrize("colour", ["white", INK, DANGER, GOOD, NEIGHBOUR, *(one.colour for one in OWNERS.values())])
def test_a_live_picture_has_the_colours_of_the_style(colour):
    meant = tuple(round(255 * part) for part in to_rgb(colour))
    ((_, shown),) = in_few_colours(Image.new("RGB", (9, 9), meant)).convert("RGB").getcolors()
    assert max(abs(a - b) for a, b in zip(meant, shown, strict=True)) <= (0 if colour == "white" else 3)


def test_a_picture_in_other_colours_keeps_them():
    picture = Image.new("RGB", (9, 9), "white")
    picture.paste((120, 0, 255), (0, 0, 5, 5))
    assert in_few_colours(picture).convert("RGB").getcolors() == picture.getcolors()


def test_owners_are_told_apart():
    assert len({owner.label for owner in OWNERS.values()}) == len(OWNERS)
    for one, other in combinations(OWNERS.values(), 2):
        apart = sum((a - b) ** 2 for a, b in zip(to_rgb(one.colour), to_rgb(other.colour), strict=True)) ** 0.5
        assert apart > 0.25, (one.label, other.label)


def test_owners_that_stand_side_by_side_are_told_apart_without_colours():
    for side_by_side in (("slab", "page_frag", "page_cache", "free"), ("slab", "other", "free"), ("page_cache", "skb")):
        for one, other in combinations([OWNERS[name] for name in side_by_side], 2):
            assert contrast(one.colour, other.colour) > 1.5, (one.label, other.label)


@pytest.mark.parametrize("owner", OWNERS.values(), ids=OWNERS)
def test_words_on_a_fill_are_legible(owner):
    assert contrast(owner.colour, owner.ink) >= 4.5


def test_a_picture_is_crisp_and_the_same_each_time():
    data, metadata = small_picture()._repr_mimebundle_()
    assert metadata == {"image/png": {"width": 400, "height": 200, "alt": "bytes copied: a 1, b 2"}}
    assert Image.open(BytesIO(b64decode(data["image/png"]))).size == (4 * CRISP_DPI, 2 * CRISP_DPI)
    assert data["text/plain"] == "bytes copied: a 1, b 2" == repr(small_picture())
    assert data == small_picture()._repr_mimebundle_()[0]


def test_a_stored_picture_keeps_its_colours_in_a_third_of_the_bytes():
    picture = small_picture()
    stored = b64decode(picture._repr_mimebundle_()[0]["image/png"])
    full = BytesIO()
    picture.figure.savefig(full, format="png", dpi=CRISP_DPI)
    assert len(stored) < 0.4 * len(full.getvalue())
    bands = ImageChops.difference(*(Image.open(png).convert("RGB") for png in (BytesIO(stored), full))).split()
    assert max(sum(band.histogram()[16:]) for band in bands) < 0.001 * 800 * 400


def test_a_plain_figure_is_legible():
    assert_legible(small_picture().figure)


def test_cut_overlapping_and_tiny_words_are_found():
    figure, axes = new_figure(4, 2)
    word = axes.text(0.95, 0.5, "MSG_ZEROCOPY", transform=figure.transFigure)
    with pytest.raises(AssertionError, match="leaves the figure"):
        assert_inside(figure)
    word.set_x(0.5)
    other = axes.text(0.5, 0.5, "sendpage", transform=figure.transFigure)
    with pytest.raises(AssertionError, match="overlap"):
        assert_legible(figure)
    other.set(y=0.7, fontsize=7)
    with pytest.raises(AssertionError, match="7"):
        assert_legible(figure)


def test_an_entry_of_a_legend_that_is_not_drawn_is_found():
    figure, axes = new_figure(4, 2)
    axes.bar(["a"], [1], color=OWNERS["slab"].colour, label="slab object")
    axes.bar(["b"], [2], color=OWNERS["stack"].colour, label="kernel stack")
    axes.legend()
    assert_legend_is_drawn(figure)
    axes.patches[-1].set_color("white")
    figure.canvas.draw()
    with pytest.raises(AssertionError, match="kernel stack"):
        assert_legend_is_drawn(figure)


class Boxes(Sketch):
    """Owners side by side, then a push where there is one."""

    def draw(self, owners):
        for place, owner in enumerate(owners):
            self.box(100 * place, 100 * place + 50, 20, owner)
        if len(owners) > 2:
            self.mark(20, 40, "^", INK)
        self.legend(60, [("^", INK, "push")])
        return 80


class Words(Sketch):
    """Two lines of words around a place, in a look of their own."""

    def draw(self, result):
        self.say(400, 40, "page\n12,288 bytes", INK, *result.look)
        self.line(0, 1, 1, 1, "white")
        return 80


def ink_px(png):
    """Return the rows and columns where ink begins and ends."""
    dark = np.asarray(Image.open(png).convert("L")) < 160
    return [end for axis in (1, 0) for end in np.flatnonzero(dark.any(axis=axis))[[0, -1]].tolist()]


@pytest.mark.parametrize("look", list(product(["left", "center", "right"], [9, 9.5, 11], ["normal", "bold"])))
def test_words_of_a_live_picture_stand_where_those_of_a_stored_one_do(look):
    result, stored = SimpleNamespace(shown=Words, look=look), BytesIO()
    drawn(result).figure.savefig(stored, format="png")
    assert ink_px(BytesIO(drawn(result).png(result))) == pytest.approx(ink_px(stored), abs=ROOM)


@pytest.mark.parametrize(
    "result",
    [
        lambda: trace_message("siw", "copy_in_stack", lose_every=1, owners={"header": "stack"}),
        lambda: trace_message("siw", "copy_in_stack", "6.12"),
        lambda: compare("siw", 61440, chosen="copy_in_stack"),
        lambda: observe("three sendmsg", "MSG_MORE"),
        lambda: decide("siw"),
    ],
)
def test_a_live_sketch_shows_what_is_stored(result):
    sketch, stored = drawn(result()), BytesIO()
    sketch.figure.savefig(stored, format="png", dpi=100)
    pair = sketch.pixels(result()), Image.open(stored).convert("RGB")
    assert pair[0].size == pair[1].size
    blurred = [np.asarray(one.filter(ImageFilter.BoxBlur(2)), int) for one in pair]  # edges may be a pixel apart
    assert (abs(blurred[0] - blurred[1]).max(2) > 100).mean() < 0.0001


@pytest.mark.parametrize(("marker", "fill"), [*product("^v>oD", (INK, "white"))])
def test_a_mark_of_a_live_picture_is_that_of_a_stored_one(marker, fill):
    class Mark(Sketch):
        def draw(self, result):
            self.mark(40, 40, marker, fill)
            self.line(0, 1, 1, 1, "white")
            return 80

    sketch, stored, live = drawn("a mark", Mark), BytesIO(), BytesIO()
    sketch.figure.savefig(stored, format="png", dpi=100)
    sketch.pixels("a mark").save(live, format="png")
    assert ink_px(live) == pytest.approx(ink_px(stored), abs=1)
    darkness = [float((255 - np.asarray(Image.open(one).convert("L"), float)).sum()) for one in (live, stored)]
    assert darkness[0] == pytest.approx(darkness[1], rel=0.15)


def test_a_bar_of_no_length_without_an_edge_is_not_seen():
    class Bar(Sketch):
        def draw(self, edge):
            self.frame(20, 20, 20, 22, edge, fill=INK)
            return 40

    unseen, seen = (drawn(edge, Bar).pixels(edge).getcolors() for edge in ("none", INK))
    assert len(unseen) == 1 < len(seen)


def test_the_legend_of_a_sketch_names_what_was_drawn_last():
    sketch = drawn(["slab", "user", "free"], Boxes)
    assert [words for _, _, words, *_ in sketch.said] == ["slab object", "user page", "free", "push"]
    sketch.update(["page_frag"])
    assert [words for _, _, words, *_ in sketch.said] == ["page fragment"]


def test_a_dollar_is_no_formula():
    sketch = drawn(SimpleNamespace(look=("left", 9)), Words)
    sketch.say(10, 10, r"$\x$ and $5_$6")
    sketch.figure.savefig(BytesIO(), format="png")
