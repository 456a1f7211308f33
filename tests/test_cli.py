"""The command line: what is wrong is one line on standard error, exit status 2, and nothing on standard output."""

import json
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


CONNECTION = {"id": "c", "kernel": "6.12", "mtu": 65536, "nodelay": 0, "kind": "plain", "task_frag": None}
MESSAGE = {"calls": [["sendmsg", [1000], []]], "receiver_reads": "after_message", "cwnd": 10, "acks": []}
MESSAGE["goals"] = [[0, 0, 32741, 65482]]


def scenario_file(folder, **changes):
    path = folder / "s.jsonl"
    path.write_text(json.dumps({**CONNECTION, "messages": [{**MESSAGE, **changes}]}) + "\n")
    return str(path)


def test_predict_writes_a_line_of_json_per_connection(tmp_path, capsys):
    assert cli.main(["predict", scenario_file(tmp_path)]) == 0
    out, err = capsys.readouterr()
    prediction = json.loads(out)
    assert err == "" and out.count("\n") == 1 and prediction["id"] == "c"
    assert prediction["messages"][0]["sendmsg_bytes"] == 1000


def test_predict_names_file_line_and_field(tmp_path, capsys):
    path = scenario_file(tmp_path, cwnd="ten")
    assert cli.main(["predict", path]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"splicelab: {path}:1: messages[0].cwnd: ") and err.count("\n") == 1


def test_predict_refuses_a_name_that_stands_twice(tmp_path, capsys):
    path = scenario_file(tmp_path)
    with open(path) as file:
        line = file.read().replace('"cwnd": 10', '"cwnd": 10, "cwnd": 20')
    with open(path, "w") as file:
        file.write(line)
    assert cli.main(["predict", path]) == 2
    assert capsys.readouterr() == ("", f"splicelab: {path}:1: cwnd: stands twice in one object\n")


@pytest.mark.parametrize(
    "change, named",
    [
        ({"goals": [[0, 0, 1, 1]]}, "messages[0]: more skbs or memory in flight than the model holds"),
        ({"calls": [["sendfile", 4 << 20, 1]]}, "messages[0].calls[0]: reads up to byte 4194305 of a file"),
        ({"calls": [["splice", [["vmsplice", 0, 3 << 20]], []]]}, "messages[0]: more skbs or memory in flight"),
    ],
)
def test_predict_names_the_line_of_what_is_too_large_for_the_model(change, named, tmp_path, capsys):
    path = scenario_file(tmp_path, **{"calls": [["sendmsg", [9000], []]], "acks": [], **change})
    assert cli.main(["predict", str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith(f"splicelab: {path}:1: {named}")


def test_compare_shows_a_column_per_alternative(capsys):
    assert cli.main(["compare", "--caller", "siw", "--payload", "4096"]) == 0
    heading, columns, *_ = capsys.readouterr().out.splitlines()
    assert heading.startswith("counted: ")
    assert {"plain_copy", "piecewise", "copy_in_stack", "fix_callers"} <= set(columns.split())


def test_compare_as_json(capsys):
    arguments = ["compare", "--caller", "siw", "--payload", "4096", "--alternative", "plain_copy", "--json"]
    assert cli.main([*arguments, "--profile", "6.12"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {key: result[key] for key in ("caller", "payload_bytes", "profile")} == {
        "caller": "siw",
        "payload_bytes": 4096,
        "profile": "6.12",
    }
    assert [(row["alternative"], row["counters"]["sends"]) for row in result["rows"]] == [("plain_copy", 1)]


@pytest.mark.parametrize(
    "changed, named",
    [
        (["--caller", "nobody"], "caller"),
        (["--payload", "-1"], "--payload"),
        (["--payload", "much"], "--payload"),
        (["--payload", "9" * 30], "payload"),
        (["--alternative", "none"], "alternative"),
        (["--profile", "5.15"], "profile"),
        (["--message-ends", "5"], "how its messages end"),
    ],
)
def test_compare_names_the_option_that_is_wrong(changed, named, capsys):
    assert cli.main(["compare", "--caller", "siw", "--payload", "4096", *changed]) == 2
    out, err = capsys.readouterr()
    assert out == "" and named in err and err.count("\n") == 1


def test_bench_needs_a_clone(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(cli, "REPOSITORY", tmp_path)
    assert cli.main(["bench"]) == 2
    assert (
        capsys.readouterr().err == f"splicelab: {tmp_path}/bench: not found; run bench from a clone of the repository\n"
    )
