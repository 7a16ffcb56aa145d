"""Routing as a courier does it: whatever is wrong with one event stays with that event."""

import structlog
from msgspec.structs import replace

from segue.engine import intake
from segue.engine.dead import bury
from segue.engine.plan import BoundDestination
from segue.engine.route import Routed, position, route
from segue.model.delivery import DeadLetter, Row
from segue.model.event import Event, Record

log = structlog.get_logger("segue.courier")


def route_record(
    destination: BoundDestination, lane: int, offset: int, record: Record, now_ms: int
) -> tuple[Event, Routed]:
    """An event of the log as destinations see it, and what one makes of it. Raises nothing: a defect of ours
    is a dead letter."""
    event: Event = {}
    try:
        event, event_ms = intake.restored(record)
        routed = route(event, destination, position(lane, offset, record, event_ms))
    except Exception as error:  # whatever it is, it is about this event: keep it and go on
        log.exception("event_not_routed", destination=destination.id, lane=lane, offset=offset)
        routed = Routed(dead=(_broken(destination.id, lane, offset, record, error, now_ms),))
    if routed.dead:
        routed = replace(routed, dead=tuple(replace(each, died_ms=now_ms) for each in routed.dead))
    return event, routed


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
