"""`segue trace`: the whole story of one event."""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from segue.cli.journey import short, subscription_data, truth_data
from segue.cli.show import err, literal, out, plural, print_json, printable, span
from segue.cli.workspace import AsJson, Config
from segue.model.delivery import SAID, STALE, TAKEN_UP, UNCHANGED, Attempt, Receipt, read_note, tries
from segue.runtime import desk
from segue.runtime.current import read_current
from segue.runtime.deletions import PREFIX, standings
from segue.runtime.desk import FilterTruth, SubscriptionPreview, Truth, is_absent
from segue.runtime.settings import read_settings
from segue.runtime.sighting import words_of
from segue.runtime.story import Chapter, Story, Told

COLOURS = {"delivered": "green", "dead": "red", "waiting": "yellow"}
PROGRESS_EVENTS = 200_000
MINUTES = 120
"""Seconds from which a wait is told in a larger unit."""

LEFT_OUT = {
    UNCHANGED: "left out, the partner has this value already",
    STALE: "left out, the partner has a value of a later event",
}
"""What a code in a receipt's notes means."""


def trace(
    message_id: Annotated[str, typer.Argument(help="The event's messageId.")],
    destination: Annotated[
        str | None, typer.Option("--destination", "-d", help="Only at this destination.")
    ] = None,
    scan: Annotated[
        bool,
        typer.Option(
            "--scan/--no-scan", help="Look through the log for an id that no destination has met yet."
        ),
    ] = True,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Tell the whole story of one event: when it came in and from which SDK, what each subscription made of
    it and why, in which request it left, what the partner answered, or why it never left.

    Works while Segue runs and when it is stopped, as far back as the log is kept. Exit code 1 when nothing
    is known of the messageId. Given the id of a segue erase, it tells how far that is.
    """
    settings = read_settings(Path(), os.environ, config=config)
    current = read_current(settings, Path(), os.environ)
    if message_id.startswith(PREFIX) and (found := asyncio.run(standings(settings, current, message_id))):
        from segue.cli.erase import print_standings  # here: it prints times as this chapter does

        print_standings(found, as_json=as_json)
        return
    story, refused = asyncio.run(
        desk.trace(settings, current, message_id, destination=destination, scan=scan, progress=progress())
    )
    if as_json:
        print_json(as_data(story, refused))
    else:
        _print_story(story, refused)
    if not story.events and not refused:
        raise typer.Exit(1)


def progress() -> Callable[[int], None]:
    """Says on standard error, now and then, how much of the log was looked through."""
    told = 0

    def say(scanned: int) -> None:
        nonlocal told
        if scanned - told >= PROGRESS_EVENTS:
            told = scanned
            err.print(f"looked through {scanned:,} events of the log …", style="dim")

    return say


def as_data(story: Story, refused: Sequence[desk.Refused]) -> dict[str, Any]:
    """The story as plain data."""
    return {
        "message_id": story.message_id,
        "refused": refused,
        "scanned": story.scanned,
        "events": [
            {
                **{name: getattr(told, name) for name in told.__struct_fields__},
                "destinations": [chapter_data(chapter) for chapter in told.destinations],
            }
            for told in story.events
        ],
    }


def chapter_data(chapter: Chapter) -> dict[str, Any]:
    """One destination's part as plain data."""
    plain = {name: getattr(chapter, name) for name in chapter.__struct_fields__}
    for taken in ("subscriptions", "filters", "changes"):
        del plain[taken]
    return {
        **plain,
        "subscriptions": [subscription_data(each) for each in chapter.subscriptions],
        "filters": [
            {
                "id": judged.id,
                "title": judged.title,
                "if": judged.condition,
                "matched": judged.matched,
                "problem": judged.problem,
                "truth": [truth_data(line) for line in judged.truth],
            }
            for judged in chapter.filters
        ],
        "changes": [msgspec.structs.asdict(deed) for deed in chapter.changes],
        "letters": [
            {
                **msgspec.structs.asdict(letter),
                "attempts": [attempt_data(each) for each in letter.attempts],
            }
            for letter in chapter.letters
        ],
        "delays": [
            {**msgspec.structs.asdict(delay), "attempts": [attempt_data(each) for each in delay.attempts]}
            for delay in chapter.delays
        ],
    }


def attempt_data(attempt: Attempt) -> dict[str, Any]:
    """One entry of a history as plain data."""
    return {name: getattr(attempt, name) for name in attempt.__struct_fields__}


def add_to(app: typer.Typer) -> None:
    """Put this chapter's commands on the command line."""
    app.command()(trace)


def _print_story(story: Story, refused: Sequence[desk.Refused]) -> None:
    if not story.events and not refused:
        err.print(f'Nothing is known of an event with messageId "{story.message_id}".', markup=False)
        looked = f" {plural(story.scanned, 'event')} of the log were looked through." if story.scanned else ""
        err.print(
            f"It never came in, was refused at the door, or is older than the log's retention.{looked}\n"
            "segue tail --grep TEXT looks for a text in events, segue tail --rejected shows refusals.",
            style="dim",
            markup=False,
        )
        return
    for one in refused:
        out.print(f"[red]refused[/] at {moment(one.at_ms)} by the receiver: {one.code} ", end="")
        out.print(printable(one.message), markup=False, soft_wrap=True)
    if len(story.events) > 1:
        out.print(f"{len(story.events)} events came in with this messageId:", style="dim")
    for told in story.events:
        _print_event(told)
        for chapter in told.destinations:
            print_chapter(chapter)
        if not told.destinations:
            out.print("  [yellow]no destination belongs to its source[/]")


def _print_event(told: Told) -> None:
    if told.event is None:
        out.print(
            f"[bold]an event at lane {told.lane}, offset {told.offset}[/], which the log has dropped since"
        )
        return
    name = f"{told.kind} {told.name}".strip()
    out.print(f"[bold]{literal(name)}[/] of {literal(told.person or 'nobody')}", soft_wrap=True)
    sent = f", sent {moment(told.sent_ms)} by the sender's clock" if told.sent_ms is not None else ""
    out.print(
        f"  received {moment(told.received_ms)}{sent}, from {literal(told.source)}, "
        f"by {literal(told.library or 'an unnamed sender')} ({told.channel})",
        soft_wrap=True,
    )
    out.print(f"  in the log at lane {told.lane}, offset {told.offset}", style="dim")


def print_chapter(chapter: Chapter) -> None:
    """Print what one destination made of an event."""
    colour = COLOURS.get(chapter.state, "cyan")
    reason = f" {literal(chapter.reason)}" if chapter.reason else ""
    out.print(f"\n[bold]{chapter.destination}[/] [{colour}]{chapter.state}[/]{reason}", soft_wrap=True)
    for line in _about(chapter):
        out.print(f"  {printable(line)}", markup=False, soft_wrap=True)
    for judged in chapter.filters:
        if judged.matched or judged.problem:
            out.print(
                f"  filter {judged.title or judged.id}: {judged.condition} {judged.problem or 'matches'}",
                markup=False,
                soft_wrap=True,
            )
    for deed in chapter.changes:
        out.print(f"  filter {deed.filter} {deed.action}: {deed.effect}", markup=False, soft_wrap=True)
    receipts = list(chapter.receipts)
    for subscription in chapter.subscriptions:
        mine = [each for each in receipts if each.subscription == subscription.id]
        receipts = [each for each in receipts if each not in mine]
        _print_subscription(subscription, mine, chapter)
    for receipt in receipts:  # of subscriptions that are gone, or of the event as a whole
        if receipt.subscription or receipt.result not in (chapter.state, "duplicate"):
            _print_receipt(receipt)


def _about(chapter: Chapter) -> Iterator[str]:
    if chapter.message:
        yield chapter.message
    if chapter.duplicate_of is not None:
        lane, offset = chapter.duplicate_of
        yield f"the first event of this messageId is at lane {lane}, offset {offset}"
    halt = chapter.halt
    if halt is not None:
        until = f", next try {moment(halt.until_ms)}" if halt.until_ms else ""
        yield f"the destination is {words_of(halt)}{until}"
    revision = chapter.revision
    if revision.id:
        name = revision.name or revision.id
        yield f"routed by workspace {name}, in force since {moment(revision.since_ms)}"
    else:
        yield "what it was routed by is not kept: shown as the workspace file says now"


def _print_subscription(
    subscription: SubscriptionPreview, receipts: Sequence[Receipt], chapter: Chapter
) -> None:
    if not subscription.matched:
        out.print(f"  [dim]✗ {literal(subscription.id)}: its trigger does not match:[/] ", end="")
        failed = "; ".join(failing(subscription.truth)) or subscription.trigger
        out.print(printable(failed), markup=False, style="dim", soft_wrap=True)
        return
    sign = {"sends": "[green]✓[/]", "dead": "[red]✗[/]"}.get(subscription.result, "[yellow]–[/]")
    reason = f" {subscription.reason}" if subscription.reason else ""
    verdict = {"sends": "matches and sends"}.get(subscription.result, subscription.result)
    out.print(f"  {sign} {literal(subscription.id)} ({subscription.action}): {verdict}{literal(reason)}")
    if subscription.message:
        out.print(f"      {printable(subscription.message)}", markup=False, soft_wrap=True)
    for field, sentence in subscription.notes:
        at = f"{printable(field)}: " if field else ""
        out.print(f"      {at}{printable(sentence)}", markup=False, soft_wrap=True)
    has_parts = any(receipt.part for receipt in receipts)
    for receipt in receipts:
        _print_receipt(receipt, has_parts=has_parts)
    for doubt in chapter.uncertain:
        if doubt.subscription == subscription.id:
            out.print(
                f"      uncertain: it left in request {doubt.request} at {moment(doubt.noted_ms)} and no "
                f"answer is known; policy {doubt.policy}",
                style="yellow",
                soft_wrap=True,
            )
    for letter in chapter.letters:
        if letter.subscription == subscription.id:
            out.print(f"      dead letter {literal(letter.id)}: ", end="", style="red")
            out.print(printable(letter.message), markup=False, soft_wrap=True)
            print_attempts(letter.attempts, "        ")
    for delay in chapter.delays:
        if delay.subscription == subscription.id:
            out.print(
                f"      {printable(waiting_words(delay))}", style="yellow", markup=False, soft_wrap=True
            )
            print_attempts(delay.attempts, "        ")


def _print_receipt(receipt: Receipt, *, has_parts: bool = False) -> None:
    part = f"part {receipt.part + 1} " if has_parts else ""
    ended = f"{receipt.result} {receipt.reason}".strip()
    words = [f"{part}{ended} at {moment(receipt.settled_ms)}"]
    if receipt.request:
        words.append(f"request {receipt.request}, position {receipt.position}")
    if receipt.status:
        words.append(f"status {receipt.status}")
    if receipt.attempts > 1:
        words.append(plural(receipt.attempts, "tries").removesuffix("s"))
    out.print(f"      {printable(', '.join(words))}", markup=False, soft_wrap=True)
    for note in receipt.notes:
        code, names = read_note(note)
        told = printable(", ".join(names))
        line = f"with its answer: {told}" if code == SAID else f"{told}: {LEFT_OUT.get(code, code)}"
        out.print(f"      {line}", style="dim", markup=False, soft_wrap=True)


def print_attempts(attempts: Sequence[Attempt], indent: str) -> None:
    """Print a history, an entry a line."""
    for each in attempts:
        if each.code == TAKEN_UP:
            line = f"{moment(each.at_ms)} taken up again by hand"
        else:
            request = f"request {each.request}: " if each.request else ""
            line = f"{moment(each.at_ms)} {request}{each.status or '-'} {each.code} {each.message}"
        if each.times > 1:
            line += f" ({each.times:,} times, last {moment(each.last_ms)} in request {each.last_request})"
        out.print(f"{indent}{printable(line)}", style="dim", markup=False, soft_wrap=True)
    if len(attempts) > 1 and tries(attempts) > 1:
        out.print(f"{indent}{tries(attempts):,} tries in all", style="dim")


def waiting_words(delay: Any) -> str:
    """Why a row waits, as a sentence."""
    seconds = delay.seconds or 0
    shortly = f"{seconds:g} s" if seconds < MINUTES else span(round(seconds * 1000))
    match delay.kind:
        case "in-flight":
            return "it is on its way: the request has no answer yet"
        case "order":
            return f"it waits for an earlier row of {delay.person}: {delay.behind}"
        case "retry":
            again = "it is tried again" if delay.attempts else "it may leave"
            return f"{again} in {shortly}, not before"
        case "batch":
            return f"its batch is not full and leaves in {shortly}"
        case "company":
            return (
                "few rows may leave now: it waits for others to leave with it, which wait for rows on their "
                f"way, for {shortly} at the most"
            )
        case "name":
            return "it waits for what is on its way to another name of the same person"
        case "search":
            return "its request was refused as a whole: it waits until whoever is to blame is found"
        case _:
            return "it may leave, and waits for a free request"


def failing(truth: Sequence[Truth | FilterTruth]) -> list[str]:
    """The conditions that keep a trigger from matching, with what was found."""
    found: list[str] = []
    for line in truth:
        if line.result:
            continue
        if line.children and line.text != "not":
            found += failing(line.children)
        else:
            actual = "nothing" if is_absent(line.actual) else short(line.actual)
            found.append(
                f"{line.text}, found {actual}" if not line.children else f"not {line.children[0].text}"
            )
    return found


def moment(at_ms: int) -> str:
    """A time in UTC, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
