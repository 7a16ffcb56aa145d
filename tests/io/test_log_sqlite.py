"""The embedded log: the contract, and what only a log of SQLite files can do wrong."""

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from tests.io.log_contract import LANES, LogContract, records

from segue.io.log.sqlite import SqliteLog
from segue.io.log.stream import Log


class Folder:
    """A store of the contract: one folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def open(
        self,
        *,
        lanes: int = LANES,
        retention_ms: int = 0,
        retention_bytes: int = 0,
        small_steps: bool = False,
    ) -> Log:
        return await SqliteLog.open(
            self.path,
            lanes=lanes,
            retention_ms=retention_ms,
            retention_bytes=retention_bytes,
            recent_bytes=0 if small_steps else 16 * 1024 * 1024,
            segment_bytes=8 * 1024 if small_steps and not retention_bytes else None,
        )

    async def follow(self) -> Log:
        return await SqliteLog.follow(self.path, poll_seconds=0.002)


class TestSqliteLog(LogContract):
    @pytest.fixture
    def new_store(self, tmp_path: Path) -> Callable[[], Folder]:
        numbers = count()
        return lambda: Folder(tmp_path / f"log-{next(numbers)}")


async def test_every_commit_is_on_the_disk_before_it_is_said(tmp_path: Path) -> None:
    """In a new log, in one opened again, and in the next file: SQLite syncs the write-ahead log at each."""
    for _ in range(2):
        log = await SqliteLog.open(tmp_path, segment_bytes=8 * 1024)
        writer = log._writer
        assert writer is not None
        files = set()
        for number in range(0, 600, 150):
            await log.append(records(number, 150))
            connection = writer._connection
            assert connection is not None
            files.add(connection.filename)
            assert (connection.pragma("journal_mode"), connection.pragma("synchronous")) == ("wal", 2)
        assert len(files) > 1
        await log.close()


async def commits(log: SqliteLog) -> int:
    """Commits of a log with one lane, in which each is a block."""
    return len([block async for block in log.scan()])


async def test_what_comes_in_one_turn_of_the_loop_shares_a_commit(tmp_path: Path) -> None:
    """Also the first, when no other commit is under way that it could wait for."""
    log = await SqliteLog.open(tmp_path, lanes=1)
    await asyncio.gather(*(log.append(records(number, 1)) for number in range(50)))
    assert await commits(log) == 1
    await log.close()


async def test_an_append_that_comes_alone_does_not_wait_for_company(tmp_path: Path) -> None:
    """Whoever waits for each answer gets it at disk speed: were they kept apart, this would take hours."""
    log = await SqliteLog.open(tmp_path, lanes=1, spacing_seconds=3600)
    for number in range(5):
        await log.append(records(number, 1))
    assert await commits(log) == 5
    await log.close()


async def test_while_there_is_company_commits_keep_their_distance_and_closing_ends_it(tmp_path: Path) -> None:
    """What waits for the end of the distance is written when the log closes, and whoever waits is told."""
    log = await SqliteLog.open(tmp_path, lanes=1, spacing_seconds=3600)
    writer = log._writer
    assert writer is not None
    await asyncio.gather(log.append(records(0, 1)), log.append(records(1, 1)))
    late = [asyncio.create_task(log.append(records(number, 1))) for number in (2, 3)]
    await asyncio.sleep(0)  # both have begun
    assert len(writer._waiting) == len(late)
    await log.close()
    await asyncio.gather(*late)
    again = await SqliteLog.open(tmp_path, lanes=1)
    assert await commits(again) == 2
    assert await again.heads() == [4]
    await again.close()
