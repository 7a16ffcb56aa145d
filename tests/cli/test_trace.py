"""trace: the whole story of one event, while Segue runs and when it is stopped."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.cli.house import IDENTIFY, KEY, TRACK, WORKSPACE, Ran, beside, control, segue, settled, workspace
from tests.journeys.house import until

from segue.cli.post import post_events
from segue.cli.serve import Running
from segue.cli.trace import waiting_words
from segue.engine.delay import Delay
from segue.runtime.presence import announce
from segue.runtime.settings import read_settings


def chapter(folder: Path, message_id: str, **environ: str) -> Any:
    """The one destination's part in the story of the newest event with this id."""
    ran = segue("trace", message_id, "--json", folder=folder, **environ)
    assert ran.code == 0, ran.err
    [told] = ran.json["events"][-1]["destinations"]
    return told


def post(process: Running, *events: dict[str, Any]) -> str:
    """Send events to a Segue beside; gives its port."""
    door = f"{process.addresses.door}{process.addresses.prefix}"
    asyncio.run(post_events(json.dumps(events).encode(), door, KEY))
    return process.addresses.door.rpartition(":")[2]


def wait_for(folder: Path, message_id: str, reason: str, port: str) -> Any:
    """The story once it gives this reason."""

    def told() -> Any:
        found = chapter(folder, message_id, SEGUE_PORT=port)
        return found if found["reason"] == reason else None

    return until(told, f"{message_id} is told to be {reason}")


@pytest.mark.parametrize(
    ("message_id", "state", "reason", "says"),
    [
        ("tr-1", "delivered", "", "request 2, position 0, status 201"),
        ("pg-1", "filtered", "NO_MATCHING_MAPPING", 'type = "track", found "page"'),
        ("or-1", "dead", "PAYLOAD_VALIDATION_FAILED", 'field "products[0].price" must be a number'),
        ("rf-1", "dead", "BAD_REQUEST", "request 3: 400 BAD_REQUEST not today"),
    ],
)
def test_a_settled_event_is_told_whole(
    furnished: Path, message_id: str, state: str, reason: str, says: str
) -> None:
    """When and from where it came, by what it was routed, each verdict, request, place and answer."""
    text = segue("trace", message_id, folder=furnished)
    assert text.code == 0
    for part in (state, reason, says, "received 20", "from web", "in the log at lane 5", "in force since 20"):
        assert part in text.out, text.out
    assert "\x1b" not in text.out
    told = chapter(furnished, message_id)
    assert (told["destination"], told["state"], told["reason"]) == ("braze", state, reason)
    assert [each["id"] for each in told["subscriptions"]] == [
        "identify-calls",
        "track-calls",
        "order-completed",
    ]
    assert len(told["revision"]["id"]) == 16


def test_an_unknown_id_says_how_far_was_looked(furnished: Path) -> None:
    """Exit code 1: the command ran, the answer is no; the whole log was read, or not when not wanted."""
    ran = segue("trace", "[/nowhere]", folder=furnished)
    assert ran.code == 1
    assert '"[/nowhere]"' in ran.err
    assert "5 events of the log were looked through" in " ".join(ran.err.split())
    none = segue("trace", "nowhere", "--json", "--no-scan", folder=furnished)
    assert none.json == {"message_id": "nowhere", "refused": [], "scanned": 0, "events": []}
    wrong = segue("trace", "tr-1", "-d", "brase", folder=furnished)
    assert (wrong.code, 'there is no destination "brase"; there is: braze' in wrong.err) == (2, True)


def test_why_an_event_never_left_is_told(folder: Path) -> None:
    """By integrations object, filter, duplicate; the SDK's name; and what the receiver refused."""
    filtered = (
        WORKSPACE
        + """\
    filters:
      - {title: No tests, if: 'properties.test = true', actions: [{type: DROP}]}
"""
    )
    (folder / "segue.yaml").write_text(filtered, encoding="utf-8")
    switched_off = {**TRACK, "messageId": "off", "integrations": {"All": False}}
    library = {"context": {"library": {"name": "analytics-test", "version": "9.1"}}}
    tested = {**TRACK, "messageId": "test", "properties": {"test": True}, **library}
    lost = {"type": "track", "event": "Lost", "messageId": "lost-1"}
    with beside(folder) as process:
        port = post(process, TRACK, switched_off, tested, TRACK, lost)
        asyncio.run(settled(process, 4))
        refused = segue("trace", "lost-1", folder=folder, SEGUE_PORT=port)
    assert refused.code == 0
    assert "refused at" in refused.out
    assert "no_user_anon_id" in refused.out
    assert chapter(folder, "off")["reason"] == "FILTERED_BY_INTEGRATIONS_OBJECT"
    told = chapter(folder, "test")
    assert (told["state"], told["reason"]) == ("filtered", "FILTERED_BY_RULES")
    text = segue("trace", "test", folder=folder).out
    assert "No tests" in text
    assert "by analytics-test 9.1 (server)" in text
    assert "2 events came in with this messageId" in segue("trace", "tr-1", folder=folder).out
    first, second = segue("trace", "tr-1", "--json", folder=folder).json["events"]
    assert first["destinations"][0]["state"] == "delivered"
    assert second["destinations"][0]["state"] == "duplicate"
    assert second["destinations"][0]["duplicate_of"] == [first["lane"], first["offset"]]


def test_what_an_event_waits_for_is_told(folder: Path) -> None:
    """A batch that is not due, an earlier row of the same person, a partner that refuses the key; after the
    stop, that nobody runs and since when the destination is held."""
    (folder / "segue.yaml").write_text(WORKSPACE.replace("wait_seconds: 0", "wait_seconds: 600"), "utf-8")
    with beside(folder) as process:
        fault = {"status": 401, "path": "/users/track", "body": {"message": "Invalid API key"}}
        control(process.addresses.sandbox, "POST", "/faults", fault)
        port = post(process, IDENTIFY, TRACK)
        told = wait_for(folder, "id-1", "BATCH_NOT_DUE", port)
        assert 0 < told["delays"][0]["seconds"] <= 600
        told = wait_for(folder, "tr-1", "BEHIND_EARLIER_ROW", port)
        assert (told["delays"][0]["person"], told["delays"][0]["behind"]) == ("u:u1", "id-1 (identify-calls)")
        assert (
            "waits for an earlier row of u:u1: id-1"
            in segue("trace", "tr-1", folder=folder, SEGUE_PORT=port).out
        )
        announce(read_settings(folder, {}, data=folder / "segue-data"), ["braze"], "http://127.0.0.1:1")
        elsewhere = chapter(folder, "tr-1")
        assert (elsewhere["state"], elsewhere["reason"]) == ("waiting", "RUNS_ELSEWHERE")
        assert f"its courier is process {os.getpid()}, which alone knows" in elsewhere["message"]
        announce(read_settings(folder, {}, data=folder / "segue-data"), ["braze"], process.addresses.door)
        crowd = [{**TRACK, "userId": f"c{n}", "messageId": f"c{n}"} for n in range(75)]
        post(process, *crowd)
        told = wait_for(folder, "c5", "HALTED", port)
        assert (told["halt"]["kind"], told["halt"]["code"]) == ("held", "UNAUTHORIZED")
        assert [tried["code"] for tried in told["delays"][0]["attempts"]] == ["UNAUTHORIZED"]
    told = chapter(folder, "c5")
    assert (told["state"], told["reason"]) == ("waiting", "NOT_RUNNING")
    assert told["halt"]["code"] == "UNAUTHORIZED"
    text = segue("trace", "c5", folder=folder).out
    assert "no process delivers it now: segue run goes on with it; nothing before it in its lane" in text
    assert "the destination is held by UNAUTHORIZED since 20" in text
    assert "Invalid API key" in text


def test_what_braze_said_of_nobody_in_particular_is_told(folder: Path) -> None:
    """Of every row of the request, delivered as it is; no text of it is taken for an attribute left out."""
    with beside(folder) as process:
        fault = {"status": 201, "path": "/users/track", "count": 1}
        body = {"message": "success", "errors": ["plan, or so", {"type": "odd", "index": 9}]}
        control(process.addresses.sandbox, "POST", "/faults", {**fault, "body": body})
        post(process, IDENTIFY, {**IDENTIFY, "messageId": "id-2", "userId": "u2"})
        wait_for(folder, "id-2", "", "1")
    assert "with its answer: plan, or so; odd" in segue("trace", "id-1", folder=folder).out
    assert "with its answer: plan, or so; odd" in segue("trace", "id-2", folder=folder).out
    assert segue("why", "u1", "plan", "--json", folder=folder).json["sightings"][0]["outcome"] == "delivered"


def test_an_event_is_told_by_the_workspace_of_its_time(lived_in: Path) -> None:
    """The mapping was changed afterwards: old events are told by the old one, and no secret is kept."""
    before = segue("trace", "tr-1", folder=lived_in).out
    changed = (
        WORKSPACE.replace("api_key: sandbox", "api_key: sandbox-key-2")
        + """\
    subscriptions:
      - {id: everything, action: track-event, trigger: 'type = "track"'}
"""
    )
    workspace(lived_in, changed)
    with beside(lived_in) as process:
        post(process, {**TRACK, "messageId": "tr-9", "event": "Cup Washed"})
        asyncio.run(settled(process, 6))
        assert segue("trace", "tr-1", folder=lived_in).out == before
        new = chapter(lived_in, "tr-9")
    assert [each["id"] for each in new["subscriptions"]] == ["everything"]
    kept = sorted((lived_in / "segue-data" / "revisions").iterdir())
    assert len(kept) == 2
    assert not any("sandbox-key-2" in path.read_text(encoding="utf-8") for path in kept)


def test_an_event_no_courier_has_read_is_found_in_the_log(folder: Path) -> None:
    """Taken in by a receiver alone: the log is looked through, and the destination has never run."""
    with beside(folder) as process:
        post(process, TRACK)
        asyncio.run(settled(process, 1))
    for path in (folder / "segue-data" / "state").glob("braze*"):
        path.unlink()
    ran: Ran = segue("trace", "tr-1", "--json", folder=folder)
    assert ran.json["scanned"] == 1
    [told] = ran.json["events"][0]["destinations"]
    assert (told["state"], told["reason"]) == ("waiting", "NOT_READ")


SIDE_BY_SIDE = """\
sources:
  site: {platform: web, write_key: wk_web}
destinations:
  page: {type: braze, mode: device, source: site, settings: {endpoint: sandbox}}
  cloud:
    type: braze
    source: site
    settings: {endpoint: sandbox, api_key: sandbox}
    delivery: {wait_seconds: 0}
"""


def test_trace_tells_what_the_device_did_and_what_it_left_to_the_cloud(folder: Path) -> None:
    """Of a destination in device mode, from the event itself; the cloud destination leaves to it what it
    delivered. Neither costs nor books are told of what never passes through here."""
    (folder / "segue.yaml").write_text(SIDE_BY_SIDE, "utf-8")
    there = {**TRACK, "messageId": "there", "_metadata": {"bundled": ["Braze Web Mode (Actions)"]}}
    here = {**TRACK, "messageId": "here"}
    with beside(folder) as process:
        door = f"{process.addresses.door}{process.addresses.prefix}"
        asyncio.run(post_events(json.dumps([there, here]).encode(), door, KEY))
        asyncio.run(settled(process, 2, "cloud"))
    told = {}
    for which in ("there", "here"):
        ran = segue("trace", which, "--json", folder=folder)
        [event] = ran.json["events"]
        told[which] = {each["destination"]: each for each in event["destinations"]}
    assert told["there"]["page"]["state"] == "on the device"
    assert (told["there"]["cloud"]["state"], told["there"]["cloud"]["reason"]) == (
        "filtered",
        "MESSAGE_SENT_CLIENT_SIDE",
    )
    assert (told["here"]["page"]["state"], told["here"]["page"]["reason"]) == (
        "not on the device",
        "NOT_ON_DEVICE",
    )
    assert told["here"]["cloud"]["state"] == "delivered"
    assert "page" not in segue("doctor", folder=folder).out
    assert [each["destination"] for each in segue("cost", "--json", folder=folder).json] == ["cloud"]


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(0.5, "in 0.5 s"), (119.9, "in 119.9 s"), (300, "in 5 min"), (21_866.6, "in 6 h"), (400_000, "in 4 d")],
)
def test_how_long_a_row_waits_is_told_in_a_unit_of_its_size(seconds: float, says: str) -> None:
    """A cap may keep a row until tomorrow, a batch for a second."""
    for kind in ("retry", "batch"):
        assert says in waiting_words(Delay(subscription="s", part=0, kind=kind, seconds=seconds))
