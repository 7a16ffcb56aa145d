"""The endpoint of device SDKs: every recorded request of Braze's Web SDK, and what becomes of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.client import Answer, Client
from tests.sandbox.rules import CLIENTS, OURS, POINTS, rule

from segue.sandbox.app import create_app
from segue.sandbox.clock import StillTime
from segue.sandbox.seed import Key, Seed
from segue.sandbox.switches import Switches
from segue.sandbox.workspace import App, Furnishing, SubscriptionGroup

APP = "00000000-0000-0000-0000-00000000b4a2"
NOW = 1_795_460_000_000
"""After the recording."""
RECORDED = json.loads(
    (Path(__file__).parents[1] / "conformance" / "sdk-wire" / "braze-web-sdk.json").read_text(
        encoding="utf-8"
    )
)["scenarios"]
ANONYMOUS = "Anonymous users"


def device(**switches: Any) -> Client:
    """A sandbox whose workspace has the recorded app."""
    time = StillTime(NOW)
    seed = Seed(
        workspaces=[Furnishing(apps=[App(app_id=APP)], subscription_groups=[SubscriptionGroup(id="sg1")])],
        keys=[Key(key="sandbox")],
    )
    return Client(create_app(clock=time, seed=seed, switches=Switches(**switches)), time)


def event(
    code: str, user_id: str | None = None, *, at: float = NOW / 1000, session: str = "s1", **told: Any
) -> Any:
    """An event as the SDK writes it."""
    named = {} if user_id is None else {"user_id": user_id}
    return {"name": code, "time": at, "session_id": session, "data": told, **named}


async def send(sandbox: Client, *events: Any, device_id: str = "d1", **more: Any) -> Answer:
    """One POST of an SDK."""
    body = {"api_key": APP, "device_id": device_id, "time": NOW // 1000, "events": list(events), **more}
    return await sandbox.post("/api/v3/data/", body, headers={"authorization": "", "origin": "https://shop"})


@rule(
    "every recorded request of the Web SDK 3.5 to 6.13 is taken in, and all its codes are known", "O", CLIENTS
)
@pytest.mark.parametrize("scenario", RECORDED, ids=[one["name"] for one in RECORDED])
async def test_a_recorded_visit_is_understood(scenario):
    """Answered 200 with JSON a page may read; sessions, events and purchases add up."""
    sandbox = device()
    sent: list[Any] = []
    for request in scenario["requests"]:
        if request["server"] != "Braze SDK endpoint":
            continue
        path = "/api/v3" + request["path"].removeprefix("/api/v3").removeprefix(f"/{scenario['name']}")
        path = path.replace("/m-full/", "/")
        headers = {name.lower(): value for name, value in request["headers"]}
        answer = await sandbox.send(
            request["method"], path, raw=request["bodyText"].encode(), headers=headers
        )
        assert answer.headers["access-control-allow-origin"] == "http://127.0.0.1:7801"
        if request["method"] == "OPTIONS":
            asked = headers["access-control-request-headers"].split(",")
            assert set(asked) <= {
                name.strip() for name in answer.headers["access-control-allow-headers"].split(",")
            }
            assert answer.status == 204
            continue
        assert answer.status == 200
        assert answer.json
        sent += (request["bodyJson"] or {}).get("events", [])
    warnings = {warning for entry in sandbox.app.world.journal.entries for warning, *_ in entry.warnings}
    assert warnings <= {"sdk-internal-error", "sdk-session-again", "attribute-left-out", "array-on-other"} | {
        "sdk-event-dropped" if scenario["name"].startswith("m-full") else ""
    }
    people = list(sandbox.app.world.workspaces["sandbox"].people)
    named = [one["name"] for one in sent]
    assert sum(len(person.events) for person in people) == named.count("ce")
    assert sum(len(person.purchases) for person in people) == named.count("p")
    started = {one["session_id"] for one in sent if one["name"] == "ss"}
    assert sum(use.sessions for person in people for use in person.apps.values()) == len(started)
    assert {person.external_id for person in people} <= {one.get("user_id") for one in sent} | {"u-d", "u-s"}


async def test_the_recorded_shop_visit_becomes_one_person():
    """Anonymous pages first, then the same person by name, with what the SDK said about them."""
    sandbox = device()
    scenario = next(one for one in RECORDED if one["name"] == "prod")
    for request in scenario["requests"]:
        if request["method"] == "POST" and request["server"] == "Braze SDK endpoint":
            await sandbox.send("POST", request["path"], raw=request["bodyText"].encode())
    person = await sandbox.person("user-1")
    assert (await sandbox.totals())["people"] == 1
    assert [one["name"] for one in person["events"]] == ["Viewed Page", "Anon Event", "Item Viewed"]
    assert [(one["product_id"], one["price"], one["quantity"]) for one in person["purchases"]] == [
        ("p1", 10.25, 2),
        ("p2", 10.0, 1),
    ]
    assert person["fields"]["gender"] == "F"
    assert person["fields"]["email"] == "u1@example.com"
    assert person["fields"]["language"] == "en"
    assert person["custom"]["tags"] == ["a", "b"]
    assert person["custom"]["address"] == {"city": "Oslo", "country": "NO"}
    assert person["apps"][APP]["sessions"] == 2
    assert person["devices"][0]["os"] == "Linux"


@rule("a visitor who gets a new user id takes everything along", "D", ANONYMOUS)
async def test_a_new_user_id_names_the_visitor():
    """The same profile, now identified; a second user on the device is somebody else."""
    sandbox = device()
    await send(sandbox, event("ss"), event("ce", n="Seen"))
    await send(sandbox, event("ss", "ann", session="s2"), event("ce", "ann", n="Bought"))
    await send(sandbox, event("ss", "bob", session="s3"))
    ann, bob = await sandbox.person("ann"), await sandbox.person("bob")
    assert [one["name"] for one in ann["events"]] == ["Seen", "Bought"]
    assert bob["events"] == []
    assert (await sandbox.totals())["people"] == 2


@rule("a visitor who turns out to be somebody known is merged into them, or left behind", "D", ANONYMOUS)
@pytest.mark.parametrize(("how", "events", "people"), [("merge", ["Seen"], 1), ("orphan", [], 2)])
async def test_a_known_user_id_takes_the_visitor_in(how, events, people):
    """As the switch says."""
    sandbox = device(sdk_change_user=how)
    await sandbox.track(attributes=[{"external_id": "ann", "plan": "gold"}])
    await send(sandbox, event("ce", n="Seen"))
    await send(sandbox, event("ss", "ann"))
    assert [one["name"] for one in (await sandbox.person("ann"))["events"]] == events
    assert (await sandbox.totals())["people"] == people


@rule("what a device sends without user id after its visitor was named belongs to the named", "S", OURS)
async def test_a_late_anonymous_event_is_not_somebody_new():
    """SDK 3.5 sends the anonymous rest after the new session."""
    sandbox = device()
    await send(sandbox, event("ss"))
    await send(sandbox, event("ss", "ann", session="s2"))
    await send(sandbox, event("ce", n="Late"))
    assert [one["name"] for one in (await sandbox.person("ann"))["events"]] == ["Late"]


@rule("session starts, ends, events, purchases and attributes each count a data point", "D", POINTS)
async def test_a_device_costs_data_points():
    """Language and time zone collected by themselves are free."""
    sandbox = device()
    told = {"os_version": "Linux", "locale": "en-us", "time_zone": "UTC"}
    await send(
        sandbox,
        event("ss", "ann"),
        event("ce", "ann", n="Seen"),
        event("p", "ann", pid="p1", c="USD", p="9.50", q=1, pr={}),
        event("se", "ann", d=1.5),
        device=told,
        attributes=[{"user_id": "ann", "first_name": "Ann", "custom": {"plan": "gold"}}],
    )
    assert (await sandbox.totals())["data_points"] == {
        "attributes": 2,
        "events": 1,
        "purchases": 1,
        "sessions": 2,
    }
    assert (await sandbox.person("ann"))["fields"]["time_zone"] == "UTC"


@rule("a session told twice counts once", "S", OURS)
async def test_a_session_sent_again_counts_once():
    """An SDK that could not read the answer sends the same events again."""
    sandbox = device()
    for _ in range(2):
        await send(sandbox, event("ss", "ann"))
    assert (await sandbox.person("ann"))["apps"][APP]["sessions"] == 1
    assert await sandbox.warnings() == ["sdk-session-again"]


@rule("array, increment, nested, location, alias and group events change the person", "O", CLIENTS)
async def test_attribute_events_change_the_person():
    """One of each code."""
    sandbox = device()
    await send(
        sandbox,
        event("set", "ann", key="tags", value=["a"]),
        event("add", "ann", key="tags", value="b"),
        event("rem", "ann", key="tags", value="a"),
        event("inc", "ann", key="visits", value=2),
        event("inc", "ann", key="visits", value=1),
        event("ncam", "ann", key="car", value={"make": "Saab"}),
        event("ncam", "ann", key="car", value={"year": 1999}),
        event("lr", "ann", latitude=59.9, longitude=10.7),
        event("lcaa", "ann", key="store", latitude=1, longitude=2),
        event("lcaa", "ann", key="home", latitude=1, longitude=2),
        event("lcar", "ann", key="home"),
        event("uae", "ann", a="annie", l="nick"),
        event("sgu", "ann", group_id="sg1", status="subscribed"),
        event("si", "ann"),
    )
    person = await sandbox.person("ann")
    assert person["custom"] == {
        "tags": ["b"],
        "visits": 3,
        "car": {"make": "Saab", "year": 1999},
        "store": {"latitude": 1, "longitude": 2},
    }
    assert person["fields"]["current_location"] == {"longitude": 10.7, "latitude": 59.9}
    assert person["aliases"] == {"nick": "annie"}
    assert person["groups"]["sg1"]["state"] == "subscribed"
    assert await sandbox.warnings() == ["sdk-engagement"]


@rule("fields are read as the SDK writes them: small genders, days of birth without zeros", "O", CLIENTS)
async def test_fields_are_read_as_the_sdk_writes_them():
    """What is no good is left out alone, with a warning, and null clears."""
    sandbox = device()
    first = {"user_id": "ann", "gender": "f", "dob": "1990-5-6", "email": "ann@example.com", "country": "NO"}
    await send(sandbox, attributes=[first])
    await send(
        sandbox, attributes=[{"user_id": "ann", "email": "nope", "country": None, "last_name": "Lee", "x": 1}]
    )
    fields = (await sandbox.person("ann"))["fields"]
    assert fields == {"gender": "F", "dob": "1990-05-06", "email": "ann@example.com", "last_name": "Lee"}
    assert await sandbox.warnings() == ["sdk-attribute-dropped", "sdk-field-unknown"]


@rule(
    "an unknown app is answered 200 with invalid_api_key, a missing device with no_device_identifier",
    "O",
    CLIENTS,
)
async def test_an_unknown_app_is_told_in_the_sdks_words():
    """And nothing is taken in."""
    sandbox = device()
    body = {"api_key": "other", "device_id": "d1", "events": [event("ss")]}
    answer = await sandbox.post("/api/v3/data", body)
    assert (answer.status, answer.json) == (200, {"error": "invalid_api_key"})
    answer = await sandbox.post("/data/", {"api_key": APP, "events": [event("ss")]})
    assert (answer.status, answer.json) == (200, {"error": "no_device_identifier"})
    assert (await sandbox.totals())["people"] == 0


@rule("configuration is sent once, triggers whenever they are asked for", "O", CLIENTS)
async def test_configuration_comes_once():
    """Blocklists are in it, since the SDK enforces them itself."""
    sandbox = device(sdk_features=["content_cards"])
    first = await send(sandbox, respond_with={"triggers": True, "config": {"config_time": 0}})
    assert first.json["triggers"] == []
    assert first.json["config"]["content_cards"] == {"enabled": True}
    assert first.json["config"]["banners"] == {"enabled": False}
    again = await send(sandbox, respond_with={"config": {"config_time": first.json["config"]["time"]}})
    assert again.json == {"message": "success"}


@rule(
    "an event code that is not in the table is noted, or read as the switch says",
    "A",
    OURS,
    switch="sdk_codes",
)
async def test_an_unknown_code_can_be_given_a_meaning():
    """So that a newer SDK can be followed without a new sandbox."""
    sandbox = device()
    await send(sandbox, event("zz", "ann", n="Seen"))
    assert await sandbox.warnings() == ["sdk-code-unknown"]
    await sandbox.send("PATCH", "/_sandbox/switches", {"sdk_codes": {"zz": "ce"}})
    await send(sandbox, event("zz", "ann", n="Seen"))
    assert len((await sandbox.person("ann"))["events"]) == 1


@rule("a fault on the SDK endpoint can be read by the page, and spares preflights", "S", OURS)
async def test_a_fault_is_readable_across_origins():
    """Otherwise every fault would look like a broken network."""
    sandbox = device()
    await sandbox.post(
        "/_sandbox/faults", {"path": "/api/v3/*", "status": 503, "headers": {"retry-after": "2"}}
    )
    asked = await sandbox.send("OPTIONS", "/api/v3/data/", headers={"origin": "https://shop"})
    answer = await send(sandbox, event("ss"))
    assert asked.status == 204
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (503, "https://shop")


@rule("syncs of cards, flags and banners are answered and empty", "O", CLIENTS)
@pytest.mark.parametrize("what", ["content_cards", "feature_flags", "banners"])
async def test_syncs_are_answered(what):
    """With and without the slash."""
    sandbox = device()
    for end in ("", "/"):
        answer = await sandbox.post(f"/api/v3/{what}/sync{end}", {"api_key": APP, "device_id": "d1"})
        assert answer.status == 200
        assert answer.json[what.replace("content_", "")] == []


@rule("another instance's host knows neither key nor app", "O", CLIENTS)
async def test_an_instance_is_its_own_world():
    """Hosts that are no Braze instance reach all of them."""
    time = StillTime(NOW)
    seed = Seed(workspaces=[Furnishing(apps=[App(app_id=APP)], instance="fra-01")], keys=[Key(key="sandbox")])
    sandbox = Client(create_app(clock=time, seed=seed), time)
    body = {"api_key": APP, "device_id": "d1"}
    for host, status, answered in (
        ("rest.fra-01.braze.eu", 201, {"message": "success"}),
        ("rest.iad-01.braze.com", 401, {"error": "invalid_api_key"}),
        ("127.0.0.1:8089", 201, {"message": "success"}),
    ):
        answer = await sandbox.track(attributes=[{"external_id": "u", "a": 1}])
        answer = await sandbox.post(
            "/users/track", {"attributes": [{"external_id": "u", "a": 1}]}, headers={"host": host}
        )
        assert answer.status == status
        answer = await sandbox.post("/api/v3/data/", body, headers={"host": host.replace("rest", "sdk")})
        assert answer.json == answered


@rule("what an SDK may ask for besides is answered, so that it keeps quiet", "O", CLIENTS)
@pytest.mark.parametrize("path", ["template", "push/unregister", "dust/config"])
async def test_other_paths_are_acknowledged(path):
    """With JSON, below /api/v3 and right below the host; an unknown app is told so."""
    sandbox = device()
    for base in ("/api/v3", ""):
        body = {"api_key": APP, "device_id": "d1"}
        answer = await sandbox.post(
            f"{base}/{path}/", body, headers={"authorization": "", "origin": "https://shop"}
        )
        assert (answer.status, answer.json) == (200, {"message": "success"})
        assert answer.headers["access-control-allow-origin"] == "https://shop"
    answer = await sandbox.post(f"/api/v3/{path}/", {"api_key": "x", "device_id": "d1"})
    assert answer.json == {"error": "invalid_api_key"}
