"""What becomes of everything two profiles hold when they are made one, by identify and by merge."""

from typing import Any

import pytest
from tests.sandbox.client import Client
from tests.sandbox.furnished import furnished
from tests.sandbox.rules import LIMITS, OURS, Case, rule, table
from tests.sandbox.test_currents import Sink, connected, deliver

from segue.sandbox.seed import DEFAULT_APP, DEFAULT_GROUP

IDENTIFY = "Identify users"
MERGE = "Merge users"
ANON = {"alias_name": "a", "alias_label": "anon"}
GONE = {"user_alias": ANON, "_update_existing_only": False}
KEPT = {"external_id": "u"}
BOTH_WAYS = pytest.mark.parametrize("way", ["identify", "merge"])


async def join(sandbox: Client, way: str) -> Any:
    """Make the alias-only profile and u one; the one that is left."""
    if way == "identify":
        body = {"aliases_to_identify": [{**KEPT, "user_alias": ANON}]}
        assert (await sandbox.post("/users/identify", body)).status == 201
    else:
        pair = {"identifier_to_merge": {"user_alias": ANON}, "identifier_to_keep": KEPT}
        assert (await sandbox.post("/users/merge", {"merge_updates": [pair]})).status == 202
    assert (await sandbox.totals())["people"] == 1
    return await sandbox.person("u")


async def couple(gone: dict[str, Any], kept: dict[str, Any], **options: Any) -> Client:
    """Both profiles with these attributes."""
    sandbox = furnished(**options)
    await sandbox.track(attributes=[{**GONE, **gone}, {**KEPT, **kept}])
    return sandbox


async def holding(**parts: tuple[Any, Any]) -> Client:
    """Both profiles with parts no REST call writes: of the alias-only one, and of u."""
    sandbox = await couple({}, {})
    snapshot = (await sandbox.get("/_sandbox/snapshot")).json
    for place, person in enumerate(snapshot["workspaces"][0]["people"]):
        person |= {name: values[place] for name, values in parts.items()}
    assert (await sandbox.post("/_sandbox/restore", snapshot)).status == 200
    return sandbox


FIELDS = {
    "first_name": ("Ann", "Bea"),
    "last_name": ("Ash", "Bay"),
    "email": ("a@b.co", "b@b.co"),
    "gender": ("F", "M"),
    "dob": ("1990-12-31", "1991-12-31"),
    "phone": ("+15551234567", "+15557654321"),
    "time_zone": ("Europe/Rome", "Europe/Paris"),
    "home_city": ("Rome", "Paris"),
    "country": ("IT", "FR"),
    "language": ("it", "fr"),
}


@BOTH_WAYS
@table(
    [
        Case(f"{name}: taken over where it is missing", "D", IDENTIFY, name, both)
        for name, both in FIELDS.items()
    ]
)
async def test_a_field_is_taken_over_only_where_it_is_missing(given, expected, way):
    """What the kept profile has stays."""
    theirs, own = expected
    for kept, left in (({}, theirs), ({given: own}, own)):
        person = await join(await couple({given: theirs}, kept), way)
        assert person["fields"] == {given: left}


@BOTH_WAYS
@rule("custom attributes are taken over whole where they are missing", "D", IDENTIFY)
async def test_custom_attributes_are_taken_over_whole(way):
    """An object both have is not mixed."""
    person = await join(
        await couple({"car": {"make": "Fiat"}, "pet": "cat"}, {"car": {"year": 1999}, "vip": True}), way
    )
    assert person["custom"] == {"car": {"year": 1999}, "pet": "cat", "vip": True}


@BOTH_WAYS
@rule("events and purchases: counts and cents summed, first the earlier, last the later", "D", IDENTIFY)
async def test_histories_are_summed(way):
    """What only one did is the other's too; every occurrence stays for X in Y days."""
    sandbox = await couple({}, {})
    purchase = {"product_id": "p", "currency": "USD", "price": 0.1}
    who = [{"user_alias": ANON}, KEPT]
    days = [["2025-12-01", "2025-12-05", "2025-12-03"], ["2025-12-02"]]
    for person, times in zip(who, days, strict=True):
        await sandbox.track(
            events=[{**person, "name": "Hi", "time": day, "properties": {"n": 1}} for day in times],
            purchases=[{**person, **purchase, "time": day} for day in times],
        )
    await sandbox.track(events=[{"user_alias": ANON, "name": "Alone", "time": "2025-12-01"}])
    person = await join(sandbox, way)
    asked = {"external_ids": ["u"], "fields_to_export": ["custom_events", "purchases", "total_revenue"]}
    (shown,) = (await sandbox.post("/users/export/ids", asked)).json["users"]
    span = {"first": "2025-12-01T00:00:00.000Z", "last": "2025-12-05T00:00:00.000Z", "count": 4}
    alone = {"name": "Alone", "first": span["first"], "last": span["first"], "count": 1}
    by_name = {entry["name"]: entry for entry in shown["custom_events"]}
    assert by_name == {"Hi": {"name": "Hi", **span}, "Alone": alone}
    assert (shown["purchases"], shown["total_revenue"]) == ([{"name": "p", **span}], 0.4)
    told = [event["time"][8:10] for event in person["events"] if event["name"] == "Hi"]
    assert told == ["01", "02", "03", "05"]
    assert all(event["properties"] == {"n": 1} for event in person["events"] if event["name"] == "Hi")


@BOTH_WAYS
@rule("app summaries: sessions summed, first use the earlier, last the later", "D", IDENTIFY)
async def test_sessions_are_summed(way):
    """App by app."""

    def use(app_id: str, sessions: int, first: int, last: int) -> dict[str, Any]:
        return {
            "app_id": app_id,
            "sessions": sessions,
            "first_ms": first,
            "last_ms": last,
            "days": {str(first): 1},
        }

    sandbox = await holding(
        apps=(
            {"web": use("web", 3, 1_000, 5_000), "ios": use("ios", 1, 2_000, 2_000)},
            {"web": use("web", 4, 2_000, 6_000)},
        )
    )
    apps = (await join(sandbox, way))["apps"]
    assert {name: (app["sessions"], app["first_ms"], app["last_ms"]) for name, app in apps.items()} == {
        "web": (7, 1_000, 6_000),
        "ios": (1, 2_000, 2_000),
    }


@BOTH_WAYS
@rule("dates of sessions: the first the earlier, the last the later", "D", IDENTIFY)
async def test_dates_of_sessions_are_widened(way):
    """Whoever had them."""
    first, last = "date_of_first_session", "date_of_last_session"
    sandbox = await couple(
        {first: "2025-01-01", last: "2025-11-01"}, {first: "2025-02-01", last: "2025-10-01T10:00:00Z"}
    )
    assert (await join(sandbox, way))["fields"] == {first: "2025-01-01", last: "2025-11-01"}
    alone = await couple({first: "2025-01-01"}, {last: "2025-10-01"})
    assert (await join(alone, way))["fields"] == {first: "2025-01-01", last: "2025-10-01"}


@BOTH_WAYS
@rule("summaries of campaigns: the most recent; message history is joined", "D", IDENTIFY)
async def test_the_latest_campaign_summary_is_kept(way):
    """With what was done of it."""

    def reception(**engaged: bool) -> dict[str, Any]:
        return {"engaged": engaged}

    sent = "users.messages.email.Send"
    sandbox = await holding(
        campaigns_received=({"c1": 9_000, "c0": 1_000}, {"c1": 5_000, "c0": 2_000}),
        receptions=(
            {"c1": reception(opened_email=True), "c0": reception(opened_email=True)},
            {"c1": reception(), "c0": reception(clicked_email=True)},
        ),
        messages=(
            [{"type": sent, "source": "Welcome", "at_ms": 9_000}],
            [{"type": sent, "source": "Welcome", "at_ms": 5_000}],
        ),
        cards_clicked=(["A"], ["B", "A"]),
    )
    person = await join(sandbox, way)
    assert person["campaigns_received"] == {"c1": 9_000, "c0": 2_000}
    assert [one["at_ms"] for one in person["messages"]] == [5_000, 9_000]
    asked = {"external_ids": ["u"], "fields_to_export": ["campaigns_received", "cards_clicked"]}
    (shown,) = (await sandbox.post("/users/export/ids", asked)).json["users"]
    engaged = {entry["api_campaign_id"]: entry["engaged"] for entry in shown["campaigns_received"]}
    assert engaged == {"c1": {"opened_email": True}, "c0": {"clicked_email": True}}
    assert shown["cards_clicked"] == [{"name": "B"}, {"name": "A"}]


@BOTH_WAYS
@rule("devices and push tokens go to the kept profile, which is found by them", "D", MERGE)
async def test_devices_go_along(way):
    """By export, by cohort and by the same token again."""
    token = {"app_id": DEFAULT_APP, "token": "t", "device_id": "device-1"}
    sandbox = await couple({"push_tokens": [token]}, {})
    assert (await join(sandbox, way))["push_tokens"] == [token]
    asked = {"device_id": "device-1", "fields_to_export": ["external_id"]}
    assert (await sandbox.post("/users/export/ids", asked)).json["users"] == [{"external_id": "u"}]
    await sandbox.track(attributes=[{**KEPT, "push_tokens": [{**token, "device_id": "device-2"}]}])
    assert (await sandbox.post("/users/export/ids", asked)).json["users"] == []


@BOTH_WAYS
@rule("subscription groups are taken over where they are missing", "S", OURS)
async def test_subscription_groups_go_along(way):
    """A state of one's own stays."""
    on, off = (
        {"subscription_groups": [{"subscription_group_id": DEFAULT_GROUP, "subscription_state": state}]}
        for state in ("subscribed", "unsubscribed")
    )
    for kept, state in (({}, "Unsubscribed"), (on, "Subscribed")):
        sandbox = await couple(off, kept)
        await join(sandbox, way)
        found = await sandbox.get(
            f"/subscription/status/get?subscription_group_id={DEFAULT_GROUP}&external_id[]=u"
        )
        assert found.json["status"] == {"u": state}


@rule("a merge is told to nobody: nothing in Currents", "D", MERGE)
async def test_a_merge_is_not_told_to_currents():
    """What the person does afterwards is."""
    takes = {"kind": "custom", "behaviors": True, "include_anonymous": True}
    sandbox = await connected(await couple({"first_name": "Ann"}, {}), **takes)
    sink = Sink()
    await join(sandbox, "merge")
    assert await deliver(sandbox, sink) == 0
    await sandbox.track(events=[{**KEPT, "name": "Hi", "time": "2025-12-01"}])
    sandbox.time.ms += 3_600_000
    await deliver(sandbox, sink)
    assert [one["event_type"] for one in sink.events()] == ["users.behaviors.CustomEvent"]


@rule("merges of one request may follow upon each other", "D", MERGE)
async def test_a_chain_of_merges_ends_in_one():
    """No order is promised; here it is that of the request."""
    sandbox = furnished()
    await sandbox.track(attributes=[{"external_id": name, name: 1} for name in "abc"])
    pairs = [
        {"identifier_to_merge": {"external_id": gone}, "identifier_to_keep": {"external_id": kept}}
        for gone, kept in ("ab", "bc")
    ]
    assert (await sandbox.post("/users/merge", {"merge_updates": pairs})).status == 202
    assert (await sandbox.person("c"))["custom"] == {"a": 1, "b": 1, "c": 1}
    assert (await sandbox.totals())["people"] == 1


@rule("a merge takes effect after the answer, like every asynchronous call", "D", LIMITS)
async def test_a_merge_is_asynchronous():
    """Until then both are there."""
    sandbox = await couple({}, {}, switches={"processing_delay_ms": [50, 50]})
    sandbox.time.ms += 50
    pair = {"identifier_to_merge": {"user_alias": ANON}, "identifier_to_keep": KEPT}
    assert (await sandbox.post("/users/merge", {"merge_updates": [pair]})).status == 202
    assert (await sandbox.totals())["people"] == 2
    sandbox.time.ms += 50
    await sandbox.person("u")
    assert (await sandbox.totals())["people"] == 1
