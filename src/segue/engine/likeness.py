"""Likeness: what an object says by the names and kinds of its members alone, worked out once for all alike.

    likeness = likenesses.of(object, control)
    likeness.touched(object, when)      # == unreduced(...).touched, of an object that is `is_plain`
    likeness.costs(object)              # == meter.by_attribute(object)

Most objects of a destination have the same members, so a handful of likenesses serves all of them, and only
texts and nested values are looked at again.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import orjson

from segue.engine.entry import Operation, Touch, Whole
from segue.engine.points import SMALL, Meter
from segue.engine.profile import Prepared
from segue.kit.attributes import AttributeShape, JsonObject

MOST: Final = 4096
"""Different likenesses kept in memory."""

_SURE: Final = SMALL | {float, str}
"""Kinds that all cost the same: numbers in JSON are finite, and texts are looked at by their length."""

MOST_INNER: Final = 64
"""Different flat objects that objects which are alike otherwise may have."""

MOST_COSTS: Final = 64
"""Different costs kept of one likeness: nested values differ in size."""


class Likeness:
    """Objects with the same members, of the same kinds, whose flat objects are alike as well.

    is_plain  each attribute is replaced whole, or by an operation: nothing is merged into what is there
    names     the attributes, in their order
    timed     those with a clock, when each of them is replaced by a value that need not be known; else None

    flat, when it is made: attributes that are flat objects (`AttributeShape.flat`) with the same members
    """

    def __init__(
        self,
        item: JsonObject,
        control: frozenset[str],
        shape: AttributeShape,
        meter: Meter,
        flat: Sequence[str],
    ) -> None:
        self.is_plain = shape.merge_flag not in item and not any(
            name in shape.entries and type(value) is list for name, value in item.items()
        )
        self.names = tuple([name for name in item if name not in control])
        self._timed = tuple([name for name in self.names if name not in shape.untimed])
        self._empty = tuple([name for name in self._timed if item[name] is None])
        objects = [name for name in self._timed if type(item[name]) is dict and name not in shape.fixed]
        self._operations = tuple([name for name in objects if name in flat and shape.operates(item[name])])
        self._objects = tuple([name for name in objects if name not in flat])
        is_whole = not (self._empty or self._operations or self._objects)
        self.timed = self._timed if is_whole else None
        self._operates = shape.operates
        self._meter = meter
        costly = {name: value for name, value in item.items() if meter.looks_at(name)}
        self._texts = _getter([name for name, value in costly.items() if type(value) is str])
        inner = {
            name: _getter([key for key, text in item[name].items() if type(text) is str]) for name in flat
        }
        self._inner = tuple([(name, texts) for name, texts in inner.items() if texts is not None])
        self._valued = tuple(
            [name for name, value in costly.items() if type(value) not in _SURE and name not in flat]
        )
        self._by_cost: dict[tuple[int, ...], Mapping[str, int]] = {}

    def touched(self, item: JsonObject, when: int) -> dict[str, Touch]:
        """What the arrival of an object, whole, means for each attribute."""
        touched: dict[str, Touch] = dict.fromkeys(self._timed, Whole(when))
        for name in self._empty:
            touched[name] = Whole(
                when, known=True
            )  # that there is nothing is worth knowing: a merge fills it
        for name in self._operations:
            touched[name] = Operation()
        for name in self._objects:
            if self._operates(item[name]):
                touched[name] = Operation()
        return touched

    def costs(self, item: JsonObject) -> Mapping[str, int]:
        """Attribute -> data points, the same mapping for all that cost the same; not to be changed."""
        meter = self._meter
        if self._texts is not None and max(map(len, self._texts(item))) > meter.short:
            return meter.by_attribute(item)
        for name, texts in self._inner:
            if max(map(len, texts(item[name]))) > meter.short:
                return meter.by_attribute(item)
        points = tuple([meter.of_value(item[name]) for name in self._valued]) if self._valued else ()
        found = self._by_cost.get(points)
        if found is None:
            if len(self._by_cost) >= MOST_COSTS:
                self._by_cost.clear()
            found = self._by_cost[points] = meter.by_attribute(item)
        return found


_Family = tuple[tuple[str, ...], dict[tuple[Any, ...], Likeness]]
"""The attributes that are objects, and the likenesses by the members and kinds of those."""


class Likenesses:
    """The likenesses of one destination's objects."""

    def __init__(self, shape: AttributeShape, meter: Meter) -> None:
        self._shape = shape
        self._meter = meter
        self._found: dict[tuple[Any, ...], _Family] = {}

    def of(self, item: JsonObject, control: frozenset[str]) -> Likeness:
        """The likeness of an object. control: the members that say who and how."""
        alike = (control, *item, *map(type, item.values()))
        family = self._found.get(alike)
        if family is None:
            family = self._add(alike, item)
        objects, known = family
        inner: tuple[Any, ...] = ()
        for name in objects:
            value = item[name]
            inner = (*inner, len(value), *value, *map(type, value.values()))
        return known.get(inner) or self._met(alike, inner, item)

    def _add(self, alike: tuple[Any, ...], item: JsonObject) -> _Family:
        if len(self._found) >= MOST:
            self._found.clear()
        apart = alike[0] | self._shape.fixed
        objects = [name for name, value in item.items() if type(value) is dict and name not in apart]
        family = self._found[alike] = (tuple(objects), {})
        return family

    def _met(self, alike: tuple[Any, ...], inner: tuple[Any, ...], item: JsonObject) -> Likeness:
        """Objects of a family that are met for the first time. Where flat objects differ without end, each is
        looked at by itself."""
        objects, known = self._found[alike]
        flat = [name for name in objects if self._shape.flat(item[name])]
        if len(known) >= MOST_INNER:
            inner, flat = (), []
            known = {}
            self._found[alike] = ((), known)
        found = known[inner] = Likeness(item, alike[0], self._shape, self._meter, flat)
        return found

    def whole(
        self, item: bytes, when: int, person: str, control: frozenset[str], index: int
    ) -> Prepared | None:
        """An object that leaves as it is, of which only the clocks are kept; None when it `is_plain` not."""
        found = orjson.loads(item)
        likeness = self.of(found, control)
        if not likeness.is_plain:
            return None
        costs, timed = likeness.costs(found), likeness.timed
        return Prepared(
            person=person,
            item=item,
            members=(index,),
            points=sum(costs.values()),
            costs=costs,
            whole=(costs,),
            changes=likeness.touched(found, when) if timed is None else None,
            timed=timed or (),
            when=when,
            proves=self._shape.proves(found),
        )


def _getter(names: list[str]) -> Callable[[JsonObject], tuple[Any, ...]] | None:
    """What gives the values of these members, always as a tuple; None for no members."""
    return itemgetter(*names, names[0]) if names else None
