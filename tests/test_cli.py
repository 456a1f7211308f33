"""The command line: what is wrong is one line on standard error, exit status 2, and nothing on standard output."""

import subprocess
import sys

import click
import pytest

from splicelab import cli
from splicelab.errors import InputError


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["doctor", "--nonsense"], ["doctor", "more"]])
def test_wrong_usage_is_one_line(arguments, capsys):
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("splicelab: ") and err.count("\n") == 1


@pytest.mark.parametrize(
    "error, line",
    [
        (InputError("s.jsonl:3: mtu:\n not a number"), "splicelab: s.jsonl:3: mtu: not a number\n"),
        (
            FileNotFoundError(2, "No such file or directory", "s.jsonl"),
            "splicelab: s.jsonl: No such file or directory\n",
        ),
    ],
)
def test_wrong_input_is_one_line(error, line, capsys, monkeypatch):
    @click.command()
    def fails():
        raise error

    monkeypatch.setitem(cli.commands.commands, "fails", fails)
    assert cli.main(["fails"]) == 2
    assert capsys.readouterr() == ("", line)


def test_an_error_of_ours_keeps_its_traceback(monkeypatch):
    monkeypatch.setitem(cli.commands.commands, "fails", click.Command("fails", callback=lambda: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        cli.main(["fails"])


def test_help_and_version_succeed(capsys):
    assert cli.main(["--help"]) == 0 and cli.main(["--version"]) == 0
    assert "doctor" in capsys.readouterr().out


TALKATIVE = """
import sys, click
from splicelab.cli import commands, main
commands.add_command(click.Command("talk", callback=lambda: [click.echo("x" * 99) for _ in range(10_000)]))
sys.exit(main(["talk"]))
"""


def test_a_reader_that_goes_away_is_met_with_silence():
    writer = subprocess.Popen([sys.executable, "-c", TALKATIVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    writer.stdout.readline()
    writer.stdout.close()
    with writer.stderr:
        assert writer.stderr.read() == b""
    assert writer.wait(timeout=20) == 1
