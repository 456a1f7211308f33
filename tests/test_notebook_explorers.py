"""The Explorers of the notebooks: their controls to the other end and back, all of them and each second one."""

import pytest
from explorer_rules import assert_keeps_the_rules
from explorers import CELLS, explorer_of


def other_end(control):
    """Return a value far from the first one."""
    if isinstance(control.value, bool):
        return not control.value
    ends = [control.min, control.max] if control.has_trait("max") else [value for _, value in control._options_full]
    return ends[0] if control.value == ends[-1] else ends[-1]


@pytest.mark.parametrize("notebook", CELLS)
def test_controls_move_the_picture_and_it_comes_back(notebook):
    explorer = explorer_of(notebook)
    ends = {name: other_end(control) for name, control in explorer.controls.items()}
    assert_keeps_the_rules(explorer, [ends, dict(list(ends.items())[::2]), dict(list(ends.items())[1::2])])
