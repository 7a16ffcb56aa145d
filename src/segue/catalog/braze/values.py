"""Values as Braze takes them: gender letters, names that are taken, nulls that would spoil an object.

Source  Braze docs, "User attributes object", "Event object", "Purchase object", read 2026-11-23
"""

from collections.abc import Mapping
from typing import Any, Final

from segue.kit.action import JsonObject

Notes = list[tuple[str, str]]

GENDERS: Final[Mapping[str, str]] = {
    word: letter
    for letter, words in {
        "M": ("man", "male", "m"),
        "F": ("woman", "female", "w", "f"),
        "O": ("other", "o"),
        "N": ("not applicable", "n"),
        "P": ("prefer not to say", "p"),
    }.items()
    for word in words
}

EVENT_PROPERTIES_TAKEN: Final = frozenset({"time", "event_name"})
PURCHASE_PROPERTIES_TAKEN: Final = frozenset(
    {"time", "product_id", "quantity", "event_name", "price", "currency"}
)
"""Names Braze refuses among properties, with the whole object."""


def gender(value: Any) -> Any:
    """The letter Braze knows for a gender in words; what it does not know stays as it is."""
    return GENDERS.get(value.lower(), value) if isinstance(value, str) else value


def without_taken(properties: JsonObject, taken: frozenset[str], notes: Notes) -> JsonObject:
    """Leave out properties whose names Braze reserves; each is noted."""
    if taken.isdisjoint(properties):
        return properties
    notes.extend(
        (f"properties.{name}", "reserved name, removed") for name in sorted(taken & properties.keys())
    )
    return {name: value for name, value in properties.items() if name not in taken}


def without_inner_nulls(value: Any, depth: int = 0) -> Any:
    """Leave out null members of an object at every depth, objects inside lists included.

    Braze drops the whole update of a nested attribute that holds a null. A value without any is given back
    as it is, not copied. Below MOST_DEPTH nothing is changed; Braze takes no such thing anyway.
    """
    if value.__class__ is dict and depth <= MOST_DEPTH:
        cleaned = {
            key: without_inner_nulls(member, depth + 1) if member.__class__ in _NESTED else member
            for key, member in value.items()
            if member is not None
        }
        same = len(cleaned) == len(value) and all(value[key] is member for key, member in cleaned.items())
        return value if same else cleaned
    if value.__class__ is list and depth <= MOST_DEPTH:
        elements = [
            without_inner_nulls(element, depth + 1) if element.__class__ in _NESTED else element
            for element in value
        ]
        same = all(new is old for new, old in zip(elements, value, strict=True))
        return value if same else elements
    return value


def has_inner_nulls(value: Any, depth: int = 0) -> bool:
    """Say whether `without_inner_nulls` would change a value, an object or a list."""
    if depth > MOST_DEPTH:
        return False
    members = value
    if value.__class__ is dict:
        members = value.values()
        if None in members:
            return True
    if _NESTED.isdisjoint(map(type, members)):
        return False
    return any(member.__class__ in _NESTED and has_inner_nulls(member, depth + 1) for member in members)


MOST_DEPTH: Final = 50

_NESTED: Final[frozenset[type]] = frozenset({dict, list})
