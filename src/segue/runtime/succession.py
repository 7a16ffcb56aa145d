"""Succession: lanes of the log that change from one courier of a destination to another.

    await settle_lanes(settings, destination, state, 8, origins, clock)    # before its courier starts

Each group of lanes has a state of its own. A courier that starts with lanes another state has positions of
takes them over with all that goes with them (`segue.io.storage.succession`), when no process owns that state;
while one does, it refuses to start, for a lane has one courier at a time. A state whose owner was killed is
taken over as it is: its journal tells which rows had left.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import structlog

from segue.engine.person import SEPARATOR
from segue.engine.plan import BoundDestination
from segue.io.claim import holder
from segue.io.storage import succession
from segue.io.storage.database import Session
from segue.io.storage.ids import Table
from segue.io.storage.journal import Found, Journal
from segue.io.storage.profiles import FIRST
from segue.io.storage.sqlite import claim_of
from segue.io.storage.state import State, StateReader
from segue.io.storage.succession import AGAIN, GIVEN, Estate, Home, Page
from segue.model.delivery import COMMAND_LANE
from segue.model.errors import MisconfiguredError, StorageUnavailable
from segue.model.event import lane_of
from segue.runtime.brake import KEPT as PAUSED
from segue.runtime.clock import Clock
from segue.runtime.eraser import ERASE
from segue.runtime.folders import STATE_FOLDER, lanes_of, state_path
from segue.runtime.memory import EPOCH, RESEND, shape_of
from segue.runtime.revival import IMPORT, MAIMED
from segue.runtime.settings import Settings

WAIT_SECONDS: Final = 0.5
TRIES: Final = 20
"""How often it is looked whether a state is free: another process may be taking its own lanes from it."""

REQUESTS: Final = "requests"
GREATEST: Final = (REQUESTS, PAUSED, EPOCH)
"""Values of which the heir keeps the greater."""

UNDIVIDED: Final = (ERASE, IMPORT, RESEND)
"""Commands that one courier has to be done with: two would do them twice."""

log = structlog.get_logger("segue.courier")


class Predecessor(msgspec.Struct, frozen=True, kw_only=True):
    """A state that may have positions of our lanes. It is ours alone while this lasts.

    name  of its file without ending; stem: of its journal's files
    """

    name: str
    stem: Path
    state: State


async def settle_lanes(
    settings: Settings,
    destination: BoundDestination,
    own: State,
    lanes: int,
    origins: Mapping[int, int],
    clock: Clock,
) -> None:
    """Take over what other states of a destination have of our lanes.

    own    our state, claimed; lanes: of the log; origins: where the destination began in each
    Raises StorageUnavailable: a process that runs reads one of the lanes; MisconfiguredError: something was
    asked there that must be done first.
    """
    folder, path = settings.data / STATE_FOLDER, state_path(settings, destination.id)
    ours = sorted(settings.lanes or range(lanes))
    shape = shape_of(destination)
    home = home_of(shape.identifiers[0] if shape is not None else "", lanes)
    for other in sorted([*folder.glob(f"{destination.id}.db"), *folder.glob(f"{destination.id}@*.db")]):
        named = lanes_of(other.stem)
        common = [lane for lane in ours if named is None or lane in named]
        if other == path or not common:
            continue
        await _free(other, destination.id, common, clock)
        if not await _concerns(other, own, ours, origins):
            continue
        state = await State.open(other)
        try:
            heirloom = Predecessor(name=other.stem, stem=other.with_suffix(""), state=state)
            taken = await take_over(own, path.with_suffix(""), ours, home, origins, heirloom)
        finally:
            await state.close()
        if taken:
            log.info("lanes_taken_over", destination=destination.id, lanes=_listed(taken), file=str(other))


async def prune_left(settings: Settings, destinations: Iterable[str], now_ms: int, retention_ms: int) -> None:
    """Forget what is older than the retention in the states all of whose lanes went elsewhere: no courier of
    theirs does it any more. One that a process owns is passed over."""
    folder = settings.data / STATE_FOLDER
    for destination in destinations:
        own = state_path(settings, destination)
        for path in sorted([*folder.glob(f"{destination}.db"), *folder.glob(f"{destination}@*.db")]):
            with suppress(StorageUnavailable):
                if path != own and await _is_left(path):
                    state = await State.open(path)
                    try:
                        await state.prune(now_ms, retention_ms)
                    finally:
                        await state.close()


async def _is_left(path: Path) -> bool:
    reader = await StateReader.open(path)
    try:
        return bool(await reader.value(GIVEN))
    finally:
        await reader.close()


async def take_over(
    own: State,
    stem: Path,
    lanes: Sequence[int],
    home: Home,
    origins: Mapping[int, int],
    other: Predecessor,
) -> list[int]:
    """Take over from one state what it has of our lanes; gives which. An earlier call that was cut is done to
    its end.

    stem  of our journal's files
    Raises MisconfiguredError, StorageUnavailable.
    """
    theirs = await _cursors(other.state, other.stem, origins)
    mine = await own.look(succession.cursors_of)
    wanted = [
        lane
        for lane, cursor in sorted(theirs.items())
        if lane in lanes and (lane not in mine or succession.done(cursor) > succession.done(mine[lane]))
    ]
    is_cut = other.name in await own.look(succession.debts)
    if not wanted:
        if is_cut:
            await _surrender(own, other, [lane for lane in theirs if lane in lanes], home)
        return []
    values = (*GREATEST, MAIMED, "journal")
    cursors = {lane: theirs[lane] for lane in wanted}
    found = await other.state.look(
        lambda session: succession.estate(session, other.name, cursors, home, values)
    )
    if is_cut:  # and it went on by itself since: its costs are here already
        found = msgspec.structs.replace(found, costs=())
    _refuse_undivided(other, theirs, found)
    await _copy_ids(own, other.state, wanted)
    await _copy_people(own, other.state, wanted, home)
    kept = await own.look(lambda session: succession.estate(session, "", {}, home, values))
    merged = await _merge(stem, other.stem, kept, found, wanted)
    await own.hand_over(lambda session: succession.adopt(session, found, lanes, origins, merged, home))
    await _surrender(own, other, wanted, home)
    return wanted


async def _merge(
    stem: Path, other: Path, kept: Estate, found: Estate, lanes: Collection[int]
) -> dict[str, bytes]:
    """Write down what both journals tell; gives the values that go with that."""
    numbers = {name: max(_number(kept, name), _number(found, name)) for name in GREATEST}
    generation = _number(kept, "journal")
    ours = await asyncio.to_thread(Journal.read, stem, generation)
    theirs = await asyncio.to_thread(Journal.read, other, _number(found, "journal"))
    told = _together(ours, theirs, lanes)
    await asyncio.to_thread(Journal.keep, stem, generation + 1, told)
    numbers |= {"journal": generation + 1, REQUESTS: max(numbers[REQUESTS], told.requests)}
    maimed = _maimed(kept) | {place for place in _maimed(found) if place[0] in lanes}
    return {name: b"%d" % number if number else b"" for name, number in numbers.items()} | {
        MAIMED: _packed(maimed)
    }


def _together(ours: Found, theirs: Found, lanes: Collection[int]) -> Found:
    """What a start must know: of ours everything, of theirs what is of these lanes, and everybody whose
    attributes left."""
    return Found(
        settled={**ours.settled, **{key: each for key, each in theirs.settled.items() if key.lane in lanes}},
        uncertain={
            **ours.uncertain,
            **{key: each for key, each in theirs.uncertain.items() if key.lane in lanes},
        },
        counted=ours.counted | {key for key in theirs.counted if key.lane in lanes},
        requests=max(ours.requests, theirs.requests),
        people=ours.people | theirs.people,
        doubted={**ours.doubted, **{key: each for key, each in theirs.doubted.items() if key.lane in lanes}},
    )


def _refuse_undivided(other: Predecessor, theirs: Iterable[int], found: Estate) -> None:
    asked = next((name for name, *_ in found.commands if name in UNDIVIDED), None)
    if asked is not None:
        lanes = _listed(sorted(theirs))
        raise MisconfiguredError(
            f'the state "{other.name}" has a command "{asked}" that is not done, and one courier has to do '
            f"it. Start Segue once with the lanes as they were (SEGUE_LANES={lanes}) until it is done, stop "
            "it, and change the lanes then."
        )


async def _surrender(own: State, other: Predecessor, lanes: Sequence[int], home: Home) -> None:
    body = await other.state.value(MAIMED)
    maimed = {place for place in _places(body) if place[0] not in lanes}
    generation = int(await other.state.value("journal") or b"0")
    told = await asyncio.to_thread(Journal.read, other.stem, generation)
    left = {key.lane for key in (*told.settled, *told.uncertain)} - {*lanes, COMMAND_LANE}
    await asyncio.to_thread(Journal.keep, other.stem, generation + 1, _together(Found(), told, left))
    values = {MAIMED: _packed(maimed), "journal": b"%d" % (generation + 1), GIVEN: b"" if left else b"1"}
    await other.state.hand_over(lambda session: succession.surrender(session, lanes, home, values))
    await own.hand_over(lambda session: succession.settle_debt(session, other.name))


async def _copy_ids(own: State, other: State, lanes: Collection[int]) -> None:
    """The ids met in these lanes."""
    for table in (*await other.look(other.ids.tables), AGAIN):
        after: tuple[int, ...] | None = (FIRST, FIRST, FIRST)
        while after is not None:
            page = await other.look(partial(_ids, table, lanes, after))
            await own.hand_over(partial(_add_ids, own, table, page))
            after = page.after


async def _copy_people(own: State, other: State, lanes: Collection[int], home: Home) -> None:
    """What is known of people: of those at home in these lanes, and of others nothing is known of here."""
    at: int | None = FIRST
    while at is not None:
        page = await other.look(partial(_people, at))
        await own.hand_over(partial(_add_people, page, lanes, home))
        at = page.after[0] if page.after is not None else None
    who: str | None = ""
    while who is not None:
        page = await other.look(partial(_repeats, who))
        ours = [row for row in page.rows if home(row[0]) in lanes]
        await own.hand_over(partial(_add_repeats, ours))
        who = page.rows[-1][0] if page.after is not None else None


async def _free(other: Path, destination: str, common: Sequence[int], clock: Clock) -> None:
    """Wait a little for whoever owns a state; refuse when that goes on."""
    for _ in range(TRIES):
        process = await asyncio.to_thread(holder, claim_of(other))
        if not process:
            return
        await clock.sleep(WAIT_SECONDS)
    raise StorageUnavailable(
        f'process {process} owns the state "{other}", and with it lanes {_listed(common)} of destination '
        f'"{destination}": a lane has one courier at a time. Stop that process first, or give --lanes or '
        "SEGUE_LANES without them."
    )


async def _cursors(
    state: StateReader, stem: Path, origins: Mapping[int, int]
) -> dict[int, succession.Cursor]:
    """Where a state is in its lanes; where they began, when it was killed before it wrote down anything but
    its journal."""
    cursors = await state.look(succession.cursors_of)
    if cursors or await state.value(GIVEN):
        return cursors
    told = await asyncio.to_thread(Journal.read, stem, int(await state.value("journal") or b"0"))
    lanes = {key.lane for key in (*told.settled, *told.uncertain)} & origins.keys()
    return {lane: (origins[lane], ()) for lane in lanes}


async def _concerns(other: Path, own: State, lanes: Collection[int], origins: Mapping[int, int]) -> bool:
    """Whether a state has something of these lanes that is to be taken."""
    mine = await own.look(succession.cursors_of)
    reader = await StateReader.open(other)
    try:
        theirs = await _cursors(reader, other.with_suffix(""), origins)
    finally:
        await reader.close()
    further = any(
        lane not in mine or succession.done(cursor) > succession.done(mine[lane])
        for lane, cursor in theirs.items()
        if lane in lanes
    )
    return further or other.stem in await own.look(succession.debts)


def home_of(first: str, lanes: int) -> Home:
    """Whose lane a person's key belongs to.

    first  the identifier a userId is at the partner; lanes: of the log
    A device is at home where its anonymousId is, which it is named after at the partner as well.
    """

    def home(key: str) -> int:
        name, _, text = key.partition(":")
        if name == first:
            return lane_of(f"u:{text}", lanes)
        return lane_of(key if name in ("u", "a") else f"a:{text.rpartition(SEPARATOR)[2]}", lanes)

    return home


def _number(found: Estate, name: str) -> int:
    return int(found.values.get(name) or b"0")


def _maimed(found: Estate) -> set[tuple[int, int]]:
    return _places(found.values.get(MAIMED))


def _places(body: bytes | None) -> set[tuple[int, int]]:
    return set(msgspec.msgpack.decode(body, type=list[tuple[int, int]])) if body else set()


def _packed(places: Collection[tuple[int, int]]) -> bytes:
    return msgspec.msgpack.encode(sorted(places)) if places else b""


def _listed(lanes: Iterable[int]) -> str:
    return ",".join(map(str, lanes))


def _ids(table: Table, lanes: Collection[int], after: tuple[int, ...], session: Session) -> Page:
    return succession.ids(session, table, lanes, after)


def _add_ids(own: State, table: Table, page: Page, session: Session) -> None:
    succession.add_ids(session, own.ids, table, page.rows)


def _people(after: int, session: Session) -> Page:
    return succession.people(session, after)


def _add_people(page: Page, lanes: Collection[int], home: Home, session: Session) -> None:
    succession.add_people(session, page.rows, lanes, home)


def _repeats(after: str, session: Session) -> Page:
    return succession.repeats(session, after)


def _add_repeats(rows: Sequence[tuple[object, ...]], session: Session) -> None:
    succession.add_repeats(session, rows)
