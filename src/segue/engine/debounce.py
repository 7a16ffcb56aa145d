"""Debounce: an identify that says nothing new about a person is kept from a destination.

    said = summary({"type": "identify", "userId": "u1", "traits": {"plan": "pro"}})     16 bytes
    is_repeat(said, 7, Said(digest=said, offset=3))                                      True

The rule of the mobile middleware, with a memory for each destination and person: the same userId,
anonymousId and traits as in the identify before. Missing, null and empty traits are the same, so are 3 and
3.0; the order of members plays no part. Other calls are untouched and change nothing.
What counts as a repeat in each SDK is a table, tests/conformance/debounce.yaml, which this is played on.

Source  Segment docs, "Braze", "Debounce calls"; segmentio/segment-braze-mobile-middleware; read 2026-11-26
"""

import hashlib
import json
from typing import Any, Final

import msgspec
import orjson

from segue.model.event import Event

DEBOUNCED: Final = "DEBOUNCED"
"""Ours: the published debounces mark the event, and its integrations object then filters it."""

MESSAGE: Final = "the person's identify before this one said the same (delivery.debounce)"


class Said(msgspec.Struct, frozen=True, array_like=True):
    """What the last identify of a person said, and where in their lane it stands.

    An event at or before that place is read again after a crash: it was judged already, and passes.
    """

    digest: bytes
    offset: int


def summary(event: Event) -> bytes:
    """What an identify says, in 16 bytes; b"" for any other event."""
    if event.get("type") != "identify":
        return b""
    traits = event.get("traits") or {}
    told = [event.get("userId") or None, event.get("anonymousId") or None, _plain(traits)]
    try:
        text = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):  # an integer of more than 64 bits, half of a character
        text = json.dumps(told, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=16).digest()


def is_repeat(digest: bytes, offset: int, before: Said | None) -> bool:
    """True when an identify says what the person's last one said."""
    return bool(digest) and before is not None and before.offset < offset and before.digest == digest


def remember(digest: bytes, offset: int, before: Said | None) -> Said | None:
    """What is remembered after an identify that passed."""
    return before if not digest or (before is not None and before.offset >= offset) else Said(digest, offset)


def _plain(value: Any) -> Any:
    """Numbers as one kind: JSON has only one."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
