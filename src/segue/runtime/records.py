"""The records as an operator asks for them: why an attribute is missing, counts, the uncertain set.

Everything is read beside the running process, as `segue.runtime.desk` does.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from segue.io.storage.journal import Journal
from segue.model.delivery import CountKey, Uncertain
from segue.model.errors import MisconfiguredError
from segue.runtime import absence
from segue.runtime.absence import Absence
from segue.runtime.archive import Archive, Books, opened
from segue.runtime.current import Current
from segue.runtime.desk import live
from segue.runtime.folders import STATE_FOLDER
from segue.runtime.settings import Settings
from segue.runtime.story import Progress, state_of

MINUTE_MS: Final = 60_000
ROWS: Final = "rows_"

_FORMATS: Final[Mapping[str, str]] = {"minute": "%Y-%m-%d %H:%M", "hour": "%Y-%m-%d %H:00", "day": "%Y-%m-%d"}


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many events, or rows, of one kind were settled in one minute at one destination."""

    destination: str
    key: CountKey
    count: int

    @property
    def is_of_rows(self) -> bool:
        return self.key.result.startswith(ROWS)

    @property
    def source(self) -> str:
        return self.key.source

    def cell(self, column: str) -> str:
        """What it shows in a column: minute, hour, day (UTC), destination, or a member of the key."""
        if column in _FORMATS:
            return datetime.fromtimestamp(self.key.minute * 60, UTC).strftime(_FORMATS[column])
        if column == "destination":
            return self.destination
        return str(getattr(self.key, column)).removeprefix(ROWS)


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """A row that may or may not have arrived. became: what its event counts as now, "waiting" while it is
    not settled."""

    destination: str
    doubt: Uncertain
    became: str


async def why(
    settings: Settings,
    current: Current,
    person: str,
    attribute: str,
    *,
    destination: str | None = None,
    most: int = 10,
    progress: Progress = lambda _: None,
) -> Absence:
    """Why a person lacks an attribute (`segue.runtime.absence`).

    Raises MisconfiguredError for a destination there is not, LogUnavailable, StorageUnavailable.
    """
    async with opened(settings, current) as archive:
        _require(archive, destination)
        return await absence.explain(
            archive,
            person,
            attribute,
            live(settings),
            destination=destination,
            most=most,
            progress=progress,
        )


async def counts(
    settings: Settings, current: Current, since_ms: int, until_ms: int, *, destination: str | None = None
) -> list[Count]:
    """Counts of the minutes between two times; 30 days are kept. Raises as `why` does."""
    found: list[Count] = []
    async with opened(settings, current) as archive:
        _require(archive, destination)
        for books in archive.books:
            if destination in (None, books.destination):
                kept = await books.state.counts(since_ms // MINUTE_MS, -(-until_ms // MINUTE_MS))
                found += [Count(destination=books.destination, key=key, count=n) for key, n in kept]
    return found


async def uncertain(
    settings: Settings,
    current: Current,
    since_ms: int,
    *,
    destination: str | None = None,
    limit: int = 100,
) -> list[Doubt]:
    """The uncertain set, newest first: what was decided, and what the journal of a Segue that was stopped
    hard still has open. Raises as `why` does."""
    found: list[Doubt] = []
    async with opened(settings, current) as archive:
        _require(archive, destination)
        for books in archive.books:
            if destination not in (None, books.destination):
                continue
            found += await _open(archive, books, settings)
            for doubt in await books.state.uncertain(since_ms=since_ms, limit=limit):
                receipts = [
                    each
                    for each in await books.state.receipts(doubt.message_id)
                    if (each.lane, each.offset) == (doubt.lane, doubt.offset)
                ]
                is_settled = books.is_settled(doubt.lane, doubt.offset)
                became = state_of(receipts, ()) if is_settled else "waiting"
                found.append(Doubt(destination=books.destination, doubt=doubt, became=became))
    return found[:limit]


def policies(current: Current, destination: str | None) -> list[tuple[str, str]]:
    """(destination, what becomes of its uncertain events and purchases) of the enabled ones."""
    return [
        (name, bound.config.delivery.uncertain)
        for name, bound in current.plan.destinations.items()
        if destination in (None, name)
    ]


async def _open(archive: Archive, books: Books, settings: Settings) -> Sequence[Doubt]:
    """Rows the journal has on their way or in doubt, when no courier runs that will settle them."""
    lanes = list(books.cursors)
    if not lanes or await live(settings)(books.destination, lanes[0], 0) is not None:
        return ()
    generation = int(await books.state.value("journal") or b"0")
    stem = settings.data / STATE_FOLDER / books.stem
    keys = await asyncio.to_thread(Journal.peek, stem, generation)
    doubts = []
    for key, request in keys.items():
        record = await archive.record(key.lane, key.offset)
        doubt = Uncertain(
            lane=key.lane,
            offset=key.offset,
            message_id=record.message_id if record is not None else "",
            subscription=key.subscription,
            action="",
            part=max(key.part, ~key.part),
            request=request,
            policy="open",
            noted_ms=0,
        )
        doubts.append(Doubt(destination=books.destination, doubt=doubt, became="waiting"))
    return doubts


def _require(archive: Archive, destination: str | None) -> None:
    if destination is not None and destination not in archive.destinations:
        known = ", ".join(archive.destinations)
        raise MisconfiguredError(f'there is no destination "{destination}"; there is: {known}')
