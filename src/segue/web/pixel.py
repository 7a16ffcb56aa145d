"""The pixel: an event in the query of an image, for places where no script runs.

    GET /v1/pixel/track?data=eyJ3cml0ZUtleSI6…
    GET /v1/pixel/track?writeKey=wk&userId=u1&event=Email%20Opened&properties.subject=Hello

The answer is always the image with status 200: there is nobody who could read another.

Source  Segment docs, "Pixel Tracking API", read 2026-11-23
"""

import base64
import binascii
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

GIF: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""A transparent image of one point."""

_DEEPEST: Final = 16
"""Dots in a name that open objects; further ones are part of the last name."""


def read_query(query: bytes) -> tuple[bytes, str | None]:
    """Give the event's JSON and the write key, if the query names one beside ``data``.

    ``data`` may be base64, with or without padding, of either alphabet, or plain JSON. What it holds is
    not checked here.
    """
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="replace")
    fields = dict(pairs)
    write_key = fields.get("writeKey") or None
    if packed := fields.get("data"):
        return _unpack(packed), write_key
    return msgspec.json.encode(_nest(fields)), write_key


def _unpack(packed: str) -> bytes:
    if packed.lstrip().startswith("{"):
        return packed.encode()
    # A plus sign that was not escaped arrives as a space.
    text = "".join(packed.replace(" ", "+").split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return packed.encode()


def _nest(fields: dict[str, str]) -> dict[str, Any]:
    """{"properties.a": "1"} -> {"properties": {"a": "1"}}; a later name wins over an earlier."""
    event: dict[str, Any] = {}
    for name, value in fields.items():
        *parents, last = name.split(".", _DEEPEST)
        place = event
        for parent in parents:
            inner = place.get(parent)
            if not isinstance(inner, dict):
                inner = place[parent] = {}
            place = inner
        place[last] = value
    return event
