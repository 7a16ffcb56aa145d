"""Standstill: whether a courier is paused because its state or the log cannot be used, and saying so."""

from typing import Final

import structlog

from segue.runtime.clock import Clock

SAY_SECONDS: Final = 60.0
"""How often the same reason is said again, for whoever comes later."""

log = structlog.get_logger("segue.courier")


class Standstill:
    """A courier that stands still tries again each second; each try begins with `is_on` and may end it.

    is_on  nothing is done but trying
    """

    def __init__(self, destination: str, clock: Clock) -> None:
        self.is_on = False
        self._destination = destination
        self._clock = clock
        self._said = ""
        self._say_at = 0.0

    def begin(self, why: str) -> None:
        """Something cannot be used, or still not."""
        self.is_on = True
        now = self._clock.monotonic()
        if why != self._said or now >= self._say_at:
            self._said, self._say_at = why, now + SAY_SECONDS
            log.error("courier_paused", destination=self._destination, error=why)

    def is_over(self, *, was_on: bool) -> None:
        """A step went well; only one that was no mere try tells that the trouble is over."""
        if self._said and not was_on:
            self._said = ""
            log.info("courier_goes_on", destination=self._destination)
