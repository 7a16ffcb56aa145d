"""Row, Request, Response, Outcome, Receipt, DeadLetter: what travels to a partner and what came of it."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec


class Row(msgspec.Struct, frozen=True, gc=False):
    """A mapped payload waiting to travel. One event yields one row per matching subscription, or
    several when its objects do not fit one request (``part`` counts from 0).

    lane, offset, order  where the event stands in the log (see `segue.model.event.Record`)
    action       canonical slug of the action
    person       key of the person the row is about; rows of one person never overtake one another
    event_ms     the event's corrected timestamp, milliseconds since the epoch
    items        the partner's objects, each as JSON bytes, in order
    context      what the action's build needs beside the items and what rows of one request must
                 share (a catalog name, a campaign id); hashable; "" for most actions
    revived      made of a dead letter; the event's own row may be on its way beside it after a restart
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
    revived: bool = False

    @property
    def size_bytes(self) -> int:
        """JSON size of the items, separators not counted."""
        items = self.items
        return len(items[0]) if len(items) == 1 else sum(map(len, items))


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
    APART = "apart"
    """The object carried several rows, or said a row in other words, and was refused: they leave again, each
    in an object of its own and whole."""
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
    """One try in a row's history, or several in a row that ended alike.

    at_ms    when the first of them ended, milliseconds since the epoch; request: the request it left in,
             "" for what is no try (the mapping failed, somebody took the dead letter up again)
    times    how many; last_ms, last_request: of the last of them, 0 and "" when there was one
    """

    at_ms: int
    request: str
    status: int
    code: str
    message: str
    times: int = 1
    last_ms: int = 0
    last_request: str = ""


TAKEN_UP: Final = "TAKEN_UP"
"""In a history: somebody asked for the dead letter to be tried again."""


def tries(attempts: Iterable[Attempt]) -> int:
    """How often a row left, by its history."""
    return sum(each.times for each in attempts if each.request)


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What became of one event at one destination, written when it is known for good. One is made of every
    row, where it is worth something not to name what is given.

    result   "delivered" | "filtered" | "suppressed" | "duplicate" | "dead"
    reason   a code: why it was filtered or died; "" when delivered
    request  id of the request it left in; position  index of its first object in that request's array
    part     which of the subscription's rows it is; 0 for the first, and in what an older Segue wrote
    notes    what was left out of the row because of what the partner has already, a line each (`left_out`);
             a row left out whole is "filtered" with the code as its reason, its notes name the attributes;
             of a row that was taken also what the answer said of nobody in particular (`said`)
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
    notes: tuple[str, ...] = ()
    part: int = 0


UNCHANGED: Final = "UNCHANGED"
"""The partner has acknowledged exactly this value."""

STALE: Final = "STALE_ATTRIBUTES"
"""The partner has acknowledged a value of a later event."""


DELETED: Final = "PERSON_DELETED"
"""The event came in before somebody asked for the person to be deleted."""

COMMAND_LANE: Final = 1023
"""Stands for the lane in what comes of no event but of a command; the offset is then the command's number. No
log has so many lanes."""


def left_out(code: str, attributes: Iterable[str]) -> str:
    """A receipt's note: which attributes a row travelled without, and why.

        left_out(UNCHANGED, ["plan", "address.city"])    "UNCHANGED: address.city, plan"

    attributes  names at the partner; parts of a nested one with dots
    The names are sorted, so that the same decision is the same text and is stored once.
    """
    return f"{code}: {', '.join(sorted(attributes))}"


def read_note(note: str) -> tuple[str, tuple[str, ...]]:
    """Code and attributes of a note `left_out` made; of one that `said` made, its words at the commas."""
    code, _, names = note.partition(": ")
    return code, tuple(names.split(", ")) if names else ()


SAID: Final = "SAID"


def said(words: str) -> str:
    """A receipt's note: what the partner said of nobody in particular in the answer that took the row, or
    that its answer could not be read."""
    return f"{SAID}: {' '.join(words.split())}"


class Uncertain(msgspec.Struct, frozen=True, kw_only=True):
    """A row that left in a request whose answer nobody knows: it may or may not have arrived.

    request   number of that request
    policy    what was done about it: "repeated" (sent again, which changes nothing if it had arrived),
              "resend" (sent again: it may count twice), "hold" (kept as a dead letter for a human)
    noted_ms  when the doubt was written down, milliseconds since the epoch
    """

    lane: int
    offset: int
    message_id: str
    subscription: str
    action: str
    part: int = 0
    request: int
    policy: str
    noted_ms: int


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A row, or an event that never became one, that will not be delivered without a human.

    id      stable: destination, lane, offset, subscription and part
    reason  a code; message says it in words with the field and the rule
    items   what would have been sent; empty when the event could not be mapped
    counted  the reason its event counts as dead by, where that is another
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
    counted: str = ""


class CountKey(NamedTuple):
    """What a count of events or rows is of.

    minute  minutes since the epoch, when it was settled
    result  "delivered", "filtered", "suppressed", "duplicate", "dead", "expired" or "skipped" for events;
            "rows_delivered", "rows_filtered", "rows_dead" for rows
    """

    minute: int
    source: str
    subscription: str
    result: str
    reason: str


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """Why a destination sends nothing at the moment. Kept with its state, so that it can be told by whoever
    looks, also after a stop; none is kept while it sends.

    kind      "held" (the partner has trouble), "paused" (by hand), "circuit" (too many failures in a row),
              "capped" (a budget of the operator's is used up), "limited" (the partner's rate limit is)
    code      a delivery code, or a word where there is none; message: the partner's words, shortened
    since_ms  when it began; until_ms: earliest next try, 0 when nobody can say; milliseconds since the epoch
    """

    kind: str
    code: str = ""
    message: str = ""
    since_ms: int = 0
    until_ms: int = 0


Payload = dict[str, Any]
"""A mapped, cleaned, coerced payload: field key -> value."""
