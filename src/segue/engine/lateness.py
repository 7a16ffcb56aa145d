"""Lateness: which values of an update are older than what was sent, and what is left of it without them."""

from collections.abc import Iterable
from typing import Any, Final

from segue.engine.difference import pruned
from segue.engine.entry import Entry, newest
from segue.engine.fold import Wish, is_merging, is_operation, parts_of
from segue.engine.moment import iso
from segue.engine.profile import Profile
from segue.kit.attributes import AttributeShape, JsonObject

GONE: Final = object()
"""Stands for a value nothing is left of; null is a value."""


def cut(
    wish: Wish,
    profile: Profile,
    kin: Iterable[Profile],
    shape: AttributeShape,
    notes: list[tuple[str, str]],
) -> bool:
    """Leave out of an update what is older than what was sent of its person or their kin; true when nothing
    is left of it. notes: takes (attribute, why)."""
    sources = [profile, *kin]
    if all(wish.when >= source.latest for source in sources):
        return False
    kept: JsonObject = {}
    for name, value in wish.object.items():
        left = value
        has_clock = not (name in wish.control or name in shape.untimed or is_operation(name, value, shape))
        for source in sources if has_clock else ():
            entry = source.seen(name)
            stale = stale_parts(name, left, entry, wish, shape) if entry is not None else None
            if entry is None or stale is None:
                continue
            sentence = f"older than what was sent at {iso(newest(entry))}"
            notes += [(f"{name}.{path}", sentence) for path in sorted(stale)] or [(name, sentence)]
            left = without(name, left, stale, shape)
            if left is GONE:
                break
        if left is not GONE:
            kept[name] = left
    if not notes:
        return False
    wish.object, wish.is_cut = kept, True
    # A profile that may not be there yet is still to be made.
    return kept.keys() <= wish.control and (profile.exists or not shape.proves(kept))


def stale_parts(
    name: str, value: Any, entry: Entry, wish: Wish, shape: AttributeShape
) -> frozenset[str] | None:
    """Which parts of a value are older than what was sent: none of them (None), all of it (empty), or
    those at these paths."""
    parts = parts_of(name, value, shape, is_merging(wish.object, shape))
    if parts is None:
        return frozenset() if newest(entry) > wish.when else None
    if entry[0] > wish.when:
        return frozenset()
    clocks = entry[1] or {} if len(entry) > 1 else {}
    newer = [path for path, clock in clocks.items() if clock > wish.when]
    overlap = _is_same if name in shape.entries else _is_within
    return frozenset(path for path in parts if any(overlap(path, other) for other in newer)) or None


def without(name: str, value: Any, stale: frozenset[str], shape: AttributeShape) -> Any:
    """A value without its stale parts; GONE when nothing is left of it."""
    if not stale:
        return GONE
    member = shape.entries.get(name)
    if member is not None:
        return [entry for entry in value if entry[member] not in stale] or GONE
    return pruned(value, stale) or GONE


def _is_same(path: str, other: str) -> bool:
    return path == other


def _is_within(path: str, other: str) -> bool:
    return path == other or path.startswith(other + ".") or other.startswith(path + ".")
