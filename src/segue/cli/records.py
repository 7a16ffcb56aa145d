"""`segue why`, `segue counts`, `segue uncertain`: what the records say beyond one event."""

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Annotated, Final

import typer

from segue.cli.journey import short
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
from segue.cli.trace import moment, progress
from segue.cli.workspace import AsJson, Config
from segue.model.errors import MisconfiguredError
from segue.model.event import person_key
from segue.runtime import records
from segue.runtime.clock import SystemClock
from segue.runtime.current import read_current
from segue.runtime.settings import read_settings
from segue.runtime.sighting import Sighting
from segue.runtime.span import read_moment

Where = Annotated[str | None, typer.Option("--destination", "-d", help="Only this destination.")]

COLUMNS: Final = ("minute", "hour", "day", "source", "destination", "subscription", "result", "reason")
"""What `segue counts` can count by."""

OUTCOME_COLOURS: Final = {"delivered": "green", "dead": "red", "waiting": "yellow"}


def why(
    user: Annotated[str, typer.Argument(help="The person's userId.")],
    attribute: Annotated[
        str,
        typer.Argument(help="The attribute's name at the partner, or the trait's; nested parts with dots."),
    ],
    destination: Where = None,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="USER is an anonymousId of events without userId.")
    ] = False,
    most: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="Stop after so many events that carried it.")
    ] = 10,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say why a person lacks an attribute: every event that carried it, newest first, which mapping field
    makes it, and what became of it; or that no event did, or that no mapping reads it. With the remedy.

    Reads the person's lane of the log as far back as it is kept. Exit code 1 when no event carried it.
    """
    settings = read_settings(Path(), os.environ, config=config)
    current = read_current(settings, Path(), os.environ)
    person = person_key(None, user) if anonymous else person_key(user, None)
    found = asyncio.run(
        records.why(
            settings, current, person, attribute, destination=destination, most=most, progress=progress()
        )
    )
    if as_json:
        print_json(found)
    else:
        out.print(f"[bold]{literal(attribute)}[/] of {literal(person)}: ", end="")
        out.print(printable(found.verdict) + ".", markup=False, soft_wrap=True)
        out.print(f"→ {printable(found.remedy)}", style="cyan", markup=False, soft_wrap=True)
        for sighting in found.sightings:
            _print_sighting(sighting)
        looked = f"{plural(found.looked, 'event')} of the lane read, {found.events:,} of this person"
        more = "" if found.complete else "; the search stopped there, --limit goes further"
        out.print(f"\n{looked}{more}", style="dim", soft_wrap=True)
    if not found.sightings:
        raise typer.Exit(1)


def counts(
    since: Annotated[
        str, typer.Option("--since", help="From when on: 90m, 24h, 7d, or a date and time in UTC.")
    ] = "24h",
    until: Annotated[str | None, typer.Option("--until", help="Up to when; now when left out.")] = None,
    by: Annotated[
        str, typer.Option("--by", help=f"Count by these, in this order: {', '.join(COLUMNS)}.")
    ] = "destination,result,reason",
    destination: Where = None,
    source: Annotated[str | None, typer.Option("--source", help="Only of this source.")] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Count rows (event and subscription) instead of events.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Count what became of events, by the minute it was settled; 30 days are kept.

    An event with several rows is delivered when all of them are, dead when one of them is. Rows have counts
    of their own (--rows), which alone know the subscription.
    """
    columns = [name.strip() for name in by.split(",") if name.strip()]
    if unknown := [name for name in columns if name not in COLUMNS]:
        raise MisconfiguredError(f'cannot count by "{unknown[0]}"; there is: {", ".join(COLUMNS)}')
    now_ms = SystemClock().now_ms()
    since_ms = read_moment(since, now_ms)
    until_ms = read_moment(until, now_ms) if until is not None else now_ms + 60_000
    settings = read_settings(Path(), os.environ, config=config)
    current = read_current(settings, Path(), os.environ)
    found = asyncio.run(records.counts(settings, current, since_ms, until_ms, destination=destination))
    totals: Counter[tuple[str, ...]] = Counter()
    for one in found:
        if one.is_of_rows == rows and source in (None, one.source):
            totals[tuple(one.cell(name) for name in columns)] += one.count
    kept = sorted((cells, n) for cells, n in totals.items() if n)
    if as_json:
        print_json([{**dict(zip(columns, cells, strict=True)), "count": n} for cells, n in kept])
        return
    if not kept:
        out.print(f"Nothing was settled since {moment(since_ms)}.")
        return
    shown = table(*columns, ">rows" if rows else ">events")
    for cells, n in kept:
        row(shown, *(cell or "-" for cell in cells), f"{n:,}")
    print_table(shown)


def uncertain(
    destination: Where = None,
    since: Annotated[
        str, typer.Option("--since", help="From when on: 90m, 24h, 7d, or a date and time in UTC.")
    ] = "30d",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many, newest first.")] = 100,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List rows that left in a request whose answer nobody knows, what was done about each, and what came
    of it. They alone may have arrived twice.

    repeated: sent again, which changes nothing if it had arrived. resend: sent again, may count twice.
    hold: kept as a dead letter for you. open: left when Segue was stopped hard; decided at the next start.
    """
    settings = read_settings(Path(), os.environ, config=config)
    current = read_current(settings, Path(), os.environ)
    since_ms = read_moment(since, SystemClock().now_ms())
    found = asyncio.run(records.uncertain(settings, current, since_ms, destination=destination, limit=limit))
    if as_json:
        for one in found:
            print_line(one)
        return
    for name, policy in records.policies(current, destination):
        out.print(f"[dim]{name}: delivery.uncertain is {policy}[/]")
    if not found:
        out.print("[green]Nothing is uncertain.[/]")
        return
    shown = table("noted", "destination", "messageId", "subscription", ">request", "policy", "became")
    for one in found:
        doubt = one.doubt
        row(
            shown,
            moment(doubt.noted_ms) if doubt.noted_ms else "-",
            one.destination,
            doubt.message_id or f"lane {doubt.lane}, offset {doubt.offset}",
            doubt.subscription,
            str(doubt.request),
            doubt.policy,
            one.became,
        )
    print_table(shown)
    if len(found) == limit:
        err.print(f"The newest {limit}; --limit shows more.", style="dim")


def add_to(app: typer.Typer) -> None:
    """Put this chapter's commands on the command line."""
    for command in (why, counts, uncertain):
        app.command()(command)


def _print_sighting(sighting: Sighting) -> None:
    name = f"{sighting.kind} {sighting.name}".strip()
    colour = OUTCOME_COLOURS.get(sighting.outcome, "cyan")
    out.print(
        f"\n[bold]{literal(name)}[/] {moment(sighting.received_ms)}, "
        f"messageId {literal(sighting.message_id)}",
        soft_wrap=True,
    )
    reason = f" {literal(sighting.reason)}" if sighting.reason else ""
    out.print(f"  {sighting.destination}: [{colour}]{sighting.outcome}[/]{reason}", soft_wrap=True)
    lines: list[str] = [f"value {short(sighting.value)}"]
    if sighting.field:
        lines.append(
            f"made by field {sighting.field} of {sighting.subscription}: {short(sighting.directive)}"
        )
    if sighting.request:
        lines.append(f"request {sighting.request}, status {sighting.status}, {moment(sighting.at_ms)}")
    if sighting.message:
        lines.append(sighting.message)
    for line in lines:
        out.print(f"    {printable(line)}", markup=False, soft_wrap=True)
