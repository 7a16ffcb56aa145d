"""From the value a partner has to the value it should have, in the fewest data points.

    patch({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}})  == {"b": {"c": 3}}     to be merged
    patch({"a": 1, "b": 2}, {"a": 1})                        is None                b has to go: send it whole
    edited([{"id": 1, "n": 1}], [{"id": 1, "n": 2}], words)  == {"$update": [{… "$new_object": {"n": 2}}]}

Values are JSON. True is not 1, and 1 is not 1.0.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from segue.kit.attributes import JsonObject, ListEdits

IDENTIFYING: Final = "id"
"""The member tried first when the objects of a list are to be told apart."""


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, type for type."""
    if type(one) is not type(other) or one != other:
        return False
    # Equal containers may differ in types within; written out in the same order they cannot.
    return (
        type(one) not in _CONTAINERS or orjson.dumps(one) == orjson.dumps(other) or _same_within(one, other)
    )


def patch(held: JsonObject, wanted: JsonObject) -> JsonObject | None:
    """What to merge into `held` to get `wanted`; None when merging cannot: a key has to go.

    Empty when they are the same.
    """
    if not held.keys() <= wanted.keys():
        return None
    found: JsonObject = {}
    for key, value in wanted.items():
        if key not in held:
            found[key] = value
        elif is_branch(held[key]) and is_branch(value):
            inner = patch(held[key], value)
            if inner is None:
                return None
            if inner:
                found[key] = inner
        elif not same(held[key], value):
            found[key] = value
    return found


def news(held: JsonObject, sent: JsonObject) -> JsonObject:
    """What of an object that is to be merged says something new; keys it does not name stay."""
    found: JsonObject = {}
    for key, value in sent.items():
        if key not in held:
            found[key] = value
        elif is_branch(held[key]) and is_branch(value):
            if inner := news(held[key], value):
                found[key] = inner
        elif not same(held[key], value):
            found[key] = value
    return found


def merged(held: JsonObject, sent: JsonObject) -> JsonObject:
    """Both as one: objects joined key by key, everything else as sent."""
    joined = dict(held)
    for key, value in sent.items():
        old: Any = joined.get(key, value)
        joined[key] = merged(old, value) if is_branch(old) and is_branch(value) else value
    return joined


def edited(
    held: Sequence[JsonObject], wanted: Sequence[JsonObject], words: ListEdits, *, merging: bool
) -> JsonObject | None:
    """The edit that turns one list of objects into another; None when none does.

    merging  whether an update is merged into the object or replaces it
    The objects are told apart by a member that all have and no two share. An edit keeps the order and adds
    at the end, so a list in another order cannot be reached.
    """
    key = _identifying(held, wanted)
    if key is None:
        return None
    old = {entry[key]: entry for entry in held}
    new = {entry[key]: entry for entry in wanted}
    added = [name for name in new if name not in old]
    if [name for name in old if name in new] + added != list(new):
        return None
    changed = []
    for name, entry in new.items():
        if name in old and not same(old[name], entry):
            instead = patch(old[name], entry) if merging else entry
            if instead is None:
                return None
            changed.append({words.key: key, words.value: name, words.new: instead})
    edit = {
        words.add: [new[name] for name in added],
        words.remove: [{words.key: key, words.value: name} for name in old if name not in new],
        words.update: changed,
    }
    return {word: entries for word, entries in edit.items() if entries}


def is_branch(value: Any) -> bool:
    """Whether a value is an object with members of its own, and not a marked value ({"$time": …})."""
    return type(value) is dict and not (len(value) == 1 and next(iter(value)).startswith("$"))


def is_objects(value: Any) -> bool:
    """Whether a value is a list of objects, with at least one in it."""
    return type(value) is list and bool(value) and all(type(entry) is dict for entry in value)


def leaves(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of everything an object holds, paths with dots; an empty object is a value."""
    for key, part in value.items():
        if part and is_branch(part):
            yield from leaves(part, f"{before}{key}.")
        else:
            yield before + key, part


def pruned(value: JsonObject, gone: frozenset[str], before: str = "") -> JsonObject:
    """An object without the leaves at these paths, nor the objects that are empty without them."""
    kept: JsonObject = {}
    for key, part in value.items():
        if part and is_branch(part):
            if inner := pruned(part, gone, f"{before}{key}."):
                kept[key] = inner
        elif before + key not in gone:
            kept[key] = part
    return kept


_CONTAINERS: Final = frozenset({dict, list})
_NAMES: Final = frozenset({str, int})


def _same_within(one: Any, other: Any) -> bool:
    """Equal containers, looked through for True that equals 1."""
    if type(one) is list:
        return all(map(same, one, other))
    return all(same(value, other[key]) for key, value in one.items())


def _identifying(held: Sequence[JsonObject], wanted: Sequence[JsonObject]) -> str | None:
    for key in sorted(wanted[0], key=lambda name: name != IDENTIFYING):
        if all(_tells_apart(key, entries) for entries in (held, wanted)):
            return key
    return None


def _tells_apart(key: str, entries: Sequence[JsonObject]) -> bool:
    names = {entry[key] for entry in entries if key in entry and type(entry[key]) in _NAMES}
    return len(names) == len(entries)
