"""Changes to a person's custom attributes: set, remove, increment, edit arrays and arrays of objects.

Source  Braze docs, "Data types", "Nested custom attributes", "Array of objects", read 2026-11-23
What does not fit what is held is left out, with a note.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import orjson

SIZE_LIMIT = 102_400
"""Bytes of one array or object."""
NUMBER_LIMIT = 2**63

Kind = Literal["set", "remove", "increment", "array", "merge", "objects"]
Note = Callable[[str, str], None]
"""note(rule, detail): say what was lenient."""


class Change(NamedTuple):
    """One attribute's change, checked and ready to apply; `points` is what the meter counts."""

    name: str
    kind: Kind
    value: Any
    points: int = 1


def apply_change(custom: dict[str, Any], change: Change, longest: int, note: Note) -> None:
    """Carry out a change on a person's custom attributes."""
    name, kind, value, _ = change
    match kind:
        case "set":
            if type(value) is list and value and type(value[0]) is not dict:
                value = _bounded([], value, longest, name, note)
            custom[name] = value
        case "remove":
            custom.pop(name, None)
        case "increment":
            _increment(custom, name, value, note)
        case "merge":
            held = custom.get(name)
            joined = deep_merge(held, value) if isinstance(held, dict) else value
            if len(orjson.dumps(joined)) > SIZE_LIMIT:
                note("object-too-large", f"attribute {name!r} would be over {SIZE_LIMIT} bytes; not changed")
            else:
                custom[name] = joined
        case "array":
            _edit_array(custom, name, value, longest, note)
        case "objects":
            _edit_objects(custom, name, value, note)


def deep_merge(held: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """Both objects as one: nested objects joined, everything else taken from what was sent."""
    joined = dict(held)
    for key, value in sent.items():
        old = joined.get(key)
        joined[key] = deep_merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return joined


def _increment(custom: dict[str, Any], name: str, step: int, note: Note) -> None:
    held = custom.get(name, 0)
    if isinstance(held, bool) or not isinstance(held, int | float):
        note("increment-on-other", f"attribute {name!r} is no number; not incremented")
        return
    total = held + step
    if not -NUMBER_LIMIT <= total < NUMBER_LIMIT:
        note("increment-too-far", f"attribute {name!r} would leave 64 bits; not incremented")
        return
    custom[name] = total


def _edit_array(
    custom: dict[str, Any], name: str, edit: dict[str, list[Any]], longest: int, note: Note
) -> None:
    held = custom.get(name, [])
    if not isinstance(held, list) or (held and isinstance(held[0], dict)):
        note("array-on-other", f"attribute {name!r} is no array of plain values; not changed")
        return
    kept = _bounded(held, edit.get("add", []), longest, name, note)
    gone = {_identity(element) for element in edit.get("remove", [])}
    custom[name] = [element for element in kept if _identity(element) not in gone]


def _bounded(held: list[Any], added: list[Any], longest: int, name: str, note: Note) -> list[Any]:
    """Unique values, a value met again moves to the end, the oldest leave when it is too long."""
    unique: dict[Any, Any] = {_identity(element): element for element in held}
    for element in added:
        identity = _identity(element)
        unique.pop(identity, None)
        unique[identity] = element
    kept = list(unique.values())
    if len(kept) > longest:
        note("array-too-long", f"attribute {name!r} keeps its {longest} newest values of {len(kept)}")
        kept = kept[-longest:]
    return kept


def _identity(element: Any) -> tuple[bool, Any]:
    # True and 1 are equal in Python and different in JSON
    return isinstance(element, bool), element


def _edit_objects(
    custom: dict[str, Any], name: str, edits: list[tuple[str, Any, Any, Any]], note: Note
) -> None:
    held = custom.get(name, [])
    if not isinstance(held, list) or (held and not isinstance(held[0], dict)):
        note("objects-on-other", f"attribute {name!r} is no array of objects; not changed")
        return
    kept = list(held)
    for verb, key, wanted, new in edits:
        if verb == "$add":
            kept.append(new)
        elif verb == "$remove":
            kept = [entry for entry in kept if not _is(entry, key, wanted)]
        else:
            kept = [
                (deep_merge(entry, new) if verb == "$merge" else new) if _is(entry, key, wanted) else entry
                for entry in kept
            ]
    if len(orjson.dumps(kept)) > SIZE_LIMIT:
        note("objects-too-large", f"attribute {name!r} would be over {SIZE_LIMIT} bytes; not changed")
        return
    custom[name] = kept


def _is(entry: dict[str, Any], key: str, wanted: Any) -> bool:
    return key in entry and _identity(entry[key]) == _identity(wanted)
