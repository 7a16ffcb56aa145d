"""The archive: everything that is kept about past events, to be read beside a Segue that runs or not.

    async with opened(settings, current) as archive:
        record = await archive.record(3, 1204)
        plan, use = archive.plan("braze", 3, 1204)       # the workspace that event was routed by

The log holds the events, each destination's state what became of them, and the kept revisions by what they
were routed. Nothing here is written.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from segue.catalog.contents import catalogue
from segue.engine.plan import Plan, prepare
from segue.io.claim import holder
from segue.io.log.sqlite import SqliteLog
from segue.io.storage import revisions
from segue.io.storage.origins import read_origins
from segue.io.storage.revisions import Use, in_force
from segue.io.storage.sqlite import claim_of
from segue.io.storage.state import Cursor, StateReader
from segue.model.delivery import Halt
from segue.model.errors import CorruptBlock, LogUnavailable, MisconfiguredWorkspace, StorageUnavailable
from segue.model.event import Record
from segue.runtime.current import Current, at_sandbox
from segue.runtime.folders import LOG_FOLDER, REVISIONS_FOLDER, STATE_FOLDER, lanes_of
from segue.runtime.settings import Settings

SOMEWHERE: Final = "http://127.0.0.1:8089"
"""An address for plans that are only routed by."""


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """One state file of a destination: one for all lanes, or one for each group of lanes.

    stem     name of the state's files, without ending
    cursors  how far each lane was settled at the last checkpoint
    origins  where in each lane the destination began
    holder   process id of the courier that runs on it, "" for none, None where that cannot be told
    """

    destination: str
    stem: str
    state: StateReader
    cursors: Mapping[int, Cursor]
    uses: Sequence[Use]
    halt: Halt | None
    origins: Mapping[int, int]
    holder: str | None = None

    @property
    def lanes(self) -> frozenset[int] | None:
        """The lanes it keeps; None for all."""
        return lanes_of(self.stem)

    def is_settled(self, lane: int, offset: int) -> bool:
        """True when the last checkpoint knew the event for done."""
        cursor = self.cursors.get(lane)
        if cursor is None:
            return False
        return offset < cursor.next_offset or any(start <= offset < end for start, end in cursor.settled)

    def unsettled_before(self, lane: int, offset: int) -> int:
        """How many events of a lane before this one the last checkpoint did not know for done."""
        cursor = self.cursors.get(lane)
        if cursor is None:
            return max(0, offset - self.origins.get(lane, 0))
        done = sum(max(0, min(end, offset) - start) for start, end in cursor.settled)
        return max(0, offset - cursor.next_offset - done)

    def began_after(self, lane: int, offset: int) -> bool:
        """True for an event from before the destination existed."""
        return offset < self.origins.get(lane, 0)


class Archive:
    """Made by `opened`. stream is None when there is no log yet."""

    def __init__(
        self, settings: Settings, current: Current, stream: SqliteLog | None, books: Sequence[Books]
    ) -> None:
        self.settings = settings
        self.current = current
        self.stream = stream
        self.books = tuple(books)
        self._plans: dict[str, Plan | None] = {}

    @property
    def destinations(self) -> list[str]:
        """Every destination the workspace has or that has left a state, in the workspace's order."""
        named = [each.id for each in self.current.workspace.destinations]
        return list(dict.fromkeys([*named, *(each.destination for each in self.books)]))

    def books_of(self, destination: str, lane: int) -> Books | None:
        """The state that keeps a lane of a destination; None when it has never run."""
        found = [each for each in self.books if each.destination == destination]
        return next((each for each in found if lane in each.cursors), found[0] if found else None)

    def is_served(self, destination: str, lane: int) -> bool:
        """Whether a process delivers this lane for a destination now; true where nobody can tell."""
        found = [each for each in self.books if each.destination == destination and each.holder != ""]
        return any(each.lanes is None or lane in each.lanes for each in found)

    async def record(self, lane: int, offset: int) -> Record | None:
        """An event of the log; None when it is not there (any more) or its block is damaged."""
        if self.stream is None or lane >= self.stream.lanes:
            return None
        try:
            blocks = await self.stream.read(lane, offset, blocks=1)
        except CorruptBlock:
            return None
        if not blocks or not blocks[0].first_offset <= offset < blocks[0].next_offset:
            return None
        return blocks[0].records[offset - blocks[0].first_offset]

    def plan(self, books: Books | None, lane: int, offset: int) -> tuple[Plan, Use | None]:
        """What an event is or was routed by, and since when; (the workspace file as it is now, None) when
        no revision is kept for it."""
        use = in_force(books.uses, lane, offset) if books is not None else None
        plan = self._plan(use.id) if use is not None else None
        return (plan, use) if plan is not None else (self.current.plan, None)

    def _plan(self, name: str) -> Plan | None:
        if name not in self._plans:
            workspace = revisions.read(self.settings.data / REVISIONS_FOLDER, name)
            with contextlib.suppress(MisconfiguredWorkspace):  # a catalogue that has changed since
                if workspace is not None:
                    self._plans[name] = prepare(at_sandbox(workspace, SOMEWHERE), catalogue())
        return self._plans.setdefault(name, None)


@contextlib.asynccontextmanager
async def opened(settings: Settings, current: Current) -> AsyncIterator[Archive]:
    """Open what there is, for reading. Raises LogUnavailable, StorageUnavailable."""
    async with contextlib.AsyncExitStack() as stack:
        stream = None
        if (settings.data / LOG_FOLDER).exists():
            with contextlib.suppress(LogUnavailable):
                stream = await SqliteLog.follow(settings.data / LOG_FOLDER)
                stack.push_async_callback(stream.close)
        books = []
        for destination, path in await asyncio.to_thread(state_files, settings.data / STATE_FOLDER):
            try:
                state = await StateReader.open(path)
            except StorageUnavailable:
                if path.exists():
                    raise
                continue
            stack.push_async_callback(state.close)
            books.append(
                Books(
                    destination=destination,
                    stem=path.stem,
                    state=state,
                    cursors=await state.load(),
                    uses=await state.revisions(),
                    halt=await state.halt(),
                    origins=await asyncio.to_thread(read_origins, settings.data / STATE_FOLDER, destination),
                    holder=await asyncio.to_thread(holder, claim_of(path)),
                )
            )
        yield Archive(settings, current, stream, books)


def state_files(folder: Path) -> Sequence[tuple[str, Path]]:
    """(destination, path) of every state file: ``braze.db``, or ``braze@0-3.db`` for some lanes."""

    def found() -> Iterator[tuple[str, Path]]:
        for path in sorted(folder.glob("*.db")):
            yield path.stem.partition("@")[0], path

    return list(found())
