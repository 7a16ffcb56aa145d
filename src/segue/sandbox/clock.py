"""The sandbox's time: any source of milliseconds, which the control API may stop, set and push forward."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Source(Protocol):
    """Where time comes from; the machine, or a clock wound by hand in a test."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of this source."""
        ...


class MachineTime:
    """The machine's own time."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        await asyncio.sleep(seconds)


class StillTime:
    """A source that stands where it was put, for in-process tests; sleeping moves it and returns at once."""

    def __init__(self, now_ms: int = 1_767_225_600_000) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC; 2026-01-01 unless told."""
        return self.ms

    async def sleep(self, seconds: float) -> None:
        """Move forward that many seconds."""
        self.ms += round(seconds * 1000)


class Clock:
    """A source seen through a shift: runs with it, or stands still when frozen."""

    def __init__(self, source: Source | None = None) -> None:
        self.source: Source = source or MachineTime()
        self.shift_ms = 0
        self.frozen_ms: int | None = None

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return self.source.now_ms() + self.shift_ms if self.frozen_ms is None else self.frozen_ms

    def set(self, now_ms: int, *, frozen: bool = False) -> None:
        """Make it that moment now, running on from there or standing still."""
        self.shift_ms = now_ms - self.source.now_ms()
        self.frozen_ms = now_ms if frozen else None

    def advance(self, seconds: float) -> None:
        """Push the hand forward, frozen or not."""
        step = round(seconds * 1000)
        self.shift_ms += step
        if self.frozen_ms is not None:
            self.frozen_ms += step

    def follow(self) -> None:
        """Go back to the source's own time."""
        self.shift_ms, self.frozen_ms = 0, None

    async def sleep(self, seconds: float) -> None:
        """Wait on the source: a frozen clock does not stop a latency fault."""
        await self.source.sleep(seconds)


def iso(moment_ms: int) -> str:
    """`2026-01-01T00:00:00.000Z`, UTC."""
    return (EPOCH + timedelta(milliseconds=moment_ms)).isoformat(timespec="milliseconds")[:-6] + "Z"
