"""Subscription groups: set by v1 and v2, read back in both shapes."""

from tests.sandbox.client import client
from tests.sandbox.rules import OURS, Case, rule, table

from segue.sandbox.seed import DEFAULT_GROUP as GROUP

SET = "Update user's subscription group status"
SET_V2 = "Update user's subscription group status (v2)"
GET = "List user's subscription group status"
GET_USER = "List user's subscription groups"
ON = {"subscription_group_id": GROUP, "subscription_state": "subscribed"}


async def world(**switches):
    """a and b share an email, b and c a phone."""
    sandbox = client(switches=switches)
    await sandbox.track(
        attributes=[
            {"external_id": "a", "email": "x@y.co"},
            {"external_id": "b", "email": "x@y.co", "phone": "+15551234567"},
            {"external_id": "c", "phone": "+15551234567"},
        ]
    )
    return sandbox


SETS = [
    Case("by one external_id", "D", SET, ("", {**ON, "external_id": "a"}), "a"),
    Case("by external_ids", "D", SET, ("", {**ON, "external_id": ["a", "c", "x"]}), "ac"),
    Case("by email: everybody sharing it", "D", SET, ("", {**ON, "email": "x@y.co"}), "ab"),
    Case("by phone: everybody sharing it", "D", SET, ("", {**ON, "phone": ["+15551234567"]}), "bc"),
    Case(
        "v2: several entries",
        "D",
        SET_V2,
        ("/v2", {"subscription_groups": [{**ON, "external_ids": ["a"]}, {**ON, "phones": ["+15551234567"]}]}),
        "abc",
    ),
    Case("v2: emails", "D", SET_V2, ("/v2", {"subscription_groups": [{**ON, "emails": ["x@y.co"]}]}), "ab"),
]


@table(SETS)
async def test_a_state_is_set_and_read_back(given, expected):
    """Everybody else stays unknown."""
    sandbox = await world()
    prefix, body = given
    answer = await sandbox.post(f"{prefix}/subscription/status/set", body)
    assert (answer.status, answer.json) == (201, {"message": "success"})
    query = f"subscription_group_id={GROUP}&external_id[]=a&external_id[]=b&external_id[]=c"
    answer = await sandbox.get(f"/subscription/status/get?{query}")
    states = {name: "Subscribed" if name in expected else "Unknown" for name in "abc"}
    assert (answer.status, answer.json) == (200, {"status": states, "message": "success"})


BOTH = "Either an email address or a phone number should be provided, but not both."
BAD = [
    Case("email and phone", "D", SET, {**ON, "email": "x@y.co", "phone": "+15551234567"}, BOTH),
    Case(
        "an unknown group",
        "A",
        OURS,
        {**ON, "subscription_group_id": "x", "email": "x@y.co"},
        "subscription_group_id is not valid",
        switch="texts",
    ),
    Case(
        "an unknown state",
        "A",
        OURS,
        {**ON, "subscription_state": "opted_in", "email": "x@y.co"},
        "subscription_state is not valid",
        switch="texts",
    ),
    Case("nobody named", "A", OURS, ON, "external_id, email or phone is required", switch="texts"),
    Case(
        "51 ids",
        "D",
        SET,
        {**ON, "external_id": ["a"] * 51},
        "The max number of ids per request was exceeded",
    ),
]


@table(BAD)
async def test_a_bad_subscription_request_is_refused(given, expected):
    """In v1, and in v2 for any of its entries."""
    sandbox = await world()
    answer = await sandbox.post("/subscription/status/set", given)
    assert (answer.status, answer.json) == (400, {"message": expected})
    plural = {
        {"email": "emails", "phone": "phones", "external_id": "external_ids"}.get(k, k): v
        for k, v in given.items()
    }
    body = {"subscription_groups": [{**ON, "external_ids": ["c"]}, plural]}
    answer = await sandbox.post("/v2/subscription/status/set", body)
    assert (answer.status, answer.json) == (400, {"message": expected})
    assert (await sandbox.person("c"))["groups"] == {}


@rule("status by email or phone; both without external_id are refused", "D", GET)
async def test_a_status_is_read_by_email_or_phone():
    """Unsubscribed is a state, Unknown is none."""
    sandbox = await world()
    await sandbox.post(
        "/subscription/status/set", {**ON, "subscription_state": "unsubscribed", "external_id": "c"}
    )
    base = f"/subscription/status/get?subscription_group_id={GROUP}"
    answer = await sandbox.get(f"{base}&phone=%2B15551234567")
    assert answer.json["status"] == {"+15551234567": "Unsubscribed"}
    assert (await sandbox.get(f"{base}&email=x@y.co")).json["status"] == {"x@y.co": "Unknown"}
    assert (await sandbox.get(f"{base}&email=x@y.co&phone=%2B15551234567")).json == {"message": BOTH}
    assert (await sandbox.get(base)).status == 400
    assert (await sandbox.get("/subscription/status/get?subscription_group_id=x&email=x@y.co")).status == 400


@rule("a user's groups are those in their history, in the documented shape", "D", GET_USER)
async def test_a_users_groups_are_listed():
    """At most 100 at a time."""
    sandbox = await world()
    await sandbox.post("/subscription/status/set", {**ON, "external_id": "a"})
    answer = await sandbox.get("/subscription/user/status?external_id[]=a&external_id=b")
    shown = [{"subscription_group_id": GROUP, "subscription_status": "Subscribed"}]
    assert answer.json == {"success": True, "subscription_groups": shown}
    answer = await sandbox.get("/subscription/user/status?external_id=a&offset=1")
    assert answer.json["subscription_groups"] == []
    assert (await sandbox.get("/subscription/user/status?external_id=a&limit=x")).status == 400


@rule("a user's groups come 100 at a time at most, from an offset on", "D", GET_USER)
async def test_a_users_groups_come_in_pages():
    """100 is also what is given unasked."""
    sandbox = await world()
    groups = [f"00000000-0000-4000-8000-{number:012}" for number in range(103)]
    for group in groups:
        assert (await sandbox.post("/_sandbox/subscription_groups", {"id": group})).status == 201
    entries = [
        {"subscription_group_id": group, "subscription_state": "unsubscribed", "external_ids": ["a"]}
        for group in groups
    ]
    await sandbox.post("/v2/subscription/status/set", {"subscription_groups": entries})

    async def listed(query):
        answer = await sandbox.get(f"/subscription/user/status?external_id[]=a{query}")
        assert {one["subscription_status"] for one in answer.json["subscription_groups"]} == {"Unsubscribed"}
        return [one["subscription_group_id"] for one in answer.json["subscription_groups"]]

    assert await listed("") == groups[:100]
    assert await listed("&limit=200") == groups[:100]
    assert await listed("&limit=2&offset=1") == groups[1:3]
    assert await listed("&offset=100") == groups[100:]


@rule("a user's groups by email and by phone: everybody who has it", "D", GET_USER)
async def test_a_users_groups_are_found_by_contact():
    """Both at once are refused as for one group."""
    sandbox = await world()
    await sandbox.post("/subscription/status/set", {**ON, "external_id": ["b"]})
    shown = [{"subscription_group_id": GROUP, "subscription_status": "Subscribed"}]
    for query in ("email=x@y.co", "phone=%2B15551234567"):
        answer = await sandbox.get(f"/subscription/user/status?{query}")
        assert answer.json == {"success": True, "subscription_groups": shown}
    refused = await sandbox.get("/subscription/user/status?email=x@y.co&phone=%2B15551234567")
    assert (refused.status, refused.json) == (400, {"message": BOTH})


@rule("email and phone with an external_id are fine when reading", "D", GET)
async def test_email_and_phone_are_fine_with_an_external_id():
    """Each is told under its own name."""
    sandbox = await world()
    await sandbox.post("/subscription/status/set", {**ON, "external_id": "c"})
    answer = await sandbox.get(
        f"/subscription/status/get?subscription_group_id={GROUP}&external_id[]=a&email=x@y.co&phone=%2B15551234567"
    )
    states = {"a": "Unknown", "x@y.co": "Unknown", "+15551234567": "Subscribed"}
    assert (answer.status, answer.json) == (200, {"status": states, "message": "success"})


@rule("a user's groups nested by user, as seen live", "A", GET_USER, switch="subscription_user_shape")
async def test_a_users_groups_can_be_nested():
    """By switch."""
    sandbox = await world(subscription_user_shape="nested")
    await sandbox.post("/subscription/status/set", {**ON, "external_id": "a"})
    answer = await sandbox.get("/subscription/user/status?external_id=a")
    groups = [{"id": GROUP, "name": "Newsletter", "channel": "email", "status": "Subscribed"}]
    user = {"email": "x@y.co", "phone": None, "external_id": "a", "subscription_groups": groups}
    assert answer.json == {"message": "success", "users": [user]}
