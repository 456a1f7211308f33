"""The command line: each command is a thin call into the floors below, imported when it runs.

The options of a command say what its arguments may be.
"""

import json
import subprocess
import sys
from collections.abc import Sequence

import click

from splicelab import __version__
from splicelab.errors import InputError
from splicelab.paths import REPOSITORY

MTU = click.option("--mtu", type=int, default=65536, help="Of the path, bytes.")
ENDS = click.option("--message-ends", default="more", help="Of a trace: at a call without MORE; or seconds of pause.")
JSON = click.option("--json", "is_json", is_flag=True, help="Print JSON, not a table.")


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, message="%(prog)s %(version)s")
def commands() -> None:
    """Where should slab data be copied for sendmsg(MSG_SPLICE_PAGES)? Count, measure and compare."""


@commands.command()
def doctor() -> None:
    """Tell what this machine has and lacks, and the remedy."""
    from splicelab.doctor import report

    for line in report():
        click.echo(line)


@commands.command()
@click.argument("scenarios", type=click.Path())
def predict(scenarios) -> None:
    """Predict what the kernel counts for each message of SCENARIOS.jsonl: one line of JSON per connection."""
    from splicelab.evidence.counted.predict import predict_file

    click.echo("\n".join(predict_file(scenarios)))


@commands.command()
@click.option("--caller", help="Who sends: a key of data/callers.csv.")
@click.option("--payload", type=click.IntRange(min=0), help="Bytes of payload in the operation.")
@click.option("--trace", type=click.Path(), help="In place of both: a trace of your own (see splicelab trace).")
@ENDS
@click.option("--alternative", multiple=True, help="An answer of the thread, again for more; all by default.")
@click.option("--profile", help="The kernel: 6.1, 6.12, 6.12+v3 …")
@MTU
@click.option("--trailer", "trailer_bytes", type=int, help="Bytes behind the payload; the protocol's own unless given.")
@click.option("--entry", "entry_bytes", type=int, default=4096, help="Bytes of a scatterlist entry.")
@click.option("--header-digest", is_flag=True, help="With a digest of the header, where the protocol has one.")
@click.option("--data-digest", is_flag=True, help="With a digest of the payload, where the protocol has one.")
@JSON
def compare(caller, payload, trace, message_ends, alternative, profile, mtu, is_json, **how) -> None:
    """Count what an operation of a caller, or a trace, costs by each alternative; with JSON also its calls."""
    from splicelab.evidence.counted.compare import DEFAULT_PROFILE
    from splicelab.evidence.counted.compare import compare as compare_alternatives
    from splicelab.evidence.recorded.own_trace import own_trace

    profile = profile or DEFAULT_PROFILE
    if (caller, payload) != (None, None) if trace is not None else None in (caller, payload) or message_ends != "more":
        raise click.UsageError("give --caller and --payload, or else --trace, and how its messages end")
    if trace is None:
        result = compare_alternatives(caller, payload, alternative, profile, mtu=mtu, **how)
    elif given := [name for name, value in how.items() if value not in (None, False, 4096)]:
        raise click.UsageError(f"{given[0]}: a trace says what is sent")
    else:
        told = own_trace(trace, message_ends, mtu)
        result = told.through(alternative, profile)
        if not is_json:
            click.echo(f"recorded: {told.text}\neach shape is counted once, times how often it occurs\n")
    if is_json:
        return click.echo(json.dumps(result.plain()))
    what = "trace" if trace else "caller"
    click.echo(f"counted: {what} {result.caller}, payload {result.payload_bytes} bytes, profile {result.profile}")
    click.echo(result.table.T.to_string())


@commands.command()
@click.argument("file", type=click.Path())
@ENDS
@MTU
@click.option("--csv", "is_csv", is_flag=True, help="Print the calls as CSV, in the documented form.")
@JSON
def trace(file, message_ends, mtu, is_csv, is_json) -> None:
    """Summarise a trace of your own program: messages, shapes, who said MORE, and who waited after which line."""
    from splicelab.evidence.recorded.own_trace import own_trace
    from splicelab.evidence.recorded.trace_lines import csv_lines

    if is_csv:
        for line in csv_lines(file):
            click.echo(line)
        return
    result = own_trace(file, message_ends, mtu)
    if is_json:
        return click.echo(json.dumps(result.plain()))
    click.echo(f"recorded: {result.text}\n\n{result.table.head(20).to_string(index=False, max_colwidth=100)}")
    if len(result.waits):
        click.echo(f"\n{result.waits.head(20).to_string(index=False)}")


@commands.command()
@click.option("--caller", help="Who sends: a key of data/callers.csv; or describe it, from --header on.")
@click.option("--as-of-6.1", "as_of_6_1", is_flag=True, help="The caller as it was when the thread was written.")
@click.option("--header", "header_bytes", type=int, help="Bytes of a header.")
@click.option("--header-owner", show_default="slab", help="Whose memory header and trailer lie in.")
@click.option("--header-fate", show_default="freed", help="After the send: freed, rewritten or kept.")
@click.option("--trailer", "trailer_bytes", type=int, show_default="0", help="Bytes of a trailer.")
@click.option("--payload", default="4096:0.5,65536:0.5", help="BYTES:SHARE of operations, …")
@click.option("--flag-ignored", type=float, default=0.0, help="Share of sockets that ignore the flag.")
@click.option("--in-flight", type=int, default=1, help="Messages that wait for their ACK.")
@click.option("--weight", multiple=True, help="CRITERION=NUMBER, again for more; 1 unless given.")
@JSON
def decide(caller, payload, weight, is_json, **given) -> None:
    """Recommend an alternative for a sender, with reasons, and say what would change it."""
    from splicelab.evidence.debate.decide import decide as decide_for

    words = {name: given.pop(name) for name in ("header_bytes", "header_owner", "header_fate", "trailer_bytes")}
    described = {name: word for name, word in words.items() if word is not None}  # others are as `sender` has them
    if bool(caller) == bool(described) or described and "header_bytes" not in described:
        raise InputError("decide: either --caller, or --header and what describes it")
    payloads, weights = _pairs("--payload", payload.split(","), ":"), _pairs("--weight", weight, "=")
    result = decide_for(caller or described, payloads, weights=weights, **given)
    if is_json:
        return click.echo(json.dumps(result.plain()))
    scores = result.table.drop(columns="reasons")
    moves = result.would_change.dropna()[["weight", "to", "then"]]
    told = moves.to_string() if len(moves) else f"no weight from 0 to {result.most_weight:g}"
    click.echo(f"{result.text}\n\nscores, less is better\n{scores.to_string(float_format='{:.3f}'.format)}")
    click.echo(f"\nwhat alone would change the first place\n{told}")


def _pairs(option: str, words: Sequence[str], between: str) -> dict[str, str]:
    """Return NAME and value of each word; InputError for one that is no such pair, or a name that stands twice."""
    pairs: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition(between)
        if not (name and value):
            raise InputError(f"decide: {option}: {word!r:.60} is not NAME{between}NUMBER")
        name = name.lstrip(" +0") or name  # one number in two forms would lose a share
        if name in pairs:
            raise InputError(f"decide: {option}: a name stands twice")
        pairs[name] = value
    return pairs


@commands.command()
@JSON
@click.option("--quick", is_flag=True, help="Fewer sizes and processes: below 20 seconds.")
@click.option("--route", default="loopback", help="loopback, or veth: two network namespaces made for the run (root).")
def live(is_json, quick, route) -> None:
    """Send the alternatives to this kernel over loopback: predicted first, then measured."""
    from splicelab.evidence.live.run import live as run_live

    run = run_live(quick=quick, route=route)
    if is_json:
        return click.echo(json.dumps(run.plain()))
    if run.stored_because:
        click.echo(f"a stored run: {run.stored_because}")
    told, rows = run.predictions, run.predictions.table
    click.echo(f"live: Linux {told.kernel}, predicted as {told.profile}; {run.route}; {run.provenance}")
    click.echo(f"predicted and observed: {rows.agrees.sum()} of {len(rows)} rows agree; the others:")
    click.echo(rows[~rows.agrees].drop(columns="agrees").to_string(index=False))
    click.echo(f"\nwhat a message costs (ns)\n{run.table.to_string(index=False, float_format='{:,.0f}'.format)}")
    click.echo(f"\nfrom which payload on it takes less time than plain copy (bytes; NaN: none)\n{run.break_even}")
    click.echo(f"\nwhat the time is made of (fitted)\n{run.parts}")


@commands.command()
@JSON
def bench(is_json) -> int:
    """Time the kernels against the same work in C on this machine; takes minutes."""
    if not (REPOSITORY / "bench").is_dir():
        raise InputError(f"{REPOSITORY / 'bench'}: not found; run bench from a clone of the repository")
    return subprocess.run([sys.executable, "-m", "bench.compare", *["--json"] * is_json], cwd=REPOSITORY).returncode


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status: 2 with one line on standard error for input that is wrong."""
    try:
        return commands.main(args=arguments, prog_name="splicelab", standalone_mode=False) or 0
    except click.Abort:
        return 130
    except click.ClickException as error:
        message = error.format_message()
    except InputError as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    print("splicelab:", " ".join(message.split()), file=sys.stderr)
    return 2
