"""Pictures of what a removed flag cost."""

import base64
import io
import json

import numpy as np
import pytest
from legible import assert_legible
from PIL import Image

from splicelab import plot
from splicelab.paths import REPOSITORY


def test_a_train_says_how_many_packets_leave_and_of_what_size():
    train = plot({"before": [1448] * 46, "after": [1444, 4] * 46})
    assert train.text.splitlines() == [
        "before: 46 packets, 46 of 1,448 bytes",
        "after: 92 packets, 46 of 1,444 bytes and 46 of 4 bytes",
    ]
    assert [len(axes.patches) for axes in train.figure.axes] == [46, 92]
    assert [len(axes.lines[0].get_xdata()) for axes in train.figure.axes] == [0, 46]
    assert_legible(train.figure)


def test_senders_stand_beside_what_they_made_before_and_after():
    cost = plot({"ceph v1": ((2, 3), (18, 20)), "LIO": ((17, 17), (17, 17))})
    assert cost.text == "ceph v1: 2 to 3 → 18 to 20\nLIO: 17 → 17"
    assert [list(line.get_xdata()) for line in cost.figure.axes[0].lines[::3]] == [[2.5, 19], [17, 17]]
    assert_legible(cost.figure)


@pytest.mark.parametrize(("picture", "cell"), [("train.png", "lead"), ("paid.png", "paid-picture")])
def test_the_pictures_of_the_readme_are_those_that_notebook_06_stores(picture, cell):
    cells = json.loads((REPOSITORY / "notebooks" / "06_kill_notlast_first.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = next(one["outputs"] for one in cells if one["id"] == cell)
    data = next(output["data"]["image/png"] for output in outputs if "image/png" in output["data"])
    stored, shown = (
        np.asarray(Image.open(source).convert("L"), dtype=float)
        for source in (io.BytesIO(base64.b64decode(data)), REPOSITORY / "docs" / picture)
    )
    assert (
        stored.shape == shown.shape and np.abs(stored - shown).mean() < 0.5
    )  # grey levels: other palettes are no change
