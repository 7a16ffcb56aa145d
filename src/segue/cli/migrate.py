"""`segue import`: bring a workspace along from somewhere else."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Final

import typer

from segue.cli.show import err, plural, print_json, printable
from segue.cli.workspace import AsJson
from segue.runtime.migration import Imported, What, import_segment, save

app = typer.Typer(
    no_args_is_help=True,
    help="Bring a workspace along: segment.",
    epilog="Save answers of Segment's Public API in a folder, then: segue import segment FOLDER",
)

COLOURS: Final[dict[What, str]] = {
    "unreadable": "red",
    "held back": "red",
    "left out": "yellow",
    "changed": "yellow",
    "noted": "dim",
}


@app.callback()
def options() -> None:
    """Bring a workspace along from somewhere else."""


@app.command()
def segment(
    folder: Annotated[Path, typer.Argument(help="A folder with JSON files, or one file.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The workspace file to write; printed when left out.", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a segue.yaml of a Segment workspace: answers of the Public API, or Terraform's state, as JSON.

    Whatever cannot come along is listed with its reason, secrets become variables to set. Exit code 1 when
    a file or an entry could not be read: the rest is imported without it.
    """
    made = import_segment(folder)
    if output is not None:
        save(made, output, replace=force)
    if as_json:
        print_json(
            {
                "output": str(output) if output else None,
                "workspace": None if output else made.text,
                "whole": made.is_whole,
                **_counted(made),
                "variables": made.variables,
                "remarks": made.remarks,
            }
        )
    else:
        if output is None:
            typer.echo(made.text, nl=False)
        _report(made, output)
    if not made.is_whole:
        raise typer.Exit(1)


def _counted(made: Imported) -> dict[str, int]:
    destinations = made.workspace.destinations
    return {
        "files": made.files,
        "sources": len(made.workspace.sources),
        "destinations": len(destinations),
        "subscriptions": sum(len(each.subscriptions or ()) for each in destinations),
        "filters": sum(len(each.filters) for each in destinations),
    }


def _report(made: Imported, output: Path | None) -> None:
    """Say on standard error what happened, so that standard output is the file alone."""
    counted = _counted(made)
    files = counted.pop("files")
    told = ", ".join(plural(number, name.removesuffix("s")) for name, number in counted.items())
    err.print(f"Read {plural(files, 'file')}: {told}.", markup=False)
    for remark in made.remarks:
        err.print(f"[{COLOURS[remark.what]}]{remark.what}[/] ", end="")
        err.print(printable(f"{remark.subject}: {remark.why}"), markup=False, soft_wrap=True)
        if remark.remedy:
            err.print(printable(f"  → {remark.remedy}"), style="cyan", markup=False, soft_wrap=True)
    if made.variables:
        err.print("Set these in the environment or in .env, then run segue validate:", markup=False)
        for each in made.variables:
            err.print(f"  {each.name}  for {each.place}: {each.why}", markup=False, soft_wrap=True)
    if remarks := Counter(remark.what for remark in made.remarks):
        err.print(", ".join(f"{number} {what}" for what, number in remarks.items()) + ".", markup=False)
    if output is not None:
        err.print(f"Wrote {output}.", markup=False)
