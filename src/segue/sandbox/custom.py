"""Custom attributes as they are sent: which operation is asked for, what may be stored, what it costs.

Source  Braze docs, "Data types", "Object custom attributes", "Array of objects", "Data points",
        read 2026-11-23
Nothing here is an error to the caller: what cannot be stored is left out with a warning in the log.
"""

from collections.abc import Callable
from typing import Any

import orjson

from segue.sandbox.changes import NUMBER_LIMIT, SIZE_LIMIT, Change, Kind
from segue.sandbox.dates import looks_like_time, read_time
from segue.sandbox.exchange import Call

TEXT_LIMIT = 255
DEPTH_LIMIT = 50
"""Levels of nesting we follow; Braze names none. Deeper is left out."""


class Unstorable(Exception):  # noqa: N818 - a word for the value, not for a fault of ours
    """A value that may not be stored; the message says why."""


def read_change(call: Call, name: str, value: Any, merge_objects: bool, where: str) -> Change | None:
    """The change a sent value asks for; None, with a warning, when it is left out."""
    if len(name) > TEXT_LIMIT:
        call.warn(
            "attribute-name-too-long",
            where,
            f"attribute {name[:40]!r}… has a name over 255 characters",
            name,
        )
        return None
    if name in call.workspace.blocklisted_attributes:
        call.warn("attribute-blocklisted", where, f"attribute {name!r} is on the blocklist", name)
        return None
    if value is None:
        return Change(name, "remove", None)
    try:
        change = _READERS[type(value)](call, name, value, merge_objects, where)
        return _typed(call, change, where)
    except Unstorable as fault:
        call.warn("attribute-left-out", where, f"attribute {name!r}: {fault}", name)
        return None


def _read_scalar(call: Call, name: str, value: Any, merge_objects: bool, where: str) -> Change:
    return Change(name, "set", value)


def _read_float(call: Call, name: str, value: float, merge_objects: bool, where: str) -> Change:
    if value != value or value in (float("inf"), float("-inf")):
        raise Unstorable("not a finite number")
    return Change(name, "set", value)


def _read_string(call: Call, name: str, value: str, merge_objects: bool, where: str) -> Change:
    if len(value) > TEXT_LIMIT:
        if call.world.switches.long_string == "skip":
            raise Unstorable(f"text of {len(value)} characters, at most {TEXT_LIMIT} are kept; not updated")
        call.warn("string-truncated", where, f"attribute {name!r} was cut to {TEXT_LIMIT} characters", name)
        value = value[:TEXT_LIMIT]
    return Change(name, "set", value)


def _read_list(call: Call, name: str, value: list[Any], merge_objects: bool, where: str) -> Change:
    if value and all(isinstance(element, dict) for element in value):
        kept = _sized([_nested(element, 2) for element in value])  # refuses what is too deep to count
        return Change(name, "set", kept, sum(_cost(call, element) for element in kept))
    return Change(name, "set", _sized(_scalars(value)))


def _read_object(call: Call, name: str, value: dict[str, Any], merge_objects: bool, where: str) -> Change:
    keys = value.keys()
    if keys == {"inc"}:
        step = value["inc"]
        if type(step) is not int:
            raise Unstorable(f"inc takes a whole number, found {type(step).__name__}")
        return Change(name, "increment", step, 1 if call.world.switches.metered_increment else 0)
    if keys and keys <= {"add", "remove"} and all(isinstance(part, list) for part in value.values()):
        return Change(name, "array", {key: _sized(_scalars(part)) for key, part in value.items()})
    if keys == {"$time"}:
        return Change(name, "set", _time_of(value))
    if keys and keys <= {"$add", "$remove", "$update"}:
        return _read_objects(call, name, value, merge_objects)
    kept = _sized(_nested(value, 1))
    return Change(name, "merge" if merge_objects else "set", kept, _cost(call, kept))


def _read_objects(call: Call, name: str, value: dict[str, Any], merge_objects: bool) -> Change:
    points = 0
    edits: list[tuple[str, Any, Any, Any]] = []
    for keyword in ("$add", "$remove", "$update"):  # the order Braze applies them in
        entries = value.get(keyword, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise Unstorable(f"{keyword} takes an array of objects")
        for entry in entries:
            if keyword == "$add":
                added = _sized(_nested(entry, 2))
                points += _cost(call, added)
                edits.append(("$add", None, None, added))
                continue
            key = entry.get("$identifier_key")
            wanted = entry.get("$identifier_value")
            if not isinstance(key, str) or wanted is None or isinstance(wanted, dict | list):
                raise Unstorable(f"{keyword} needs $identifier_key and $identifier_value")
            if keyword == "$remove":
                points += 1
                edits.append(("$remove", key, wanted, None))
                continue
            new = entry.get("$new_object")
            if not isinstance(new, dict):
                raise Unstorable("$update needs a $new_object")
            kept = _sized(_nested(new, 2))
            points += _cost(call, kept)
            edits.append(("$merge" if merge_objects else "$replace", key, wanted, kept))
    return Change(name, "objects", edits, points)


_READERS: dict[type, Callable[[Call, str, Any, bool, str], Change]] = {
    str: _read_string,
    bool: _read_scalar,
    int: _read_scalar,
    float: _read_float,
    list: _read_list,
    dict: _read_object,
}


def _cost(call: Call, value: dict[str, Any]) -> int:
    """Data points of an object: its keys at all levels or, by switch, at the top; never none."""
    return max(1, _leaves(value) if call.world.switches.metered_nesting else len(value))


def _leaves(value: Any) -> int:
    """How many keys an object carries at all its levels, an object that only holds others not counted."""
    if isinstance(value, dict):
        return sum(_leaves(part) if isinstance(part, dict) and part else 1 for part in value.values())
    return 1


def _nested(value: Any, depth: int) -> Any:
    if depth > DEPTH_LIMIT:
        raise Unstorable(f"nested deeper than {DEPTH_LIMIT} levels")
    if isinstance(value, dict):
        if value.keys() == {"$time"}:
            return _time_of(value)
        return {_key(key): _nested(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list):
        return [_nested(part, depth + 1) for part in value]
    if value is None:
        raise Unstorable("null inside an object drops its whole update")
    if isinstance(value, str) and len(value) > TEXT_LIMIT:
        raise Unstorable(f"nested text of {len(value)} characters, at most {TEXT_LIMIT}")
    return value


def _key(key: str) -> str:
    if not key or len(key) > TEXT_LIMIT or "." in key or "$" in key or " " in key:
        raise Unstorable(
            f"nested key {key[:40]!r}: 1 to {TEXT_LIMIT} characters without dot, dollar or space"
        )
    return key


def _time_of(value: dict[str, Any]) -> str:
    text = value["$time"]
    if not isinstance(text, str) or read_time(text) is None:
        raise Unstorable("$time takes a date")
    return text


def _scalars(value: list[Any]) -> list[Any]:
    for element in value:
        if isinstance(element, dict | list) or element is None:
            raise Unstorable("an array holds either plain values or objects, and no null")
        if isinstance(element, str) and len(element) > TEXT_LIMIT:
            raise Unstorable(f"array text of {len(element)} characters, at most {TEXT_LIMIT}")
    return value


def _sized(value: Any) -> Any:
    if len(orjson.dumps(value)) > SIZE_LIMIT:
        raise Unstorable(f"over {SIZE_LIMIT} bytes")
    return value


# -- types


def type_of(value: Any) -> str:
    """Braze's name for the type of a stored value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "time" if looks_like_time(value) else "string"
    if isinstance(value, dict):
        return "object"
    return "object_array" if value and isinstance(value[0], dict) else "array"


def _typed(call: Call, change: Change, where: str) -> Change:
    name, kind, value, points = change
    workspace = call.workspace
    forced = workspace.furnishing.attribute_types.get(name)
    known = forced or workspace.registry.attributes.get(name)
    if known == "string" and type(value) is str:
        return change  # the commonest case, decided without reading a date
    found = _KIND_TYPES.get(kind) or type_of(value)
    if known is None:
        workspace.registry.attributes[name] = found
        return change
    if known == found or (kind == "set" and value == []):
        return change
    switches = call.world.switches
    if forced and switches.forced_type == "drop":
        raise Unstorable(f"forced to be {forced}, found {found}")
    if kind != "set" or (not forced and switches.auto_type == "as_sent"):
        return change
    coerced = _coerced(value, known)
    if coerced is None:
        if forced:
            raise Unstorable(f"forced to be {forced}, found {found}")
        call.warn(
            "attribute-type",
            where,
            f"attribute {name!r} was {known} so far, found {found}; kept as sent",
            name,
        )
        return change
    call.warn("attribute-coerced", where, f"attribute {name!r} is {known}, found {found}; coerced", name)
    return Change(name, kind, coerced, points)


_KIND_TYPES: dict[Kind, str] = {
    "increment": "number",
    "array": "array",
    "objects": "object_array",
    "merge": "object",
}


def _coerced(value: Any, wanted: str) -> Any:
    """The value as another type; None when there is no sensible reading."""
    if isinstance(value, list | dict):
        return None
    match wanted:
        case "string":
            return ("true" if value else "false") if isinstance(value, bool) else str(value)
        case "number" if isinstance(value, str):
            return number_of(value)
        case "boolean":
            return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())
        case _:
            return None


def number_of(text: str) -> int | float | None:
    """The number a text stands for; None when it is none, or none within 64 bits."""
    try:
        number = float(text) if any(mark in text for mark in ".eE") else int(text)
    except ValueError:
        return None
    return number if -NUMBER_LIMIT <= number < NUMBER_LIMIT else None
