"""How a process is put together."""

import asyncio
from pathlib import Path

import structlog
from tests.cli.house import workspace

from segue.io.log.sqlite import SqliteLog
from segue.runtime.clock import HandClock
from segue.runtime.compose import AWAIT_SECONDS, House, opened
from segue.runtime.current import read_current
from segue.runtime.folders import LOG_FOLDER
from segue.runtime.settings import read_settings
from segue.runtime.telemetry import Telemetry


async def test_a_courier_that_starts_before_the_receiver_waits_for_the_log(tmp_path: Path) -> None:
    """It says once what it waits for, and goes on as soon as the log is there."""
    folder = workspace(tmp_path)
    given = {"config": folder / "segue.yaml", "data": folder / "data", "roles": ("courier",)}
    settings = read_settings(folder, {}, **given)
    clock, telemetry = HandClock(), Telemetry()

    async def start() -> House:
        async with opened(settings, read_current(settings, folder, {}), clock, telemetry) as house:
            return house

    with structlog.testing.capture_logs() as lines:
        starting = asyncio.ensure_future(start())
        await clock.advance(AWAIT_SECONDS * 10)
        assert (starting.done(), clock.sleepers) == (False, 1)
        stream = await SqliteLog.open(settings.data / LOG_FOLDER, lanes=8)
        while not starting.done():
            await clock.advance(AWAIT_SECONDS)
        assert list((await starting).couriers) == ["braze"]
        await stream.close()
    assert [line["event"] for line in lines].count("log_awaited") == 1
