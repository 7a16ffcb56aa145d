"""Action: one thing a destination can do with an event, as a page of the catalogue writes it.

A page says what it asks for (`fields`), how a mapped payload becomes the partner's objects (`shape`),
how objects travel (`build`) and how the answer is understood (`read`). All four are pure.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from segue.kit.field import Field
from segue.model.delivery import Outcome, Payload, Request, Response, Row, Verdict

JsonObject = dict[str, Any]
Settings = Mapping[str, Any]


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What fits one request.

    items         most objects in one request
    wait_seconds  a batch leaves when full or this long after its first row
    bytes         most bytes of one request body
    item_bytes    most bytes of one object; a larger one is dead, with the reason
    """

    items: int = 1
    wait_seconds: float = 0.0
    bytes: int = 4 * 1024 * 1024
    item_bytes: int = 100 * 1024


class SyncModes(msgspec.Struct, frozen=True, kw_only=True):
    """The sync modes an action understands; `default` is what a new subscription starts with."""

    choices: tuple[str, ...]
    default: str


class Shaping(msgspec.Struct, frozen=True, kw_only=True):
    """What `shape` may know beside the payload.

    settings   the destination's, checked and coerced
    sync_mode  the subscription's, None when it has none or the action declares none
    hooks      outputs the subscription's hooks stored, by hook name: {"onMappingSave": {"catalog_name": "…"}}
    slug       the slug the subscription was stored with, when an older one has its own rule
    """

    settings: Settings
    sync_mode: str | None = None
    hooks: Mapping[str, Mapping[str, Any]] = {}
    slug: str = ""


class Shaped(msgspec.Struct, frozen=True, kw_only=True):
    """The partner's objects made from one payload.

    items     objects in order; several when one event becomes several objects
    context   what rows of one request must have in common (a catalog's name), "" for nothing
    filtered  a reason code when there is nothing to send and that is no fault: the event is filtered
    notes     sentences on what was changed or left out on the way, for the preview and the counters:
              ("properties.time", "reserved name, removed")
    """

    items: list[JsonObject] = []
    context: str = ""
    filtered: str = ""
    notes: Sequence[tuple[str, str]] = ()


Shape = Callable[[Payload, Shaping], Shaped]
"""Turn a payload into the partner's objects. Raises InvalidPayload when the action refuses it."""

Build = Callable[[Sequence[Row], Settings], Request]
"""Put one or more rows with the same context into one request."""

Read = Callable[[Response, Sequence[Row]], list[Outcome]]
"""Give exactly one outcome per row, in the order of the rows."""

HOLD_STATUSES: Final = frozenset({401, 403, 408, 423, 429})
"""Answers about the partner or our credentials rather than about what was sent: everybody waits."""

BATCH_STATUSES: Final = frozenset({400, 413, 422})
"""Answers that refuse a body; with several rows in it the culprit is not known yet."""


def read_status(response: Response, rows: Sequence[Row], *, message: str = "") -> list[Outcome]:
    """Give every row the outcome its request's status stands for: the reading for partners that say
    nothing about single items. 2xx delivers; 408, 423, 429 and 5xx but 501 wait, as do 401 and 403,
    which another key mends; 400, 413 and 422 refuse the body; everything else is final."""
    status = response.status
    if 200 <= status < 300:
        verdict, code = Verdict.DELIVERED, ""
    elif status == 0:
        verdict, code = Verdict.HOLD, response.error or "ECONNRESET"
    elif status in HOLD_STATUSES or (status >= 500 and status != 501):
        verdict, code = Verdict.HOLD, status_code(status)
    elif status in BATCH_STATUSES and len(rows) > 1:
        verdict, code = Verdict.BATCH_REJECTED, status_code(status)
    else:
        verdict, code = Verdict.REJECTED, status_code(status)
    outcome = Outcome(
        verdict=verdict, status=status, code=code, message=message, wait_seconds=wait_asked(response)
    )
    return [outcome] * len(rows)


def wait_asked(response: Response) -> float | None:
    """Seconds the partner asks to wait by a plain ``retry-after`` header; None when it does not say."""
    text = response.headers.get("x-ratelimit-retry-after") or response.headers.get("retry-after") or ""
    try:
        return max(0.0, float(text))
    except ValueError:
        return None


STATUS_CODES: Final[Mapping[int, str]] = {
    301: "MOVED_PERMENANTLY",  # the published spelling; dashboards match on it
    302: "FOUND",
    304: "NOT_MODIFIED",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    402: "PAYMENT_REQUIRED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    410: "GONE",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "UNPROCESSABLE_ENTITY",
    423: "LOCKED",
    429: "TOO_MANY_REQUESTS",
    499: "CANCELLED",
    500: "INTERNAL_SERVER_ERROR",
    501: "NOT_IMPLEMENTED",
    502: "BAD_GATEWAY",
    503: "SERVICE_UNAVAILABLE",
    504: "GATEWAY_TIMEOUT",
    529: "SITE_IS_OVERLOADED",
}


def status_code(status: int) -> str:
    """Name an HTTP status in the words of the delivery codes; unknown ones are UNKNOWN_ERROR."""
    return STATUS_CODES.get(status, "UNKNOWN_ERROR")


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the catalogue.

    slug      canonical, ours; slugs: every stored name that means this action (the slugs of both
              generations, published action ids) with the sync mode each implies, None for none
    trigger   the trigger a new subscription starts with
    sync      the sync modes, None when the action has none
    pool      which of the partner's rate limits its requests count against
    """

    slug: str
    title: str
    description: str
    trigger: str = ""
    fields: Mapping[str, Field]
    batch: Batch = Batch()
    sync: SyncModes | None = None
    slugs: Mapping[str, str | None] = {}
    pool: str = ""
    shape: Shape
    build: Build
    read: Read = read_status

    def default_mapping(self) -> JsonObject:
        """The published default mapping: every field that has a default, in order."""
        return {key: field.default for key, field in self.fields.items() if field.has_default}
