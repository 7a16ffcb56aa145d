"""Entry: what one attribute is at the partner, as far as it is known, and what is on its way to it.

    (clock,)                      an older value than this was sent or overtaken; the value is not known
    (clock, parts)                likewise, and parts of it have clocks of their own: {"address.city": ms}
    (clock, parts, value)         the value; None when it was removed; 8 bytes that are its hash when it
                                  is not to be kept or may not be there exactly as sent
    (clock, parts, value, True)   some of its members; there may be others

    touch.after(entry)            the entry once what is on its way has been applied

Clocks are event times in milliseconds since the epoch.
"""

from typing import Any, Final

import msgspec
import xxhash

from segue.engine.difference import is_branch, merged, same
from segue.kit.attributes import JsonObject

Entry = tuple[Any, ...]

NEVER: Final = -(1 << 62)
"""The clock of an attribute that was never set whole."""


class Whole(msgspec.Struct, frozen=True, gc=False):
    """A value on its way that replaces the attribute. known: false when the value is not to be kept."""

    clock: int
    value: Any = None
    known: bool = False

    def after(self, entry: Entry | None) -> Entry:
        """The entry once this is applied."""
        if entry is not None and newest(entry) > self.clock:
            return forgotten(entry)  # settled out of order: nobody knows which came last
        return (self.clock, None, self.value) if self.known else (self.clock,)


class Parts(msgspec.Struct, frozen=True, gc=False):
    """Members on their way that replace only themselves. value: None when it is not to be kept."""

    clocks: dict[str, int]
    value: JsonObject | None = None

    def after(self, entry: Entry | None) -> Entry:
        """The entry once this is applied."""
        clock, old = (entry[0], parts_of(entry)) if entry is not None else (NEVER, {})
        parts = later(old, self.clocks)
        if self.value is None:
            return (clock, parts)
        if entry is None or len(entry) < 3:
            return (clock, parts, self.value, True)
        held = entry[2]
        if is_branch(held):
            return (clock, parts, merged(held, self.value), *entry[3:])
        return (clock, parts) if type(held) is bytes else (clock, parts, self.value)


class Operation(msgspec.Struct, frozen=True, gc=False):
    """A change on its way whose result is not known here; it has no clock."""

    def after(self, entry: Entry | None) -> Entry:
        """The entry once this is applied."""
        return (NEVER,) if entry is None else forgotten(entry)


class Still(msgspec.Struct, frozen=True, gc=False):
    """A value that need not travel, because it is there already; with its object it becomes as new."""

    clock: int = NEVER
    parts: dict[str, int] = {}

    def after(self, entry: Entry | None) -> Entry:
        """The entry once the object it was left out of is applied."""
        if entry is None:
            return (NEVER,)
        if not self.parts:
            return (self.clock, *entry[1:]) if self.clock > entry[0] else entry
        return (entry[0], later(parts_of(entry), self.parts), *entry[2:])


Touch = Whole | Parts | Operation | Still


def forgotten(entry: Entry) -> Entry:
    """An entry without its value."""
    return entry if len(entry) == 1 else entry[:2] if entry[1] else entry[:1]


def is_null(entry: Entry) -> bool:
    """Whether an attribute is known to have no value."""
    return len(entry) == 3 and entry[2] is None


def newest(entry: Entry) -> int:
    """The latest clock of an attribute."""
    clock: int = entry[0]
    return clock if len(entry) == 1 or not entry[1] else max(clock, *entry[1].values())


def is_held(entry: Entry, value: Any) -> bool:
    """Whether an attribute is known, whole, to have this value."""
    if len(entry) != 3:
        return False
    held = entry[2]
    kind = type(held)
    if kind is type(value) and kind not in _CONTAINERS:
        return bool(held == value)  # the commonest case
    return held == hashed(value) if kind is bytes else same(held, value)


def hashed(value: Any) -> bytes:
    """Eight bytes that stand for a value."""
    return xxhash.xxh3_64_digest(msgspec.json.encode(value, order="deterministic"))


def later(old: dict[str, int], new: dict[str, int]) -> dict[str, int]:
    """The clocks of parts once newer ones are known of some."""
    return old | {path: max(at, old.get(path, at)) for path, at in new.items()}


def parts_of(entry: Entry) -> dict[str, int]:
    """The parts of an attribute with clocks of their own."""
    return entry[1] or {} if len(entry) > 1 else {}


_CONTAINERS: Final = frozenset({dict, list})
