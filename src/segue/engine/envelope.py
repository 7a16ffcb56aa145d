"""The envelope of one event: the few fields a receiver needs, checked against the spec.

    examine(b'{"type":"track","userId":"u1","event":"Signed Up","properties":{…}}').userId == "u1"

The quick path decodes these fields and skips the rest. It only ever says yes: whatever is unusual is
decoded whole and goes through `event_rules.check`, which decides and names the fault.
"""

from typing import Any, Final

import msgspec

from segue.engine.event_rules import CONSENT_EVENT, MESSAGE_ID_LENGTH, check
from segue.engine.json_text import DEPTH, is_too_deep, parse
from segue.model.errors import InvalidEvent

EVENT_BYTES: Final = 32 * 1024
"""Source  Segment docs, "HTTP API source: max request size", read 2026-11-23."""


def examine(raw: bytes, kind: str = "") -> "Envelope":
    """Give the checked envelope of one event, its `type` the kind it is; raises InvalidEvent.

    raw   valid JSON
    kind  what the route implies; "" in a batch, where each event has to say its own type
    """
    if len(raw) > EVENT_BYTES:
        raise InvalidEvent(
            "event_too_large", f"the event has {len(raw)} bytes, at most {EVENT_BYTES} are taken"
        )
    if is_too_deep(raw):
        raise InvalidEvent("too_deep", f"the event is nested deeper than {DEPTH} levels")
    return _read_plain(raw, kind) or _examine_closely(raw, kind)


def examine_plain(text: bytes, kind: str) -> "Envelope | None":
    """Give the envelope of an event with nothing to remark; None for one `examine` has to look at.

    text  anything, of at most EVENT_BYTES; whatever is no JSON gives None
    kind  what the route implies
    """
    return None if is_too_deep(text) else _read_plain(text, kind)


def signature(raw: bytes) -> "Signature":
    """Read what an event says about itself, whatever else is wrong with it."""
    try:
        return _read_signature(raw)
    except (msgspec.DecodeError, RecursionError):
        return Signature()


class AnyObject(msgspec.Struct, gc=False):
    """Any JSON object; what is in it is not decoded."""


class Library(msgspec.Struct, gc=False):
    """``context.library``: which SDK made the event."""

    name: str | None = None


class Context(msgspec.Struct, gc=False):
    """The part of an event's context that says how it came here."""

    direct: bool | None = None
    library: Library | None = None


class Envelope(msgspec.Struct, gc=False):
    """The part of an event that is decoded, with the types usual events have."""

    type: str | None = None
    messageId: str | None = None  # noqa: N815  # the names here and below are the tracking spec's
    userId: str | None = None  # noqa: N815
    anonymousId: str | None = None  # noqa: N815
    event: str | None = None
    name: str | None = None
    category: str | None = None
    sentAt: str | None = None  # noqa: N815
    properties: AnyObject | None = None
    traits: AnyObject | None = None
    integrations: AnyObject | None = None
    context: Context | None = None


class Signature(msgspec.Struct, gc=False):
    """What an event says about itself, of any type."""

    type: Any = None
    messageId: Any = None  # noqa: N815
    writeKey: Any = None  # noqa: N815


_read_envelope: Final = msgspec.json.Decoder(Envelope).decode
_read_signature: Final = msgspec.json.Decoder(Signature).decode

_VIEWS: Final = frozenset({"page", "screen"})


def _read_plain(raw: bytes, kind: str) -> Envelope | None:
    """The envelope, where the quick path can say yes."""
    try:
        envelope = _read_envelope(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    if kind:
        envelope.type = kind
    return envelope if _is_plain(envelope) else None


def _is_plain(event: Envelope) -> bool:
    """True when an event of usual types has nothing that needs a closer look."""
    user, anonymous, message = event.userId, event.anonymousId, event.messageId
    if user is None:
        if anonymous is None:
            return False
    elif not user or user.isspace():
        return False
    if anonymous is not None and (not anonymous or anonymous.isspace()):
        return False
    if message is not None and len(message) >= MESSAGE_ID_LENGTH:
        return False
    kind = event.type
    if kind == "track":
        name = event.event
        return name is not None and name != "" and name != CONSENT_EVENT and not name.isspace()
    if kind in _VIEWS:
        return event.name != ""
    return kind == "identify"


def _examine_closely(raw: bytes, kind: str) -> Envelope:
    """The same answer by decoding the whole event: what the rules say counts."""
    event = parse(raw)
    kind = check(event, kind)
    message, context = event.get("messageId"), event.get("context") or {}
    library = context.get("library")
    name = library.get("name") if isinstance(library, dict) else None
    return Envelope(
        type=kind,
        messageId=None if message is None else str(message),
        userId=event.get("userId"),
        anonymousId=event.get("anonymousId"),
        sentAt=event.get("sentAt"),
        context=Context(context.get("direct") is True, Library(name if isinstance(name, str) else None)),
    )
