"""Segment's own SDKs, unmodified, against the running server: calls, batches, gzip, and coming back later."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from segment.analytics.client import Client
from tests.web.door import Door, opened_door

NODE = Path(__file__).parents[1] / "node"

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("identify", {"userId": "u1", "traits": {"email": "jane@example.com", "born": None}}),
    ("track", {"userId": "u1", "event": "Order Completed", "properties": {"revenue": 42.5, "name": "é✓😀"}}),
    ("track", {"anonymousId": "a1", "event": "Seen", "messageId": "own-id"}),
    (
        "page",
        {"userId": "u1", "category": "Docs", "name": "Start", "properties": {"url": "https://x.example/"}},
    ),
    ("screen", {"anonymousId": "a1", "name": "Home"}),
    ("group", {"userId": "u1", "groupId": "g1", "traits": {"name": "Initech"}}),
    ("alias", {"userId": "u1", "previousId": "a1"}),
]
PLACES = {
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "groupId": "group_id",
    "previousId": "previous_id",
}
TRACK = ("track", {"userId": "u1", "event": "Retried"})


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A running tracking API."""
    async with opened_door(tmp_path) as door:
        yield door


Send = Callable[..., Any]


async def send_by_python(door: Door, *calls: tuple[str, dict[str, Any]], **settings: Any) -> None:
    """Make the calls with segment-analytics-python and wait until everything is sent."""
    failed: list[Any] = []

    def work() -> None:
        client = Client(
            "server",
            host=door.url,
            on_error=lambda error, _: failed.append(error),
            upload_interval=0.05,
            **settings,
        )
        for method, params in calls:
            named = {PLACES.get(name, name): value for name, value in params.items() if name != "messageId"}
            if "messageId" in params:
                named["message_id"] = params["messageId"]
            getattr(client, method)(**named)
        client.flush()
        client.join()

    await asyncio.to_thread(work)
    assert failed == []


async def send_by_node(door: Door, *calls: tuple[str, dict[str, Any]], **settings: Any) -> None:
    """Make the calls with @segment/analytics-node and wait until everything is sent."""
    order = {"settings": {"writeKey": "server", "host": door.url, **settings}, "calls": calls}
    node = shutil.which("node")
    assert node, "the tests need Node"
    process = await asyncio.create_subprocess_exec(
        node, "send.mjs", json.dumps(order), cwd=NODE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    result = json.loads(output)
    assert process.returncode == 0
    assert (len(result["delivered"]), result["failed"]) == (len(calls), [])


SDKS = [pytest.param(send_by_python, id="python"), pytest.param(send_by_node, id="node")]


@pytest.mark.parametrize("send", SDKS)
async def test_every_call_arrives_as_it_was_made(door: Door, send: Send) -> None:
    """All six kinds, in order, with the fields, the library and the times that belong to them."""
    await send(door, *CALLS)
    events = await door.events()
    assert {seen.path for seen in door.posts} == {"/v1/batch"}
    assert len(events) == len(CALLS)
    for event, (method, params) in zip(events, CALLS, strict=True):
        assert event["type"] == method
        for name, value in params.items():
            if name in ("properties", "traits"):
                assert value.items() <= event[name].items()
            else:
                assert event[name] == value
        assert event["channel"] == "server"
        assert "analytics" in event["context"]["library"]["name"]
        assert "ip" not in event["context"]
        assert event["timestamp"] <= event["receivedAt"]
        assert len(event["messageId"]) > 5
    assert door.receiver.counts().rejected == {}


@pytest.mark.parametrize("send", SDKS)
async def test_many_calls_arrive_in_batches(door: Door, send: Send) -> None:
    """Three hundred calls of one person, each exactly once."""
    calls = [("track", {"userId": "u1", "event": f"E{number:03}"}) for number in range(300)]
    options = {"flushAt": 50} if send is send_by_node else {"upload_size": 50}
    await send(door, *calls, **options)
    assert sorted(event["event"] for event in await door.events()) == [call["event"] for _, call in calls]
    assert 6 <= len(door.posts) <= 150  # python sends what it has after a twentieth of a second


async def test_python_packs_its_batches_and_stringifies_numbers(door: Door) -> None:
    """gzip, and numeric ids of every sort."""
    await send_by_python(door, *CALLS, gzip=True)
    numbers = [
        ("identify", {"userId": 42}),
        ("track", {"anonymousId": 7, "event": "E"}),
        ("group", {"userId": 42, "groupId": 5}),
        ("alias", {"userId": 42, "previousId": 6}),
    ]
    await send_by_python(door, *numbers, gzip=True)
    assert {seen.headers["content-encoding"] for seen in door.posts} == {"gzip"}
    events = (await door.events())[len(CALLS) :]
    assert [event.get("userId", event.get("anonymousId")) for event in events] == ["42", "7", "42", "42"]
    assert [record.person for record in await door.records()][len(CALLS) :] == ["u:42", "a:7", "u:42", "u:42"]


async def test_python_in_sync_mode_learns_of_the_answer_at_once(door: Door) -> None:
    """Each call is a request of its own, and a refusal is an error with our code in the caller's hand."""

    def work(key: str) -> str:
        client = Client(key, host=door.url, sync_mode=True)
        try:
            client.track("u1", "E")
        except Exception as error:
            return str(error)
        return ""

    assert await asyncio.to_thread(work, "server") == ""
    refusal = await asyncio.to_thread(work, "gone")
    assert "unknown_write_key" in refusal
    assert "400" in refusal
    assert len(door.posts) == 2  # a 400 is not repeated
    assert len(await door.events()) == 1


@pytest.mark.parametrize("send", SDKS)
async def test_an_sdk_comes_back_after_the_log_was_down(door: Door, send: Send) -> None:
    """503 while the disk is away; the same event arrives once when it is back, and says it is a retry."""
    door.valve.break_disk()
    sending = asyncio.create_task(send(door, TRACK))
    await asyncio.wait_for(door.valve.failed.wait(), 60)
    door.valve.mend_disk()
    await sending
    assert [event["event"] for event in await door.events()] == ["Retried"]
    assert "x-retry-count" not in door.posts[0].headers
    counts = door.receiver.counts()
    assert counts.failed_requests >= 1
    # Asked to wait by Retry-After, python puts the batch back in its queue and counts no retry.
    assert counts.retried == (0 if send is send_by_python else counts.failed_requests)


@pytest.mark.parametrize("send", SDKS)
async def test_an_sdk_comes_back_when_it_was_asked_to(tmp_path: Path, send: Send) -> None:
    """429 with Retry-After while another sender's bytes fill the room; it waits as long as it was told."""
    async with opened_door(tmp_path, waiting_bytes=1) as door:
        door.valve.open.clear()
        first = asyncio.create_task(door.post("/v1/track", {"userId": "u2", "event": "First"}))
        await door.valve.waiting.wait()
        sending = asyncio.create_task(send(door, TRACK))
        await door.until(lambda: door.receiver.counts().refused)
        door.valve.open.set()
        assert (await first).status == 200
        await sending
        assert [event["event"] for event in await door.events()] == ["First", "Retried"]
        refused, repeated = [seen.at for seen in door.posts][1:3]
        assert repeated - refused > 0.9
