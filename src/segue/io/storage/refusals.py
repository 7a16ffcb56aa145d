"""Refusals: the newest events and requests the receiver refused, and how many there were, over restarts.

    book = await RefusalBook.open(path)                      # the receiver's process
    await book.write([refused], {key: RefusedCount(events=1)})

    reader = await RefusalReader.open(path)                  # `segue tail --rejected`, `segue trace`
    await reader.find(message_id="message-17")

Samples and counts of one write are in one transaction, so they never contradict each other. A write does not
wait for the disk: a killed process loses nothing that was written, a power cut perhaps the last seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

from segue.io.storage.buckets import HOUR_MS
from segue.io.storage.database import Cell, Database, Session
from segue.io.storage.sqlite import SqliteDatabase

FAMILY: Final = "refusals"

KEPT_EACH: Final = 1_000
"""Samples kept of one source and code: what is refused most does not push the rest out."""

KEPT_IN_ALL: Final = 10_000

DAY_MS: Final = 24 * HOUR_MS
COUNTED_DAYS: Final = 30


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """An event, or a whole request with source and kind "", that the receiver refused.

    sample  the beginning of what was refused; count  how many events were refused together
    """

    at_ms: int
    source: str
    kind: str
    code: str
    message: str
    message_id: str
    count: int
    sample: str


class RefusedKey(NamedTuple):
    """What was refused on a day (since the epoch, UTC)."""

    day: int
    source: str
    kind: str
    code: str


class RefusedCount(msgspec.Struct, frozen=True, kw_only=True):
    """How much was refused: events one by one, requests as a whole."""

    events: int = 0
    requests: int = 0


class RefusalReader:
    """What may be asked beside the receiver, from any process. Every call may raise StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open what a receiver has written; StorageUnavailable when there is nothing."""
        return cls(await SqliteDatabase.open(path, family=FAMILY, shared=True))

    async def find(
        self, *, source: str | None = None, code: str | None = None, message_id: str | None = None
    ) -> list[Refused]:
        """The kept refusals that match all that is given, oldest first."""
        asked = {"source": source, "code": code, "message_id": message_id}
        wanted = {name: storable(value) for name, value in asked.items() if value is not None}
        where = " AND ".join(f"{name} = ?" for name in wanted) or "1 = 1"
        query = f"""
            SELECT at_ms, source, kind, code, message, message_id, events, sample FROM refusal
            WHERE {where} ORDER BY id
        """  # noqa: S608 - names of our own
        rows = await self._database.read(lambda session: session.execute(query, tuple(wanted.values())))
        names = Refused.__struct_fields__
        return [Refused(**dict(zip(names, (*cells, bytes(sample).decode()), strict=True)))
                for *cells, sample in rows]  # fmt: skip

    async def counts(self) -> dict[RefusedKey, RefusedCount]:
        """What was refused on the last 30 days."""
        query = "SELECT day, source, kind, code, events, requests FROM refused ORDER BY day"
        rows = await self._database.read(lambda session: session.execute(query))
        return {RefusedKey(*key): RefusedCount(events=n, requests=m) for *key, n, m in rows}

    async def forget(self, is_meant: Callable[[str], bool]) -> int:
        """Remove the samples whose beginning or message is meant; the counts stay. Gives how many."""

        def work(session: Session) -> int:
            rows = session.execute("SELECT id, message, sample FROM refusal")
            gone = [
                id
                for id, message, sample in rows
                if is_meant(bytes(sample).decode()) or is_meant(str(message))
            ]
            for id in gone:
                session.execute("DELETE FROM refusal WHERE id = ?", (id,))
            return len(gone)

        return await self._database.transact(work)

    async def close(self) -> None:
        await self._database.close()


class RefusalBook(RefusalReader):
    """The receiver's own view: it alone writes."""

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open the book, making it when there is none. Raises StorageUnavailable, MisconfiguredError."""
        return cls(await SqliteDatabase.open(path, family=FAMILY, passing=True))

    async def write(self, refused: Sequence[Refused], counts: Mapping[RefusedKey, RefusedCount]) -> None:
        """Add what was refused since the last write, all or nothing, and forget what is beyond the bounds.

        Raises StorageUnavailable: nothing has changed, and it may be called again.
        """
        rows: list[tuple[Cell, ...]] = [
            (one.at_ms, one.source, one.kind, one.code, one.message, one.message_id, one.count,
             one.sample.encode())
            for one in refused
        ]  # fmt: skip
        sums = [(*key, count.events, count.requests) for key, count in counts.items()]
        places = {(one.source, one.code) for one in refused}

        def work(session: Session) -> None:
            session.insert(
                "INSERT INTO refusal(at_ms, source, kind, code, message, message_id, events, sample) VALUES",
                rows,
            )
            session.insert(
                "INSERT INTO refused(day, source, kind, code, events, requests) VALUES",
                sums,
                then="""ON CONFLICT(day, source, kind, code) DO UPDATE SET
                    events = events + excluded.events, requests = requests + excluded.requests""",
            )
            for source, code in sorted(places):
                session.execute(
                    """DELETE FROM refusal WHERE source = ? AND code = ? AND id <= (
                        SELECT id FROM refusal WHERE source = ? AND code = ?
                        ORDER BY id DESC LIMIT 1 OFFSET ?)""",
                    (source, code, source, code, KEPT_EACH),
                )
            session.execute(
                "DELETE FROM refusal WHERE id <= (SELECT id FROM refusal ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (KEPT_IN_ALL,),
            )

        await self._database.transact(work)

    async def prune(self, now_ms: int, retention_ms: int) -> None:
        """Forget samples older than the log keeps events, and days older than a month."""

        def work(session: Session) -> None:
            session.execute("DELETE FROM refusal WHERE at_ms < ?", (now_ms - retention_ms,))
            session.execute("DELETE FROM refused WHERE day < ?", (now_ms // DAY_MS - COUNTED_DAYS,))

        await self._database.transact(work)


def storable(text: str) -> str:
    """A text as it can be stored: half a surrogate pair cannot, and becomes a question mark."""
    return text.encode("utf-8", "replace").decode()
