"""Tokens of the trigger language.

    scan('properties.a\\ b != "x"')  ->  word "properties.a b", operator "!=", text '"x"', end

Words joined by dots are one token. Three habits of the published scanner are kept, because stored
triggers depend on them:
  - a string has no escapes; a closing quote that touches the next word also opens a string;
  - single quotes stay part of the value (seen later, in `condition.value_of`);
  - at the end of the text a word that may yet become ``and``, ``or`` or ``null`` by its first letter and is
    shorter loses its tail: ``event = nul`` asks for ``n``, and so does ``event = no``.

Source  published package ``@segment/fql-ts`` 1.10.1, observed behaviour, recorded 2026-11
"""

from typing import Final, Literal

import msgspec

from segue.model.errors import InvalidTrigger

Kind = Literal[
    "word", "number", "text", "operator", "not", "connective", "null", "dot", "(", ")", "[", "]", ",", "end"
]

LONGEST: Final = 100_000
"""Words, numbers and strings are shorter than this many characters."""


class Token(msgspec.Struct, frozen=True, gc=False):
    """One token.

    value       its text: words without backslashes, strings with their quotes, ``eos`` for the end
    start, end  where it stands in the trigger, in characters
    cut         true for a word that lost its tail at the end of the text
    """

    kind: Kind
    value: str
    start: int
    end: int
    cut: bool = False


def scan(text: str) -> list[Token]:
    """Split a trigger into tokens, the last of which is ``end``. Raises InvalidTrigger."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character in _BLANKS:
            position += 1
            continue
        token, position = _next(text, position, character)
        if token.end - token.start >= LONGEST:
            raise _fault(
                text, token.start, f"a {token.kind} of {token.end - token.start:,} characters is too long"
            )
        tokens.append(token)
    tokens.append(Token("end", "eos", len(text), len(text)))
    return _with_joined_words(tokens)


_BLANKS: Final = frozenset(" \t\n")
_TERMINATORS: Final = _BLANKS | frozenset(",])")
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DIGITS: Final = frozenset("0123456789")
_WORD_START: Final = _LETTERS | frozenset("_\\")
_WORD_REST: Final = _LETTERS | _DIGITS | frozenset("_-\\")
_AFTER_WORD: Final = frozenset(".(=!")
_PUNCTUATION: Final[dict[str, Kind]] = {".": "dot", "(": "(", ")": ")", "[": "[", "]": "]", ",": ","}
_RESERVED: Final[dict[str, Kind]] = {"and": "connective", "or": "connective", "null": "null"}
_INSTEAD: Final = {
    "&": 'Write "and".',
    "|": 'Write "or".',
    ";": "A trigger needs no semicolon; remove it.",
    "~": 'Use contains(field, "text") or match(field, "text*").',
    "\r": "Lines end with a line feed alone; remove the carriage return.",
    "“": 'Use straight quotes: "text".',
    "”": 'Use straight quotes: "text".',
    "‘": 'Use straight quotes: "text".',
    "’": 'Use straight quotes: "text".',
    "{": "Braces have no meaning here; use parentheses.",
    "*": 'A "*" stands only inside the text of match(field, "text*").',
}


def _next(text: str, position: int, character: str) -> tuple[Token, int]:
    """Read the token that starts here; give it and where to go on."""
    if character in _WORD_START:
        return _word(text, position)
    if character in _DIGITS or character in "+-":
        return _number(text, position)
    if character in "\"'":
        return _string(text, position, character)
    if character in _PUNCTUATION:
        return Token(_PUNCTUATION[character], character, position, position + 1), position + 1
    if character in "=<>!":
        return _operator(text, position, character)
    remedy = _INSTEAD.get(character)
    if remedy is None and character.isprintable() and not character.isascii():
        remedy = "Letters outside a-z stand only inside quotes."
    raise _fault(
        text,
        position,
        f"unexpected {_shown(character)}. {remedy or 'Put a backslash before it if it belongs to a name.'}",
    )


def _operator(text: str, position: int, character: str) -> tuple[Token, int]:
    followed = text[position + 1 : position + 2]
    if character != "=" and followed == "=" and _ends_token(text, position + 2):
        return Token("operator", character + "=", position, position + 2), position + 2
    if character != "!":
        return Token("operator", character, position, position + 1), position + 1
    if followed == "=":
        raise _fault(text, position, '"!=" must be followed by a blank. Write: field != "value"')
    if followed in _LETTERS or followed == "(":
        return Token("not", "!", position, position + 1), position + 1
    raise _fault(
        text,
        position,
        f'"!" must stand directly before a function or a parenthesis, not before {_shown(followed)}. '
        'Write: !contains(field, "text")',
    )


def _word(text: str, position: int) -> tuple[Token, int]:
    rest = text[position : position + 5]
    for reserved, kind in _RESERVED.items():
        end = position + len(reserved)
        if rest.startswith(reserved) and _ends_token(text, end):
            return Token(kind, reserved, position, end), end
        is_last = 1 < len(rest) < len(reserved) and _TERMINATORS.isdisjoint(rest)
        if is_last and rest[0] == reserved[0]:
            return Token("word", rest[0], position, len(text), cut=True), len(text)
    letters: list[str] = []
    index = position
    while index < len(text) and text[index] in _WORD_REST:
        if text[index] == "\\":
            index += 1
            if index == len(text):
                raise _fault(text, index - 1, "a backslash at the end escapes nothing. Remove it.")
            if text[index] > "\uffff":
                raise _fault(text, index, f"{_shown(text[index])} cannot stand in a name, even escaped.")
        letters.append(text[index])
        index += 1
    if not _ends_token(text, index) and text[index] not in _AFTER_WORD:
        hint = (
            "Put a blank before it."
            if text[index] in "<>"
            else f"Put a backslash before it if it belongs to the name: \\{text[index]}"
        )
        raise _fault(text, index, f'unexpected {_shown(text[index])} after "{"".join(letters)}". {hint}')
    return Token("word", "".join(letters), position, index), index


def _number(text: str, position: int) -> tuple[Token, int]:
    index = position + 1
    points = 0
    while index < len(text) and (text[index] in _DIGITS or text[index] == "."):
        if text[index] == ".":
            points += 1
            if points > 1:
                raise _fault(text, index, "a number has at most one point. Put the value in quotes.")
            if _ends_token(text, index + 1):
                raise _fault(text, index, "a number cannot end with a point. Remove the point.")
        index += 1
    return Token("number", text[position:index], position, index), index


def _string(text: str, position: int, quote: str) -> tuple[Token, int]:
    end = text.find(quote, position + 1)
    if end < 0:
        raise _fault(
            text,
            position,
            f"the text that starts here has no closing {quote}. Add it; a text cannot hold its own quote.",
        )
    token = Token("text", text[position : end + 1], position, end + 1)
    return token, end + 1 if _ends_token(text, end + 1) else end


def _with_joined_words(tokens: list[Token]) -> list[Token]:
    joined: list[Token] = []
    index = 0
    while index < len(tokens):
        first = last = tokens[index]
        names = [first.value]
        if first.kind == "word":
            while tokens[index + 1].kind == "dot" and tokens[index + 2].kind == "word":
                index += 2
                last = tokens[index]
                names.append(last.value)
        if last is not first:
            first = Token("word", ".".join(names), first.start, last.end, cut=last.cut)
        joined.append(first)
        index += 1
    return joined


def _ends_token(text: str, position: int) -> bool:
    return position >= len(text) or text[position] in _TERMINATORS


def _shown(character: str) -> str:
    if not character:
        return "the end of the text"
    if character in _BLANKS:
        return "a blank"
    return f'"{character}"' if character.isprintable() else f"the character U+{ord(character):04X}"


def _fault(text: str, position: int, message: str) -> InvalidTrigger:
    return InvalidTrigger(message, text=text, position=position)
