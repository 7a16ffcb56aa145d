"""How JavaScript sees JSON values: the conversions that stored triggers and mappings depend on.

Values are what JSON gives (dict, list, str, int, float, bool, None), plus `UNDEFINED`, "no value".
Nothing here raises on such values, however large or deeply nested.

Source  ECMA-262, 16th edition (June 2025), "Type Conversion" and "Number::toString", read 2026-11-23
"""

import math
import re
from typing import Any, Final


class Undefined:
    """The type of `UNDEFINED`: no value at all, distinct from None, and falsy."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __reduce__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()

WHITESPACE: Final = (
    "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What JavaScript's ``trim`` removes."""

SAFE_INTEGER: Final = 2**53
"""Integers up to here are exact; beyond, JavaScript only has the nearest double."""


def text_of(value: Any) -> str:
    """Convert a value to text as ``String(value)`` does: arrays joined by commas, ``[object Object]``."""
    if type(value) is str:
        return value
    if type(value) is list:
        return joined(value)
    return _scalar_text(value)


def joined(array: list[Any], separator: str = ",", inner: str = ",") -> str:
    """Join an array's elements; arrays inside are joined by `inner`, undefined and null leave nothing."""
    # A loop and a stack: depth costs no Python frames.
    parts: list[str] = []
    waiting: list[Any] = [_Pause(array, separator)]
    while waiting:
        value = waiting.pop()
        if type(value) is list:
            value = _Pause(value, inner)
        if type(value) is _Pause:
            if value.index < len(value.array):
                if value.index:
                    parts.append(value.separator)
                waiting += (value, value.array[value.index])
                value.index += 1
        elif value is not None and value is not UNDEFINED:
            parts.append(value if type(value) is str else _scalar_text(value))
    return "".join(parts)


def number_text(value: float) -> str:
    """Print a number as JavaScript does: ``3``, ``0.1``, ``1e+21``, ``1e-7``, ``NaN``."""
    if type(value) is int:
        if -SAFE_INTEGER <= value <= SAFE_INTEGER:
            return str(value)
        try:
            value = float(value)
        except OverflowError:
            return "Infinity" if value > 0 else "-Infinity"
    if value != value:
        return "NaN"
    if value in (math.inf, -math.inf):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    digits, point = _digits(abs(value))
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    exponent = point - 1
    mantissa = digits if count == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{sign}{mantissa}e{'+' if exponent > 0 else '-'}{abs(exponent)}"


_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)")
_RADIX: Final = {"0x": 16, "0X": 16, "0o": 8, "0O": 8, "0b": 2, "0B": 2}
_INFINITY: Final = {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}


def number_of(value: Any) -> float:
    """Convert a value to a number as ``Number(value)`` does; NaN when it is none."""
    if type(value) is str:
        return _text_number(value)
    if value is True or value is False:
        return int(value)
    if type(value) is int or type(value) is float:
        return value
    if value is None:
        return 0
    if type(value) is list:
        return _text_number(joined(value))
    return math.nan


def is_number(value: Any) -> bool:
    """Say whether the value is a number; booleans are not."""
    return type(value) is int or type(value) is float


def is_truthy(value: Any) -> bool:
    """Say whether JavaScript takes the value for true: empty lists and objects are."""
    if type(value) is dict or type(value) is list:
        return True
    return bool(value) and value == value


def equals_empty_text(value: Any) -> bool:
    """Say whether ``value == ""`` holds loosely: ``""``, 0, false, ``[]``, ``[[]]``, ``[null]``."""
    if type(value) is str:
        return not value
    if type(value) is list:
        return not joined(value)
    return value is False or (is_number(value) and value == 0)


def type_name(value: Any) -> str:
    """Name a value's type in the words of the mapping kit: string, number, boolean, null, …"""
    return _TYPE_NAMES.get(type(value), "object")


_TYPE_NAMES: Final[dict[type, str]] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
    Undefined: "undefined",
    list: "array",
    dict: "object",
}


def length_of(text: str) -> int:
    """Count UTF-16 code units: what JavaScript calls the length of a text."""
    return len(text) if text.isascii() else len(text) + sum(character > "\uffff" for character in text)


def unit_at(text: str, index: int) -> str | Undefined:
    """Give the UTF-16 code unit at an index; half of a pair stays a lone surrogate."""
    if text.isascii():
        return text[index] if index < len(text) else UNDEFINED
    units = text.encode("utf-16-le", "surrogatepass")[2 * index : 2 * index + 2]
    return units.decode("utf-16-le", "surrogatepass") if units else UNDEFINED


_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")


def index_of(key: str) -> int | None:
    """Read a key as an array index; only the canonical spelling is one (``0``, ``12``; not ``01``)."""
    return int(key) if _INDEX.fullmatch(key) else None


def member(value: Any, key: str) -> Any:
    """Give an own member: of objects by name, of arrays and texts by index or ``length``.

    What JavaScript's values inherit (``constructor``, ``toString`` …) does not exist here.
    """
    if type(value) is dict:
        return value.get(key, UNDEFINED)
    if type(value) is list:
        index = index_of(key)
        if index is None:
            return len(value) if key == "length" else UNDEFINED
        return value[index] if index < len(value) else UNDEFINED
    if type(value) is str:
        index = index_of(key)
        if index is None:
            return length_of(value) if key == "length" else UNDEFINED
        return unit_at(value, index)
    return UNDEFINED


def own_entries(value: Any) -> list[tuple[str, Any]]:
    """Give the entries ``Object.assign`` copies: members of objects, elements of arrays, units of texts."""
    if type(value) is dict:
        return list(value.items())
    if type(value) is list:
        return [(str(index), element) for index, element in enumerate(value)]
    if type(value) is str:
        return [(str(index), unit_at(value, index)) for index in range(length_of(value))]
    return []


class _Pause:
    """An array being joined, and how far."""

    __slots__ = ("array", "index", "separator")

    def __init__(self, array: list[Any], separator: str) -> None:
        self.array = array
        self.index = 0
        self.separator = separator


def _scalar_text(value: Any) -> str:
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if type(value) is int or type(value) is float:
        return number_text(value)
    return "undefined" if value is UNDEFINED else "[object Object]"


def _digits(value: float) -> tuple[str, int]:
    """Split a positive finite double into its shortest digits and the place of the point."""
    mantissa, _, exponent = f"{value!r}e0".partition("e")
    whole, _, fraction = mantissa.partition(".")
    shift = int(exponent.removesuffix("e0"))
    digits = whole + ("" if fraction == "0" else fraction)
    point = len(whole) + shift
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    return stripped.rstrip("0"), point


def _text_number(text: str) -> float:
    text = text.strip(WHITESPACE)
    if not text:
        return 0
    if _DECIMAL.fullmatch(text):
        return float(text)
    radix = _RADIX.get(text[:2])
    if radix and re.fullmatch(r"[0-9A-Za-z]+", text[2:]):
        try:
            return float(int(text[2:], radix))
        except (ValueError, OverflowError):
            return math.nan
    return _INFINITY.get(text, math.nan)
