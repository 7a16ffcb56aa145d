"""Barriers: what an event waits for in lanes of the log that other couriers of its destination read.

An identify that names an anonymousId must not overtake that anonymous person's earlier events, which may live
in another lane. Every event has an ingest order that grows over all lanes, so "earlier" has a meaning there:
each courier writes down, with every checkpoint, up to which order its lanes are settled (`frontier`), and
reads what the others wrote while something waits for it. An event waits for lower orders only, so nobody ever
waits in a circle.

A lane that no courier of the destination serves is never settled: what waits for it waits, and is said so.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec
import structlog

from segue.engine.batch import Batcher
from segue.engine.ledger import Ledger
from segue.engine.line import Waiting
from segue.io.log.stream import Log
from segue.io.storage.state import Cursor, StateReader
from segue.model.errors import UnavailableError
from segue.model.event import Record, lane_of

FRONTIER: Final = "frontier"
"""Name of the state's value: lane -> every event of a lower order is settled."""

LONG_SECONDS: Final = 60.0

log = structlog.get_logger("segue.courier")


class _Bar(msgspec.Struct):
    lane: int
    order: int
    entry: Waiting
    since: float


class Settled(Protocol):
    """What another courier has written down."""

    async def load(self) -> Mapping[int, Cursor]: ...

    async def value(self, name: str) -> bytes | None: ...


class Neighbours:
    """The state files of a destination's other couriers; they are beside ours.

    stem  path of our state file without ending
    """

    def __init__(self, destination: str, stem: Path) -> None:
        self._destination = destination
        self._own = stem.with_name(f"{stem.name}.db")
        self._readers: dict[Path, StateReader] = {}

    async def others(self) -> Sequence[Settled]:
        """Those that can be read now."""
        folder, name = self._own.parent, self._destination
        for path in sorted([*folder.glob(f"{name}.db"), *folder.glob(f"{name}@*.db")]):
            if path != self._own and path not in self._readers:
                with suppress(UnavailableError):  # it is being made: it has settled nothing yet
                    self._readers[path] = await StateReader.open(path)
        return [self._readers[path] for path in sorted(self._readers)]

    async def close(self) -> None:
        """Stop reading them."""
        for reader in self._readers.values():
            await reader.close()
        self._readers.clear()


class Barriers:
    """What one courier's events wait for.

    lanes       those this courier reads itself; is_parted: others read the rest
    neighbours  what the destination's other couriers have written down
    """

    def __init__(
        self, destination: str, stream: Log, lanes: Iterable[int], stem: Path, batcher: Batcher
    ) -> None:
        self.neighbours = Neighbours(destination, stem)
        self._destination = destination
        self._stream = stream
        self._lanes = frozenset(lanes)
        self.is_parted = len(self._lanes) < stream.lanes
        self._batcher = batcher
        self._bars: list[_Bar] = []
        self._read: dict[int, int] = {}
        self._said = False

    def __bool__(self) -> bool:
        """Whether something waits."""
        return bool(self._bars)

    def raise_for(self, people: Iterable[str], order: int, now: float) -> None:
        """Before rows join the batcher: let them wait for those of their people who live elsewhere."""
        for person in people if self.is_parted else ():
            lane = lane_of(person, self._stream.lanes)
            if lane not in self._lanes:
                self._bars.append(_Bar(lane, order, self._batcher.bar(person), now))

    def read(self, entries: Iterable[tuple[int, int, Record]]) -> None:
        """Events were taken from our lanes, each (lane, offset, record)."""
        self._read.update({lane: record.order for lane, _, record in entries})

    def frontier(self, ledger: Ledger) -> dict[str, bytes]:
        """Up to which order our lanes are settled: a value of the state, for the others if there are any."""
        if not self.is_parted:
            return {}
        found = {
            lane: order if order is not None else self._read.get(lane, -1) + 1
            for lane in self._lanes
            for order in (ledger.oldest_order(lane),)
        }
        return {FRONTIER: msgspec.msgpack.encode(found)}

    async def look(self, now: float) -> None:
        """Let go what waits for nothing any more."""
        if not self._bars:
            return
        heads = await self._stream.heads()
        settled, frontiers = await self._others()
        kept: list[_Bar] = []
        for bar in self._bars:
            # All that came before the event is below a head looked at after it.
            if frontiers.get(bar.lane, 0) > bar.order or settled.get(bar.lane, 0) >= heads[bar.lane]:
                self._batcher.lift(bar.entry)
            else:
                kept.append(bar)
        self._bars = kept
        waits_long = bool(kept) and now - kept[0].since > LONG_SECONDS
        if waits_long and not self._said:
            log.warning("lane_waited_for", destination=self._destination, lane=kept[0].lane, count=len(kept))
        self._said = waits_long

    async def close(self) -> None:
        """Stop reading the others."""
        await self.neighbours.close()

    async def _others(self) -> tuple[Mapping[int, int], Mapping[int, int]]:
        """Lane -> offset below which, and order below which, other couriers have settled everything."""
        settled: dict[int, int] = {}
        frontiers: dict[int, int] = {}
        for state in await self.neighbours.others():
            try:
                cursors, body = await state.load(), await state.value(FRONTIER)
            except UnavailableError:
                continue  # its disk is away: it has settled nothing new then
            for lane, cursor in cursors.items():
                settled[lane] = max(settled.get(lane, 0), cursor.next_offset)
            for lane, order in (_decode(body) if body else {}).items():
                frontiers[lane] = max(frontiers.get(lane, 0), order)
        return settled, frontiers


_decode: Final = msgspec.msgpack.Decoder(dict[int, int]).decode
