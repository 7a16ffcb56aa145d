"""Sealed: a person of whom nothing but the last update matters, as bytes that stay closed.

All that update said is there as it said, and as new as one clock. Most people are like that most of the time,
and most updates say what the last one said; so a look at a few of these bytes decides about them, and only
the clock is written anew. What stands where:

    mark  epoch(4)  clock(6)  said(8)  telling(8)  size(1) patch  size(4) words  rest

clock    when it was said, in milliseconds; nothing known of the person is later
said     digest of the update; telling: the number of what it says (`segue.engine.glance`)
patch    attributes that were said anew since the words were written -> value; often empty
words    attribute -> value, or its hash (`segue.engine.entry`), of all the update says, in its order
rest     what else is known: meaning of the update, entries of other attributes, slots, slot, claims; nothing
         when there is nothing of it, as nearly always

Words are written once, and what changes later is a *stamp* of a few bytes that stands before them:

    stamp_of(sealed)                        the clock alone, or said and patch as well
    stamped(stamp_of(sealed) + written) == sealed
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from segue.engine.entry import Entry

ALONE: Final = b"\xc4"
RELATED: Final = b"\xc5"
"""What sealed people begin with, and no other body: those without slots and claims, and those with."""

STAMP: Final = b"\xc1"
PATCH: Final = b"\xc7"
"""What a stamp begins with, and no body: one of six bytes, the clock, and one of what follows it too."""

CLOCK_END: Final = 1 << 48
"""Clocks from 0 up to here fit in a stamp."""

MOST_PATCH: Final = 100
"""Bytes of a patch; more is written with the words."""

Words = Mapping[str, Any]


class Rest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of a sealed person beside the last update.

    meaning  stands for the update whatever its order, where hashes are among its values; else b""
    """

    meaning: bytes = b""
    entries: dict[str, Entry] = {}
    slots: dict[str, str] = {}
    slot: str = ""
    claims: tuple[str, ...] = ()


def seal(epoch: int, clock: int, said: bytes, telling: bytes, words: Words, rest: Rest) -> bytes:
    """Close what is known of a person. clock: from 0 up to CLOCK_END."""
    mark = RELATED if rest.slots or rest.slot or rest.claims else ALONE
    text = _ENCODE(words)
    return b"".join(
        (
            *(mark, epoch.to_bytes(4, "big"), clock.to_bytes(6, "big"), said, telling, b"\0"),
            *(len(text).to_bytes(4, "big"), text, b"" if rest == _NOTHING else _ENCODE(rest)),
        )
    )


def marks(epoch: int) -> tuple[bytes, bytes]:
    """What the first five bytes of those are who were sealed in an epoch: `ALONE`, and `RELATED`."""
    return ALONE + epoch.to_bytes(4, "big"), RELATED + epoch.to_bytes(4, "big")


def is_sealed(body: bytes) -> bool:
    """Whether what was written of a person is sealed."""
    return body[:1] in _MARKS


def epoch_of(sealed: bytes) -> int:
    """The refresh it belongs to."""
    return int.from_bytes(sealed[1:5], "big")


def clock_of(sealed: bytes) -> int:
    """When the last update said it."""
    return int.from_bytes(sealed[5:11], "big")


def words_of(sealed: bytes) -> dict[str, Any]:
    """What the last update said: attribute -> value, or its hash."""
    size = sealed[27]
    start = 32 + size
    words = _DECODE(sealed[start : start + int.from_bytes(sealed[28 + size : start], "big")])
    if size:
        words.update(_DECODE(sealed[28 : 28 + size]))
    return words


def rest_of(sealed: bytes) -> Rest:
    """What else is known."""
    at = 28 + sealed[27]
    found = sealed[at + 4 + int.from_bytes(sealed[at : at + 4], "big") :]
    return _DECODE_REST(found) if found else _NOTHING


def patched(sealed: bytes, clock: int, said: bytes, news: Words) -> tuple[bytes, bool]:
    """The same after an update of the same attributes with other values for some; and whether the words
    are others now."""
    size = sealed[27]
    text = _ENCODE({**_DECODE(sealed[28 : 28 + size]), **news} if size else news)
    when = clock.to_bytes(6, "big")
    if len(text) <= MOST_PATCH:
        before = (sealed[:5], when, said, sealed[19:27], _SIZES[len(text)])
        return b"".join((*before, text, sealed[28 + size :])), False
    text, at = _ENCODE({**words_of(sealed), **news}), 28 + size
    rest = sealed[at + 4 + int.from_bytes(sealed[at : at + 4], "big") :]
    before = (sealed[:5], when, said, sealed[19:27], b"\0")
    return b"".join((*before, len(text).to_bytes(4, "big"), text, rest)), True


def stamp_of(sealed: bytes) -> bytes:
    """What to write before the words that were written."""
    size = sealed[27]
    return PATCH + sealed[5:19] + sealed[27 : 28 + size] if size else STAMP + sealed[5:11]


def stamped(body: bytes) -> bytes:
    """A sealed body after what its stamp says; any other as it is, with its stamp."""
    if body[:1] == STAMP:
        if body[7:8] not in _MARKS:
            return body
        return body[7:12] + body[1:7] + body[18:]
    if body[:1] == PATCH:
        start = 16 + body[15]
        after = start + 28 + body[start + 27]
        return (
            body[start : start + 5]
            + body[1:15]
            + body[start + 19 : start + 27]
            + body[15:start]
            + body[after:]
        )
    return body


_MARKS: Final = frozenset((ALONE, RELATED))
_NOTHING: Final = Rest()
_SIZES: Final = [bytes((size,)) for size in range(256)]
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(dict[str, Any]).decode
_DECODE_REST: Final = msgspec.msgpack.Decoder(Rest).decode
