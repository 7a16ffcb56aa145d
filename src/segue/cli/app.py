"""The command `segue`: its chapters put together, and how it fails.

Exit codes: 0 fine, 1 the command ran and the answer is no, 2 called or configured wrongly, 3 something
needed does not answer at the moment.
"""

import inspect
import sys
from typing import Annotated

import typer

from segue import __version__
from segue.cli import (
    brake,
    cost,
    dead,
    demo,
    drift,
    erase,
    hook,
    look,
    migrate,
    records,
    run,
    sdk,
    trace,
    workspace,
)
from segue.cli.show import out, print_error
from segue.model.errors import SegueError, UnavailableError

app = typer.Typer(
    name="segue",
    help="Segment's protocols in, Braze out, nothing lost.",
    epilog="Start with: segue init, then segue run. Watch it work without any account: segue demo.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for chapter in (workspace, run, look, hook, trace, brake, cost, drift, erase, records, demo):
    chapter.add_to(app)
app.add_typer(dead.app, name="dead")
app.add_typer(migrate.app, name="import")
app.add_typer(sdk.app, name="sdk")


def _flow(typed: typer.Typer) -> None:
    """Let paragraphs of help run as wide as the terminal: typer keeps their line ends but the first's."""
    for command in typed.registered_commands:
        text = inspect.getdoc(command.callback) or ""
        command.help = "\n\n".join(" ".join(part.split()) for part in text.split("\n\n")) or None
    for group in typed.registered_groups:
        if group.typer_instance is not None:
            _flow(group.typer_instance)


_flow(app)


def _version(value: bool) -> None:
    if value:
        out.print(f"segue {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Segment's protocols in, Braze out, nothing lost."""


def main() -> None:
    """Run the command line; what Segue itself refuses is printed without a traceback."""
    try:
        app()
    except SegueError as error:
        print_error(error)
        sys.exit(3 if isinstance(error, UnavailableError) else 2)
