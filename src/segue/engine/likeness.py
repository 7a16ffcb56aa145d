"""Likeness: what an object says by the names and kinds of its members alone, worked out once for all alike.

    likeness = likenesses.of(object, control)
    likeness.touched(object, when)      # == unreduced(...).touched, of an object that is `is_plain`
    likeness.costs(object)              # == meter.by_attribute(object)

Most objects of a destination have the same members, so a handful of likenesses serves all of them, and only
texts and nested values are looked at again.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final

import orjson

from segue.engine.points import SMALL, Meter
from segue.engine.profile import Operation, Prepared, Touch, Whole
from segue.kit.attributes import AttributeShape, JsonObject

MOST: Final = 4096
"""Different likenesses kept in memory."""

_SURE: Final = SMALL | {float, str}
"""Kinds that all cost the same: numbers in JSON are finite, and texts are looked at by their length."""

MOST_COSTS: Final = 64
"""Different costs kept of one likeness: nested values differ in size."""


class Likeness:
    """Objects with the same members, of the same kinds.

    is_plain  each attribute is replaced whole, or by an operation: nothing is merged into what is there
    names     the attributes, in their order
    """

    def __init__(
        self, item: JsonObject, control: frozenset[str], shape: AttributeShape, meter: Meter
    ) -> None:
        self.is_plain = shape.merge_flag not in item and not any(
            name in shape.entries and type(value) is list for name, value in item.items()
        )
        self.names = tuple([name for name in item if name not in control])
        self._timed = tuple([name for name in self.names if name not in shape.untimed])
        self._empty = tuple([name for name in self._timed if item[name] is None])
        self._objects = tuple(
            [name for name in self._timed if type(item[name]) is dict and name not in shape.fixed]
        )
        self._operates = shape.operates
        self._meter = meter
        costly = {name: value for name, value in item.items() if meter.looks_at(name)}
        self._texts = _getter([name for name, value in costly.items() if type(value) is str])
        self._valued = tuple([name for name, value in costly.items() if type(value) not in _SURE])
        self._by_cost: dict[tuple[int, ...], Mapping[str, int]] = {}

    def touched(self, item: JsonObject, when: int) -> dict[str, Touch]:
        """What the arrival of an object, whole, means for each attribute."""
        touched: dict[str, Touch] = dict.fromkeys(self._timed, Whole(when))
        for name in self._empty:
            touched[name] = Whole(
                when, known=True
            )  # that there is nothing is worth knowing: a merge fills it
        for name in self._objects:
            if self._operates(item[name]):
                touched[name] = Operation()
        return touched

    def costs(self, item: JsonObject) -> Mapping[str, int]:
        """Attribute -> data points, the same mapping for all that cost the same; not to be changed."""
        meter = self._meter
        if self._texts is not None and max(map(len, self._texts(item))) > meter.short:
            return meter.by_attribute(item)
        points = tuple([meter.of_value(item[name]) for name in self._valued])
        found = self._by_cost.get(points)
        if found is None:
            if len(self._by_cost) >= MOST_COSTS:
                self._by_cost.clear()
            found = self._by_cost[points] = meter.by_attribute(item)
        return found


class Likenesses:
    """The likenesses of one destination's objects."""

    def __init__(self, shape: AttributeShape, meter: Meter) -> None:
        self._shape = shape
        self._meter = meter
        self._found: dict[tuple[Any, ...], Likeness] = {}

    def of(self, item: JsonObject, control: frozenset[str]) -> Likeness:
        """The likeness of an object. control: the members that say who and how."""
        alike = (control, *item, *map(type, item.values()))
        found = self._found.get(alike)
        if found is None:
            if len(self._found) >= MOST:
                self._found.clear()
            found = self._found[alike] = Likeness(item, control, self._shape, self._meter)
        return found

    def whole(
        self, item: bytes, when: int, person: str, control: frozenset[str], index: int
    ) -> Prepared | None:
        """An object that leaves as it is, of which only the clocks are kept; None when it `is_plain` not."""
        found = orjson.loads(item)
        likeness = self.of(found, control)
        if not likeness.is_plain:
            return None
        costs = likeness.costs(found)
        return Prepared(
            person=person,
            item=item,
            members=(index,),
            points=sum(costs.values()),
            costs=costs,
            whole=(costs,),
            touched=likeness.touched(found, when),
            proves=self._shape.proves(found),
        )


def _getter(names: list[str]) -> Callable[[JsonObject], tuple[Any, ...]] | None:
    """What gives the values of these members, always as a tuple; None for no members."""
    return itemgetter(*names, names[0]) if names else None
