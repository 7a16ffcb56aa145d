"""Connected audience filters: whom a broadcast is narrowed to, as the API writes them.

Source  Braze docs, "Connected audience object", read 2026-11-24
"""

from collections.abc import Mapping
from typing import Any

from segue.sandbox.audience.comparators import checked
from segue.sandbox.audience.filters import Filter, Scope, Test, compiled

_WRITTEN: Mapping[str, tuple[tuple[type, ...], str, str]] = {
    "matches_regex": ((str,), "text_attribute", "matches"),
    "does_not_match_regex": ((str,), "text_attribute", "not_matches"),
    "includes_value": ((str, int, float, bool), "array_attribute", "includes"),
    "does_not_include_value": ((str, int, float, bool), "array_attribute", "not_includes"),
    "greater_than": ((int, float), "number_attribute", "more_than"),
    "less_than": ((int, float), "number_attribute", "less_than"),
    "less_than_x_days_ago": ((int, float), "time_attribute", "less_than_days_ago"),
    "greater_than_x_days_ago": ((int, float), "time_attribute", "more_than_days_ago"),
    "less_than_x_days_in_the_future": ((int, float), "time_attribute", "in_less_than_days"),
    "greater_than_x_days_in_the_future": ((int, float), "time_attribute", "in_more_than_days"),
    "after": ((str,), "time_attribute", "after"),
    "before": ((str,), "time_attribute", "before"),
}
"""Comparison to the values it takes, and the segment filter that means the same."""
_STATES = ("opted_in", "subscribed", "unsubscribed")
_SUBSCRIPTIONS = {
    "push_subscription_status": "push_subscription",
    "email_subscription_status": "email_subscription",
}


def connected(audience: Any, scope: Scope) -> Test:
    """What tells of a person whether the audience has them.

    An empty AND or OR finds everybody. Raises ValueError: the audience is no filter the documents know.
    """
    if scope.depth > 20:
        raise ValueError("audience: nested deeper than 20")
    if not isinstance(audience, dict) or len(audience) != 1:
        raise ValueError("audience: expected an object with one filter, or AND or OR")
    name, body = next(iter(audience.items()))
    inner = scope._replace(depth=scope.depth + 1)
    if name in ("AND", "OR"):
        if not isinstance(body, list):
            raise ValueError(f"audience: {name} takes a list of filters")
        tests = [connected(entry, inner) for entry in body]
        if name == "AND":
            return lambda person: all(test(person) for test in tests)
        return lambda person: not tests or any(test(person) for test in tests)
    asked = body if isinstance(body, dict) else {}
    comparison, value = asked.get("comparison"), asked.get("value")
    if name == "custom_attribute":
        return _attribute(asked.get("custom_attribute_name"), comparison, value, inner)
    if name in _SUBSCRIPTIONS:
        if comparison not in ("is", "is_not") or value not in _STATES:
            raise ValueError(f"audience: {name} takes is or is_not and one of {', '.join(_STATES)}")
        return compiled(Filter(kind=_SUBSCRIPTIONS[name], comparator=comparison, value=value), inner)
    if name == "last_used_app":
        if comparison not in ("after", "before"):
            raise ValueError("audience: last_used_app takes after or before")
        return compiled(Filter(kind="last_used_app", comparator=comparison, value=value), inner)
    raise ValueError(f"audience: filter {name!r:.60} is unknown")


def _attribute(name: Any, comparison: Any, value: Any, scope: Scope) -> Test:
    if not isinstance(name, str) or not name or not isinstance(comparison, str):
        raise ValueError("audience: custom_attribute needs custom_attribute_name and comparison")
    match comparison:
        case "exists":
            return lambda person: name in person.custom
        case "does_not_exist":
            return lambda person: name not in person.custom
        case "equals":
            wanted = checked("anything", value, name)
            return lambda person: _same(person.custom.get(name), wanted)
        case "not_equal" | "does_not_equal":
            wanted = checked("anything", value, name)
            return lambda person: not _same(person.custom.get(name), wanted)
        case "greater_than_or_equal_to" | "less_than_or_equal_to":
            bound = checked("number", value, name)
            sign = 1 if comparison.startswith("greater") else -1

            def reaches(person: Any) -> bool:
                held = person.custom.get(name)
                return _is_number(held) and sign * held >= sign * bound

            return reaches
    written = _WRITTEN.get(comparison)
    if written is None or not isinstance(value, written[0]):
        raise ValueError(f"audience: {comparison!r:.40} with {value!r:.40} is no comparison of an attribute")
    return compiled(Filter(kind=written[1], name=name, comparator=written[2], value=value), scope)


def _same(held: Any, wanted: Any) -> bool:
    return (
        type(held) is type(wanted) and held == wanted
        if isinstance(wanted, bool)
        else (not isinstance(held, bool) and held == wanted)
    )


def _is_number(held: Any) -> bool:
    return isinstance(held, int | float) and not isinstance(held, bool)
