"""Row, Request, Response, Outcome, Receipt, DeadLetter: what travels to a partner and what came of it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A mapped payload waiting to travel. One event yields one row per matching subscription, or
    several when its objects do not fit one request (``part`` counts from 0).

    lane, offset, order  where the event stands in the log (see `segue.model.event.Record`)
    action       canonical slug of the action
    person       key of the person the row is about; rows of one person never overtake one another
    event_ms     the event's corrected timestamp, milliseconds since the epoch
    items        the partner's objects, each as JSON bytes, in order
    context      what the action's build needs beside the items and what rows of one request must
                 share (a catalog name, a campaign id); hashable; "" for most actions
    """

    destination: str
    subscription: str
    action: str
    lane: int
    offset: int
    order: int
    person: str
    message_id: str
    kind: str
    event: str = ""
    event_ms: int = 0
    items: tuple[bytes, ...] = ()
    context: str = ""
    part: int = 0
    parts: int = 1

    @property
    def size_bytes(self) -> int:
        """JSON size of the items, separators not counted."""
        return sum(map(len, self.items))


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request as it will leave, without the rows it was made of.

    url      whole; headers include authorization, so never log them
    body     encoded JSON, or b"" for none
    pool     which of the partner's rate limits it counts against, for instance ``users/track``
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    pool: str = ""
    timeout_seconds: float = 30.0


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: an answer, or no answer at all.

    status   HTTP status; 0 when there was no answer, then `error` says why
    headers  lower-case names
    error    "" or a transport code: ETIMEDOUT, ECONNREFUSED, ECONNRESET, ENOTFOUND, ECONNABORTED
    sent     false when it is certain that the partner never saw the request
    """

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""
    error: str = ""
    sent: bool = True


class Verdict(StrEnum):
    """What an answer says about one row."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    """This row is refused for good; its neighbours may be fine."""
    BATCH_REJECTED = "batch-rejected"
    """The request as a whole was refused and no row is named: find the culprit by bisecting."""
    RETRY = "retry"
    """This row may succeed later."""
    HOLD = "hold"
    """The partner as a whole has trouble (429, 5xx, 401, no answer): the destination waits."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one per row and try.

    status   HTTP status behind it; 0 for none
    code     a delivery code of the platform spec: BAD_REQUEST, RETRYABLE_ERROR, ETIMEDOUT …
    message  the partner's words, shortened; never a payload
    wait_seconds  how long the partner asked to wait; None when it did not say
    """

    verdict: Verdict
    status: int = 0
    code: str = ""
    message: str = ""
    wait_seconds: float | None = None


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """One try in a row's history. at_ms milliseconds since the epoch."""

    at_ms: int
    request: str
    status: int
    code: str
    message: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event at one destination, written when it is known for good.

    result   "delivered" | "filtered" | "suppressed" | "duplicate" | "dead"
    reason   a code: why it was filtered or died; "" when delivered
    request  id of the request it left in; position  index of its first object in that request's array
    """

    lane: int
    offset: int
    message_id: str
    subscription: str
    action: str
    result: str
    reason: str = ""
    request: str = ""
    position: int = 0
    status: int = 0
    attempts: int = 1
    settled_ms: int = 0


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A row, or an event that never became one, that will not be delivered without a human.

    id      stable: destination, lane, offset, subscription and part
    reason  a code; message says it in words with the field and the rule
    items   what would have been sent; empty when the event could not be mapped
    """

    id: str
    destination: str
    subscription: str
    action: str
    lane: int
    offset: int
    order: int = 0
    person: str
    message_id: str
    kind: str
    event: str = ""
    event_ms: int = 0
    reason: str
    message: str
    items: tuple[bytes, ...] = ()
    context: str = ""
    part: int = 0
    parts: int = 1
    attempts: tuple[Attempt, ...] = ()
    died_ms: int = 0


class CountKey(NamedTuple):
    """What a count of events or rows is of.

    minute  minutes since the epoch, when it was settled
    result  "delivered", "filtered", "suppressed", "duplicate", "dead", "expired" or "skipped" for events;
            "rows_delivered", "rows_dead" for rows
    """

    minute: int
    source: str
    subscription: str
    result: str
    reason: str


Payload = dict[str, Any]
"""A mapped, cleaned, coerced payload: field key -> value."""
