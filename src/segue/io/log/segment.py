"""Segment: one database file of the log, holding the blocks of some hours of all lanes.

A log is a folder of segments, ``events-00000001.db`` and so on; the writer appends to the newest, retention
removes the oldest by unlinking it. The file knows where each of its lanes begins, so that offsets go on
when everything older is gone. Everything here blocks and runs in the writer's or a reader's thread.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final

import apsw

from segue.io import sqlite
from segue.io.log.block import RUN_RECORDS, Columns, unpacked_bytes
from segue.model.errors import CorruptBlock

CHECKPOINT_PAGES: Final = 1000
"""The write-ahead file is folded into the database when it has this many pages (4 MB)."""

STEPS: Final = (
    """
    CREATE TABLE segment(first_ms INTEGER, last_ms INTEGER);  -- one row; NULL until it is full
    CREATE TABLE start(lane INTEGER PRIMARY KEY, first_offset INTEGER NOT NULL);
    CREATE TABLE block(
        id INTEGER PRIMARY KEY,
        lane INTEGER NOT NULL, first_offset INTEGER NOT NULL, count INTEGER NOT NULL,
        first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, kinds INTEGER NOT NULL,
        sum INTEGER NOT NULL, body BLOB NOT NULL
    );
    -- Everything but the body is in the index: positions, times and kinds are read without touching bodies.
    CREATE INDEX place ON block(lane, first_offset, count, first_ms, last_ms, kinds);
    CREATE TABLE probe(written INTEGER NOT NULL);
    INSERT INTO segment VALUES (NULL, NULL);
    INSERT INTO probe VALUES (0);
    """,
)
"""Formats of a segment file, oldest first; only ever appended to."""

_COLUMNS = "lane, first_offset, count, first_ms, last_ms, kinds, sum, body"

READ_FROM = f"""
    SELECT {_COLUMNS} FROM block
    WHERE lane = :lane AND first_offset >= coalesce(
        (SELECT max(first_offset) FROM block WHERE lane = :lane AND first_offset <= :offset), 0)
    ORDER BY first_offset
"""  # noqa: S608 - the interpolated text is the constant above

PLACES_FROM = """
    SELECT first_offset, count FROM block INDEXED BY place
    WHERE lane = :lane AND first_offset + count > :offset ORDER BY first_offset LIMIT 1
"""

HEADS = """
    SELECT coalesce(
        (SELECT first_offset + count FROM block WHERE lane = start.lane ORDER BY first_offset DESC LIMIT 1),
        first_offset)
    FROM start ORDER BY lane
"""
"""One statement, so that all are of one moment: a reader that saw the end of a later commit in one lane only
would take its events for earlier than others."""

MATCHING_IDS = """
    SELECT id FROM block INDEXED BY place
    WHERE last_ms >= :since AND first_ms <= :until AND (:kinds IS NULL OR kinds & :kinds) ORDER BY id
"""

BLOCK_BY_ID = f"SELECT {_COLUMNS} FROM block WHERE id = ?"  # noqa: S608 - as above

BLOCKS_BEHIND = f"SELECT id, {_COLUMNS} FROM block WHERE id > ? ORDER BY id"  # noqa: S608 - as above

LAST_ID = "SELECT coalesce(max(id), 0) FROM block"

TIMES = "SELECT min(first_ms), max(last_ms) FROM block"


class Segment:
    """One file. `starts` holds the first offset of every lane; `number` orders the files."""

    def __init__(self, path: Path, number: int, starts: Sequence[int]) -> None:
        self.path = path
        self.number = number
        self.starts = tuple(starts)
        self._idle: list[apsw.Connection] = []
        self._times: tuple[int, int] | None = None

    @classmethod
    def create(cls, path: Path, number: int, starts: Sequence[int]) -> "Segment":
        """Make a new, empty file that begins at these offsets. Raises apsw.Error; then there is no file."""
        try:
            connection = sqlite.connect(path, create=True)
            try:
                sqlite.use_wal(connection)
                with sqlite.transaction(connection):
                    for step in STEPS:
                        connection.execute(step)
                    connection.executemany("INSERT INTO start VALUES (?, ?)", enumerate(starts))
                    connection.execute(f"PRAGMA user_version = {len(STEPS)}")
            finally:
                connection.close()
        except apsw.Error:
            remove_files(path)
            raise
        return cls(path, number, starts)

    @classmethod
    def load(cls, path: Path, number: int, *, readonly: bool) -> "Segment | None":
        """Open an existing file far enough to know where its lanes begin; None when its creation was
        never finished. Raises apsw.Error, MisconfiguredError."""
        connection = sqlite.connect(path, readonly=readonly)
        try:
            if sqlite.format_of(connection) == 0:
                return None
            if not readonly:
                sqlite.migrate(connection, STEPS, f'the log file "{path}"')
            rows = connection.execute("SELECT first_offset FROM start ORDER BY lane")
            return cls(path, number, [offset for (offset,) in rows])
        finally:
            connection.close()

    def open_for_append(self) -> apsw.Connection:
        """Give the writer its connection. Raises apsw.Error."""
        connection = sqlite.connect(self.path)
        sqlite.use_wal(connection)
        connection.wal_autocheckpoint(CHECKPOINT_PAGES)
        connection.execute("UPDATE segment SET first_ms = NULL, last_ms = NULL WHERE last_ms IS NOT NULL")
        return connection

    def read(self, lane: int, offset: int, blocks: int, end: int, most_bytes: int) -> list[Columns]:
        """Give stored blocks of a lane from the one that holds `offset`, or the first after it, as many as
        make up to `blocks` runs (see `segue.io.log.block.join`).

        end         the lane's offset at which the next segment begins, for the message about damage
        most_bytes  unpacked; the block that reaches it is the last
        Raises CorruptBlock when the file is damaged right there; apsw.Error.
        """
        found: list[Columns] = []
        runs = run_records = size_bytes = 0
        with self._reading() as connection:
            try:
                for columns in connection.execute(READ_FROM, {"lane": lane, "offset": offset}):
                    count = columns[2]
                    if columns[1] + count <= offset:
                        continue
                    if found and size_bytes >= most_bytes:
                        break
                    if not runs or run_records + count > RUN_RECORDS:
                        if runs == blocks:
                            break
                        runs, run_records = runs + 1, 0
                    run_records += count
                    size_bytes += unpacked_bytes(columns)
                    found.append(columns)
            except sqlite.DAMAGE as error:
                if not found:
                    first_offset, count = self._place(connection, lane, offset, end)
                    raise CorruptBlock(lane, first_offset, count, sqlite.explain(error)) from error
        return found

    def matching_ids(self, since_ms: int, until_ms: int, kinds: int | None) -> list[int]:
        """Ids of the blocks that may hold what a scan looks for, in the order they were written."""
        with self._reading() as connection:
            bindings = {"since": since_ms, "until": until_ms, "kinds": kinds}
            return [block_id for (block_id,) in connection.execute(MATCHING_IDS, bindings)]

    def by_id(self, ids: Iterable[int]) -> list[Columns]:
        """Stored blocks by id, in the order asked for. Raises apsw.Error."""
        with self._reading() as connection:
            return [row for block_id in ids for row in connection.execute(BLOCK_BY_ID, (block_id,))]

    def behind(self, block_id: int, most_bytes: int) -> list[tuple[int, Columns]]:
        """The stored blocks of all lanes after one, in the order they were written, each with its id; the
        block that reaches so many bytes, unpacked, is the last. Raises apsw.Error."""
        found: list[tuple[int, Columns]] = []
        size_bytes = 0
        with self._reading() as connection:
            for number, *columns in connection.execute(BLOCKS_BEHIND, (block_id,)):
                found.append((number, tuple(columns)))
                size_bytes += unpacked_bytes(found[-1][1])
                if size_bytes >= most_bytes:
                    break
        return found

    def last_block(self) -> int:
        """The id of the block written last; 0 when there is none."""
        with self._reading() as connection:
            return int(connection.execute(LAST_ID).get)

    def place_by_id(self, block_id: int) -> tuple[int, int, int]:
        """Lane, first offset and count of a block whose body cannot be read."""
        with self._reading() as connection:
            places = "SELECT lane, first_offset, count FROM block INDEXED BY place WHERE +id = ?"
            for lane, first_offset, count in connection.execute(places, (block_id,)):
                return lane, first_offset, count
        return 0, 0, 0

    def heads(self) -> list[int]:
        """Offset after the last event of each lane, all of one moment."""
        with self._reading() as connection:
            return [head for (head,) in connection.execute(HEADS)]

    def times(self) -> tuple[int, int] | None:
        """Earliest and latest received time in it, milliseconds; None when it is empty."""
        if self._times is None:
            with self._reading() as connection:
                for first_ms, last_ms in connection.execute("SELECT first_ms, last_ms FROM segment"):
                    if last_ms is not None:
                        self._times = (first_ms, last_ms)  # it is full: they stay
                        return self._times
                for first_ms, last_ms in connection.execute(TIMES):
                    if last_ms is not None:
                        return first_ms, last_ms
        return self._times

    def size_bytes(self) -> int:
        """Space it takes on disk; 0 when it is gone."""
        size = 0
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                size += Path(f"{self.path}{suffix}").stat().st_size
        return size

    def rest(self) -> None:
        """Close the connections nobody is using."""
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()

    def remove(self) -> None:
        """Delete the file; readers that have it open finish in peace. Raises OSError."""
        self.rest()
        remove_files(self.path)

    @contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        # Taking and giving back are single list operations, so two reader threads need no lock.
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = sqlite.connect(self.path, readonly=True)
        try:
            yield connection
        except BaseException:
            connection.close(True)
            raise
        self._idle.append(connection)

    def _place(self, connection: apsw.Connection, lane: int, offset: int, end: int) -> tuple[int, int]:
        with suppress(apsw.Error):
            for first_offset, count in connection.execute(PLACES_FROM, {"lane": lane, "offset": offset}):
                return first_offset, count
        return offset, max(end - offset, 1)


@cache
def insert(rows: int) -> str:
    """The statement that stores this many blocks at once: one statement is one commit, and one call that
    gives up the interpreter's lock instead of one per block."""
    places = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * rows)
    return f"INSERT INTO block({_COLUMNS}) VALUES {places}"  # noqa: S608 - constants and question marks


def remove_files(path: Path) -> None:
    """Unlink a database and what SQLite keeps beside it; the database first, so that nobody can open it
    any more. Raises OSError."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
