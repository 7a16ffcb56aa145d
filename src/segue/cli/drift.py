"""`segue drift` and `segue refresh`: what the partner has of people, compared and mended."""

import asyncio
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from segue.cli.show import err, out, plural, print_json, print_table, printable, row, table
from segue.cli.workspace import AsJson, Config
from segue.model.errors import MisconfiguredError
from segue.runtime import auditor
from segue.runtime.auditor import Audited
from segue.runtime.clock import SystemClock
from segue.runtime.current import read_current
from segue.runtime.settings import read_settings

SHOWN = 50
"""Differences a person is shown; --json has them all."""

Where = Annotated[str, typer.Argument(metavar="DESTINATION", help="The destination's id.")]
Who = Annotated[
    list[str] | None,
    typer.Option("--person", "-p", help="A userId; may be given several times."),
]


def drift(
    destination: Where,
    person: Who = None,
    sample: Annotated[int, typer.Option("--sample", "-n", min=1, help="How many people, at random.")] = 100,
    budget: Annotated[
        int, typer.Option("--budget", "-b", min=1, max=2500, help="Most requests to the partner in a minute.")
    ] = 60,
    repair: Annotated[
        bool, typer.Option("--repair", help="Send what differs again, in its place among the person's rows.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Compare what Braze has of people with what it acknowledged.

    Needs delivery.attributes: changed. Somebody who edits a profile in Braze makes it drift: Segue, which
    sends only what changed, would not notice. Each request asks about 50 people. Exits with 1 when something
    differs and is not being repaired.
    """
    settings = read_settings(Path(), os.environ, config=config)
    current = read_current(settings, Path(), os.environ)

    def progress(found: Audited) -> None:
        if err.is_terminal:
            err.print(f"{_people(found.asked)} asked about, {plural(len(found.drifts), 'difference')}")

    found = asyncio.run(
        auditor.audit(
            settings,
            current,
            destination,
            SystemClock(),
            people=person or (),
            sample=sample,
            per_minute=budget,
            repair=repair,
            progress=progress,
        )
    )
    if as_json:
        print_json(found)
    else:
        _print(found, destination, person or ())
    if found.drifts and not repair:
        raise typer.Exit(1)


def refresh(destination: Where, person: Who = None, config: Config = None) -> None:
    """Have everything of a person, or of everybody, sent again with their next update.

    What was acknowledged is forgotten, the clocks are kept: nothing old comes back. Exits with 1 when nothing
    is known of somebody who is named.
    """
    settings = read_settings(Path(), os.environ, config=config)
    current = read_current(settings, Path(), os.environ)
    told = auditor.refresh(settings, current, destination, person or (), SystemClock())
    asked, unknown = asyncio.run(told)
    if not asked:
        raise MisconfiguredError(
            f'destination "{destination}" has no state in {settings.data} yet: nothing has been sent, so '
            "everything will be"
        )
    if not person or len(unknown) < len(set(person)):
        whom = _people(len(set(person)) - len(unknown)) if person else "everybody"
        out.print(
            f"The next update of {whom} travels whole, from within a second of Segue running.", soft_wrap=True
        )
    for each in unknown:
        err.print(
            f'nothing is known of "{printable(each)}" at {destination}: whatever comes of them travels '
            "whole. Look whether the id is right.",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    if unknown:
        raise typer.Exit(1)


def _print(found: Audited, destination: str, people: Sequence[str]) -> None:
    if found.drifts:
        shown = table("person", "attribute", "acknowledged", "at the partner")
        for each in found.drifts[:SHOWN]:
            if each.attribute:
                row(
                    shown,
                    each.person,
                    each.attribute,
                    _value(each.held),
                    "nothing" if each.found is None else _value(each.found),
                )
            else:
                row(shown, each.person, "(the whole profile)", "was there", "nothing")
        print_table(shown)
        if len(found.drifts) > SHOWN:
            out.print(f"The first {SHOWN} of {len(found.drifts):,}; --json has them all.", style="dim")
    told = [
        f"{_people(found.asked)} compared in {plural(found.requests, 'request')}",
        plural(len(found.drifts), "difference"),
    ]
    if found.moving:
        told.append(f"{found.moving:,} left out, being sent to just then")
    if found.unknown:
        told.append(f"{found.unknown:,} of whom nothing is known")
    out.print(", ".join(told) + ".")
    if found.repaired:
        out.print(f"{plural(found.repaired, 'object')} will be sent again within a second of Segue running.")
    if found.refreshed:
        whom = _people(found.refreshed)
        out.print(f"The next update of {whom} travels whole: what was acknowledged cannot be said again.")
    if found.drifts and not (found.repaired or found.refreshed):
        named = "".join(f" --person {shlex.quote(each)}" for each in people)
        out.print(f"Mend them with: segue drift {destination}{named} --repair", style="cyan")


def _people(number: int) -> str:
    return plural(number, "person").replace("persons", "people")


def _value(value: Any) -> str:
    """A value as it is written in JSON; a text as it is."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def add_to(app: typer.Typer) -> None:
    """Add both commands."""
    app.command()(drift)
    app.command()(refresh)
