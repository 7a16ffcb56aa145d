"""The journey of one event with no wires: what each destination would make of it, and why.

    journey = preview(plan, source, event)
    journey.destinations[0].subscriptions[0].matched      True
    journey.destinations[0].subscriptions[0].steps        each directive's input and output
    journey.destinations[0].requests[0].body              the exact bytes that would leave

Read this file first: it is the whole pipeline in one place. The console, `segue try`, the tests and the
docs use it; the courier does the same with wires.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from segue.engine.alterations import altered, gone
from segue.engine.device import judge
from segue.engine.filter import Deed, Judged, apply, explain
from segue.engine.mapping_faults import HOOK_KEYS
from segue.engine.plan import BoundDestination, BoundSubscription, Plan
from segue.engine.refusal import tell, unknown_names
from segue.engine.route import Position, people_of, route
from segue.kit.action import JsonObject
from segue.language import mapping as mappings
from segue.language import trigger as triggers
from segue.language.path import UNDEFINED
from segue.model.delivery import Request, Row
from segue.model.errors import InvalidMapping, InvalidPayload
from segue.model.event import Event, person_key


class SubscriptionPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What one subscription makes of the event.

    truth    the trigger's truth table, a line per condition
    steps    the mapping, directive by directive
    payload  the mapped payload after cleaning and coercion
    coerced  values that were made to fit the field or the partner: (field, value before, value after)
    notes    what was changed or left out, and why: (field, sentence)
    items    the partner's objects
    result   "sends", "kept back" (it would, and the destination does not send the event), "not matched",
             "filtered", "dead" or "on the device", with reason and message
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
    filters  how each filter judged the event; changes: what they did to it; removed: properties that an
             event which is sent has lost to them
    sends    the row and the subscription behind each request
    """

    id: str
    name: str
    reason: str
    message: str = ""
    filters: Sequence[Judged] = ()
    changes: Sequence[Deed] = ()
    removed: Sequence[str] = ()
    subscriptions: Sequence[SubscriptionPreview]
    requests: Sequence[Request]
    sends: Sequence[tuple[Row, BoundSubscription]] = ()


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """The event as destinations see it, who it is about, and where it goes.

    unknown  names in its integrations object that no enabled destination of the source answers to
    """

    event: Event
    person: str
    people: Sequence[str]
    destinations: Sequence[DestinationPreview]
    unknown: Sequence[str] = ()


def preview(plan: Plan, source: str, event: Event, *, destination: str | None = None) -> Journey:
    """Take an event the whole way, for every enabled destination of a source or for the one named.

    event  as destinations see it (`segue.engine.intake.restore`)
    Raises nothing for what is wrong with the event: the previews say it.
    """
    user, anonymous = event.get("userId"), event.get("anonymousId")
    person = person_key(
        user if isinstance(user, str) else None, anonymous if isinstance(anonymous, str) else None
    )
    every = [each for each in plan.everything.values() if each.config.source == source]
    found = [
        _destination(each, event, person) if each.page.mode == "cloud" else _device(each, event)
        for each in every
        if destination in (None, each.id)
    ]
    return Journey(
        event=event,
        person=person,
        people=people_of(event, person),
        destinations=found,
        unknown=unknown_names(event, every),
    )


def _destination(destination: BoundDestination, event: Event, person: str) -> DestinationPreview:
    at = Position(0, 0, 0, person, str(event.get("messageId", "")), 0)
    routed = route(event, destination, at)
    filtered = apply(destination.filters, event)
    seen = filtered.event if filtered.event is not None else event
    previews = [_subscription(each, seen) for each in destination.subscriptions]
    if not routed.verdicts:
        previews = [_instead(told, "kept back", routed.reason) for told in previews]
    requests = [subscription.action.build([row], destination.settings) for row, subscription in routed.rows]
    return DestinationPreview(
        id=destination.id,
        name=destination.config.name or destination.page.title,
        reason=routed.reason,
        message=routed.message or tell(routed.reason, event, destination),
        filters=explain(destination.filters, event),
        changes=filtered.trail,
        removed=[path for path, _ in gone(event, seen)],
        subscriptions=previews,
        requests=requests,
        sends=routed.rows,
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
        removed=[path for path, _ in gone(event, seen)],
        subscriptions=[
            _instead(_subscription(each, seen), "on the device", "") for each in device.subscriptions
        ],
        requests=(),
    )


def _instead(told: SubscriptionPreview, result: str, reason: str) -> SubscriptionPreview:
    """What a subscription would send, where something else becomes of it."""
    return msgspec.structs.replace(told, result=result, reason=reason) if told.result == "sends" else told


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
        coerced = tuple(altered(mapped, payload))
        notes = (*notes, *_left_out(subscription, mapped, payload, notes))
        told = msgspec.structs.replace(told, payload=payload, coerced=coerced, notes=notes)
        shaped = subscription.action.shape(payload, subscription.shaping)
    except InvalidMapping as error:
        return msgspec.structs.replace(told, result="dead", reason="MAPPING_FAILED", message=str(error))
    except InvalidPayload as error:
        return msgspec.structs.replace(told, result="dead", reason=error.code, message=str(error))
    leaves_out = subscription.action.leaves_out
    return msgspec.structs.replace(
        told,
        result="filtered" if shaped.filtered else "sends",
        reason=shaped.filtered,
        coerced=(*coerced, *(altered(payload, shaped.items[0]) if len(shaped.items) == 1 else ())),
        notes=(*notes, *shaped.notes, *(leaves_out(payload) if leaves_out is not None else ())),
        items=shaped.items,
    )


def _left_out(
    subscription: BoundSubscription, mapped: Any, payload: JsonObject, notes: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """What of the mapped payload is gone after coercion without a note of its own, and why."""
    for path, value in gone(mapped, payload):
        if path.startswith(("_", "@", *HOOK_KEYS)) or any(f"{path}.".startswith(f"{at}.") for at, _ in notes):
            continue
        if value is None or value == "":
            yield path, f"{'null' if value is None else 'an empty text'} counts as no value here; left out"
        elif "." in path or "[" in path:
            yield path, "the field has no member of this name; left out"
        else:
            yield path, f"{subscription.action.title} has no field of this name; left out"
