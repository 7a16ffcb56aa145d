"""JSON text from strangers: mended where it is nearly valid, measured, and read without surprises.

    mend(body)          the same text as JSON every decoder here takes; valid JSON stays as it is
    is_too_deep(text)   more levels than an event may have
    parse(text)         whole, with None for numbers no double can hold

Decoders differ: msgspec skips a ``1e999`` that orjson refuses, both refuse half a surrogate pair that
browsers send for a cut emoji, and each has its own limit of nesting.
"""

import json
import math
import re
from typing import Any, Final

import orjson

DEPTH: Final = 128
"""Levels of objects and arrays an event may have. Encoders stop at 254 and recursive readers at the
interpreter's own limit, so a deeper event could be stored but never delivered."""

_MENDED_DEPTH: Final = 2 * DEPTH
"""Deep enough to be refused as too deep, flat enough for every decoder."""

_ESCAPES: Final = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F]).)"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}",
    re.DOTALL,
)
"""Group 1: a whole pair or another escape, to keep. Without it: half a surrogate pair."""

_STRING_OR_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{]+|[\]}]+', re.DOTALL)
_OPENING: Final = b"[{"
_CLOSING: Final = b"]}"


def mend(body: bytes) -> bytes:
    """Take away a byte order mark, put U+FFFD for half a surrogate pair, and flatten what is deeper than
    any event may be: that event is still too deep, but its batch-mates can be read."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    body = _ESCAPES.sub(lambda escape: escape[1] or rb"\ufffd", body)
    return _flatten(body)


def is_too_deep(text: bytes) -> bool:
    """Say whether valid JSON has more than DEPTH levels."""
    return text.count(b"{") + text.count(b"[") > DEPTH and _depth(text) > DEPTH


def parse(text: bytes) -> Any:
    """Decode valid JSON whole; a number no double can hold becomes None, as JSON.stringify writes it."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text.decode(), parse_float=_double, parse_int=_whole)


def _flatten(body: bytes) -> bytes:
    """Put 0 for every object and array below the deepest level that is kept."""
    kept: list[bytes] = []
    depth = start = 0
    for token in _STRING_OR_BRACKETS.finditer(body):
        first, size = body[token.start()], token.end() - token.start()
        if first in _OPENING:
            if depth <= _MENDED_DEPTH < depth + size:
                kept += (body[start : token.start() + _MENDED_DEPTH - depth], b"0")
            depth += size
        elif first in _CLOSING:
            if depth > _MENDED_DEPTH >= depth - size:
                start = token.start() + depth - _MENDED_DEPTH
            depth -= size
    if depth <= _MENDED_DEPTH:
        kept.append(body[start:])
    return b"".join(kept)


def _depth(text: bytes) -> int:
    depth = deepest = 0
    for token in _STRING_OR_BRACKETS.finditer(text):
        first, size = text[token.start()], token.end() - token.start()
        if first in _OPENING:
            depth += size
            deepest = max(deepest, depth)
        elif first in _CLOSING:
            depth -= size
    return deepest


def _double(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _whole(text: str) -> int | float | None:
    if len(text) <= 20 and -(2**63) <= (value := int(text)) < 2**64:
        return value
    return _double(text)
