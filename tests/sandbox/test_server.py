"""The sandbox behind a real socket: dropped connections, start and stop, the cheapest mode."""

import asyncio
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import aiohttp
import pytest
from tests.journeys.house import free_port, until
from tests.sandbox.rules import OURS, rule

from segue.sandbox.app import create_app, running

SEGUE = Path(sys.executable).with_name("segue")
KEY = {"authorization": "Bearer sandbox"}
BODY = {"events": [{"external_id": "u", "name": "Hi", "time": "2025-12-01"}]}


@rule("a dropped connection is a reset of the transport", "S", OURS)
@pytest.mark.parametrize(("drop", "expected"), [("before", 0), ("after", 1)])
async def test_a_dropped_connection_is_a_reset(drop, expected):
    """Not an answer, not a polite end; the next call on a new connection works."""
    app = create_app()
    async with running(app) as url, aiohttp.ClientSession(headers=KEY) as session:
        await (await session.post(f"{url}/_sandbox/faults", json={"drop": drop, "count": 1})).read()
        with pytest.raises(aiohttp.ClientOSError, match="reset"):
            await session.post(f"{url}/users/track", json=BODY)
        assert app.world.totals()["events"] == expected
        async with session.post(f"{url}/users/track", json=BODY) as answer:
            assert answer.status == 201
            assert answer.headers["X-RateLimit-Limit"] == "3000"


async def test_a_taken_port_is_an_os_error():
    """Not the end of the process."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        async with running(create_app(), port=taken.getsockname()[1]):
            pass


async def test_calls_are_answered_side_by_side():
    """A slow one holds nobody up."""
    async with running(create_app()) as url, aiohttp.ClientSession(headers=KEY) as session:
        fault = {"path": "/users/delete", "latency_ms": 200}
        await (await session.post(f"{url}/_sandbox/faults", json=fault)).read()
        slow = asyncio.create_task(session.post(f"{url}/users/delete", json={"external_ids": ["u"]}))
        async with session.post(f"{url}/users/track", json=BODY) as quick:
            assert quick.status == 201
        assert not slow.done()
        assert (await slow).status == 201


@rule("the cheapest mode counts, keeps nothing and says so", "S", OURS)
async def test_the_cheapest_mode_is_honest():
    """Envelope checked, objects counted, no profile kept."""
    async with running(create_app(keep=False)) as url, aiohttp.ClientSession(headers=KEY) as session:

        async def post(path, body, **more):
            async with session.post(url + path, json=body, **more) as answer:
                return answer.status, await answer.json()

        events = BODY["events"] * 30
        assert await post("/users/track", {"events": events, "attributes": events}) == (
            201,
            {"message": "success", "attributes_processed": 30, "events_processed": 30},
        )
        assert (await post("/users/track", {"events": events * 3}))[0] == 400
        assert (await post("/users/track", {"events": []}))[0] == 400
        assert (await post("/users/track", BODY, headers={"authorization": "Bearer x"}))[0] == 401
        assert (await post("/users/alias/new", {"user_aliases": [{"alias_name": "a", "alias_label": "b"}]}))[
            0
        ] == 201
        async with session.post(
            f"{url}/users/track", data=b"{", headers={"content-type": "application/json"}
        ) as bad:
            assert bad.status == 400
        async with session.get(f"{url}/_sandbox/totals") as answer:
            totals = await answer.json()
    assert totals["keeps_profiles"] is False
    assert "no profile is kept" in totals["about"]
    assert (totals["people"], totals["events"]) == (0, 0)
    assert totals["objects"]["accepted"] == 60


def test_the_sandbox_alone_starts_from_a_seed_and_keeps_its_state(tmp_path):
    """As a process of its own, stopped by SIGTERM and started again; nothing lies beside the file then."""
    seed, state = tmp_path / "seed.json", tmp_path / "braze.sqlite"
    seed.write_text(
        '{"workspaces": [{"id": "eu"}], "keys": [{"key": "k", "workspace": "eu"}]}', encoding="utf-8"
    )
    port = free_port()
    command = [SEGUE, "sandbox", "--port", str(port), "--state", state, "--seed", seed]
    url = f"http://127.0.0.1:{port}"
    for expected in (1, 2):
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                until(lambda process=process: totals_of(url, process), "it answers")
                headers = {"authorization": "Bearer k", "content-type": "application/json"}
                assert call(f"{url}/users/track", json.dumps(BODY).encode(), headers)[0] == 201
                assert totals_of(url, process)["events"] == expected
            finally:
                process.terminate()
                process.wait(60)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["braze.sqlite", "seed.json"]


def call(url, body=None, headers=None):
    """One request by a client without a loop."""
    request = urllib.request.Request(url, body, headers or {})  # noqa: S310 - an address of ours
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return answer.status, answer.read()


def totals_of(url, process):
    """The totals; None while nobody answers."""
    assert process.poll() is None
    try:
        return json.loads(call(f"{url}/_sandbox/totals")[1])
    except urllib.error.URLError:
        return None
