"""`segue run` and `segue sandbox`: the processes."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from segue.cli.show import print_faults
from segue.cli.workspace import Config
from segue.runtime.clock import SystemClock
from segue.runtime.current import read_current
from segue.runtime.logbook import Mask, open_logbook
from segue.runtime.settings import read_settings


def run(
    config: Config = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on (127.0.0.1).", show_default=False)
    ] = None,
    port: Annotated[int | None, typer.Option("--port", "-p", help="Port (8080).", show_default=False)] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder for the log and state (segue-data).", show_default=False)
    ] = None,
    roles: Annotated[
        str | None, typer.Option(help="receiver, courier, desk; all when left out.", show_default=False)
    ] = None,
    lanes: Annotated[
        str | None,
        typer.Option(help="Lanes for this process's couriers, for instance 0-3.", show_default=False),
    ] = None,
) -> None:
    """Run Segue: take events in, deliver them, serve health and metrics. Stops cleanly on SIGTERM or Ctrl-C.

    A destination whose endpoint is `sandbox` delivers to a Braze of our own on this machine.
    """
    settings = read_settings(
        Path(), os.environ, config=config, host=host, port=port, data=data, roles=roles, lanes=lanes
    )
    current = read_current(settings, Path(), os.environ)
    mask = Mask()
    mask.add(current.positions.secrets)
    open_logbook(
        sys.stderr,
        level=settings.log_level,
        style=settings.log_format,
        mask=mask,
        now_ms=SystemClock().now_ms,
    )
    print_faults(current.warnings)
    from segue.cli.process import run_until_stopped  # here: the other commands need no servers

    run_until_stopped(settings)


def sandbox(context: typer.Context) -> None:
    """Run the sandbox alone: a stateful Braze on this machine, for tests, development and demonstrations."""
    from segue.sandbox.command import main

    raise typer.Exit(main(context.args))


def add_to(app: typer.Typer) -> None:
    """Put this chapter's commands on the command line."""
    app.command()(run)
    # its options are the sandbox's own, which runs without this command line too
    app.command(
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
        add_help_option=False,
    )(sandbox)
