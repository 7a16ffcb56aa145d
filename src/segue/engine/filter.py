"""Destination filters: what a destination is not to see of its source's events.

    bound, faults = bind(destination.filters, "destinations.braze.filters")
    filtered = apply(bound, event)
    filtered.event     the event to go on with, itself when nothing was removed; None: do not send it
    filtered.message   'filter "No internal mail" drops it'

Filters act in one order, however they are written: Sample, Drop, Drop Properties, Allow Properties.
Every condition reads the event as it arrived, so that no filter's work hides something from another.
They fail closed: an event that a filter cannot be evaluated on is not sent. The event is shared between
destinations and never changed; what loses a property is a copy of the objects on the way to it.

Source  Segment docs, "Destination Filters" and "Destination Filter Query Language"; Public API 73.2.0,
        destination filters; read 2026-11-24
"""

import hashlib
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import orjson

from segue.engine.filter_binding import Action, BoundFilter, BoundFilters, bind
from segue.language import filter as filters
from segue.model.errors import UnfilterableEvent
from segue.model.event import Event

__all__ = ["BY_RULES", "BoundFilters", "Deed", "Filtered", "Judged", "apply", "bind", "explain"]

BY_RULES: Final = "FILTERED_BY_RULES"
"""Source  Segment docs, "Delivery Overview", read 2026-11-23."""

DEEPEST: Final = 100
"""Most objects and lists a filter's path may lead through."""


class Deed(msgspec.Struct, frozen=True, gc=False):
    """What one action of one filter did to an event it matched.

    filter  the filter's title, else its id
    action  DROP, SAMPLE, DROP_PROPERTIES or ALLOW_PROPERTIES
    effect  one clause: ``keeps it (0.1 of the values of userId are kept)``
    """

    filter: str
    action: str
    effect: str


class Filtered(msgspec.Struct, frozen=True, gc=False):
    """What the filters of a destination leave of an event.

    event    what to go on with; None when it is not to be sent
    reason   BY_RULES when it is not, else ""; message says which filter and why
    trail    what was done to it, in order
    """

    event: Event | None
    reason: str = ""
    message: str = ""
    trail: tuple[Deed, ...] = ()


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What one filter thinks of an event, for people.

    truth    a line per condition
    matched  whether its actions concern the event
    problem  why it cannot be evaluated, else ""; then the event is not sent
    """

    id: str
    title: str
    condition: str
    truth: Sequence[filters.Truth]
    matched: bool
    problem: str = ""


def apply(bound: BoundFilters, event: Event) -> Filtered:
    """Say what the filters leave of an event. Raises nothing."""
    matched: dict[int, bool] = {}
    trail: list[Deed] = []
    left = event
    for step in bound.steps:
        each, action = bound.filters[step.filter], step.action
        try:
            if step.filter not in matched:
                matched[step.filter] = each.matches(event)
            if not matched[step.filter]:
                continue
            kept, effect = _DEEDS[action.type](action, left, event)
        except UnfilterableEvent as error:
            message = f"{each.named} cannot be evaluated on it, so it is not sent: {error}"
            return Filtered(None, BY_RULES, message, tuple(trail))
        if kept is not left or action.type == "SAMPLE":
            trail.append(Deed(each.title or each.id, action.type, effect))
        if kept is None:
            return Filtered(None, BY_RULES, f"{each.named} {effect}", tuple(trail))
        left = kept
    return Filtered(left, trail=tuple(trail))


def explain(bound: BoundFilters, event: Event) -> tuple[Judged, ...]:
    """Say what each enabled filter thinks of an event, in the order they are written."""
    return tuple(_judge(each, event) for each in bound.filters)


def _judge(each: BoundFilter, event: Event) -> Judged:
    matched, problem = False, ""
    try:
        matched = each.matches(event)
    except UnfilterableEvent as error:
        problem = str(error)
    return Judged(
        id=each.id,
        title=each.title,
        condition=each.condition,
        truth=filters.explain(each.expression, event) if each.expression else (),
        matched=matched,
        problem=problem,
    )


def _drop(action: Action, left: Event, event: Event) -> tuple[Event | None, str]:
    return None, "drops it"


def _sample(action: Action, left: Event, event: Event) -> tuple[Event | None, str]:
    value = filters.find(event, action.path) if action.path else None
    by = ".".join(action.path) if value is not None else "messageId"
    share = f"{action.percent:g} of the values of {by} are kept"
    if falls_in(event.get("messageId") if value is None else value, action.percent):
        return left, f"keeps it ({share})"
    return None, f"samples it out ({share})"


def falls_in(value: Any, share: float) -> bool:
    """Say whether a value is in the kept share, from 0 to 1: the same value always says the same.

    The hash is that of the published filters for browsers, so a user stays on the side they were on:
    the first 64 bits of the MD5 of the value's JSON, as a fraction.
    """
    try:
        text = orjson.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnfilterableEvent("the value to sample by cannot be written as JSON") from error
    digest = hashlib.md5(text, usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def _drop_properties(action: Action, left: Event, event: Event) -> tuple[Event | None, str]:
    return _with_fields(action, left, is_kept=False), "removes properties"


def _allow_properties(action: Action, left: Event, event: Event) -> tuple[Event | None, str]:
    return _with_fields(action, left, is_kept=True), "keeps only the properties it names"


def _with_fields(action: Action, left: Event, *, is_kept: bool) -> Event:
    for keys, names in action.fields:
        left = _without(left, keys, names, is_kept, 0)
    return left


def _without(value: Any, keys: tuple[str, ...], names: frozenset[str], is_kept: bool, depth: int) -> Any:
    """Keep or remove names of the objects at the end of a path; lists on the way stand for their members.

    Gives the value itself when nothing changes, else a copy that shares what did not.
    """
    if depth > DEEPEST:
        raise UnfilterableEvent(f"a filter's path leads through more than {DEEPEST} objects and lists")
    if type(value) is list:
        members = [_without(member, keys, names, is_kept, depth + 1) for member in value]
        return members if any(map(operator.is_not, members, value)) else value
    if type(value) is not dict:
        return value
    if not keys:
        kept = {name: member for name, member in value.items() if (name in names) is is_kept}
        return kept if len(kept) < len(value) else value
    key, *rest = keys
    if key not in value:
        return value
    member = _without(value[key], tuple(rest), names, is_kept, depth + 1)
    return value if member is value[key] else {**value, key: member}


_DEEDS: Final[Mapping[str, Callable[[Action, Event, Event], tuple[Event | None, str]]]] = {
    "SAMPLE": _sample,
    "DROP": _drop,
    "DROP_PROPERTIES": _drop_properties,
    "ALLOW_PROPERTIES": _allow_properties,
}
"""Action -> (action, what is left of the event, the event as it arrived) -> what is left, and the clause."""
