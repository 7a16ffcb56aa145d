"""Recent: the newest blocks as they were appended, so that a reader who keeps up never waits for the disk."""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from segue.io.log.block import RUN_RECORDS, join
from segue.io.log.stream import Block

_FIRST_OFFSET: Final = attrgetter("first_offset")


class Recent:
    """Blocks that are already durable. Used from one thread, the event loop's.

    bytes_most  bound on the raw events kept; 0 keeps nothing
    """

    def __init__(self, lanes: int, bytes_most: int) -> None:
        self._lanes: list[list[Block]] = [[] for _ in range(lanes)]
        self._sizes: list[list[int]] = [[] for _ in range(lanes)]  # likewise
        self._ages: deque[tuple[int, int]] = deque()  # (lane, bytes), oldest first
        self._bytes_most = bytes_most
        self._bytes = 0

    def clear(self) -> None:
        """Forget everything: what comes next does not follow it."""
        self._lanes, self._sizes = [[] for _ in self._lanes], [[] for _ in self._sizes]
        self._ages.clear()
        self._bytes = 0

    def add(self, blocks: Sequence[Block]) -> None:
        """Keep the blocks of a commit and let the oldest go."""
        if not self._bytes_most:
            return
        for block in blocks:
            size = sum([len(record.raw) + len(record.envelope) for record in block.records])
            self._lanes[block.lane].append(block)
            self._sizes[block.lane].append(size)
            self._ages.append((block.lane, size))
            self._bytes += size
        while self._bytes > self._bytes_most:
            lane, size = self._ages.popleft()
            del self._lanes[lane][0], self._sizes[lane][0]
            self._bytes -= size

    def read(self, lane: int, offset: int, blocks: int, most_bytes: int) -> list[Block]:
        """What is kept from an offset on; empty when the offset is older than that."""
        kept = self._lanes[lane]
        first = bisect_right(kept, offset, key=_FIRST_OFFSET) - 1
        if first < 0:
            return []
        if kept[first].next_offset <= offset:
            first += 1
        size, last = 0, first
        for last in range(first, min(len(kept), first + blocks * RUN_RECORDS)):
            size += self._sizes[lane][last]
            if size >= most_bytes:
                break
        return join(kept[first : last + 1])[:blocks]
