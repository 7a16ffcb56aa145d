"""Writer: the one thread that appends to the log; appends that wait at the same time share a commit.

A commit costs as much processor time as fifty events in it (most of it is the fsync), so it matters how many
share one. They gather on the event loop: while another commit is written, for the rest of the loop's turn,
and, only where there is company to wait for, until some milliseconds after the last commit began.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

import apsw
import msgspec

from segue.io import sqlite
from segue.io.log.block import Columns, describe, pack, pieces
from segue.io.log.segment import Segment, insert
from segue.io.log.shelf import Shelf
from segue.io.log.stream import Block, Trimmed
from segue.model.errors import LogUnavailable, SegueError
from segue.model.event import Record, lane_of

COMMIT_RECORDS: Final = 10_000
"""A commit gathers no further appends once it has this many events."""

COMMIT_BYTES: Final = 8 * 1024 * 1024
"""Likewise, raw bytes."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept and when a new file begins.

    retention_ms, retention_bytes  whichever is reached first; 0 for no bound
    segment_ms, segment_bytes      a segment is full at this age or size; retention removes whole segments
    """

    retention_ms: int
    retention_bytes: int
    segment_ms: int
    segment_bytes: int


class Committed(msgspec.Struct, frozen=True):
    """What a commit wrote: the blocks and where every lane ends now."""

    blocks: Sequence[Block]
    heads: Sequence[int]


_Append = tuple[Sequence[Record], asyncio.Future[None]]


class _Task(msgspec.Struct, frozen=True):
    call: Callable[[], Any]
    future: asyncio.Future[Any]


class Writer:
    """Owns the newest segment. All public calls come from the event loop.

    linger_seconds   how long a commit waits for company that may not come
    spacing_seconds  how far apart commits begin while there is company
    committed        called on the event loop after each commit, before the appends of it return
    """

    def __init__(
        self,
        shelf: Shelf,
        limits: Limits,
        *,
        linger_seconds: float,
        spacing_seconds: float,
        committed: Callable[[Committed], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._shelf = shelf
        self._limits = limits
        self._linger_seconds = linger_seconds
        self._spacing_seconds = spacing_seconds
        self._committed = committed
        self._loop = loop
        self._waiting: list[_Append] = []
        self._next: asyncio.Handle | None = None  # when what waits is handed over; None while one is written
        self._is_writing = False
        self._began = 0.0
        self._company = 0  # appends in the last commit
        self._queue: SimpleQueue[list[_Append] | _Task | None] = SimpleQueue()
        self._closing = False
        self._stopped: asyncio.Future[None] = loop.create_future()
        self._segment = shelf.segments[-1]
        self._connection: apsw.Connection | None = None
        self._heads = self._segment.heads()
        self._first_ms = self._last_ms = self._bytes = 0
        self._measure()
        self._connection = self._connect()
        self._thread = Thread(target=self._run, name="segue-log-writer", daemon=True)
        self._thread.start()

    @property
    def heads(self) -> list[int]:
        return list(self._heads)

    def append(self, records: Sequence[Record]) -> asyncio.Future[None]:
        """Take records into the next commit; the future fails with LogUnavailable when it fails."""
        self._require_open()
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((records, future))
        if self._next is None and not self._is_writing:
            self._arrange()
        return future

    def probe(self) -> asyncio.Future[None]:
        """Write, commit and fsync a mark, and make and remove a file beside it."""
        return self._ask(self._probe)

    def expire(self, now_ms: int) -> "asyncio.Future[tuple[list[Segment], Trimmed]]":
        """Take the segments that retention no longer covers off the shelf; the caller removes the files."""
        return self._ask(lambda: self._expire(now_ms))

    async def close(self) -> None:
        """Commit what is queued, then stop. May be called twice."""
        if not self._closing:
            self._closing = True
            if self._next is not None:
                self._next.cancel()
                self._hand_over()
            elif not self._is_writing:
                self._queue.put(None)
        await asyncio.shield(self._stopped)

    def _require_open(self) -> None:
        if self._closing:
            raise LogUnavailable(f'the log "{self._shelf.folder}" is closed')

    def _ask(self, call: Callable[[], Any]) -> asyncio.Future[Any]:
        self._require_open()
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queue.put(_Task(call, future))
        return future

    def _arrange(self) -> None:
        """Have what waits handed over: in the loop's next turn, or when company has had its time."""
        wait = self._linger_seconds
        if self._company > 1 or len(self._waiting) > 1:
            wait = max(wait, self._began + self._spacing_seconds - self._loop.time())
        if wait > 0 and not self._closing:
            self._next = self._loop.call_later(wait, self._hand_over)
        else:
            self._next = self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        """Give the thread what waits, up to the bounds of a commit."""
        count = size = taken = 0
        for records, _ in self._waiting:
            if count >= COMMIT_RECORDS or size >= COMMIT_BYTES:
                break
            taken += 1
            count += len(records)
            size += sum([len(record.raw) for record in records])
        appends, self._waiting = self._waiting[:taken], self._waiting[taken:]
        self._next, self._is_writing = None, True
        self._began, self._company = self._loop.time(), taken
        self._queue.put(appends)

    def _settle(self, appends: list[_Append], outcome: Committed | Exception) -> None:
        """After a commit: the next one first, then tell those who wait for this one."""
        self._is_writing = False
        if self._waiting:
            self._arrange()
        elif self._closing:
            self._queue.put(None)
        futures = [future for _, future in appends]
        if isinstance(outcome, Exception):
            _fail(futures, outcome)
        else:
            self._committed(outcome)
            _fulfil(futures, None)

    # What follows runs in the writer's thread.

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            if isinstance(job, _Task):
                self._perform(job)
            else:
                self._commit(job)
        self._disconnect()
        self._call_soon(_fulfil, [self._stopped], None)

    def _commit(self, appends: list[_Append]) -> None:
        outcome: Committed | Exception
        try:
            outcome = self._write([record for records, _ in appends for record in records])
        except sqlite.Faults as error:
            outcome = self._unavailable(error)
        except Exception as error:  # an append is never left without an answer
            outcome = error
        self._call_soon(self._settle, appends, outcome)

    def _write(self, records: list[Record]) -> Committed:
        self._reconnect()
        self._require_in_place()
        self._turn_over(records)
        lanes: list[list[Record]] = [[] for _ in self._heads]
        for record in records:
            lanes[lane_of(record.person, len(lanes))].append(record)
        heads = list(self._heads)
        blocks: list[Block] = []
        for lane, share in enumerate(lanes):
            for piece in pieces(share):
                blocks.append(describe(lane, heads[lane], piece))
                heads[lane] += len(piece)
        if blocks:
            self._store([pack(block) for block in blocks])
            self._heads = heads
        return Committed(blocks, heads)

    def _store(self, rows: list[Columns]) -> None:
        if self._connection is None:
            raise LogUnavailable(f'the log "{self._shelf.folder}" is closed')
        # One statement is one transaction: it is kept as a whole or not at all.
        self._connection.execute(insert(len(rows)), [value for row in rows for value in row])
        self._bytes += sum(len(row[7]) + 100 for row in rows)
        first_ms, last_ms = min(row[3] for row in rows), max(row[4] for row in rows)
        self._first_ms = min(self._first_ms or first_ms, first_ms)
        self._last_ms = max(self._last_ms, last_ms)

    def _turn_over(self, records: list[Record]) -> None:
        """Begin a new segment when the present one is full."""
        too_large = self._bytes >= self._limits.segment_bytes
        too_old = (
            self._first_ms and records and records[-1].received_ms - self._first_ms >= self._limits.segment_ms
        )
        if (too_large or too_old) and self._bytes:
            # A new file needs room and a writable folder; while it cannot be had, the old one may do.
            with suppress(*sqlite.Faults):
                self._next_segment()

    def _next_segment(self) -> None:
        if self._connection is not None and self._last_ms:
            times = (self._first_ms, self._last_ms)
            with suppress(*sqlite.DAMAGE):
                self._connection.execute("UPDATE segment SET first_ms = ?, last_ms = ?", times)
        segment = self._shelf.add(self._heads)
        self._disconnect()
        self._segment = segment
        self._measure()
        self._connection = self._connect()

    def _measure(self) -> None:
        self._first_ms, self._last_ms = self._segment.times() or (0, 0)
        self._bytes = self._segment.size_bytes() if self._last_ms else 0

    def _connect(self) -> apsw.Connection:
        connection = self._segment.open_for_append()
        self._file = os.stat(self._segment.path).st_ino
        return connection

    def _reconnect(self) -> None:
        """Open the file again after a fault. A commit whose fsync failed was answered with an error but may
        have reached the file all the same: it is taken out, its offsets are about to be used again."""
        if self._connection is None:
            connection = self._connect()
            connection.executemany(
                "DELETE FROM block WHERE lane = ? AND first_offset >= ?", enumerate(self._heads)
            )
            self._connection = connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(apsw.Error):
                self._connection.close()
            self._connection = None

    def _require_in_place(self) -> None:
        """An unlinked file can still be written, and everything in it is lost."""
        try:
            found = os.stat(self._segment.path).st_ino
        except OSError as error:
            raise LogUnavailable(
                f'the log file "{self._segment.path}" is gone: {sqlite.explain(error)}. '
                "Put the folder back, or restart to begin a new log."
            ) from error
        if found != self._file:
            raise LogUnavailable(
                f'the log file "{self._segment.path}" was replaced while in use. Restart to open the new one.'
            )

    def _probe(self) -> None:
        try:
            self._reconnect()
            self._require_in_place()
            if self._connection is not None:
                self._connection.execute("UPDATE probe SET written = written + 1")
            trial = self._shelf.folder / f".probe-{os.getpid()}"
            trial.write_bytes(b"can files be made here?")
            trial.unlink()
        except sqlite.Faults as error:
            raise self._unavailable(error) from error

    def _expire(self, now_ms: int) -> tuple[list[Segment], Trimmed]:
        try:
            gone = self._expired(now_ms)
        except sqlite.Faults as error:
            raise self._unavailable(error) from error
        if not gone:
            return [], Trimmed()
        left = self._shelf.segments[len(gone)]
        events = sum(left.starts) - sum(gone[0].starts)
        freed = sum(segment.size_bytes() for segment in gone)
        self._shelf.drop(gone)
        return gone, Trimmed(events=events, bytes=freed)

    def _expired(self, now_ms: int) -> list[Segment]:
        """The oldest segments up to the first that must stay."""
        limits = self._limits
        oldest_ms = now_ms - limits.retention_ms if limits.retention_ms else 0
        if self._last_ms and self._last_ms < oldest_ms:
            self._next_segment()  # so that the present one, all of it too old, can go too
        excess = sum(segment.size_bytes() for segment in self._shelf.segments) - limits.retention_bytes
        gone: list[Segment] = []
        for segment in self._shelf.segments[:-1]:
            times = segment.times()
            too_old = times is not None and times[1] < oldest_ms
            too_much = limits.retention_bytes > 0 and excess > 0
            if not (too_old or too_much or times is None):
                break
            gone.append(segment)
            excess -= segment.size_bytes()
        return gone

    def _unavailable(self, error: BaseException) -> SegueError:
        """Put a fault in words, and after damage or a lost file begin afresh with the next commit."""
        if isinstance(error, SegueError):
            return error
        path = self._segment.path
        if isinstance(error, (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError)):
            self._disconnect()  # the next commit opens the file anew
        elif isinstance(error, sqlite.DAMAGE):
            with suppress(*sqlite.Faults):
                self._next_segment()  # what can be read of the damaged one stays readable
        return LogUnavailable(f'the log "{path}" cannot be written: {sqlite.explain(error)}')

    def _perform(self, task: _Task) -> None:
        try:
            result = task.call()
        except Exception as error:  # whoever asked gets it
            self._call_soon(_fail, [task.future], error)
        else:
            self._call_soon(_fulfil, [task.future], result)

    def _call_soon(self, call: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(call, *arguments)


def _fulfil(futures: list[asyncio.Future[Any]], result: Any) -> None:
    for future in futures:
        if not future.done():
            future.set_result(result)


def _fail(futures: list[asyncio.Future[Any]], error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
