"""A damaged block, a full disk and a clock set back, through the receiver and the courier together."""

import asyncio
import json
import os
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from structlog.testing import capture_logs
from tests.runtime.house import SOON, SOURCE, Desk, bind, opened, records, until
from tests.runtime.turns import MovedClock

from segue.io.log.sqlite import SqliteLog
from segue.model.delivery import Request, Response
from segue.model.event import lane_of
from segue.model.workspace import Delivery
from segue.runtime.compose import last_order
from segue.runtime.receiver import Receiver

HOUR_MS = 3_600_000
NOON_MS = 1_789_992_000_000
"""2026-09-21, noon in UTC."""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made


def track(number: int, user: str = "u1", **more: Any) -> dict[str, Any]:
    return {"type": "track", "userId": user, "event": f"Read {number}", "messageId": f"m{number}", **more}


def damage(folder: Path, lane: int, first_offset: int) -> None:
    """Turn one bit of a block over, as a bad disk does."""
    query = "SELECT body FROM block WHERE lane = ? AND first_offset = ?"
    for file in sorted(folder.glob("*.db")):
        connection = apsw.Connection(os.fspath(file))
        connection.pragma("wal_checkpoint(truncate)")
        found = connection.execute(query, (lane, first_offset)).get
        connection.close()
        if found:
            content = bytearray(file.read_bytes())
            content[content.index(found) + len(found) // 2] ^= 0x10
            file.write_bytes(content)


async def test_a_damaged_block_costs_its_events_and_no_others(desk: Desk) -> None:
    """They are dead by that name, said once with lane and offset; what is before and behind is delivered, and
    what comes in afterwards as well."""
    for first in (0, 10, 20):
        await desk.stream.append(records(*(track(first + n) for n in range(10))))
    await desk.stream.close()
    lane = lane_of("u:u1", 4)
    damage(desk.folder / "log", lane, 10)
    desk.stream = await SqliteLog.open(desk.folder / "log", lanes=4, recent_bytes=0)
    with capture_logs() as logs:
        courier = await desk.deliver()
    [line] = [line for line in logs if line["event"] == "log_block_corrupt"]
    assert (line["destination"], line["lane"], line["offset"]) == ("braze", lane, 10)
    await desk.stream.append(records(track(30)))
    courier = await desk.deliver()
    assert courier.ledger.residual == 0
    totals = {key: n for key, n in courier.ledger.totals().items() if n and not key[0].startswith("rows_")}
    assert totals == {("delivered", ""): 21, ("dead", "CORRUPT_BLOCK"): 10}
    read = {int(event["name"].split()[1]) for event in (await desk.wire.profile("u1"))["custom_events"]}
    assert read == {*range(10), *range(20, 31)}


async def test_a_state_that_cannot_be_written_pauses_its_courier_until_it_can(desk: Desk) -> None:
    """A full disk under the checkpoint: nothing is forgotten and nothing sent twice, no restart is needed."""
    await desk.stream.append(records(*(track(n) for n in range(20))))
    async with desk.courier(bind(delivery=Delivery(wait_seconds=0))) as courier:
        await courier.start()
        connection = courier._state._database._connection  # type: ignore[attr-defined]
        connection.pragma("max_page_count", connection.pragma("page_count"))
        with capture_logs() as logs:
            running = asyncio.ensure_future(courier.run())
            await until(lambda: courier.is_paused)
            await desk.stream.append(records(track(20)))
            connection.pragma("max_page_count", 1_000_000)
            await until(lambda: not courier.is_paused and courier.ledger.read == 21)
            courier.stop()
            await running
        [said] = [line["error"] for line in logs if line["event"] == "courier_paused"]
        assert logs[-1]["event"] == "courier_goes_on"
        assert f'{desk.folder / "braze.db"}" cannot be written: the disk is full' in said
    courier = await desk.deliver()
    assert courier.ledger.residual == 0
    assert courier.ledger.total("delivered") == 21
    events = (await desk.wire.profile("u1"))["custom_events"]
    assert (len(events), {each["count"] for each in events}) == (21, {1})


async def test_an_answer_that_finds_the_disk_full_is_not_asked_for_again(desk: Desk) -> None:
    """The request was noted and the answer could not be: it is known all the same, so nothing arrives twice,
    what comes later waits for room, and no restart is needed."""
    await desk.stream.append(records(*(track(n) for n in range(3))))
    carry, before = desk.wire.send, resource.getrlimit(resource.RLIMIT_FSIZE)

    async def carry_and_fill(request: Request) -> Response:
        response = await carry(request)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        return response

    async with desk.courier(checkpoint_seconds=SOON) as courier:
        with capture_logs():  # what prints them would meet a full disk too
            try:
                desk.wire.send = carry_and_fill  # type: ignore[method-assign]
                running = asyncio.ensure_future(courier.run())
                await until(lambda: courier.is_paused)
            finally:
                desk.wire.send = carry  # type: ignore[method-assign]
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
            await desk.stream.append(records(track(3)))
            await until(lambda: not courier.is_paused and courier.ledger.read == 4)
            courier.stop()
            await running
    courier = await desk.deliver()
    totals = {key: n for key, n in courier.ledger.totals().items() if n and key[0].startswith("rows")}
    assert totals == {("rows_delivered", ""): 4}
    events = (await desk.wire.profile("u1"))["custom_events"]
    assert (len(events), {each["count"] for each in events}) == (4, {1})


async def test_a_clock_set_back_by_hours_changes_neither_order_nor_memory(tmp_path: Path) -> None:
    """Events are taken in, kept in order and delivered; what was met before is a duplicate still, and a later
    value is not overwritten by an earlier one that comes in under an earlier time of day."""
    clock = MovedClock()
    clock.at_ms = NOON_MS
    async with opened(tmp_path, clock=clock) as desk:
        receiver = Receiver(desk.stream, {"wk": SOURCE}.get, clock)

        async def receive(*events: dict[str, Any]) -> None:
            body = json.dumps({"batch": events}).encode()
            answer = await receiver.receive(body, kind="", client=False, write_key="wk")
            assert answer.status == 200

        await receive(track(0), plan("new", "2026-09-21T12:00:00Z"))
        courier = await desk.deliver()
        assert courier.ledger.total("delivered") == 2
        clock.at_ms -= 5 * HOUR_MS
        await receive(track(1), track(0), plan("old", "2026-09-21T11:00:00Z"))
        receiver = Receiver(desk.stream, {"wk": SOURCE}.get, clock, first_order=await newest(desk))
        clock.at_ms -= 5 * HOUR_MS
        await receive(track(2))
        courier = await desk.deliver()
        assert courier.ledger.residual == 0
        assert courier.ledger.waiting == 0
        assert courier.ledger.total("duplicate") == 1
        blocks = await desk.stream.read(lane_of("u:u1", 4), 0, blocks=9)
        orders = [record.order for block in blocks for record in block.records]
        assert orders == sorted(set(orders))
        profile = await desk.wire.profile("u1")
    assert {event["name"]: event["count"] for event in profile["custom_events"]} == {
        "Read 0": 1,
        "Read 1": 1,
        "Read 2": 1,
    }
    assert profile["custom_attributes"]["plan"] == "new"


def plan(value: str, at: str) -> dict[str, Any]:
    return {
        "type": "identify", "userId": "u1", "messageId": value, "timestamp": at, "traits": {"plan": value},
    }  # fmt: skip


async def newest(desk: Desk) -> int:
    """The highest ingest order of the log, as a start of the receiver looks for it."""

    return await last_order(desk.stream, await desk.stream.heads())
