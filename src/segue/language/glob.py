"""Globs: patterns a whole text must match, ``match(traits.email, "*@example.com")``.

    matches("ab[0-9]?*", "ab7x and more")  ->  True

    *      any characters, also none         [abc]   one of these
    ?      one character                     [a-z]   one of this range; [^…] one that is not
    \\x     the character x itself

Case counts. A text is read once from left to right, whatever the pattern: no pattern is slow.

Source  Segment docs, "Destination Filter Query Language", match; read 2026-11-24. ``[^…]`` as in the
        published matcher for browsers.
"""

from functools import lru_cache
from typing import Final

import msgspec

from segue.model.errors import InvalidFilter

MOST_SIGNS: Final = 1024
"""Most characters of a pattern."""


def matches(pattern: str, text: str) -> bool:
    """Say whether the whole text matches. Raises InvalidFilter for a pattern that is none."""
    return _holds(compile_glob(pattern), text)


class Glob(msgspec.Struct, frozen=True):
    """A pattern made ready. Bit i of a mask speaks of the i-th sign that takes one character.

    length   how many such signs there are
    stars    bit i: before sign i (or at the end) any characters may stand
    singles  character -> the signs that take it
    ranges   (first, last, signs that take what lies between)
    but      signs that take everything except (`singles` and `ranges` of them say what not)
    """

    length: int
    stars: int
    singles: dict[str, int]
    ranges: tuple[tuple[str, str, int], ...]
    but: int


@lru_cache(maxsize=256)
def compile_glob(pattern: str) -> Glob:
    """Make a pattern ready. Raises InvalidFilter; its position counts from the start of the pattern."""
    if len(pattern) > MOST_SIGNS:
        raise InvalidFilter(
            f"a pattern of match has at most {MOST_SIGNS:,} characters, found {len(pattern):,}"
        )
    singles: dict[str, int] = {}
    ranges: list[tuple[str, str, int]] = []
    stars = but = length = index = 0
    while index < len(pattern):
        bit = 1 << length
        if pattern[index] == "*":
            stars |= bit
            index += 1
            continue
        if pattern[index] == "[":
            index, negated, members = _class(pattern, index)
            but |= bit if negated else 0
        elif pattern[index] == "?":
            index, members = index + 1, []
            but |= bit
        else:
            character, index = _character(pattern, index)
            members = [(character, character)]
        for first, last in members:
            if first == last:
                singles[first] = singles.get(first, 0) | bit
            else:
                ranges.append((first, last, bit))
        length += 1
    return Glob(length, stars, singles, tuple(ranges), but)


def _holds(glob: Glob, text: str) -> bool:
    # All positions the pattern can be at, as bits of one number: bit i, the first i signs are matched.
    # One step a character, so the time is that of the text, never that of trying again.
    known: dict[str, int] = {}
    state = 1
    for character in text:
        taken = known.get(character)
        if taken is None:
            taken = glob.singles.get(character, 0)
            for first, last, bit in glob.ranges:
                if first <= character <= last:
                    taken |= bit
            taken = known[character] = taken ^ glob.but
        state = ((state & taken) << 1) | (state & glob.stars)
        if not state:
            return False
    return bool(state >> glob.length & 1)


def _class(pattern: str, start: int) -> tuple[int, bool, list[tuple[str, str]]]:
    """Read ``[…]``: where it ends, whether it says what not, and its ranges."""
    index = start + 1
    negated = pattern[index : index + 1] == "^"
    index += negated
    members: list[tuple[str, str]] = []
    while pattern[index : index + 1] != "]":
        if index >= len(pattern):
            raise _fault(pattern, start, 'the "[" has no "]". Add it, or write \\[ for the character.')
        if pattern[index] == "-":
            raise _fault(pattern, index, 'a "-" in [ ] stands between two characters. Write \\- for itself.')
        first, index = _character(pattern, index)
        last = first
        if pattern[index : index + 1] == "-":
            if pattern[index + 1 : index + 2] in ("", "]"):
                raise _fault(
                    pattern, index, 'a "-" in [ ] stands between two characters. Write \\- for itself.'
                )
            last, index = _character(pattern, index + 1)
        if last < first:
            raise _fault(pattern, index - 1, f'the range "{first}-{last}" runs backwards. Turn it around.')
        members.append((first, last))
    if not members:
        raise _fault(pattern, start, "[ ] is empty. Write the characters to take between the brackets.")
    return index + 1, negated, members


def _character(pattern: str, index: int) -> tuple[str, int]:
    if pattern[index] != "\\":
        return pattern[index], index + 1
    if index + 1 == len(pattern):
        raise _fault(pattern, index, "a backslash at the end escapes nothing. Write two for the character.")
    return pattern[index + 1], index + 2


def _fault(pattern: str, position: int, message: str) -> InvalidFilter:
    return InvalidFilter(message, text=pattern, position=position)
