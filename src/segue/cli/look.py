"""`segue try`, `segue send`, `segue tail`, `segue doctor`: see what happens."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from segue.cli import journey
from segue.cli.show import (
    err,
    literal,
    out,
    plural,
    print_json,
    print_line,
    print_table,
    printable,
    row,
    table,
)
from segue.cli.workspace import AsJson, Config
from segue.model.errors import MisconfiguredError
from segue.model.event import KINDS
from segue.runtime import desk
from segue.runtime.clock import SystemClock
from segue.runtime.current import read_current
from segue.runtime.presence import addresses
from segue.runtime.settings import read_settings

File = Annotated[Path, typer.Argument(help="A file, or - for standard input.", allow_dash=True)]
Source = Annotated[
    str | None, typer.Option("--source", help="The source it comes from; the first when left out.")
]


def try_event(
    file: File,
    source: Source = None,
    destination: Annotated[
        str | None, typer.Option("--destination", "-d", help="Only this destination.")
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Really send the requests, and show what the partner answers.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Show also the steps of the mapping that gave nothing.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the journey of one event without sending it: which subscriptions match and why not, the payload
    step by step, the exact request."""
    settings = read_settings(Path(), os.environ, config=config)
    current = read_current(settings, Path(), os.environ)
    now_ms = SystemClock().now_ms()
    made = desk.try_event(current, _read(file), source=source, destination=destination, now_ms=now_ms)
    answers = (
        asyncio.run(desk.send_journey(settings, current, made)) if send else [[] for _ in made.destinations]
    )
    if as_json:
        print_json(journey.as_data(made, answers))
    else:
        journey.print_journey(made, answers, every=every)
    if not any(each.requests for each in made.destinations):
        raise typer.Exit(1)


def send(
    file: File,
    write_key: Annotated[
        str | None,
        typer.Option("--write-key", "-k", help="The source's key; the first source's when left out."),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Where Segue listens; found by the data folder when left out.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Send events to a running Segue through its tracking API: one JSON event, a JSON list, or one a line."""
    settings = read_settings(Path(), os.environ, config=config)
    prefix = "/v1"
    if write_key is None or url is None:
        workspace = read_current(settings, Path(), os.environ).workspace
        write_key = write_key or workspace.sources[0].write_keys[0]
        prefix = workspace.ingest.prefix
    address = (url or addresses(settings)[0]).rstrip("/") + prefix
    from segue.cli.post import post_events  # here: the other commands need no HTTP client

    sent = asyncio.run(post_events(_read(file), address, write_key, show=not as_json))
    if as_json:
        print_json(sent)
    else:
        out.print(
            f"[green]Sent[/] {plural(sent['events'], 'event')} in {plural(sent['requests'], 'request')}."
        )
        out.print("What became of them: segue tail, segue trace MESSAGE_ID.", style="dim")


def tail(
    last: Annotated[
        int, typer.Option("--last", "-n", min=0, help="How many of the newest to begin with.")
    ] = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes in.")] = False,
    source: Annotated[str | None, typer.Option("--source", help="Only of this source.")] = None,
    kind: Annotated[
        str | None, typer.Option("--type", help=f"Only of this type: {', '.join(KINDS)}.")
    ] = None,
    containing: Annotated[str, typer.Option("--grep", help="Only events whose JSON holds this text.")] = "",
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Instead: what the receiver refused, and why.")
    ] = False,
    code: Annotated[
        str | None, typer.Option("--code", help="With --rejected: only refused for this reason.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest events of the log, and with -f those that come in."""
    if code is not None and not rejected:
        raise MisconfiguredError(f'--code "{code}" goes with --rejected: events of the log have no code')
    if rejected and follow:
        raise MisconfiguredError("--rejected shows what is kept and ends; leave --follow out")
    if kind is not None and kind not in KINDS:
        raise MisconfiguredError(f'there is no event type "{kind}"; there is: {", ".join(KINDS)}')
    settings = read_settings(Path(), os.environ, config=config)
    if rejected:
        found = asyncio.run(desk.rejections(settings, source=source, code=code))
        counted = {} if as_json else asyncio.run(desk.refused_counts(settings))
        wanted = [one for one in found if kind in (None, one.kind) and containing in one.sample]
        if as_json:
            for one in wanted[-last:] if last else []:
                print_line(one)
            return
        _print_refused(wanted[-last:] if last else [])
        _print_counted(
            {
                key: count
                for key, count in counted.items()
                if source in (None, key.source) and code in (None, key.code) and kind in (None, key.kind)
            }
        )
        return

    async def watch() -> None:
        async for seen in desk.tail(
            settings, last=last, follow=follow, source=source, kind=kind, containing=containing
        ):
            if as_json:
                print_line(seen)
                continue
            event = seen.event
            at = datetime.fromtimestamp(seen.received_ms / 1000, UTC).strftime("%H:%M:%S")
            who = event.get("userId") or event.get("anonymousId") or event.get("groupId") or "-"
            name = event.get("event") or event.get("name") or ""
            out.print(
                f"[dim]{at}[/] {seen.source:<12} [cyan]{event['type']:<8}[/] {literal(name):<28} "
                f"{literal(who)}  [dim]{literal(event['messageId'])}[/]",
                soft_wrap=True,
            )

    try:
        asyncio.run(watch())
    except KeyboardInterrupt:
        return


def doctor(config: Config = None, as_json: AsJson = False) -> None:
    """Check everything that can be checked from here; exit code 1 when something needs you."""
    settings = read_settings(Path(), os.environ, config=config)
    from segue.cli.examine import examine

    findings = asyncio.run(examine(settings, Path(), os.environ))
    is_well = all(finding.ok for finding in findings)
    if as_json:
        print_json({"well": is_well, "findings": findings})
    else:
        for finding in findings:
            sign = "[green]ok  [/]" if finding.ok else "[red]look[/]"
            out.print(f"{sign} [bold]{finding.name}[/]: ", end="")
            out.print(printable(finding.says), markup=False, soft_wrap=True)
            if finding.remedy and not finding.ok:
                out.print(f"     → {finding.remedy}", style="cyan", markup=False, soft_wrap=True)
    if not is_well:
        raise typer.Exit(1)


def choices(
    destination: Annotated[str, typer.Argument(help="Id of a destination.")],
    name: Annotated[str, typer.Argument(help="What to list: campaigns, canvases, catalogs …")],
    given: Annotated[
        list[str] | None,
        typer.Option("--with", help="What the question needs: catalog_name=tea, external_id=user-1."),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Ask the partner which values a field can have, for instance campaigns to trigger."""
    settings = read_settings(Path(), os.environ, config=config)
    current = read_current(settings, Path(), os.environ)
    payload = dict(each.split("=", 1) for each in given or () if "=" in each)
    from segue.runtime.choices import choices as ask_choices

    found, problem = asyncio.run(ask_choices(settings, current, destination, name, payload))
    if as_json:
        print_json(
            {"choices": [{"value": value, "label": label} for value, label in found], "problem": problem}
        )
    else:
        shown = table("value", "label")
        for value, label in found:
            row(shown, str(value), label)
        if found:
            print_table(shown)
        if problem:
            err.print(literal(problem), style="yellow")
    if not found:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Put this chapter's commands on the command line."""
    app.command("try")(try_event)
    for command in (send, tail, choices, doctor):
        app.command()(command)


def _print_refused(refused: Sequence[desk.Refused]) -> None:
    if not refused:
        out.print("Nothing that was refused is kept.")
    for one in refused:
        at = datetime.fromtimestamp(one.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        out.print(f"[dim]{at}[/] {one.source or '-':<12} [red]{one.code}[/] ", end="")
        out.print(printable(one.message), markup=False, soft_wrap=True)
        out.print(f"         {printable(one.sample)}", style="dim", markup=False, soft_wrap=True)


def _print_counted(counted: Mapping[desk.RefusedKey, desk.RefusedCount]) -> None:
    """How much there was of what is shown, on the days that are counted."""
    totals: dict[tuple[str, str], tuple[int, int]] = {}
    for key, count in counted.items():
        events, requests = totals.get((key.source, key.code), (0, 0))
        totals[key.source, key.code] = (events + count.events, requests + count.requests)
    if not totals:
        return
    out.print("\nRefused on the last 30 days:", style="dim")
    for (source, code), (events, requests) in sorted(totals.items(), key=lambda each: -sum(each[1])):
        amounts = [(events, "event"), (requests, "whole request")]
        said = ", ".join(plural(count, noun) for count, noun in amounts if count)
        out.print(f"  {source or '-':<12} {code}: {said}", style="dim", markup=False, soft_wrap=True)


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise MisconfiguredError(f'"{file}" cannot be read: {error.strerror or error}') from error
