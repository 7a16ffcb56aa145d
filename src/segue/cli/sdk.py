"""`segue sdk`: analytics.js, for `segue run` to serve to your pages."""

import os
from pathlib import Path
from typing import Annotated

import typer

from segue.cli.show import out
from segue.runtime import packages
from segue.runtime.folders import sdk_folder
from segue.runtime.settings import Settings, read_settings

app = typer.Typer(
    help="Install analytics.js, so that segue run can serve it to your pages.", no_args_is_help=True
)

Data = Annotated[
    Path | None, typer.Option(help="Folder for the log and state (segue-data).", show_default=False)
]


@app.command()
def fetch(
    version: Annotated[
        str, typer.Option("--version", help="The version; several may be installed.")
    ] = packages.VERSION,
    data: Data = None,
) -> None:
    """Fetch analytics.js with npm into the data folder, unless it is there.

    A running Segue serves it at once.
    It is Segment's own, unchanged, under the MIT licence. Without npm on this machine: segue sdk add.
    """
    settings = _settings(data)
    done = packages.fetch(settings, version)
    out.print(f"analytics.js [bold]{done}[/] is in {sdk_folder(settings)}.", soft_wrap=True)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A file made by: npm pack @segment/analytics-next")],
    data: Data = None,
) -> None:
    """Install analytics.js from a file, for machines without npm or network."""
    settings = _settings(data)
    done = packages.add(settings, file)
    out.print(f"analytics.js [bold]{done}[/] is in {sdk_folder(settings)}.", soft_wrap=True)


@app.command("list")
def list_versions(data: Data = None) -> None:
    """List the installed versions, the one that is served first. Exit code 1 when there is none."""
    versions = packages.installed(_settings(data))
    for index, version in enumerate(versions):
        out.print(f"{version}{'' if index else '   served as analytics.min.js'}")
    if not versions:
        out.print("None. Run [cyan]segue sdk fetch[/].")
        raise typer.Exit(1)


def _settings(data: Path | None) -> Settings:
    return read_settings(Path(), os.environ, data=data)
