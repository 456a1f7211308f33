"""A bar for whoever watches, and nothing for tests, pipes and short actions."""

import io

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


def test_within_a_bar_there_is_no_other(monkeypatch):
    monkeypatch.setattr("sys.stderr", Watched())
    for _ in progress.progress("outer", range(1)):
        assert progress.progress("inner", range(3)).disable
    assert not progress.progress("next", range(3)).disable


@pytest.mark.parametrize("delay_s", [0, 60])
def test_a_pipe_sees_nothing(monkeypatch, delay_s):
    assert goes_through(monkeypatch, io.StringIO(), delay_s) == ""


def test_a_notebook_is_watched_unless_a_test_runs_it(monkeypatch):
    shell = type("Shell", (), {"kernel": None})
    monkeypatch.setitem(progress.sys.modules, "IPython", type("IPython", (), {"get_ipython": shell}))
    assert not progress.is_watched()
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert progress.is_watched()
