"""Why a person lacks an attribute: every event of theirs that carried it or should have, and what it met.

    absence = await explain(archive, "u:u1", "address.city", live)
    absence.sightings[0].outcome      "delivered", "left out", "dead", "waiting", "filtered" …
    absence.verdict                   one sentence, and absence.remedy what to do

The person's lane of the log is read, newest event first; each event's way is taken again by the workspace of
its time, as `segue.runtime.story` does.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from segue.engine import intake
from segue.engine.delta import AHEAD_MS
from segue.engine.plan import BoundDestination, BoundSubscription
from segue.engine.preview import SubscriptionPreview
from segue.language.path import UNDEFINED
from segue.model.delivery import SAID, STALE, UNCHANGED, Receipt, read_note
from segue.model.errors import CorruptBlock
from segue.model.event import Event, Record, lane_of
from segue.runtime.archive import Archive
from segue.runtime.sighting import Sighting, verdict, words_of
from segue.runtime.story import Chapter, Live, Progress, chapter_of, name_of

ABSENT: Final = UNDEFINED
"""No value, which is not null."""

MOST_SIGHTINGS: Final = 20
MOST_EVENTS: Final = 2_000_000
BLOCKS: Final = 32
STRETCH: Final = 8_000
"""Events of the lane read at a time."""

PLACES: Final = (("traits",), ("context", "traits"), ("properties",))
"""Where senders put a person's attributes."""


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """Everything found. looked: events of the lane read, events: those of the person; complete: false when
    the search stopped at its bound; since_ms: the oldest event of the lane that was read."""

    person: str
    attribute: str
    sightings: Sequence[Sighting]
    events: int
    looked: int
    complete: bool
    since_ms: int
    verdict: str
    remedy: str


async def explain(
    archive: Archive,
    person: str,
    attribute: str,
    live: Live,
    *,
    destination: str | None = None,
    most: int = MOST_SIGHTINGS,
    bound: int = MOST_EVENTS,
    progress: Progress = lambda _: None,
) -> Absence:
    """Look for an attribute in everything a person sent.

    person     person key, ``u:`` or ``a:`` before the id (`segue.model.event.person_key`)
    attribute  its name at the partner, parts of nested ones with dots, or the trait's name
    most       sightings after which the search ends; bound: events of the lane read at most
    Raises LogUnavailable, StorageUnavailable.
    """
    search = Search(archive, person)
    sightings: list[Sighting] = []
    async for lane, offset, record in search.events():
        progress(search.looked)
        sightings += await _sightings(archive, record, (lane, offset), attribute, live, destination)
        if len(sightings) >= most or search.looked >= bound:
            search.is_whole = False
            break
    said, remedy = verdict(person, attribute, sightings, search.found, search.since_ms)
    return Absence(
        person=person,
        attribute=attribute,
        sightings=sightings,
        events=search.found,
        looked=search.looked,
        complete=search.is_whole,
        since_ms=search.since_ms,
        verdict=said,
        remedy=remedy,
    )


class Search:
    """The events of one person, newest first. looked: events of the lane read; found: those of the person;
    since_ms: when the oldest event of the lane that was read came in; is_whole: nothing was left out."""

    def __init__(self, archive: Archive, person: str) -> None:
        self._archive = archive
        self._person = person
        self.looked = 0
        self.found = 0
        self.since_ms = 0
        self.is_whole = True

    async def events(self) -> AsyncIterator[tuple[int, int, Record]]:
        """(lane, offset, record) of each."""
        stream = self._archive.stream
        if stream is None:
            return
        lane = lane_of(self._person, stream.lanes)
        end, tail = (await stream.heads())[lane], (await stream.tails())[lane]
        while end > tail:
            start = max(tail, end - STRETCH)
            mine = await self._stretch(lane, start, end)
            self.looked += end - start
            for offset, record in reversed(mine):
                self.found += 1
                yield lane, offset, record
            end = start

    async def _stretch(self, lane: int, start: int, end: int) -> list[tuple[int, Record]]:
        """The person's events in a stretch of the lane, oldest first."""
        stream = self._archive.stream
        mine: list[tuple[int, Record]] = []
        at, is_first = start, True
        while stream is not None and at < end:
            try:
                blocks = await stream.read(lane, at, blocks=BLOCKS)
            except CorruptBlock as error:
                self.is_whole = False
                at = max(at + 1, error.first_offset + error.count)
                continue
            if not blocks:
                break
            for block in blocks:
                for offset, record in enumerate(block.records, block.first_offset):
                    if not at <= offset < end:
                        continue
                    if is_first:
                        self.since_ms, is_first = record.received_ms, False
                    if record.person == self._person:
                        mine.append((offset, record))
                at = max(at, block.next_offset)
        return mine


async def _sightings(
    archive: Archive,
    record: Record,
    place: tuple[int, int],
    attribute: str,
    live: Live,
    only: str | None,
) -> list[Sighting]:
    """What each destination made of the attribute in one event; none for an event without it."""
    event, event_ms = intake.restored(record)
    at_ms = event_ms if event_ms <= record.received_ms + AHEAD_MS else record.received_ms
    found = []
    for name in archive.destinations:
        if only in (None, name):
            chapter = await chapter_of(archive, name, record.message_id, place, record, event, [place], live)
            plan = archive.plan(archive.books_of(name, place[0]), *place)[0]
            bound = plan.destinations.get(name)
            if chapter is not None and bound is not None:
                found += _at(chapter, bound, event, at_ms, record, place, attribute)
    return found


def _at(
    chapter: Chapter,
    bound: BoundDestination,
    event: Event,
    event_ms: int,
    record: Record,
    place: tuple[int, int],
    attribute: str,
) -> list[Sighting]:
    given = _given(event, attribute)
    seen = Sighting(
        message_id=record.message_id,
        kind=record.kind,
        name=name_of(event),
        lane=place[0],
        offset=place[1],
        received_ms=record.received_ms,
        timestamp=str(event.get("timestamp", "")),
        event_ms=event_ms,
        destination=chapter.destination,
        value=given,
        outcome="unmapped",
    )
    sets = [
        each
        for each in chapter.subscriptions
        if each.matched and _sets_attributes(bound, bound.by_id.get(each.id))
    ]
    sightings = []
    for subscription in sets:
        made = _made(subscription, attribute)
        if made is None and (given is ABSENT or subscription.result != "dead"):
            continue
        field, value = made if made is not None else ("", given)
        of = bound.by_id[subscription.id]
        told = msgspec.structs.replace(
            seen,
            subscription=subscription.id,
            field=field,
            directive=of.mapping_json.get(field),
            value=value,
        )
        sightings.append(_fate(told, chapter, subscription, attribute))
    if sightings or given is ABSENT:
        return sightings
    if chapter.state in ("filtered", "suppressed", "duplicate", "not for it") and not sets:
        return [_whole(seen, chapter)]
    if chapter.reason and chapter.state == "filtered":
        return [_whole(seen, chapter)]
    matched = ", ".join(each.id for each in sets)
    if matched:
        message = f"{matched} sends this event, and no field of its mapping reads the attribute"
    else:
        message = "no subscription that sets attributes matches this event"
    return [msgspec.structs.replace(seen, message=message, subscription=matched)]


def _fate(told: Sighting, chapter: Chapter, subscription: SubscriptionPreview, attribute: str) -> Sighting:
    """What became of the row that carried the attribute."""
    receipts = [each for each in chapter.receipts if each.subscription == subscription.id]
    if not receipts:
        if chapter.state == "dead" and subscription.result == "dead":
            return msgspec.structs.replace(
                told, outcome="dead", reason=subscription.reason, message=subscription.message
            )
        return _whole(told, chapter)
    last = receipts[-1]
    left = _left_out(last, attribute)
    said = {letter.subscription: letter.message for letter in chapter.letters}
    return msgspec.structs.replace(
        told,
        outcome="left out" if left else last.result,
        reason=left or last.reason,
        message=said.get(subscription.id, "") if last.result == "dead" else "",
        request=last.request,
        status=last.status,
        at_ms=last.settled_ms,
    )


def _whole(told: Sighting, chapter: Chapter) -> Sighting:
    """The event as a whole met the fate."""
    message = chapter.message if chapter.halt is None else f"the destination is {words_of(chapter.halt)}"
    return msgspec.structs.replace(told, outcome=chapter.state, reason=chapter.reason, message=message)


def _left_out(receipt: Receipt, attribute: str) -> str:
    """The code by which a row travelled without the attribute; "" when it did not."""
    for note in receipt.notes:
        code, names = read_note(note)
        if code != SAID and any(name == attribute or name.startswith(f"{attribute}.") for name in names):
            return code
    return receipt.reason if receipt.reason in (UNCHANGED, STALE) else ""


def _sets_attributes(bound: BoundDestination, subscription: BoundSubscription | None) -> bool:
    """True when the subscription's objects are attributes, or the partner has no such notion."""
    if subscription is None:
        return False
    if subscription.action.attributes is not None:
        return True
    return all(each.action.attributes is None for each in bound.subscriptions)


def _made(subscription: SubscriptionPreview, attribute: str) -> tuple[str, Any] | None:
    """(mapping field, value) with which a subscription says the attribute; None when it does not."""
    for item in subscription.items:
        value = _find(item, attribute)
        if value is not ABSENT:
            return _field(subscription, attribute), value
    read = {f"$.{'.'.join((*place, attribute))}" for place in PLACES}
    for step in subscription.steps:
        if step.directive == "@path" and step.input in read:
            field = step.pointer.split("/")[1] if "/" in step.pointer else ""
            for item in subscription.items:
                if field in item:
                    return field, item[field]
    return None


def _field(subscription: SubscriptionPreview, attribute: str) -> str:
    head = attribute.split(".")[0]
    if head in subscription.payload:
        return head
    for key, value in subscription.payload.items():
        if isinstance(value, Mapping) and (head in value or attribute in value):
            return key
    return ""


def _given(event: Event, attribute: str) -> Any:
    """The value as the sender gave it, wherever senders put attributes; ABSENT for none."""
    for place in PLACES:
        inside: Any = event
        for key in place:
            inside = inside.get(key) if isinstance(inside, Mapping) else None
        value = _find(inside, attribute)
        if value is not ABSENT:
            return value
    return ABSENT


def _find(inside: Any, attribute: str) -> Any:
    """A member by its name, or by the way of names with dots between; ABSENT for none."""
    if not isinstance(inside, Mapping):
        return ABSENT
    if attribute in inside:
        return inside[attribute]
    head, dot, rest = attribute.partition(".")
    return _find(inside.get(head), rest) if dot else ABSENT
