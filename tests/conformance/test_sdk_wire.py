"""Every request recorded from Segment's SDKs, sent again byte for byte with its headers."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.cases import FOLDER
from tests.web.door import Door, opened_door

from segue.model.event import Event
from segue.model.workspace import Source

RECORDINGS = ("node", "python", "browser", "analytics-next")

OF_THE_CONNECTION = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding"}
"""Headers that belong to the recorded connection; everything the SDK said stays."""

ADDED = {
    "channel",
    "version",
    "projectId",
    "receivedAt",
    "originalTimestamp",
    "timestamp",
    "sentAt",
    "context",
}
"""What the server may add or change; the rest of an event must be as sent."""


def scenarios() -> list[Any]:
    """One pytest parameter per recorded scenario; none for a recording that is not there."""
    found = []
    for name in RECORDINGS:
        path = FOLDER / "sdk-wire" / f"{name}.json"
        if path.exists():
            recording = json.loads(path.read_text(encoding="utf-8"))
            found += [
                pytest.param(name, scenario["requests"], id=f"{name}-{scenario['name']}")
                for scenario in recording["scenarios"]
            ]
    return found


def is_tracking(request: Mapping[str, Any]) -> bool:
    """True for calls of the tracking API; a recording also has pages, settings and bundles."""
    return request["method"] in ("POST", "OPTIONS") and request["path"].startswith("/v1/")


def headers_of(request: Mapping[str, Any]) -> dict[str, str]:
    """The SDK's headers."""
    return {name: value for name, value in request["headers"] if name.lower() not in OF_THE_CONNECTION}


def body_of(request: Mapping[str, Any]) -> bytes:
    """The body as it was on the wire."""
    packed = request.get("bodyGzipBase64")
    return base64.b64decode(packed) if packed else (request["bodyText"] or "").encode()


def key_of(request: Mapping[str, Any]) -> str:
    """The write key the SDK sent in its head."""
    (authorization,) = [value for name, value in request["headers"] if name.lower() == "authorization"]
    return base64.b64decode(authorization.removeprefix("Basic ")).decode().removesuffix(":")


def events_of(request: Mapping[str, Any]) -> list[Event]:
    """The events in a recorded body, nulls left out, as they lie under the batch."""
    body = request["bodyJson"]
    kind = {letter[0]: letter for letter in ("identify", "track", "page", "screen", "group", "alias")}
    if "batch" not in body:
        return [{"type": kind[request["path"][-1]], **_present(body)}]
    around = {name: body[name] for name in ("sentAt",) if name in body}
    return [{**_present(event), **around} for event in body["batch"]]


def _present(event: Event) -> Event:
    return {name: value for name, value in event.items() if value is not None and name != "writeKey"}


@pytest.mark.parametrize(("sdk", "requests"), scenarios())
async def test_a_recorded_sdk_is_understood(sdk: str, requests: list[Any], tmp_path: Path) -> None:
    """Each call gets 200, each preflight allows it, and each event comes out as it was sent."""
    calls = [request for request in requests if is_tracking(request)]
    posts = [request for request in calls if request["method"] == "POST"]
    sources = {
        key: Source(
            id="recorded", platform="server" if sdk in ("node", "python") else "web", write_keys=(key,)
        )
        for key in map(key_of, posts)
    }
    expected = [event for request in posts for event in events_of(request)]
    async with opened_door(tmp_path, sources=sources) as door:
        for request in calls:
            await replay(door, request)
        counts = door.receiver.counts()
        events = await door.events()
    assert counts.rejected == {}
    assert counts.retried == sum("X-Retry-Count" in dict(request["headers"]) for request in posts)
    assert len(events) == len(expected) > 0
    for event, sent in zip(events, expected, strict=True):
        assert_same(event, sent, is_client=sdk not in ("node", "python"))


async def replay(door: Door, request: Mapping[str, Any]) -> None:
    """Send one recorded request and check its answer."""
    headers = headers_of(request)
    reply = await door.call(request["method"], request["path"], body_of(request), **headers)
    given = {name.lower(): value for name, value in headers.items()}
    if request["method"] == "OPTIONS":
        assert reply.status == 204
        allowed = reply.headers["Access-Control-Allow-Headers"].lower()
        assert given["access-control-request-headers"].lower() in allowed
    else:
        assert (reply.status, reply.json) == (200, {"success": True})
    assert reply.headers["Access-Control-Allow-Origin"] == given.get("origin", "*")


def assert_same(event: Event, sent: Event, *, is_client: bool) -> None:
    """What was sent is there unchanged, and what the server adds has the right form."""
    unchanged = {name: value for name, value in sent.items() if name not in ADDED}
    assert {name: value for name, value in event.items() if name not in ADDED} == unchanged
    context = dict(event["context"])
    if is_client:
        assert context.pop("ip") == "127.0.0.1"
    assert context == sent["context"]
    assert event["channel"] == ("browser" if is_client else "server")
    assert (event["version"], event["projectId"]) == (2, "recorded")
    assert event["originalTimestamp"] == sent["timestamp"]
    assert event["sentAt"][:23] == sent["sentAt"][:23]
    assert all(
        event[name].endswith("Z") and len(event[name]) == 24 for name in ("receivedAt", "timestamp", "sentAt")
    )
