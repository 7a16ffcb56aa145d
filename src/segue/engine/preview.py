"""The journey of one event with no wires: what each destination would make of it, and why.

    journey = preview(plan, source, event)
    journey.destinations[0].subscriptions[0].matched      True
    journey.destinations[0].subscriptions[0].steps        each directive's input and output
    journey.destinations[0].requests[0].body              the exact bytes that would leave

Read this file first: it is the whole pipeline in one place. The console, `segue try`, the tests and the
docs use it; the courier does the same with wires.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from segue.engine.device import judge
from segue.engine.filter import Deed, Judged, apply, explain
from segue.engine.plan import BoundDestination, BoundSubscription, Plan
from segue.engine.route import Position, people_of, route
from segue.kit.action import JsonObject
from segue.language import mapping as mappings
from segue.language import trigger as triggers
from segue.language.path import UNDEFINED
from segue.model.delivery import Request
from segue.model.errors import InvalidMapping, InvalidPayload
from segue.model.event import Event, person_key


class SubscriptionPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What one subscription makes of the event.

    truth    the trigger's truth table, a line per condition
    steps    the mapping, directive by directive
    payload  the mapped payload after cleaning and coercion
    coerced  fields whose value was made to fit: (field, value before, value after)
    notes    what was changed or left out: (field, sentence)
    items    the partner's objects
    result   "sends", "not matched", "filtered", "dead" or "on the device", with reason and message
    """

    id: str
    name: str
    action: str
    trigger: str
    matched: bool
    result: str
    reason: str = ""
    message: str = ""
    truth: Sequence[triggers.Truth] = ()
    steps: Sequence[mappings.Step] = ()
    payload: JsonObject = {}
    coerced: Sequence[tuple[str, Any, Any]] = ()
    notes: Sequence[tuple[str, str]] = ()
    items: Sequence[JsonObject] = ()


class DestinationPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What one destination makes of the event.

    reason   why nothing is sent, "" when something is; message says it in words
    filters  how each filter judged the event; changes: what they did to it
    """

    id: str
    name: str
    reason: str
    message: str = ""
    filters: Sequence[Judged] = ()
    changes: Sequence[Deed] = ()
    subscriptions: Sequence[SubscriptionPreview]
    requests: Sequence[Request]


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """The event as destinations see it, who it is about, and where it goes."""

    event: Event
    person: str
    people: Sequence[str]
    destinations: Sequence[DestinationPreview]


def preview(plan: Plan, source: str, event: Event, *, destination: str | None = None) -> Journey:
    """Take an event the whole way, for every enabled destination of a source or for the one named.

    event  as destinations see it (`segue.engine.intake.restore`)
    Raises nothing for what is wrong with the event: the previews say it.
    """
    user, anonymous = event.get("userId"), event.get("anonymousId")
    person = person_key(
        user if isinstance(user, str) else None, anonymous if isinstance(anonymous, str) else None
    )
    wanted = [
        each
        for each in (*plan.destinations.values(), *plan.devices.values())
        if each.config.source == source and destination in (None, each.id)
    ]
    found = [
        _destination(each, event, person) if each.page.mode == "cloud" else _device(each, event)
        for each in wanted
    ]
    return Journey(event=event, person=person, people=people_of(event, person), destinations=found)


def _destination(destination: BoundDestination, event: Event, person: str) -> DestinationPreview:
    at = Position(0, 0, 0, person, str(event.get("messageId", "")), 0)
    routed = route(event, destination, at)
    filtered = apply(destination.filters, event)
    seen = filtered.event if filtered.event is not None else event
    previews = tuple(_subscription(each, seen) for each in destination.subscriptions)
    requests = []
    for row, subscription in routed.rows:
        requests.append(subscription.action.build([row], destination.settings))
    return DestinationPreview(
        id=destination.id,
        name=destination.config.name or destination.page.title,
        reason=routed.reason,
        message=routed.message,
        filters=explain(destination.filters, event),
        changes=filtered.trail,
        subscriptions=previews,
        requests=requests,
    )


def _device(device: BoundDestination, event: Event) -> DestinationPreview:
    """What the SDK on the device makes of it; nothing leaves from here."""
    side = judge(event, device)
    filtered = apply(device.filters, event)
    seen = filtered.event if filtered.event is not None else event
    return DestinationPreview(
        id=device.id,
        name=device.config.name or device.page.title,
        reason=side.reason,
        message=side.message,
        filters=explain(device.filters, event),
        changes=filtered.trail,
        subscriptions=[
            msgspec.structs.replace(told, result="on the device") if told.result == "sends" else told
            for told in (_subscription(each, seen) for each in device.subscriptions)
        ],
        requests=(),
    )


def _subscription(subscription: BoundSubscription, event: Event) -> SubscriptionPreview:
    matched = triggers.matches(subscription.trigger, event)
    told = SubscriptionPreview(
        id=subscription.id,
        name=subscription.name,
        action=subscription.action.slug,
        trigger=subscription.trigger.text,
        matched=matched,
        result="sends" if matched else "not matched",
        truth=triggers.explain(subscription.trigger, event),
    )
    if not matched:
        return told
    told = msgspec.structs.replace(told, steps=mappings.explain(subscription.mapping_json, event))
    try:
        mapped = subscription.mapping.resolve(event)
        payload, notes = subscription.coercer.coerce(mapped if mapped is not UNDEFINED else {})
        told = msgspec.structs.replace(
            told, payload=payload, coerced=_coerced(mapped, payload), notes=tuple(notes)
        )
        shaped = subscription.action.shape(payload, subscription.shaping)
    except InvalidMapping as error:
        return msgspec.structs.replace(told, result="dead", reason="MAPPING_FAILED", message=str(error))
    except InvalidPayload as error:
        return msgspec.structs.replace(told, result="dead", reason=error.code, message=str(error))
    return msgspec.structs.replace(
        told,
        result="filtered" if shaped.filtered else "sends",
        reason=shaped.filtered,
        notes=(*notes, *shaped.notes),
        items=shaped.items,
    )


def _coerced(mapped: Any, payload: JsonObject) -> tuple[tuple[str, Any, Any], ...]:
    """What coercion changed: "5" that became 5, a lone value that became a list."""
    before = mapped if isinstance(mapped, dict) else {}
    return tuple(
        (key, before[key], value)
        for key, value in payload.items()
        if key in before and (before[key].__class__ is not value.__class__ or before[key] != value)
    )
