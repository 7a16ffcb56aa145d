"""Routing as a courier does it: whatever is wrong with one event stays with that event."""

from collections.abc import Sequence

import msgspec
import structlog
from msgspec.structs import replace

from segue.engine import intake
from segue.engine.dead import bury
from segue.engine.debounce import summary
from segue.engine.plan import BoundDestination
from segue.engine.route import Routed, people_of, position, route, route_plain
from segue.model.delivery import DeadLetter, Row
from segue.model.event import Record
from segue.runtime.reader import Entry

log = structlog.get_logger("segue.courier")


class Outline(msgspec.Struct, frozen=True, gc=False):
    """What a courier keeps of an event it has routed. The event itself is large, and let go at once.

    people  whose order its rows keep; () when it has none
    said    what an identify says (`segue.engine.debounce`); b"" unless repeats are left out
    """

    routed: Routed
    people: tuple[str, ...] = ()
    said: bytes = b""


def route_fresh(
    destination: BoundDestination, entries: Sequence[Entry], fresh: Sequence[bool], now_ms: int
) -> list[Outline | None]:
    """What a destination makes of each event that is fresh; None for the others."""
    return [
        route_record(destination, lane, offset, record, now_ms) if is_fresh else None
        for (lane, offset, record), is_fresh in zip(entries, fresh, strict=True)
    ]


def route_record(
    destination: BoundDestination, lane: int, offset: int, record: Record, now_ms: int
) -> Outline:
    """What a destination makes of an event of the log. Raises nothing: a defect of ours is a dead letter."""
    people: tuple[str, ...] = ()
    said = b""
    try:
        plain = route_plain(record, destination, lane, offset)
        if plain is not None:
            routed, people = plain
            return Outline(routed, people)
        event, event_ms = intake.restored(record)
        routed = route(event, destination, position(lane, offset, record, event_ms))
        if routed.rows:
            people = people_of(event, record.person)
            said = summary(event) if destination.config.delivery.debounce else b""
    except Exception as error:  # whatever it is, it is about this event: keep it and go on
        log.exception("event_not_routed", destination=destination.id, lane=lane, offset=offset)
        routed = Routed(dead=(_broken(destination.id, lane, offset, record, error, now_ms),))
    if routed.dead:
        routed = replace(routed, dead=tuple(replace(each, died_ms=now_ms) for each in routed.dead))
    return Outline(routed, people, said)


def _broken(
    destination: str, lane: int, offset: int, record: Record, error: Exception, now_ms: int
) -> DeadLetter:
    """The dead letter of an event a defect of ours met."""
    row = Row(
        destination=destination,
        subscription="",
        action="",
        lane=lane,
        offset=offset,
        order=record.order,
        person=record.person,
        message_id=record.message_id,
        kind=record.kind,
    )
    return bury(row, "INTERNAL", f"{type(error).__name__}: {error}", died_ms=now_ms)
