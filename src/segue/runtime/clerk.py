"""The clerk: keeps the log and the receipts within their bounds."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

from segue.io.log.stream import Log
from segue.io.storage.refusals import RefusalBook
from segue.io.storage.revisions import tidy
from segue.io.storage.state import State
from segue.model.errors import UnavailableError
from segue.runtime.clock import Clock

ROUND_SECONDS: Final = 60.0
LEFT_ROUNDS: Final = 60

log = structlog.get_logger("segue.clerk")


class Clerk:
    """Once a minute: trim the log by age and size, drop receipts, refusals and revisions older than the log.

    stream     the log when this process writes it, else None: only its writer may trim it
    refusals   what the receiver of this process refused
    revisions  folder of the kept workspaces, when `states` are all that may name them
    left       prunes states that have no courier any more, once an hour: whoever starts with one must find it
               free
    """

    def __init__(
        self,
        stream: Log | None,
        states: Sequence[State],
        clock: Clock,
        *,
        retention_hours: float,
        refusals: RefusalBook | None = None,
        revisions: Path | None = None,
        left: Callable[[int, int], Awaitable[None]] | None = None,
    ) -> None:
        self._left = left
        self._rounds = 0
        self._refusals = refusals
        self._revisions = revisions
        self._stream = stream
        self._states = tuple(states)
        self._clock = clock
        self._retention_ms = round(retention_hours * 3_600_000)

    async def run(self) -> None:
        """Make rounds until cancelled. What cannot be done now is tried again in a minute."""
        while True:
            try:
                await self.round()
            except UnavailableError as error:
                log.warning("clerk_round_failed", error=str(error))
            await self._clock.sleep(ROUND_SECONDS)

    async def round(self) -> None:
        """Do everything once."""
        now_ms = self._clock.now_ms()
        if self._stream is not None:
            trimmed = await self._stream.trim(now_ms)
            if trimmed.events:
                log.info("log_trimmed", events=trimmed.events, bytes=trimmed.bytes)
        for state in self._states:
            await state.prune(now_ms, self._retention_ms)
        self._rounds += 1
        if self._left is not None and self._rounds % LEFT_ROUNDS == 0:
            await self._left(now_ms, self._retention_ms)
        if self._refusals is not None:
            await self._refusals.prune(now_ms, self._retention_ms)
        if self._revisions is not None:
            wanted = [use.id for state in self._states for use in await state.revisions()]
            await asyncio.to_thread(tidy, self._revisions, wanted)
