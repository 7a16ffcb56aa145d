"""Event in, rows out: which subscriptions of a destination want it, and what each makes of it.

    routed = route(event, destination, at)
    routed.rows       to send: (row, subscription) pairs
    routed.verdicts   one per subscription that could have matched: why it sends or not
    routed.reason     why nothing is sent at all, "" when something is

Reason codes are the published ones (Segment docs, "Delivery Overview", read 2026-11-23).
"""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, Final

import msgspec
import orjson

from segue.engine.consent import BY_CONSENT, ON_DEVICE, refuse_sent_on_device, refuse_without_consent
from segue.engine.dead import bury
from segue.engine.device import BY_INTEGRATIONS, NO_MATCH, judge
from segue.engine.filter import apply as filter_event
from segue.engine.plan import BoundDestination, BoundSubscription
from segue.engine.subscription import Verdict
from segue.engine.travel import Travel
from segue.kit.action import Batch, Shaped
from segue.language.path import UNDEFINED
from segue.model.delivery import DeadLetter, Row
from segue.model.errors import InvalidMapping, InvalidPayload
from segue.model.event import VISITOR, Event, Record, person_key

AT_MAPPING: Final = "FILTERED_AT_MAPPING"
MAPPING_FAILED: Final = "MAPPING_FAILED"
TOO_LARGE: Final = "PAYLOAD_TOO_LARGE"


class Position(msgspec.Struct, frozen=True, gc=False):
    """Where an event stands in the log, and what of it the order of delivery needs.

    event_ms  the corrected timestamp, milliseconds since the epoch
    """

    lane: int
    offset: int
    order: int
    person: str
    message_id: str
    event_ms: int


def position(lane: int, offset: int, record: Record, event_ms: int) -> Position:
    """Where a record stands, and when its event happened (`segue.engine.intake.restored`)."""
    return Position(lane, offset, record.order, record.person, record.message_id, event_ms)


class Routed(msgspec.Struct, frozen=True, gc=False):
    """Everything one destination makes of one event.

    message  the reason in words, where a code does not say enough
    """

    rows: tuple[tuple[Row, BoundSubscription], ...] = ()
    dead: tuple[DeadLetter, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    reason: str = ""
    message: str = ""


_NO_NOTES: Final[tuple[tuple[str, str], ...]] = ()

UNWANTED: Final = Routed(reason=NO_MATCH)
SWITCHED_OFF: Final = Routed(reason=BY_INTEGRATIONS)
SENT_BY_DEVICE: Final = Routed(reason=ON_DEVICE)
REFUSED: Final = Routed(reason=BY_CONSENT)


def route(event: Event, destination: BoundDestination, at: Position) -> Routed:
    """Say what a destination makes of an event. Raises nothing: a fault of one subscription is a
    dead letter of that subscription.

    Order  sent by the device, integrations object, consent, filters, triggers, mappings
    Source  Segment docs, "Destinations overview" and "Destination Filters", read 2026-11-23
    """
    if "_metadata" in event and refuse_sent_on_device(event, destination.names, (destination.id,)):
        return SENT_BY_DEVICE
    for device in destination.devices:
        side = judge(event, device)
        if side.reason == ON_DEVICE:
            return Routed(reason=ON_DEVICE, message=side.message)
    integrations = event.get("integrations")
    if integrations and not is_wanted(integrations, destination.names):
        return SWITCHED_OFF
    categories = destination.config.consent_categories
    if categories and refuse_without_consent(event, categories):
        return REFUSED
    if destination.filters:
        filtered = filter_event(destination.filters, event)
        if filtered.event is None:
            return Routed(reason=filtered.reason, message=filtered.message)
        event = filtered.event
    rows: list[tuple[Row, BoundSubscription]] = []
    dead: list[DeadLetter] = []
    verdicts: list[Verdict] = []
    for subscription in destination.candidates(event.get("type", ""), event.get("event")):
        quick = subscription.quick
        items = quick(event) if quick is not None else None
        if items is not None:
            if not items:
                continue
            kept = _kept(items, subscription.batch)
            if kept is not None:  # nearly always
                rows.append((_row(event, destination.id, subscription, at, kept), subscription))
                verdicts.append(subscription.sends)
                continue
        elif not subscription.matches(event):
            continue
        try:
            context, notes = "", _NO_NOTES
            if items is None:
                shaped, notes = shape(subscription, event)
                items, context = [*map(encode, shaped.items)], shaped.context
                if shaped.filtered:
                    verdicts.append(_verdict(subscription, "filtered", shaped.filtered, notes=notes))
                    continue
            made = _rows(event, destination.id, subscription, items, context, at)
            rows += zip(made, repeat(subscription))
            verdicts.append(_verdict(subscription, "sends", notes=notes) if notes else subscription.sends)
        except (InvalidMapping, InvalidPayload) as error:
            code = error.code if isinstance(error, InvalidPayload) else MAPPING_FAILED
            verdicts.append(_verdict(subscription, "dead", code, str(error)))
            dead.append(bury(_row(event, destination.id, subscription, at), code, str(error)))
    if not verdicts:
        return UNWANTED
    reason = "" if rows or dead else verdicts[0].reason or AT_MAPPING
    return Routed(tuple(rows), tuple(dead), tuple(verdicts), reason)


def route_plain(
    record: Record, destination: BoundDestination, lane: int, offset: int
) -> tuple[Routed, tuple[str, ...]] | None:
    """What `route` and `people_of` make of a record whose event is plain, without restoring it whole.

    None when there is no such way: then the event must be restored and routed. Nothing is dead here.
    """
    kind, person = record.kind, record.person
    sketcher = destination.sketcher(kind)
    found = sketcher.read(record) if sketcher is not None else None
    if found is None:
        return None
    event, event_ms, sure = found
    if "_metadata" in event and refuse_sent_on_device(event, destination.names, (destination.id,)):
        return SENT_BY_DEVICE, ()
    integrations = event.get("integrations")
    if integrations and not is_wanted(integrations, destination.names):
        return SWITCHED_OFF, ()
    name = event.get("event", "")
    rows: tuple[tuple[Row, BoundSubscription], ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    for subscription in destination.candidates(kind, name):
        quick = subscription.quick
        items = quick(event, sure) if quick is not None else None
        if not items:
            if items is None:
                return None
            continue
        if len(items) == 1 and len(items[0]) <= subscription.batch.item_bytes:  # nearly always
            kept: tuple[bytes, ...] | None = (b"%b" % items[0],)
        else:
            kept = _kept(items, subscription.batch)
        if kept is None:
            return None
        row = Row(
            destination.id,
            subscription.id,
            subscription.action.slug,
            lane,
            offset,
            record.order,
            person,
            record.message_id,
            kind,
            name,
            event_ms,
            kept,
        )
        rows += ((row, subscription),)
        verdicts += (subscription.sends,)
    if not rows:
        return UNWANTED, ()
    return Routed(rows, (), verdicts), people_of(event, person)


def is_wanted(integrations: object, names: tuple[str, ...]) -> bool:
    """Read an event's ``integrations`` object: a destination's own entry decides, else ``All``.

    A destination answers to several names; if the sender used more than one, a refusal wins.
    An object with options counts as true; anything that is no object at all is ignored.
    """
    if not isinstance(integrations, Mapping):
        return True
    entries = [integrations[name] for name in names if name in integrations]
    if entries:
        return all(entry is not False and entry is not None for entry in entries)
    return integrations.get("All", True) is not False


def people_of(event: Event, person: str) -> tuple[str, ...]:
    """The person keys whose order an event keeps: its person, the anonymousId it names beside a userId,
    and for alias the id it leaves behind."""
    anonymous = event.get("anonymousId")
    if anonymous and type(anonymous) is str and (name := VISITOR + anonymous) != person:
        people: tuple[str, ...] = (person, name) if person else (name,)
    else:
        people = (person,) if person else ()
    if "previousId" in event and (previous := event["previousId"]) and type(previous) is str:
        people = tuple(dict.fromkeys((*people, person_key(previous, None), person_key(None, previous))))
    return people


def travel(row: Row, subscription: BoundSubscription) -> Travel:
    """How a row travels; rows of different contexts share only a request with an array for each."""
    if not row.context or subscription.travel.pack:
        return subscription.travel
    return msgspec.structs.replace(subscription.travel, context=row.context)


def shape(subscription: BoundSubscription, event: Event) -> tuple[Shaped, tuple[tuple[str, str], ...]]:
    """Map, coerce and shape one event for one subscription; also what was changed on the way.

    Raises InvalidMapping, InvalidPayload.
    """
    mapped = subscription.resolve(event)
    payload, notes = subscription.coercer.coerce(mapped if mapped is not UNDEFINED else {})
    shaped = subscription.action.shape(payload, subscription.shaping)
    return shaped, (*notes, *shaped.notes) if notes or shaped.notes else ()


def _rows(
    event: Event,
    destination: str,
    subscription: BoundSubscription,
    items: Sequence[bytes],
    context: str,
    at: Position,
) -> list[Row]:
    """Raises InvalidPayload for an object the partner would not take."""
    batch = subscription.batch
    kept = _kept(items, batch)
    if kept is not None:  # nearly always
        return [_row(event, destination, subscription, at, kept, context)]
    _check_sizes(items, batch.item_bytes)
    parts = _split(tuple([b"%b" % item for item in items]), batch)
    return [
        _row(event, destination, subscription, at, those, context, part, len(parts))
        for part, those in enumerate(parts)
    ]


def _kept(items: Sequence[bytes], batch: Batch) -> tuple[bytes, ...] | None:
    """One event's objects as they wait; None when they do not fit one request.

    Copies: what orjson 3.12 and later gives keeps the 4 kB and more it was written in.
    """
    if len(items) == 1:  # nearly always
        return (b"%b" % items[0],) if len(items[0]) <= batch.item_bytes else None
    size = sum(map(len, items)) + len(items)
    if len(items) > batch.items or size > batch.bytes:
        return None
    if size > batch.item_bytes and max(map(len, items)) > batch.item_bytes:
        return None
    return tuple([b"%b" % item for item in items])


def _split(items: tuple[bytes, ...], batch: Batch) -> list[tuple[bytes, ...]]:
    """One event's objects as they fit requests: so many and so large together, in their order."""
    if len(items) < 2:
        return [items]
    parts, start, size = [], 0, 0
    for index, item in enumerate(items):
        if index > start and (index - start >= batch.items or size + len(item) + 1 > batch.bytes):
            parts.append(items[start:index])
            start, size = index, 0
        size += len(item) + 1
    return [*parts, items[start:]]


def _check_sizes(items: Sequence[bytes], most: int) -> None:
    """Raises InvalidPayload for an object the partner would not take."""
    for index, item in enumerate(items):
        if len(item) > most:
            name = f"object {index + 1} of {len(items)}" if len(items) > 1 else "the object"
            raise InvalidPayload(
                [("", f"{name} is {len(item):,} bytes as JSON, the partner takes {most:,}")],
                code=TOO_LARGE,
            )


def _row(
    event: Event,
    destination: str,
    subscription: BoundSubscription,
    at: Position,
    items: tuple[bytes, ...] = (),
    context: str = "",
    part: int = 0,
    parts: int = 1,
) -> Row:
    name = event.get("event", "")
    return Row(
        destination,
        subscription.id,
        subscription.action.slug,
        at.lane,
        at.offset,
        at.order,
        at.person,
        at.message_id,
        event.get("type", ""),
        name if type(name) is str else "",
        at.event_ms,
        items,
        context,
        part,
        parts,
    )


def encode(item: Any) -> bytes:
    """An object as it travels: compact JSON, UTF-8. Raises InvalidPayload for what JSON cannot say."""
    try:
        return orjson.dumps(item)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidPayload([("", f"cannot be written as JSON: {error}")]) from error


def _verdict(
    subscription: BoundSubscription,
    result: str,
    reason: str = "",
    message: str = "",
    notes: tuple[tuple[str, str], ...] = (),
) -> Verdict:
    return Verdict(subscription.id, subscription.action.slug, result, reason, message, notes)
