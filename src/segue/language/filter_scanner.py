"""Tokens of the filter language.

    scan('properties.a\\ b >= 5')  ->  path ("properties", "a b"), operator ">=", number 5, end

A path's keys are joined by dots; a backslash makes any character part of a key. Texts stand in single or
double quotes and have no escapes, so that a glob keeps its backslashes.

Source  Segment docs, "Destination Filter Query Language"; read 2026-11-24
"""

from typing import Final, Literal

import msgspec

from segue.language.filter_expression import CONNECTIVES, RESERVED
from segue.language.filter_functions import read_number
from segue.model.errors import InvalidFilter

Kind = Literal["path", "value", "operator", "and", "or", "!", "(", ")", "[", "]", ",", "end"]


class Token(msgspec.Struct, frozen=True):
    """One token.

    text        as it is written
    start, end  where it stands, in characters
    keys        of a path;  value: of a value
    """

    kind: Kind
    text: str
    start: int
    keys: tuple[str, ...] = ()
    value: str | int | float | bool | None = None

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def scan(text: str) -> list[Token]:
    """Split an expression into tokens, the last of which is ``end``. Raises InvalidFilter."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        if text[position] in " \t\r\n":
            position += 1
            continue
        tokens.append(_next(text, position))
        position = tokens[-1].end
    tokens.append(Token("end", "", len(text)))
    return tokens


_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_DIGITS: Final = frozenset("0123456789")
_KEY: Final = _LETTERS | _DIGITS | {"-"}
_SIGNS: Final[tuple[tuple[str, Kind], ...]] = (
    ("!=", "operator"),
    (">=", "operator"),
    ("<=", "operator"),
    ("=", "operator"),
    (">", "operator"),
    ("<", "operator"),
    ("!", "!"),
    ("(", "("),
    (")", ")"),
    ("[", "["),
    ("]", "]"),
    (",", ","),
)
_INSTEAD: Final = {
    "==": 'Write "=" once.',
    "&": 'Write "and".',
    "|": 'Write "or".',
    "“": 'Use straight quotes: "text".',
    "‘": 'Use straight quotes: "text".',
}


def _next(text: str, position: int) -> Token:
    character = text[position]
    for written, remedy in _INSTEAD.items():
        if text.startswith(written, position):
            raise InvalidFilter(f"unexpected {shown(written)}. {remedy}", text=text, position=position)
    if character in _LETTERS or character == "\\":
        return _path(text, position)
    if character in _DIGITS or character in "+-":
        return _number(text, position)
    if character in "\"'":
        return _text(text, position)
    for written, kind in _SIGNS:
        if text.startswith(written, position):
            return Token(kind, written, position)
    raise InvalidFilter(
        f"unexpected {shown(character)}. Put a backslash before it if it belongs to a name.",
        text=text,
        position=position,
    )


def _path(text: str, start: int) -> Token:
    keys, position = _keys(text, start)
    word = text[start:position]
    if word in RESERVED:
        return Token("value", word, start, value=RESERVED[word])
    if word in CONNECTIVES:
        return Token("operator" if word == "in" else "and" if word == "and" else "or", word, start)
    return Token("path", word, start, keys=keys)


def _keys(text: str, start: int) -> tuple[tuple[str, ...], int]:
    """Read a path: its keys, and where it ends."""
    keys: list[str] = []
    letters: list[str] = []
    position = start
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
            if position == len(text):
                raise InvalidFilter(
                    "a backslash at the end escapes nothing. Remove it.", text=text, position=position - 1
                )
            letters.append(text[position])
        elif character == "." and letters:
            keys.append("".join(letters))
            letters.clear()
        elif character in _KEY:
            letters.append(character)
        else:
            break
        position += 1
    if not letters:
        raise InvalidFilter("a name is missing beside the dot.", text=text, position=max(start, position - 1))
    return (*keys, "".join(letters)), position


def _number(text: str, start: int) -> Token:
    position = start + 1
    while position < len(text) and (text[position] in _KEY or text[position] in ".+"):
        position += 1
    written = text[start:position]
    value = read_number(written)
    if value is None:
        raise InvalidFilter(
            f"{shown(written)} is no number. "
            "If it is a name, put a backslash before its first character; if it is a text, put it in quotes.",
            text=text,
            position=start,
        )
    return Token("value", written, start, value=value)


def _text(text: str, start: int) -> Token:
    quote = text[start]
    end = text.find(quote, start + 1)
    if end < 0:
        raise InvalidFilter(
            f"the text that starts here has no closing {quote}. Add it; a text cannot hold its own quote.",
            text=text,
            position=start,
        )
    return Token("value", text[start : end + 1], start, value=text[start + 1 : end])


def shown(written: str) -> str:
    """Show a piece of an expression in a message."""
    if not written:
        return "the end of the filter"
    if not written.isprintable():
        return f"the character U+{ord(written[0]):04X}"
    return f'"{written}"' if len(written) <= 40 else f'"{written[:40]}…"'
