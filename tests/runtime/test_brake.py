"""A destination paused by hand sends nothing until it is resumed, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.house import SOON, Desk, bind, opened, records, until

from segue.io.storage.state import StateReader
from segue.runtime.brake import PAUSE, RESUME, brake, paused_since
from segue.runtime.settings import Settings


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path / "state") as made:
        yield made


def read(number: int) -> dict[str, Any]:
    return {"type": "track", "userId": "u", "event": "Read", "messageId": f"m{number}"}


async def test_a_pause_made_while_nothing_runs_holds_from_the_first_moment(
    desk: Desk, tmp_path: Path
) -> None:
    """It outlives starts, is told to whoever asks, and what waited goes after the resume."""
    settings = Settings(data=tmp_path)
    await desk.deliver()
    assert await brake(settings, ["braze", "other"], PAUSE, 1_790_000_000_000) == {"braze": 1, "other": 0}
    assert await paused_since(settings, "braze") == 1_790_000_000_000
    await desk.stream.append(records(read(1)))
    for _ in range(2):
        courier = await desk.deliver()
        assert courier.waiting_rows == 1
        assert courier.halt is not None
        assert courier.halt.kind == "paused"
        assert courier.dispatcher.circuit == 3
    assert not desk.wire.sent
    state = await StateReader.open(desk.folder / "braze.db")
    halt = await state.halt()
    await state.close()
    assert halt is not None
    assert (halt.kind, halt.since_ms) == ("paused", 1_790_000_000_000)
    await brake(settings, ["braze"], RESUME, 1_790_000_060_000)
    assert await paused_since(settings, "braze") == 0
    courier = await desk.deliver()
    assert courier.halt is None
    assert len(desk.wire.sent) == 1


async def test_a_running_destination_is_paused_and_resumed(desk: Desk, tmp_path: Path) -> None:
    """By a command it finds at its next checkpoint."""
    settings = Settings(data=tmp_path)
    async with desk.courier(bind(), checkpoint_seconds=SOON) as courier:
        await courier.start()
        running = asyncio.create_task(courier.run())
        for wish, is_on in ((PAUSE, True), (RESUME, False)):
            await brake(settings, ["braze"], wish, 1_790_000_000_000)
            await until(lambda is_on=is_on: (courier.halt is not None) is is_on)
            sent = len(desk.wire.sent)
            await desk.stream.append(records(read(sent + 10 + is_on)))
            if is_on:
                for _ in range(50):
                    await asyncio.sleep(0)
                assert len(desk.wire.sent) == sent
        courier.stop()
        await running
        assert len(desk.wire.sent) >= 1
        assert courier.ledger.waiting == 0
