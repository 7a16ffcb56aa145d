"""The functions of the filter language, and how its values are typed and compared.

    FUNCTIONS["length"].call("ア")  ->  3        bytes, not characters
    FUNCTIONS["length"].null        ->  0        what it gives when an argument is null

Kinds of values: string, number, list, bool, null, object.

Source  Segment docs, "Destination Filter Query Language", functions; read 2026-11-24. The page leaves open
        what the casts and ``typeof`` of an object give; what we give is in docs/reference/filter-language.md.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import orjson

from segue.language import glob
from segue.language.javascript import number_text
from segue.model.errors import InvalidFilter, UnfilterableEvent

KINDS: Final[Mapping[type, str]] = {
    str: "string",
    int: "number",
    float: "number",
    list: "list",
    bool: "bool",
    type(None): "null",
    dict: "object",
}
"""Type of a JSON value -> what the language calls it."""

ANY: Final = frozenset(KINDS.values())
STRING: Final = frozenset({"string"})
NUMBER: Final = frozenset({"number"})


def kind_of(value: Any) -> str:
    """Say what the language calls a value's type."""
    return KINDS.get(type(value), "object")


def is_same(left: Any, right: Any) -> bool:
    """Compare strictly: same kind, same value; lists by their members in order, objects by their keys."""
    waiting = [(left, right)]  # a list instead of recursion: values may be nested deeply
    while waiting:
        left, right = waiting.pop()
        if kind_of(left) != kind_of(right):
            return False
        if type(left) is list:
            if len(left) != len(right):
                return False
            waiting.extend(zip(left, right, strict=True))
        elif type(left) is dict:
            if left.keys() != right.keys():
                return False
            waiting.extend((left[key], right[key]) for key in left)
        elif left != right:
            return False
    return True


class Function(msgspec.Struct, frozen=True):
    """One function.

    takes  per argument, the kinds it takes; null is always taken
    gives  the kind of its result
    null   the result when an argument is null
    call   what it does with other arguments; raises UnfilterableEvent
    """

    takes: tuple[frozenset[str], ...]
    gives: str
    null: str | int | bool | None
    call: Callable[..., Any]


def _length(value: Any) -> int:
    return len(value) if type(value) is list else len(value.encode("utf-8", "surrogatepass"))


def _titled(text: str) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in text.split(" "))


def _matches(text: str, pattern: str) -> bool:
    try:
        return glob.matches(pattern, text)
    except InvalidFilter as error:  # the pattern came from the event
        raise UnfilterableEvent(f"the pattern cannot be used: {error.message}") from error


_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


def read_number(text: str) -> int | float | None:
    """Read a number as it is written in JSON, a plus sign allowed; None when it is none or too large."""
    found = _NUMBER.fullmatch(text)
    if found is None or len(text) > 400:
        return None
    if found[1] is None and found[2] is None:
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else None


def _number(value: Any) -> int | float:
    number = read_number(value) if type(value) is str else value
    if number is None:
        raise UnfilterableEvent("the text is not a number")
    return number


def _string(value: Any) -> str:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is list:
        try:
            return orjson.dumps(value).decode()
        except (TypeError, ValueError, RecursionError) as error:
            raise UnfilterableEvent("the list cannot be written as text") from error
    return value if type(value) is str else number_text(value)


def _bool(value: Any) -> bool:
    return value.lower() not in ("", "false") if type(value) is str else bool(value)


FUNCTIONS: Final[Mapping[str, Function]] = {
    "contains": Function((STRING, STRING), "bool", False, lambda text, part: part in text),
    "length": Function((frozenset({"string", "list"}),), "number", 0, _length),
    "lowercase": Function((STRING,), "string", None, str.lower),
    "uppercase": Function((STRING,), "string", None, str.upper),
    "snakecase": Function((STRING,), "string", None, lambda text: text.replace(" ", "_")),
    "kebabcase": Function((STRING,), "string", None, lambda text: text.replace(" ", "-")),
    "titlecase": Function((STRING,), "string", None, _titled),
    "typeof": Function((ANY,), "string", "null", kind_of),
    "match": Function((STRING, STRING), "bool", False, _matches),
    "bool": Function((frozenset({"string", "number", "list", "bool"}),), "bool", False, _bool),
    "string": Function((frozenset({"string", "number", "list", "bool"}),), "string", "", _string),
    "number": Function((frozenset({"string", "number"}),), "number", None, _number),
}
"""Name -> function."""
