"""MemoryDatabase: the state's SQLite in memory and in the loop's own thread; it outlives who uses it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import apsw

from segue.io import sqlite
from segue.io.storage.database import Session
from segue.io.storage.sqlite import MIGRATIONS, SqliteSession
from segue.model.errors import StorageUnavailable

T = TypeVar("T")


class MemoryDatabase:
    """The `segue.io.storage.database.Database` without a disk.

    is_full  while true, nothing can be written
    """

    def __init__(self, family: str = "state") -> None:
        self._connection = apsw.Connection(":memory:")
        with self._connection.backup("main", _furnished(family), "main") as copy:
            copy.step()
        self.is_full = False

    async def read(self, work: Callable[[Session], T]) -> T:
        return work(SqliteSession(self._connection))

    async def transact(self, work: Callable[[Session], T]) -> T:
        with self._transaction():
            return work(SqliteSession(self._connection))

    async def close(self) -> None:
        """Nothing to do: it is kept for whoever comes next."""

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self.is_full:
            raise StorageUnavailable("the disk of the simulation is full")
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


@cache
def _furnished(family: str) -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    steps = [file.read_text("utf-8") for file in sorted((MIGRATIONS / family).glob("[0-9]*.sql"))]
    sqlite.migrate(connection, steps, "the simulation's database")
    return connection
