"""SqliteDatabase: one file on a local disk, one thread that owns it; other processes may read beside it."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import apsw

from segue.io import sqlite
from segue.io.claim import Claim
from segue.io.names import make_folder
from segue.io.storage.database import Cell, Session
from segue.model.errors import StorageUnavailable

MIGRATIONS: Final = Path(__file__).parent / "migrations"

CACHE_BYTES: Final = 32 * 1024 * 1024

CHECKPOINT_PAGES: Final = 4_000
"""Pages written ahead before they go to the database file. Ids and people are found by digests, so each
checkpoint of ours changes pages all over the file, many of them again soon: with 16 MB they are copied once
for several checkpoints. The default of SQLite is 4 MB, less than one checkpoint of a large state."""

ROWS_AT_ONCE: Final = (256, 32, 4, 1)
"""Row counts an insert is cut into. Each piece is one call that gives up the interpreter's lock: with one
call per row, a busy event loop would make every row wait for its turn. Few sizes keep few statements."""

T = TypeVar("T")


def claim_of(path: Path) -> Path:
    """The file whose lock says which process owns a database (`segue.io.claim.holder`)."""
    return path.with_name(f"{path.name}.lock")


class SqliteDatabase:
    """The `segue.io.storage.database.Database` of one machine. Make one with `open`."""

    def __init__(
        self, path: Path, connection: apsw.Connection, claim: Claim | None, *, passing: bool = False
    ) -> None:
        self._path = path
        self._passing = passing
        self._connection: apsw.Connection | None = connection
        self._claim = claim
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"segue-{path.stem}")
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, family: str, shared: bool = False, passing: bool = False) -> Self:
        """Open a file, making and migrating it unless `shared`.

        family  which folder of migrations belongs to it, for instance ``state``
        shared  true for a guest beside the process that owns the file: it must exist, reads and short
                transactions only
        passing  true for what a power cut may take the newest of: every process that opens the file may make,
                migrate and write it, and no commit waits for the disk
        Raises StorageUnavailable (not there, cannot be written, another process owns it), UnsafeLibrary,
        MisconfiguredError (a newer Segue wrote it).
        """
        sqlite.require_safe_library()
        connection, claim = await asyncio.to_thread(prepare, path, family, shared=shared, passing=passing)
        return cls(path, connection, claim, passing=passing)

    async def read(self, work: Callable[[Session], T]) -> T:
        return await self._in_thread(self._read, work)

    async def transact(self, work: Callable[[Session], T]) -> T:
        return await self._in_thread(self._transact, work)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown)
        self._disconnect()
        if self._claim is not None:
            self._claim.release()

    async def _in_thread(
        self, call: Callable[[Callable[[Session], T]], T], work: Callable[[Session], T]
    ) -> T:
        if self._closed:
            raise StorageUnavailable(f'the database "{self._path}" is closed')
        return await self._loop.run_in_executor(self._thread, partial(call, work))

    # What follows runs in the database's thread.

    def _read(self, work: Callable[[Session], T]) -> T:
        return self._within("BEGIN", work, "read")

    def _transact(self, work: Callable[[Session], T]) -> T:
        return self._within("BEGIN IMMEDIATE", work, "written")

    def _within(self, begin: str, work: Callable[[Session], T], verb: str) -> T:
        try:
            connection = self._connected()
            connection.execute(begin)
            try:
                result = work(SqliteSession(connection))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result
        except sqlite.Faults as error:
            raise self._unavailable(error, verb) from error

    def _connected(self) -> apsw.Connection:
        if self._connection is None:
            self._connection = _connect(self._path, passing=self._passing)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(apsw.Error):
                self._connection.close()
            self._connection = None

    def _unavailable(self, error: BaseException, verb: str) -> StorageUnavailable:
        if isinstance(error, (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError)):
            self._disconnect()  # the next call opens the file anew
        return StorageUnavailable(f'the database "{self._path}" cannot be {verb}: {sqlite.explain(error)}')


class SqliteSession:
    """The `segue.io.storage.database.Session` over one connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, cells: Sequence[Cell] = ()) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(statement, cells))

    def insert(self, statement: str, rows: Sequence[Sequence[Cell]], *, then: str = "") -> None:
        start = 0
        for size in ROWS_AT_ONCE:
            while len(rows) - start >= size:
                piece = rows[start : start + size]
                cells = [cell for row in piece for cell in row]
                self._connection.execute(_insertion(statement, len(piece[0]), size, then), cells)
                start += size


@cache
def _insertion(statement: str, columns: int, rows: int, then: str) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"{statement} {', '.join([row] * rows)} {then}"


def prepare(path: Path, family: str, *, shared: bool, passing: bool) -> tuple[apsw.Connection, Claim | None]:
    """Open a file as `SqliteDatabase.open` does, which says what may be raised. Blocks."""

    def taken(holder: str) -> StorageUnavailable:
        return StorageUnavailable(
            f'the database "{path}" is already in use by process {holder}: one process owns it. '
            "Stop that process first."
        )

    try:
        if shared:
            return _connect(path), None
        make_folder(path.parent)
        claim = None if passing else Claim(claim_of(path), taken)
    except sqlite.Faults as error:
        raise StorageUnavailable(
            f'the database "{path}" cannot be opened: {sqlite.explain(error)}'
        ) from error
    connection: apsw.Connection | None = None
    try:
        connection = _connect(path, create=True, passing=passing)
        steps = [file.read_text("utf-8") for file in sorted((MIGRATIONS / family).glob("[0-9]*.sql"))]
        sqlite.migrate(connection, steps, f'the database "{path}"')
    except BaseException as error:
        if connection is not None:
            connection.close()
        if claim is not None:
            claim.release()
        if not isinstance(error, sqlite.Faults):
            raise
        raise StorageUnavailable(
            f'the database "{path}" cannot be opened: {sqlite.explain(error)}'
        ) from error
    return connection, claim


def _connect(path: Path, *, create: bool = False, passing: bool = False) -> apsw.Connection:
    connection = sqlite.connect(path, create=create)
    try:
        sqlite.use_wal(connection)
        if passing:
            connection.pragma("synchronous", "normal")  # whole after a power cut, but perhaps not the newest
        connection.pragma("cache_size", -CACHE_BYTES // 1024)
        connection.wal_autocheckpoint(CHECKPOINT_PAGES)
    except apsw.Error:
        connection.close()
        raise
    return connection
