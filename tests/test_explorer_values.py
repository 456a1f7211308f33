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
SEED = Random().getrandbits(32) if IS_SOAK else 1


def ends(control):
    """Return the values at the ends of a slider, or all of a choice."""
    if isinstance(control.value, bool):
        return [False, True]
    return [control.min, control.max] if control.has_trait("max") else [value for _, value in control._options_full]


def anything(control, random):
    """Return a value that a reader can give a control."""
    if control.has_trait("step") and control.has_trait("max"):
        steps = round((control.max - control.min) / control.step)
        return control.min + random.randint(0, steps) * control.step
    return random.choice(ends(control))


@pytest.mark.soak
@pytest.mark.parametrize("notebook", CELLS)
def test_no_setting_ends_in_an_alert(notebook):
    print(f"seed of this search: {SEED}")
    explorer, random = explorer_of(notebook), Random(SEED)
    corners = [
        dict(zip(explorer.controls, values, strict=True)) for values in product(*map(ends, explorer.controls.values()))
    ]
    random.shuffle(corners)
    for values in corners[:CORNERS]:
        assert explorer._compute(**values).text, values
    for control in explorer.controls.values():
        control.unobserve(explorer._redraw, "value")  # one redraw a setting
    for _ in range(DRAWN):
        for control in explorer.controls.values():
            control.value = anything(control, random)
        explorer._redraw(None)
        assert explorer.error is None, (explorer.error, explorer.values)
        assert "role='status'" in explorer._words.value
