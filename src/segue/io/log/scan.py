"""Scan: a walk over the blocks of all lanes that may hold what somebody looks for."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final, Self

from segue.io import sqlite
from segue.io.log.block import unpack
from segue.io.log.readers import Readers
from segue.io.log.segment import Segment
from segue.io.log.stream import Block
from segue.model.errors import CorruptBlock

BLOCKS_AT_ONCE: Final = 16
"""Blocks fetched at a time; between fetches nothing is held open."""


class Scan:
    """An asynchronous iterator over matching blocks, in the order of the commits.

    looked_for  since_ms, until_ms (both included), bitmap of kinds or None
    A damaged block raises CorruptBlock from the step that meets it; the next step goes on behind it.
    """

    def __init__(
        self,
        readers: Readers,
        looked_for: tuple[int, int, int | None],
        *,
        newest_first: bool,
        containing: bytes,
    ) -> None:
        self._readers = readers
        self._looked_for = looked_for
        self._newest_first = newest_first
        self._containing = containing
        self._segments: Iterator[Segment] | None = None
        self._segment: Segment | None = None
        self._ids: list[int] = []  # still to visit, the next one last
        self._ready: list[Block | CorruptBlock] = []  # likewise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Block:
        while not self._ready:
            if not await self._readers.call(self._fetch):
                raise StopAsyncIteration
        found = self._ready.pop()
        if isinstance(found, CorruptBlock):
            raise found
        return found

    def _fetch(self) -> bool:
        """Fill `_ready` with the next few; False at the end."""
        if self._segments is None:
            segments = self._readers.shelf.segments
            self._segments = iter(reversed(segments) if self._newest_first else segments)
        while not self._ids:
            self._segment = next(self._segments, None)
            if self._segment is None:
                return False
            self._ids = self._matching(self._segment)
            if not self._newest_first:
                self._ids.reverse()
        chosen = [self._ids.pop() for _ in range(min(BLOCKS_AT_ONCE, len(self._ids)))]
        self._ready = [found for block_id in chosen if (found := self._visit(block_id)) is not None]
        self._ready.reverse()
        return True

    def _matching(self, segment: Segment) -> list[int]:
        since_ms, until_ms, _ = self._looked_for
        with suppress(*sqlite.Faults):
            times = segment.times()
            if times is not None and times[0] <= until_ms and times[1] >= since_ms:
                self._readers.shelf.touch(segment)
                return segment.matching_ids(*self._looked_for)
            return []
        if segment.path.exists():
            starts = segment.starts
            raise CorruptBlock(0, starts[0], 1, f'the index of the log file "{segment.path}" cannot be read')
        return []

    def _visit(self, block_id: int) -> Block | CorruptBlock | None:
        if self._segment is None:
            return None
        try:
            for columns in self._segment.by_id([block_id]):
                return unpack(columns, self._containing)
        except CorruptBlock as error:
            return error
        except sqlite.DAMAGE as error:
            return CorruptBlock(*self._segment.place_by_id(block_id), sqlite.explain(error))
        except sqlite.Faults:
            if self._segment.path.exists():
                raise
        return None
