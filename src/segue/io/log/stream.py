"""The contract of the event log: append durably, read by lane, scan by time and type.

A log has a fixed number of lanes. Within a lane events have consecutive offsets from 0 and keep the
order they were appended in; a person's events are always in one lane. `tests/io/log_contract.py` runs
the same tests over every implementation.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

import msgspec

from segue.model.event import Record

READ_BYTES: Final = 4 * 1024 * 1024
"""One read ends with the stored block that brings its events to this."""


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A run of consecutive events of one lane, as written by one group commit.

    first_offset, count  the offsets it holds: first_offset … first_offset + count - 1
    first_ms, last_ms    earliest and latest ``received_ms`` in it
    kinds                bitmap of the event kinds in it (see `segue.model.event.KIND_BIT`)
    records              the events, in offset order
    """

    lane: int
    first_offset: int
    count: int
    first_ms: int
    last_ms: int
    kinds: int
    records: Sequence[Record]

    @property
    def next_offset(self) -> int:
        return self.first_offset + self.count


class Trimmed(msgspec.Struct, frozen=True, kw_only=True):
    """What a retention run removed."""

    events: int = 0
    bytes: int = 0


class Log(Protocol):
    """Append, read, scan, trim. Every call may raise `LogUnavailable`; none blocks the event loop."""

    @property
    def lanes(self) -> int: ...

    async def append(self, records: Sequence[Record]) -> None:
        """Add records, in order; they are durable (fsync) when this returns.

        Concurrent calls share a commit. Raises LogUnavailable when the disk is full or cannot be
        written; then none of these records was kept.
        """
        ...

    async def read(
        self, lane: int, offset: int, *, blocks: int = 8, most_bytes: int = READ_BYTES
    ) -> list[Block]:
        """Give up to `blocks` blocks of a lane, the first of which holds `offset` or, when that was
        trimmed away, the oldest event kept after it. Empty at the end of the lane. A block may start
        before `offset`: the caller skips what it has.

        most_bytes  of events as they came, after which no further stored block is read; one always is

        Raises CorruptBlock for a block that does not decode; read again from after it to go on.
        """
        ...

    def scan(
        self,
        *,
        since_ms: int = 0,
        until_ms: int | None = None,
        kinds: int | None = None,
        newest_first: bool = False,
        containing: bytes = b"",
    ) -> AsyncIterator[Block]:
        """Go through the blocks of all lanes by time received, skipping those that cannot match.

        kinds       bitmap; blocks without any of these kinds are skipped, others come whole
        containing  blocks none of whose raw events contain these bytes are skipped
        """
        ...

    async def heads(self) -> list[int]:
        """Next offset to be written, per lane."""
        ...

    async def tails(self) -> list[int]:
        """Oldest offset still kept, per lane (equals the head when the lane is empty)."""
        ...

    async def wait(self, seen: Sequence[int], seconds: float) -> None:
        """Return when some lane's head is past `seen`, or after `seconds`, whichever is first."""
        ...

    async def trim(self, now_ms: int) -> Trimmed:
        """Apply retention by age and by size, oldest blocks first."""
        ...

    async def probe(self) -> None:
        """Make sure that the log can be written now; raises LogUnavailable with the reason."""
        ...

    async def size_bytes(self) -> int: ...

    async def close(self) -> None:
        """Finish the appends under way and release files. May be called twice."""
        ...
