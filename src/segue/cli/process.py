"""What `segue run` does until it is told to stop."""

import asyncio
import signal
import textwrap
from pathlib import Path

from rich.panel import Panel

from segue.cli.serve import Running, in_process, running
from segue.cli.show import err, out
from segue.runtime.settings import Settings
from segue.web.snippet import snippet


def run_until_stopped(settings: Settings) -> None:
    """Run a whole Segue in this process until SIGTERM or Ctrl-C."""
    in_process(_run(settings), only_receives="courier" not in settings.roles)


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
    _print_snippets(segue, door)
    out.print("Ctrl-C stops it; nothing accepted is lost.", style="dim")


def _print_snippets(segue: Running, door: str) -> None:
    """What to paste into a page, for the first web source; and into a program, for the first other one."""
    addresses = segue.addresses
    sources = [each for each in segue.current.workspace.sources if each.enabled]
    page = next((each for each in sources if each.platform == "web"), None)
    if page is not None:
        origin = segue.current.workspace.ingest.public_url or addresses.door
        out.print(f"Send to source [bold]{page.id}[/] from a web page; put this first in its head:\n")
        out.print(textwrap.indent(snippet(page.write_keys[0], origin), "    "), markup=False, soft_wrap=True)
        if not segue.versions:
            out.print("[yellow]analytics.js is not installed here: run[/] [cyan]segue sdk fetch[/]\n")
    source = next((each for each in sources if each.platform != "web"), page)
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
