"""Reshaping of resolved values: replace, flatten, to and from JSON text, holes and nulls removed.

Values deeper than DEEPEST or texts longer than `template.LONGEST` raise InvalidMapping with the pointer
of the directive that met them.
"""

import json
import re
from typing import Any, Final

from segue.language.javascript import UNDEFINED, is_number, number_text
from segue.language.template import LONGEST, bounded
from segue.model.errors import InvalidMapping

DEEPEST: Final = 150
"""Most levels of a value that a directive walks through."""


def without_holes(value: Any, pointer: str, depth: int = 0) -> Any:
    """Copy a value without UNDEFINED inside: members go, elements become None."""
    if type(value) is dict:
        _guard(depth, pointer)
        kept = {}
        for key, member in value.items():
            if member is not UNDEFINED:
                kept[key] = without_holes(member, pointer, depth + 1)
        return kept
    if type(value) is list:
        _guard(depth, pointer)
        elements = []
        for element in value:
            elements.append(None if element is UNDEFINED else without_holes(element, pointer, depth + 1))
        return elements
    return value


def without_nulls(value: Any, pointer: str, depth: int = 0) -> Any:
    """Copy an object without null members, at every depth of objects; null itself becomes UNDEFINED."""
    if value is None:
        return UNDEFINED
    if type(value) is not dict:
        return value
    _guard(depth, pointer)
    kept = {}
    for key, member in value.items():
        if member is not None:
            kept[key] = without_nulls(member, pointer, depth + 1)
    return kept


def flattened(value: Any, separator: str, *, keep_arrays: bool, pointer: str) -> dict[str, Any]:
    """Bring nested objects and arrays to one level; keys are paths joined by the separator."""
    leaves: dict[str, Any] = {}

    def walk(value: Any, prefix: str, depth: int) -> None:
        _guard(depth, pointer)
        start = prefix + separator if prefix else ""
        if type(value) is dict:
            for key, member in value.items():
                walk(member, start + key, depth + 1)
        elif type(value) is list and not keep_arrays:
            for index, element in enumerate(value):
                walk(element, f"{start}{index}", depth + 1)
        else:
            leaves[prefix] = value

    walk(value, "", 0)
    return leaves


# --- replace ------------------------------------------------------------------------------------

_DOLLAR: Final = re.compile(r"\$[$&`']")


def replaced(text: str, pattern: str, replacement: str, *, every: bool, fold: bool, pointer: str) -> str:
    """Replace a literal pattern, all occurrences or the first; `fold` ignores case.

    In the replacement ``$$`` is a dollar, ``$&`` the match, `` $` `` and ``$'`` the text before and after.
    """
    searched, wanted = (_folded(text), _folded(pattern)) if fold else (text, pattern)
    pieces: list[str] = []
    size = position = 0
    start = searched.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        piece = _expanded(replacement, text, start, end) if "$" in replacement else replacement
        size += len(piece)
        if size > LONGEST:
            bounded(piece * 2 if len(piece) > LONGEST else "x" * (LONGEST + 1), pointer)
        pieces += (text[position:start], piece)
        position = end
        if not every or (not wanted and start == len(text)):
            break
        start = searched.find(wanted, end if wanted else start + 1)
    pieces.append(text[position:])
    return bounded("".join(pieces), pointer)


def _expanded(replacement: str, text: str, start: int, end: int) -> str:
    meaning = {"$$": "$", "$&": text[start:end], "$`": text[:start], "$'": text[end:]}
    return _DOLLAR.sub(lambda match: meaning[match[0]], replacement)


def _folded(text: str) -> str:
    """Fold case as JavaScript's ``i`` flag does: one character to one, never from beyond ASCII into it."""
    if text.isascii():
        return text.upper()
    return "".join(map(_fold, text))


def _fold(character: str) -> str:
    upper = character.upper()
    if len(upper) != 1 or (upper.isascii() and not character.isascii()):
        return character
    return upper


# --- JSON text ----------------------------------------------------------------------------------


def encoded(value: Any, pointer: str) -> Any:
    """Give the compact JSON text of a value as JavaScript writes it; UNDEFINED stays UNDEFINED."""
    if value is UNDEFINED:
        return UNDEFINED
    parts: list[str] = []
    _encode(value, parts, pointer, 0)
    return bounded("".join(parts), pointer)


def decoded(value: Any, pointer: str) -> Any:
    """Read a JSON text; what is no text, or no JSON, is given back as it is."""
    if type(value) is not str:
        return value
    try:
        return json.loads(value, parse_constant=_no_constant, parse_int=_integer)
    except ValueError:
        return value
    except RecursionError:
        raise InvalidMapping([(pointer, "the JSON text is nested too deep")]) from None


_LITERALS: Final = {True: "true", False: "false", None: "null"}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ARRAY_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")


def _encode(value: Any, parts: list[str], pointer: str, depth: int) -> None:
    if type(value) is str:
        parts.append(_quoted(value))
    elif is_number(value):
        text = number_text(value)
        parts.append("null" if text in ("NaN", "Infinity", "-Infinity") else text)
    elif type(value) is dict:
        _guard(depth, pointer)
        opening = "{"
        for key, member in _ordered(value):
            if member is not UNDEFINED:
                parts += (opening, _quoted(key), ":")
                _encode(member, parts, pointer, depth + 1)
                opening = ","
        parts.append("{}" if opening == "{" else "}")
    elif type(value) is list:
        _guard(depth, pointer)
        opening = "["
        for element in value:
            parts.append(opening)
            _encode(None if element is UNDEFINED else element, parts, pointer, depth + 1)
            opening = ","
        parts.append("[]" if opening == "[" else "]")
    else:
        parts.append(_LITERALS[value])


def _ordered(value: dict[str, Any]) -> list[tuple[str, Any]]:
    """Put keys that are array indexes first, in number order, as JavaScript keeps them."""
    indexes = [key for key in value if _ARRAY_INDEX.fullmatch(key) and int(key) < 2**32 - 1]
    if not indexes:
        return list(value.items())
    first = [(key, value[key]) for key in sorted(indexes, key=int)]
    chosen = set(indexes)
    return first + [(key, member) for key, member in value.items() if key not in chosen]


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _integer(text: str) -> int | float:
    return int(text) if len(text) < 17 else float(text)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _guard(depth: int, pointer: str) -> None:
    if depth > DEEPEST:
        raise InvalidMapping([(pointer, f"the value is nested more than {DEEPEST} levels deep")])
