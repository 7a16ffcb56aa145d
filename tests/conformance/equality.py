"""Equality of JSON values as JavaScript recorded them: numbers are doubles, booleans are no numbers."""

from typing import Any


def same(ours: Any, recorded: Any) -> bool:
    """Compare two JSON values; NaN was recorded as null."""
    if isinstance(ours, dict) and isinstance(recorded, dict):
        return ours.keys() == recorded.keys() and all(same(ours[key], recorded[key]) for key in ours)
    if isinstance(ours, list) and isinstance(recorded, list):
        return len(ours) == len(recorded) and all(map(same, ours, recorded))
    if is_number(ours) and is_number(recorded):
        return float(ours) == float(recorded)
    if is_number(ours) and ours != ours:
        return recorded is None
    return type(ours) is type(recorded) and bool(ours == recorded)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
