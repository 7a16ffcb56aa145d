"""What became of a value on its way: leaves that differ, and members that are gone.

    altered({"n": "5", "l": [{"p": 1}]}, {"n": 5, "l": [{"p": 1.5}]})  ->  ("n", "5", 5), ("l[0].p", 1, 1.5)
    gone({"a": 1, "b": {"c": 2}}, {"b": {}})                          ->  ("a", 1), ("b.c", 2)

For people who look at one event; nothing here runs while events are delivered.
"""

from collections.abc import Iterator
from typing import Any, Final

DEEPEST: Final = 20
"""Levels that are taken apart; below them a value is told as a whole."""


def altered(before: Any, after: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any, Any]]:
    """Each (path, value before, value after) of what both have and that differs."""
    if depth < DEEPEST and isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from altered(value, after[key], _join(path, key), depth + 1)
    elif (
        depth < DEEPEST and isinstance(before, list) and isinstance(after, list) and len(before) == len(after)
    ):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from altered(old, new, f"{path}[{index}]", depth + 1)
    elif before.__class__ is not after.__class__ or before != after:
        yield path, before, after


def gone(before: Any, after: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Each (path, value) of the members of objects that ``after`` lacks."""
    if depth < DEEPEST and isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                yield _join(path, key), value
            elif value is not after[key]:
                yield from gone(value, after[key], _join(path, key), depth + 1)
    elif (
        depth < DEEPEST and isinstance(before, list) and isinstance(after, list) and len(before) == len(after)
    ):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from gone(old, new, f"{path}[{index}]", depth + 1)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
