"""Omission: attributes, and members of them, that a mapping leaves out by name.

without({"plan": "pro", "address": {"city": "Bern", "zip": "3000"}}, ["plan", "address.zip"])
{"address": {"city": "Bern"}}
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from segue.kit.action import JsonObject

Members = tuple[tuple[str, frozenset[str]], ...]
"""(attribute, its members to leave out)"""

NOTHING: Final[Members] = ()


def without(custom: JsonObject, omitted: Sequence[str]) -> JsonObject:
    """Leave out attributes by name, or members of them by ``name.member``; an object left empty goes too."""
    kept = dict(custom)
    for path in omitted:
        name, _, member = path.partition(".")
        if not member:
            kept.pop(name, None)
        elif isinstance(inner := kept.get(name), dict) and member in inner:
            rest_of_it = {key: value for key, value in inner.items() if key != member}
            if rest_of_it:
                kept[name] = rest_of_it
            else:
                del kept[name]
    return kept


@lru_cache
def read(taken: frozenset[str], omitted: tuple[str, ...]) -> tuple[frozenset[str], Members]:
    """What `without` leaves out, worked out once: whole attributes, those that are taken among them, and the
    members of others. Raises AttributeError for what is no path."""
    paths = [path.partition(".") for path in omitted]
    whole = taken.union(name for name, _, member in paths if not member)
    inner: dict[str, set[str]] = {}
    for name, _, member in paths:
        if name not in whole:
            inner.setdefault(name, set()).add(member)
    return whole, tuple((name, frozenset(members)) for name, members in inner.items())


def leave_out(attributes: JsonObject, name: str, members: frozenset[str]) -> None:
    """Leave out members of an attribute that is an object; left empty, it goes too."""
    value = attributes[name]
    kept = {key: each for key, each in value.items() if key not in members}
    if kept:
        attributes[name] = kept
    elif value:
        del attributes[name]
