"""Ending: what a courier still reads and sends after it was asked to stop."""

import math
from typing import Final

from segue.runtime.clock import Clock

READING_SECONDS: Final = 1.0
SENDING_SECONDS: Final = 30.0
"""So long a stop goes on reading what is in the log, and sending what waits, at the most. Whoever stops the
process waits no longer than a minute before killing it."""


class Ending:
    """Reading ends a moment after the stop, sending a while later; what is left waits for the next start.

    is_asked     somebody asked for the stop
    is_draining  it ends by itself, when all there is has been read and settled, however long that takes
    """

    def __init__(self, clock: Clock) -> None:
        self.is_asked = self.is_draining = False
        self._clock = clock
        self._reads_until = self._sends_until = math.inf

    def ask(self) -> None:
        """Stop from here on."""
        now = self._clock.monotonic()
        self.is_asked = True
        self._reads_until = now + READING_SECONDS
        if not self.is_draining:
            self._sends_until = now + SENDING_SECONDS

    def has_read(self) -> None:
        """All there was at the stop has been read."""
        self._reads_until = -math.inf

    @property
    def reads(self) -> bool:
        """Whether more may be read."""
        return self._clock.monotonic() < self._reads_until

    @property
    def sends(self) -> bool:
        """Whether more may be sent."""
        return self._clock.monotonic() < self._sends_until
