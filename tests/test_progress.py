"""A bar for whoever watches, and nothing for tests, pipes and short actions."""

import io
import multiprocessing

import pytest

from splicelab import progress


class Watched(io.StringIO):
    """A terminal."""

    def isatty(self):
        return True


def goes_through(monkeypatch, stream, delay_s):
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(progress, "DELAY_S", delay_s)
    bar = progress.progress("searching", range(3), mininterval=0)
    assert list(bar) == [0, 1, 2]
    return stream.getvalue()


def test_a_watcher_sees_what_is_done_and_how_far_it_is_and_in_the_end_nothing(monkeypatch):
    said = goes_through(monkeypatch, Watched(), 0)
    assert "searching:   0%" in said and "0/3" in said
    assert said.split("\r")[-2].strip() == ""


def test_a_short_action_says_nothing(monkeypatch):
    assert goes_through(monkeypatch, Watched(), 60).strip() == ""


def test_bars_within_bars_share_one_line_also_after_one_that_was_broken_off(monkeypatch):
    stream = Watched()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(progress, "DELAY_S", 0)
    outer = progress.progress("outer", range(2), mininterval=0)
    for _ in outer:
        list(progress.progress("inner", range(3), mininterval=0))
        break  # it stays open, as after an interrupt
    list(progress.progress("next", range(3), mininterval=0))
    said = stream.getvalue()
    assert all(f"{name}:   0%" in said for name in ("outer", "inner", "next"))
    assert "\n" not in said and "\x1b[A" not in said


@pytest.mark.parametrize("delay_s", [0, 60])
def test_a_pipe_sees_nothing(monkeypatch, delay_s):
    assert goes_through(monkeypatch, io.StringIO(), delay_s) == ""


def test_a_notebook_is_watched_unless_a_test_runs_it(monkeypatch):
    shell = type("Shell", (), {"kernel": None})
    monkeypatch.setitem(progress.sys.modules, "IPython", type("IPython", (), {"get_ipython": shell}))
    assert not progress.is_watched()
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert progress.is_watched()


def test_a_child_leaves_the_telling_to_its_parent(monkeypatch):
    monkeypatch.setattr("sys.stderr", Watched())
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert progress.is_watched() and not pool.apply(progress.is_watched)
