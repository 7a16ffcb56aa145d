"""The log of the simulation keeps the contract of every log."""

from collections.abc import Callable

import pytest
from tests.io.log_contract import LANES, LogContract
from tests.journeys.simulation.memory_log import MemoryLog, Tape


class Reel:
    """A store of the contract: one tape."""

    def __init__(self) -> None:
        self.tape: Tape | None = None

    async def open(
        self,
        *,
        lanes: int = LANES,
        retention_ms: int = 0,
        retention_bytes: int = 0,
        small_steps: bool = False,
    ) -> MemoryLog:
        self.tape = self.tape or Tape(lanes)
        return MemoryLog(self.tape, retention_ms=retention_ms, retention_bytes=retention_bytes)

    async def follow(self) -> MemoryLog:
        assert self.tape is not None
        return MemoryLog(self.tape, writes=False)


class TestMemoryLog(LogContract):
    @pytest.fixture
    def new_store(self) -> Callable[[], Reel]:
        return Reel
