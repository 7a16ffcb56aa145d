"""/users/track/bulk and /users/track/sync."""

from tests.sandbox.client import client
from tests.sandbox.rules import LIMITS, OURS, Case, rule, table

BULK = "Track users (bulk)"
SYNC = "Track users (synchronous)"
EVENT = {"external_id": "u", "name": "Hi", "time": "2025-12-01T10:00:00Z"}
PURCHASE = {
    "external_id": "u",
    "product_id": "p",
    "currency": "USD",
    "price": 1,
    "time": "2025-12-01T10:00:00Z",
}


def spread(count, people):
    """So many events over so many people."""
    return [{**EVENT, "external_id": f"u{number % people}"} for number in range(count)]


SIZES = [
    Case("1,000 objects for 10 people pass", "D+", BULK, (1_000, 10), 201),
    Case("1,001 objects are too many", "D+", BULK, (1_001, 20), 400),
    Case("100 objects for one profile pass", "D+", BULK, (100, 1), 201),
    Case("101 objects for one profile are too many", "D+", BULK, (101, 1), 400),
]


@table(SIZES)
async def test_bulk_is_capped_by_objects_and_by_profile(given, expected):
    """All or nothing."""
    sandbox = client()
    answer = await sandbox.post("/users/track/bulk", {"events": spread(*given)})
    assert answer.status == expected
    assert (await sandbox.totals())["events"] == (given[0] if expected == 201 else 0)


@rule("bulk: a body over 2 MB is 400", "D+", LIMITS)
async def test_bulk_bodies_are_limited_to_two_megabytes():
    """Half of what other endpoints take."""
    sandbox = client()
    events = [{**EVENT, "properties": {"a": ["x" * 250] * 300}} for _ in range(28)]
    assert (await sandbox.post("/users/track/bulk", {"events": events})).status == 400
    assert (await sandbox.post("/users/track", {"events": events})).status == 201


@rule("bulk answers like /users/track, errors included", "D+", BULK)
async def test_bulk_answers_like_track():
    """50 requests a second."""
    answer = await client().post("/users/track/bulk", {"events": [EVENT, {}]})
    assert (answer.status, answer.json["events_processed"], answer.json["errors"][0]["index"]) == (201, 1, 1)
    assert answer.headers["x-ratelimit-limit"] == "50"


SHOWN = [
    Case(
        "an attribute: the custom attributes sent, as they are now",
        "D",
        SYNC,
        {"attributes": [{"external_id": "u", "k": {"inc": 2}, "first_name": "Ann"}]},
        {"external_id": "u", "custom_attributes": {"k": 3}},
    ),
    Case(
        "an event: its summary",
        "D",
        SYNC,
        {"events": [EVENT]},
        {
            "external_id": "u",
            "custom_events": [
                {
                    "name": "Hi",
                    "first": "2025-12-01T10:00:00.000Z",
                    "last": "2025-12-01T10:00:00.000Z",
                    "count": 1,
                }
            ],
        },
    ),
    Case(
        "a purchase: its summary",
        "D",
        SYNC,
        {"purchases": [PURCHASE]},
        {
            "external_id": "u",
            "purchase_events": [
                {
                    "product_id": "p",
                    "first": "2025-12-01T10:00:00.000Z",
                    "last": "2025-12-01T10:00:00.000Z",
                    "count": 1,
                }
            ],
        },
    ),
    Case(
        "an over-long text leaves the old value",
        "D",
        SYNC,
        {"attributes": [{"external_id": "u", "k": "x" * 256}]},
        {"external_id": "u", "custom_attributes": {"k": 1}},
    ),
]


@table(SHOWN)
async def test_a_synchronous_call_shows_what_became_of_it(given, expected):
    """At once, whatever the processing delay."""
    sandbox = client(switches={"processing_delay_ms": [100, 100]})
    await sandbox.track(attributes=[{"external_id": "u", "k": 1, "other": 2}])
    answer = await sandbox.post("/users/track/sync", given)
    assert (answer.status, answer.json) == (201, {"users": [expected], "message": "success"})


@rule("nobody to update: an empty list of users", "D", SYNC)
async def test_a_synchronous_call_for_nobody_shows_nobody():
    """With _update_existing_only."""
    body = {"events": [{**EVENT, "_update_existing_only": True}]}
    answer = await client().post("/users/track/sync", body)
    assert (answer.status, answer.json) == (201, {"users": [], "message": "success"})


@rule("more than one object, or none: 400", "A", OURS)
async def test_a_synchronous_call_takes_exactly_one_object():
    """Over all three arrays."""
    sandbox = client()
    for body in ({}, {"events": [EVENT] * 2}, {"events": [EVENT], "purchases": [PURCHASE]}):
        assert (await sandbox.post("/users/track/sync", body)).status == 400
    bad = await sandbox.post("/users/track/sync", {"events": [{}]})
    assert (bad.status, bad.json["errors"][0]["index"]) == (400, 0)
