"""Action: one thing a destination can do with an event, as a page of the catalogue writes it.

A page says what it asks for (`fields`), how a mapped payload becomes the partner's objects (`shape`),
how objects travel (`build`) and how the answer is understood (`read`). All four are pure.

    action.fields_of(slug), action.default_mapping(slug)   as the slug a subscription is stored with has them
    action.sync_mode(mapping, slug)   (mode, problem); a problem is a fault at publish
    Coercer(fields).coerce(mapped)    (payload, notes), then shape(payload, shaping)
"""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from segue.kit.attributes import AttributeShape, Disturbs
from segue.kit.conditions import holds
from segue.kit.device import Advice
from segue.kit.field import Choice, Conditions, Field
from segue.model.delivery import Outcome, Payload, Request, Response, Row, Verdict

if TYPE_CHECKING:
    from segue.kit.recipe import Recipe

JsonObject = dict[str, Any]
Settings = Mapping[str, Any]


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What fits one request.

    items         most objects in one request
    wait_seconds  a batch leaves when full or this long after its first row
    bytes         most bytes of one request body
    item_bytes    most bytes of one object; a larger one is dead, with the reason
    ordered       false when the partner applies the objects of a request in no certain order: then none of
                  them shares a person with another
    """

    items: int = 1
    wait_seconds: float = 0.0
    bytes: int = 4 * 1024 * 1024
    item_bytes: int = 100 * 1024
    ordered: bool = True


SYNC_MODE_KEY: Final = "__segment_internal_sync_mode"
"""Where a stored mapping keeps its sync mode, beside the fields."""

SYNC_MODES: Final = frozenset({"add", "update", "upsert", "delete", "mirror"})
"""The only values a stored sync mode can have; anything else counts as none."""


class SyncModes(msgspec.Struct, frozen=True, kw_only=True):
    """The sync modes an action understands; `default` is what a new subscription starts with.

    required   a subscription without one of `choices` cannot work
    """

    choices: tuple[str, ...]
    default: str
    required: bool = False


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

Advise = Callable[[Mapping[str, Any], str | None], Sequence[Advice]]
"""(mapping, sync mode) -> what nobody would want of a mapping that the fields alone do not show."""

LeavesOut = Callable[[Payload], Sequence[tuple[str, str]]]
"""payload -> what of it never becomes part of an object, and why: (field, sentence), for the preview."""

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
    if not message and status >= 300:
        message = f"the partner answered {status} and no reason that is understood"
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

    slug      canonical, ours
    slugs     every stored name that means this action (the slugs of both generations, published action
              ids) with the sync modes a subscription stored under it has; None for none
    trigger   the trigger a new subscription starts with
    sync      the sync modes under the canonical slug, None when the action has none
    synced    fields that a sync mode stands in for: a slug that requires one does not have them
    lacking   fields that a slug does not have, by slug
    pool      which of the partner's rate limits its requests count against
    hooks     what can be done when a mapping is saved, by name (``onMappingSave``)
    attributes  set when the objects are attributes of a person: what each member of one is
    price     data points of a row where a contract counts them, attributes apart; None: it costs nothing
    disturbs  set when an object changes attributes of people in other ways: whose
    repeatable  sending a row twice leaves the partner as if it had been sent once
    advise    what is odd about a mapping beside what its fields say
    leaves_out  what of a payload `shape` leaves out without a note, since it always does
    recipe    how plain events become objects without the long way through mapping, coercion and `shape`
    """

    slug: str
    title: str
    description: str
    trigger: str = ""
    fields: Mapping[str, Field]
    batch: Batch = Batch()
    sync: SyncModes | None = None
    slugs: Mapping[str, SyncModes | None] = {}
    synced: tuple[str, ...] = ()
    lacking: Mapping[str, tuple[str, ...]] = {}
    pool: str = ""
    hooks: "Mapping[str, Hook]" = {}
    attributes: AttributeShape | None = None
    price: Callable[[Row], int] | None = None
    disturbs: Disturbs | None = None
    shape: Shape
    build: Build
    read: Read = read_status
    advise: Advise | None = None
    leaves_out: LeavesOut | None = None
    recipe: "Recipe | None" = None
    repeatable: bool = False

    def sync_modes(self, slug: str = "") -> SyncModes | None:
        """The sync modes a subscription stored under this slug has."""
        return self.slugs.get(slug, self.sync)

    def fields_of(self, slug: str = "") -> Mapping[str, Field]:
        """The fields a subscription stored under this slug has. What is required unless one of those it lacks
        has a value is required."""
        modes = self.sync_modes(slug)
        without = set(self.lacking.get(slug, ()))
        if modes is not None and modes.required:
            without.update(self.synced)
        if not without:
            return self.fields
        return {key: _settled(field, without) for key, field in self.fields.items() if key not in without}

    def default_mapping(self, slug: str = "") -> JsonObject:
        """The published default mapping: every field that has a default, in order."""
        return {key: field.default for key, field in self.fields_of(slug).items() if field.has_default}

    def sync_mode(self, mapping: Mapping[str, Any], slug: str = "") -> tuple[str | None, str]:
        """The sync mode a stored mapping has, and what is wrong with it, "" for nothing.

        A mode is only read for a slug that has sync modes; nothing fills in a missing one, and one that
        nobody knows counts as none.
        """
        modes = self.sync_modes(slug)
        if modes is None:
            return None, ""
        written = mapping.get(SYNC_MODE_KEY)
        mode = written if isinstance(written, str) and written in SYNC_MODES else None
        if mode in modes.choices or (written is None and not modes.required):
            return mode, ""
        found = f'"{written}"' if written is not None else "none"
        return mode, f"the sync mode must be {' or '.join(modes.choices)}, found {found}"


def _settled(field: Field, lacking: Set[str]) -> Field:
    """A field whose requirement depends on fields that there are not."""
    rule = field.required
    if isinstance(rule, Conditions) and all(claim.field in lacking for claim in rule.claims):
        return replace(field, required=holds(rule, {}))
    return field


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the values a dynamic field can have.

    next     what to ask `Choices.request` for next, "" when this was the last page
    problem  a sentence when there is nothing to choose; code says why: "404" nothing there, "500" no answer
    """

    choices: Sequence[Choice] = ()
    next: str = ""
    code: str = ""
    problem: str = ""


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """How to ask the partner which values a dynamic field can have. Both are pure.

    request  (settings, page, payload) -> Request; page "" is the first; payload holds what is mapped so far
             and a hook's outputs
    read     (response, page, payload) -> Page
    """

    request: Callable[[Settings, str, Mapping[str, Any]], Request]
    read: Callable[[Response, str, Mapping[str, Any]], Page]


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """Something to do at the partner when a mapping is saved. Its outputs are stored in the mapping.

    request  (inputs, settings) -> Request, or None when there is nothing to ask
    read     (inputs, response or None) -> the outputs. Raises InvalidPayload with the partner's words.
    needed   outputs without which a mapping cannot work
    """

    label: str
    help: str
    fields: Mapping[str, Field]
    needed: tuple[str, ...] = ()
    request: Callable[[Mapping[str, Any], Settings], Request | None]
    read: Callable[[Mapping[str, Any], Response | None], JsonObject]
