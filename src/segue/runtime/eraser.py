"""The eraser: people deleted at one destination, as `segue erase` asks for it.

    rows = eraser.take(destination, commands)      # they leave before all else, in the order of their people
    eraser.is_late(person, order)                  # an event from before, come up after: it must not leave
    eraser.settle(row, died); eraser.read_to(order)
    eraser.close(now_ms); entries = eraser.entries(); …checkpoint…; eraser.written(entries)

A call stays in the state until everybody is done with and every event from before it has been read; what of
it is done is kept in the same transaction as its receipts, so that nobody is deleted twice after a restart:
by then they may be there anew.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec
import structlog

from segue.engine.erasure import Erasure, travel_of
from segue.engine.line import Waiting
from segue.engine.parcel import LeftOut
from segue.engine.plan import BoundDestination
from segue.engine.travel import Travel
from segue.io.storage.state import Command, State
from segue.model.delivery import COMMAND_LANE, DELETED, Attempt, Row
from segue.model.event import lane_of, person_key

ERASE: Final = "erase"
"""Command: delete {"name", "people": [userId, …]} at the partner."""

DONE: Final = "erasures"
"""Name of the state's value: the calls that are done, oldest first."""

MOST_KEPT: Final = 200
MOST_ROWS: Final = 10_000
"""While more are on their way, further calls wait in the state."""

Departure = tuple[Row, Travel, tuple[str, ...], tuple[Attempt, ...]]
"""A row to send, how it travels, whose order it keeps, and what was tried before."""

log = structlog.get_logger("segue.courier")


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is done. people: whom this courier had to delete; dead: those the partner refused."""

    name: str
    asked_ms: int
    done_ms: int
    people: int
    dead: int = 0


class Entries(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint writes.

    progress  command -> its arguments from now on; done: ids of commands; change: what it is of
    """

    progress: Mapping[int, Mapping[str, Any]]
    done: list[int]
    values: Mapping[str, bytes]
    change: int


class Eraser:
    """One courier's part in it.

    lanes  those it reads, of so many there are
    """

    def __init__(self, destination: str, state: State, lanes: Collection[int], of: int) -> None:
        self._destination = destination
        self._state = state
        self._lanes = frozenset(lanes)
        self._of = of
        self._open: dict[int, Erasure] = {}
        self._rows: dict[tuple[int, int], Waiting] = {}  # of a command and its people, while not done with
        self._orders: dict[str, int] = {}  # person -> order of the last call about them
        self._changed: set[int] = set()
        self._closed: list[int] = []
        self._done: list[Done] = []
        self._changes = self._written = 0
        self._read = 0

    async def start(self) -> None:
        """Take up where the last run stopped."""
        body = await self._state.value(DONE)
        self._done = list(_decode(body)) if body else []

    def take(self, destination: BoundDestination, commands: Iterable[Command]) -> list[Departure]:
        """Carry out new calls; gives the rows that leave."""
        departures: list[Departure] = []
        for command in commands:
            if command.name != ERASE or command.id in self._open or command.id in self._closed:
                continue
            if sum(erasure.waiting for erasure in self._open.values()) > MOST_ROWS:
                break
            erasure = self._open[command.id] = self._erasure(command)
            self._changed.add(command.id)
            self._changes += 1
            self._orders |= dict.fromkeys(erasure.keys, erasure.order)
            action = destination.page.deletion
            if action is None:
                log.warning("erasure_not_possible", destination=self._destination, message_id=erasure.name)
                erasure.ours = frozenset()
                continue
            travel = travel_of(action)
            rows = erasure.rows(self._destination, action)
            departures += [(row, travel, (row.person,), ()) for row in rows]
            log.info("erasure", destination=self._destination, message_id=erasure.name, count=len(rows))
        return departures

    def follow(self, entry: Waiting) -> None:
        """A row joins those that wait: should it be a deletion, it is told when it is on its way."""
        if entry.row.lane == COMMAND_LANE and entry.row.offset in self._open:
            self._rows[entry.row.offset, entry.row.part] = entry

    @property
    def is_busy(self) -> bool:
        """Whether a call is under way."""
        return bool(self._open)

    @property
    def people(self) -> Iterable[str]:
        """Person keys of those a call under way is about."""
        return self._orders

    def is_late(self, person: str, order: int) -> bool:
        """Whether an event of somebody came in before they were to be deleted."""
        return order < self._orders.get(person, 0)

    def screen(self, row: Row) -> LeftOut | None:
        """Say that a row is of an event that is late."""
        return LeftOut(row, None, DELETED) if self.is_late(row.person, row.order) else None

    def settle(self, row: Row, died: str) -> None:
        """Somebody is done with."""
        self._rows.pop((row.offset, row.part), None)
        erasure = self._open.get(row.offset)
        if erasure is not None:
            erasure.settle(row.part, died)
            self._changed.add(row.offset)
            self._changes += 1

    def read_to(self, order: int) -> None:
        """Every event that came in before this has been read."""
        self._read = max(self._read, order)

    def close(self, now_ms: int) -> None:
        """See what is on its way, and be done with the calls that are."""
        flying = Counter(command for (command, _), entry in self._rows.items() if entry.in_flight)
        for command, erasure in self._open.items():
            if erasure.flying != flying[command]:
                erasure.flying = flying[command]
                self._changed.add(command)
                self._changes += 1
        for erasure in [each for each in self._open.values() if not each.waiting]:
            if erasure.order > self._read:
                continue
            del self._open[erasure.command]
            self._changed.discard(erasure.command)
            self._changes += 1
            self._closed.append(erasure.command)
            done = Done(
                name=erasure.name,
                asked_ms=erasure.asked_ms,
                done_ms=now_ms,
                people=len(erasure.ours),
                dead=erasure.dead,
            )
            self._done = [*self._done, done][-MOST_KEPT:]
            self._orders = {}
            for other in self._open.values():
                self._orders |= dict.fromkeys(other.keys, other.order)

    @property
    def is_dirty(self) -> bool:
        """Whether the next checkpoint has something of ours to write."""
        return self._changes != self._written

    def entries(self) -> Entries:
        """What the next checkpoint writes; call `written` once it is durable."""
        return Entries(
            progress={command: self._open[command].arguments() for command in self._changed},
            done=list(self._closed),
            values={DONE: msgspec.msgpack.encode(self._done)} if self.is_dirty else {},
            change=self._changes,
        )

    def written(self, entries: Entries) -> None:
        """The checkpoint with these entries is durable."""
        del self._closed[: len(entries.done)]
        self._written = entries.change
        if not self.is_dirty:
            self._changed = set()

    def _erasure(self, command: Command) -> Erasure:
        people = command.arguments["people"]
        ours = [
            part
            for part, user_id in enumerate(people)
            if lane_of(person_key(user_id, None), self._of) in self._lanes
        ]
        return Erasure.of(command.id, command.arguments, command.asked_ms, ours)


_decode: Final = msgspec.msgpack.Decoder(list[Done]).decode
