"""`segue erase`: people deleted at every partner that can, and how far that is."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from segue.cli.show import literal, out, plural, print_json, print_table, printable, row, table
from segue.cli.trace import moment
from segue.cli.workspace import AsJson, Config
from segue.model.errors import MisconfiguredError
from segue.runtime import deletions
from segue.runtime.clock import SystemClock
from segue.runtime.current import Current, read_current
from segue.runtime.deletions import Asked, Progress
from segue.runtime.settings import Settings, read_settings

LEFT_HERE = (
    "It does not delete what Segue itself keeps: dead letters and the samples of refused events, which "
    "--here-too removes as well, and the log, which has their events until its retention ends."
)
LEFT_IN_LOG = "The log has their events until its retention ends."
NOT_DONE = (
    "An archive you keep is yours to clean. New events are not stopped: one that comes in from now on makes "
    "the person anew."
)


def erase(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="USER_ID...", help="Whom to delete; with --status, ids of earlier calls."),
    ] = None,
    destination: Annotated[
        str | None, typer.Option("--destination", "-d", help="Only at this destination.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="Read userIds from here, one a line; - for standard input."),
    ] = None,
    here_too: Annotated[
        bool,
        typer.Option(
            "--here-too", help="Also remove Segue's dead letters of them, and its samples of refused events."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether it is meant.")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Tell how far calls are, and delete nobody.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Delete people at every destination whose partner can: for good, and not only what came through Segue.

    At most 5,000 in a call, by userId. What is on its way of them leaves before it, what is in the log and
    was not read yet is left out, and what comes in later makes them anew. Deletions go before all other
    traffic where a rate limit is short. The call waits in the data folder while Segue does not run, and while
    a destination is paused or held.

    Exit code 1 when no destination can, or, with --status, when nothing is known of a call or somebody was
    refused.
    """
    settings = read_settings(Path(), os.environ, config=config)
    current = read_current(settings, Path(), os.environ)
    if status:
        _status(settings, current, ids or [], as_json=as_json)
        return
    people = deletions.read_people([*(ids or ()), *(_lines(file) if file is not None else ())])
    able, _ = deletions.capable(current, destination)
    if able and not yes:
        _confirm(people, able)
    asked = asyncio.run(_ask(settings, current, people, destination, here_too=here_too))
    if as_json:
        print_json(asked)
    else:
        _print_asked(asked, here_too=here_too)
    if not asked.destinations:
        raise typer.Exit(1)


async def _ask(
    settings: Settings, current: Current, people: Sequence[str], destination: str | None, *, here_too: bool
) -> Asked:
    clock = SystemClock()
    asked = await deletions.erase(settings, current, people, destination, clock)
    if not here_too:
        return asked
    letters, samples = await deletions.forget(settings, current, people, destination, clock)
    return replace(asked, letters=letters, samples=samples)


def _print_asked(asked: Asked, *, here_too: bool) -> None:
    for name, why in asked.left_out:
        out.print(f"[yellow]{literal(name)}[/] is left out: {literal(why)}.", soft_wrap=True)
    if asked.destinations:
        told = ", ".join(asked.destinations)
        out.print(
            f"{_count(asked.people)} will be deleted at {literal(told)}, from within a second or two of "
            "Segue running.",
            soft_wrap=True,
        )
    if here_too:
        letters, samples = plural(asked.letters, "dead letter"), plural(asked.samples, "refused event")
        out.print(
            f"Here, {letters} of theirs will be forgotten as soon, and of {samples} the sample is removed.",
            soft_wrap=True,
        )
    if not asked.destinations:
        out.print("Nobody is deleted anywhere.")
        return
    out.print(f"{LEFT_IN_LOG if here_too else LEFT_HERE} {NOT_DONE}", style="dim", soft_wrap=True)
    out.print(f"How far it is: segue erase --status {asked.name}", style="cyan", soft_wrap=True)


def print_standings(found: list[Progress], *, as_json: bool) -> None:
    """Tell how far calls are. Raises Exit with code 1 when somebody was refused."""
    if as_json:
        print_json(found)
    else:
        shown = table(
            "call", "asked", "destination", ">people", ">waiting", ">on its way", ">deleted", ">refused", ""
        )
        for each in found:
            waiting = each.waiting - each.on_its_way
            figures = (each.people, waiting, each.on_its_way, each.deleted, each.dead)
            row(shown, each.name, moment(each.asked_ms), each.destination, *figures, _state(each))
        print_table(shown)
        for each in found:
            if each.dead:
                out.print(
                    f"Why at {literal(each.destination)}: segue dead list --message-id {each.name}",
                    style="cyan",
                    soft_wrap=True,
                )
    if any(each.dead for each in found):
        raise typer.Exit(1)


def _status(settings: Settings, current: Current, names: list[str], *, as_json: bool) -> None:
    found = asyncio.run(deletions.standings(settings, current))
    known = {each.name for each in found}
    for name in names:
        if name not in known:
            raise MisconfiguredError(
                f'nothing is known of a call "{name}"; segue erase --status lists those there are'
            )
    wanted = [each for each in found if not names or each.name in names]
    if not wanted and not as_json:
        out.print("Nobody was to be deleted yet.")
        return
    print_standings(wanted, as_json=as_json)


def _state(progress: Progress) -> str:
    if progress.done_ms:
        return f"done {moment(progress.done_ms)}"
    if not progress.waiting:
        return "answered; events from before it are being read"
    if progress.halt is not None:
        why = progress.halt.code or progress.halt.message or progress.halt.kind
        return f"waits: the destination is {progress.halt.kind} ({printable(why)})"
    return (
        "waiting to be sent and answered" if progress.waiting > progress.on_its_way else "sent, no answer yet"
    )


def _confirm(people: tuple[str, ...], able: list[str]) -> None:
    if not sys.stdin.isatty():
        raise MisconfiguredError(
            f"{_count(len(people))} would be deleted at {', '.join(able)} for good, and there is nobody to "
            "ask whether that is meant: say so with --yes"
        )
    shown = ", ".join(people[:5]) + (", …" if len(people) > 5 else "")
    out.print(printable(f"{_count(len(people))}: {shown}"), markup=False, soft_wrap=True)
    typer.confirm(f"Delete them at {', '.join(able)} for good?", abort=True)


def _lines(path: Path) -> list[str]:
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return [line for line in content.decode("utf-8-sig").splitlines() if line]
    except OSError as error:
        raise MisconfiguredError(f'"{path}" cannot be read: {error.strerror or error}') from error
    except UnicodeDecodeError as error:
        raise MisconfiguredError(f'"{path}" is no text in UTF-8: save it as one userId a line') from error


def _count(people: int) -> str:
    return plural(people, "person").replace("persons", "people")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(erase)
