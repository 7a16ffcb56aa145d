"""Values inside a Liquid template: lookup, truth, comparison and text, as in the original's engine.

Source  liquidjs 10.27 documentation, "Operators" and "Truthy and Falsy", and observed behaviour, 2026-11
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from liquid.builtin.expressions.primitive import Blank, Empty

from segue.language.javascript import (
    UNDEFINED,
    WHITESPACE,
    is_number,
    joined,
    length_of,
    member,
    number_of,
    text_of,
)
from segue.language.template import LONGEST


class Missing:
    """The type of `MISSING`: no such variable. The library takes it for nil."""

    __slots__ = ()

    def __liquid__(self) -> None:
        return None


MISSING: Final = Missing()


def plain(value: Any) -> Any:
    """Turn what only the library knows into a JSON value: ranges into lists; bound what grows."""
    if type(value) is range:
        if len(value) > 10_000:
            raise ValueError(f"a range of {len(value):,} numbers is too long")
        return list(value)
    if type(value) in (str, list) and len(value) > LONGEST:
        raise ValueError(f"a value of {len(value):,} characters or elements is too long")
    return str(value) if isinstance(value, str) else value


def is_nil(value: Any) -> bool:
    """Say whether a value is null or missing."""
    return value is None or value is MISSING


def read(value: Any, key: Any) -> Any:
    """Give a member of a value, or its size, first or last; MISSING when there is none."""
    if is_nil(value) or is_nil(key):
        return MISSING
    if type(value) is list and is_number(key) and key < 0:
        key = len(value) + key
    name = text_of(plain(key))
    found = member(value, name)
    if found is not UNDEFINED:
        return found
    if name == "size" and type(value) in (str, list, dict):
        return length_of(value) if type(value) is str else len(value)
    if type(value) is list and name in ("first", "last"):
        return value[0 if name == "first" else -1] if value else MISSING
    return MISSING


def stringify(value: Any) -> str:
    """Give the text a value prints."""
    if is_nil(value) or isinstance(value, Empty | Blank):
        return ""
    return joined(value, "", "") if type(value) is list else text_of(value)


def is_truthy(value: Any) -> bool:
    """Say whether Liquid takes a value for true: all but false and nil."""
    return value is not False and not is_nil(value)


def _equals(left: Any, right: Any) -> bool:
    if isinstance(left, Empty | Blank) or isinstance(right, Empty | Blank):
        return _is_empty(left, right) or _is_empty(right, left)
    if is_nil(left) or is_nil(right):
        return is_nil(left) and is_nil(right)
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is list and type(right) is list:
        return len(left) == len(right) and all(map(_equals, left, right))
    return type(left) is type(right) and type(left) in (str, bool) and bool(left == right)


def _is_empty(mark: Any, value: Any) -> bool:
    if isinstance(mark, Blank):
        if type(value) is str:
            return not value.strip(WHITESPACE)
        return value is False or is_nil(value) or value in ([], {})
    return isinstance(mark, Empty) and value in ("", [], {})


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        if type(left) is str and type(right) is str:
            return test(left.encode("utf-16-be", "surrogatepass"), right.encode("utf-16-be", "surrogatepass"))
        return test(_number(left), _number(right))

    return compare


def _number(value: Any) -> float:
    if value is MISSING or isinstance(value, Empty | Blank):
        return math.nan
    return number_of(value)


def _contains(left: Any, right: Any) -> bool:
    if type(left) is list:
        return any(_equals(element, right) for element in left)
    if type(left) is str:
        return ("undefined" if right is MISSING else text_of(right)) in left
    return False


tests: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": _equals,
    "!=": lambda left, right: not _equals(left, right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "contains": _contains,
}
