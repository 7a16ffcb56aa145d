"""A tracking request's bytes in, stamped records out; and a record back into the whole event.

    admission = read(body, kind="", client=False, write_key="wk", sources=lookup, now_ms=…, order=…, mark="m")
    admission.accepted    records ready for the log, their order strictly increasing from `order`
    admission.rejected    what the spec refuses, each with its code; its batch-mates are kept

    restore(record)       {"type": "track", "event": …, "receivedAt": …, "context": {…}, …}

Only the envelope of each event is decoded here and its bytes are kept as they came, but for what
`json_text.mend` must mend. The spec's limit of 10,000 properties needs no rule of its own: so many
distinct keys do not fit 32 KB.

Source  Segment docs, "HTTP API source" and "Spec: common fields", read 2026-11-23
"""

import ipaddress
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import repeat
from typing import Any, Final, TypeVar

import msgspec

from segue.engine.envelope import EVENT_BYTES, Context, Envelope, examine, examine_plain, signature
from segue.engine.event_rules import MESSAGE_ID_LENGTH
from segue.engine.json_text import DEPTH, is_too_deep, mend, parse
from segue.engine.moment import iso, moment_ms
from segue.model.errors import InvalidEvent, InvalidRequest
from segue.model.event import KINDS, Event, Record, person_key
from segue.model.workspace import Source

BATCH_BYTES: Final = 500 * 1024
BATCH_EVENTS: Final = 2_500
SAMPLE_BYTES: Final = 2_048

VERSION: Final = 2
"""The ``version`` of a delivered event."""

T = TypeVar("T")

Sources = Callable[[str], Source | None]
"""Write key in, source out; None when nobody has that key."""


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """An event refused, or `count` events refused together.

    kind        one of KINDS, or "" when it is not known
    code        published ingest code, or one of ours (see `event_rules`)
    message_id  the sender's, when it could be read
    sample      the first bytes of what was refused
    """

    source: str
    kind: str
    code: str
    message: str
    message_id: str = ""
    sample: bytes = b""
    count: int = 1


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one request's events. received = len(accepted) + every rejection's count."""

    received: int
    accepted: list[Record]
    rejected: list[Rejection]


def read(
    body: bytes,
    *,
    kind: str,
    client: bool,
    write_key: str | None,
    sources: Sources,
    now_ms: int,
    order: int,
    mark: str,
    ip: str | None = None,
) -> Admission:
    """Split a request into events, check each, and stamp what is accepted.

    kind       what the route implies; "" for the batch routes
    client     true on routes that browsers and phones use: channel and address are theirs
    write_key  from the request's head; None to look for it in the body
    order      first ingest order to give out; at most `received` of them are used
    mark       makes the messageIds given to events without one unique: ``<mark>-<order>``
    ip         the sender's address, noted for clients when it is IPv4
    Raises InvalidRequest when the request is bad as a whole, and nothing else.
    """
    letter, plain = _open(body, kind)
    owners = _owners(letter, write_key, sources)
    received = len(letter.batch)
    if received > BATCH_EVENTS:
        return _too_many(received, next(iter(owners)))
    envelope, is_direct = (b"", False) if kind else _around(letter)
    is_direct = is_direct or client
    batch_sent_ms = moment_ms(letter.sentAt)
    address = _ipv4(ip) if ip and len(ip) <= _ADDRESS_LENGTH else None
    accepted: list[Record] = []
    rejected: list[Rejection] = []
    for item, owner in zip(letter.batch, owners, strict=False):
        raw = bytes(item)
        try:
            source = _willing(owner)
            event = plain or examine(raw, kind)
        except InvalidEvent as error:
            rejected.append(_rejection(error, raw, kind, owner))
            continue
        context = event.context
        from_client = is_direct or (context is not None and context.direct is True)
        accepted.append(
            Record(
                order,
                source.id,
                event.type or kind,
                person_key(event.userId, event.anonymousId),
                now_ms,
                moment_ms(event.sentAt) if batch_sent_ms is None else batch_sent_ms,
                event.messageId or f"{mark}-{order:x}",
                _client_channel(source, context) if from_client else "server",
                address if from_client else None,
                envelope,
                raw,
            )
        )
        order += 1
    return Admission(received=received, accepted=accepted, rejected=rejected)


def restore(record: Record) -> Event:
    """Give the whole event as destinations see it: what was sent, and what the spec lets a server add.

    `timestamp` is corrected for the sender's clock: receivedAt - (sentAt - originalTimestamp). It stays
    as sent without a sentAt, and is receivedAt when there is none or it cannot be read. Null fields and
    the write key are gone; the batch's context and integrations lie under the event's own.
    """
    return restored(record)[0]


def restored(record: Record) -> tuple[Event, int]:
    """The event `restore` gives, and its corrected timestamp in milliseconds since the epoch."""
    event: Event = parse(record.raw)
    if None in event.values():
        event = {field: value for field, value in event.items() if value is not None}
    event.pop("writeKey", None)
    event["type"] = record.kind
    event["messageId"] = record.message_id
    event["receivedAt"] = iso_often(record.received_ms)
    if record.sent_ms is None:
        event.pop("sentAt", None)
    else:
        event["sentAt"] = iso_often(record.sent_ms)
    event["timestamp"], event["originalTimestamp"], happened_ms = happened(record, event.get("timestamp"))
    event["channel"] = record.channel
    event["version"] = VERSION
    event["projectId"] = record.source
    context = event.get("context") or {}
    integrations = event.get("integrations") or {}
    if record.envelope:
        context, integrations = lie_under(record.envelope, context, integrations)
    if record.ip is not None and not context.get("ip"):
        context["ip"] = record.ip
    event["context"] = context
    event["integrations"] = integrations
    return event, happened_ms


def happened(record: Record, given: Any) -> tuple[str, str, int]:
    """When an event happened, by the timestamp it was sent with: corrected, as it was, and the corrected one
    in milliseconds since the epoch."""
    given_ms, sent_ms, received_ms = moment_ms(given), record.sent_ms, record.received_ms
    if given_ms is None:
        received = iso_often(received_ms)
        return received, received, received_ms
    if type(given) is not str:
        given = iso(given_ms)
    if sent_ms is None:
        return given, given, given_ms
    corrected_ms = received_ms - sent_ms + given_ms
    if corrected := iso(corrected_ms):
        return corrected, given, corrected_ms
    return iso_often(received_ms), given, received_ms


def lie_under(envelope: bytes, context: Event, integrations: Event) -> tuple[Event, Event]:
    """An event's context and integrations, over those of its batch."""
    under = parse(envelope) if len(envelope) > _OFTEN_BYTES else _parse_often(envelope)
    return {**under.get("context", {}), **context}, {**under.get("integrations", {}), **integrations}


def body_limit(kind: str) -> int:
    """Most bytes a decoded body may have: one event's, or a batch's when kind is ""."""
    return EVENT_BYTES if kind else BATCH_BYTES


class _Letter(msgspec.Struct, gc=False):
    """A batch: its events, and what lies around them."""

    batch: list[msgspec.Raw]
    context: msgspec.Raw = msgspec.Raw()
    integrations: msgspec.Raw = msgspec.Raw()
    sentAt: Any = None  # noqa: N815  # the names are the tracking spec's
    writeKey: Any = None  # noqa: N815


iso_often: Final = lru_cache(maxsize=4096)(iso)
"""For times that all events of a batch share."""

_OFTEN_BYTES: Final = 4096
_parse_often: Final = lru_cache(maxsize=64)(parse)
"""For what lies around a batch; events only read of it."""

_read_letter: Final = msgspec.json.Decoder(_Letter).decode
_read_raw: Final = msgspec.json.Decoder(msgspec.Raw).decode


def _open(body: bytes, kind: str) -> tuple[_Letter, Envelope | None]:
    """Give what a body holds; of a single event with nothing to remark, as most are, its envelope too."""
    limit = body_limit(kind)
    if len(body) > limit:
        what = f"a {kind} call" if kind else "a batch"
        raise InvalidRequest(
            "payload_too_large",
            f"Exceed payload limit: the body of {what} has {len(body)} bytes, at most {limit} are taken",
        )
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            found = f"the body is not UTF-8 (byte 0x{body[error.start]:02x} at position {error.start})"
            is_gzip = body.startswith(b"\x1f\x8b")
            remedy = "it is gzip: say so with Content-Encoding" if is_gzip else "encode the JSON as UTF-8"
            raise InvalidRequest("invalid_utf8", f"{found}: {remedy}") from error
    if not kind:
        return _decode(body, _read_letter), None
    if body.startswith(b"{") and body.endswith(b"}") and (plain := examine_plain(body, kind)):
        return _Letter(batch=[msgspec.Raw(body)]), plain
    event = _decode(body, _read_raw)
    if not bytes(event).startswith(b"{"):
        raise InvalidRequest("not_an_object", f"the body of a {kind} call must be one JSON object")
    return _Letter(batch=[event]), None


def _decode(body: bytes, decode: Callable[[bytes], T]) -> T:
    """Decode a body, mended when it does not decode as it came."""
    try:
        try:
            return decode(body)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, RecursionError):
            return decode(mend(body))
    except msgspec.ValidationError as error:
        raise InvalidRequest(
            "not_a_batch", f'expected a JSON object with an array "batch" of events: {error}'
        ) from error
    except (msgspec.DecodeError, RecursionError) as error:
        found = str(error).removeprefix("JSON is malformed: ") if body else "it is empty"
        raise InvalidRequest("invalid_json", f"the body is not JSON: {found}") from error


def _owners(letter: _Letter, write_key: str | None, sources: Sources) -> Iterable[Source | None]:
    """Say whose each event is. One key names the source of a whole request; without one each event goes
    by its own ``writeKey``, and an event without by that of the first that has one."""
    key = write_key or (letter.writeKey if isinstance(letter.writeKey, str) else "")
    if key:
        return repeat(_known(sources(key), key))
    own = [signature(bytes(item)).writeKey for item in letter.batch[: BATCH_EVENTS + 1]]
    keys = [key if isinstance(key, str) else "" for key in own]
    first = next(filter(None, keys), "")
    if not first:
        raise InvalidRequest(
            "no_write_key",
            "no write key found: send it as the user name of Basic authorization or as a top-level "
            '"writeKey" in the body (a Bearer token alone does not name a source)',
        )
    found = [sources(key or first) for key in keys]
    _known(next(filter(None, found), None), first)
    return found


def _known(source: Source | None, key: str) -> Source:
    if source is None:
        raise InvalidRequest("unknown_write_key", f'no source has the write key "{key[:64]}": {_KEY_REMEDY}')
    return source


def _willing(owner: Source | None) -> Source:
    """The source of an event, when it takes events."""
    if owner is None:
        raise InvalidEvent("unknown_write_key", f"no source has the event's write key: {_KEY_REMEDY}")
    if not owner.enabled:
        raise InvalidEvent("source_disabled", f'source "{owner.id}" is disabled: enable it to take events')
    return owner


_KEY_REMEDY: Final = "compare it with the write_keys of your sources"


def _too_many(received: int, owner: Source | None) -> Admission:
    """Refuse all events of a batch at once; the answer is 200, as the live service gives it."""
    refusal = Rejection(
        source=owner.id if owner else "",
        kind="",
        code="too_many_events",
        message=f"the batch has {received} events, at most {BATCH_EVENTS} are taken: send smaller batches",
        count=received,
    )
    return Admission(received=received, accepted=[], rejected=[refusal])


def _around(letter: _Letter) -> tuple[bytes, bool]:
    """Give the JSON to lie under every event of a batch, and whether its context says ``direct``."""
    parts = []
    is_direct = False
    for name, part in (("context", letter.context), ("integrations", letter.integrations)):
        text = bytes(part)
        if text in (b"", b"null", b"{}"):
            continue
        if not text.startswith(b"{"):
            raise InvalidRequest(f"{name}_not_object", f"the batch's {name} must be a JSON object")
        if is_too_deep(text):
            raise InvalidRequest("too_deep", f"the batch's {name} is nested deeper than {DEPTH} levels")
        if name == "context" and b'"direct"' in text:
            is_direct = parse(text).get("direct") is True
        parts.append(b'"%s":%s' % (name.encode(), text))
    return (b"{" + b",".join(parts) + b"}" if parts else b""), is_direct


_MOBILE_PLATFORMS: Final = frozenset({"android", "ios", "react-native"})
_MOBILE_LIBRARIES: Final = ("analytics-kotlin", "analytics-swift", "analytics-ios", "analytics-android")


def _client_channel(source: Source, context: Context | None) -> str:
    """A client's channel by its source's platform, and by the library where a source serves several."""
    if source.platform in _MOBILE_PLATFORMS:
        return "mobile"
    if source.platform == "web" or context is None or context.library is None:
        return "browser"
    name = context.library.name or ""
    return "mobile" if name.startswith(_MOBILE_LIBRARIES) or "react-native" in name else "browser"


_ADDRESS_LENGTH: Final = 64


@lru_cache(maxsize=4096)
def _ipv4(address: str) -> str | None:
    """The address when it is IPv4, mapped into IPv6 or not; IPv6 is not collected."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped) if parsed.ipv4_mapped else None
    return str(parsed)


def _rejection(error: InvalidEvent, raw: bytes, kind: str, owner: Source | None) -> Rejection:
    said = signature(raw)
    return Rejection(
        source=owner.id if owner else "",
        kind=kind or (said.type if said.type in KINDS else ""),
        code=error.code,
        message=str(error),
        message_id=said.messageId[:MESSAGE_ID_LENGTH] if isinstance(said.messageId, str) else "",
        sample=raw[:SAMPLE_BYTES],
    )
