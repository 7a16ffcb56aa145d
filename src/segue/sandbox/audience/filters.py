"""Segment filters: what the documented filters ask of a person, combined with all and any.

    {"all": [{"kind": "custom_event", "name": "Paid", "comparator": "more_than", "value": 2},
             {"any": [{"kind": "text_attribute", "name": "plan", "comparator": "equals", "value": "gold"},
                      {"kind": "last_used_app", "comparator": "less_than_days_ago", "value": 7}]}]}

The JSON is the sandbox's own; the filters and their comparators are those of the segment builder.
Source  Braze docs, "Segmentation filters", "Custom events", "Purchase events", "Data types", read 2026-11-23
"In Y days" counts UTC calendar days, today included.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
import orjson

from segue.sandbox.audience.comparators import (
    AGE,
    ANY,
    ARRAY,
    BOOLEAN,
    COUNT,
    DAY_MS,
    HAS,
    IS,
    NUMBER,
    TEXT,
    TIME,
    Comparator,
    Family,
    checked,
)
from segue.sandbox.audience.patterns import pattern
from segue.sandbox.person import Occurrence, Person, Purchase

Test = Callable[[Person], bool]
DEEPEST = 20
"""Groups within groups, and segments within segments."""
LONGEST_DAYS = 30


class Filter(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One filter, or a group of filters in `all` or `any`."""

    all: list["Filter"] | None = None
    any: list["Filter"] | None = None
    kind: str = ""
    name: str = ""
    """The event, product, attribute, field, app, group or segment it is about."""
    comparator: str = ""
    value: Any = None
    days: int = 0
    """Y of "in the past Y days"."""
    property: str = ""
    """Of an event or purchase; or the path to an object of a nested attribute."""
    criteria: list["Filter"] = []
    """Of a nested attribute: what one and the same object must meet; `name` is the key."""


class Scope(NamedTuple):
    """What filters look at beside the person."""

    now_ms: int
    segments: Mapping[str, Callable[["Scope"], Test]] = {}
    segmentable: Mapping[str, frozenset[str]] = {}
    """Event or product to the properties that may be segmented by."""
    depth: int = 0


class Kind(NamedTuple):
    """One kind of filter: what it is called, what it needs, how it is read from a person."""

    title: str
    family: Family
    read: Callable[[Filter, Scope], Callable[[Person], Any]]
    needs: tuple[str, ...] = ()
    """Of name, days, property, criteria."""
    cloud: bool = True
    """False: only a device SDK moves it."""


def compiled(wanted: Filter, scope: Scope) -> Test:
    """What tells of a person whether the filter finds them.

    Raises ValueError: an unknown kind or comparator, something missing, or a value that cannot be compared.
    """
    if scope.depth > DEEPEST:
        raise ValueError(f"filter: groups or segments nested deeper than {DEEPEST}, or a segment in itself")
    inner = scope._replace(depth=scope.depth + 1)
    if wanted.all is not None:
        tests = [compiled(entry, inner) for entry in wanted.all]
        return lambda person: all(test(person) for test in tests)
    if wanted.any is not None:
        tests = [compiled(entry, inner) for entry in wanted.any]
        return lambda person: any(test(person) for test in tests)
    kind = KINDS.get(wanted.kind)
    if kind is None:
        raise ValueError(f"filter kind {wanted.kind!r:.60} is unknown; there are: {', '.join(KINDS)}")
    comparator = _comparator(wanted, kind.family, wanted.kind)
    for need in kind.needs:
        if not getattr(wanted, need):
            raise ValueError(f"filter {wanted.kind!r}: {need} is missing")
    if "days" in kind.needs and not 1 <= wanted.days <= LONGEST_DAYS:
        raise ValueError(f"filter {wanted.kind!r}: days must be 1 to {LONGEST_DAYS}, found {wanted.days}")
    read, holds, now_ms = kind.read(wanted, inner), comparator.holds, scope.now_ms
    value = checked(comparator.wants, wanted.value, wanted.kind)
    return lambda person: holds(read(person), value, now_ms)


def given_up(wanted: Filter) -> list[str]:
    """The regular expressions of a filter that took too long and match nobody any more."""
    inner = [*(wanted.all or []), *(wanted.any or []), *wanted.criteria]
    found = [text for entry in inner for text in given_up(entry)]
    if wanted.comparator in ("matches", "not_matches") and isinstance(wanted.value, str):
        found += [wanted.value] if pattern(wanted.value).given_up else []
    return found


def _comparator(wanted: Filter, family: Family, name: str) -> Comparator:
    comparator = family.get(wanted.comparator)
    if comparator is None:
        raise ValueError(
            f"filter {name!r}: comparator {wanted.comparator!r:.40} is unknown; "
            f"there are: {', '.join(family)}"
        )
    return comparator


# -- reading


def _days_ago(scope: Scope, days: int) -> int:
    """The first moment of the oldest of so many calendar days, today included."""
    return (scope.now_ms // DAY_MS - days + 1) * DAY_MS


def _summary(field: str, moment: str) -> Callable[[Filter, Scope], Callable[[Person], Any]]:
    def read(wanted: Filter, scope: Scope) -> Callable[[Person], Any]:
        def held(person: Person) -> Any:
            summary = getattr(person, field).get(wanted.name)
            return getattr(summary, moment) if summary is not None else (0 if moment == "count" else None)

        return held

    return read


def _recent(log: Iterable[Any], name: str, since_ms: int) -> Iterable[Any]:
    for entry in log:
        called = entry.name if isinstance(entry, Occurrence) else entry.product_id
        if entry.time_ms >= since_ms and name in ("", called):
            yield entry


def _events_in_days(wanted: Filter, scope: Scope) -> Callable[[Person], int]:
    since = _days_ago(scope, wanted.days)
    return lambda person: sum(1 for _ in _recent(person.events, wanted.name, since))


def _purchases_in_days(wanted: Filter, scope: Scope) -> Callable[[Person], int]:
    since = _days_ago(scope, wanted.days)
    return lambda person: sum(purchase.quantity for purchase in _recent(person.purchases, wanted.name, since))


def _money_in_days(wanted: Filter, scope: Scope) -> Callable[[Person], float]:
    since = _days_ago(scope, wanted.days)
    return lambda person: sum(
        purchase.price * purchase.quantity for purchase in _recent(person.purchases, wanted.name, since)
    )


def _with_property(log: str) -> Callable[[Filter, Scope], Callable[[Person], int]]:
    def read(wanted: Filter, scope: Scope) -> Callable[[Person], int]:
        if wanted.property not in scope.segmentable.get(wanted.name, ()):
            raise ValueError(
                f"filter {wanted.kind!r}: property {wanted.property!r} of {wanted.name!r} is not enabled for "
                "segmentation; list it under `segmentable` of the workspace"
            )
        since = _days_ago(scope, wanted.days)
        meets = _criteria(wanted.criteria, scope)

        def held(person: Person) -> int:
            entries: Iterable[Occurrence | Purchase] = _recent(getattr(person, log), wanted.name, since)
            return sum(
                meets({"": orjson.loads(bytes(entry.properties)).get(wanted.property)}) for entry in entries
            )

        return held

    return read


def _criteria(criteria: list[Filter], scope: Scope) -> Callable[[Mapping[str, Any]], bool]:
    tests = []
    for entry in criteria:
        comparator = _comparator(entry, ANY, entry.name or "property")
        value = checked(comparator.wants, entry.value, entry.name or "property")
        tests.append((entry.name, comparator.holds, value))
    return lambda found: all(holds(found.get(name), value, scope.now_ms) for name, holds, value in tests)


def _nested(wanted: Filter, scope: Scope) -> Callable[[Person], bool]:
    """Whether one object under the path meets all criteria; `[]` after a name is any entry of a list."""
    meets = _criteria(wanted.criteria, scope)
    steps = [step for step in wanted.property.replace("[]", ".[]").split(".") if step]

    def held(person: Person) -> bool:
        return any(
            meets(found) for found in _under(person.custom.get(wanted.name), steps) if isinstance(found, dict)
        )

    return held


def _under(value: Any, steps: list[str]) -> Iterable[Any]:
    if not steps:
        yield value
        return
    if steps[0] == "[]":
        for entry in value if isinstance(value, list) else []:
            yield from _under(entry, steps[1:])
    elif isinstance(value, dict) and steps[0] in value:
        yield from _under(value[steps[0]], steps[1:])


def _attribute(wanted: Filter, scope: Scope) -> Callable[[Person], Any]:
    return lambda person: person.custom.get(wanted.name)


def _field(name: str) -> Callable[[Filter, Scope], Callable[[Person], Any]]:
    return lambda wanted, scope: lambda person: person.fields.get(wanted.name if name == "" else name)


def _of(read: Callable[[Person, Filter], Any]) -> Callable[[Filter, Scope], Callable[[Person], Any]]:
    return lambda wanted, scope: lambda person: read(person, wanted)


def _apps(person: Person, wanted: Filter) -> list[Any]:
    return [use for use in person.apps.values() if wanted.name in ("", use.app_id)]


def _sessions_in_days(wanted: Filter, scope: Scope) -> Callable[[Person], int]:
    since = scope.now_ms // DAY_MS - wanted.days
    return lambda person: sum(
        number for use in _apps(person, wanted) for day, number in use.days.items() if day > since
    )


def _membership(wanted: Filter, scope: Scope) -> Callable[[Person], bool]:
    test = scope.segments.get(wanted.name)
    if test is None:
        raise ValueError(f"filter {wanted.kind!r}: segment {wanted.name!r} is unknown")
    return test(scope)


def _bought(person: Person, wanted: Filter) -> bool:
    return wanted.name in person.purchase_summaries


KINDS: Mapping[str, Kind] = {
    "custom_event": Kind("Custom event", COUNT, _summary("event_summaries", "count"), ("name",)),
    "first_custom_event": Kind(
        "First did custom event", AGE, _summary("event_summaries", "first_ms"), ("name",)
    ),
    "last_custom_event": Kind(
        "Last did custom event", AGE, _summary("event_summaries", "last_ms"), ("name",)
    ),
    "custom_event_in_days": Kind("X custom event in Y days", COUNT, _events_in_days, ("name", "days")),
    "event_property_in_days": Kind(
        "X custom event property in Y days",
        COUNT,
        _with_property("events"),
        ("name", "property", "criteria", "days"),
    ),
    "purchased_product": Kind("Purchased product", HAS, _of(_bought), ("name",)),
    "first_purchase": Kind(
        "First made purchase",
        AGE,
        _of(
            lambda person, _: min((one.first_ms for one in person.purchase_summaries.values()), default=None)
        ),
    ),
    "last_purchase": Kind(
        "Last made purchase",
        AGE,
        _of(lambda person, _: max((one.last_ms for one in person.purchase_summaries.values()), default=None)),
    ),
    "first_purchased_product": Kind(
        "First purchased product", AGE, _summary("purchase_summaries", "first_ms"), ("name",)
    ),
    "last_purchased_product": Kind(
        "Last purchased product", AGE, _summary("purchase_summaries", "last_ms"), ("name",)
    ),
    "purchases": Kind("Total number of purchases", COUNT, _of(lambda person, _: person.purchase_count)),
    "money_spent": Kind("Money spent", COUNT, _of(lambda person, _: person.revenue_cents / 100)),
    "purchases_in_days": Kind("X purchases in Y days", COUNT, _purchases_in_days, ("days",)),
    "product_in_days": Kind("X product purchased in Y days", COUNT, _purchases_in_days, ("name", "days")),
    "money_spent_in_days": Kind("X money spent in Y days", COUNT, _money_in_days, ("days",)),
    "purchase_property_in_days": Kind(
        "X purchase property in Y days",
        COUNT,
        _with_property("purchases"),
        ("name", "property", "criteria", "days"),
    ),
    "boolean_attribute": Kind("Custom attribute: boolean", BOOLEAN, _attribute, ("name",)),
    "number_attribute": Kind("Custom attribute: number", NUMBER, _attribute, ("name",)),
    "text_attribute": Kind("Custom attribute: string", TEXT, _attribute, ("name",)),
    "array_attribute": Kind("Custom attribute: array", ARRAY, _attribute, ("name",)),
    "time_attribute": Kind("Custom attribute: time", TIME, _attribute, ("name",)),
    "nested_attribute": Kind("Custom attribute: nested", HAS, _nested, ("name", "criteria")),
    "first_used_app": Kind(
        "First used app",
        AGE,
        _of(lambda person, wanted: min((use.first_ms for use in _apps(person, wanted)), default=None)),
        cloud=False,
    ),
    "last_used_app": Kind(
        "Last used app",
        AGE,
        _of(lambda person, wanted: max((use.last_ms for use in _apps(person, wanted)), default=None)),
        cloud=False,
    ),
    "sessions": Kind(
        "Session count",
        COUNT,
        _of(lambda person, wanted: sum(use.sessions for use in _apps(person, wanted))),
        cloud=False,
    ),
    "sessions_in_days": Kind("X sessions in Y days", COUNT, _sessions_in_days, ("days",), cloud=False),
    "segment": Kind("Segment membership", HAS, _membership, ("name",)),
    "cohort": Kind(
        "Segment cohorts", HAS, _of(lambda person, wanted: wanted.name in person.cohorts), ("name",)
    ),
    "external_id": Kind("External user id", TEXT, _of(lambda person, _: person.external_id)),
    "email_address": Kind("Email address", TEXT, _field("email")),
    "phone_number": Kind("Phone number", TEXT, _field("phone")),
    "profile_field": Kind("Profile field", TEXT, _field(""), ("name",)),
    "created_at": Kind("Created at", AGE, _of(lambda person, _: person.created_ms)),
    "random_bucket": Kind("Random bucket number", NUMBER, _of(lambda person, _: person.random_bucket)),
    "email_subscription": Kind(
        "Email subscription status",
        IS,
        _of(lambda person, _: person.fields.get("email_subscribe", "subscribed")),
    ),
    "push_subscription": Kind(
        "Push subscription status",
        IS,
        _of(lambda person, _: person.fields.get("push_subscribe", "subscribed")),
    ),
    "subscription_group": Kind(
        "Subscription group",
        IS,
        _of(lambda person, wanted: held.state if (held := person.groups.get(wanted.name)) else None),
        ("name",),
    ),
    "received_campaign": Kind(
        "Received message from campaign",
        HAS,
        _of(lambda person, wanted: wanted.name in person.campaigns_received),
        ("name",),
    ),
}
"""Every kind of filter by its name in JSON."""
