"""Triggering campaigns and canvases."""

import pytest
from tests.sandbox.furnished import furnished
from tests.sandbox.rules import ERRORS, LIMITS, OURS, Case, rule, table

CAMPAIGN = "Send API-triggered campaigns"
CANVAS = "Send API-triggered canvases"
ALIAS = {"alias_name": "a", "alias_label": "anon"}
TO_U = {"external_user_id": "u"}
IDENTIFIER = "Each recipient must have exactly one of 'external_user_id', 'user_alias', 'braze_id', 'email'"


@rule("201 with one dispatch_id; the recipients received it", "D", CAMPAIGN)
@pytest.mark.parametrize(
    ("path", "body", "received"),
    [
        ("campaigns", {"campaign_id": "c1", "trigger_properties": {"a": 1}}, "campaigns_received"),
        ("canvas", {"canvas_id": "v1", "canvas_entry_properties": {"a": 1}}, "canvases_received"),
    ],
)
async def test_a_send_reaches_its_recipients(path, body, received):
    """Duplicates collapse, unknown people get nothing, attributes are applied first."""
    sandbox = furnished()
    await sandbox.track(attributes=[{"external_id": "u"}, {"external_id": "v"}])
    recipients = [
        TO_U,
        {**TO_U, "attributes": {"late": 1}},
        {"external_user_id": "v", "attributes": {"k": 1}},
        {"external_user_id": "x"},
    ]
    answer = await sandbox.post(f"/{path}/trigger/send", {**body, "recipients": recipients, "send_id": "s"})
    assert answer.status == 201
    document = answer.json
    assert len(document.pop("dispatch_id")) == 32
    assert document == {"message": "success", "send_id": "s"}
    people = [await sandbox.person(name) for name in "uv"]
    assert [len(person[received]) for person in people] == [1, 1]
    assert [person["custom"] for person in people] == [{}, {"k": 1}]
    assert (await sandbox.totals())["people"] == 2


@rule("broadcast reaches everybody", "D", CAMPAIGN)
async def test_a_broadcast_reaches_everybody():
    """Recipients by day can be read back."""
    sandbox = furnished()
    await sandbox.track(attributes=[{"external_id": name} for name in "abc"])
    assert (
        await sandbox.post("/campaigns/trigger/send", {"campaign_id": "c1", "broadcast": True})
    ).status == 201
    answer = await sandbox.get("/campaigns/data_series?campaign_id=c1&length=1")
    assert answer.json["data"][0]["unique_recipients"] == 3


@rule("send_to_existing_only false makes the recipient, with attributes", "D", CAMPAIGN)
async def test_an_unknown_recipient_can_be_made():
    """Attributes are then required, and an alias will not do."""
    sandbox = furnished()
    entry = {**TO_U, "send_to_existing_only": False, "attributes": {"first_name": "Ann", "email": "a@b.co"}}
    await sandbox.post("/campaigns/trigger/send", {"campaign_id": "c1", "recipients": [entry]})
    assert (await sandbox.person("u"))["fields"] == {"first_name": "Ann", "email": "a@b.co"}


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("campaigns", {"campaign_id": "c1"}, "trigger_properties"),
        ("canvas", {"canvas_id": "v1"}, "canvas_entry_properties"),
        ("canvas", {"canvas_id": "v1"}, "context"),
    ],
)
@rule("properties of a send and of a recipient: 51,200 bytes pass, one more does not", "D+", CANVAS)
async def test_properties_are_capped(path, body, name):
    """Under both names of a canvas's."""
    sandbox = furnished()
    await sandbox.track(attributes=[{"external_id": "u"}])
    for more, expected in ((0, 201), (1, 400)):
        properties = {name: {"a": "x" * (51_200 - len('{"a":""}') + more)}}
        for holder in (
            {**body, **properties, "recipients": [TO_U]},
            {**body, "recipients": [{**TO_U, **properties}]},
        ):
            answer = await sandbox.post(f"/{path}/trigger/send", holder)
            assert answer.status == expected
            if more:
                assert answer.json == {"message": f"'{name}' is too large"}


@rule("send_to_existing_only is true when left out, and attributes may come along", "D", CAMPAIGN)
async def test_only_existing_recipients_get_something():
    """Unknown ones are no error."""
    sandbox = furnished()
    recipients = [{"external_user_id": "x", "attributes": {"a": 1}}, {"user_alias": ALIAS}]
    body = {
        "campaign_id": "c1",
        "recipients": recipients,
        "attachments": [{"file_name": "a.pdf", "url": "https://x.example/a.pdf"}],
    }
    assert (await sandbox.post("/campaigns/trigger/send", body)).status == 201
    assert (await sandbox.totals())["people"] == 0


@rule("by alias and by braze_id", "D", CAMPAIGN)
async def test_a_send_reaches_by_alias_and_braze_id():
    """One dispatch id for all."""
    sandbox = furnished()
    await sandbox.post("/users/alias/new", {"user_aliases": [ALIAS]})
    await sandbox.track(attributes=[{"external_id": "u"}])
    braze_id = (await sandbox.person("u"))["braze_id"]
    recipients = [{"user_alias": ALIAS}, {"braze_id": braze_id}]
    await sandbox.post("/campaigns/trigger/send", {"campaign_id": "c1", "recipients": recipients})
    found = [len((await sandbox.person(name))["campaigns_received"]) for name in ("anon:a", "u")]
    assert found == [1, 1]


BAD = [
    Case(
        "send_to_existing_only false for an alias",
        "D",
        CAMPAIGN,
        {"recipients": [{"user_alias": ALIAS, "send_to_existing_only": False, "attributes": {"a": 1}}]},
        "'send_to_existing_only' is not valid",
    ),
    Case(
        "half an alias as recipient",
        "D",
        CAMPAIGN,
        {"recipients": [{"user_alias": {"alias_name": "a"}}]},
        IDENTIFIER,
    ),
    Case(
        "an unknown campaign", "D", ERRORS, {"campaign_id": "x", "recipients": [TO_U]}, "Invalid Campaign ID"
    ),
    Case("no campaign", "D", ERRORS, {"recipients": [TO_U]}, "Invalid Campaign ID"),
    Case("no recipients and no broadcast", "D", ERRORS, {}, "No Recipients"),
    Case("recipients empty", "D", ERRORS, {"recipients": []}, "No Recipients"),
    Case(
        "broadcast with recipients",
        "D",
        CAMPAIGN,
        {"broadcast": True, "recipients": [TO_U]},
        "'recipients' must not be provided when 'broadcast' is true",
    ),
    Case(
        "51 recipients",
        "D",
        ERRORS,
        {"recipients": [TO_U] * 51},
        "The max number of external_ids and aliases per request was exceeded",
    ),
    Case(
        "a recipient with two identifiers",
        "D",
        CAMPAIGN,
        {"recipients": [{**TO_U, "braze_id": "b"}]},
        IDENTIFIER,
    ),
    Case("a recipient with none", "D", CAMPAIGN, {"recipients": [{}]}, IDENTIFIER),
    Case(
        "an email recipient without prioritization",
        "D",
        CAMPAIGN,
        {"recipients": [{"email": "a@b.co"}]},
        "'prioritization' is not valid",
    ),
    Case(
        "send_to_existing_only false without attributes",
        "D",
        CAMPAIGN,
        {"recipients": [{**TO_U, "send_to_existing_only": False}]},
        "'send_to_existing_only' is not valid",
    ),
    Case(
        "trigger_properties over 50 KB",
        "D",
        CAMPAIGN,
        {"recipients": [TO_U], "trigger_properties": {"a": "x" * 51_200}},
        "'trigger_properties' is too large",
    ),
    Case(
        "trigger_properties no object",
        "S",
        OURS,
        {"recipients": [TO_U], "trigger_properties": [1]},
        "'trigger_properties' is not valid",
    ),
]


@table(BAD)
async def test_a_bad_send_is_refused(given, expected):
    """Nobody receives anything."""
    sandbox = furnished()
    await sandbox.track(attributes=[{"external_id": "u"}])
    body = (
        given
        if "campaign_id" in given or expected == "Invalid Campaign ID"
        else {"campaign_id": "c1", **given}
    )
    answer = await sandbox.post("/campaigns/trigger/send", body)
    assert (answer.status, answer.json) == (400, {"message": expected})
    if expected != "Invalid Campaign ID":
        body["canvas_id"] = "v1"
        if "trigger_properties" in body:
            body["canvas_entry_properties"] = body["trigger_properties"]
        answer = await sandbox.post("/canvas/trigger/send", body)
        assert answer.status == 400
        assert answer.json["message"] == expected.replace("trigger", "canvas_entry")
    person = await sandbox.person("u")
    assert (person["campaigns_received"], person["canvases_received"]) == ({}, {})


@rule("an unknown canvas: 400", "A", OURS, switch="texts")
async def test_an_unknown_canvas_is_refused():
    """In the words of the campaign's refusal."""
    answer = await furnished().post("/canvas/trigger/send", {"canvas_id": "x", "recipients": [TO_U]})
    assert (answer.status, answer.json) == (400, {"message": "Invalid Canvas ID"})


@rule("broadcasts: 10 a minute to the same audience", "D+", LIMITS)
async def test_broadcasts_are_limited_by_audience():
    """Another audience or canvas has its own ten, for the minute; sends to recipients are not broadcasts."""
    sandbox = furnished()
    body = {"campaign_id": "c1", "broadcast": True}
    statuses = [(await sandbox.post("/campaigns/trigger/send", body)).status for _ in range(11)]
    assert statuses == [201] * 10 + [429]
    other = {**body, "audience": {"AND": []}}
    assert (await sandbox.post("/campaigns/trigger/send", other)).status == 201
    assert (await sandbox.post("/canvas/trigger/send", {"canvas_id": "v1", "broadcast": True})).status == 201
    sandbox.time.ms += 60_000
    assert (await sandbox.post("/campaigns/trigger/send", body)).status == 201
    named = {"campaign_id": "c1", "recipients": [TO_U]}
    assert (await sandbox.post("/campaigns/trigger/send", named)).headers["x-ratelimit-limit"] == "250000"


@rule("broadcasts: 250 a minute over all audiences", "D", LIMITS)
async def test_broadcasts_are_limited_over_all_audiences():
    """Whatever the audience."""
    sandbox = furnished()
    for number in range(251):
        body = {"campaign_id": "c1", "broadcast": True, "audience": {"AND": [number]}}
        answer = await sandbox.post("/campaigns/trigger/send", body)
    assert (answer.status, answer.headers["x-ratelimit-limit"]) == (429, "250")


@rule("broadcasts: by older pages 250 a minute and nothing else", "D", LIMITS)
async def test_broadcasts_to_one_audience_can_go_unlimited():
    """By the switch of limits."""
    sandbox = furnished(switches={"limits": {"audience": [250, 60]}})
    body = {"campaign_id": "c1", "broadcast": True}
    assert {(await sandbox.post("/campaigns/trigger/send", body)).status for _ in range(11)} == {201}


@rule("an email recipient is found by prioritization", "D", CANVAS)
async def test_an_email_recipient_is_found():
    """The latest updated of two."""
    sandbox = furnished()
    await sandbox.track(attributes=[{"external_id": "u", "email": "a@b.co"}])
    sandbox.time.ms += 1_000
    await sandbox.track(attributes=[{"external_id": "v", "email": "a@b.co"}])
    entry = {"email": "a@b.co", "prioritization": ["most_recently_updated"]}
    await sandbox.post("/canvas/trigger/send", {"canvas_id": "v1", "recipients": [entry]})
    found = [len((await sandbox.person(name))["canvases_received"]) for name in "uv"]
    assert found == [0, 1]


@rule("a scheduled send is answered at once, with a schedule_id, and reaches people at its time", "S", OURS)
@pytest.mark.parametrize(
    ("path", "body", "received"),
    [
        ("campaigns", {"campaign_id": "c1"}, "campaigns_received"),
        ("canvas", {"canvas_id": "v1"}, "canvases_received"),
    ],
)
async def test_a_scheduled_send_waits_for_its_time(path, body, received):
    """Somebody who is there by then gets it; local time is not known here, and a warning says so."""
    sandbox = furnished()
    schedule = {"time": "2026-01-01T01:00:00Z", "in_local_time": True}
    sent = {**body, "recipients": [TO_U], "schedule": schedule}
    answer = await sandbox.post(f"/{path}/trigger/schedule/create", sent)
    assert (answer.status, answer.json["message"]) == (201, "success")
    assert len(answer.json["schedule_id"]) == 36
    assert await sandbox.warnings() == ["schedule"]
    await sandbox.track(attributes=[{"external_id": "u"}])
    sandbox.time.ms += 3_599_000
    assert (await sandbox.person("u"))[received] == {}
    sandbox.time.ms += 1_000
    assert len((await sandbox.person("u"))[received]) == 1


@rule("a schedule that is none, or in the past: 400", "A", OURS, switch="texts")
@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        (None, "'schedule' is required"),
        ("soon", "'schedule' is not valid"),
        ({}, "'time' is required"),
        ({"time": "soon"}, "'time' is not valid"),
        ({"time": "2025-12-31T00:00:00Z"}, "'time' is not valid"),
    ],
)
async def test_a_bad_schedule_is_refused(schedule, says):
    """Nothing is sent."""
    body = {"campaign_id": "c1", "recipients": [TO_U], "schedule": schedule}
    answer = await furnished().post("/campaigns/trigger/schedule/create", body)
    assert (answer.status, answer.json) == (400, {"message": says})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/users/track/sync", {"attributes": [{"external_id": "u", "x": 1}]}),
        ("GET", "/_sandbox/snapshot", None),
        ("POST", "/catalogs/shop/items/b", {"items": [{"name": "B"}]}),
        (
            "POST",
            "/users/external_ids/rename",
            {"external_id_renames": [{"current_external_id": "v", "new_external_id": "w"}]},
        ),
    ],
)
async def test_messages_to_come_stay_to_come(method, path, body):
    """Calls that wait for what was accepted before them carry that out, and no message ahead of its time."""
    sandbox = furnished(switches={"processing_delay_ms": [1_000, 1_000]})
    sent = {"campaign_id": "c1", "recipients": [TO_U], "schedule": {"time": "2026-02-01T00:00:00Z"}}
    await sandbox.post("/campaigns/trigger/schedule/create", sent)
    await sandbox.track(attributes=[{"external_id": "u"}, {"external_id": "v"}])
    assert (await sandbox.send(method, path, body)).status < 300
    sandbox.time.ms += 1_000
    assert (await sandbox.person("u"))["campaigns_received"] == {}
    assert sandbox.app.world.waiting == 1
    sandbox.time.ms += 31 * 86_400_000
    assert len((await sandbox.person("u"))["campaigns_received"]) == 1
