"""The supply: what one courier takes in next, in bites, with what is known of each event already.

entries, fresh = await supply.bite(ledger, source, minute, most_bytes)
...route them...
supply.eaten(entries)            # not called when that failed: then the same bite comes again
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from segue.engine.ledger import Ledger
from segue.io.log.stream import Log
from segue.io.storage.state import State
from segue.runtime.reader import Entry, Reader, weights

CHUNK: Final = 128
"""Events routed before the loop looks after answers and other tasks again."""

BITE_BYTES: Final = 256 * 1024
"""A bite ends with the event that brings it to this."""


class Supply:
    """The events of some lanes of a log, each once, in the order they came in."""

    def __init__(self, stream: Log, lanes: Sequence[int], state: State) -> None:
        self._state = state
        self._reader = Reader(stream, lanes)
        self._found: list[Entry] = []
        self._weights: list[int] = []  # of what was found
        self._fresh: list[bool] = []  # of what was found: ours, and not met before

    @property
    def bytes(self) -> int:
        """What is held of events that were fetched and not eaten."""
        return self._reader.bytes

    @property
    def has_more(self) -> bool:
        """Whether there are events that are known of and not eaten."""
        return bool(self._found) or self._reader.has_more

    async def bite(
        self, ledger: Ledger, source: str, minute: int, most_bytes: int
    ) -> tuple[list[Entry], list[bool]]:
        """The next events, and of each whether it is of this source and new. Both empty at the log's end.

        most_bytes  of events to fetch where none are left
        Raises CorruptBlock, LogUnavailable, StorageUnavailable.
        """
        if not self._found:
            self._found = await self._reader.next(ledger, minute, most_bytes)
            self._weights = weights([entry[2] for entry in self._found])
        if self._found and not self._fresh:
            # Asked once for all that was found: bite by bite it costs several times as much.
            self._fresh = await fresh(self._state, source, self._found)
        sizes = list(accumulate(self._weights[:CHUNK]))
        count = min(bisect_left(sizes, BITE_BYTES) + 1, len(sizes))
        return self._found[:count], self._fresh[:count]

    def eaten(self, entries: Sequence[Entry]) -> None:
        """The last bite was taken in."""
        count = len(entries)
        self._reader.let_go(sum(self._weights[:count]))
        del self._found[:count], self._fresh[:count], self._weights[:count]

    def skip(self, lane: int, offset: int) -> None:
        """Go on after a block that cannot be read."""
        self._reader.skip(lane, offset)

    async def wait(self, seconds: float) -> None:
        """Return when the log may hold events not fetched yet, or after `seconds`."""
        await self._reader.wait(seconds)


async def fresh(state: State, source: str, entries: Sequence[Entry]) -> list[bool]:
    """Say of each event whether it is of this source and was not met before."""
    ids = [
        (record.message_id, lane, offset, record.received_ms)
        for lane, offset, record in entries
        if record.source == source
    ]
    verdicts = await state.fresh(ids) if ids else []
    if len(verdicts) == len(entries):
        return verdicts
    each = iter(verdicts)
    return [record.source == source and next(each) for _, _, record in entries]
