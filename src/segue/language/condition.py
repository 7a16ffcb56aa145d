"""Conditions: the parts of a trigger, how they are written, tested and stored.

    Group("and", (Condition("event-type", "=", value="track"), Condition("event-property", ">", "total", 10)))

JSON form, the published one:
    {"type": "group", "operator": "and", "children": [
      {"type": "event-type", "operator": "=", "value": "track"},
      {"type": "event-property", "name": "total", "operator": ">", "value": 10}]}

Beyond the published form there are a group operator ``not`` (one child) and the type ``event-field``,
any other member of the event, with its path as name (``anonymousId``, ``integrations.All``).
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from segue.language.javascript import UNDEFINED, is_number, number_of, text_of
from segue.language.path import lookup
from segue.language.scanner import Token
from segue.model.errors import InvalidTrigger

Value = str | int | float | bool


class Condition(msgspec.Struct, frozen=True):
    """One test of one value.

    type      a key of KINDS
    operator  a key of TESTS
    name      path inside properties, traits or context, or of the event; "" for the top-level types
    value     what to compare with; None for operators that compare with nothing
    """

    type: str
    operator: str
    name: str = ""
    value: Value | None = None


class Group(msgspec.Struct, frozen=True):
    """Conditions that hold together: all (``and``), any (``or``) or none (``not``, one child)."""

    operator: Literal["and", "or", "not"]
    children: tuple["Node", ...]


Node = Condition | Group

KINDS: Final[Mapping[str, str]] = {
    "event-type": "type",
    "event": "event",
    "name": "name",
    "userId": "userId",
    "event-property": "properties",
    "event-trait": "traits",
    "event-context": "context",
    "event-field": "",
}
"""Condition type -> the word it is written with."""

TYPES: Final = {word: kind for kind, word in KINDS.items() if word}
"""First word of a field -> condition type."""

NAMED: Final = frozenset({"event-property", "event-trait", "event-context", "event-field"})
"""Types whose conditions carry a name."""

FIELDS: Final = frozenset(
    {
        "anonymousId",
        "category",
        "channel",
        "groupId",
        "integrations",
        "messageId",
        "originalTimestamp",
        "previousId",
        "projectId",
        "receivedAt",
        "sentAt",
        "timestamp",
        "version",
        "writeKey",
    }
)
"""Further members of an event that a trigger may ask for, as ``event-field``."""


def _texts(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda actual, expected: type(actual) is str and test(actual, text_of(expected))


def _numbers(test: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    return lambda actual, expected: is_number(actual) and test(actual, number_of(expected))


TESTS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": lambda actual, expected: type(actual) is str and actual == text_of(expected),
    "!=": lambda actual, expected: type(actual) is not str or actual != text_of(expected),
    "number_equals": _numbers(lambda actual, expected: actual == expected),
    "number_not_equals": _numbers(lambda actual, expected: actual != expected),
    "<": _numbers(lambda actual, expected: actual < expected),
    "<=": _numbers(lambda actual, expected: actual <= expected),
    ">": _numbers(lambda actual, expected: actual > expected),
    ">=": _numbers(lambda actual, expected: actual >= expected),
    "contains": _texts(lambda actual, expected: expected in actual),
    "not_contains": _texts(lambda actual, expected: expected not in actual),
    "starts_with": _texts(lambda actual, expected: actual.startswith(expected)),
    "not_starts_with": _texts(lambda actual, expected: not actual.startswith(expected)),
    "ends_with": _texts(lambda actual, expected: actual.endswith(expected)),
    "not_ends_with": _texts(lambda actual, expected: not actual.endswith(expected)),
    "exists": lambda actual, expected: actual is not UNDEFINED and actual is not None,
    "not_exists": lambda actual, expected: actual is UNDEFINED or actual is None,
    "is_true": lambda actual, expected: actual is True,
    "is_false": lambda actual, expected: actual is False,
}
"""Operator -> test of (actual value, expected value)."""

UNARY: Final = frozenset({"exists", "not_exists", "is_true", "is_false"})


# --- testing ------------------------------------------------------------------------------------


def actual_of(condition: Condition, event: Mapping[str, Any]) -> Any:
    """Find the value a condition speaks of; UNDEFINED when there is none."""
    return lookup(event, keys_of(condition.type, condition.name))


def holds(node: Node, event: Mapping[str, Any]) -> bool:
    """Say whether a condition or group holds for an event; members are tried from left to right."""
    if isinstance(node, Condition):
        return TESTS[node.operator](actual_of(node, event), node.value)
    if node.operator == "and":
        return all(holds(child, event) for child in node.children)
    if node.operator == "or":
        return any(holds(child, event) for child in node.children)
    return not holds(node.children[0], event)


_PIECES: Final = re.compile(r"[.\[\]]+")


@lru_cache(maxsize=4096)
def keys_of(kind: str, name: str) -> tuple[str, ...]:
    """Give the keys a condition's value is found by, from the event down."""
    root = KINDS[kind]
    if kind not in NAMED:
        return (root,)
    keys = tuple(piece for piece in _PIECES.split(name) if piece)
    return (root, *keys) if root else keys


# --- from tokens --------------------------------------------------------------------------------


def value_of(token: Token) -> Value:
    """Read a token as a value: text without its double quotes, number, boolean, or the word itself."""
    if token.kind == "text":
        return token.value[1:-1] if token.value[0] == '"' else token.value
    if token.kind == "number":
        number = number_of(token.value)
        return int(number) if number == number and abs(number) < 2**53 and number == int(number) else number
    if token.kind == "word" and token.value in ("true", "false"):
        return token.value == "true"
    return token.value


def comparison(kind: str, name: str, operator: str, token: Token) -> Condition:
    """Build the condition of ``field operator value``."""
    if kind not in ("event", "event-type") and operator in ("=", "!="):
        shorthand = _shorthand(kind, operator, token)
        if shorthand is not None:
            return Condition(kind, shorthand, name)
        if kind in NAMED and token.kind == "number":
            operator = "number_equals" if operator == "=" else "number_not_equals"
    value = value_of(token)
    return Condition(kind, operator, name, value if kind in NAMED else text_of(value))


def call(function: str, kind: str, name: str, token: Token, *, negated: bool) -> Condition:
    """Build the condition of ``contains(field, value)`` or ``match(field, value)``."""
    value = text_of(value_of(token))
    if function == "match":
        if token.value.endswith('*"'):
            function, value = "starts_with", value[:-1]
        else:
            function, value = "ends_with", value[1:]
    return Condition(kind, f"not_{function}" if negated else function, name, value)


def _shorthand(kind: str, operator: str, token: Token) -> str | None:
    if token.value == "null":
        return "exists" if operator == "!=" else "not_exists"
    if operator == "=" and kind != "name" and token.value in ("true", "false"):
        return f"is_{token.value}"
    return None


# --- JSON ---------------------------------------------------------------------------------------


def to_json(node: Node) -> dict[str, Any]:
    """Give the JSON form of a condition or group."""
    if isinstance(node, Group):
        children = [to_json(child) for child in node.children]
        return {"type": "group", "operator": node.operator, "children": children}
    form: dict[str, Any] = {"type": node.type, "operator": node.operator}
    if node.type in NAMED:
        form["name"] = node.name
    if node.value is not None:
        form["value"] = node.value
    return form


def from_json(form: Any) -> Node:
    """Read the JSON form of a condition or group. Raises InvalidTrigger."""
    return _from_json(form, 0)


DEEPEST: Final = 60
"""Most levels of groups inside one another."""


def _from_json(form: Any, depth: int) -> Node:
    if not isinstance(form, Mapping):
        raise InvalidTrigger(f"a condition must be a JSON object, found {type(form).__name__}")
    kind, operator = form.get("type"), form.get("operator")
    if kind == "group":
        children = form.get("children")
        if operator not in ("and", "or", "not") or not isinstance(children, list | tuple):
            raise InvalidTrigger('a group needs an operator "and", "or" or "not" and a list of children')
        if depth > DEEPEST:
            raise InvalidTrigger(f"groups stand more than {DEEPEST} deep in one another")
        if operator == "not" and len(children) != 1:
            raise InvalidTrigger(f'a group "not" has exactly one child, found {len(children)}')
        return Group(operator, tuple(_from_json(child, depth + 1) for child in children))
    if not isinstance(kind, str) or kind not in KINDS:
        raise InvalidTrigger(f"unknown condition type {kind!r}; expected one of {', '.join(KINDS)}")
    if not isinstance(operator, str) or operator not in TESTS:
        raise InvalidTrigger(f"unknown operator {operator!r}; expected one of {', '.join(TESTS)}")
    name, value = form.get("name", ""), form.get("value")
    if not isinstance(name, str) or (kind in NAMED) != bool(name):
        raise InvalidTrigger(f"a condition of type {kind} {'needs a' if kind in NAMED else 'has no'} name")
    if not isinstance(value, str | int | float | bool | None) or (value is None) != (operator in UNARY):
        raise InvalidTrigger(f"the value of a condition with operator {operator} cannot be {value!r}")
    return Condition(kind, operator, name, value)
