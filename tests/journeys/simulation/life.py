"""A process that may be killed at any await: every way out of it goes through one gate.

A dead life changes nothing any more, though its coroutines may still be unwinding. Each passage of the gate
is a chance to die, so a run that is repeated with another number dies at another await.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from tests.journeys.simulation.judge import Judge
from tests.journeys.simulation.memory_database import MemoryDatabase
from tests.journeys.simulation.memory_log import MemoryLog
from tests.journeys.simulation.network import Network, things_of

from segue.io.log.stream import READ_BYTES, Block
from segue.io.storage.database import Session
from segue.model.delivery import Request, Response

T = TypeVar("T")


class Life:
    """One start of the process.

    folder       where it keeps its journal
    dies_at      which passage of the gate is the last; None for a life without accident
    dies_by      passages of what name count for that; "" for all
    is_succeeded true when the next one has begun
    """

    def __init__(
        self, number: int, dies_at: int | None, chance: Random, folder: Path, *, dies_by: str = ""
    ) -> None:
        self.number = number
        self.folder = folder
        self.is_alive = True
        self.is_succeeded = False
        self.ended = asyncio.Event()
        self.last_gate = ""
        self._left: dict[Path, bytes] = {}
        self._dies_at = dies_at
        self._dies_by = dies_by
        self._passages = 0
        self._chance = chance

    @property
    def is_mortal(self) -> bool:
        """Whether an accident waits for it."""
        return self._dies_at is not None

    def end(self) -> None:
        """Die; what stands in the folder now is what the next life finds."""
        if self.is_alive:
            self._left = {path: path.read_bytes() for path in self.folder.iterdir()}
        self.is_alive = False
        self.ended.set()

    def bury(self) -> None:
        """Undo what coroutines wrote while they unwound: a killed process does not unwind."""
        for path in self.folder.iterdir():
            if path not in self._left:
                path.unlink()
        for path, content in self._left.items():
            path.write_bytes(content)

    async def gate(self, name: str) -> None:
        """Pass, perhaps after a moment, or die."""
        luck = self._chance.random()
        if luck < 0.3:
            await asyncio.sleep(0 if luck < 0.15 else luck / 10)
        self._passages += self._dies_by in ("", name)
        if self.is_alive and self._passages == self._dies_at:
            self.last_gate = name
            self.end()
        if not self.is_alive:
            raise asyncio.CancelledError

    async def through(self, name: str, work: Callable[[], Any]) -> Any:
        """Do something outside: the life may end before it happens, or after and before it is known."""
        await self.gate(f"before {name}")
        result = await work()
        await self.gate(f"after {name}")
        return result


class MortalDatabase:
    """The database as a life sees it."""

    def __init__(self, life: Life, database: MemoryDatabase) -> None:
        self._life = life
        self._database = database

    async def read(self, work: Callable[[Session], T]) -> T:
        found: T = await self._life.through("a look at the state", lambda: self._database.read(work))
        return found

    async def transact(self, work: Callable[[Session], T]) -> T:
        found: T = await self._life.through("a checkpoint", lambda: self._database.transact(work))
        return found

    async def close(self) -> None:
        """It is not ours to close."""


class MortalLog(MemoryLog):
    """The log as a life sees it; it only reads."""

    def __init__(self, life: Life, log: MemoryLog) -> None:
        super().__init__(log.tape, writes=False)
        self._life = life

    async def read(
        self, lane: int, offset: int, *, blocks: int = 8, most_bytes: int = READ_BYTES
    ) -> list[Block]:
        reading = partial(super().read, lane, offset, blocks=blocks, most_bytes=most_bytes)
        found: list[Block] = await self._life.through("a read of the log", reading)
        return found

    async def heads(self) -> list[int]:
        found: list[int] = await self._life.through("a look at the heads", super().heads)
        return found


class MortalSender:
    """The wire as a life sees it. is_full: whether an answer cannot be noted."""

    def __init__(
        self,
        life: Life,
        network: Network,
        judge: Judge,
        wires: asyncio.TaskGroup,
        is_full: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_full = is_full
        self._life = life
        self._network = network
        self._judge = judge
        self._wires = wires

    async def send(self, request: Request) -> Response:
        try:
            await self._life.gate("before a request")
        except asyncio.CancelledError:
            self._judge.noted([thing for _, _, thing in things_of(request)])
            raise
        # What has left goes on without its sender.
        travelling = self._wires.create_task(self._network.carry(request, self._life))
        response, taken = await asyncio.shield(travelling)
        await self._life.gate("after an answer")
        if 200 <= response.status < 300:
            self._judge.answered(taken, self._life.folder, is_noted=not self._is_full())
        return response
