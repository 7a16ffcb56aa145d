"""`segue dead`: what could not be delivered, why, and what to do with it."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from segue.cli.show import literal, out, plural, print_json, print_line, print_table, printable, row, table
from segue.cli.workspace import AsJson, Config
from segue.model.delivery import DeadLetter
from segue.model.errors import MisconfiguredError
from segue.runtime import desk
from segue.runtime.clock import SystemClock
from segue.runtime.current import read_current
from segue.runtime.settings import Settings, read_settings

app = typer.Typer(
    no_args_is_help=True,
    help="What could not be delivered and waits for you: list, show, retry, drop, export.",
    epilog="Mend the mapping or the partner's side first, then: segue dead retry --reason CODE",
)

Where = Annotated[str | None, typer.Option("--destination", "-d", help="Only this destination.")]
Reason = Annotated[str | None, typer.Option("--reason", "-r", help="Only with this reason code.")]
By = Annotated[str | None, typer.Option("--subscription", "-s", help="Only of this subscription.")]
Message = Annotated[
    str | None, typer.Option("--message-id", "-m", help="Only of the event with this messageId.")
]
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
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 50,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, with the reason of each."""
    settings, destinations = _open(config, destination)
    letters = asyncio.run(
        desk.dead_letters(
            settings,
            destinations,
            limit=limit,
            reason=reason,
            subscription=subscription,
            message_id=message_id,
        )
    )
    if as_json:
        print_json([as_data(letter) for letter in letters])
        return
    if not letters:
        out.print("[green]No dead letters.[/]")
        return
    shown = table("id", "destination", "subscription", "event", "reason", "why")
    for letter in letters:
        event = letter.event or letter.kind
        why = letter.message if len(letter.message) <= 80 else letter.message[:79] + "…"
        row(shown, letter.id, letter.destination, letter.subscription, event, letter.reason, why)
    print_table(shown)
    if len(letters) == limit:
        out.print(f"The first {limit}; --limit shows more.", style="dim")


@app.command()
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="An id from the list.")],
    destination: Where = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter whole: why it died, every try, and what would have been sent."""
    settings, destinations = _open(config, destination)
    letter = asyncio.run(desk.dead_letter(settings, destinations, letter_id))
    if letter is None:
        raise MisconfiguredError(f'there is no dead letter "{letter_id}"; segue dead list shows them')
    if as_json:
        print_json(as_data(letter))
        return
    _print_letter(letter)


@app.command()
def retry(
    ids: Ids = None,
    destination: Where = None,
    reason: Reason = None,
    subscription: By = None,
    message_id: Message = None,
    everything: Everything = False,
    config: Config = None,
) -> None:
    """Send dead letters again. Events that could not be mapped are mapped anew, as configured now."""
    _command("retry", ids, destination, reason, subscription, message_id, everything, config)


@app.command()
def drop(
    ids: Ids = None,
    destination: Where = None,
    reason: Reason = None,
    subscription: By = None,
    message_id: Message = None,
    everything: Everything = False,
    config: Config = None,
) -> None:
    """Forget dead letters for good. Their events stay counted as dead."""
    _command("drop", ids, destination, reason, subscription, message_id, everything, config)


@app.command()
def export(
    destination: Where = None,
    reason: Reason = None,
    subscription: By = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 100_000,
    config: Config = None,
) -> None:
    """Print dead letters as JSON, one a line, with what would have been sent."""
    settings, destinations = _open(config, destination)
    letters = asyncio.run(
        desk.dead_letters(settings, destinations, limit=limit, reason=reason, subscription=subscription)
    )
    for letter in letters:
        print_line(as_data(letter))


def as_data(letter: DeadLetter) -> dict[str, Any]:
    """A dead letter as plain data, its tries as objects."""
    tries = [{name: getattr(one, name) for name in one.__struct_fields__} for one in letter.attempts]
    return {**msgspec.to_builtins(letter, builtin_types=(bytes,)), "attempts": tries}


def _command(
    name: str,
    ids: list[str] | None,
    destination: str | None,
    reason: str | None,
    subscription: str | None,
    message_id: str | None,
    everything: bool,
    config: Path | None,
) -> None:
    filters = {"reason": reason, "subscription": subscription, "message_id": message_id}
    arguments: dict[str, Any] = {key: value for key, value in filters.items() if value}
    if ids and arguments:
        raise MisconfiguredError("give ids or filters, not both")
    if not ids and not arguments and not everything:
        raise MisconfiguredError(f"say which: ids, a filter such as --reason, or --all to {name} every one")
    if ids:
        arguments = {"ids": ids}
    settings, destinations = _open(config, destination)
    letters = asyncio.run(_found(settings, destinations, arguments))
    if not letters:
        out.print("Nothing matches.")
        raise typer.Exit(1)
    asked = asyncio.run(desk.ask(settings, destinations, name, arguments, SystemClock()))
    verb = {"retry": "will be sent again", "drop": "will be forgotten"}[name]
    out.print(
        f"{plural(len(letters), 'dead letter')} {verb} within a second of Segue running ({asked} asked)."
    )


async def _found(settings: Settings, destinations: list[str], arguments: dict[str, Any]) -> list[DeadLetter]:
    if "ids" in arguments:
        found = [await desk.dead_letter(settings, destinations, each) for each in arguments["ids"]]
        return [letter for letter in found if letter is not None]
    return await desk.dead_letters(settings, destinations, limit=1_000_000, **arguments)


def _open(config: Path | None, destination: str | None) -> tuple[Settings, list[str]]:
    settings = read_settings(Path(), os.environ, config=config)
    known = [each.id for each in read_current(settings, Path(), os.environ).workspace.destinations]
    if destination is not None and destination not in known:
        raise MisconfiguredError(f'there is no destination "{destination}"; there is: {", ".join(known)}')
    return settings, [destination] if destination else known


def _print_letter(letter: DeadLetter) -> None:
    name = f"{letter.kind} {letter.event}".strip()
    out.print(f"[bold]{letter.id}[/] {literal(name)}, messageId {literal(letter.message_id)}", soft_wrap=True)
    out.print(f"to {letter.destination}, subscription {letter.subscription or '-'} ({letter.action or '-'})")
    out.print(f"[red]{letter.reason}[/] ", end="")
    out.print(printable(letter.message), markup=False, soft_wrap=True)
    for attempt in letter.attempts:
        when = datetime.fromtimestamp(attempt.at_ms / 1000, UTC).isoformat(timespec="seconds")
        out.print(
            printable(
                f"  {when} request {attempt.request}: {attempt.status} {attempt.code} {attempt.message}"
            ),
            markup=False,
        )
    if letter.items:
        out.print("would have been sent:")
        print_json(letter.items)
    else:
        out.print("It could not be mapped; retry maps it anew as configured then.", style="dim")
