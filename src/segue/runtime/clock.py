"""The time, as an argument: a clock to pass in, the real one, and one wound by hand.

Nothing else in Segue reads the time or sleeps. Two notions, never mixed: `now_ms` is the calendar
(milliseconds since the epoch, may jump when the machine's clock is set) and goes into events and
receipts; `monotonic` is a stopwatch (seconds from an arbitrary start) and measures waits.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Coroutine, Iterable
from typing import Protocol


class Clock(Protocol):
    """What a loop may know about time."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds; at once (after a turn of the event loop) for none or fewer."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        await asyncio.sleep(max(0.0, seconds))


START_MS = 1_767_225_600_000
"""Where a hand-wound clock starts unless told: 2026-01-01T00:00:00Z."""


class HandClock:
    """A clock that stands still until `advance` is called: for tests and for anything replayed.

    Sleepers wake in the order of the moments they asked for, each at exactly its moment, so a loop that
    sleeps again inside one `advance` is woken again inside it.
    """

    def __init__(self, now_ms: int = START_MS) -> None:
        self._start_ms = now_ms
        self._seconds = 0.0
        self._tickets = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return self._start_ms + round(self._seconds * 1000)

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._seconds

    @property
    def sleepers(self) -> int:
        """How many callers are asleep."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Return once the hand has passed that many seconds from now."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._seconds + seconds, next(self._tickets), future))
        await future

    async def advance(self, seconds: float, *, turns: int = 20) -> None:
        """Move the hand forward, waking every sleeper whose moment comes.

        turns  turns of the event loop given to the woken after each moment. Work that waits for a thread
               or a socket may need longer: await that work itself, not the clock.
        """
        await _give(turns)
        end = self._seconds + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            moment, _, future = heapq.heappop(self._sleepers)
            if future.done():  # cancelled while asleep
                continue
            self._seconds = max(self._seconds, moment)
            future.set_result(None)
            await _give(turns)
        self._seconds = end
        await _give(turns)

    def jump(self, seconds: float) -> None:
        """Move the hand without waking anybody: what a synchronous test needs. Sleepers that are due by
        then wake at the next `advance`."""
        self._seconds += seconds


async def _give(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


async def first_of(waits: Iterable[Coroutine[object, object, object]]) -> None:
    """Wait until one of these is done; the others are cancelled."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
