"""Campaigns played out: who gets something, what they do with it, what is told of it."""

from typing import Any

import pytest
from tests.sandbox.client import Client
from tests.sandbox.rules import OURS, rule
from tests.sandbox.test_currents import Sink, connected, deliver
from tests.sandbox.town import town

GLOSSARY = "Message engagement events"
ALWAYS = {
    "bounce": 0,
    "delivery": 1,
    "open": 1,
    "click": 1,
    "unsubscribe": 1,
    "spam": 1,
    "impression": 1,
    "read": 1,
}


async def campaign(sandbox: Client, **more: Any) -> None:
    """Add a campaign to everybody, in which everybody does everything."""
    body = {"id": "x", "name": "X", "engagement": ALWAYS, **more}
    assert (await sandbox.post("/_sandbox/campaigns", body)).status == 201


async def play(sandbox: Client, **more: Any) -> list[str]:
    """Send it, let an hour pass; the names of the Currents events."""
    await connected(sandbox, include_anonymous=True)
    answer = await sandbox.post("/_sandbox/campaigns/send", {"campaign_id": "x", **more})
    assert answer.status == 200, answer.json
    sandbox.time.ms += 3_600_000
    sink = Sink()
    await deliver(sandbox, sink)
    return [one["event"] for one in sink.events() if one.get("userId") in ("ann", None)]


@rule(
    "a campaign to a segment tells of each message: sent, delivered, opened, clicked, unsubscribed", "S", OURS
)
async def test_a_campaign_tells_the_whole_story():
    """With campaign, variation and dispatch, and the profile shows it."""
    sandbox = await town()
    await campaign(sandbox, segment_id="gold")
    assert await play(sandbox) == [
        "Email Sent",
        "Email Delivered",
        "Email Opened",
        "Email Link Clicked",
        "Unsubscribed",
        "Global Subscription State Changed",
        "Email Marked as Spam",
    ]
    ann = await sandbox.person("ann")
    assert [one["type"] for one in ann["messages"]][:2] == [
        "users.messages.email.Send",
        "users.messages.email.Delivery",
    ]
    assert ann["fields"]["email_subscribe"] == "unsubscribed"
    assert (await sandbox.get("/_sandbox/campaigns")).json["sends"]["x"] == {"20454": 1}
    assert (await sandbox.post("/_sandbox/campaigns/send", {"campaign_id": "x"})).json == {"reached": 1}


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ("email", []),
        ("sms", []),
        ("push", []),
        ("whatsapp", []),
        ("webhook", ["Webhook Sent"]),
        ("content_card", ["Content Card Sent", "Content Card Viewed", "Content Card Clicked"]),
        ("in_app_message", ["In-App Message Viewed", "In-App Message Clicked"]),
    ],
)
async def test_a_message_needs_an_address(channel, expected):
    """Dan has none: only what needs no address reaches him."""
    sandbox = await town()
    everyone = {"kind": "external_id", "comparator": "blank"}
    await sandbox.post("/_sandbox/segments", {"id": "dan", "name": "Dan", "filter": everyone})
    await campaign(sandbox, channels=[channel], segment_id="dan", engagement={**ALWAYS, "dismiss": 0})
    assert await play(sandbox) == expected


@rule("a bounced message is not delivered, opened or clicked", "S", OURS)
async def test_a_bounced_message_ends_there():
    """As its chance says."""
    sandbox = await town()
    await campaign(sandbox, segment_id="gold", engagement={**ALWAYS, "bounce": 1})
    assert await play(sandbox) == ["Email Sent", "Email Bounced"]


@rule("the control group is enrolled and gets nothing", "D", GLOSSARY)
async def test_the_control_group_gets_nothing():
    """All of them, with a group of everybody."""
    sandbox = await town()
    await campaign(sandbox, segment_id="gold", control_percent=100)
    assert await play(sandbox) == ["Campaign Control Group Entered"]


@rule("the conversion event within three days converts the campaign", "S", OURS)
async def test_a_conversion_is_counted():
    """Once a message was received, and not after the window."""
    sandbox = await town()
    await campaign(sandbox, segment_id="gold", conversion_event="Paid", engagement={"delivery": 0})
    await connected(sandbox)
    await sandbox.track(events=[{"external_id": "ann", "name": "Paid", "time": "2025-12-31"}])
    await sandbox.post("/_sandbox/campaigns/send", {"campaign_id": "x"})
    sandbox.time.ms += 1_000
    await sandbox.track(events=[{"external_id": "ann", "name": "Paid", "time": "2026-01-01T00:00:01Z"}])
    sandbox.time.ms += 4 * 86_400_000
    await sandbox.track(events=[{"external_id": "ann", "name": "Paid", "time": "2026-01-05T00:00:00Z"}])
    sink = Sink()
    await deliver(sandbox, sink)
    assert [one["event"] for one in sink.events()] == ["Email Sent", "Campaign Converted"]
    shown = (await sandbox.get("/campaigns/data_series?campaign_id=x&length=5")).json["data"]
    assert [one["conversions"] for one in shown] == [1, 0, 0, 0, 0]


@rule("entering a canvas is told as Canvas Entered", "D", GLOSSARY)
async def test_a_canvas_tells_of_its_entry():
    """Triggered over the API."""
    sandbox = await town()
    seed = {
        "workspaces": [{"id": "other", "canvases": [{"id": "v", "name": "V"}]}],
        "keys": [{"key": "other-key", "workspace": "other"}],
    }
    await sandbox.post("/_sandbox/seed", seed)
    other = Client(sandbox.app, sandbox.time, "other-key")
    connector = {"id": "c", "url": "https://sink.example/v1", "key": "key"}
    await sandbox.post("/_sandbox/currents?workspace=other", connector)
    await other.track(attributes=[{"external_id": "eve"}])
    body = {"canvas_id": "v", "recipients": [{"external_user_id": "eve"}]}
    assert (await other.post("/canvas/trigger/send", body)).status == 201
    sink = Sink()
    await deliver(sandbox, sink)
    assert [(one["event"], one["properties"]["in_control_group"]) for one in sink.events()] == [
        ("Canvas Entered", False)
    ]


async def test_a_campaign_that_is_not_there_cannot_be_sent():
    """Nor to a segment that is not there."""
    sandbox = await town()
    for body in ({"campaign_id": "nope"}, {"campaign_id": "c1", "segment_id": "nope"}):
        answer = await sandbox.post("/_sandbox/campaigns/send", body)
        assert (answer.status, "is unknown in workspace" in answer.json["error"]) == (400, True)


async def test_the_same_campaign_goes_the_same_way_in_every_run():
    """Chances follow from who and what, not from luck."""
    stories = []
    for _ in range(2):
        sandbox = await town()
        await campaign(sandbox, engagement={})
        stories.append(await play(sandbox))
    assert stories[0] == stories[1]
