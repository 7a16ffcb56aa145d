"""/users/track/bulk and /users/track/sync."""

import pytest
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


@pytest.mark.parametrize("more", [0, 1])
@rule("bulk: exactly 2 MB passes", "D+", LIMITS)
async def test_two_megabytes_pass(more):
    """One byte more does not."""
    ends = b'","events":[{"external_id":"u","name":"Hi","time":"2025-12-01"}]}'
    raw = b'{"partner":"'.ljust(2 * 1_048_576 - len(ends) + more, b"x") + ends
    answer = await client().send("POST", "/users/track/bulk", raw=raw)
    assert answer.status == (400 if more else 201)


@rule("bulk counts the objects of a profile over all three arrays", "D+", BULK)
async def test_bulk_counts_a_profile_over_all_arrays():
    """50 attributes and 51 events of one person are too many; of two they are not."""
    attributes = [{"external_id": "u", "n": n} for n in range(50)]
    for who, status in (("u", 400), ("v", 201)):
        body = {"attributes": attributes, "events": [{**EVENT, "external_id": who}] * 51}
        assert (await client().post("/users/track/bulk", body)).status == status


@pytest.mark.parametrize(
    "who",
    [
        {"external_id": "u"},
        {"user_alias": {"alias_name": "a", "alias_label": "anon"}, "_update_existing_only": False},
        {"email": "a@b.co"},
        {"phone": "+15551234567"},
    ],
)
@rule("a synchronous answer names the person as the request did", "D", SYNC)
async def test_a_synchronous_answer_names_the_person(who):
    """Whatever the identifier."""
    answer = await client().post("/users/track/sync", {"attributes": [{**who, "k": 1}]})
    named = {name: value for name, value in who.items() if name != "_update_existing_only"}
    assert answer.json["users"] == [{**named, "custom_attributes": {"k": 1}}]


@rule("a full array keeps its newest values, as the synchronous answer shows", "D", SYNC)
async def test_a_synchronous_answer_shows_a_full_array():
    """Asked for three, two are left."""
    sandbox = client(switches={"array_max_length": 2})
    answer = await sandbox.post("/users/track/sync", {"attributes": [{"external_id": "u", "k": [1, 2, 3]}]})
    assert answer.json["users"][0]["custom_attributes"] == {"k": [2, 3]}


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


@rule("more than one object, or none: 400", "A", OURS, switch="texts")
async def test_a_synchronous_call_takes_exactly_one_object():
    """Over all three arrays."""
    sandbox = client()
    for body in ({}, {"events": [EVENT] * 2}, {"events": [EVENT], "purchases": [PURCHASE]}):
        assert (await sandbox.post("/users/track/sync", body)).status == 400
    bad = await sandbox.post("/users/track/sync", {"events": [{}]})
    assert (bad.status, bad.json["errors"][0]["index"]) == (400, 0)
