"""/users/delete: who goes, who stays, what is counted."""

from tests.sandbox.client import client
from tests.sandbox.rules import CLIENTS, ERRORS, OURS, Case, rule, table

DELETE = "Delete users"
ANON = {"alias_name": "a1", "alias_label": "anon"}
LATEST = ["most_recently_updated"]


async def world():
    """A sandbox with three people: u and v share an email, one visitor."""
    sandbox = client()
    await sandbox.track(attributes=[{"external_id": "u", "email": "a@b.co", "phone": "+15551234567"}])
    sandbox.time.ms += 1_000
    await sandbox.track(attributes=[{"external_id": "v", "email": "a@b.co"}])
    await sandbox.post("/users/alias/new", {"user_aliases": [ANON]})
    return sandbox


GONE = [
    Case("by external_ids", "D", DELETE, {"external_ids": ["u", "v"]}, ["u", "v"]),
    Case("by user_aliases", "D", DELETE, {"user_aliases": [ANON]}, ["anon:a1"]),
    Case("unknown ids delete nobody", "D", DELETE, {"external_ids": ["nobody"]}, []),
    Case(
        "by email with prioritization",
        "D",
        DELETE,
        {"email_addresses": [{"email": "a@b.co", "prioritization": LATEST}]},
        ["v"],
    ),
    Case(
        "an email several share is not deleted",
        "D",
        DELETE,
        {"email_addresses": [{"email": "a@b.co", "prioritization": ["identified"]}]},
        [],
    ),
    Case(
        "an email without prioritization is not deleted",
        "D",
        DELETE,
        {"email_addresses": [{"email": "a@b.co"}]},
        [],
    ),
    Case(
        "by phone",
        "D",
        DELETE,
        {"phone_numbers": [{"phone": "+15551234567", "prioritization": ["identified"]}]},
        ["u"],
    ),
    Case(
        "most_recently_updated after identified",
        "D",
        DELETE,
        {"email_addresses": [{"email": "a@b.co", "prioritization": ["identified", "most_recently_updated"]}]},
        ["v"],
    ),
    Case(
        "identified and unidentified exclude each other",
        "D",
        DELETE,
        {"email_addresses": [{"email": "a@b.co", "prioritization": ["identified", "unidentified", *LATEST]}]},
        [],
    ),
    Case(
        "least_recently_updated is no word here",
        "D",
        DELETE,
        {"email_addresses": [{"email": "a@b.co", "prioritization": ["least_recently_updated"]}]},
        [],
    ),
    Case(
        "where one has that phone there is nothing to choose",
        "D",
        DELETE,
        {"phone_numbers": [{"phone": "+15551234567", "prioritization": ["unidentified"]}]},
        ["u"],
    ),
    Case("entries of the wrong shape delete nobody", "S", OURS, {"external_ids": [7, None, {}]}, []),
]


@table(GONE)
async def test_exactly_the_named_are_deleted(given, expected):
    """The answer counts the profiles found."""
    sandbox = await world()
    answer = await sandbox.post("/users/delete", given)
    assert (answer.status, answer.json) == (201, {"deleted": len(expected), "message": "success"})
    left = [name for name in ("u", "v", "anon:a1") if await sandbox.person(name)]
    assert left == [name for name in ("u", "v", "anon:a1") if name not in expected]


@rule("by braze_ids", "D", DELETE)
async def test_deleting_by_braze_id():
    """The id every profile has."""
    sandbox = await world()
    braze_id = (await sandbox.person("u"))["braze_id"]
    assert (await sandbox.post("/users/delete", {"braze_ids": [braze_id]})).json["deleted"] == 1
    assert await sandbox.person("u") is None


@rule("the count may be that of the ids sent", "O", CLIENTS)
async def test_the_count_can_be_that_of_the_ids_sent():
    """By switch."""
    sandbox = client(switches={"deleted_count": "sent"})
    assert (await sandbox.post("/users/delete", {"external_ids": ["a", "b"]})).json["deleted"] == 2


BAD = [
    Case("no ids", "A", OURS, {}, "Exactly one kind of user identifier must be provided", switch="texts"),
    Case(
        "two kinds of ids",
        "D",
        DELETE,
        {"external_ids": ["u"], "braze_ids": ["b"]},
        "Exactly one kind of user identifier must be provided",
    ),
    Case(
        "51 ids", "D", ERRORS, {"external_ids": ["u"] * 51}, "The max number of ids per request was exceeded"
    ),
    Case(
        "ids no array",
        "A",
        OURS,
        {"external_ids": "u"},
        "'external_ids' must be an array of objects",
        switch="texts",
    ),
]


@table(BAD)
async def test_a_bad_delete_request_is_refused(given, expected):
    """As a whole; nobody goes."""
    sandbox = await world()
    answer = await sandbox.post("/users/delete", given)
    assert (answer.status, answer.json) == (400, {"message": expected})
    assert (await sandbox.totals())["people"] == 3


@rule("totals of events over time are not reduced, data points not given back", "D", DELETE)
async def test_totals_stay_when_people_go():
    """And the id is free for a new, empty profile."""
    sandbox = client()
    event = {"external_id": "u", "name": "Hi", "time": "2025-12-01"}
    await sandbox.track(events=[event])
    await sandbox.post("/users/delete", {"external_ids": ["u"]})
    await sandbox.track(events=[event])
    assert (await sandbox.totals())["data_points"] == {
        "attributes": 0,
        "events": 2,
        "purchases": 0,
        "sessions": 0,
    }
    registry = (await sandbox.get("/_sandbox/workspaces")).json["workspaces"][0]["registry"]
    assert (registry["events"]["Hi"]["count"], registry["deleted"], registry["data_points"]["events"]) == (
        2,
        1,
        2,
    )
    assert (await sandbox.person("u"))["event_summaries"]["Hi"]["count"] == 1
