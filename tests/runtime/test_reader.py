"""The reader gives every event once and in ingest order, also while the log grows under its hands."""

from collections.abc import Sequence
from pathlib import Path

from tests.runtime.house import records

from segue.engine.ledger import Ledger, Place
from segue.io.log.sqlite import SqliteLog
from segue.io.log.stream import READ_BYTES, Block
from segue.model.event import Record
from segue.runtime.reader import Entry, Reader, weights

LANES = 2


class GrowingLog:
    """A log to which somebody appends between a look at its heads and each read."""

    def __init__(self, stream: SqliteLog, more: Sequence[Sequence[Record]]) -> None:
        self._stream = stream
        self._more = list(more)
        self.lanes = stream.lanes
        self.heads, self.wait = stream.heads, stream.wait

    async def read(
        self, lane: int, offset: int, *, blocks: int = 8, most_bytes: int = READ_BYTES
    ) -> list[Block]:
        while self._more:
            await self._stream.append(self._more.pop(0))
        return await self._stream.read(lane, offset, blocks=blocks, most_bytes=most_bytes)


def ledger_of(lanes: int) -> Ledger:
    """A book that begins with the log."""
    return Ledger("web", {lane: Place(0) for lane in range(lanes)}, dict.fromkeys(range(lanes), 0), {})


def tracks(start: int, count: int) -> list[Record]:
    """Records of several people."""
    return records(
        *(
            {"type": "track", "event": "E", "userId": f"u{n % 7}", "messageId": f"m{n}"}
            for n in range(start, start + count)
        )
    )


async def read_all(reader: Reader, ledger: Ledger) -> list[Entry]:
    """Everything there is, taken as a courier takes it."""
    found: list[Entry] = []
    while entries := await reader.next(ledger, 0, 1 << 20):
        for lane, offset, _ in entries:
            ledger.take(lane, offset)
        found += entries
        assert reader.bytes >= sum(len(record.raw) for _, _, record in entries)
        reader.let_go(sum(weights([entry[2] for entry in entries])))
    assert reader.bytes == 0
    return found


async def test_commits_between_a_look_at_the_heads_and_a_read_are_read_later_not_lost(tmp_path: Path) -> None:
    """A read may give the end of a block and whole blocks behind the heads it was asked for."""
    # Joined blocks hold up to 256 events, so these commits make blocks that straddle the head and
    # blocks that begin after it.
    sizes = [40, 250, 240, 230, 10]
    batches = [tracks(sum(sizes[:index]), size) for index, size in enumerate(sizes)]
    stream = await SqliteLog.open(tmp_path, lanes=LANES)
    try:
        await stream.append(batches[0])
        ledger = ledger_of(LANES)
        found = await read_all(Reader(GrowingLog(stream, batches[1:]), range(LANES)), ledger)
    finally:
        await stream.close()
    assert [record.message_id for _, _, record in found] == [f"m{n}" for n in range(sum(sizes))]
    assert ledger.total("expired") == 0
