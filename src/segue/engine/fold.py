"""Several updates of one person as few objects: in each attribute the value of the latest event.

Updates fold when one object can say what they say: the same person, the same flags, and no operation
({"inc": 1}) on an attribute that another of them sets. Otherwise several objects follow one another.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from segue.engine.difference import is_branch, leaves, merged
from segue.kit.attributes import AttributeShape, JsonObject


class Wish(msgspec.Struct, eq=False):
    """One update, read.

    index    its place among the updates of a request
    when     its event time, bounded
    control  the members that say who and how, not what
    alone    it must not share an object with others
    is_cut   some of its attributes were left out
    """

    index: int
    person: str
    item: bytes
    object: JsonObject
    when: int
    control: frozenset[str]
    alone: bool = False
    is_cut: bool = False


class Fold(msgspec.Struct, eq=False):
    """Updates that travel as one object.

    clocks  event times by attribute where they differ from `when`
    parts   event times of parts that stand alone, by attribute
    """

    wishes: list[Wish]
    object: JsonObject
    when: int
    clocks: dict[str, int] = {}
    parts: dict[str, dict[str, int]] = {}

    def clock(self, name: str) -> int:
        """The event time of an attribute's value."""
        return self.clocks.get(name, self.when)

    def clocks_of(self, name: str, parts: Iterable[str]) -> dict[str, int]:
        """The event times of an attribute's parts."""
        found = self.parts.get(name)
        return found if found is not None else dict.fromkeys(parts, self.clock(name))


def fold(wishes: Iterable[Wish], shape: AttributeShape) -> list[Fold]:
    """Fold the updates of one person, given oldest first.

    Only the last object holds several: should it be refused, they leave again one by one, and nothing
    later of the person has passed them.
    """
    folds: list[Fold] = []
    for wish in wishes:
        if folds and not wish.alone and _fits(folds[-1], wish, shape):
            _join(folds[-1], wish, shape)
        else:
            folds.append(single(wish))
    before = [single(wish) for each in folds[:-1] for wish in each.wishes]
    return [*before, *folds[-1:]]


def single(wish: Wish) -> Fold:
    """One update as an object of its own."""
    return Fold([wish], wish.object, wish.when)


def is_merging(item: JsonObject, shape: AttributeShape) -> bool:
    """Whether the object asks for its object values to be merged into what is there."""
    return shape.merge_flag in item and item[shape.merge_flag] in (True, "true")


def is_operation(name: str, value: Any, shape: AttributeShape) -> bool:
    """Whether a member changes what is there."""
    return type(value) is dict and name not in shape.fixed and shape.operates(value)


def parts_of(name: str, value: Any, shape: AttributeShape, merging: bool) -> list[str] | None:
    """Names of the parts of a value that replace only themselves; None when it replaces the attribute."""
    member = shape.entries.get(name)
    if member is not None:
        if type(value) is not list:
            return None
        names = [entry[member] for entry in value if type(entry) is dict and type(entry.get(member)) is str]
        return names if len(names) == len(value) else None
    if not merging or not value or not is_branch(value) or name in shape.fixed or shape.operates(value):
        return None
    return [path for path, _ in leaves(value)] if shape.storable(value) else None


def _fits(fold: Fold, wish: Wish, shape: AttributeShape) -> bool:
    if fold.wishes[0].alone or fold.wishes[0].control != wish.control:
        return False
    merging = is_merging(wish.object, shape)
    for name in fold.object.keys() | wish.object.keys():
        first, second = fold.object.get(name, _NOWHERE), wish.object.get(name, _NOWHERE)
        if name in wish.control:
            if first != second:
                return False
        elif first is _NOWHERE or second is _NOWHERE or name in shape.entries:
            continue
        elif (
            any(name in shape.untimed or is_operation(name, each, shape) for each in (first, second))
            # What the partner drops in silence must not take the place of what it stores.
            or (name not in shape.fixed and not shape.storable(second))
            # A removal or a plain value between two merges would be lost in one object.
            or (
                merging
                and (type(first) is dict or type(second) is dict)
                and any(parts_of(name, each, shape, True) is None for each in (first, second))
            )
        ):
            return False
    return True


def _join(fold: Fold, wish: Wish, shape: AttributeShape) -> None:
    merging = is_merging(wish.object, shape)
    joined = dict(fold.object)
    clocks = {name: fold.clock(name) for name in joined}
    parts = dict(fold.parts)
    for name, value in wish.object.items():
        if name in wish.control:
            continue
        new = parts_of(name, value, shape, merging)
        old = parts_of(name, joined[name], shape, merging) if name in joined else None
        if new is not None and old is not None:
            parts[name] = fold.clocks_of(name, old) | dict.fromkeys(new, wish.when)
            joined[name] = _together(name, joined[name], value, shape)
        else:
            parts.pop(name, None)
            joined[name] = value
        clocks[name] = wish.when
    fold.wishes.append(wish)
    fold.object, fold.clocks, fold.parts = joined, clocks, parts


def _together(name: str, first: Any, second: Any, shape: AttributeShape) -> Any:
    member = shape.entries.get(name)
    if member is None:
        return merged(first, second)
    return list({entry[member]: entry for entry in (*first, *second)}.values())


_NOWHERE = object()
