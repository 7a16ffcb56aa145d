"""Event: the six kinds, one envelope, the person key, and the record kept in the log.

Downstream of the log an event is a plain dict, exactly what the customer sent plus what the
tracking spec lets a server add:

    {"type": "track", "event": "Order Completed", "messageId": "m1", "userId": "u1",
     "timestamp": "2026-11-24T10:00:00.000Z", "originalTimestamp": …, "sentAt": …, "receivedAt": …,
     "context": {…}, "integrations": {…}, "properties": {…}, "channel": "server", "version": 2}
"""

import zlib
from typing import Any, Final

import msgspec

Event = dict[str, Any]
"""A whole event as destinations see it; treat it as read-only, it is shared between subscriptions."""

KINDS: Final = ("identify", "track", "page", "screen", "group", "alias")
"""The event types of the tracking spec, in the order of their bits in a block's type bitmap."""

KIND_BIT: Final = {kind: 1 << index for index, kind in enumerate(KINDS)}

DEFAULT_LANES: Final = 8


class Record(msgspec.Struct, array_like=True, gc=False):
    """One event as the log keeps it: the exact bytes received and what the server knew then.

    order         ingest order, strictly increasing over all lanes of one receiver (nanoseconds since
                  the epoch, nudged upward when two fall together): "everything earlier" has a meaning
                  across lanes
    source        id of the source whose write key the event came with
    kind          one of KINDS
    person        the person key the lane was chosen by (see `person_key`)
    received_ms   when the request was read, milliseconds since the epoch
    sent_ms       the sender's clock when it sent, milliseconds since the epoch, if given and readable
    message_id    the messageId to deduplicate by: the sender's or the one we made
    channel       "server", "browser" or "mobile"
    ip            the address to put in context.ip when the sender gave none (client channels only)
    envelope      JSON object with the batch's ``context`` and ``integrations``, to lie under the event's
                  own; empty when there is none
    raw           the event's JSON, byte for byte as it came
    """

    order: int
    source: str
    kind: str
    person: str
    received_ms: int
    sent_ms: int | None
    message_id: str
    channel: str
    ip: str | None
    envelope: bytes
    raw: bytes


VISITOR: Final = "a:"
"""What the person key of an anonymousId starts with."""


def person_key(user_id: str | None, anonymous_id: str | None) -> str:
    """Name the person of an event: the userId, else the anonymousId.

    The two never collide: the key starts with ``u:`` or ``a:``. An event with neither (an alias or
    group that names only ``previousId`` or ``groupId``) is its own person, the empty key.
    """
    if user_id:
        return "u:" + user_id
    if anonymous_id:
        return VISITOR + anonymous_id
    return ""


def lane_of(person: str, lanes: int) -> int:
    """Say which lane of the log a person's events live in; the same person, the same lane."""
    return zlib.crc32(person.encode("utf-8", "surrogatepass")) % lanes
