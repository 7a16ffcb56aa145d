"""Every event Currents knows happens of something: messages, canvases, tokens, devices, profiles."""

from typing import Any

import pytest
from tests.sandbox.client import Client, client
from tests.sandbox.rules import OURS, Case, rule, table
from tests.sandbox.test_currents import BEHAVIOR, GLOSSARY, SEGMENT, Sink, connected, deliver
from tests.sandbox.test_sdk import APP, device, event, send

from segue.sandbox.app import create_app
from segue.sandbox.clock import StillTime
from segue.sandbox.currents.connector import Connector, Stream
from segue.sandbox.currents.events import KINDS
from segue.sandbox.engagement import STEPS
from segue.sandbox.seed import DEFAULT_APP, DEFAULT_GROUP

EXPORT = "Export users by identifier"
NOT_PLAYED = {
    "users.behaviors.liveactivity.PushToStartTokenChange",
    "users.behaviors.liveactivity.UpdateTokenChange",
    "users.behaviors.app.NewsFeedImpression",
    "users.campaigns.newsfeedcard.Impression",
    "users.campaigns.newsfeedcard.Click",
}
"""Only by /currents/emit: nothing here makes an iOS activity, and the feed is a retired product."""
ANN = {
    "external_id": "ann", "email": "ann@example.com", "phone": "+15550001111",
    "push_tokens": [{"app_id": DEFAULT_APP, "token": "t1", "device_id": "device-1"}],
}  # fmt: skip


async def connected_to_everything(sandbox: Client) -> Client:
    """A custom connector that takes every event there is, by name."""
    return await connected(sandbox, kind="custom", events=list(KINDS), include_anonymous=True)


async def told(sandbox: Client, *, seconds: int = 3_600) -> list[Any]:
    """Let time pass, then what Currents was told since the last look."""
    sandbox.time.ms += seconds * 1_000
    sink = Sink()
    await deliver(sandbox, sink)
    return sink.events()


async def add(sandbox: Client, path: str, **body: Any) -> None:
    """One more campaign or canvas, sent to everybody."""
    body = {"id": "x", "name": "X", **body}
    assert (await sandbox.post(f"/_sandbox/{path}", body)).status == 201
    answer = await sandbox.post("/_sandbox/campaigns/send", {"campaign_id": body["id"]})
    assert answer.status == 200, answer.json


async def test_every_event_happens_of_something():
    """All of the table, but for what cannot happen here; each of a real cause."""
    sandbox = await connected_to_everything(client())
    group = [{"subscription_group_id": DEFAULT_GROUP, "subscription_state": "subscribed"}]
    purchase = {"external_id": "ann", "product_id": "p", "currency": "USD", "price": 1, "time": "2025-12-01"}
    await sandbox.track(
        attributes=[{**ANN, "email_subscribe": "opted_in", "subscription_groups": group}],
        events=[{"external_id": "ann", "name": "Seen", "time": "2025-12-01"}],
        purchases=[purchase],
    )
    found = {one["event_type"] for one in await told(sandbox)}
    words = {step.word for steps in STEPS.values() for step in steps}
    lost = {"abort", "bounce", "soft_bounce", "failure", "rejection"}
    for on in (
        words - lost,
        {"send", "foreground"},
        *({"send", "deferral", "impression", word} for word in sorted(lost)),
    ):
        await sandbox.track(attributes=[{**ANN, "email_subscribe": "opted_in"}])
        chances = {word: float(word in on) for word in words}
        await add(sandbox, "campaigns", channels=list(STEPS), engagement=chances)
        found |= {one["event_type"] for one in await told(sandbox)}
    await sandbox.track(attributes=[{"external_id": "ann", "email": None}])
    for path in ("campaigns", "canvases"):
        await add(sandbox, path, id=path, channels=["email"], conversion_event="Paid")
    sandbox.time.ms += 2_000
    await sandbox.track(
        events=[{"external_id": "ann", "name": "Paid", "time": "2026-12-01"}]  # to come: counts as now
    )
    await add(sandbox, "campaigns", control_percent=100)
    found |= {one["event_type"] for one in await told(sandbox)}
    found |= await _of_canvases()
    found |= await _of_devices()
    assert set(KINDS) - found == NOT_PLAYED


async def _of_canvases() -> set[str]:
    sandbox = await connected_to_everything(client())
    await sandbox.track(attributes=[ANN, {"external_id": "bob", "email": "bob@example.com", "vip": True}])
    vip = {"id": "vip", "name": "VIP", "attribute": "vip", "value": True}
    assert (await sandbox.post("/_sandbox/segments", vip)).status == 201
    steps = [{"id": "s1", "name": "Hello"}, {"id": "s2", "name": "Again", "after_seconds": 7_200}]
    ways = {"exit_event": "Left", "exit_segment_id": "vip", "conversion_event": "Paid", "experiment_paths": 2}
    await add(sandbox, "canvases", steps=steps, **ways)
    when = "2026-01-01T00:00:01Z"
    sandbox.time.ms += 2_000
    await sandbox.track(
        events=[{"external_id": "ann", "name": name, "time": when} for name in ("Paid", "Left")]
    )
    return {one["event_type"] for one in await told(sandbox, seconds=9_000)}


async def _of_devices() -> set[str]:
    sandbox = await connected_to_everything(device())
    codes = ["ss", "ce", "si", "sc", "cci", "ccc", "ccd", "ffi", "bi", "bc", "bd", "se"]
    given = {"ce": {"n": "Seen"}, "ffi": {"fid": "flag"}, "cci": {"ids": ["card"]}}
    happened = [event(code, "ann", **given.get(code, {})) for code in codes]
    install = [{"user_id": "ann", "ab_install_attribution": {"source": "Network"}}]
    await send(
        sandbox, *happened, event("lr", "ann", latitude=1, longitude=2), device_id="d1", attributes=install
    )
    found = await told(sandbox)
    by_type = {one["event_type"]: one["properties"] for one in found}
    assert by_type["users.messages.featureflag.Impression"]["feature_flag_id_name"] == "flag"
    assert by_type["users.messages.contentcard.Impression"]["card_id"] == "card"
    assert by_type["users.behaviors.InstallAttribution"]["source"] == "Network"
    assert by_type["users.behaviors.app.SessionStart"]["app_id"] == APP
    return set(by_type)


@rule("a canvas goes step by step; who performs the exit event leaves, and gets no more", "D", GLOSSARY)
async def test_a_canvas_is_left_by_an_event():
    """With the step in every message, and all of it in the export."""
    sandbox = await connected_to_everything(client())
    await sandbox.track(attributes=[ANN])
    steps = [{"id": "s1", "name": "Hello"}, {"id": "s2", "name": "Again", "after_seconds": 7_200}]
    await add(sandbox, "canvases", steps=steps, exit_event="Left", engagement={"bounce": 0})
    sandbox.time.ms += 2_000
    await sandbox.track(events=[{"external_id": "ann", "name": "Left", "time": "2026-01-01T00:00:01Z"}])
    happened = [
        (one["event_type"].partition(".")[2], one["properties"].get("canvas_step_id"))
        for one in await told(sandbox, seconds=9_000)
        if "canvas" in one["event_type"] or one["event_type"].endswith("email.Send")
    ]
    assert happened == [
        ("canvas.Entry", None),
        ("canvasstep.Progression", "s1"),
        ("messages.email.Send", "s1"),
        ("canvas.exit.PerformedEvent", None),
    ]
    asked = {"external_ids": ["ann"], "fields_to_export": ["canvases_received"]}
    received = (await sandbox.post("/users/export/ids", asked)).json["users"][0]["canvases_received"]
    assert received == [
        {
            "name": "X",
            "api_canvas_id": "x",
            "last_received_message": "2026-01-01T00:00:00.000Z",
            "last_entered": "2026-01-01T00:00:00.000Z",
            "variation_name": "Variant 1",
            "in_control": False,
            "last_exited": "2026-01-01T00:00:01.000Z",
            "steps_received": [
                {
                    "name": "Hello",
                    "api_canvas_step_id": "s1",
                    "last_received": "2026-01-01T00:00:00.000Z",
                }
            ],
        }
    ]


@rule("the control group of a canvas enters it and gets nothing", "D", GLOSSARY)
async def test_a_canvas_has_a_control_group():
    """Told with in_control_group, and exported as such."""
    sandbox = await connected_to_everything(client())
    await sandbox.track(attributes=[ANN])
    await add(sandbox, "canvases", control_percent=100)
    entry = next(one for one in await told(sandbox) if one["event_type"] == "users.canvas.Entry")
    assert entry["properties"]["in_control_group"] is True
    asked = {"external_ids": ["ann"], "fields_to_export": ["canvases_received"]}
    received = (await sandbox.post("/users/export/ids", asked)).json["users"][0]["canvases_received"]
    assert received[0]["in_control"] is True
    assert received[0]["last_entered_control_at"] == "2026-01-01T00:00:00.000Z"
    assert "last_received_message" not in received[0]


@rule(
    "campaigns_received tells what was opened, clicked and converted, and the variation",
    "D",
    "Export users by identifier",
)
async def test_an_export_tells_of_engagement():
    """And the cards that were clicked."""
    sandbox = client()
    await sandbox.track(attributes=[ANN])
    everything = {"open": 1, "click": 1, "impression": 1, "bounce": 0}
    await add(
        sandbox,
        "campaigns",
        channels=["email", "content_card"],
        engagement=everything,
        conversion_event="Paid",
    )
    sandbox.time.ms += 3_600_000
    paid = {"external_id": "ann", "name": "Paid", "time": "2026-01-01T00:30:00Z"}
    await sandbox.track(events=[paid, paid])
    asked = {"external_ids": ["ann"], "fields_to_export": ["campaigns_received", "cards_clicked"]}
    sandbox.app.world.settle(sandbox.time.ms)
    user = (await sandbox.post("/users/export/ids", asked)).json["users"][0]
    assert user["cards_clicked"] == [{"name": "X"}]
    assert user["campaigns_received"] == [
        {
            "name": "X",
            "api_campaign_id": "x",
            "last_received": "2026-01-01T00:00:00.000Z",
            "engaged": {"opened_email": True, "clicked_email": True, "clicked_content_card": True},
            "converted": True,
            "multiple_converted": True,
            "variation_name": "Variant 1",
            "variation_api_id": "x-1",
            "in_control": False,
        }
    ]


TOKEN = {"app_id": DEFAULT_APP, "token": "t1", "device_id": "device-1"}


@table(
    [
        Case("a new push token is told as add", "D", BEHAVIOR, [("ann", TOKEN)], [("ann", "add", "t1")]),
        Case("a token sent again tells nothing", "D", BEHAVIOR, [("ann", TOKEN)] * 2, [("ann", "add", "t1")]),
        Case(
            "the same token and user with another device is an update",
            "D",
            BEHAVIOR,
            [("ann", TOKEN), ("ann", {**TOKEN, "device_id": "device-2"})],
            [("ann", "add", "t1"), ("ann", "update", "t1")],
        ),
        Case(
            "a token moved to another user is a remove and an add",
            "D",
            BEHAVIOR,
            [("ann", TOKEN), ("bob", TOKEN)],
            [("ann", "add", "t1"), ("ann", "remove", "t1"), ("bob", "add", "t1")],
        ),
        Case(
            "a new token on the same device is a remove and an add",
            "D",
            BEHAVIOR,
            [("ann", TOKEN), ("ann", {**TOKEN, "token": "t2"})],
            [("ann", "add", "t1"), ("ann", "remove", "t1"), ("ann", "add", "t2")],
        ),
    ]
)
async def test_a_change_of_tokens_is_told(given, expected):
    """By whom and how; every token leads to one person."""
    sandbox = await connected_to_everything(client())
    for name, token in given:
        await sandbox.track(attributes=[{"external_id": name, "push_tokens": [token]}])
    changes = [
        (one["user"]["external_user_id"], one["properties"]["push_token_state_change_type"],
         one["properties"]["push_token"])
        for one in await told(sandbox)
        if one["event_type"].endswith("TokenStateChange")
    ]  # fmt: skip
    assert changes == expected


@rule(
    "a push that bounces takes the token away; with the last one gone the app is uninstalled", "D", BEHAVIOR
)
async def test_a_bounced_push_means_an_uninstall():
    """As the daily silent push finds it; the export knows when."""
    sandbox = await connected_to_everything(client())
    await sandbox.track(attributes=[ANN])
    await add(sandbox, "campaigns", channels=["push"], engagement={"bounce": 1})
    happened = [one["event_type"] for one in await told(sandbox)]
    assert happened[-2:] == [
        "users.behaviors.pushnotification.TokenStateChange",
        "users.behaviors.Uninstall",
    ]
    asked = {"external_ids": ["ann"], "fields_to_export": ["uninstalled_at", "push_tokens"]}
    user = (await sandbox.post("/users/export/ids", asked)).json["users"][0]
    assert user == {"uninstalled_at": "2026-01-01T00:00:01.000Z"}


@pytest.mark.parametrize(
    ("named", "kind", "group"), [(name, kind.group, kind.group) for name, kind in KINDS.items()]
)
def test_what_is_not_on_the_partner_list_is_off_unless_asked_for(named, kind, group):
    """Everything: the list; with behaviors: what has a name; the rest only where it is named."""

    def takes(**more):
        return Stream(Connector(id="c", url="http://x", **more)).wants(named, identified=True)

    assert takes() is (group in ("message", "subscription"))
    assert takes(behaviors=True) is (group not in ("named", "storage"))
    assert takes(events=[named]) is (group != "storage")
    assert takes(events=[named], kind="custom")


@rule("a connector may call an event otherwise", "S", SEGMENT)
async def test_names_can_be_chosen():
    """The pages do not agree on all of them."""
    names = {"users.behaviors.subscription.GlobalStateChange": "Global Subscription Group State Change"}
    sandbox = await connected(client(), names=names)
    await sandbox.track(attributes=[{"external_id": "ann", "email_subscribe": "opted_in"}])
    assert [one["event"] for one in await told(sandbox)] == ["Global Subscription Group State Change"]


@rule("what waits for a connector is in the state file and in snapshots", "S", OURS)
async def test_waiting_events_survive_a_restart(tmp_path):
    """In their order, none twice, with the trouble the connector was in; sent ones are gone from the file."""
    time = StillTime()
    first = Client(create_app(clock=time, state_file=tmp_path / "b.sqlite"), time)
    await connected(first, behaviors=True)

    async def happen(sandbox: Client, *names: str) -> None:
        at = "2025-12-01"
        await sandbox.track(events=[{"external_id": "ann", "name": name, "time": at} for name in names])
        sandbox.app.world.save()

    await happen(first, "1", "2")
    await deliver(first, Sink(200))
    await happen(first, "3", "4")
    await deliver(first, Sink(503))
    await happen(first, "5")
    snapshot = (await first.get("/_sandbox/snapshot")).json
    first.app.world.close()

    again = Client(create_app(clock=time, state_file=tmp_path / "b.sqlite"), time)
    standing = (await again.get("/_sandbox/currents")).json["connectors"][0]
    assert (standing["state"], standing["waiting"], standing["sent"], standing["attempt"]) == (
        "retrying",
        3,
        2,
        1,
    )
    restored = Client(create_app(clock=time), time)
    assert (await restored.post("/_sandbox/restore", snapshot)).status == 200
    for sandbox in (again, restored):
        assert [one["properties"]["name"] for one in await told(sandbox)] == ["3", "4", "5"]
    again.app.world.save()
    again.app.world.close()
    last = Client(create_app(clock=time, state_file=tmp_path / "b.sqlite"), time)
    assert await told(last) == []
    last.app.world.close()
