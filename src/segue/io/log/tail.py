"""Tail: the end of a log that another process writes, looked at from one event loop.

Whoever follows a log looks for new events some fifty times a second. Mostly there are none, which SQLite says
without a thread and without the disk; where there are, one call gives those of all lanes, and they are kept
in memory (`segue.io.log.recent`) as the writer keeps them.
"""

import asyncio
from collections.abc import Collection
from typing import Final

import apsw
import msgspec

from segue.io import sqlite
from segue.io.log.block import Columns, unpack_run
from segue.io.log.readers import Readers
from segue.io.log.recent import Recent
from segue.io.log.segment import Segment
from segue.io.log.shelf import Shelf
from segue.io.log.stream import Block
from segue.model.errors import CorruptBlock

LOOK_BYTES: Final = 1024 * 1024
"""Of events, as they came, that one look fetches; whoever is farther behind reads lane by lane."""


class Watch(msgspec.Struct, frozen=True, eq=False):
    """A connection to the newest file that is asked for nothing but whether the file has changed."""

    segment: Segment
    connection: apsw.Connection

    def version(self) -> int | None:
        """Another number after each commit; None when it cannot be told."""
        try:
            return int(self.connection.pragma("data_version"))
        except apsw.Error:
            return None  # a look says what is wrong


class Place(msgspec.Struct, frozen=True):
    """How far a look came. block: the last one's id in its file; heads: where every lane ended."""

    segment: Segment | None
    block: int
    heads: list[int]


class Found(msgspec.Struct, frozen=True):
    """What a look found. blocks: what came since the last one, None when that is not known without a gap;
    watch, version: a new one, where a newer file was found."""

    place: Place
    blocks: list[Block] | None
    watch: Watch | None
    version: int | None


class Tail:
    """Where every lane ends, and what came last.

    lanes    that somebody reads here: events of the others are not kept
    grew_at  when a commit was seen last, by the loop's time
    """

    def __init__(self, readers: Readers, recent: Recent) -> None:
        self.lanes: set[int] = set()
        self.grew_at = 0.0
        self._readers = readers
        self._recent = recent
        self._place = Place(None, 0, [])
        self._watch: Watch | None = None
        self._version: int | None = None
        self._looking = asyncio.Lock()
        self._loop = asyncio.get_running_loop()

    async def heads(self) -> list[int]:
        """Where every lane ends now. Raises LogUnavailable."""
        async with self._looking:
            # Asked before the look: what is committed meanwhile is found by the next one.
            watch, shelf = self._watch, self._readers.shelf
            version = watch.version() if watch is not None and shelf.is_current else None
            if version is None or version != self._version:
                found = await self._readers.call(look, shelf, self._place, frozenset(self.lanes))
                self._take(found, version)
            return list(self._place.heads)

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        if self._watch is not None:
            self._watch.connection.close()
            self._watch = None

    def _take(self, found: Found, version: int | None) -> None:
        """All at once and on the loop: a look that was cancelled has changed nothing."""
        if found.blocks is None:
            self._recent.clear()
        else:
            self._recent.add(found.blocks)
        if found.place.heads != self._place.heads:
            self.grew_at = self._loop.time()
        self._place, self._version = found.place, version
        if found.watch is not None:
            self.close()
            self._watch, self._version = found.watch, found.version


def look(shelf: Shelf, place: Place, lanes: Collection[int]) -> Found:
    """What came after a place, of the lanes asked for. Runs in a reader's thread.

    Raises LogUnavailable, apsw.Error.
    """
    segments = shelf.segments
    newest = segments[-1]
    shelf.touch(newest)
    watch, version = None, None
    if place.segment is not newest:
        watch = Watch(newest, sqlite.connect(newest.path, readonly=True))
        version = watch.version()
    blocks: list[Block] = []
    while place.segment in segments:
        segment = place.segment
        further = _follow(segment, place, lanes, blocks)
        if further is None:
            break
        if segment is newest:
            return Found(further, blocks, watch, version)
        place = Place(segments[segments.index(segment) + 1], 0, further.heads)
    # The last block before the heads: what is committed in between shows as a gap at the next look.
    block = newest.last_block()
    return Found(Place(newest, block, newest.heads()), None, watch, version)


def _follow(segment: Segment, place: Place, lanes: Collection[int], blocks: list[Block]) -> Place | None:
    """Add what came after a place in this file; None when some of it is missing, damaged or too much.

    Ids only say where to look. A commit that failed at the sync is taken out again, and others get its ids
    and offsets (`segue.io.log.writer`): what counts is that the blocks lead from heads to heads.
    """
    try:
        heads = segment.heads()
        reached, last = list(place.heads), place.block
        runs: dict[int, list[Columns]] = {lane: [] for lane in lanes}
        for block_id, columns in segment.behind(place.block, LOOK_BYTES):
            lane, first_offset, count, *_ = columns
            if first_offset != reached[lane] or first_offset + count > heads[lane]:
                break  # a gap, or of a commit since the heads were read
            if lane in runs:
                runs[lane].append(columns)
            reached[lane], last = first_offset + count, block_id
        blocks += [unpack_run(run) for run in runs.values() if run]
    except CorruptBlock:
        return None  # `read` says so to whoever comes to it
    except sqlite.Faults as error:
        if isinstance(error, sqlite.DAMAGE) or not segment.path.exists():  # trimmed while we looked
            return None
        raise
    return Place(segment, last, heads) if reached == heads else None
