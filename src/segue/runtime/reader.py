"""The reader: the lanes of the log as one sequence of events, in the order they came in.

Reading in ingest order makes "everything earlier" true across lanes: an identify that names an
anonymousId is routed after that anonymous person's earlier events, though they live in another lane.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Final

from segue.engine.ledger import Ledger, Place
from segue.io.log.stream import Block, Log
from segue.io.storage.state import State
from segue.io.storage.succession import BEGUN, beginnings
from segue.model.errors import CorruptBlock
from segue.model.event import Record

BLOCKS: Final = 16

RECORD_BYTES: Final = 600
"""What an event fetched takes beside its JSON. Measured."""

Entry = tuple[int, int, Record]
"""(lane, offset, record)"""


def weights(records: Iterable[Record]) -> list[int]:
    """Bytes that each of some events takes in memory, about."""
    return [len(record.raw) + len(record.envelope) + RECORD_BYTES for record in records]


class Reader:
    """Reads some lanes of a log; how far, the ledger knows.

    bytes  what is held of events that were fetched, given ones too until they are let go
    """

    def __init__(self, stream: Log, lanes: Sequence[int]) -> None:
        self.bytes = 0
        self._stream = stream
        self._lanes = tuple(lanes)
        self._ready: dict[int, list[Entry]] = {lane: [] for lane in lanes}
        self._fetched: dict[int, int] = {}
        self._heads: list[int] = [0] * stream.lanes

    @property
    def has_more(self) -> bool:
        """Whether there are events that are known of and were not given."""
        return any(self._ready.values()) or self._is_behind

    @property
    def _is_behind(self) -> bool:
        return any(fetched < self._heads[lane] for lane, fetched in self._fetched.items())

    async def next(self, ledger: Ledger, minute: int, most_bytes: int) -> list[Entry]:
        """The next events in ingest order; empty when everything there is has been given.

        most_bytes  of events to fetch, of all lanes together; at least one block of each lane is

        A lane with more behind what was fetched bounds the others: nothing is given that something
        not fetched yet might come before. Raises CorruptBlock, LogUnavailable.
        """
        if not self._fetched:
            self._fetched = {lane: ledger.read_to(lane) for lane in self._lanes}
        if not self._is_behind:
            # One look at all heads: what is appended later has a higher order than all that is read now.
            self._heads = await self._stream.heads()
        bound: int | None = None
        for lane in self._lanes:
            ready = self._ready[lane]
            if not ready and self._fetched[lane] < self._heads[lane]:
                await self._fetch(lane, ledger, minute, most_bytes // len(self._lanes))
            if ready and self._fetched[lane] < self._heads[lane]:
                last = ready[-1][2].order
                bound = last if bound is None else min(bound, last)
        found: list[Entry] = []
        for lane, ready in self._ready.items():
            if bound is None or (ready and ready[-1][2].order <= bound):
                found += ready
                self._ready[lane] = []
            else:
                keep = next(
                    (index for index, entry in enumerate(ready) if entry[2].order > bound), len(ready)
                )
                found += ready[:keep]
                self._ready[lane] = ready[keep:]
        found.sort(key=_order)
        return found

    def let_go(self, size: int) -> None:
        """Events of so many bytes that were given are held no longer."""
        self.bytes -= size

    async def wait(self, seconds: float) -> None:
        """Return when the log may hold events not fetched yet, or after `seconds`."""
        seen = list(self._heads)
        for lane, fetched in self._fetched.items():
            seen[lane] = fetched
        await self._stream.wait(seen, seconds)

    def skip(self, lane: int, offset: int) -> None:
        """Go on after a block that cannot be read."""
        self._fetched[lane] = max(self._fetched.get(lane, 0), offset)

    async def _fetch(self, lane: int, ledger: Ledger, minute: int, most_bytes: int) -> None:
        start = self._fetched[lane]
        try:
            blocks = await self._stream.read(lane, start, blocks=BLOCKS, most_bytes=most_bytes)
        except CorruptBlock as error:
            if error.first_offset <= start:
                raise
            blocks = await self._stream.read(lane, start, blocks=1)  # up to the one that does not decode
        if not blocks:  # retention took everything up to the head
            ledger.advance(lane, self._heads[lane], minute)
            self._fetched[lane] = self._heads[lane]
        for block in blocks:
            self._keep(block, ledger, minute)

    def _keep(self, block: Block, ledger: Ledger, minute: int) -> None:
        """Keep what of a block is before the head; a commit since the heads were looked at is left for later,
        whether it is the end of this block or the whole of it."""
        lane, first, head = block.lane, block.first_offset, self._heads[block.lane]
        start = self._fetched[lane]
        if start >= head:
            return
        if first > start:
            start = min(first, head)
            ledger.advance(lane, start, minute)
        end = max(start, min(block.next_offset, head))
        records = block.records[start - first : end - first] if end > start else ()
        self.bytes += sum(weights(records))
        self._ready[lane].extend(zip(repeat(lane), range(start, end), records, strict=False))
        self._fetched[lane] = end


def _order(entry: Entry) -> int:
    return entry[2].order


async def open_ledger(source: str, origins: Mapping[int, int], state: State) -> Ledger:
    """The book as the last run left it. origins: the lanes, and where in each the destination began."""
    cursors = await state.load()
    places = {lane: Place(offset) for lane, offset in origins.items()} | {
        lane: Place(cursor.next_offset, cursor.settled) for lane, cursor in cursors.items() if lane in origins
    }
    begun, before = beginnings(await state.value(BEGUN))
    return Ledger(source, places, {**origins, **begun}, await state.totals(), before)
