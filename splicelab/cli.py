"""The command line: each command is a thin call into the floors below, imported when it runs."""

import sys

import click

from splicelab import __version__
from splicelab.errors import InputError


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def commands() -> None:
    """Where should slab data be copied for sendmsg(MSG_SPLICE_PAGES)? Count, measure and compare."""


@commands.command()
def doctor() -> None:
    """Tell what this machine has and lacks, and the remedy."""
    from splicelab.doctor import report

    click.echo("\n".join(report()))


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
