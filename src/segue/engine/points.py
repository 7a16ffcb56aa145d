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


class Spending(msgspec.Struct):
    """What a row's attributes cost, once the partner took them or nothing of them was left to send.

    row    says which subscription, event and kind
    sent   attribute -> data points it cost
    saved  attribute -> data points it would have cost more, had the row been sent whole; less than nothing
           where a value had to be said in more words than it came in
    times  rows it is of, all with that subscription, event and kind, each at this cost
    """

    row: Row
    sent: Mapping[str, int]
    saved: Mapping[str, int]
    times: int = 1


class Meter:
    """Counts the objects of one action."""

    def __init__(self, shape: AttributeShape) -> None:
        self._shape = shape
        self.short = shape.short
        self._metered = shape.metered
        self._free = (
            shape.fixed | shape.flags | frozenset(shape.identifiers) | frozenset(shape.lookups)
        ) - shape.metered

    def of_object(self, item: JsonObject) -> int:
        """Data points of one attribute object, provided the partner takes it."""
        return sum(self.by_attribute(item).values())

    def by_attribute(self, item: JsonObject) -> dict[str, int]:
        """Attribute -> data points; what costs nothing is left out."""
        found: dict[str, int] = {}
        metered, free, short = self._metered, self._free, self.short
        for name, value in item.items():
            if name in free:
                continue
            kind = type(value)
            if name in metered or kind in SMALL or (kind is str and len(value) <= short):
                found[name] = 1
            elif points := self.of_value(value):
                found[name] = points
        return found

    def looks_at(self, name: str) -> bool:
        """Whether what an attribute costs depends on its value."""
        return name not in self._free and name not in self._metered

    def of_value(self, value: Any) -> int:
        """Data points of a custom attribute's value; 0 for what the partner may not store."""
        return of_custom(value, self._shape) if self._shape.storable(value) else 0


SMALL: Final = frozenset({int, bool, type(None)})
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
    count = len(value)
    for part in value.values():
        if type(part) is dict:
            count += of_leaves(part) - 1
    return count or 1


def _of_operation(value: JsonObject, shape: AttributeShape) -> int:
    edits = shape.edits
    if edits is None or not value.keys() <= edits.words:
        return 1
    return (
        sum(of_leaves(entry) for entry in value.get(edits.add, ()))
        + len(value.get(edits.remove, ()))
        + sum(of_leaves(entry[edits.new]) for entry in value.get(edits.update, ()))
    )
