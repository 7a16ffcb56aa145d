"""`segue pause` and `segue resume`: a destination held by hand."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from segue.cli.show import literal, out
from segue.cli.workspace import Config
from segue.model.errors import MisconfiguredError
from segue.runtime.brake import PAUSE, RESUME, brake
from segue.runtime.clock import SystemClock
from segue.runtime.current import read_current
from segue.runtime.settings import read_settings

Which = Annotated[str, typer.Argument(metavar="DESTINATION", help="Id of a destination of the workspace.")]


def pause(destination: Which, config: Config = None) -> None:
    """Let nothing leave for a destination until it is resumed. Events go on being taken in and wait in the
    log, up to its retention. What is on the way is finished. It outlives restarts."""
    _tell(destination, PAUSE, config)
    out.print(f"{literal(destination)} is paused. Its events wait in the log; go on with:")
    out.print(f"  segue resume {literal(destination)}")


def resume(destination: Which, config: Config = None) -> None:
    """Let a paused destination go on where it stopped."""
    _tell(destination, RESUME, config)
    out.print(f"{literal(destination)} goes on, within a second or two when it runs.")


def _tell(destination: str, wish: str, config: Path | None) -> None:
    settings = read_settings(Path(), os.environ, config=config)
    names = [each.id for each in read_current(settings, Path(), os.environ).workspace.destinations]
    if destination not in names:
        raise MisconfiguredError(
            f'there is no destination "{destination}"; there is: {", ".join(names) or "none"}'
        )
    told = asyncio.run(brake(settings, [destination], wish, SystemClock().now_ms()))
    if not told[destination]:
        raise MisconfiguredError(
            f'"{destination}" has never run, so there is nothing to {wish}; '
            "write enabled: false in the workspace file to keep it from starting"
        )


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(pause)
    app.command()(resume)
