"""A sketch has, at every path asked for, what the whole event has; or there is none."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.catalog.contents import catalogue
from segue.engine import intake
from segue.engine.plan import BoundDestination, prepare
from segue.engine.route import people_of, position, route, route_plain
from segue.engine.sketch import sketcher_of
from segue.kit import dates
from segue.language.path import lookup
from segue.model.event import Record, person_key
from segue.model.workspace import Delivery, Destination, Source, Subscription, Workspace

NOW_MS = 1_795_449_425_212
EVENT: dict[str, Any] = {
    "type": "track",
    "messageId": "sent",
    "event": "Order Completed",
    "userId": "u1",
    "anonymousId": "a1",
    "timestamp": "2026-11-24T10:00:00.000Z",
    "context": {"traits": {"email": "a@example.com"}, "page": {"path": "/"}, "ip": ""},
    "traits": {"email": "a@example.com", "firstName": "Ada", "gender": "female", "plan": {"name": "plus"}},
    "properties": {"currency": "EUR", "total": 9.5, "products": [{"product_id": "tea", "price": 7.5}]},
}


def bound(*subscriptions: Subscription, presets: str = "ours", debounce: bool = False) -> BoundDestination:
    destination = Destination(
        id="braze",
        type="braze",
        source="web",
        settings={"api_key": "k", "endpoint": "https://rest.iad-01.braze.com"},
        presets=presets,  # type: ignore[arg-type]  # the tests name real ones
        subscriptions=subscriptions or None,
        delivery=Delivery(debounce=debounce),
    )
    workspace = Workspace(sources=(Source(id="web", write_keys=("k",)),), destinations=(destination,))
    return prepare(workspace, catalogue()).destinations["braze"]


TEMPLATED = Subscription(
    id="templated",
    action="trackEvent",
    trigger='type = "track" and properties.total > 5',
    mapping={
        "external_id": {"@path": "$.userId"},
        "email": {"@path": "$.context.traits.email"},
        "name": {"@template": "{{event}} {{properties.total}} {{context.ip}} {{messageId}}"},
        "time": {"@path": "$.receivedAt"},
        "properties": {"@path": "$.context"},
    },
)
OURS, WITH_TEMPLATE = bound(), bound(TEMPLATED)


def record_of(event: Any, **changes: Any) -> Record:
    fields: dict[str, Any] = {
        "order": 7,
        "source": "web",
        "kind": event.get("type") or "track",
        "person": person_key("u1", None),
        "received_ms": NOW_MS,
        "sent_ms": NOW_MS - 1000,
        "message_id": "m1",
        "channel": "server",
        "ip": None,
        "envelope": b"",
        "raw": event if isinstance(event, bytes) else orjson.dumps(event),
    }
    return Record(**(fields | changes))


def whole(record: Record, destination: BoundDestination) -> tuple[Any, ...]:
    event, event_ms = intake.restored(record)
    routed = route(event, destination, position(3, 11, record, event_ms))
    return routed, people_of(event, record.person) if routed.rows else ()


@pytest.mark.parametrize("destination", [OURS, WITH_TEMPLATE], ids=["ours", "templated"])
@pytest.mark.parametrize("change", [{}, {"type": "identify"}, {"event": "Read"}, {"userId": None}])
def test_plain_events_are_sketched(destination: BoundDestination, change: dict[str, Any]) -> None:
    """Otherwise it would be of no use."""
    record = record_of(EVENT | change)
    assert route_plain(record, destination, 3, 11) == whole(record, destination)


def test_more_is_read_where_more_is_looked_at() -> None:
    """Filters, debounce, consent and the long way all see the whole event."""
    mapping = {**TEMPLATED.mapping, "name": {"@liquid": "{{event}}"}} if TEMPLATED.mapping else {}
    long_way = Subscription(id="long", action="trackEvent", trigger='type = "track"', mapping=mapping)
    assert bound(long_way).sketcher("track") is None
    assert bound(debounce=True).sketcher("identify") is None
    assert bound(debounce=True).sketcher("track") is not None
    for path in (), ("sentAt",), ("channel",):
        assert sketcher_of([path]) is None


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-(2**70), 2**64, 10**400, 2**63 - 1, 9, 9.5, 1e300, 5e-324, -0.0]),
    st.sampled_from(["", "x", "a@example.com", "2026-11-24T10:00:00.000Z", "2026-11-24", "soon", "é\u2028"]),
    st.sampled_from([[], {}, ["x"], {"a": None}, {"email": "b@example.com"}, {"All": False}]),
)
NAMES = st.sampled_from(
    ["email", "braze_id", "firstName", "address", "total", "time", "plan", "ip", "traits"]
)
MEMBERS = st.dictionaries(NAMES, st.one_of(ODD, st.dictionaries(NAMES, ODD, max_size=2)))
OBJECTS = st.one_of(MEMBERS, ODD)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "event": st.one_of(st.sampled_from(["Read", "Order Completed"]), ODD),
        "userId": ODD,
        "anonymousId": ODD,
        "previousId": ODD,
        "timestamp": st.one_of(st.just(NOW_MS // 1000), ODD),
        "context": st.one_of(MEMBERS, st.none()),  # others are refused when they come in
        "traits": OBJECTS,
        "properties": OBJECTS,
        "integrations": st.one_of(MEMBERS, st.sampled_from([None, {"All": False}, {"Braze": True}])),
        "_metadata": st.one_of(st.just({"bundled": ["Braze"]}), ODD),
    },
)
RECORDS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["identify", "track", "alias"]),
        "ip": st.sampled_from([None, "203.0.113.9"]),
        "sent_ms": st.sampled_from([None, NOW_MS, NOW_MS - 10**9]),
        "envelope": st.sampled_from([b"", b'{"context":{"ip":"192.0.2.1"},"integrations":{"All":true}}']),
    }
)


def text_of(event: dict[str, Any]) -> bytes:
    """JSON with integers of any size, which orjson does not write."""
    return json.dumps(event, ensure_ascii=False).encode()


@settings(max_examples=500, deadline=None)
@given(changes=CHANGES, stamps=RECORDS, destination=st.sampled_from([OURS, WITH_TEMPLATE]))
def test_a_sketched_event_becomes_what_the_whole_one_does(
    changes: dict[str, Any], stamps: dict[str, Any], destination: BoundDestination
) -> None:
    """Whatever strangers send, and whatever the batch it came in says."""
    record = record_of({}, raw=text_of(EVENT | changes), **stamps)
    found = route_plain(record, destination, 3, 11)
    if found is not None:
        assert found == whole(record, destination)


PATHS = [
    ("userId",),
    ("context", "traits", "email"),
    ("context", "ip"),
    ("traits",),
    ("traits", "plan", "name"),
]
PATHS += [
    ("receivedAt",),
    ("messageId",),
    ("timestamp",),
    ("integrations", "All"),
    ("nobody",),
    ("nobody", "x"),
]


@settings(max_examples=300, deadline=None)
@given(changes=CHANGES, stamps=RECORDS, paths=st.lists(st.sampled_from(PATHS), max_size=6))
def test_a_sketch_has_what_was_asked_for(
    changes: dict[str, Any], stamps: dict[str, Any], paths: list[tuple[str, ...]]
) -> None:
    """At every path, and nowhere else does anybody look."""
    record = record_of({}, raw=text_of(EVENT | changes), **stamps)
    sketcher = sketcher_of(paths)
    assert sketcher is not None
    found = sketcher.read(record)
    if found is not None:
        event, event_ms = intake.restored(record)
        assert found[1] == event_ms
        assert dates.is_canonical(event["timestamp"]) or not found[2]
        for path in [*paths, ("type",), ("timestamp",), ("event",), ("anonymousId",)]:
            assert lookup(found[0], path) == lookup(event, path)


@pytest.mark.parametrize(
    ("timestamp", "sent_ms", "sure"),
    [
        ("2026-11-24T10:00:00.000Z", NOW_MS, True),
        ("2026-11-24T10:00:00.000Z", None, False),
        ("2026-11-24", NOW_MS, True),
        ("2026-11-24", None, False),
        ("soon", None, True),
        (1_795_449_425, None, True),
    ],
)
def test_a_timestamp_is_sure_that_was_written_here(timestamp: Any, sent_ms: int | None, sure: bool) -> None:
    """One that stays as it was sent may look any way."""
    sketcher = sketcher_of([("timestamp",)])
    assert sketcher is not None
    found = sketcher.read(record_of(EVENT | {"timestamp": timestamp}, sent_ms=sent_ms))
    assert found is None or found[2] is sure
    assert found is not None or type(timestamp) is not str


def test_half_a_character_and_text_that_only_the_other_decoder_reads_are_left_to_it() -> None:
    """A name that is half a surrogate pair has no sketcher; a text of one no sketch."""
    assert sketcher_of([("\ud800",)]) is None
    sketcher = sketcher_of([("traits",)])
    assert sketcher is not None
    assert sketcher.read(record_of({}, raw=b'{"traits":{"a":"\\ud800"}}')) is None
    assert sketcher.read(record_of({}, raw=b'{"traits":{"a":1e999}}')) is None
