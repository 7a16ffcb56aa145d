"""Pace: where processes that send to the same partner accounts keep the rate limits they use in turns.

    board = PaceBoard.open(folder / "pace.db")
    board.meet("process-1", now_ms)                       # the others that are at work
    board.turn("braze-3f…", "users/track", now_ms, work)  # work(state before or None) gives the state after

Calls block, for some tens of microseconds: nothing here waits for the disk, and another process's turn is as
short. What is older than a minute is worth nothing, and so is the file after a power cut: a damaged
one is made anew.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Self, TypeVar

import apsw

from segue.io import sqlite
from segue.io.storage.sqlite import prepare
from segue.model.errors import StorageUnavailable

FRESH_MS: Final = 60_000

BUSY_MS: Final = 100
"""A turn that another process does not end by then is not waited for."""

T = TypeVar("T")

Turn = Callable[[bytes | None], bytes]


class PaceBoard:
    """One for all processes of a data folder. Every call may raise StorageUnavailable."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self._path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or make it, anew where a power cut has damaged it. Raises StorageUnavailable,
        MisconfiguredError (a newer Segue made it)."""
        try:
            connection = _connect(path)
        except StorageUnavailable as error:
            if not isinstance(error.__cause__, apsw.CorruptError):  # else it is no file of ours
                raise
            _wipe(path)
            connection = _connect(path)
        return cls(path, connection)

    def meet(self, process: str, now_ms: int) -> frozenset[str]:
        """Say that a process is at work; gives the others that said so within the last minute."""

        def work() -> frozenset[str]:
            self._connection.execute("DELETE FROM process WHERE at_ms < ? OR at_ms > ?", _bounds(now_ms))
            self._connection.execute(
                "INSERT INTO process(name, at_ms) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET at_ms = excluded.at_ms",
                (process, now_ms),
            )
            return self._others(process, now_ms)

        return self._transact(work)

    def others(self, process: str, now_ms: int) -> frozenset[str]:
        """The other processes that are at work. Writes nothing."""
        try:
            return self._others(process, now_ms)
        except sqlite.Faults as error:
            raise self._unavailable(error) from error

    def leave(self, process: str) -> None:
        """A process ends."""
        self._transact(lambda: self._connection.execute("DELETE FROM process WHERE name = ?", (process,)))

    def turn(self, account: str, pool: str, now_ms: int, work: Turn) -> None:
        """Use a pool while nobody else does.

        account  a name that says nothing of the credentials; others can read it
        work     from the state somebody left within the last minute, None when there is none, to the new one
        """

        def turn() -> None:
            found = self._connection.execute(
                "SELECT body FROM pool WHERE account = ? AND name = ? AND at_ms >= ? AND at_ms <= ?",
                (account, pool, *_bounds(now_ms)),
            ).get
            self._connection.execute(
                "INSERT INTO pool(account, name, at_ms, body) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (account, name) DO UPDATE SET at_ms = excluded.at_ms, body = excluded.body",
                (account, pool, now_ms, work(found)),
            )

        self._transact(turn)

    def look(self, account: str, pool: str, now_ms: int) -> bytes | None:
        """A pool as somebody left it within the last minute, outside of a turn."""
        return self.pools(account, now_ms, pool).get(pool)

    def pools(self, account: str, now_ms: int, pool: str = "") -> Mapping[str, bytes]:
        """The pools of an account as somebody left them within the last minute, by name; or only one."""
        try:
            return dict(
                self._connection.execute(
                    "SELECT name, body FROM pool "
                    "WHERE account = ? AND (name = ? OR ? = '') AND at_ms >= ? AND at_ms <= ?",
                    (account, pool, pool, *_bounds(now_ms)),
                )
            )
        except sqlite.Faults as error:
            raise self._unavailable(error) from error

    def close(self) -> None:
        """May be called twice."""
        self._connection.close()

    def _others(self, process: str, now_ms: int) -> frozenset[str]:
        found = self._connection.execute(
            "SELECT name FROM process WHERE name <> ? AND at_ms >= ? AND at_ms <= ?",
            (process, *_bounds(now_ms)),
        )
        return frozenset(name for (name,) in found)

    def _transact(self, work: Callable[[], T]) -> T:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = work()
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            return result
        except sqlite.Faults as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: BaseException) -> StorageUnavailable:
        return StorageUnavailable(f'"{self._path}" cannot be used: {sqlite.explain(error)}')


def _connect(path: Path) -> apsw.Connection:
    connection, _ = prepare(path, "pace", shared=False, passing=True)
    connection.pragma("synchronous", "off")
    try:
        if (found := connection.pragma("quick_check")) != "ok":
            raise apsw.CorruptError(found)
    except sqlite.Faults as error:
        connection.close()
        raise StorageUnavailable(f'"{path}" cannot be used: {sqlite.explain(error)}') from error
    connection.set_busy_timeout(BUSY_MS)
    return connection


def _wipe(path: Path) -> None:
    """Make a damaged file an empty one, also for others that have it open."""
    try:
        connection = sqlite.connect(path)
        try:
            connection.config(apsw.SQLITE_DBCONFIG_RESET_DATABASE, 1)
            connection.execute("VACUUM")
        finally:
            connection.close()
    except sqlite.Faults as error:
        raise StorageUnavailable(f'"{path}" cannot be used: {sqlite.explain(error)}') from error


def _bounds(now_ms: int) -> tuple[int, int]:
    """Beyond the second lies what was said before the clock was set back."""
    return now_ms - FRESH_MS, now_ms + FRESH_MS
