"""MemoryLog: the event log as lists, without threads or files, for runs that must repeat exactly."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from segue.io.log.stream import READ_BYTES, Block, Trimmed
from segue.model.errors import LogUnavailable
from segue.model.event import KIND_BIT, Record, lane_of

BLOCK_EVENTS: Final = 64
"""Events in one block; the last block of a lane grows until it is full."""


class Tape:
    """What several logs, one of which writes, have in common: the lanes and where each begins."""

    def __init__(self, lanes: int) -> None:
        self.lanes: list[list[Record]] = [[] for _ in range(lanes)]
        self.tails = [0] * lanes
        self.waiting: list[asyncio.Future[None]] = []

    def head(self, lane: int) -> int:
        return self.tails[lane] + len(self.lanes[lane])


class MemoryLog:
    """The `segue.io.log.stream.Log` over a tape."""

    def __init__(
        self, tape: Tape, *, writes: bool = True, retention_ms: int = 0, retention_bytes: int = 0
    ) -> None:
        self.tape = tape
        self._writes = writes
        self._retention_ms = retention_ms
        self._retention_bytes = retention_bytes
        self._closed = False

    @property
    def lanes(self) -> int:
        return len(self.tape.lanes)

    async def append(self, records: Sequence[Record]) -> None:
        await self.probe()
        for record in records:
            self.tape.lanes[lane_of(record.person, self.lanes)].append(record)
        for future in self.tape.waiting:
            if not future.done():
                future.set_result(None)
        self.tape.waiting.clear()

    async def read(
        self, lane: int, offset: int, *, blocks: int = 8, most_bytes: int = READ_BYTES
    ) -> list[Block]:
        tail, records = self.tape.tails[lane], self.tape.lanes[lane]
        first = max(0, offset - tail) // BLOCK_EVENTS * BLOCK_EVENTS
        starts = range(first, len(records), BLOCK_EVENTS)[:blocks] if offset < self.tape.head(lane) else ()
        found: list[Block] = []
        for start in starts:
            if found and sum(len(record.raw) for each in found for record in each.records) >= most_bytes:
                break
            found.append(_block(lane, tail + start, records[start : start + BLOCK_EVENTS]))
        return found

    async def scan(
        self,
        *,
        since_ms: int = 0,
        until_ms: int | None = None,
        kinds: int | None = None,
        newest_first: bool = False,
        containing: bytes = b"",
    ) -> AsyncIterator[Block]:
        for lane in range(self.lanes):
            found = await self.read(lane, 0, blocks=len(self.tape.lanes[lane]))
            for block in reversed(found) if newest_first else found:
                if (
                    block.last_ms >= since_ms
                    and (until_ms is None or block.first_ms <= until_ms)
                    and (kinds is None or block.kinds & kinds)
                    and any(containing in record.raw for record in block.records)
                ):
                    yield block

    async def heads(self) -> list[int]:
        return [self.tape.head(lane) for lane in range(self.lanes)]

    async def tails(self) -> list[int]:
        return list(self.tape.tails)

    async def wait(self, seen: Sequence[int], seconds: float) -> None:
        if any(self.tape.head(lane) > seen[lane] for lane in range(self.lanes)):
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.tape.waiting.append(future)
        await asyncio.wait([future], timeout=seconds)
        if future in self.tape.waiting:
            self.tape.waiting.remove(future)

    async def size_bytes(self) -> int:
        """Bytes of the events kept."""
        return sum(len(record.raw) for records in self.tape.lanes for record in records)

    async def trim(self, now_ms: int) -> Trimmed:
        """Remove what is older or larger than the retention, oldest first."""
        events = size = 0
        bound = self._retention_bytes // self.lanes
        for lane, records in enumerate(self.tape.lanes):
            gone, left = 0, sum(len(record.raw) for record in records)
            for record in records:
                is_old = self._retention_ms and record.received_ms < now_ms - self._retention_ms
                if not is_old and not (bound and left > bound):
                    break
                gone += 1
                left -= len(record.raw)
                size += len(record.raw)
            del records[:gone]
            self.tape.tails[lane] += gone
            events += gone
        return Trimmed(events=events, bytes=size)

    async def probe(self) -> None:
        """Raises LogUnavailable when nothing can be appended."""
        if self._closed:
            raise LogUnavailable("the log is closed")
        if not self._writes:
            raise LogUnavailable("this log was opened for reading only")

    async def close(self) -> None:
        self._closed = True


def _block(lane: int, first_offset: int, records: Sequence[Record]) -> Block:
    kinds = 0
    for record in records:
        kinds |= KIND_BIT[record.kind]
    return Block(
        lane=lane,
        first_offset=first_offset,
        count=len(records),
        first_ms=min(record.received_ms for record in records),
        last_ms=max(record.received_ms for record in records),
        kinds=kinds,
        records=list(records),
    )
