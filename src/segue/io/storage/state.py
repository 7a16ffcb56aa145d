"""State: what a courier must know of one destination after a restart, changed in one step per checkpoint.

    state = await State.open(path, dedupe_hours=24)          # the courier
    fresh = await state.fresh([("m-1", 0, 17, received_ms)])  # new, or met elsewhere before?
    await state.commit(Checkpoint(cursors={0: Cursor(next_offset=18)}, now_ms=now_ms))

    reader = await StateReader.open(path)                     # `segue dead`, `segue trace`, the console
    letters = await reader.dead_letters(reason="BAD_REQUEST")
    await reader.ask("retry", {"ids": [letters[0].id]}, asked_ms=now_ms)

Between checkpoints nothing is written, so the file is locked only for the milliseconds of a commit, and
other processes can leave commands in it at any time; the courier finds them with `commands`.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import msgspec

from segue.io.storage import dead, doubts, expenses, profiles, repeats, revisions, tally
from segue.io.storage.buckets import HOUR_MS
from segue.io.storage.database import Database, Session
from segue.io.storage.ids import RUN
from segue.io.storage.receipts import Receipts
from segue.io.storage.seen import Id, Seen, position
from segue.io.storage.spans import Spans
from segue.io.storage.sqlite import SqliteDatabase
from segue.model.cost import Cost, CostKey
from segue.model.delivery import COMMAND_LANE, CountKey, DeadLetter, Halt, Receipt, Uncertain
from segue.model.errors import MisconfiguredError

FAMILY = "state"

T = TypeVar("T")


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far a lane is done.

    next_offset  everything below is settled
    settled      half-open ranges settled above it, ascending
    """

    next_offset: int
    settled: tuple[tuple[int, int], ...] = ()


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Cursors, totals and numbers of dead letters of one moment: they can be added up."""

    cursors: Mapping[int, Cursor]
    totals: Mapping[tuple[str, str], int]
    dead: Mapping[str, int]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something another process asks the courier to do; `id` grows with time."""

    id: int
    name: str
    arguments: Mapping[str, Any]
    asked_ms: int


REPEATS_MS: Final = 90 * 86_400_000
"""How long it is remembered what somebody's last identify said."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What happened since the last one. Everything is optional but the time.

    revived        ids of dead letters that are being retried or were dropped; removed before `dead` is added
    counts, costs  added to what is there
    values         small named values, replaced; b"" removes one
    done_commands  ids of commands carried out; commands: id -> the arguments of one from now on
    profiles       person -> what is known of them, replaced; b"" forgets one
    stamps         of other people -> what stands before it from now on
    repeats        person -> what their last identify said, replaced; b"" forgets it
    """

    now_ms: int
    cursors: Mapping[int, Cursor] = {}
    receipts: Sequence[Receipt] = ()
    dead: Sequence[DeadLetter] = ()
    revived: Sequence[str] = ()
    uncertain: Sequence[Uncertain] = ()
    counts: Mapping[CountKey, int] = {}
    costs: Mapping[CostKey, Cost] = {}
    values: Mapping[str, bytes] = {}
    done_commands: Sequence[int] = ()
    commands: Mapping[int, Mapping[str, Any]] = {}
    profiles: Mapping[str, bytes] = {}
    stamps: Mapping[str, bytes] = {}
    repeats: Mapping[str, bytes] = {}


class StateReader:
    """What may be asked while a courier runs, from any process. Every call may raise StorageUnavailable."""

    def __init__(self, database: Database, dedupe_hours: float, ids_in_run: int = RUN) -> None:
        self._database = database
        self._seen = Seen(int(dedupe_hours * HOUR_MS), ids_in_run)
        self._receipts = Receipts()

    @classmethod
    async def open(cls, place: str | os.PathLike[str] | Database) -> Self:
        """Open the state of a destination beside its courier; StorageUnavailable when there is none."""
        return cls(await _database(place, shared=True), 0)

    async def load(self) -> dict[int, Cursor]:
        """Lane -> cursor, as of the last checkpoint; lanes never read are missing."""
        return await self._database.read(_cursors)

    async def standing(self) -> Standing:
        """What the conservation law is made of, between two checkpoints and never across one."""
        return await self._database.read(
            lambda session: Standing(
                cursors=_cursors(session), totals=tally.totals(session), dead=dead.count_by_reason(session)
            )
        )

    async def dead_letters(
        self,
        *,
        subscription: str | None = None,
        reason: str | None = None,
        message_id: str | None = None,
        person: str | None = None,
        after_id: str | None = None,
        limit: int = 100,
    ) -> list[DeadLetter]:
        """Dead letters that match all filters given, by id; `after_id` asks for the next page."""
        wanted = {"subscription": subscription, "reason": reason, "message_id": message_id, "person": person}
        return await self._database.read(lambda session: dead.find(session, wanted, after_id, limit))

    async def dead_letter(self, letter_id: str) -> DeadLetter | None:
        return await self._database.read(lambda session: dead.show(session, letter_id))

    async def count_dead(self) -> dict[str, int]:
        """Reason -> dead letters there are now."""
        return await self._database.read(dead.count_by_reason)

    async def counts(self, since_minute: int, until_minute: int) -> list[tuple[CountKey, int]]:
        """Counts of the minutes from `since_minute` up to, but not including, `until_minute`."""
        return await self._database.read(lambda session: tally.between(session, since_minute, until_minute))

    async def totals(self) -> dict[tuple[str, str], int]:
        """(result, reason) -> events since the beginning."""
        return await self._database.read(tally.totals)

    async def costs(self, first_day: int, last_day: int) -> list[tuple[CostKey, Cost]]:
        """What was spent from one day to another, both included."""
        return await self._database.read(lambda session: expenses.between(session, first_day, last_day))

    async def spent(self, first_day: int, event: str = "") -> Cost:
        """What was spent since a day, on one event or on all."""
        return await self._database.read(lambda session: expenses.spent(session, first_day, event))

    async def receipts(self, message_id: str) -> list[Receipt]:
        """What became of the event, or events, with this messageId, in the order it was settled."""

        def work(session: Session) -> list[Receipt]:
            self._look_again()
            return self._receipts.at(session, self._seen.places(session, message_id), message_id)

        return await self._database.read(work)

    async def places(self, message_id: str) -> list[tuple[int, int]]:
        """(lane, offset) of every event met with this messageId, as far back as the log's retention."""

        def work(session: Session) -> list[tuple[int, int]]:
            self._look_again()
            return [position(here) for here in self._seen.places(session, message_id)]

        return await self._database.read(work)

    async def uncertain(
        self, *, message_id: str | None = None, since_ms: int = 0, limit: int = 1000
    ) -> list[Uncertain]:
        """Rows that may or may not have arrived, newest first: of one event, or all since a time."""
        return await self._database.read(lambda session: doubts.find(session, message_id, since_ms, limit))

    async def revisions(self) -> list[revisions.Use]:
        """Which revisions of the workspace the destination went on with, oldest first."""
        return await self._database.read(revisions.uses)

    async def value(self, name: str) -> bytes | None:
        query = "SELECT body FROM value WHERE name = ?"
        rows = await self._database.read(lambda session: session.execute(query, (name,)))
        return bytes(rows[0][0]) if rows else None

    async def halt(self) -> Halt | None:
        """Why the destination sent nothing at the last checkpoint; None when it did send."""
        body = await self.value("halt")
        return msgspec.json.decode(body, type=Halt) if body else None

    async def profiles(self, people: Sequence[str]) -> dict[str, bytes]:
        """Person -> what was written down about them, stamp and body, of those there are."""
        return await self._database.read(lambda session: profiles.load(session, people))

    async def repeats(self, people: Sequence[str]) -> dict[str, bytes]:
        """Person -> what their last identify said, of those there are."""
        return await self._database.read(lambda session: repeats.load(session, people))

    async def walk_profiles(self, from_id: int, limit: int) -> list[tuple[int, str]]:
        """(id, person) of everybody from an id on (`segue.io.storage.profiles.FIRST`), by id."""
        return await self._database.read(lambda session: profiles.walk(session, from_id, limit))

    async def commands(self) -> list[Command]:
        """What others asked for and is not done yet, oldest first."""
        query = "SELECT id, name, arguments, asked_ms FROM command ORDER BY id"
        rows = await self._database.read(lambda session: session.execute(query))
        return [
            Command(id=number, name=name, arguments=msgspec.msgpack.decode(arguments), asked_ms=asked_ms)
            for number, name, arguments, asked_ms in rows
        ]

    async def ask(self, name: str, arguments: Mapping[str, Any], *, asked_ms: int) -> int:
        """Leave a command for the courier; gives its id."""
        insertion = "INSERT INTO command(name, arguments, asked_ms) VALUES (?, ?, ?) RETURNING id"
        cells = (name, msgspec.msgpack.encode(arguments), asked_ms)
        rows = await self._database.transact(lambda session: session.execute(insertion, cells))
        return int(rows[0][0])

    async def look(self, work: Callable[[Session], T]) -> T:
        """Read more than is asked here (`segue.io.storage.succession`)."""
        return await self._database.read(work)

    async def close(self) -> None:
        await self._database.close()

    def _look_again(self) -> None:
        """Another process makes and drops tables."""
        self._seen.ids.recall()
        self._receipts.recall()


class State(StateReader):
    """The courier's own view: it alone advances. One process at a time may hold it."""

    def __init__(self, database: Database, dedupe_hours: float, ids_in_run: int = RUN) -> None:
        super().__init__(database, dedupe_hours, ids_in_run)
        self._committing = asyncio.Lock()

    @classmethod
    async def open(
        cls, place: str | os.PathLike[str] | Database, *, dedupe_hours: float = 24, ids_in_run: int = RUN
    ) -> Self:
        """Open the state of a destination, making it when there is none.

        dedupe_hours  how long a messageId is remembered, up to a quarter longer; 0 turns it off
        ids_in_run    how many of them are kept apart before they are sorted in (`segue.io.storage.ids`)
        Raises StorageUnavailable (cannot be written, or another process holds it), UnsafeLibrary,
        MisconfiguredError.
        """
        return cls(await _database(place, shared=False), dedupe_hours, ids_in_run)

    async def fresh(self, ids: Sequence[Id]) -> list[bool]:
        """Say for each (message_id, lane, offset, received_ms) whether it is new.

        False when the id was met at another place within the window. Met ids count at once and are written
        with the next commit; until then a crash forgets them together with the cursors. Reading the same
        place again is not a duplicate.
        """
        return await self._database.read(lambda session: self._seen.meet(session, ids))

    async def commit(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and the ids met so far, all or nothing; durable when this returns.

        Raises StorageUnavailable: nothing has changed, call again with the same or a later checkpoint.
        A cancelled call finishes its work all the same.
        """
        await asyncio.shield(self._commit(checkpoint))

    async def use_revision(self, name: str, now_ms: int) -> None:
        """From here on events are routed by this revision (`segue.io.storage.revisions`)."""

        def work(session: Session) -> None:
            rows = session.execute("SELECT lane, next_offset, settled FROM cursor")
            cursors = {lane: (next_offset, _ranges(settled)) for lane, next_offset, settled in rows}
            revisions.use(session, name, now_ms, cursors)

        async with self._committing:
            await self._database.transact(work)

    async def hand_over(self, work: Callable[[Session], T]) -> T:
        """Write a part of a hand-over in one transaction, before or after a courier runs on it."""
        try:
            return await self._database.transact(work)
        finally:
            self._look_again()

    @property
    def ids(self) -> Spans:
        """The ids that were met."""
        return self._seen.ids

    async def prune(self, now_ms: int, retention_ms: int) -> None:
        """Forget what is older than the retention: receipts by the time they were settled, ids by the time
        of receipt (never inside the dedupe window), so `receipts` knows an event for the retention of the
        log; minutes older than a month. Dead letters stay until somebody retries or drops them."""

        def work(session: Session) -> None:
            self._seen.prune(session, now_ms, retention_ms)
            self._receipts.prune(session, now_ms - retention_ms)
            doubts.prune(session, now_ms - retention_ms)
            revisions.prune(session, now_ms - retention_ms)
            tally.prune(session, now_ms)
            expenses.prune(session, now_ms)
            repeats.prune(session, now_ms - REPEATS_MS)

        async with self._committing:
            try:
                await self._database.transact(work)
            except BaseException:
                self._look_again()
                raise

    async def _commit(self, checkpoint: Checkpoint) -> None:
        for lane in checkpoint.cursors:
            if not 0 <= lane < COMMAND_LANE:
                raise MisconfiguredError(
                    f"lane {lane} is out of range: a log has at most {COMMAND_LANE} lanes"
                )

        async with self._committing:
            written = False
            try:
                await self._database.transact(lambda session: self._write(session, checkpoint))
                written = True
            finally:
                await self._database.read(lambda session: self._settle(written))

    def _write(self, session: Session, checkpoint: Checkpoint) -> None:
        for receipt in checkpoint.receipts:
            if receipt.result == "suppressed" or receipt.lane == COMMAND_LANE:  # it never came to `fresh`
                self._seen.note(receipt.message_id, receipt.lane, receipt.offset, receipt.settled_ms)
        self._seen.write(session)
        session.insert(
            "INSERT INTO cursor(lane, next_offset, settled) VALUES",
            [
                (lane, cursor.next_offset, msgspec.msgpack.encode(cursor.settled))
                for lane, cursor in checkpoint.cursors.items()
            ],
            then="""ON CONFLICT(lane) DO UPDATE SET
                next_offset = excluded.next_offset, settled = excluded.settled""",
        )
        self._receipts.write(session, checkpoint.receipts)
        dead.revive(session, checkpoint.revived)
        dead.bury(session, checkpoint.dead)
        doubts.note(session, checkpoint.uncertain)
        tally.add(session, checkpoint.counts)
        expenses.add(session, checkpoint.costs)
        for name, body in checkpoint.values.items():
            session.execute("DELETE FROM value WHERE name = ?", (name,))
            if body:
                session.execute("INSERT INTO value(name, body) VALUES (?, ?)", (name, body))
        profiles.write(session, checkpoint.profiles, checkpoint.now_ms, checkpoint.stamps)
        repeats.write(session, checkpoint.repeats, checkpoint.now_ms)
        for number, arguments in checkpoint.commands.items():
            body = msgspec.msgpack.encode(arguments)
            session.execute("UPDATE command SET arguments = ? WHERE id = ?", (body, number))
        for number in checkpoint.done_commands:
            session.execute("DELETE FROM command WHERE id = ?", (number,))

    def _settle(self, written: bool) -> None:
        self._seen.settle(written=written)
        if not written:
            self._receipts.recall()


_ranges = msgspec.msgpack.Decoder(tuple[tuple[int, int], ...]).decode


async def _database(place: str | os.PathLike[str] | Database, *, shared: bool) -> Database:
    if isinstance(place, (str, os.PathLike)):
        return await SqliteDatabase.open(Path(place), family=FAMILY, shared=shared)
    return place


def _cursors(session: Session) -> dict[int, Cursor]:
    rows = session.execute("SELECT lane, next_offset, settled FROM cursor ORDER BY lane")
    return {lane: Cursor(next_offset=offset, settled=_ranges(settled)) for lane, offset, settled in rows}
