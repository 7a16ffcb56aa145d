"""`segue run` and `segue sandbox`: the processes."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.panel import Panel

from segue.cli.serve import Running, in_process, running
from segue.cli.show import err, out, print_faults
from segue.cli.workspace import Config
from segue.model.errors import MisconfiguredError
from segue.runtime.clock import SystemClock
from segue.runtime.current import read_current
from segue.runtime.logbook import Mask, open_logbook
from segue.runtime.settings import Settings, read_settings
from segue.sandbox.app import create_app as create_sandbox
from segue.sandbox.app import serve as serve_sandbox


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
    in_process(_run(settings))


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", help="Port; 0 picks one.", min=0, max=65535)] = 8089,
    key: Annotated[str, typer.Option(help="The REST key it accepts.")] = "sandbox",
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Keep profiles; without, it only counts (load tests).")
    ] = True,
) -> None:
    """Run the sandbox alone: a stateful Braze on this machine, for tests and development."""
    open_logbook(sys.stderr, now_ms=SystemClock().now_ms)

    async def serve() -> None:
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        started.add_done_callback(
            lambda done: out.print(
                f"Sandbox at [bold]http://{host}:{done.result()}[/], REST key [bold]{key}[/].\n"
                "This is not Braze: nothing leaves this machine, nothing is kept after it stops.\n"
                "Control it under /_sandbox/ (docs/sandbox.md)."
            )
        )
        try:
            await serve_sandbox(create_sandbox(key=key, keep=keep), host=host, port=port, started=started)
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that no host can have
            reason = getattr(error, "strerror", None) or error
            raise MisconfiguredError(
                f"cannot listen on {host}:{port}: {reason}. Choose another --host or --port."
            ) from error

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())


def add_to(app: typer.Typer) -> None:
    """Put this chapter's commands on the command line."""
    app.command()(run)
    app.command()(sandbox)


async def _run(settings: Settings) -> None:
    async with running(settings, Path()) as segue:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, segue.stop.set)
        print_welcome(segue)
        await segue.stop.wait()
        err.print("Stopping: delivering what waits …", style="dim")


def print_welcome(segue: Running) -> None:
    """The addresses, and a snippet to paste into an application."""
    addresses = segue.addresses
    door = f"{addresses.door}{addresses.prefix}"
    lines = [
        f"tracking API  [bold]{door}[/]",
        f"health        {addresses.door}/readyz",
        f"metrics       {addresses.door}/metrics",
    ]
    if addresses.sandbox:
        lines.append(
            f"[yellow]SANDBOX[/]       {addresses.sandbox}  [yellow]not Braze: nothing leaves this machine[/]"
        )
    out.print(Panel("\n".join(lines), title="Segue", title_align="left", expand=False))
    source = next((each for each in segue.current.workspace.sources if each.enabled), None)
    if source is None:
        return
    key = source.write_keys[0]
    out.print(f"Send to source [bold]{source.id}[/] from Python (pip install segment-analytics-python):\n")
    out.print(
        "    from segment import analytics\n"
        f'    analytics.write_key = "{key}"\n'
        f'    analytics.host = "{addresses.door}"\n'
        '    analytics.identify("user-1", {"email": "ada@example.com", "plan": "plus"})\n'
        '    analytics.track("user-1", "Article Read", {"title": "Hello"})\n'
        "    analytics.flush()\n",
        markup=False,
        soft_wrap=True,
    )
    out.print("or with curl:\n")
    out.print(
        f"    curl -u {key}: {door}/identify -H 'content-type: application/json' \\\n"
        """        -d '{"userId": "user-1", "traits": {"email": "ada@example.com"}}'\n""",
        markup=False,
        soft_wrap=True,
    )
    out.print("Ctrl-C stops it; nothing accepted is lost.", style="dim")
