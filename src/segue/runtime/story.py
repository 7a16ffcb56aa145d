"""The story of one event: when it came in, what each destination made of it, and what became of that.

    story = await tell(archive, "message-17", live)
    story.events[0].destinations[0].state             "delivered"
    story.events[0].destinations[0].receipts[0]       request 12, position 4, status 201

Nothing of it was copied when it happened: the event is read from the log, its way through filters, triggers
and mappings is taken again by the revision of the workspace that was in force, and receipts say the rest.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from segue.engine import intake
from segue.engine.consent import ON_DEVICE
from segue.engine.delay import Delay, Waits
from segue.engine.filter import Deed, Judged
from segue.engine.preview import SubscriptionPreview, preview
from segue.model.delivery import COMMAND_LANE, DeadLetter, Halt, Receipt, Uncertain
from segue.model.errors import CorruptBlock
from segue.model.event import Event, Record
from segue.runtime.archive import Archive, Books

RANK: Final = ("dead", "delivered", "filtered", "suppressed", "duplicate")
"""What an event counts as when its receipts differ: the first of these that any of them says."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """The workspace an event was routed by. since_ms: when it came into force here; 0 and id "" when none
    was kept, and the workspace file as it is now was taken instead."""

    id: str
    name: str
    since_ms: int


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """What one destination made of the event.

    state      "delivered", "filtered", "suppressed", "duplicate", "dead", "waiting", "not for it" (an event
               from before the destination), "unknown" (settled, the receipt is older than retention), or for
               a device destination "on the device" or "not on the device", worked out from the event
    reason     a code; message says it in words where there are any
    subscriptions, filters, changes   its way taken again, a verdict each (`segue.engine.preview`)
    receipts   what was written down when rows were settled, oldest first
    letters    dead letters there are now, with all their tries
    uncertain  rows that left without an answer
    duplicate_of  where the first event of this messageId is: (lane, offset)
    delays     why each row waits, from the running courier; halt: why the destination sends nothing
    """

    destination: str
    enabled: bool
    state: str
    reason: str = ""
    message: str = ""
    revision: Revision
    subscriptions: Sequence[SubscriptionPreview] = ()
    filters: Sequence[Judged] = ()
    changes: Sequence[Deed] = ()
    receipts: Sequence[Receipt] = ()
    letters: Sequence[DeadLetter] = ()
    uncertain: Sequence[Uncertain] = ()
    duplicate_of: tuple[int, int] | None = None
    delays: Sequence[Delay] = ()
    halt: Halt | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the log with this messageId. event: None when the log has dropped it; library: of the
    sender, "" for unknown."""

    lane: int
    offset: int
    source: str = ""
    kind: str = ""
    name: str = ""
    person: str = ""
    received_ms: int = 0
    sent_ms: int | None = None
    channel: str = ""
    library: str = ""
    event: Event | None = None
    destinations: Sequence[Chapter] = ()


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """Every event with one messageId, in log order. scanned: events of the log read to find it."""

    message_id: str
    events: Sequence[Told]
    scanned: int = 0


Live = Callable[[str, int, int], Awaitable[Waits | None]]
"""(destination, lane, offset) to what its running courier says; None when none answers."""

Progress = Callable[[int], None]
"""Told how many events were looked at so far."""


async def tell(
    archive: Archive,
    message_id: str,
    live: Live,
    *,
    destination: str | None = None,
    scan: bool = True,
    progress: Progress = lambda _: None,
) -> Story:
    """Tell the story of a messageId.

    destination  only of this one
    scan         look through the log, newest first, when no destination's index knows the id: it knows what
                 couriers have read, not what waits to be read or belongs to no destination
    Raises LogUnavailable, StorageUnavailable.
    """
    places: set[tuple[int, int]] = set()
    for books in archive.books:
        places.update(place for place in await books.state.places(message_id) if place[0] != COMMAND_LANE)
    scanned = 0
    if not places and scan:
        found, scanned = await _scan(archive, message_id, progress)
        places.update(found)
    records = {place: await archive.record(*place) for place in places}
    # 96 bits of a digest find a place, so the record has the last word.
    wrong = {place for place, record in records.items() if record and record.message_id != message_id}
    ordered = sorted(places - wrong, key=lambda place: _order(records[place], place))
    events = [
        await _event(archive, message_id, place, records[place], ordered, live, destination)
        for place in ordered
    ]
    return Story(message_id=message_id, events=events, scanned=scanned)


async def _scan(archive: Archive, message_id: str, progress: Progress) -> tuple[list[tuple[int, int]], int]:
    """Where the newest events with the id are, up to the block that has one, and how many were looked at."""
    if archive.stream is None:
        return [], 0
    scanned = 0
    blocks = archive.stream.scan(newest_first=True)
    while True:
        try:
            block = await anext(blocks)
        except StopAsyncIteration:
            return [], scanned
        except CorruptBlock:
            continue
        scanned += block.count
        progress(scanned)
        found = [
            (block.lane, offset)
            for offset, record in enumerate(block.records, block.first_offset)
            if record.message_id == message_id
        ]
        if found:
            return found, scanned


async def _event(
    archive: Archive,
    message_id: str,
    place: tuple[int, int],
    record: Record | None,
    places: Sequence[tuple[int, int]],
    live: Live,
    only: str | None,
) -> Told:
    lane, offset = place
    event = intake.restore(record) if record is not None else None
    chapters = []
    for name in archive.destinations:
        if only in (None, name):
            chapter = await chapter_of(archive, name, message_id, place, record, event, places, live)
            if chapter is not None:
                chapters.append(chapter)
    if record is None or event is None:
        return Told(lane=lane, offset=offset, destinations=chapters)
    return Told(
        lane=lane,
        offset=offset,
        source=record.source,
        kind=record.kind,
        name=name_of(event),
        person=record.person,
        received_ms=record.received_ms,
        sent_ms=record.sent_ms,
        channel=record.channel,
        library=library_of(event),
        event=event,
        destinations=chapters,
    )


async def chapter_of(
    archive: Archive,
    destination: str,
    message_id: str,
    place: tuple[int, int],
    record: Record | None,
    event: Event | None,
    places: Sequence[tuple[int, int]],
    live: Live,
) -> Chapter | None:
    """What one destination made of an event; None for a destination of another source.

    places  where events with its messageId are; record and event: None when the log has dropped it
    """
    lane, offset = place
    books = archive.books_of(destination, lane)
    plan, use = archive.plan(books, lane, offset)
    config = next((each for each in plan.workspace.destinations if each.id == destination), None)
    receipts: list[Receipt] = []
    told_by = [each.state for each in archive.books if each.destination == destination]
    for state in told_by:  # who had the lane before has told of it, too
        found = await state.receipts(message_id)
        receipts += [receipt for receipt in found if (receipt.lane, receipt.offset) == place]
    if len(told_by) > 1:
        receipts.sort(key=lambda receipt: receipt.settled_ms)
    if not receipts and (config is None or (record is not None and config.source != record.source)):
        return None
    revision = Revision(
        id=use.id if use is not None else "",
        name=plan.revision,
        since_ms=use.since_ms if use is not None else 0,
    )
    told = Chapter(
        destination=destination,
        enabled=config is not None and config.enabled,
        state="unknown",
        revision=revision,
        receipts=receipts,
    )
    is_device = destination in plan.devices
    if record is not None and event is not None and (is_device or destination in plan.destinations):
        taken = preview(plan, record.source, event, destination=destination).destinations[0]
        told = msgspec.structs.replace(
            told,
            reason=taken.reason,
            message=taken.message,
            subscriptions=taken.subscriptions,
            filters=taken.filters,
            changes=taken.changes,
        )
    if is_device:
        return _on_device(told)
    return await _fate(told, books, message_id, place, places, live)


def _on_device(told: Chapter) -> Chapter:
    """The chapter of a destination that only the SDK on the device delivers to."""
    if not told.message:
        message = "the event is no longer in the log, so what the device did with it is not known"
        return msgspec.structs.replace(told, message=message)
    is_there = told.reason == ON_DEVICE
    return msgspec.structs.replace(told, state="on the device" if is_there else "not on the device")


async def _fate(
    told: Chapter,
    books: Books | None,
    message_id: str,
    place: tuple[int, int],
    places: Sequence[tuple[int, int]],
    live: Live,
) -> Chapter:
    """The chapter with what became of it."""
    if books is None:
        what = "the destination has never run" if told.enabled else "the destination is disabled"
        return msgspec.structs.replace(told, state="waiting", reason="NOT_READ", message=what)
    letters = [
        letter
        for letter in await books.state.dead_letters(message_id=message_id)
        if (letter.lane, letter.offset) == place
    ]
    doubts = [
        doubt
        for doubt in await books.state.uncertain(message_id=message_id)
        if (doubt.lane, doubt.offset) == place
    ]
    told = msgspec.structs.replace(told, letters=letters, uncertain=doubts)
    if not books.is_settled(*place):
        if books.began_after(*place):
            message = "it came in before the destination existed; replaying it is up to you"
            return msgspec.structs.replace(told, state="not for it", reason="", message=message)
        return await _waiting(told, books, place, live)
    state = state_of(told.receipts, letters)
    if not state:
        message = "it was settled, and what became of it is older than what is kept"
        return msgspec.structs.replace(told, message=message)
    first = next((each for each in places if each != place), None)
    reasons = [each for each in told.receipts if each.result == state and each.reason]
    said = {letter.reason: letter.message for letter in letters}
    reason = reasons[-1].reason if reasons else ""
    return msgspec.structs.replace(
        told,
        state=state,
        reason=reason,
        message=said.get(reason, told.message if reason == told.reason else ""),
        duplicate_of=first if state == "duplicate" else None,
    )


async def _waiting(told: Chapter, books: Books, place: tuple[int, int], live: Live) -> Chapter:
    lane, offset = place
    said = await live(told.destination, lane, offset) if told.enabled else None
    if said is None:
        reason, why = "NOT_RUNNING", "no process delivers it now: segue run goes on with it"
        if not told.enabled:
            why = "the destination is disabled"
        elif books.holder and (books.lanes is None or lane in books.lanes):
            reason = "RUNS_ELSEWHERE"
            why = f"its courier is process {books.holder}, which alone knows what it waits for and is silent"
        before = books.unsettled_before(lane, offset)
        others = f"events of its lane before it not settled either: {before:,}"
        message = f"{why}; {others if before else 'nothing before it in its lane waits'}"
        return msgspec.structs.replace(told, state="waiting", reason=reason, message=message, halt=books.halt)
    told = msgspec.structs.replace(told, state="waiting", halt=said.halt, delays=said.delays)
    if not said.is_read:
        message = f"it is not read yet: {said.ahead:,} events of its lane come before it"
        return msgspec.structs.replace(told, reason="NOT_READ", message=message)
    if not said.is_open:
        message = "it was settled a moment ago and is written down within a second: ask again"
        return msgspec.structs.replace(told, reason="JUST_SETTLED", message=message, halt=None)
    kinds = {delay.kind for delay in said.delays}
    reason = "HALTED" if said.halt is not None else _REASONS.get(min(kinds, default=""), "ON_ITS_WAY")
    return msgspec.structs.replace(told, reason=reason, message="")


_REASONS: Final[Mapping[str, str]] = {
    "batch": "BATCH_NOT_DUE",
    "company": "WAITS_FOR_COMPANY",
    "due": "DUE",
    "in-flight": "ON_ITS_WAY",
    "name": "BEHIND_ANOTHER_NAME",
    "order": "BEHIND_EARLIER_ROW",
    "retry": "RETRY_NOT_DUE",
    "search": "CULPRITS_LOOKED_FOR",
}


def state_of(receipts: Sequence[Receipt], letters: Sequence[DeadLetter]) -> str:
    """What an event counts as at one destination, by what was written down; "" when nothing was.

    A letter that was retried and arrived leaves a receipt of its death and a later one of its delivery, so
    for each row, a part of what a subscription made of the event, the last receipt counts.
    """
    last = {(receipt.subscription, receipt.part): receipt for receipt in receipts}
    whole = last.get(("", 0))
    if whole is not None and whole is not receipts[-1]:
        del last["", 0]  # it died before it had rows, and has them since somebody retried it
    results = {receipt.result for receipt in last.values()} | ({"dead"} if letters else set())
    return next((each for each in RANK if each in results), "")


def name_of(event: Event) -> str:
    """What the event is called: a track's event, a page's or screen's name; "" for others."""
    for key in ("event", "name"):
        if isinstance(event.get(key), str):
            return str(event[key])
    return ""


def library_of(event: Event) -> str:
    """Which SDK sent it, ``analytics.js 2.1.0``; "" when it does not say."""
    context: Any = event.get("context")
    library = context.get("library") if isinstance(context, Mapping) else None
    if not isinstance(library, Mapping):
        return ""
    return " ".join(str(library[key]) for key in ("name", "version") if library.get(key))


def _order(record: Record | None, place: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    return (record.order if record is not None else 0, place)
