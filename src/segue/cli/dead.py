"""`segue dead`: what could not be delivered, why, and what to do with it."""

import asyncio
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

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
from segue.cli.trace import moment, print_attempts
from segue.cli.workspace import AsJson, Config
from segue.model.delivery import DeadLetter
from segue.model.errors import MisconfiguredError
from segue.model.event import person_key
from segue.runtime import desk, graveyard
from segue.runtime.clock import SystemClock
from segue.runtime.current import read_current
from segue.runtime.settings import Settings, read_settings

app = typer.Typer(
    no_args_is_help=True,
    help="What could not be delivered and waits for you: list, show, explain, retry, drop, export, import.",
    epilog="Mend the mapping or the partner's side first, then: segue dead retry --reason CODE",
)

Where = Annotated[str | None, typer.Option("--destination", "-d", help="Only this destination.")]
Reason = Annotated[str | None, typer.Option("--reason", "-r", help="Only with this reason code.")]
By = Annotated[str | None, typer.Option("--subscription", "-s", help="Only of this subscription.")]
Message = Annotated[
    str | None, typer.Option("--message-id", "-m", help="Only of the event with this messageId.")
]
User = Annotated[str | None, typer.Option("--user", "-u", help="Only of the person with this userId.")]
Ids = Annotated[
    list[str] | None, typer.Argument(help="Ids from the list; none means every match of the filters.")
]
Everything = Annotated[bool, typer.Option("--all", help="Mean all of them, without any filter.")]


@app.command("list")
def list_letters(
    destination: Where = None,
    reason: Reason = None,
    subscription: By = None,
    message_id: Message = None,
    user: User = None,
    after: Annotated[
        str | None,
        typer.Option("--after", help="Go on behind this one, the last of the page before: destination/id."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 50,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, with the reason of each."""
    settings, destinations = _open(config, destination)
    letters = asyncio.run(
        graveyard.dead_letters(
            settings,
            destinations,
            limit=limit,
            reason=reason,
            subscription=subscription,
            message_id=message_id,
            person=_person(user),
            after=after or "",
        )
    )
    if as_json:
        print_json([as_data(letter) for letter in letters])
        return
    asked = {
        "-d": destination, "-r": reason, "-s": subscription, "-m": message_id, "-u": user
    }  # fmt: skip
    if not letters:
        narrowed = after or any(asked.values())
        out.print("No dead letters match." if narrowed else "[green]No dead letters.[/]")
        return
    shown = table("id", "destination", "subscription", "event", "reason", "why")
    for letter in letters:
        event, why = _short(letter.event or letter.kind, 40), _short(letter.message, 80)
        row(shown, letter.id, letter.destination, letter.subscription, event, letter.reason, why)
    print_table(shown)
    if len(letters) == limit:
        narrower = "".join(f" {name} {shlex.quote(value)}" for name, value in asked.items() if value)
        page = "" if limit == 50 else f" -n {limit}"
        last = f"{letters[-1].destination}/{letters[-1].id}"
        out.print(
            f"The next page, if there is one: segue dead list{printable(narrower)}{page} --after {last}",
            style="dim",
            markup=False,
            soft_wrap=True,
        )


@app.command()
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="An id from the list.")],
    destination: Where = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter whole: why it died, every try, and what would have been sent."""
    settings, destinations = _open(config, destination)
    letter = asyncio.run(graveyard.dead_letter(settings, destinations, letter_id))
    if letter is None:
        raise MisconfiguredError(f'there is no dead letter "{letter_id}"; segue dead list shows them')
    if as_json:
        print_json(as_data(letter))
        return
    _print_letter(letter)


@app.command()
def explain(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="An id from the list.")],
    destination: Where = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Explain one dead letter: which rule, which field, what the partner said, and what to do about it."""
    settings, destinations = _open(config, destination)
    letter = asyncio.run(graveyard.dead_letter(settings, destinations, letter_id))
    if letter is None:
        raise MisconfiguredError(f'there is no dead letter "{letter_id}"; segue dead list shows them')
    told = graveyard.explain(letter)
    if as_json:
        print_json(told)
        return
    out.print(f"[bold]{literal(letter.id)}[/] died of [red]{letter.reason}[/]: ", end="")
    out.print(printable(told.rule), markup=False, soft_wrap=True)
    if told.field:
        out.print(f"  field   {printable(told.field)}", markup=False, soft_wrap=True)
    out.print(f"  said    {printable(letter.message)}", markup=False, soft_wrap=True)
    if told.status:
        out.print(f"  answer  {told.status} to request {told.request}", markup=False, soft_wrap=True)
    out.print(f"→ {printable(told.remedy)}", style="cyan", markup=False, soft_wrap=True)
    print_attempts(letter.attempts, "  ")


@app.command()
def retry(
    ids: Ids = None,
    destination: Where = None,
    reason: Reason = None,
    subscription: By = None,
    message_id: Message = None,
    user: User = None,
    everything: Everything = False,
    config: Config = None,
) -> None:
    """Send dead letters again. Events that could not be mapped are mapped anew, as configured now."""
    filters = {"reason": reason, "subscription": subscription, "message_id": message_id}
    _command("retry", ids, destination, filters | {"person": _person(user)}, everything, config)


@app.command()
def drop(
    ids: Ids = None,
    destination: Where = None,
    reason: Reason = None,
    subscription: By = None,
    message_id: Message = None,
    user: User = None,
    everything: Everything = False,
    config: Config = None,
) -> None:
    """Forget dead letters for good. Their events stay counted as dead."""
    filters = {"reason": reason, "subscription": subscription, "message_id": message_id}
    _command("drop", ids, destination, filters | {"person": _person(user)}, everything, config)


@app.command()
def export(
    destination: Where = None,
    reason: Reason = None,
    subscription: By = None,
    message_id: Message = None,
    user: User = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="At most so many.")] = None,
    config: Config = None,
) -> None:
    """Print dead letters as JSON, one a line, for segue dead import or for another program.

    With what would have been sent, every try, and, while the log has it, the event as it came in (original),
    which segue send can send again.
    """
    settings, destinations = _open(config, destination)
    current = read_current(settings, Path(), os.environ)
    filters = {"reason": reason, "subscription": subscription, "message_id": message_id}

    async def write() -> None:
        async for letter, original in graveyard.export(
            settings, current, destinations, limit=limit, **filters, person=_person(user)
        ):
            print_line({**as_data(letter), "original": original})

    asyncio.run(write())


@app.command("import")
def take_back(
    file: Annotated[Path, typer.Argument(help="What export printed; - for standard input.", allow_dash=True)],
    config: Config = None,
) -> None:
    """Take exported dead letters back, for instance after a drop: they can be retried again.

    Only into the Segue they came from: each names its event in the log. Exit code 1 when a line was left
    out, with the reason.
    """
    settings, destinations = _open(config, None)
    current = read_current(settings, Path(), os.environ)
    try:
        lines = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise MisconfiguredError(f'"{file}" cannot be read: {error.strerror or error}') from error
    taken, refused = asyncio.run(
        graveyard.take_back(settings, current, destinations, lines.splitlines(), SystemClock())
    )
    out.print(f"{plural(taken, 'dead letter')} will be there again within a second of Segue running.")
    for number, why in refused:
        out.print(f"[yellow]line {number}[/] is left out: ", end="")
        out.print(printable(why), markup=False, soft_wrap=True)
    if refused:
        raise typer.Exit(1)


def as_data(letter: DeadLetter) -> dict[str, Any]:
    """A dead letter as plain data, its tries as objects."""
    tries = [{name: getattr(one, name) for name in one.__struct_fields__} for one in letter.attempts]
    return {**msgspec.to_builtins(letter, builtin_types=(bytes,)), "attempts": tries}


def _command(
    name: str,
    ids: list[str] | None,
    destination: str | None,
    filters: dict[str, str | None],
    everything: bool,
    config: Path | None,
) -> None:
    arguments: dict[str, Any] = {key: value for key, value in filters.items() if value}
    if ids and arguments:
        raise MisconfiguredError("give ids or filters, not both")
    if not ids and not arguments and not everything:
        raise MisconfiguredError(f"say which: ids, a filter such as --reason, or --all to {name} every one")
    ids = list(dict.fromkeys(ids or ()))
    if ids:
        arguments = {"ids": ids}
    settings, destinations = _open(config, destination)
    letters = asyncio.run(_found(settings, destinations, arguments))
    if not letters:
        out.print("Nothing matches.")
        raise typer.Exit(1)
    there = [each for each in destinations if any(letter.destination == each for letter in letters)]
    asyncio.run(desk.ask(settings, there, name, arguments, SystemClock()))
    for missing in sorted(set(ids) - {letter.id for letter in letters}):
        err.print(f'there is no dead letter "{printable(missing)}"', style="yellow", markup=False)
    verb = {"retry": "will be sent again", "drop": "will be forgotten"}[name]
    out.print(f"{plural(len(letters), 'dead letter')} {verb} within a second of Segue running.")
    if ids and len(letters) < len(ids):
        raise typer.Exit(1)


async def _found(settings: Settings, destinations: list[str], arguments: dict[str, Any]) -> list[DeadLetter]:
    if "ids" in arguments:
        found = [await graveyard.dead_letter(settings, destinations, each) for each in arguments["ids"]]
        return [letter for letter in found if letter is not None]
    return await graveyard.dead_letters(settings, destinations, limit=1_000_000, **arguments)


def _open(config: Path | None, destination: str | None) -> tuple[Settings, list[str]]:
    settings = read_settings(Path(), os.environ, config=config)
    known = [each.id for each in read_current(settings, Path(), os.environ).workspace.destinations]
    if destination is not None and destination not in known:
        raise MisconfiguredError(f'there is no destination "{destination}"; there is: {", ".join(known)}')
    return settings, [destination] if destination else known


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _person(user: str | None) -> str | None:
    return person_key(user, None) if user else None


def _print_letter(letter: DeadLetter) -> None:
    name = f"{letter.kind} {letter.event}".strip()
    out.print(f"[bold]{letter.id}[/] {literal(name)}, messageId {literal(letter.message_id)}", soft_wrap=True)
    if letter.died_ms:
        out.print(f"died {moment(letter.died_ms)}", style="dim")
    out.print(f"to {letter.destination}, subscription {letter.subscription or '-'} ({letter.action or '-'})")
    out.print(f"[red]{letter.reason}[/] ", end="")
    out.print(printable(letter.message), markup=False, soft_wrap=True)
    print_attempts(letter.attempts, "  ")
    if letter.items:
        out.print("would have been sent:")
        print_json(letter.items)
    else:
        out.print("It could not be mapped; retry maps it anew as configured then.", style="dim")
