"""SqliteLog: the embedded log, a folder of SQLite files with one row per group commit and lane.

One process writes a log, any number may read it while it is written; the folder must be on a local disk.
`docs/decisions/0002-block-log.md` tells why it is built like this.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Self

from segue.io import sqlite
from segue.io.claim import Claim
from segue.io.log.readers import Readers, explained
from segue.io.log.recent import Recent
from segue.io.log.scan import Scan
from segue.io.log.segment import Segment
from segue.io.log.shelf import Shelf
from segue.io.log.stream import READ_BYTES, Block, Trimmed
from segue.io.log.tail import Tail
from segue.io.log.writer import Committed, Limits, Writer
from segue.io.names import make_folder
from segue.model.errors import LogMissing, LogUnavailable, MisconfiguredError
from segue.model.event import DEFAULT_LANES, Record

HOUR_MS: Final = 3_600_000

RETENTION_MS: Final = 168 * HOUR_MS
RETENTION_BYTES: Final = 20 * 1024**3

SEGMENTS_KEPT: Final = 16
"""Retention is split over about this many segments, so it is exact to about a sixteenth."""

SEGMENT_BYTES_MOST: Final = 1024**3
SEGMENT_BYTES_LEAST: Final = 256 * 1024

RECENT_BYTES: Final = 16 * 1024 * 1024
FOLLOWED_BYTES: Final = 1024 * 1024
"""Memory for the newest events, in the process that writes the log and in one that follows it, which takes
them at once."""

BUSY_SECONDS: Final = 1.0
IDLE_FACTOR: Final = 2.5
"""So long after a commit another one is expected; then a follower looks less often."""

SPACING_SECONDS: Final = 0.004
"""Commits of several appends begin at least so far apart; an append that comes alone waits for nothing."""


def lock_of(folder: Path) -> Path:
    """The file whose lock says which process writes a log (`segue.io.claim.holder`)."""
    return folder / "lock"


class SqliteLog:
    """The `segue.io.log.stream.Log` of one machine. Make one with `open`; use it from one event loop."""

    def __init__(self, shelf: Shelf, *, follows: bool, recent_bytes: int, poll_seconds: float = 0.0) -> None:
        self._folder = shelf.folder
        self._loop = asyncio.get_running_loop()
        self._readers = Readers(shelf, follows=follows)
        self._poll_seconds = poll_seconds
        self._idle_seconds = poll_seconds * IDLE_FACTOR
        self._waiting: set[asyncio.Future[None]] = set()
        self._writer: Writer | None = None
        self._claim: Claim | None = None
        self._lanes = shelf.lanes
        self._heads: list[int] = []
        self._recent = Recent(self._lanes, recent_bytes)
        self._tail = Tail(self._readers, self._recent) if follows else None
        self._closed = False

    @classmethod
    async def open(
        cls,
        folder: str | os.PathLike[str],
        *,
        lanes: int = DEFAULT_LANES,
        retention_ms: int = RETENTION_MS,
        retention_bytes: int = RETENTION_BYTES,
        linger_seconds: float = 0.0,
        spacing_seconds: float = SPACING_SECONDS,
        recent_bytes: int = RECENT_BYTES,
        segment_bytes: int | None = None,
    ) -> Self:
        """Open a log for writing, making it when there is none.

        lanes            fixed when the log is made; another number later raises MisconfiguredError
        retention_ms, retention_bytes  bounds `trim` applies; 0 for none
        linger_seconds   how long a commit waits for more appends; raise it on slow disks
        spacing_seconds  how far apart commits begin while appends come more often than that
        recent_bytes     memory for the newest events, which readers then get without touching the disk
        segment_bytes    size of one file; by default a sixteenth of the retention, 1 GiB at most
        Raises LogUnavailable (the folder cannot be used, or another process writes it), UnsafeLibrary.
        """
        sqlite.require_safe_library()
        share = retention_bytes // SEGMENTS_KEPT if retention_bytes else SEGMENT_BYTES_MOST
        limits = Limits(
            retention_ms=retention_ms,
            retention_bytes=retention_bytes,
            segment_ms=max(retention_ms // SEGMENTS_KEPT, HOUR_MS) if retention_ms else 24 * HOUR_MS,
            segment_bytes=segment_bytes or min(max(share, SEGMENT_BYTES_LEAST), SEGMENT_BYTES_MOST),
        )
        path = Path(folder)
        shelf, claim = await asyncio.to_thread(_prepare, path, lanes)
        try:
            log = cls(shelf, follows=False, recent_bytes=recent_bytes)
            start = partial(
                Writer,
                shelf,
                limits,
                linger_seconds=linger_seconds,
                spacing_seconds=spacing_seconds,
                committed=log._on_commit,
                loop=asyncio.get_running_loop(),
            )
            log._writer = await asyncio.to_thread(explained, path, start)
        except BaseException:
            claim.release()
            raise
        log._claim = claim
        log._heads = log._writer.heads
        return log

    @classmethod
    async def follow(cls, folder: str | os.PathLike[str], *, poll_seconds: float = 0.02) -> Self:
        """Open a log for reading only, while this or another process writes it.

        poll_seconds  how often `wait` looks for new events while they come; a little less often when none do
        Raises LogMissing when there is no log, LogUnavailable when it cannot be read; UnsafeLibrary.
        """
        sqlite.require_safe_library()
        shelf = Shelf(Path(folder), readonly=True)
        if shelf.folder.exists():
            await asyncio.to_thread(shelf.refresh)
        if not shelf.segments:
            raise LogMissing(f'there is no log in "{folder}"; `segue run` makes one when it starts')
        return cls(shelf, follows=True, recent_bytes=FOLLOWED_BYTES, poll_seconds=poll_seconds)

    @property
    def lanes(self) -> int:
        return self._lanes

    async def append(self, records: Sequence[Record]) -> None:
        await self._writing().append(records)

    async def read(
        self, lane: int, offset: int, *, blocks: int = 8, most_bytes: int = READ_BYTES
    ) -> list[Block]:
        if self._tail is not None:
            self._tail.lanes.add(lane)
        elif offset >= self._heads[lane]:
            return []
        recent = self._recent.read(lane, offset, blocks, most_bytes)
        if recent:
            return recent
        return await self._readers.read(lane, offset, blocks, most_bytes)

    def scan(
        self,
        *,
        since_ms: int = 0,
        until_ms: int | None = None,
        kinds: int | None = None,
        newest_first: bool = False,
        containing: bytes = b"",
    ) -> AsyncIterator[Block]:
        """As the contract says; see `segue.io.log.scan.Scan` for the order and for damaged blocks."""
        latest = until_ms if until_ms is not None else 1 << 62
        return Scan(
            self._readers, (since_ms, latest, kinds), newest_first=newest_first, containing=containing
        )

    async def heads(self) -> list[int]:
        return await self._tail.heads() if self._tail is not None else list(self._heads)

    async def tails(self) -> list[int]:
        return await self._readers.tails()

    async def wait(self, seen: Sequence[int], seconds: float) -> None:
        if self._tail is not None:
            await self._poll(self._tail, seen, seconds)
            return
        if any(head > known for head, known in zip(self._heads, seen, strict=True)) or seconds <= 0:
            return
        woken: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(woken)
        timer = self._loop.call_later(seconds, _wake, woken)
        try:
            await woken
        finally:
            timer.cancel()
            self._waiting.discard(woken)

    async def trim(self, now_ms: int) -> Trimmed:
        gone, trimmed = await self._writing().expire(now_ms)
        await self._readers.call(_remove, gone)
        return trimmed

    async def probe(self) -> None:
        await self._writing().probe()

    async def size_bytes(self) -> int:
        return await self._readers.size_bytes()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for woken in self._waiting:
            _wake(woken)
        await self._readers.close()
        if self._tail is not None:
            self._tail.close()
        if self._writer is not None:
            await self._writer.close()  # last, so that it folds the write-ahead file in when it lets go
        if self._claim is not None:
            self._claim.release()

    def _writing(self) -> Writer:
        if self._writer is None:
            raise LogUnavailable(
                f'the log "{self._folder}" was opened for reading only: one process writes it'
            )
        return self._writer

    def _on_commit(self, committed: Committed) -> None:
        self._heads = list(committed.heads)
        self._recent.add(committed.blocks)
        for woken in self._waiting:
            _wake(woken)

    async def _poll(self, tail: Tail, seen: Sequence[int], seconds: float) -> None:
        until = self._loop.time() + seconds
        while not self._closed:
            heads, now = await tail.heads(), self._loop.time()
            if until <= now or any(head > known for head, known in zip(heads, seen, strict=True)):
                return
            every = self._poll_seconds if now < tail.grew_at + BUSY_SECONDS else self._idle_seconds
            # All who follow this log wake at the same moments: many destinations wake the process once.
            await asyncio.sleep(min(every - now % every, until - now))


def _prepare(folder: Path, lanes: int) -> tuple[Shelf, Claim]:
    """Claim a folder and learn what is in it, making the first segment of a new log."""

    def taken(holder: str) -> LogUnavailable:
        return LogUnavailable(
            f'the log "{folder}" is already open for writing in process {holder}: one process writes a log. '
            "Stop that process, or give this one another folder."
        )

    try:
        make_folder(folder)
        claim = Claim(lock_of(folder), taken)
    except OSError as error:
        raise LogUnavailable(
            f'the log folder "{folder}" cannot be written: {sqlite.explain(error)}. '
            "SEGUE_DATA chooses another."
        ) from error
    try:
        shelf = Shelf(folder)
        explained(folder, shelf.tidy)
        shelf.refresh()
        if not shelf.segments:
            explained(folder, shelf.add, [0] * lanes)
        _require_lanes(shelf, lanes)
    except BaseException:
        claim.release()
        raise
    return shelf, claim


def _require_lanes(shelf: Shelf, lanes: int) -> None:
    if shelf.lanes != lanes:
        raise MisconfiguredError(
            f'the log "{shelf.folder}" was made with {shelf.lanes} lanes, the settings ask for {lanes}: '
            f"the number is fixed when a log is made. Set lanes to {shelf.lanes}, or start a new log."
        )


def _remove(segments: Sequence[Segment]) -> None:
    for segment in segments:
        segment.remove()


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
