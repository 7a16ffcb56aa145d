"""What an attribute object costs: data points by the rules of contracts that count them.

Every attribute set costs, changed or not: 1 for a value, a whole list, an operation or a null; for an object
1 per key it carries at all its levels; for a list of objects the sum of its objects; an edit of such a list
as much as what it adds or updates, and 1 per object it removes.

Source  Braze docs, "Data points (Legacy)", read 2026-11-24
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from segue.kit.attributes import AttributeShape, JsonObject
from segue.model.delivery import Row

MOST_PRICED: Final = 50_000
"""Objects whose price is kept in mind: people are told the same again and again."""


class Spending(msgspec.Struct, frozen=True):
    """What one row's attributes cost, once the partner took them or nothing of them was left to send.

    row    says which subscription, event, kind, person and messageId
    sent   attribute -> data points it cost
    saved  attribute -> data points it would have cost more, had the row been sent whole; less than nothing
           where a value had to be said in more words than it came in
    """

    row: Row
    sent: Mapping[str, int]
    saved: Mapping[str, int]


class Meter:
    """Counts the objects of one action."""

    def __init__(self, shape: AttributeShape) -> None:
        self._shape = shape
        self._metered = shape.metered
        self._free = (
            shape.fixed | shape.flags | frozenset(shape.identifiers) | frozenset(shape.lookups)
        ) - shape.metered
        self._priced: dict[int, int] = {}

    def of_object(self, item: JsonObject) -> int:
        """Data points of one attribute object, provided the partner takes it."""
        return sum(self.by_attribute(item).values())

    def of_item(self, item: bytes, read: JsonObject) -> int:
        """Likewise, of an object as it travels; the same bytes are counted once."""
        key = hash(item)
        cost = self._priced.get(key)
        if cost is None:
            if len(self._priced) >= MOST_PRICED:
                self._priced.clear()
            cost = self._priced[key] = self.of_object(read)
        return cost

    def by_attribute(self, item: JsonObject) -> dict[str, int]:
        """Attribute -> data points; what costs nothing is left out."""
        found: dict[str, int] = {}
        metered, free, shape = self._metered, self._free, self._shape
        for name, value in item.items():
            if name in metered or (type(value) in _SMALL and name not in free):
                found[name] = 1
            elif name not in free and shape.storable(value) and (points := of_custom(value, shape)):
                found[name] = points
        return found


_SMALL: Final = frozenset({int, bool, type(None)})
"""Types whose values are stored as sent, always."""


def of_custom(value: Any, shape: AttributeShape) -> int:
    """Data points of a custom attribute's value, whole or an operation."""
    if type(value) is list and value and isinstance(value[0], dict):
        return sum(of_leaves(element) for element in value)
    if type(value) is not dict:
        return 1
    if not shape.operates(value):
        return of_leaves(value)
    return _of_operation(value, shape)


def of_leaves(value: JsonObject) -> int:
    """Keys at all levels of an object, those that only hold other objects not counted; at least 1."""
    return sum(of_leaves(part) if isinstance(part, dict) else 1 for part in value.values()) or 1


def _of_operation(value: JsonObject, shape: AttributeShape) -> int:
    edits = shape.edits
    if edits is None or not value.keys() <= edits.words:
        return 1
    return (
        sum(of_leaves(entry) for entry in value.get(edits.add, ()))
        + len(value.get(edits.remove, ()))
        + sum(of_leaves(entry[edits.new]) for entry in value.get(edits.update, ()))
    )
