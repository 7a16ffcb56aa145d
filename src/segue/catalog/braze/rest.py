"""How Braze's REST API is spoken: headers, the body of /users/track, and what its answers mean.

Rows of one request may be of several actions: their objects go into the arrays ``attributes``, ``events``
and ``purchases``, in that order, and an answer's ``{"type", "input_array", "index"}`` finds its way back.

Source  Braze docs, "API errors & responses", "API rate limits", "Track users", read 2026-11-24
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from typing import Any, Final

import msgspec
import orjson

from segue import __version__
from segue.kit import dates
from segue.kit.action import (
    BATCH_STATUSES,
    Batch,
    Build,
    JsonObject,
    Read,
    Settings,
    read_status,
    status_code,
)
from segue.kit.partner import Pack
from segue.model.delivery import Outcome, Request, Response, Row, Verdict

TRACK_POOL: Final = "users/track"
USERS_POOL: Final = "users"
"""One limit for /users/delete, /users/alias/*, /users/identify and /users/merge together."""

TRACK_ITEMS: Final = 75
USERS_ITEMS: Final = 50
REQUEST_BYTES: Final = 4 * 1024 * 1024
ITEM_BYTES: Final = 100 * 1024

OBJECTS_BYTES: Final = REQUEST_BYTES - 1024
"""What the objects of a request may have together: the names of the arrays around them take their part."""

TRACK_BATCH: Final = Batch(items=TRACK_ITEMS, wait_seconds=30.0, bytes=OBJECTS_BYTES, item_bytes=ITEM_BYTES)
USERS_BATCH: Final = Batch(items=USERS_ITEMS, wait_seconds=1.0, bytes=OBJECTS_BYTES)

ARRAYS: Final[Mapping[str, str]] = {
    "update-user-profile": "attributes",
    "track-event": "events",
    "ecommerce-event": "events",
    "ecommerce-product-event": "events",
    "track-purchase": "purchases",
    "identify": "attributes",
    "group": "attributes",
    "page": "events",
    "track": "events",
}
"""Where in a /users/track body the objects of an action go, unless their context says so; Braze applies the
arrays in the order of `ARRAY_NAMES`."""

ARRAY_NAMES: Final = ("attributes", "events", "purchases")


def pack(*actions: str) -> Pack:
    """How rows of these actions share a /users/track request."""
    places = {name: place for place, name in enumerate(ARRAY_NAMES)}
    arrays = {slug: places[ARRAYS[slug]] for slug in actions} | places
    return Pack(name=TRACK_POOL, actions=actions, arrays=arrays, batch=TRACK_BATCH)


USER_AGENT: Final = f"Segue/{__version__} (customer event pipeline)"


def request(
    settings: Settings,
    path: str,
    body: bytes = b"",
    *,
    method: str = "POST",
    pool: str = "",
    headers: Mapping[str, str] | None = None,
) -> Request:
    """One call to the workspace's REST endpoint. path starts with a slash; body is JSON or empty."""
    sent = {"authorization": f"Bearer {settings['api_key']}", "user-agent": USER_AGENT}
    if body:
        sent["content-type"] = "application/json"
    return Request(
        method=method,
        url=settings["endpoint"].rstrip("/") + path,
        headers=sent | dict(headers or {}),
        body=body,
        pool=pool,
    )


def build_track(rows: Sequence[Row], settings: Settings) -> Request:
    """One /users/track request of everything the rows carry."""
    parts: list[bytes] = []
    count = 0
    for name, members in _by_array(rows):
        items = list(chain.from_iterable([row.items for row in members]))
        count += len(items)
        parts += (b',"' if parts else b'{"', name.encode(), b'":[', b",".join(items), b"]")
    parts.append(b"}")
    return request(
        settings,
        "/users/track",
        b"".join(parts),
        pool=TRACK_POOL,
        headers={"x-braze-batch": "true"} if count > 1 else None,
    )


def read_track(response: Response, rows: Sequence[Row]) -> list[Outcome]:
    """One outcome per row of a /users/track request; a row's outcome is that of its worst object."""
    return read_named(response, rows, lambda: {name: _Span(members) for name, members in _by_array(rows)})


def list_body(name: str, items: Sequence[bytes]) -> bytes:
    """``{"<name>":[…]}`` of objects that are JSON already."""
    return b'{"%b":[%b]}' % (name.encode(), b",".join(items))


def build_list(path: str, name: str, pool: str) -> Build:
    """A builder for endpoints that take one array of objects."""

    def build(rows: Sequence[Row], settings: Settings) -> Request:
        items = [item for row in rows for item in row.items]
        return request(settings, path, list_body(name, items), pool=pool)

    return build


def read_list(response: Response, rows: Sequence[Row]) -> list[Outcome]:
    """One outcome per row of a request that holds one array."""
    return read_named(response, rows, lambda: {"": _Span(rows)})


def read_lists(lists: Sequence[tuple[str, str]]) -> Read:
    """A reader for requests whose rows' objects are sorted into several arrays by a member they have.

    lists  (name of the array, member), in the order of the request
    """

    def read(response: Response, rows: Sequence[Row]) -> list[Outcome]:
        def arrays() -> dict[str, _Span]:
            found = {
                name: [row for row in rows if any(member in orjson.loads(item) for item in row.items)]
                for name, member in lists
            }
            return {name: _Span(members) for name, members in found.items() if members}

        return read_named(response, rows, arrays)

    return read


class _Span:
    """The rows whose objects one array holds, and which of them owns an index."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.ends = list(accumulate([len(row.items) for row in rows]))

    def owner(self, index: int) -> tuple[Row, int] | None:
        """The row an index of the array belongs to, and which of its objects that is."""
        if not 0 <= index < (self.ends[-1] if self.ends else 0):
            return None
        at = bisect_right(self.ends, index)
        return self.rows[at], index - (self.ends[at - 1] if at else 0)


def read_named(
    response: Response,
    rows: Sequence[Row],
    arrays: Callable[[], Mapping[str, _Span]],
) -> list[Outcome]:
    """Read an answer that may name the objects it refuses.

    arrays  gives the objects of each input array; asked for only when there are errors. Where there is one
            array, an index belongs to it whatever name it comes with

    A named object is refused with its own words, in a 2xx as in a 400. A 400 that names some rows refuses
    those, and leaves the culprit among the others, if there is one, to be found. An error that names
    nobody, or somebody who is not there, is the message of the rows that were delivered: it stands in
    their receipts.
    """
    answer = body_of(response)
    named, unnamed = _blame(answer, rows, arrays) if answer.get("errors") else ({}, "")
    message = message_of(answer)
    status = response.status
    if 200 <= status < 300 and not is_failure(message):
        if not answer:
            unnamed = UNREADABLE
        if not named and not unnamed:
            return [Outcome(verdict=Verdict.DELIVERED, status=status)] * len(rows)
        delivered = Outcome(verdict=Verdict.DELIVERED, status=status, message=unnamed)
        return [_refused(status, named[id(row)]) if id(row) in named else delivered for row in rows]
    if 200 <= status < 300 or status in BATCH_STATUSES:
        # Braze gives 400 when every object is bad; some of its partners saw 2xx with a fatal message.
        rest = [row for row in rows if id(row) not in named]
        verdict = Verdict.BATCH_REJECTED if len(rest) > 1 or (rest and named) else Verdict.REJECTED
        code = status_code(status if status >= 400 else 400)
        fallen = Outcome(verdict=verdict, status=status, code=code, message=message or unnamed)
        return [_refused(status, named[id(row)]) if id(row) in named else fallen for row in rows]
    return of_status(response, rows, message)


def of_status(response: Response, rows: Sequence[Row], message: str) -> list[Outcome]:
    """What the status alone says of all rows, and how long Braze asks to wait."""
    outcome = read_status(response, rows, message=message)[0]
    if response.status < 400:
        # A redirect, or what is no final answer, says that the endpoint is wrong, not the events: they wait
        # until it is mended.
        outcome = msgspec.structs.replace(outcome, verdict=Verdict.HOLD)
    outcome = msgspec.structs.replace(outcome, wait_seconds=wait_asked(response))
    return [outcome] * len(rows)


def body_of(response: Response) -> JsonObject:
    """The answer as an object; empty when it is missing, cut short, or something else."""
    if not response.body:
        return {}
    try:
        answer = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def message_of(answer: JsonObject) -> str:
    """Braze's own words for what happened: ``message``, or ``error`` for bodies it could not parse."""
    words = answer.get("message") or answer.get("error")
    return shorten(words) if isinstance(words, str) else ""


def shorten(words: str) -> str:
    """Words of a partner, short enough for a receipt."""
    return words if len(words) <= MOST_MESSAGE else words[: MOST_MESSAGE - 1] + "…"


MOST_MESSAGE: Final = 300

UNREADABLE: Final = "the answer's body could not be read, so an error in it may have been missed"


def wait_asked(response: Response) -> float | None:
    """Seconds Braze asks to wait: ``x-ratelimit-retry-after``, else until ``x-ratelimit-reset``, else
    ``retry-after``. The reset is an epoch on most plans and seconds on the newest; an epoch is measured
    against the answer's own ``date``, so that no clock of ours matters. None when it does not say.
    """
    headers = response.headers
    asked = _seconds(headers.get("x-ratelimit-retry-after"))
    if asked is not None:
        return asked
    reset = _seconds(headers.get("x-ratelimit-reset"))
    if reset is not None and response.status == 429:
        if reset <= 10**9:
            return reset
        answered_ms = dates.parse(headers.get("date", ""))
        if answered_ms is not None:
            return max(0.0, reset - answered_ms / 1000)
    return _seconds(headers.get("retry-after"))


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None


def _by_array(rows: Sequence[Row]) -> Iterator[tuple[str, Sequence[Row]]]:
    arrays = [row.context or ARRAYS[row.action] for row in rows]
    if arrays.count(arrays[0]) == len(arrays):
        yield arrays[0], rows
        return
    for name in ARRAY_NAMES:
        members = [row for row, array in zip(rows, arrays, strict=True) if array == name]
        if members:
            yield name, members


def is_failure(message: str) -> bool:
    """Whether the message of a 2xx says that the request was refused after all."""
    # "queued" is what older docs show for answers during maintenance.
    return bool(message) and message.lower() not in ("success", "queued")


def _refused(status: int, words: str) -> Outcome:
    code = status_code(status if status >= 400 else 400)
    return Outcome(verdict=Verdict.REJECTED, status=status, code=code, message=words)


def _blame(
    answer: JsonObject,
    rows: Sequence[Row],
    arrays: Callable[[], Mapping[str, _Span]],
) -> tuple[dict[int, str], str]:
    """Which rows (by identity) the answer's ``errors`` name, with the first words said of each, and the
    words that name nobody. An error is an object, of which any key may be missing, or a plain text."""
    errors = answer["errors"] if isinstance(answer["errors"], list) else [answer["errors"]]
    spans = arrays()
    alone = next(iter(spans.values())) if len(spans) == 1 else None
    named: dict[int, str] = {}
    unnamed: list[str] = []
    for error in errors:
        words, name, index = _error_of(error)
        span = spans.get(name) or (alone if name not in ARRAY_NAMES else None)
        if len(rows) == 1 and len(rows[0].items) == 1:
            # There is nobody else it could be about, whatever index it gives.
            named.setdefault(id(rows[0]), words)
        elif index is None or span is None or (owner := span.owner(index)) is None:
            unnamed.append(words)
        else:
            row, which = owner
            where = f" (object {which + 1} of {len(row.items)})" if len(row.items) > 1 else ""
            named.setdefault(id(row), words + where)
    return named, shorten("; ".join(dict.fromkeys(unnamed)))


def _error_of(error: Any) -> tuple[str, str, int | None]:
    """(words, input array, index) of one entry of ``errors``; "" and None for what it does not say."""
    if isinstance(error, dict):
        words = error.get("type") or error.get("message") or "refused without a reason"
        name = error.get("input_array")
        index = error.get("index")
        if not isinstance(index, int) or isinstance(index, bool):
            index = None
        return shorten(str(words)), name if isinstance(name, str) else "", index
    return shorten(error) if isinstance(error, str) else "refused without a reason", "", None
