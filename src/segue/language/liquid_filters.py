"""The filters of Liquid templates, as a table: name -> function of the value and the filter's arguments.

They compute as JavaScript does: ``7 | divided_by: 2`` is 3.5, ``"x" | plus: 1`` is 1. What would need a
clock (``date`` of "now") or chance (``sample``) is refused.

Source  liquidjs 10.27 documentation, "Filters", and observed behaviour, 2026-11
"""

import base64
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from segue.language import liquid_date, reshape
from segue.language.javascript import WHITESPACE, joined, length_of, number_of, text_of, unit_at
from segue.language.liquid_values import MISSING, is_nil, is_truthy, read, stringify, tests
from segue.language.template import LONGEST

Filter = Callable[..., Any]

_SPACES: Final = re.compile(f"[{re.escape(WHITESPACE)}]+")


def _literal(value: Any) -> str:
    """Give a pattern as ``String(value)`` would: a missing one is the word undefined."""
    return "undefined" if value is MISSING else text_of(value)


def _array(value: Any) -> list[Any]:
    if is_nil(value):
        return []
    return value if type(value) is list else [value]


def _number(value: Any) -> float:
    if value is MISSING:
        return 0.0
    try:
        number = float(number_of(value))
    except OverflowError:
        return math.inf
    return 0.0 if number != number else number


def _fits(size: int) -> None:
    if size > LONGEST:
        raise ValueError(f"a text of {size:,} characters is too long")


# --- numbers ------------------------------------------------------------------------------------


def _of_numbers(function: Callable[..., float]) -> Filter:
    """Make a filter of a function of numbers; a missing argument is NaN, as a result too large is."""

    def apply(value: Any, *arguments: Any) -> float:
        try:
            return function(_number(value), *map(_number, arguments))
        except (ValueError, OverflowError):
            return math.nan

    return apply


def _divided(value: float, by: float = math.nan, whole: float = 0.0) -> float:
    if by == 0:
        return math.nan if value == 0 or value != value else math.copysign(math.inf, value)
    return float(math.floor(value / by)) if whole else value / by


def _rounded(value: float, places: float = 0.0) -> float:
    scale = math.pow(10, places)
    return math.floor(value * scale + 0.5) / scale


_NUMBERS: Final[Mapping[str, Filter]] = {
    "abs": _of_numbers(abs),
    "at_least": _of_numbers(max),
    "at_most": _of_numbers(min),
    "ceil": _of_numbers(lambda value: float(math.ceil(value))),
    "floor": _of_numbers(lambda value: float(math.floor(value))),
    "round": _of_numbers(_rounded),
    "plus": _of_numbers(lambda value, other=math.nan: value + other),
    "minus": _of_numbers(lambda value, other=math.nan: value - other),
    "times": _of_numbers(lambda value, other=math.nan: value * other),
    "divided_by": _of_numbers(_divided),
    "modulo": _of_numbers(lambda value, other=math.nan: math.fmod(value, other)),
    "to_integer": lambda value: math.nan if value is MISSING else number_of(value),
}


# --- texts --------------------------------------------------------------------------------------


def _strip(left: bool, right: bool) -> Filter:
    def strip(value: Any, characters: Any = MISSING) -> str:
        text = stringify(value)
        chosen = stringify(characters) or WHITESPACE
        text = text.lstrip(chosen) if left else text
        return text.rstrip(chosen) if right else text

    return strip


def _replace(value: Any, pattern: Any = MISSING, replacement: Any = MISSING) -> str:
    text, wanted = stringify(value), _literal(pattern)
    put = "," if replacement is MISSING else text_of(replacement)
    pieces = text.split(wanted) if wanted else list(text)
    _fits(len(text) + (len(pieces) - 1) * len(put))
    return put.join(pieces)


def _replace_last(value: Any, pattern: Any = MISSING, replacement: Any = MISSING) -> str:
    text, wanted = stringify(value), _literal(pattern)
    start = text.rfind(wanted)
    if start < 0:
        return text
    return text[:start] + _literal(replacement) + text[start + len(wanted) :]


def _replace_first(value: Any, pattern: Any = MISSING, replacement: Any = MISSING) -> str:
    return reshape.replaced(
        stringify(value), _literal(pattern), _literal(replacement), every=False, fold=False, pointer=""
    )


def _split(value: Any, separator: Any = MISSING) -> list[str]:
    text, at = stringify(value), _literal(separator)
    if at:
        pieces = text.split(at)
    else:
        pieces = [str(unit_at(text, index)) for index in range(length_of(text))] if text else []
    while pieces and not pieces[-1]:
        pieces.pop()
    return pieces


def _truncate(value: Any, size: Any = 50, ending: Any = "...") -> str:
    text, most, end = stringify(value), _number(size), stringify(ending)
    if len(text) <= most:
        return text
    return text[: max(0, int(most) - len(end))] + end


def _truncate_words(value: Any, count: Any = 15, ending: Any = "...") -> str:
    words = _SPACES.split(stringify(value))
    most = max(1, int(min(_number(count), LONGEST)))
    return " ".join(words[:most]) + (stringify(ending) if len(words) >= most else "")


def _capitalize(value: Any) -> str:
    text = stringify(value)
    return text[:1].upper() + text[1:].lower()


_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"})
_ENTITIES: Final = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&#34;": '"', "&#39;": "'"}
_ENTITY: Final = re.compile("|".join(_ENTITIES))


def _escape(value: Any) -> str:
    return stringify(value).translate(_ESCAPES)


def _escape_once(value: Any) -> str:
    return _escape(_ENTITY.sub(lambda match: _ENTITIES[match[0]], stringify(value)))


_BLOCKS: Final = (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"))


def _strip_html(value: Any) -> str:
    text = stringify(value)
    kept: list[str] = []
    lost = set()
    position = 0
    while (start := text.find("<", position)) >= 0:
        kept.append(text[position:start])
        end = -1
        for opener, closer in _BLOCKS:
            if text.startswith(opener, start) and closer not in lost:
                found = text.find(closer, start + len(opener))
                if found < 0:
                    lost.add(closer)
                else:
                    end = found + len(closer)
        if end < 0:
            end = text.find(">", start + 1) + 1
        if end <= 0:
            return "".join(kept) + text[start:]
        position = end
    return "".join(kept) + text[position:]


def _url_decode(value: Any) -> str:
    text = stringify(value)
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise ValueError("malformed percent sign in url_decode")
    return unquote_to_bytes(text).decode("utf-8").replace("+", " ")


def _slugify(value: Any, mode: Any = "default", cased: Any = False) -> str:
    text = stringify(value)
    if mode == "none":
        return text
    kept = _SLUG_LETTERS.get(str(mode), _SLUG_LETTERS["default"])
    slug = "".join(character if kept(character) else "\0" for character in text)
    slug = re.sub("\0+", "-", slug).strip("-")
    return slug if is_truthy(cased) else slug.lower()


def _is_letter(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd"


_SLUG_LETTERS: Final[Mapping[str, Callable[[str], bool]]] = {
    "default": _is_letter,
    "latin": _is_letter,
    "raw": lambda character: character not in WHITESPACE,
    "pretty": lambda character: _is_letter(character) or character in "._~!$&'()+,;=@",
    "ascii": lambda character: character.isascii() and character.isalnum(),
}

_TEXTS: Final[Mapping[str, Filter]] = {
    "append": lambda value, other: stringify(value) + stringify(other),
    "prepend": lambda value, other: stringify(other) + stringify(value),
    "upcase": lambda value: stringify(value).upper(),
    "downcase": lambda value: stringify(value).lower(),
    "capitalize": _capitalize,
    "strip": _strip(True, True),
    "lstrip": _strip(True, False),
    "rstrip": _strip(False, True),
    "strip_newlines": lambda value: re.sub(r"\r?\n", "", stringify(value)),
    "strip_html": _strip_html,
    "normalize_whitespace": lambda value: _SPACES.sub(" ", stringify(value)),
    "number_of_words": lambda value, *_: len(_SPACES.sub(" ", stringify(value).strip(WHITESPACE)).split()),
    "remove": lambda value, pattern=MISSING: _replace(value, pattern, ""),
    "remove_first": lambda value, pattern=MISSING: _replace_first(value, pattern, ""),
    "remove_last": lambda value, pattern=MISSING: _replace_last(value, pattern, ""),
    "replace": _replace,
    "replace_first": _replace_first,
    "replace_last": _replace_last,
    "split": _split,
    "truncate": _truncate,
    "truncatewords": _truncate_words,
    "slugify": _slugify,
    "escape": _escape,
    "xml_escape": _escape,
    "escape_once": _escape_once,
    "url_encode": lambda value: quote(stringify(value), safe="-_.!~*'()").replace("%20", "+"),
    "cgi_escape": lambda value: quote(stringify(value), safe="-_.~").replace("%20", "+"),
    "uri_escape": lambda value: quote(stringify(value), safe="-_.!~*'();/?:@&=+$,#[]"),
    "url_decode": _url_decode,
    "base64_encode": lambda value: base64.b64encode(stringify(value).encode()).decode(),
    "base64_decode": lambda value: base64.b64decode(stringify(value).encode() + b"==").decode(
        "utf-8", "replace"
    ),
}


# --- lists --------------------------------------------------------------------------------------


def _join(value: Any, separator: Any = MISSING) -> str:
    array, between = _array(value), " " if is_nil(separator) else stringify(separator)
    _fits(len(array) * len(between))
    return joined(array, between)


def _size(value: Any) -> int:
    if type(value) is str:
        return length_of(value)
    return len(value) if type(value) is list else 0


def _slice(value: Any, start: Any, length: Any = 1) -> Any:
    if is_nil(value):
        return []
    whole = value if type(value) is list else stringify(value)
    first = int(_number(start))
    if first < 0:
        first += len(whole)
    return whole[first : first + int(_number(length))]


def _where(value: Any, name: Any, expected: Any = MISSING) -> list[Any]:
    keys = stringify(name).split(".")

    def found(element: Any) -> Any:
        for key in keys:
            element = read(element, key)
        return element

    if expected is MISSING:
        return [element for element in _array(value) if is_truthy(found(element))]
    return [element for element in _array(value) if tests["=="](found(element), expected)]


def _sum(value: Any, name: Any = MISSING) -> float:
    return sum(_number(element if name is MISSING else read(element, name)) for element in _array(value))


def _end(index: int) -> Filter:
    def end(value: Any) -> Any:
        if type(value) is str:
            return value[index] if value else MISSING
        return (value[index] if value else MISSING) if type(value) is list else ""

    return end


_LISTS: Final[Mapping[str, Filter]] = {
    "join": _join,
    "size": _size,
    "first": _end(0),
    "last": _end(-1),
    "slice": _slice,
    "where": _where,
    "sum": _sum,
    "compact": lambda value: [element for element in _array(value) if not is_nil(element)],
    "push": lambda value, element=MISSING: [*_array(value), element],
    "unshift": lambda value, element=MISSING: [element, *_array(value)],
    "pop": lambda value: _array(value)[:-1],
    "shift": lambda value: _array(value)[1:],
}


# --- the rest -----------------------------------------------------------------------------------


def _default(value: Any, instead: Any = MISSING, *, allow_false: Any = False) -> Any:
    if type(value) in (str, list):
        return value or instead
    if value is False and is_truthy(allow_false):
        return value
    return value if is_truthy(value) else instead


def _json(value: Any, *_: Any) -> Any:
    return MISSING if value is MISSING else reshape.encoded(value, "")


def _sample(value: Any, *_: Any) -> Any:
    raise ValueError('the filter "sample" chooses by chance; the same event must always map the same way')


FILTERS: Final[Mapping[str, Filter]] = {
    **_NUMBERS,
    **_TEXTS,
    **_LISTS,
    **liquid_date.FILTERS,
    "default": _default,
    "json": _json,
    "jsonify": _json,
    "inspect": _json,
    "raw": lambda value: value,
    "sample": _sample,
}
