"""Pace: a board where processes that send to the same partner accounts leave word of the rate limits.

    board = await PaceBoard.open(folder / "pace.db")
    await board.tell("process-1", {"braze-3f…": body}, now_ms)
    for word in await board.hear("process-1", now_ms):
        word.account, word.process, word.body

What is older than a minute is neither heard nor kept, and nothing here is waited for by the disk.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, Self

from segue.io.storage.database import Database, Session
from segue.io.storage.sqlite import SqliteDatabase

FRESH_MS: Final = 60_000


class Word(NamedTuple):
    """What a process said of an account. at_ms: when; body: as it was told."""

    account: str
    process: str
    at_ms: int
    body: bytes


class PaceBoard:
    """One for all processes of a data folder. Every call may raise StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make it. Raises StorageUnavailable, MisconfiguredError (a newer Segue made it)."""
        return cls(await SqliteDatabase.open(path, family="pace", passing=True))

    async def tell(self, process: str, bodies: Mapping[str, bytes], now_ms: int) -> None:
        """Put up what a process knows, by account, in place of what it said before; take off what is old.

        account  a name that says nothing of the credentials; others can read it
        """

        def work(session: Session) -> None:
            session.execute("DELETE FROM pace WHERE at_ms < ? OR at_ms > ?", _bounds(now_ms))
            session.insert(
                "INSERT INTO pace(account, process, at_ms, body) VALUES",
                [(account, process, now_ms, body) for account, body in bodies.items()],
                then="ON CONFLICT (account, process) DO UPDATE "
                "SET at_ms = excluded.at_ms, body = excluded.body",
            )

        await self._database.transact(work)

    async def hear(self, process: str, now_ms: int) -> list[Word]:
        """What the other processes said within the last minute, oldest first."""

        def work(session: Session) -> list[Word]:
            found = session.execute(
                "SELECT account, process, at_ms, body FROM pace "
                "WHERE process <> ? AND at_ms >= ? AND at_ms <= ? ORDER BY at_ms, account, process",
                (process, *_bounds(now_ms)),
            )
            return [Word(*row) for row in found]

        return await self._database.read(work)

    async def close(self) -> None:
        """May be called twice."""
        await self._database.close()


def _bounds(now_ms: int) -> tuple[int, int]:
    """Beyond the second lies what was said before the clock was set back."""
    return now_ms - FRESH_MS, now_ms + FRESH_MS
