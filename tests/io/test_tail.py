"""The end of a log that another process writes: found at once, whole, and mostly without asking a thread."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.io.log_contract import LANES, events_of, everything, lane_of, record, records

from segue.io.log.readers import Readers
from segue.io.log.recent import Recent
from segue.io.log.shelf import SETTLED_NS, Shelf
from segue.io.log.sqlite import SqliteLog
from segue.io.log.tail import LOOK_BYTES, Tail
from segue.model.errors import CorruptBlock


class CountingReaders(Readers):
    """Counts what is asked of a thread."""

    calls = 0

    async def call(self, work: Callable[..., Any], *arguments: object) -> Any:
        self.calls += 1
        return await super().call(work, *arguments)


class Follower:
    """A tail with what it is made of."""

    def __init__(self, folder: Path) -> None:
        shelf = Shelf(folder, readonly=True)
        shelf.refresh()
        self.readers = CountingReaders(shelf, follows=True)
        self.recent = Recent(LANES, 1 << 24)
        self.tail = Tail(self.readers, self.recent)
        self.tail.lanes = set(range(LANES))

    def orders(self, lane: int, offset: int = 0) -> list[int]:
        """What is kept of a lane."""
        return [
            each.order for block in self.recent.read(lane, offset, 999, 1 << 30) for each in block.records
        ]


@asynccontextmanager
async def followed(folder: Path, **options: Any) -> AsyncIterator[tuple[SqliteLog, Follower]]:
    log = await SqliteLog.open(folder, lanes=LANES, recent_bytes=0, **options)
    follower = Follower(folder)
    try:
        yield log, follower
    finally:
        await follower.readers.close()
        follower.tail.close()
        await log.close()


def settle(folder: Path) -> None:
    """Let the folder look as if nothing had changed in it for a while."""
    long_ago = time.time_ns() - 2 * SETTLED_NS
    os.utime(folder, ns=(long_ago, long_ago))


async def test_no_thread_is_asked_while_nothing_is_committed(tmp_path: Path) -> None:
    """One look for each commit, however often somebody asks."""
    async with followed(tmp_path) as (log, follower):
        await log.append(records(0, 5))
        settle(tmp_path)
        for _ in range(5):
            assert await follower.tail.heads() == await log.heads()
        assert follower.readers.calls == 1
        for number in range(3):
            await log.append([record(100 + number)])
            for _ in range(5):
                assert await follower.tail.heads() == await log.heads()
        assert follower.readers.calls == 4


@pytest.mark.parametrize("segment_bytes", [None, 4 * 1024])
async def test_what_came_since_is_kept_for_the_lanes_that_are_read(
    tmp_path: Path, segment_bytes: int | None
) -> None:
    """Also across the end of a file."""
    async with followed(tmp_path, segment_bytes=segment_bytes) as (log, follower):
        follower.tail.lanes = {0, 2}
        await log.append(records(0, 40))
        before = await follower.tail.heads()
        for number in range(1000, 1400, 25):
            await log.append(records(number, 25, raw=os.urandom(200)))
            await follower.tail.heads()
        kept = [follower.orders(lane, before[lane]) for lane in range(LANES)]
        wanted = [[each.order for each in await events_of(log, lane, before[lane])] for lane in range(LANES)]
        assert [bool(each) for each in kept] == [lane in (0, 2) for lane in range(LANES)]
        assert (kept[0], kept[2]) == (wanted[0], wanted[2])
        assert (len(follower.readers.shelf.segments) > 1) is (segment_bytes is not None)


async def test_who_is_far_behind_finds_no_gap(tmp_path: Path) -> None:
    """More than a look may fetch is left on the disk, and nothing older is kept beside it."""
    async with followed(tmp_path) as (log, follower):
        await follower.tail.heads()
        await log.append([record(0, person="u:ada")])
        await follower.tail.heads()
        [lane] = [lane for lane in range(LANES) if follower.orders(lane)]
        await log.append(records(1, 100, person="u:ada", raw=b"{" + b" " * (LOOK_BYTES // 80) + b"}"))
        assert (await follower.tail.heads())[lane] == 101
        assert follower.orders(lane) == []
        await log.append(records(101, 2, person="u:ada"))
        assert (await follower.tail.heads())[lane] == 103
        assert (follower.orders(lane), follower.orders(lane, 101)) == ([], [101, 102])


async def test_offsets_that_are_given_anew_are_read_anew(tmp_path: Path) -> None:
    """A commit that failed at the sync was seen, taken out and written again with other events."""
    async with followed(tmp_path) as (log, follower):
        await log.append(records(0, 2, person="u:ada"))
        await follower.tail.heads()
        await log.append(records(2, 3, person="u:ada"))
        [lane] = [lane for lane, head in enumerate(await follower.tail.heads()) if head]
        with apsw.Connection(str(tmp_path / "events-00000001.db")) as writer:
            writer.execute("DELETE FROM block WHERE first_offset >= 2")
            assert (await follower.tail.heads())[lane] == 5  # not committed yet
        assert (await follower.tail.heads())[lane] == 2
        assert follower.orders(lane, 2) == []


async def test_a_damaged_block_is_left_to_whoever_comes_to_it(tmp_path: Path) -> None:
    """The heads are known all the same, and what follows it is kept."""
    async with followed(tmp_path) as (log, follower):
        await log.append(records(0, 2, person="u:ada"))
        [lane] = [lane for lane, head in enumerate(await follower.tail.heads()) if head]
        await log.append(records(2, 2, person="u:ada"))
        with apsw.Connection(str(tmp_path / "events-00000001.db")) as vandal:
            vandal.execute("UPDATE block SET body = zeroblob(20) WHERE first_offset = 2")
        assert (await follower.tail.heads())[lane] == 4
        await log.append(records(4, 2, person="u:ada"))
        assert (await follower.tail.heads())[lane] == 6
        assert (follower.orders(lane, 2), follower.orders(lane, 4)) == ([], [4, 5])
        with pytest.raises(CorruptBlock):
            await follower.readers.read(lane, 2, 1, 1 << 20)


async def test_a_look_that_is_cancelled_changes_nothing(tmp_path: Path) -> None:
    """Its thread may go on; what it found is found again."""
    async with followed(tmp_path) as (log, follower):
        await follower.tail.heads()
        for number in range(20):
            await log.append([record(number, person="u:ada")])
            looking = asyncio.ensure_future(follower.tail.heads())
            for _ in range(number % 4):
                await asyncio.sleep(0)
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        [lane] = [lane for lane, head in enumerate(await follower.tail.heads()) if head]
        assert follower.orders(lane) == list(range(20))


async def test_a_folder_is_looked_at_again_while_its_time_may_hide_a_change(tmp_path: Path) -> None:
    """File systems tell the time of a change in steps: two of one step look alike."""
    log = await SqliteLog.open(tmp_path, lanes=LANES)
    await log.append(records(0, 3))
    shelf = Shelf(tmp_path, readonly=True)
    shelf.refresh()
    assert not shelf.is_current
    settle(tmp_path)
    shelf.refresh()
    assert shelf.is_current
    shelf.refresh()
    other = Shelf(tmp_path)
    other.refresh()
    other.add(await log.heads())
    assert not shelf.is_current
    shelf.refresh()
    assert [segment.number for segment in shelf.segments] == [1, 2]
    await log.close()


async def test_a_follower_reads_from_memory_what_it_would_read_from_the_disk(tmp_path: Path) -> None:
    """The same events, whether it keeps up or comes late."""
    log = await SqliteLog.open(tmp_path, lanes=LANES)
    early = await SqliteLog.follow(tmp_path)
    found: list[list[int]] = [[] for _ in range(LANES)]
    for number in range(0, 300, 15):
        await log.append(records(number, 15))
        for lane, head in enumerate(await early.heads()):
            while len(found[lane]) < head:
                for block in await early.read(lane, len(found[lane])):
                    skipped = len(found[lane]) - block.first_offset
                    found[lane] += [each.order for each in block.records[skipped:]]
    late = await SqliteLog.follow(tmp_path)
    assert found == [[each.order for each in lane] for lane in await everything(late)]
    for each in (early, late, log):
        await each.close()


async def test_the_heads_are_of_one_moment(tmp_path: Path) -> None:
    """Each commit adds an event to every lane; whoever looks meanwhile sees it in all of them or in none."""
    people = {lane_of(person, LANES): person for person in (f"u:{number}" for number in range(99))}
    async with followed(tmp_path) as (log, follower):
        looks = {tuple(await follower.tail.heads())}  # what comes after the first look is kept
        for number in range(0, 400, LANES):
            writing = asyncio.ensure_future(
                log.append([record(number + lane, person=people[lane]) for lane in range(LANES)])
            )
            while not writing.done():
                looks.add(tuple(await follower.tail.heads()))
                await asyncio.sleep(0)
        looks.add(tuple(await follower.tail.heads()))
        assert all(len(set(heads)) == 1 for heads in looks)
        orders = [follower.orders(lane) for lane in range(LANES)]
        assert all(order == list(range(lane, 400, LANES)) for lane, order in enumerate(orders))
