"""The bidding: what others ask of one courier, carried out at its checkpoints.

    bidding = Bidding(destination, stream, state, lanes, memory); await bidding.start(destination)
    rows = await bidding.take(destination, ledger, now_ms)    # they leave with the others
    entries = bidding.entries(); …checkpoint…; bidding.written(entries)

Commands lie in the destination's state. Each is done in the transaction that holds what came of it, so a
crash in between changes nothing: it is found again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from segue.engine.ledger import Ledger
from segue.engine.plan import BoundDestination
from segue.io.log.stream import Log
from segue.io.storage.state import State
from segue.runtime import eraser, revival
from segue.runtime.brake import Brake
from segue.runtime.eraser import Departure, Eraser
from segue.runtime.memory import Memory
from segue.runtime.revival import Revival


class Entries(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint writes.

    revived        ids of letters that are no longer dead
    done_commands  ids of commands that are done; commands: id -> the arguments of one that is done in part
    """

    revived: list[str]
    done_commands: list[int]
    commands: Mapping[int, Mapping[str, Any]]
    values: Mapping[str, bytes]
    retried: revival.Entries
    erased: eraser.Entries


class Bidding:
    """Those who carry out commands for one courier: revival, brake, eraser, and its memory."""

    def __init__(
        self, destination: str, stream: Log, state: State, lanes: Collection[int], memory: Memory
    ) -> None:
        self.revival = Revival(stream, state)
        self.brake = Brake(destination, state)
        self.eraser = Eraser(destination, state, lanes, stream.lanes)
        memory.debouncer.is_late = self.eraser.is_late
        self._memory = memory
        self._state = state
        self._ready: list[Departure] = []  # rows not given yet: something went wrong after they were made
        self._obeyed: list[int] = []

    async def start(self, destination: BoundDestination) -> None:
        """Take up what was kept, and what must be known before anything is read or sent."""
        await self.brake.start()
        await self.revival.start()
        await self.eraser.start()
        self._erase(destination, await self._state.commands())

    async def take(self, destination: BoundDestination, ledger: Ledger, now_ms: int) -> list[Departure]:
        """Carry out new commands; gives the rows that leave. Raises StorageUnavailable: ask again."""
        self._ready += await self.revival.take(destination, ledger, now_ms)
        asked = await self._state.commands()
        mending, refreshed = await self._memory.take(asked)
        self._ready += [(*departure, ()) for departure in mending]
        self._obeyed = [*refreshed, *self.brake.take(asked)]
        self._erase(destination, asked)
        self.eraser.close(now_ms)
        return self.ready()

    def ready(self) -> list[Departure]:
        """The rows that leave."""
        ready, self._ready = self._ready, []
        return ready

    def keep(self, departures: Sequence[Departure]) -> None:
        """These could not leave: `take` gives them again."""
        self._ready[:0] = departures

    def _erase(self, destination: BoundDestination, asked: Collection[Any]) -> None:
        rows = self.eraser.take(destination, asked)
        self._ready += rows
        self._memory.debouncer.forget([row.person for row, *_ in rows])

    @property
    def is_dirty(self) -> bool:
        """Whether the next checkpoint has something of ours to write."""
        return self.revival.is_dirty or self.eraser.is_dirty or bool(self._obeyed)

    def entries(self) -> Entries:
        """What the next checkpoint writes; call `written` once it is durable."""
        retried = self.revival.entries()
        erased = self.eraser.entries()
        return Entries(
            revived=retried.removed,
            done_commands=[*retried.done, *self._obeyed, *erased.done],
            commands={**retried.asked, **erased.progress},
            values={**self.brake.values, **self.revival.values, **erased.values},
            retried=retried,
            erased=erased,
        )

    def written(self, entries: Entries) -> None:
        """The checkpoint with these entries is durable."""
        self.revival.written(entries.retried)
        self.eraser.written(entries.erased)
        self._obeyed = []
