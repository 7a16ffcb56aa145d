"""Triggers as text again: `generate` is the inverse of parsing.

Parsing what was generated gives the same conditions, with one exception: a few values of ``match`` hold
quotes and stars in an order that no text can express; they raise InvalidTrigger.
"""

import re
from decimal import Decimal
from typing import Final

from segue.language.condition import KINDS, NAMED, Condition, Group, Node, Value
from segue.language.javascript import text_of
from segue.language.published import Loose, Reading
from segue.model.errors import InvalidTrigger


def generate(node: Node) -> str:
    """Write conditions as a trigger, with as few parentheses as its structure needs."""
    if isinstance(node, Group) and node.operator != "not":
        return _list(node)
    return _member(node)


def generate_loose(reading: Reading) -> str:
    """Write the published reading of a trigger; what has no meaning there becomes ``nothing``."""
    if isinstance(reading, Loose):
        joint = f" {reading.operator} "
        return joint.join(
            f"({generate_loose(child)})" if isinstance(child, Loose) else generate_loose(child)
            for child in reading.children
        )
    return "nothing" if reading is None else _condition(reading)


_NEGATIONS: Final = {
    "not_contains": "contains",
    "not_starts_with": "starts_with",
    "not_ends_with": "ends_with",
}
_SHORTHANDS: Final = {
    "exists": "!= null",
    "not_exists": "= null",
    "is_true": "= true",
    "is_false": "= false",
}


def _list(group: Group) -> str:
    return f" {group.operator} ".join(map(_member, group.children))


def _member(node: Node) -> str:
    if isinstance(node, Condition):
        return _condition(node)
    if node.operator == "not":
        return f"!({generate(node.children[0])})"
    return f"({_list(node)})"


def _condition(condition: Condition) -> str:
    field = _field(condition)
    operator, value = condition.operator, condition.value
    if operator in _SHORTHANDS:
        return f"{field} {_SHORTHANDS[operator]}"
    sign = "!" if operator in _NEGATIONS else ""
    match _NEGATIONS.get(operator, operator):
        case "contains":
            return f"{sign}contains({field}, {_text(text_of(value))})"
        case "starts_with":
            return f"{sign}match({field}, {_prefix(text_of(value))})"
        case "ends_with":
            return f"{sign}match({field}, {_suffix(text_of(value))})"
        case "number_equals" if condition.type in NAMED:
            return f"{field} = {_literal(value)}"
        case "number_not_equals" if condition.type in NAMED:
            return f"{field} != {_literal(value)}"
    return f"{field} {operator} {_literal(value)}"


def _literal(value: Value | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return "NaN"
    return format(Decimal(repr(value)), "f")


def _text(value: str) -> str:
    if '"' not in value:
        return f'"{value}"'
    return _word(value)


def _prefix(value: str) -> str:
    if '"' in value:
        raise InvalidTrigger(f"no text of match(…) expresses: starts with {value!r}")
    return f'"{value}*"'


def _suffix(value: str) -> str:
    if not value:
        return '""'
    if '"' not in value and not value.endswith("*"):
        return f'"*{value}"'
    if value.endswith('*"'):
        raise InvalidTrigger(f"no text of match(…) expresses: ends with {value!r}")
    return _word("*" + value)


_START: Final = re.compile(r"[A-Za-z_]")
_REST: Final = re.compile(r"[A-Za-z0-9_-]")


def _word(value: str) -> str:
    """Write a text as a bare word: a backslash before everything that is no letter, digit, ``_`` or ``-``."""
    if any(character > "\uffff" for character in value):
        raise InvalidTrigger(f"no text of a trigger expresses {value!r}: it holds a quote and an emoji")
    plain = _START.fullmatch(value[0]) and value not in _RESERVED
    first = value[0] if plain else f"\\{value[0]}"
    return first + "".join(c if _REST.fullmatch(c) else f"\\{c}" for c in value[1:])


_RESERVED: Final = frozenset({"and", "or", "null"})


def _field(condition: Condition) -> str:
    root = KINDS[condition.type]
    if condition.type not in NAMED:
        return root
    segments = condition.name.split(".")
    name = ".".join(map(_word, segments)) if all(segments) else _word(condition.name)
    return f"{root}.{name}" if root else name
