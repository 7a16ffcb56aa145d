"""What every log must do, whatever it is made of.

A suite is a subclass with a fixture `new_store` that gives a function making an empty store; a store opens
the same log again and again:

    class TestMyLog(LogContract):
        @pytest.fixture
        def new_store(self) -> Callable[[], Store]: ...
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue.io.log.stream import Block, Log
from segue.model.errors import LogUnavailable
from segue.model.event import KIND_BIT, KINDS, Record, lane_of

LANES = 4
START_MS = 1_790_000_000_000


class Store(Protocol):
    """A place a log is kept in."""

    async def open(
        self,
        *,
        lanes: int = LANES,
        retention_ms: int = 0,
        retention_bytes: int = 0,
        small_steps: bool = False,
    ) -> Log:
        """Open for writing. small_steps: keep little in memory and make retention as fine as can be."""
        ...

    async def follow(self) -> Log:
        """Open for reading beside the writer."""
        ...


NewStore = Callable[[], Store]


def record(number: int, *, person: str = "", at_ms: int = START_MS, **changes: Any) -> Record:
    """An event that can be told from every other by its number."""
    fields = {
        "order": number,
        "source": "web",
        "kind": KINDS[number % len(KINDS)],
        "person": person or f"u:{number % 17}",
        "received_ms": at_ms,
        "sent_ms": None,
        "message_id": f"m{number}",
        "channel": "server",
        "ip": None,
        "envelope": b"",
        "raw": b'{"type":"track","event":"Step","n":%d}' % number,
    }
    return Record(**(fields | changes))


def records(first: int, count: int, **fields: Any) -> list[Record]:
    return [record(number, **fields) for number in range(first, first + count)]


def by_lane(events: Sequence[Record], lanes: int = LANES) -> list[list[Record]]:
    """What each lane should hold."""
    shares: list[list[Record]] = [[] for _ in range(lanes)]
    for event in events:
        shares[lane_of(event.person, lanes)].append(event)
    return shares


async def blocks_of(log: Log, lane: int, offset: int = 0, blocks: int = 3) -> list[Block]:
    """Read a lane to its end."""
    found: list[Block] = []
    while part := await log.read(lane, offset, blocks=blocks):
        assert len(part) <= blocks
        found += part
        offset = part[-1].next_offset
    return found


async def events_of(log: Log, lane: int, offset: int = 0) -> list[Record]:
    """The events of a lane from an offset on, checking on the way that offsets are consecutive."""
    events: list[Record] = []
    expected: int | None = None
    for block in await blocks_of(log, lane, offset):
        assert len(block.records) == block.count
        assert expected in (None, block.first_offset)
        expected = block.next_offset
        events += list(block.records)[max(offset - block.first_offset, 0) :]
    return events


async def everything(log: Log) -> list[list[Record]]:
    return [await events_of(log, lane) for lane in range(log.lanes)]


@asynccontextmanager
async def opened(store: Store, **options: Any) -> AsyncIterator[Log]:
    log = await store.open(**options)
    try:
        yield log
    finally:
        await log.close()


any_record = st.builds(
    record,
    st.integers(0, 1 << 60),
    person=st.sampled_from(["u:ada", "u:böll", "a:1f", "a:2", "u:x" * 40, ""]),
    at_ms=st.integers(START_MS - 50, START_MS + 50),
    kind=st.sampled_from(KINDS),
    source=st.text(max_size=8),
    sent_ms=st.none() | st.integers(0, 1 << 42),
    message_id=st.text(max_size=20),
    ip=st.none() | st.just("203.0.113.7"),
    envelope=st.binary(max_size=30),
    raw=st.binary(max_size=300) | st.sampled_from([b'{"event":"Order Completed"}', b'{"event":"Signed Up"}']),
)

appends = st.lists(st.lists(any_record, max_size=12), max_size=8)

properties = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


class LogContract:
    """The tests. Nothing in them knows how a log is built."""

    @pytest.fixture
    def new_store(self) -> NewStore:
        raise AssertionError("a suite says how its stores are made")

    @properties
    @given(batches=appends, small_steps=st.booleans())
    async def test_what_is_appended_comes_back_exactly_in_order_by_lane(
        self, new_store: NewStore, batches: list[list[Record]], small_steps: bool
    ) -> None:
        """Byte for byte, also after closing and opening again, and offsets have no gaps."""
        store = new_store()
        expected = by_lane([event for batch in batches for event in batch])
        async with opened(store, small_steps=small_steps) as log:
            for batch in batches:
                await log.append(batch)
            assert await everything(log) == expected
            assert await log.heads() == [len(share) for share in expected]
            assert await log.tails() == [0] * LANES
        async with opened(store, small_steps=small_steps) as log:
            assert await everything(log) == expected
            assert await log.heads() == [len(share) for share in expected]

    @properties
    @given(batches=appends, data=st.data(), small_steps=st.booleans())
    async def test_a_lane_can_be_read_from_any_offset(
        self, new_store: NewStore, batches: list[list[Record]], data: st.DataObject, small_steps: bool
    ) -> None:
        """The first block holds the offset asked for; at the end there is nothing."""
        async with opened(new_store(), small_steps=small_steps) as log:
            for batch in batches:
                await log.append(batch)
            for lane, share in enumerate(by_lane([event for batch in batches for event in batch])):
                offset = data.draw(st.integers(0, len(share)))
                assert await events_of(log, lane, offset) == share[offset:]
                if offset < len(share):
                    first = (await log.read(lane, offset, blocks=1))[0]
                    assert first.first_offset <= offset < first.next_offset
                assert await log.read(lane, len(share)) == []
                assert await log.read(lane, len(share) + 5) == []

    @properties
    @given(
        batches=appends,
        since=st.integers(START_MS - 60, START_MS + 60),
        until=st.none() | st.integers(START_MS - 60, START_MS + 60),
        kinds=st.none() | st.integers(1, 63),
        containing=st.sampled_from([b"", b"Order Completed", b"Signed", b"\x00", b"nowhere at all"]),
        newest_first=st.booleans(),
        small_steps=st.booleans(),
    )
    async def test_a_scan_finds_what_filtering_everything_finds(
        self,
        new_store: NewStore,
        batches: list[list[Record]],
        since: int,
        until: int | None,
        kinds: int | None,
        containing: bytes,
        newest_first: bool,
        small_steps: bool,
    ) -> None:
        """Every event that matches is in a block of the scan, and every block has something to do with it."""

        def matches(event: Record) -> bool:
            return (
                event.received_ms >= since
                and (until is None or event.received_ms <= until)
                and (kinds is None or bool(KIND_BIT[event.kind] & kinds))
                and containing in event.raw
            )

        async with opened(new_store(), small_steps=small_steps) as log:
            for batch in batches:
                await log.append(batch)
            scanned = [
                block
                async for block in log.scan(
                    since_ms=since,
                    until_ms=until,
                    kinds=kinds,
                    containing=containing,
                    newest_first=newest_first,
                )
            ]
        found = sorted(event.message_id for block in scanned for event in block.records if matches(event))
        assert found == sorted(event.message_id for batch in batches for event in batch if matches(event))
        for block in scanned:
            assert block.last_ms >= since
            assert until is None or block.first_ms <= until
            assert kinds is None or block.kinds & kinds
            assert any(containing in event.raw for event in block.records)
        for lane in range(LANES):
            starts = [block.first_offset for block in scanned if block.lane == lane]
            assert starts == sorted(starts, reverse=newest_first)

    async def test_a_block_says_what_is_in_it(self, new_store: NewStore) -> None:
        """Times and kinds cover the events, no more and no less."""
        async with opened(new_store()) as log:
            await log.append(
                [record(n, person="u:1", at_ms=START_MS + at) for n, at in ((0, 9), (3, 2), (6, 5))]
            )
            (block,) = await log.read(lane_of("u:1", LANES), 0)
        assert (block.first_ms, block.last_ms) == (START_MS + 2, START_MS + 9)
        assert block.kinds == KIND_BIT["identify"] | KIND_BIT["screen"]
        assert (block.first_offset, block.count, block.next_offset) == (0, 3, 3)

    async def test_appends_at_the_same_time_are_all_kept_each_in_its_order(self, new_store: NewStore) -> None:
        """Forty callers append at once, three times each."""
        async with opened(new_store()) as log:

            async def caller(number: int) -> None:
                for step in range(3):
                    await log.append(records(number * 1000 + step * 10, 5, person="u:shared"))

            await asyncio.gather(*(caller(number) for number in range(40)))
            events = await events_of(log, lane_of("u:shared", LANES))
        assert len(events) == 600
        for number in range(40):
            orders = [event.order for event in events if event.order // 1000 == number]
            assert orders == [number * 1000 + step * 10 + n for step in range(3) for n in range(5)]

    async def test_what_is_acknowledged_can_be_read_at_once(self, new_store: NewStore) -> None:
        """The event is there when append returns."""
        async with opened(new_store()) as log:
            for number in range(20):
                await log.append([record(number, person="u:1")])
                assert (await events_of(log, lane_of("u:1", LANES), number))[0].order == number

    async def test_many_small_appends_are_read_in_few_blocks(self, new_store: NewStore) -> None:
        """A reader does not pay for each of a thousand commits of one event."""
        store = new_store()
        async with opened(store, small_steps=True) as log:
            await asyncio.gather(*(log.append([record(number, person="u:1")]) for number in range(500)))
            for number in range(500, 600):
                await log.append([record(number, person="u:1")])
            blocks = await blocks_of(log, lane_of("u:1", LANES), blocks=8)
        assert sum(block.count for block in blocks) == 600
        assert len(blocks) <= 30

    async def test_a_large_append_keeps_its_order_in_blocks_of_bounded_size(
        self, new_store: NewStore
    ) -> None:
        """5,000 events of one person, some of 32 KB."""
        big = b'"' + b"x" * 32_000 + b'"'
        events = [record(n, person="u:1", raw=big if n % 50 == 0 else b'{"n":%d}' % n) for n in range(5000)]
        store = new_store()
        async with opened(store) as log:
            await log.append(events)
        async with opened(store) as log:
            lane = lane_of("u:1", LANES)
            assert await events_of(log, lane) == events
            assert all(block.count <= 2000 for block in await blocks_of(log, lane))

    async def test_a_read_ends_with_the_block_that_brings_it_to_the_bytes_asked_for(
        self, new_store: NewStore
    ) -> None:
        """So that one look at a lane of large events takes no more memory than there is; read from memory and
        from disk alike. One block comes whatever its size."""
        store = new_store()
        events = [record(number, person="u:1", raw=b"%030000d" % number) for number in range(40)]
        lane = lane_of("u:1", LANES)
        for small_steps in (False, True):
            async with opened(store, small_steps=small_steps) as log:
                if not small_steps:
                    for event in events:
                        await log.append([event])
                for most_bytes in (0, 90_000, 1 << 30):
                    blocks = await log.read(lane, 0, blocks=100, most_bytes=most_bytes)
                    *before, last = [sum(len(record.raw) for record in block.records) for block in blocks]
                    assert sum(before) < max(1, most_bytes)
                    assert sum(before) + last >= min(most_bytes, 40 * 30_000)

    async def test_an_append_of_nothing_is_nothing(self, new_store: NewStore) -> None:
        """A request whose events were all rejected."""
        async with opened(new_store()) as log:
            await log.append([])
            assert await log.heads() == [0] * LANES

    async def test_waiting_ends_when_something_is_appended(self, new_store: NewStore) -> None:
        """Well before the time is over, on the writer and beside it."""
        store = new_store()
        async with opened(store) as log:
            follower = await store.follow()
            for reader in (log, follower):
                seen = await reader.heads()
                waiting = asyncio.create_task(reader.wait(seen, 60))
                await asyncio.sleep(0)
                await log.append(records(0, 3))
                async with asyncio.timeout(60):
                    await waiting
                await reader.wait(seen, 60)  # what happened before is noticed too
            await follower.close()

    async def test_waiting_ends_with_the_time_when_nothing_comes(self, new_store: NewStore) -> None:
        """Also with none to wait."""
        async with opened(new_store()) as log:
            await log.append(records(0, 3))
            heads = await log.heads()
            await log.wait(heads, 0.01)
            await log.wait(heads, 0)
            assert await log.heads() == heads

    async def test_a_follower_reads_while_another_writes(self, new_store: NewStore) -> None:
        """It sees each acknowledged event, and cannot write itself."""
        store = new_store()
        async with opened(store, small_steps=True) as log:
            follower = await store.follow()
            assert follower.lanes == LANES
            for number in range(0, 400, 20):
                await log.append(records(number, 20))
                assert await follower.heads() == await log.heads()
            assert await everything(follower) == await everything(log)
            found = [block async for block in follower.scan(newest_first=True)]
            assert sum(block.count for block in found) == 400
            with pytest.raises(LogUnavailable, match="reading only"):
                await follower.append(records(0, 1))
            await follower.close()

    async def test_retention_by_age_removes_old_events_and_never_newer_ones(
        self, new_store: NewStore
    ) -> None:
        """Twenty hours of events, of which the last five are to be kept."""
        hour_ms = 3_600_000
        store = new_store()
        async with opened(store, retention_ms=5 * hour_ms, small_steps=True) as log:
            appended: list[Record] = []
            for hour in range(20):
                batch = records(hour * 100, 100, at_ms=START_MS + hour * hour_ms)
                await log.append(batch)
                appended += batch
            before = await log.size_bytes()
            now_ms = START_MS + 20 * hour_ms
            trimmed = await log.trim(now_ms)
            kept = await everything(log)
            expected = by_lane(appended)
            must_stay = by_lane([event for event in appended if event.received_ms >= now_ms - 5 * hour_ms])
            tails = await log.tails()
            for lane in range(LANES):
                assert kept[lane] == expected[lane][tails[lane] :]
                assert kept[lane][-len(must_stay[lane]) :] == must_stay[lane]
            assert trimmed.events == sum(tails) == 2000 - sum(map(len, kept))
            assert trimmed.events >= 1000
            assert trimmed.bytes > 0
            assert await log.size_bytes() < before
            assert await log.heads() == [len(share) for share in expected]

    async def test_retention_by_size_keeps_the_newest_events_within_bounds(self, new_store: NewStore) -> None:
        """Incompressible events of ten times the bound."""
        bound = 4 * 1024 * 1024
        store = new_store()
        async with opened(store, retention_bytes=bound, small_steps=True) as log:
            appended: list[Record] = []
            for number in range(0, 4000, 100):
                batch = [
                    record(n, raw=Random(n).randbytes(10_000), at_ms=START_MS + n)
                    for n in range(number, number + 100)
                ]
                await log.append(batch)
                appended += batch
                await log.trim(START_MS)
            assert await log.size_bytes() <= bound + 1024 * 1024
            kept, tails, expected = await everything(log), await log.tails(), by_lane(appended)
            for lane in range(LANES):
                assert 0 < tails[lane] < len(expected[lane])
                assert kept[lane] == expected[lane][tails[lane] :]
            assert sum(map(len, kept)) >= 100

    async def test_after_trimming_everything_offsets_go_on(self, new_store: NewStore) -> None:
        """An idle log loses its last event by age; the next event has the next offset, here and reopened."""
        store = new_store()
        options: dict[str, Any] = {"retention_ms": 1000, "small_steps": True}
        async with opened(store, **options) as log:
            await log.append(records(0, 40))
            heads = await log.heads()
            trimmed = await log.trim(START_MS + 10_000)
            assert trimmed.events == 40
            assert await log.tails() == await log.heads() == heads
            assert await log.trim(START_MS + 10_000) == type(trimmed)()
        async with opened(store, **options) as log:
            assert await log.heads() == heads
            await log.append(records(40, 40, at_ms=START_MS + 20_000))
            for lane, share in enumerate(by_lane(records(40, 40, at_ms=START_MS + 20_000))):
                if share:
                    first = (await log.read(lane, 0))[0]
                    assert first.first_offset == heads[lane]
                    assert await events_of(log, lane, 0) == share

    async def test_a_log_that_can_be_written_passes_the_probe(self, new_store: NewStore) -> None:
        """The probe leaves no event behind."""
        async with opened(new_store()) as log:
            await log.append(records(0, 5))
            heads = await log.heads()
            await log.probe()
            assert await log.heads() == heads

    async def test_closing_twice_is_fine_and_a_closed_log_says_so(self, new_store: NewStore) -> None:
        """What was under way is finished."""
        store = new_store()
        log = await store.open()
        last = [asyncio.create_task(log.append(records(n * 10, 10))) for n in range(10)]
        await asyncio.sleep(0)
        await log.close()
        await log.close()
        await asyncio.gather(*last)
        with pytest.raises(LogUnavailable, match="closed"):
            await log.append(records(0, 1))
        async with opened(store) as log:
            assert sum(await log.heads()) == 100
