"""AttributeShape: how an action's objects describe a person, so that the engine may leave parts of them out.

A page declares it when its objects set attributes on somebody's profile at the partner. The engine then
keeps older values from overwriting newer ones and, where the operator wants it, sends only what changed.

    {"external_id": "u1", "_merge_objects": true, "plan": "pro", "visits": {"inc": 1}}
     identifier           flag                    attribute       operation
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

JsonObject = dict[str, Any]


class ListEdits(msgspec.Struct, frozen=True, kw_only=True):
    """The words the partner uses to edit a list of objects in place.

    {add: [object], remove: [{key: name, value: it}], update: [{key: name, value: it, new: object}]}
    They are applied in the order add, remove, update; `update` replaces the object, or merges into it
    under the merge flag.
    """

    add: str
    remove: str
    update: str
    key: str
    value: str
    new: str

    @property
    def words(self) -> frozenset[str]:
        """The three operations."""
        return frozenset({self.add, self.remove, self.update})


class AttributeShape(msgspec.Struct, frozen=True, kw_only=True):
    """What each member of an attribute object is. A member named nowhere is a *custom* attribute.

    identifiers   say who; the first that has a value is the person's key
    lookups       say who when there is no identifier, and are attributes otherwise
    flags         say how to apply the object; stored nowhere
    merge_flag    the flag under which object values are merged into what is there; "" when there is none
    fixed         the partner's own attributes, always replaced whole
    metered       those of `fixed` that cost a data point
    carried       those of `fixed` that a merge takes over where the kept profile lacks them
    always        attributes that travel even when nothing changed; they keep their order in time
    untimed       attributes that travel always and in any order
    entries       list attributes whose entries stand alone, by the member that names an entry
    edits         how a list of objects is edited in place; None when it cannot be
    operates      whether a value changes what is there rather than replacing it ({"inc": 1})
    storable      whether the partner surely stores a custom value exactly as sent
    short         characters up to which it surely stores every text
    flat          whether an object value has plain members only, and few: with texts up to `short`, all
                  objects with the same members of the same kinds are then stored, operate and cost alike
    proves        whether an accepted object proves that its profile exists: the partner may accept and
                  drop an object about somebody it does not know
    """

    identifiers: tuple[str, ...]
    lookups: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    merge_flag: str = ""
    fixed: frozenset[str] = frozenset()
    metered: frozenset[str] = frozenset()
    carried: frozenset[str] = frozenset()
    always: frozenset[str] = frozenset()
    untimed: frozenset[str] = frozenset()
    entries: Mapping[str, str] = {}
    edits: ListEdits | None = None
    operates: Callable[[JsonObject], bool]
    storable: Callable[[Any], bool]
    short: int = 0
    flat: Callable[[JsonObject], bool]
    proves: Callable[[JsonObject], bool]


class Disturbance(msgspec.Struct, frozen=True, kw_only=True):
    """Whose attributes an object of another action changes in a way nobody can follow from here.

    present    objects with identifiers of people who are there once it has arrived
    forgotten  likewise, of people whose values are not known any more
    erased     likewise, of people whose profiles are gone
    joined     the people forgotten and erased may be one profile from now on: the first of `forgotten`
    slot       what the first can have only one of: whoever comes second in it is not joined; "" for no limit
    """

    present: tuple[JsonObject, ...] = ()
    forgotten: tuple[JsonObject, ...] = ()
    erased: tuple[JsonObject, ...] = ()
    joined: bool = False
    slot: str = ""


Disturbs = Callable[[JsonObject], Disturbance]
