"""The control of notebook 09 that takes a reader's own file: the same pictures for it, and a sentence for a bad one."""

from datetime import UTC, datetime

import pytest
from explorer_rules import assert_keeps_the_rules
from explorers import CELLS, explorer_of

from splicelab.paths import DATA

ROW = "{0},s,sendmsg,MORE,kvec,48,slab\n{0}.001,s,sendmsg,-,kvec,4096,page\n{0}.1,s,sendmsg,-,kvec,9,slab\n"
HEADER = "time,socket,call,flags,iterator,segment_sizes,owner\n"


def uploaded(name, content):
    return (
        {
            "name": name,
            "type": "",
            "size": len(content),
            "content": memoryview(content),
            "last_modified": datetime.now(UTC),
        },
    )


@pytest.fixture(params=["own-explorer", "own-ways-explorer"])
def explorer(request, monkeypatch):
    cells = ["imports", "own-upload", "own-explorer", "own-ways-explorer"]
    monkeypatch.setitem(CELLS, "09_real_callers", cells[: cells.index(request.param) + 1])
    return explorer_of("09_real_callers")


def test_an_uploaded_file_is_shown_in_the_same_pictures(explorer):
    mine = uploaded("mine.csv", (HEADER + "".join(ROW.format(n) for n in range(20))).encode())
    other = next(name for name in explorer.controls if name not in ("trace", "yours"))
    end = explorer.controls[other]._options_full[-1][1]
    assert_keeps_the_rules(explorer, [{"yours": mine, other: end}, {"trace": "nginx"}, {other: end}])
    explorer.controls["yours"].value = mine
    assert "yours: mine.csv" in explorer._repr_mimebundle_()[0]["text/plain"].replace(
        "your trace (8 MiB at most)", "yours"
    )
    explorer.controls["yours"].value = uploaded("a.strace", (DATA / "traces" / "nginx.strace").read_bytes())
    assert explorer.error is None


@pytest.mark.parametrize("content", [b"", b"\0\1\2", b"a;b;c\n", bytes((8 << 20) + 1)])
def test_a_bad_file_is_a_sentence_in_the_note(explorer, content):
    before = explorer._picture.value
    explorer.controls["yours"].value = uploaded("bad", content)
    assert explorer._picture.value == before and str(explorer.error).startswith("bad: ")
    assert "role='alert'" in explorer._words.value and str(explorer.error)[:20] in explorer._words.value
