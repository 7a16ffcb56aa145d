"""Routing as a courier does it: whatever is wrong with one event stays with that event."""

import structlog
from msgspec.structs import replace

from segue.engine import intake
from segue.engine.plan import BoundDestination
from segue.engine.route import Routed, position, route
from segue.model.event import Event, Record
from segue.runtime.bookkeeper import broken

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
        routed = Routed(dead=(broken(destination.id, lane, offset, record, error, now_ms),))
    if routed.dead:
        routed = replace(routed, dead=tuple(replace(each, died_ms=now_ms) for each in routed.dead))
    return event, routed
