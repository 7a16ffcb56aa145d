"""Currents: which events go where, in which shape, and what becomes of them when the other side fails."""

import asyncio
import base64
import json
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.client import Client, client
from tests.sandbox.rules import OURS, rule

from segue.sandbox.app import create_app, running
from segue.sandbox.currents.connector import DAY_MS, EVENT_BYTES, Connector, Happening, Stream
from segue.sandbox.currents.events import KINDS
from segue.sandbox.seed import DEFAULT_APP, DEFAULT_GROUP

CUSTOM = "Custom Currents Export"
SEGMENT = "Segment for Currents"
GLOSSARY = "Message engagement events"
BEHAVIOR = "Customer behavior events"
WHEN = "2025-12-31T10:00:00Z"
HOUR_MS = 3_600_000


class Sink:
    """The other side: answers what it is told to, keeps what it got."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[str, dict[str, str], Any]] = []

    async def __call__(self, url: str, headers: Any, body: bytes) -> int:
        self.got.append((url, dict(headers), orjson.loads(body)))
        return self.statuses.pop(0) if self.statuses else 200

    @property
    def sizes(self) -> list[int]:
        """Events of each request."""
        return [len(body.get("events") or body.get("batch")) for _, _, body in self.got]

    def events(self) -> list[Any]:
        """Everything that arrived."""
        return [one for _, _, body in self.got for one in body.get("events") or body.get("batch")]


async def connected(sandbox: Client, **more: Any) -> Client:
    """Add a connector."""
    body = {"id": "c", "url": "https://sink.example/v1", "key": "key", **more}
    assert (await sandbox.post("/_sandbox/currents", body)).status == 201
    return sandbox


async def deliver(sandbox: Client, sink: Sink) -> int:
    """One round."""
    sandbox.app.world.settle(sandbox.time.ms)
    return await sandbox.app.world.reach_out(sink)


async def state(sandbox: Client) -> Any:
    """How the connector stands."""
    return (await sandbox.get("/_sandbox/currents")).json["connectors"][0]


def event(number: int = 0, **more: Any) -> Any:
    """A custom event of Ann's."""
    return {"external_id": "ann", "name": f"E{number}", "time": WHEN, "properties": {"n": number}, **more}


@rule(
    "a custom connector gets JSON with events, each with user and properties, and a version header",
    "D",
    CUSTOM,
)
async def test_a_custom_connector_gets_the_documented_shape():
    """With a bearer token; ids never repeat."""
    sandbox = await connected(client(), kind="custom", url="https://sink.example/in?brand=a", behaviors=True)
    await sandbox.track(
        attributes=[{"external_id": "ann", "time_zone": "Europe/Oslo"}], events=[event(1), event(1)]
    )
    sink = Sink()
    assert await deliver(sandbox, sink) == 1
    url, headers, body = sink.got[0]
    assert url == "https://sink.example/in?brand=a"
    assert headers == {
        "content-type": "application/json",
        "braze-currents-version": "1",
        "authorization": "Bearer key",
    }
    first, second = body["events"]
    assert first["id"] != second["id"]
    assert first == {
        "event_type": "users.behaviors.CustomEvent",
        "id": first["id"],
        "time": 1_767_175_200,
        "user": {
            "user_id": (await sandbox.person("ann"))["braze_id"],
            "external_user_id": "ann",
            "timezone": "Europe/Oslo",
        },
        "properties": {"app_group_id": "sandbox", "name": "E1", "app_id": None, "properties": '{"n":1}'},
    }


@rule(
    "a Segment connector gets track calls: userId, anonymousId = braze id, messageId, epoch seconds",
    "D",
    GLOSSARY,
)
@pytest.mark.parametrize(("how", "moment"), [("epoch", 1_767_175_200), ("iso", "2025-12-31T10:00:00.000Z")])
async def test_a_segment_connector_gets_track_calls(how, moment):
    """In one batch with the write key; a custom event's properties are merged into the payload."""
    sandbox = await connected(client(), behaviors=True, timestamps=how)
    await sandbox.track(events=[event(1)])
    sink = Sink()
    await deliver(sandbox, sink)
    url, headers, body = sink.got[0]
    assert url == "https://sink.example/v1/batch"
    assert headers["authorization"] == "Basic " + base64.b64encode(b"key:").decode()
    assert body["writeKey"] == "key"
    call = body["batch"][0]
    assert call == {
        "type": "track",
        "event": "Custom Event",
        "messageId": call["messageId"],
        "timestamp": moment,
        "anonymousId": (await sandbox.person("ann"))["braze_id"],
        "userId": "ann",
        "context": {"device": {}, "traits": {}},
        "properties": {"n": 1, "app_group_id": "sandbox", "name": "E1"},
    }


@rule("sessions, custom events and purchases are not sent to Segment unless asked for", "D", SEGMENT)
async def test_behaviour_is_off_by_default():
    """Subscription changes are on."""
    sandbox = await connected(client())
    group = {"subscription_group_id": DEFAULT_GROUP, "subscription_state": "subscribed"}
    await sandbox.track(
        attributes=[
            {
                "external_id": "ann",
                "email": "ann@example.com",
                "email_subscribe": "opted_in",
                "subscription_groups": [group],
            }
        ],
        events=[event()],
    )
    sink = Sink()
    await deliver(sandbox, sink)
    assert [one["event"] for one in sink.events()] == [
        "Global Subscription State Changed",
        "Subscription Group State Changed",
    ]
    assert sink.events()[1]["properties"] == {
        "app_group_id": "sandbox",
        "subscription_group_id": DEFAULT_GROUP,
        "subscription_status": "Subscribed",
        "channel": "email",
        "channel_identifier": "ann@example.com",
        "state_change_source": "REST API",
    }
    assert sink.events()[0]["properties"]["subscription_status"] == "Opted In"
    assert sink.events()[0]["context"]["traits"] == {"email": "ann@example.com"}


@rule("people without external id are left out unless included", "D", SEGMENT)
@pytest.mark.parametrize(("included", "expected"), [(False, 0), (True, 1)])
async def test_anonymous_people_are_sent_only_when_included(included, expected):
    """Then without userId."""
    sandbox = await connected(client(), behaviors=True, include_anonymous=included)
    alias = {"user_alias": {"alias_name": "a", "alias_label": "l"}, "_update_existing_only": False}
    await sandbox.track(events=[{**alias, "name": "E", "time": WHEN}])
    sink = Sink()
    await deliver(sandbox, sink)
    assert len(sink.events()) == expected
    assert all("userId" not in one for one in sink.events())


@rule("a first session is FirstSession and SessionStart; a purchase of two is two purchases", "D", BEHAVIOR)
async def test_behaviour_of_devices_and_purchases_is_told():
    """With device id and session id."""
    sandbox = await connected(client(), behaviors=True)
    start = {"name": "ss", "user_id": "ann", "session_id": "s1", "time": 1_767_175_200}
    end = {**start, "name": "se", "data": {"d": 2.5}}
    body = {
        "api_key": DEFAULT_APP,
        "device_id": "d1",
        "events": [start, end],
        "device": {"browser": "Chromium"},
    }
    await sandbox.post("/api/v3/data/", body)
    buy = {
        "external_id": "ann",
        "product_id": "p",
        "currency": "EUR",
        "price": 2.5,
        "quantity": 2,
        "time": WHEN,
    }
    await sandbox.track(purchases=[{**buy, "properties": {"color": "red"}}])
    sink = Sink()
    await deliver(sandbox, sink)
    told = [(one["event"], one["properties"]) for one in sink.events()]
    at = {"app_group_id": "sandbox", "app_id": DEFAULT_APP, "device_id": "d1", "session_id": "s1"}
    bought = {"color": "red", "app_group_id": "sandbox", "product_id": "p", "price": 2.5, "currency": "EUR"}
    assert told == [
        ("First Session", at),
        ("Session Started", at),
        ("Session Ended", {**at, "duration": 2.5}),
        ("Purchased", bought),
        ("Purchased", bought),
    ]


@rule(
    "only the properties a Segment tab lists are sent; url is link_url, content_card_id card_id",
    "D",
    GLOSSARY,
)
async def test_a_segment_event_carries_what_its_tab_lists():
    """Any event can be told of over the control API."""
    sandbox = await connected(client())
    await sandbox.track(attributes=[{"external_id": "ann", "email": "ann@example.com"}])
    for kind, properties in (
        ("users.messages.email.Click", {"url": "https://x/", "campaign_id": "c", "sending_ip": "1.2.3.4"}),
        (
            "users.messages.contentcard.Click",
            {"content_card_id": "card", "device_model": "Pixel", "platform": "android"},
        ),
        ("users.messages.pushnotification.Send", {"platform": "ios", "ad_id": "x"}),
    ):
        body = {"type": kind, "person": "ann", "properties": properties}
        assert (await sandbox.post("/_sandbox/currents/emit", body)).status == 200
    sink = Sink()
    await deliver(sandbox, sink)
    click, card, push = sink.events()
    assert click["properties"] == {"app_group_id": "sandbox", "campaign_id": "c", "link_url": "https://x/"}
    assert click["context"]["traits"] == {"email": "ann@example.com"}
    assert card["properties"] == {"app_group_id": "sandbox", "card_id": "card"}
    assert card["context"]["device"] == {"model": "Pixel", "type": "android"}
    assert push["properties"] == {"app_group_id": "sandbox", "ad_id": "x", "platform": "ios"}
    assert push["context"]["device"] == {}


@rule(
    "what a person sends in is said with the number it came from; what is sent to them with that it went to",
    "D",
    GLOSSARY,
)
async def test_a_number_is_called_by_its_side():
    """To custom connectors user_phone_number against to_phone_number; the device is told of either way."""
    sandbox = client()
    await sandbox.post("/_sandbox/currents", {"id": "c", "kind": "custom", "url": "http://x"})
    await sandbox.track(attributes=[{"external_id": "ann", "phone": "+15551234567"}])
    visit = {"api_key": "sandbox-app", "device_id": "dev-1", "events": [{"name": "ss", "user_id": "ann"}]}
    await sandbox.post("/api/v3/data/", visit)
    for kind in ("users.messages.sms.InboundReceive", "users.messages.sms.Send"):
        await sandbox.post("/_sandbox/currents/emit", {"type": kind, "person": "ann"})
    sink = Sink()
    await deliver(sandbox, sink)
    received, sent = sink.events()
    assert received["properties"] == {"app_group_id": "sandbox", "user_phone_number": "+15551234567"}
    assert sent["properties"] == {"app_group_id": "sandbox", "to_phone_number": "+15551234567"}
    assert sent["user"]["device_id"] == "dev-1"


async def test_what_cannot_be_told_is_refused():
    """Unknown types, unknown people, addresses that are none."""
    sandbox = await connected(client())
    for path, body, status in (
        ("currents/emit", {"type": "users.nothing", "person": "ann"}, 400),
        ("currents/emit", {"type": "users.messages.email.Open", "person": "ann"}, 404),
        ("currents", {"id": "x", "url": "ftp://x"}, 400),
        ("currents", {"id": "x", "url": "http://x", "events": ["users.nothing"]}, 400),
    ):
        assert (await sandbox.post(f"/_sandbox/{path}", body)).status == status
    assert (await sandbox.send("DELETE", "/_sandbox/currents/c")).status == 200
    assert (await sandbox.get("/_sandbox/currents")).json == {"connectors": []}


def test_every_event_has_a_name_and_belongs_somewhere():
    """The table of Currents types is whole."""
    names = [kind.name for kind in KINDS.values()]
    assert len(names) == len(set(names))
    assert all(name.startswith("users.") for name in KINDS)
    chosen = Stream(Connector(id="c", url="http://x", events=["users.messages.email.Open"]))
    assert [name for name in KINDS if chosen.wants(name, identified=True)] == ["users.messages.email.Open"]


# -- trouble


@rule("at most 100 events a request", "D", CUSTOM)
async def test_events_travel_in_hundreds():
    """In the order they happened."""
    sandbox = await connected(client(), kind="custom", behaviors=True)
    for start in range(0, 250, 50):
        await sandbox.track(events=[event(number) for number in range(start, start + 50)])
    sink = Sink()
    assert await deliver(sandbox, sink) == 3
    assert sink.sizes == [100, 100, 50]
    assert [one["properties"]["name"] for one in sink.events()] == [f"E{number}" for number in range(250)]
    assert (await state(sandbox))["sent"] == 250


@rule("5xx, 429, a network failure or an unlisted status: sent again, exponential with jitter", "D", CUSTOM)
@pytest.mark.parametrize("status", [500, 503, 429, 0, 302, 418])
async def test_a_failed_request_is_sent_again(status):
    """Not before its time; the wait grows; a success forgets it all."""
    sandbox = await connected(client(), behaviors=True)
    await sandbox.track(events=[event()])
    sink = Sink(status, status, status)
    waits = []
    for _ in range(3):
        assert await deliver(sandbox, sink) == 1
        assert await deliver(sandbox, sink) == 0
        due = sandbox.app.world.workspaces["sandbox"].streams["c"].due_ms
        waits.append(due - sandbox.time.ms)
        sandbox.time.ms = due
    assert waits[0] >= 1_000
    assert waits == sorted(waits)
    assert waits[2] == pytest.approx(4 * waits[0], abs=4)
    assert (await state(sandbox))["state"] == "retrying"
    assert await deliver(sandbox, sink) == 1
    assert {
        key: value for key, value in (await state(sandbox)).items() if key in ("state", "waiting", "sent")
    } == {
        "state": "live",
        "waiting": 0,
        "sent": 1,
    }
    assert len({one["messageId"] for one in sink.events()}) == 1


@rule("400: one by one, and those answered 400 again are dropped", "D", CUSTOM)
async def test_a_malformed_event_is_found_and_dropped():
    """The others arrive; later events travel together again."""
    sandbox = await connected(client(), kind="custom", behaviors=True)
    await sandbox.track(events=[event(number) for number in range(4)])
    sink = Sink(400, 200, 400, 200, 200)
    assert await deliver(sandbox, sink) == 5
    assert sink.sizes == [4, 1, 1, 1, 1]
    told = await state(sandbox)
    assert (told["sent"], told["dropped"], told["waiting"]) == (3, 1, 0)
    await sandbox.track(events=[event(5), event(6)])
    await deliver(sandbox, sink)
    assert sink.sizes[-1] == 2


@rule("413: in smaller batches", "D", CUSTOM)
async def test_a_batch_that_is_too_large_is_halved():
    """Until it fits; a single one that does not is dropped."""
    sandbox = await connected(client(), kind="custom", behaviors=True)
    await sandbox.track(events=[event(number) for number in range(5)])
    sink = Sink(413, 200, 413, 413, 200, 200)
    await deliver(sandbox, sink)
    assert sink.sizes == [5, 2, 2, 1, 1, 1]
    told = await state(sandbox)
    assert (told["sent"], told["dropped"]) == (4, 1)


@rule("401, 403, 404: not sent again until mended; a custom connector loses the failed events", "D", CUSTOM)
@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize(("kind", "lost"), [("custom", 1), ("segment", 0)])
async def test_bad_credentials_pause_the_connector(status, kind, lost):
    """What comes meanwhile waits; mending it goes on at once."""
    sandbox = await connected(client(), kind=kind, behaviors=True)
    await sandbox.track(events=[event(0)])
    sink = Sink(status)
    await deliver(sandbox, sink)
    await sandbox.track(events=[event(1)])
    sandbox.time.ms += HOUR_MS
    assert await deliver(sandbox, sink) == 0
    assert (await state(sandbox))["state"] == "paused"
    await connected(sandbox, kind=kind, behaviors=True, key="new")
    assert await deliver(sandbox, sink) == 1
    told = await state(sandbox)
    assert (told["sent"], told["dropped"], told["state"]) == (2 - lost, lost, "live")


@rule(
    "after 5 days of trouble: disabled, new events lost; what waits is kept 7 days, for Segment 5",
    "D",
    CUSTOM,
)
@pytest.mark.parametrize(("kind", "kept_days"), [("custom", 7), ("segment", 5)])
async def test_long_trouble_disables_the_connector(kind, kept_days):
    """Mending it brings it back, without what was lost."""
    sandbox = await connected(client(), kind=kind, behaviors=True)
    await sandbox.track(events=[event(0)])
    sink = Sink(*[500] * 10_000)
    await deliver(sandbox, sink)
    sandbox.time.ms += 5 * DAY_MS - HOUR_MS
    await deliver(sandbox, sink)
    assert (await state(sandbox))["state"] == "retrying"
    sandbox.time.ms += 2 * HOUR_MS
    assert await deliver(sandbox, sink) == 0
    assert (await state(sandbox))["state"] == "disabled"
    await sandbox.track(events=[event(1)])
    assert (await state(sandbox))["waiting"] == (1 if kept_days > 5 else 0)
    sandbox.time.ms += 2 * DAY_MS
    await deliver(sandbox, sink)
    told = await state(sandbox)
    assert (told["waiting"], told["dropped"]) == (0, 2)
    sink.statuses.clear()
    await connected(sandbox, kind=kind, behaviors=True)
    await sandbox.track(events=[event(2)])
    assert await deliver(sandbox, sink) == 1


@rule("an event over 900 KB is dropped", "D", SEGMENT)
async def test_an_event_that_is_too_large_is_dropped():
    """Before it is sent."""
    sandbox = await connected(client())
    await sandbox.track(attributes=[{"external_id": "ann"}])
    body = {
        "type": "users.messages.email.Open",
        "person": "ann",
        "properties": {"user_agent": "x" * EVENT_BYTES},
    }
    await sandbox.post("/_sandbox/currents/emit", body)
    told = await state(sandbox)
    assert (told["waiting"], told["dropped"]) == (0, 1)


@given(st.lists(st.sampled_from([200, 202, 400, 413, 429, 500, 0]), max_size=60), st.integers(1, 12))
def test_no_event_is_lost_or_sent_twice_without_reason(statuses, count):
    """Whatever the other side answers: each event is sent, dropped for 400 or 413 alone, or still waiting."""
    stream = Stream(Connector(id="c", url="http://x"))
    for number in range(count):
        stream.take(
            Happening(str(number), "users.messages.email.Open", 0, "b", "u", None, None, None, {}, {}, {})
        )
    now, sent = 0, []
    for status in statuses:
        batch = stream.next_batch(now)
        if not batch:
            break
        stream.judge(batch, status, now)
        now = max(now, stream.due_ms)
        if 200 <= status < 300:
            sent += [one.id for one in batch]
    assert sent == sorted(set(sent), key=int)
    assert len(sent) == stream.told.sent
    assert stream.told.sent + stream.told.dropped + len(stream.waiting) == count


# -- over the network


@rule("a served sandbox sends Currents by itself", "S", OURS)
async def test_a_served_sandbox_sends_by_itself():
    """To a real address, within a moment."""
    got: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def take(request: web.BaseRequest) -> web.Response:
        got.set_result((request.path, await request.json()))
        return web.json_response({"success": True})

    runner = web.ServerRunner(web.Server(take))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    app = create_app()
    try:
        async with (
            running(app) as url,
            aiohttp.ClientSession(headers={"authorization": "Bearer sandbox"}) as http,
        ):
            connector = {"id": "c", "url": f"http://127.0.0.1:{port}/v1", "key": "wk", "behaviors": True}
            async with http.post(f"{url}/_sandbox/currents", json=connector) as answer:
                assert answer.status == 201
            async with http.post(f"{url}/users/track", json={"events": [event(7)]}) as answer:
                assert answer.status == 201
            path, body = await asyncio.wait_for(got, 10)
    finally:
        await runner.cleanup()
    assert path == "/v1/batch"
    assert json.dumps(body["batch"][0]["properties"]["name"]) == '"E7"'


async def test_an_address_nobody_listens_at_is_a_failed_request():
    """Over the control API, which sends at once and says how it went."""
    sandbox = await connected(client(), url="http://127.0.0.1:1/v1", behaviors=True)
    await sandbox.track(events=[event()])
    answer = await sandbox.post("/_sandbox/currents/deliver", {})
    assert answer.json["requests"] == 1
    assert answer.json["connectors"][0]["state"] == "retrying"
    assert answer.json["connectors"][0]["last_status"] == 0
