"""/users/export/ids: who is found, which fields, in what shape."""

import re

from tests.sandbox.client import client
from tests.sandbox.rules import CLIENTS, ERRORS, OURS, Case, rule, table

from segue.sandbox.seed import DEFAULT_APP

EXPORT = "Export user profile by identifier"
ANON = {"alias_name": "a1", "alias_label": "anon"}
ONLY_ID = {"fields_to_export": ["external_id"]}


async def world(**switches):
    """A sandbox with one person who has a bit of everything."""
    sandbox = client(switches=switches)
    person = {
        "external_id": "u",
        "email": "a@b.co",
        "phone": "+15551234567",
        "first_name": "Ann",
        "plan": "gold",
        "current_location": {"longitude": 2.35, "latitude": 48.85},
        "push_tokens": [{"app_id": DEFAULT_APP, "token": "t1", "device_id": "device-1"}],
    }
    purchase = {
        "product_id": "p",
        "currency": "USD",
        "price": 9.5,
        "time": "2025-12-01T10:00:00Z",
        "external_id": "u",
    }
    await sandbox.track(attributes=[person], purchases=[purchase])
    await sandbox.post("/users/alias/new", {"user_aliases": [{"external_id": "u", **ANON}]})
    return sandbox


FOUND = [
    Case("by external_ids", "D", EXPORT, {"external_ids": ["u"]}, (["u"], None)),
    Case("by user_aliases", "D", EXPORT, {"user_aliases": [ANON]}, (["u"], None)),
    Case("by email_address", "D", EXPORT, {"email_address": "a@b.co"}, (["u"], None)),
    Case("by phone", "D", EXPORT, {"phone": "+15551234567"}, (["u"], None)),
    Case("by device_id", "D", EXPORT, {"device_id": "device-1"}, (["u"], None)),
    Case(
        "somebody named twice is given once",
        "S",
        OURS,
        {"external_ids": ["u"], "user_aliases": [ANON]},
        (["u"], None),
    ),
    Case("unknown ids in invalid_user_ids", "D", EXPORT, {"external_ids": ["u", "x"]}, (["u"], ["x"])),
    Case("nobody found", "D", EXPORT, {"external_ids": ["x", 7]}, ([], ["x", 7])),
]


@table(FOUND)
async def test_people_are_found_by_any_identifier(given, expected):
    """201, message success, users."""
    sandbox = await world()
    answer = await sandbox.post("/users/export/ids", {**given, **ONLY_ID})
    users, unknown = expected
    assert answer.status == 201
    assert answer.json["message"] == "success"
    assert [user["external_id"] for user in answer.json["users"]] == users
    assert answer.json.get("invalid_user_ids") == unknown


BAD = [
    Case(
        "no identifier",
        "A",
        OURS,
        ONLY_ID,
        "Exactly one kind of user identifier must be provided",
        switch="texts",
    ),
    Case(
        "51 ids, aliases included",
        "D",
        ERRORS,
        {"external_ids": ["u"] * 50, "user_aliases": [ANON], **ONLY_ID},
        "The max number of ids per request was exceeded",
    ),
    Case("no fields_to_export", "D", EXPORT, {"external_ids": ["u"]}, "'fields_to_export' is required"),
    Case(
        "external_ids no array",
        "A",
        OURS,
        {"external_ids": "u", **ONLY_ID},
        "'external_ids' must be an array of objects",
        switch="texts",
    ),
]


@table(BAD)
async def test_a_bad_export_request_is_refused(given, expected):
    """As a whole."""
    answer = await client().post("/users/export/ids", given)
    assert (answer.status, answer.json) == (400, {"message": expected})


@rule("customers before 2024-08-22 need no fields_to_export and get every field", "D", EXPORT)
async def test_the_whole_profile_has_the_documented_shape():
    """Empty fields are left out: the least is returned."""
    sandbox = await world(onboarded_after_2024_08_22=False)
    answer = await sandbox.post("/users/export/ids", {"external_ids": ["u"]})
    user = answer.json["users"][0]
    assert len(user.pop("braze_id")) == 24
    assert user.pop("random_bucket") in range(10_000)
    assert user == {
        "external_id": "u",
        "user_aliases": [ANON],
        "created_at": "2026-01-01T00:00:00.000Z",
        "first_name": "Ann",
        "email": "a@b.co",
        "phone": "+15551234567",
        "last_coordinates": [2.35, 48.85],
        "custom_attributes": {"plan": "gold"},
        "purchases": [
            {"name": "p", "first": "2025-12-01T10:00:00.000Z", "last": "2025-12-01T10:00:00.000Z", "count": 1}
        ],
        "total_revenue": 9.5,
        "push_tokens": [
            {
                "app": "Sandbox app",
                "platform": "Web",
                "token": "t1",
                "device_id": "device-1",
                "notifications_enabled": True,
            }
        ],
    }


@rule("only the wanted fields; unknown names are ignored", "D", EXPORT)
async def test_only_the_wanted_fields_are_given():
    """Whatever is asked for."""
    sandbox = await world()
    body = {"external_ids": ["u"], "fields_to_export": ["email", "dob", "nonsense", 7]}
    assert (await sandbox.post("/users/export/ids", body)).json["users"] == [{"email": "a@b.co"}]


EVERY_FIELD = """
apps attributed_campaign attributed_source attributed_adgroup attributed_ad push_subscribe email_subscribe
braze_id country created_at custom_attributes custom_events devices dob email external_id first_name gender
home_city language last_coordinates last_name phone purchases push_tokens random_bucket time_zone
total_revenue uninstalled_at user_aliases
""".split()  # noqa: SIM905 - as the page prints them
ONLY_WITHOUT = ["campaigns_received", "canvases_received", "cards_clicked"]


async def complete():
    """A sandbox with one person who has everything an export can show."""
    sandbox = await world(onboarded_after_2024_08_22=False)
    profile = {
        "last_name": "Ash",
        "gender": "F",
        "dob": "1990-12-31",
        "country": "IT",
        "language": "it",
        "home_city": "Rome",
        "time_zone": "Europe/Rome",
        "email_subscribe": "opted_in",
        "push_subscribe": "unsubscribed",
    }
    event = {"external_id": "u", "name": "Hi", "time": "2025-12-01T10:00:00Z"}
    await sandbox.track(attributes=[{"external_id": "u", **profile}], events=[event])
    snapshot = (await sandbox.get("/_sandbox/snapshot")).json
    (person,) = snapshot["workspaces"][0]["people"]
    attributed = {name: name for name in EVERY_FIELD if name.startswith("attributed")}
    person["fields"] |= attributed | {"uninstalled_at": "2025-12-02T00:00:00.000Z"}
    use = {"app_id": DEFAULT_APP, "sessions": 2, "first_ms": 0, "last_ms": 86_400_000}
    device = {"device_id": "device-1", "model": "Chrome", "os": "Linux"}
    person |= {
        "apps": {DEFAULT_APP: use},
        "devices": [device],
        "campaigns_received": {"c": 1_000},
        "canvases_received": {"v": 2_000},
        "cards_clicked": ["A"],
    }
    assert (await sandbox.post("/_sandbox/restore", snapshot)).status == 200
    return sandbox


@rule("every field the page prints can be asked for; without a filter three more are given", "D", EXPORT)
async def test_every_printed_field_is_exported():
    """Each alone, and all together."""
    sandbox = await complete()
    whole = (await sandbox.post("/users/export/ids", {"external_ids": ["u"]})).json["users"][0]
    assert whole.keys() == {*EVERY_FIELD, *ONLY_WITHOUT}
    for name in EVERY_FIELD:
        body = {"external_ids": ["u"], "fields_to_export": [name]}
        assert (await sandbox.post("/users/export/ids", body)).json["users"] == [{name: whole[name]}]
    assert (whole["gender"], whole["push_subscribe"]) == ("F", "unsubscribed")
    assert whole["custom_events"] == [
        {"name": "Hi", "first": "2025-12-01T10:00:00.000Z", "last": "2025-12-01T10:00:00.000Z", "count": 1}
    ]
    (app,), (device,) = whole["apps"], whole["devices"]
    assert (app["name"], app["platform"], app["sessions"]) == ("Sandbox app", "Web", 2)
    assert (app["first_used"], app["last_used"]) == ("1970-01-01T00:00:00.000Z", "1970-01-02T00:00:00.000Z")
    assert device == {"device_id": "device-1", "model": "Chrome", "os": "Linux"}
    (campaign,), (canvas,) = whole["campaigns_received"], whole["canvases_received"]
    assert {"name", "api_campaign_id", "last_received", "engaged", "converted"} <= campaign.keys()
    assert {"name", "api_canvas_id", "last_received_message", "last_entered", "in_control"} <= canvas.keys()


@rule("by braze_id, which is 24 hexadecimal digits", "D", EXPORT)
async def test_somebody_is_found_by_braze_id():
    """As told by another export."""
    sandbox = await world()
    body = {"external_ids": ["u"], "fields_to_export": ["braze_id"]}
    braze_id = (await sandbox.post("/users/export/ids", body)).json["users"][0]["braze_id"]
    assert re.fullmatch("[0-9a-f]{24}", braze_id)
    answer = await sandbox.post("/users/export/ids", {"braze_id": braze_id, **ONLY_ID})
    assert answer.json["users"] == [{"external_id": "u"}]


@rule("created_at in two forms", "O", CLIENTS)
async def test_created_at_has_an_older_form():
    """The documents' older sample, by switch."""
    sandbox = await world(created_at="utc")
    body = {"external_ids": ["u"], "fields_to_export": ["created_at"]}
    answer = await sandbox.post("/users/export/ids", body)
    assert answer.json["users"] == [{"created_at": "2026-01-01 00:00:00.000 UTC"}]


@rule("events and purchases are listed for 90 days after the last", "D", EXPORT)
async def test_old_summaries_are_not_exported():
    """They come back, with their full count, when it happens again."""
    sandbox = await world()
    body = {"external_ids": ["u"], "fields_to_export": ["purchases"]}
    sandbox.time.ms += 61 * 86_400_000
    assert (await sandbox.post("/users/export/ids", body)).json["users"] == [{}]
    again = {"product_id": "p", "currency": "USD", "price": 1, "time": "2026-03-01", "external_id": "u"}
    await sandbox.track(purchases=[again])
    assert (await sandbox.post("/users/export/ids", body)).json["users"][0]["purchases"][0]["count"] == 2
