"""Time that passes only when everybody waits: an event loop and a clock for runs that must repeat exactly.

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())          # a day of sleeping takes no time

No thread and no socket takes part, so what happens, and in which order, follows from the program alone.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, TypeVar

from segue.runtime.clock import START_MS

T = TypeVar("T")


class StandstillError(RuntimeError):
    """Everybody waits for something that cannot happen any more."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose `time` jumps to the next timer as soon as nothing else is ready."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Leap(self))

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now

    def run_in_executor(  # type: ignore[override]  # narrower: there is no other thread
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run it here and now: there is no other thread."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def leap(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


class VirtualClock:
    """The `segue.runtime.clock.Clock` of a virtual loop; also a time source for the sandbox.

    jump_ms  how far the calendar has been set away from the stopwatch
    """

    def __init__(self, start_ms: int = START_MS) -> None:
        self._loop = asyncio.get_running_loop()
        self._start_ms = start_ms
        self.jump_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return self._start_ms + self.jump_ms + round(self._loop.time() * 1000)

    def monotonic(self) -> float:
        """Seconds since the loop was made."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        await asyncio.sleep(max(0.0, seconds))


class _Leap(selectors.SelectSelector):
    """A selector that does not wait for its timeout but moves the loop's time past it."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise StandstillError("nothing is left that could ever happen, and somebody still waits")
        if timeout > 0:
            self._loop.leap(timeout)
        return []
