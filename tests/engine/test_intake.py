"""Intake: any bytes in, records or reasons out; and records back into whole events."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segue.engine import intake
from segue.engine.envelope import EVENT_BYTES, examine
from segue.engine.event_rules import check
from segue.engine.intake import BATCH_BYTES, BATCH_EVENTS, Admission, read, restore
from segue.engine.json_text import DEPTH, parse
from segue.engine.moment import moment_ms
from segue.model.errors import InvalidEvent, InvalidRequest
from segue.model.event import KINDS, Event
from segue.model.workspace import Source

NOW_MS = 1_795_449_425_212  # 2026-11-23T15:57:05.212Z

SOURCES = {
    "server": Source(id="server", write_keys=("server",)),
    "web": Source(id="web", platform="web", write_keys=("web",)),
    "phone": Source(id="phone", platform="ios", write_keys=("phone",)),
    "off": Source(id="off", write_keys=("off",), enabled=False),
}


def take(body: Any, kind: str = "", *, key: str | None = "server", **options: Any) -> Admission:
    """Read a body, given as bytes or as what is to be encoded."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"client": False, "now_ms": NOW_MS, "order": 100, "mark": "m", **options}
    return read(raw, kind=kind, write_key=key, sources=SOURCES.get, **given)


def one(event: Event, **options: Any) -> Event:
    """Restore the only event of a batch."""
    admission = take({"batch": [event]}, **options)
    assert not admission.rejected
    return restore(admission.accepted[0])


def codes(*events: Any) -> list[str]:
    """The codes a batch of these events is rejected with."""
    return [rejection.code for rejection in take({"batch": list(events)}).rejected]


USER = {"userId": "u1"}
TRACK = {"type": "track", "event": "E", **USER}
CONSENT = {**TRACK, "event": "Segment Consent Preference Updated"}


def consent(consent: Any, **context: Any) -> Event:
    """A consent event with this in its context."""
    return {**CONSENT, "context": {"consent": consent, **context}}


PREFERENCES = {"categoryPreferences": {"ads": True}}

FAULTS = [
    ("no_user_anon_id", {"type": "track", "event": "E"}),
    ("no_user_anon_id", {"type": "track", "event": "E", "userId": None, "anonymousId": None}),
    ("no_user_anon_id", {"type": "group"}),
    ("no_user_anon_id", {"type": "alias"}),
    ("id_required", {"type": "group", **USER}),
    ("id_not_string", {"type": "identify", "userId": 42}),
    ("id_not_string", {"type": "identify", "userId": ""}),
    ("id_not_string", {"type": "identify", "userId": " \t"}),
    ("id_not_string", {"type": "identify", "userId": ["u"]}),
    ("id_not_string", {"type": "identify", "userId": "u1", "anonymousId": ""}),
    ("id_not_string", {"type": "identify", "userId": "u1", "anonymousId": False}),
    ("id_not_string", {"type": "group", "groupId": {}, **USER}),
    ("id_not_string", {"type": "group", "groupId": "", **USER}),
    ("id_not_string", {"type": "alias", "previousId": True, **USER}),
    ("event_not_defined", {"type": "track", **USER}),
    ("event_not_defined", {"type": "track", "event": None, **USER}),
    ("event_not_defined", {"type": "track", "event": "", **USER}),
    ("event_not_defined", {"type": "track", "event": "  ", **USER}),
    ("event_not_string", {"type": "track", "event": 7, **USER}),
    ("event_not_string", {"type": "track", "event": ["E"], **USER}),
    ("properties_not_object", {**TRACK, "properties": "x"}),
    ("properties_not_object", {**TRACK, "properties": []}),
    ("properties_not_object", {"type": "page", "properties": 1, **USER}),
    ("properties_not_object", {"type": "screen", "properties": True, **USER}),
    ("traits_not_object", {"type": "identify", "traits": [], **USER}),
    ("traits_not_object", {"type": "group", "groupId": "g", "traits": "x", **USER}),
    ("name_not_string", {"type": "page", "name": 5, **USER}),
    ("name_not_string", {"type": "page", "name": "", **USER}),
    ("name_not_string", {"type": "screen", "name": {}, **USER}),
    ("category_not_string", {"type": "page", "category": 5, **USER}),
    ("category_not_string", {"type": "screen", "category": True, **USER}),
    ("missing_type", {"event": "E", **USER}),
    ("missing_type", {"type": None, **USER}),
    ("invalid_type", {"type": "trak", **USER}),
    ("invalid_type", {"type": "Track", **USER}),
    ("invalid_type", {"type": 3, **USER}),
    ("invalid_type", {"type": {}, **USER}),
    ("context_not_object", {**TRACK, "context": "x"}),
    ("integrations_not_object", {**TRACK, "integrations": ["Braze"]}),
    ("message_id_not_string", {**TRACK, "messageId": {}}),
    ("message_id_not_string", {**TRACK, "messageId": True}),
    ("message_id_too_long", {**TRACK, "messageId": "m" * 100}),
    ("event_too_large", {**TRACK, "properties": {"a": "x" * EVENT_BYTES}}),
    ("not_an_object", 5),
    ("not_an_object", None),
    ("not_an_object", []),
    ("not_an_object", "track"),
    ("consent_categorypreferences_should_exist", CONSENT),
    ("consent_categorypreferences_should_exist", consent({})),
    ("consent_categorypreferences_should_exist", consent("yes")),
    ("consent_categorypreferences_fields_should_be_object", consent({"categoryPreferences": "all"})),
    ("consent_categorypreferences_fields_should_be_bool", consent({"categoryPreferences": {"ads": "yes"}})),
    ("device_advertisingid_should_be_string", consent(PREFERENCES, device={"advertisingId": 5})),
    ("consent_version_should_be_number", consent({**PREFERENCES, "version": "2"})),
]


@pytest.mark.parametrize(("code", "event"), FAULTS)
def test_a_faulty_event_is_rejected_with_its_code_and_its_batch_mates_are_kept(code: str, event: Any) -> None:
    """The published code names the fault, the message says what was expected, the neighbours stay."""
    admission = take({"batch": [TRACK, event, TRACK]})
    assert [rejection.code for rejection in admission.rejected] == [code]
    assert len(admission.accepted) == 2
    (rejection,) = admission.rejected
    assert (rejection.source, rejection.count) == ("server", 1)
    assert len(rejection.message) > 20


SOUND = [
    {"type": "identify", "anonymousId": "a1"},
    {"type": "identify", **USER, "traits": None, "anonymousId": None},
    {"type": "page", **USER, "name": None, "category": None},
    {"type": "screen", **USER, "name": "Home", "category": ""},  # as the Kotlin SDK sends each of its screens
    {"type": "screen", **USER},
    {"type": "group", "groupId": "g1"},
    {"type": "group", "groupId": 7, **USER},
    {"type": "alias", "previousId": "a1"},
    {"type": "alias", "previousId": "u1", **USER},
    {**TRACK, "name": 5, "category": "", "traits": "x"},  # rules of other kinds do not apply
    {**TRACK, "messageId": 17},
    {**TRACK, "messageId": ""},
    {**TRACK, "messageId": "m" * 99},
    {**TRACK, "sentAt": 5, "timestamp": {}},
    {**TRACK, "context": {"consent": {"categoryPreferences": "not checked here"}}},
    {**TRACK, "context": {"direct": "yes", "library": 5}},
    consent({**PREFERENCES, "version": 2}, device={"advertisingId": "x"}),
]


@pytest.mark.parametrize("event", SOUND)
def test_an_unusual_but_sound_event_is_accepted(event: Event) -> None:
    """Explicit nulls are absent, ids of groups and aliases stand alone, numbers serve as message ids."""
    restored = one(event)
    assert restored["type"] == event["type"]
    assert None not in restored.values()


def test_what_the_server_adds_is_all_there() -> None:
    """One event of a node batch, as destinations see it."""
    event = {
        "type": "track",
        "event": "E",
        "userId": "u1",
        "anonymousId": None,
        "messageId": "m1",
        "timestamp": "2026-11-23T15:56:00.000Z",
        "writeKey": "server",
        "properties": {"a": [1, None]},
        "context": {"library": {"name": "own"}},
        "integrations": {"Braze": False},
        "_metadata": {"jsRuntime": "node"},
        "custom": 1,
    }
    batch = {
        "batch": [event],
        "sentAt": "2026-11-23T15:56:05.000Z",
        "context": {"library": {"name": "batch"}, "app": {"name": "shop"}},
        "integrations": {"All": True, "Braze": True},
    }
    (record,) = take(batch).accepted
    assert restore(record) == {
        "type": "track",
        "event": "E",
        "userId": "u1",
        "messageId": "m1",
        "timestamp": "2026-11-23T15:57:00.212Z",
        "originalTimestamp": "2026-11-23T15:56:00.000Z",
        "sentAt": "2026-11-23T15:56:05.000Z",
        "receivedAt": "2026-11-23T15:57:05.212Z",
        "properties": {"a": [1, None]},
        "context": {"library": {"name": "own"}, "app": {"name": "shop"}},
        "integrations": {"All": True, "Braze": False},
        "_metadata": {"jsRuntime": "node"},
        "custom": 1,
        "channel": "server",
        "version": 2,
        "projectId": "server",
    }
    assert intake.restored(record)[1] == NOW_MS - 5000
    assert (record.person, record.kind, record.order) == ("u:u1", "track", 100)
    assert json.loads(record.raw) == event


RECEIVED = "2026-11-23T15:57:05.212Z"
TIMES = [
    # timestamp, sentAt -> timestamp, originalTimestamp
    (None, None, RECEIVED, RECEIVED),
    (None, "2026-11-23T15:00:00Z", RECEIVED, RECEIVED),
    ("2020-01-01T00:00:00.000Z", None, "2020-01-01T00:00:00.000Z", "2020-01-01T00:00:00.000Z"),
    ("2020-01-01T02:00:00+02:00", None, "2020-01-01T02:00:00+02:00", "2020-01-01T02:00:00+02:00"),
    (
        "2026-11-23T16:57:04.000+01:00",
        "2026-11-23T15:57:05.000Z",
        "2026-11-23T15:57:04.212Z",
        "2026-11-23T16:57:04.000+01:00",
    ),
    ("2026-11-23T15:57:06Z", "2026-11-23T15:57:05Z", "2026-11-23T15:57:06.212Z", "2026-11-23T15:57:06Z"),
    ("1970-01-01T00:00:10Z", "1970-01-01T00:00:20Z", "2026-11-23T15:56:55.212Z", "1970-01-01T00:00:10Z"),
    ("2026-11-23T15:57:05.1234567", "2026-11-23T15:57:05.123+00:00", RECEIVED, "2026-11-23T15:57:05.1234567"),
    ("soon", "2026-11-23T15:57:05Z", RECEIVED, RECEIVED),
    ({}, None, RECEIVED, RECEIVED),
    (True, None, RECEIVED, RECEIVED),
    (1_795_449_425_212, None, RECEIVED, RECEIVED),
    ("2020-01-01T00:00:00Z", "soon", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
    ("9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", RECEIVED, "9999-01-01T00:00:00Z"),
    ("0001-01-01T00:00:00+14:00", "2026-11-23T15:57:05Z", RECEIVED, RECEIVED),
]


@pytest.mark.parametrize(("timestamp", "sent", "corrected", "original"), TIMES)
def test_timestamps_are_corrected_for_the_senders_clock(
    timestamp: Any, sent: Any, corrected: str, original: str
) -> None:
    """timestamp = receivedAt - (sentAt - originalTimestamp); what cannot be read is dropped."""
    event = one({**TRACK, "timestamp": timestamp, "sentAt": sent})
    assert (event["timestamp"], event["originalTimestamp"]) == (corrected, original)
    assert event["receivedAt"] == RECEIVED


def test_the_batchs_sent_at_goes_before_the_events_own() -> None:
    """An event keeps its own only when the batch has none, or none that can be read."""
    own = {**TRACK, "sentAt": "2026-01-01T00:00:00Z"}
    for around, seen in (
        ("2026-02-02T00:00:00Z", "2026-02-02"),
        (None, "2026-01-01"),
        (5, "1970"),
        ("x", "2026-01-01"),
    ):
        (record,) = take({"batch": [own], "sentAt": around}).accepted
        assert restore(record)["sentAt"].startswith(seen)


def test_the_route_says_what_kind_an_event_is() -> None:
    """On a single route the type may be missing or wrong: the route counts."""
    for event in (USER, {"type": "track", **USER}, {"type": 5, **USER}):
        (record,) = take(event, "identify").accepted
        assert (record.kind, restore(record)["type"]) == ("identify", "identify")


def test_message_ids_are_made_when_missing_and_never_twice() -> None:
    """They carry the receiver's mark and the ingest order; orders strictly increase."""
    records = take({"batch": [TRACK] * 5}, order=7, mark="segue-x").accepted
    assert [record.order for record in records] == [7, 8, 9, 10, 11]
    assert len({record.message_id for record in records}) == 5
    assert restore(records[0])["messageId"] == records[0].message_id == "segue-x-7"


CHANNELS = [
    # key, client route, context, ip -> channel, context.ip
    ("server", False, None, "203.0.113.9", "server", None),
    ("server", True, None, "203.0.113.9", "browser", "203.0.113.9"),
    ("web", True, None, "203.0.113.9", "browser", "203.0.113.9"),
    ("web", False, None, "203.0.113.9", "server", None),
    ("web", False, {"direct": True}, "203.0.113.9", "browser", "203.0.113.9"),
    ("web", False, {"direct": "true"}, "203.0.113.9", "server", None),
    ("phone", True, None, "203.0.113.9", "mobile", "203.0.113.9"),
    ("phone", False, {"direct": True}, "203.0.113.9", "mobile", "203.0.113.9"),
    ("server", True, {"library": {"name": "analytics-kotlin"}}, "203.0.113.9", "mobile", "203.0.113.9"),
    ("server", True, {"library": {"name": "@segment/analytics-react-native"}}, None, "mobile", None),
    ("server", True, {"library": {"name": "analytics.js"}}, None, "browser", None),
    ("web", True, {"ip": "198.51.100.1"}, "203.0.113.9", "browser", "198.51.100.1"),
    ("web", True, None, "2001:db8::1", "browser", None),
    ("web", True, None, "::ffff:203.0.113.9", "browser", "203.0.113.9"),
    ("web", True, None, "not an address", "browser", None),
]


@pytest.mark.parametrize(("key", "client", "context", "ip", "channel", "seen"), CHANNELS)
def test_channel_and_address_follow_the_route_the_source_and_direct(
    key: str, client: bool, context: Any, ip: str | None, channel: str, seen: str | None
) -> None:
    """Only clients' addresses are noted, only IPv4, and never over one the sender gave."""
    event = one({**TRACK, "context": context}, key=key, client=client, ip=ip)
    assert (event["channel"], event["context"].get("ip")) == (channel, seen)


def test_direct_in_the_batchs_context_counts_for_every_event() -> None:
    """What lies around the events lies under each of them."""
    admission = take({"batch": [TRACK], "context": {"direct": True}}, ip="203.0.113.9")
    assert restore(admission.accepted[0])["context"] == {"direct": True, "ip": "203.0.113.9"}


def test_the_key_in_the_head_goes_before_the_bodys_and_that_before_the_events() -> None:
    """Head, then envelope, then each event's own, then the first event's."""
    events = [{**TRACK, "writeKey": "phone"}, TRACK]
    owners = {
        ("server", "web"): ["server", "server"],
        (None, "web"): ["web", "web"],
        (None, None): ["phone", "phone"],
    }
    for (head, envelope), expected in owners.items():
        admission = take({"batch": events, "writeKey": envelope}, key=head)
        assert [record.source for record in admission.accepted] == expected
    single = take({**TRACK, "writeKey": "web"}, "track", key=None)
    assert single.accepted[0].source == "web"
    assert "writeKey" not in restore(single.accepted[0])


def test_events_of_one_batch_may_belong_to_different_sources() -> None:
    """Without a key for the whole request each event's key counts; a wrong one costs that event only."""
    events = [{**TRACK, "writeKey": key} for key in ("server", "web", "gone", "off")]
    admission = take({"batch": [*events, TRACK, 5]}, key=None)
    assert [record.source for record in admission.accepted] == ["server", "web", "server"]
    assert [(each.source, each.code) for each in admission.rejected] == [
        ("", "unknown_write_key"),
        ("off", "source_disabled"),
        ("server", "not_an_object"),
    ]


def test_a_disabled_source_rejects_every_event_and_refuses_no_request() -> None:
    """Its senders need no change when it is enabled again."""
    admission = take({"batch": [TRACK, TRACK, 7]}, key="off")
    assert (admission.received, admission.accepted) == (3, [])
    assert {rejection.code for rejection in admission.rejected} == {"source_disabled"}


BAD_REQUESTS = [
    ("invalid_json", b""),
    ("invalid_json", b"\x00"),
    ("invalid_json", b'{"batch":[{"type":"track"},\x00]}'),
    ("invalid_json", b'{"batch":[,]}'),
    ("invalid_json", b'{"batch":[{"type":"track"}, ,{}]}'),
    ("invalid_json", b'{"batch":[{"type":"tr\x00ck"}]}'),
    ("invalid_json", b'{"batch":[]}\x00'),
    ("invalid_json", b'{"batch":[]} x'),
    ("invalid_json", b'{"batch":[]'),
    ("invalid_json", b'{"batch":[NaN]}'),
    ("invalid_json", b"{'batch':[]}"),
    ("invalid_json", b'{"batch":[' + b"[" * 10_000),
    ("invalid_json", b'{"batch":["\\'),
    ("invalid_json", b'"\\ud800'),
    ("invalid_utf8", b"\x1f\x8b\x08\x00\x00"),
    ("invalid_utf8", b'{"batch":["\xff"]}'),
    ("invalid_utf8", b'{"batch":["\xed\xa0\x80"]}'),
    ("invalid_utf8", "{}".encode("utf-16")),
    ("not_a_batch", b"[]"),
    ("not_a_batch", b"5"),
    ("not_a_batch", b"null"),
    ("not_a_batch", b'"batch"'),
    ("not_a_batch", b"{}"),
    ("not_a_batch", b'{"batch":null}'),
    ("not_a_batch", b'{"batch":{}}'),
    ("not_a_batch", b'{"batch":"x"}'),
    ("context_not_object", b'{"batch":[],"context":5}'),
    ("integrations_not_object", b'{"batch":[],"integrations":[]}'),
    ("too_deep", b'{"batch":[],"context":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}"),
    ("payload_too_large", b'{"batch":[]}' + b" " * BATCH_BYTES),
]


@pytest.mark.parametrize(("code", "body"), BAD_REQUESTS)
def test_a_request_that_is_bad_as_a_whole_says_so(code: str, body: bytes) -> None:
    """Nothing of it is taken; the status is 400 and the message says what to do."""
    with pytest.raises(InvalidRequest) as caught:
        take(body)
    assert (caught.value.code, caught.value.status) == (code, 400)
    assert len(str(caught.value)) > 20


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("not_an_object", b"[]"),
        ("not_an_object", b"null"),
        ("not_an_object", b' "x"'),
        ("invalid_json", b"{"),
        ("payload_too_large", b" " * (EVENT_BYTES + 1)),
    ],
)
def test_a_single_call_must_be_one_object_within_its_limit(code: str, body: bytes) -> None:
    """A body that is no object is no event at all."""
    with pytest.raises(InvalidRequest) as caught:
        take(body, "track")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("code", "key", "body"),
    [
        ("no_write_key", None, {"batch": [TRACK]}),
        ("no_write_key", None, {"batch": []}),
        ("no_write_key", "", {"batch": [5, {"writeKey": 7}], "writeKey": {}}),
        ("unknown_write_key", "gone", {"batch": [TRACK]}),
        ("unknown_write_key", None, {"batch": [TRACK], "writeKey": "gone"}),
        ("unknown_write_key", None, {"batch": [{**TRACK, "writeKey": "gone"}]}),
    ],
)
def test_a_request_of_nobody_is_refused(code: str, key: str | None, body: Any) -> None:
    """No key, or one that no source has: nothing could be done with the events."""
    with pytest.raises(InvalidRequest) as caught:
        take(body, key=key)
    assert caught.value.code == code


def test_an_empty_batch_is_fine() -> None:
    """Nothing came, nothing is wrong."""
    assert take({"batch": []}) == Admission(received=0, accepted=[], rejected=[])


def test_more_than_2500_events_are_counted_but_not_taken() -> None:
    """2,500 are taken; one more, and none is, without a look at any."""
    assert len(take({"batch": [TRACK] * BATCH_EVENTS}).accepted) == BATCH_EVENTS
    admission = take({"batch": [TRACK] * (BATCH_EVENTS + 1)})
    assert (admission.received, admission.accepted) == (BATCH_EVENTS + 1, [])
    (rejection,) = admission.rejected
    assert (rejection.code, rejection.count, rejection.source) == (
        "too_many_events",
        BATCH_EVENTS + 1,
        "server",
    )


def test_ten_thousand_properties_do_not_fit_an_event() -> None:
    """The limit of properties never applies: so many distinct keys are larger than an event may be."""
    digits = [chr(code) for code in range(33, 127) if chr(code) not in '"\\']
    keys = ["", *digits, *(a + b for a in digits for b in digits), *("!!" + a for a in digits)]
    keys += [a + b + c for a in digits[1:3] for b in digits for c in digits]
    event = {**TRACK, "properties": dict.fromkeys(keys[:10_001], 1)}
    raw = json.dumps(event, separators=(",", ":")).encode()
    assert len(event["properties"]) == 10_001
    assert len(raw) > EVENT_BYTES
    assert codes(event) == ["event_too_large"]


HOSTILE_VALUES = [
    (b"1e999", None),
    (b"-1e999", None),
    (b"9" * 400, None),
    (b"-" + b"9" * 400, None),
    (b"123456789012345678901234567890", 1.2345678901234568e29),
    (b"18446744073709551615", 18446744073709551615),
    (b"1e-999", 0.0),
    (rb'"\ud83d"', "�"),
    (rb'"\udc00\ud83d\ude00"', "�😀"),
    (rb'"\\ud83d"', "\\ud83d"),
    (rb'"\ud83d\ud83d\ude00\u0000"', "�😀\x00"),
    (b'{"__proto__":{"a":1},"constructor":2}', {"__proto__": {"a": 1}, "constructor": 2}),
    (b'{"a":1,"a":2}', {"a": 2}),
    (b'{"":{"":""}}', {"": {"": ""}}),
    (b'{"a.b":{"$":"{{ x }}"}}', {"a.b": {"$": "{{ x }}"}}),
]


@pytest.mark.parametrize(("text", "value"), HOSTILE_VALUES)
def test_values_no_decoder_likes_are_taken_and_made_harmless(text: bytes, value: Any) -> None:
    """Cut emoji become U+FFFD and numbers beyond a double null; the rest of event and batch is as sent."""
    event = b'{"type":"track","event":"E","userId":"u","properties":{"v":%s,"w":1}}' % text
    admission = take(b'{"batch":[' + event + b"," + json.dumps(TRACK).encode() + b"]}")
    assert not admission.rejected
    restored = restore(admission.accepted[0])
    assert restored["properties"] == {"v": value, "w": 1}
    assert orjson.loads(orjson.dumps(restored)) == restored
    assert restore(admission.accepted[1])["event"] == "E"


def test_half_a_surrogate_in_an_id_makes_a_key_every_store_can_hold() -> None:
    """Person keys and messageIds go through more encoders than any other text."""
    raw = rb'{"batch":[{"type":"identify","userId":"\ud800","messageId":"\udfff"}]}'
    (record,) = take(raw).accepted
    assert (record.person, record.message_id) == ("u:�", "�")


@pytest.mark.parametrize("depth", [DEPTH + 1, 254, 900, 1100, 10_000, 16_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'["]",', b"]")])
def test_a_nested_event_is_rejected_alone(depth: int, opening: bytes, closing: bytes) -> None:
    """However deep, its batch-mates are read; past 32 KB it is too large first."""
    deep = b'{"type":"track","event":"E","userId":"u","properties":{"v":%s1%s}}' % (
        opening * depth,
        closing * depth,
    )
    mate = json.dumps({**TRACK, "properties": {"s": '[[["{'}}).encode()
    admission = take(b'{"batch":[' + mate + b"," + deep + b"," + mate + b"]}")
    assert admission.rejected[0].code in ("too_deep", "event_too_large")
    assert [restore(record)["properties"] for record in admission.accepted] == [{"s": '[[["{'}] * 2


def test_an_event_may_be_as_deep_as_the_limit() -> None:
    """The limit counts the event itself as the first level; many shallow objects are no depth at all."""
    assert codes({**TRACK, "properties": {"a": [{}] * 1000}}) == []
    nested: Any = 1
    for _ in range(DEPTH - 1):
        nested = [nested]
    assert codes({**TRACK, "x": nested}) == []
    assert codes({**TRACK, "x": [nested]}) == ["too_deep"]


def test_a_byte_order_mark_is_passed_over() -> None:
    """Some tools write one before every JSON."""
    assert take(b"\xef\xbb\xbf" + json.dumps({"batch": [TRACK]}).encode()).received == 1
    assert take(b"\xef\xbb\xbf" + json.dumps(TRACK).encode(), "track").received == 1


def test_a_rejection_keeps_a_bounded_sample_and_the_message_id() -> None:
    """Enough to find the sender, never the whole of something huge."""
    (rejection,) = take({"batch": [{"type": "track", "messageId": "m9", "x": "y" * 9000}]}).rejected
    assert (rejection.kind, rejection.message_id) == ("track", "m9")
    assert len(rejection.sample) == intake.SAMPLE_BYTES


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NEAR_VALUES = VALUES | st.sampled_from(["u1", "", " ", "m" * 100, {}, {"direct": True}, *KINDS])
REQUIRED = {
    "type": st.sampled_from([*KINDS, "x"]),
    "userId": st.just("u1") | NEAR_VALUES,
    "event": st.just("E") | NEAR_VALUES,
}
OPTIONAL = (
    *("anonymousId", "groupId", "previousId", "name", "category", "properties", "traits"),
    *("context", "integrations", "messageId", "timestamp", "sentAt", "writeKey"),
)
EVENTS = st.fixed_dictionaries(REQUIRED, optional=dict.fromkeys(OPTIONAL, NEAR_VALUES))


@given(EVENTS, st.sampled_from(["", *KINDS]))
@example({**CONSENT, "context": {"consent": 5}}, "")
@example({"type": "identify", "userId": "\x1c"}, "")
@example({"type": "page", "userId": "u", "name": "\x85"}, "")
def test_the_quick_look_at_an_event_says_what_the_rules_say(event: Event, kind: str) -> None:
    """Skipping what is not needed is only faster: the same events pass, with the same envelope."""
    raw = json.dumps(event).encode()
    parsed = parse(raw)
    try:
        expected: tuple[str, Any] = ("kind", check(parsed, kind))
    except InvalidEvent as error:
        expected = ("code", error.code)
    try:
        envelope = examine(raw, kind)
        assert (envelope.userId, envelope.anonymousId) == (parsed.get("userId"), parsed.get("anonymousId"))
        assert envelope.sentAt == parsed.get("sentAt")
        found: tuple[str, Any] = ("kind", envelope.type)
    except InvalidEvent as error:
        found = ("code", error.code)
    assert found == expected


def assert_sound(body: bytes, kind: str) -> None:
    """The claim of the property below, for one body."""
    try:
        admission = take(body, kind, client=True, ip="203.0.113.9")
    except InvalidRequest:
        return
    assert admission.received == len(admission.accepted) + sum(each.count for each in admission.rejected)
    orders = [record.order for record in admission.accepted]
    assert orders == sorted(set(orders))
    for record in admission.accepted:
        event, event_ms = intake.restored(record)
        assert orjson.loads(orjson.dumps(event))["messageId"] == record.message_id
        assert event["type"] == record.kind in KINDS
        assert moment_ms(event["timestamp"]) == event_ms
        record.person.encode()


JSON_TEXT = (VALUES | EVENTS | st.fixed_dictionaries({"batch": st.lists(EVENTS | VALUES, max_size=4)})).map(
    json.dumps
)
SPLICES = [
    b"",
    b"\x00",
    b"\xff",
    b",",
    b"[",
    b"}",
    b'"',
    b"1e999",
    b"\\ud800",
    b"\\",
    b"\xef\xbb\xbf",
    b"null",
    b" ",
]


@given(st.binary(max_size=200), st.sampled_from(["", *KINDS]))
def test_any_bytes_are_answered(body: bytes, kind: str) -> None:
    """Whatever comes, it is InvalidRequest or counted to the last event, and what is kept restores."""
    assert_sound(body, kind)


@given(JSON_TEXT, st.sampled_from(["", *KINDS]), st.data())
def test_any_nearly_right_json_is_answered(text: str, kind: str, data: st.DataObject) -> None:
    """The same of JSON with something cut out and something else put in."""
    assert_sound(spliced(text, data), kind)


def spliced(text: str, data: st.DataObject) -> bytes:
    """Text with something cut out and something else put in."""
    body = text.encode()
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 3)) | st.just(start))
    return body[:start] + data.draw(st.sampled_from(SPLICES)) + body[end:]


@given(EVENTS.map(json.dumps), st.sampled_from(KINDS), st.data())
def test_a_single_call_is_read_the_same_with_and_without_a_space_after_it(
    text: str, kind: str, data: st.DataObject
) -> None:
    """Without, a usual event is decoded once; with it, all of it is looked at before its envelope is."""
    body = text.encode() if data.draw(st.booleans()) else spliced(text, data)
    found: list[Any] = []
    for each in (body, body + b" "):
        try:
            admission = take(each, kind, client=True)
            found.append((admission.accepted, [rejection.code for rejection in admission.rejected]))
        except InvalidRequest as error:
            found.append(error.code)
    assert found[0] == found[1]


@example("2026-11-23T15:57:05.212Z")
@example("20261123T155705.123.212Z")
@example("2026-W48-1T15:57:05.212Z")
@example("2026-11-23 15:57:05.212Z")
@example("2026-11-23T15:57:05.2x2Z")
@example("2026-02-30T15:57:05.212Z")
@given(st.datetimes().map(lambda at: at.isoformat(timespec="milliseconds") + "Z"))
def test_the_usual_way_to_write_a_moment_is_read_as_any_other(text: str) -> None:
    """By the second and its thousandths; a longer fraction is read the long way and cut off."""
    assert moment_ms(text) == moment_ms(text.replace("Z", "000+00:00"))
