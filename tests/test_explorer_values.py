"""Every value of every Explorer of the notebooks: corners and random settings, none of which ends in an alert.

A few of each in `make test`; `make soak` draws 300 random settings and computes all corners.
"""

from itertools import product
from random import Random

import pytest
from explorers import CELLS, explorer_of
from hypothesis import settings

IS_SOAK = settings.default.max_examples > 300
CORNERS, DRAWN = (None, 300) if IS_SOAK else (150, 15)
SLOW = {"11_verdict": 15}  # a third of a second each
SEED = Random().getrandbits(32) if IS_SOAK else 1


def is_slider(control):
    return control.has_trait("max")


def ends(control):
    """Return the names of a slider's ends, which may move, or all values of a choice."""
    if isinstance(control.value, bool):
        return [False, True]
    return ["min", "max"] if is_slider(control) else [value for _, value in control._options_full]


def anything(control, random):
    """Return a value that a reader can give a control."""
    if is_slider(control):
        return control.min + random.randint(0, round((control.max - control.min) / control.step)) * control.step
    return random.choice(ends(control))


def put(explorer, choose):
    """Give each control a value: choices first, as the ends of sliders may depend on them."""
    for control in sorted(explorer.controls.values(), key=is_slider):
        if is_slider(control):
            explorer._limit()
        control.value = choose(control)


@pytest.mark.soak
@pytest.mark.parametrize("notebook", CELLS)
def test_no_setting_ends_in_an_alert(notebook):
    print(f"seed of this search: {SEED}")
    explorer, random = explorer_of(notebook), Random(SEED)
    controls = list(explorer.controls.values())
    for control in controls:
        control.unobserve(explorer._redraw, "value")  # one redraw a setting
    corners = list(product(*map(ends, controls)))
    random.shuffle(corners)
    for values in corners[: min(CORNERS, SLOW.get(notebook, CORNERS)) if CORNERS else None]:
        corner = dict(zip(controls, values, strict=True))
        put(explorer, lambda one, at=corner: getattr(one, at[one]) if is_slider(one) else at[one])
        assert explorer._compute(**explorer.values).text, explorer.values
    for _ in range(DRAWN):
        put(explorer, lambda one: anything(one, random))
        explorer._redraw(None)
        assert explorer.error is None, (explorer.error, explorer.values)
        assert "role='status'" in explorer._words.value
