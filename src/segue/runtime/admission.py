"""The admission: takes events that were routed into the book, and their rows to those that wait.

Nearly always an event is new and each of its rows simply joins the others: that is done for all that were
read together. Where something more may be known of one (it left before the last stop, somebody is to be
deleted, the partner has it already, another courier reads what it waits for), each is looked at by itself.
"""

from collections.abc import Sequence

from segue.engine.batch import Arrival, Batcher
from segue.engine.ledger import OpenEvent
from segue.engine.plan import BoundDestination
from segue.engine.route import travel
from segue.model.event import Record
from segue.runtime.barriers import Barriers
from segue.runtime.bidding import Bidding
from segue.runtime.bookkeeper import Bookkeeper
from segue.runtime.eraser import Departure
from segue.runtime.memory import Memory
from segue.runtime.reader import Entry
from segue.runtime.routing import Outline


class Admission:
    """One courier's."""

    def __init__(
        self, books: Bookkeeper, batcher: Batcher, memory: Memory, barriers: Barriers, bidding: Bidding
    ) -> None:
        self._books = books
        self._batcher = batcher
        self._memory = memory
        self._barriers = barriers
        self._eraser = bidding.eraser

    def take(
        self,
        destination: BoundDestination,
        entries: Sequence[Entry],
        routed: Sequence[Outline | None],
        now: float,
        now_ms: int,
    ) -> None:
        """Take in events in the order of the log, with what each became; None: it is not ours, or was met
        before. Raises StorageUnavailable, and then nothing has happened."""
        books, memory, is_plain = self._books, self._memory, self._is_plain
        if books.has_history:
            made = [row for each in routed if each is not None for row, _ in each.routed.rows]
            books.decide(made, destination, now_ms)
        done, about = books.ledger.take_all(entries), memory.about
        opened: list[OpenEvent] = []
        arrivals: list[Arrival] = []
        for (lane, offset, record), found in zip(entries, routed, strict=True):
            if done and (lane, offset) in done:
                continue  # settled before the last stop
            if found is None or not (rows := found.routed.rows):
                self._pass_over(destination, lane, offset, record, found, now_ms)
            elif is_plain and not found.routed.dead:
                opened.append(OpenEvent(lane, offset, record.received_ms, len(rows), record.order))
                people = found.people
                for row, subscription in rows:
                    how = travel(row, subscription) if row.context else subscription.travel
                    names = memory.people(row, people) if row.action in about else people
                    arrivals.append((row, how, names, ()))
            else:
                self._join(opened, arrivals, now)
                self._take_with_care(destination, lane, offset, record, found, now, now_ms)
        self._join(opened, arrivals, now)
        if self._barriers.is_parted:
            self._barriers.read(entries)

    def admit(
        self, destination: BoundDestination, departures: Sequence[Departure], now: float, now_ms: int
    ) -> None:
        """Take in rows that somebody asked for. Raises StorageUnavailable, and then nothing has happened."""
        self._books.decide([row for row, *_ in departures], destination, now_ms)
        for row, how, people, history in departures:
            tried = self._books.remembers(row, destination, now_ms)
            if tried is not None:
                names = self._memory.people(row, people)
                self._eraser.follow(self._batcher.add(row, how, names, now, (*history, *tried)))

    @property
    def _is_plain(self) -> bool:
        """Whether nothing may be known of a row but what it says."""
        more = self._books.has_history or self._barriers.is_parted or self._memory.screens
        return not (more or self._eraser.is_busy)

    def _join(self, opened: list[OpenEvent], arrivals: list[Arrival], now: float) -> None:
        """Events and rows up to here join the others."""
        self._books.ledger.open_all(opened)
        self._batcher.add_all(arrivals, now)
        opened.clear()
        arrivals.clear()

    def _pass_over(
        self,
        destination: BoundDestination,
        lane: int,
        offset: int,
        record: Record,
        found: Outline | None,
        now_ms: int,
    ) -> None:
        """Settle an event without rows."""
        if found is not None:
            self._books.close(lane, offset, record.message_id, found.routed, now_ms)
        elif record.source == destination.config.source:
            self._books.repeat(lane, offset, record.message_id, now_ms)
        else:
            self._books.ledger.close("skipped", "OTHER_SOURCE", now_ms // 60_000)

    def _take_with_care(
        self,
        destination: BoundDestination,
        lane: int,
        offset: int,
        record: Record,
        found: Outline,
        now: float,
        now_ms: int,
    ) -> None:
        """Give the rows of an event to the batcher, those that have something to send."""
        routed, people = found.routed, found.people
        books, batcher, memory = self._books, self._batcher, self._memory
        books.open(lane, offset, record, routed, now_ms)
        if self._barriers.is_parted:
            self._barriers.raise_for(memory.joined(routed.rows, people), record.order, now)
        for row, subscription in routed.rows:
            tried = books.remembers(row, destination, now_ms)
            if tried is None:
                continue
            names, left_out = memory.people(row, people), self._eraser.screen(row)
            if left_out is None and memory.screens and not batcher.is_waiting(names):
                left_out = memory.screen(row)
            if left_out is not None:
                books.leave_out(left_out, now_ms)
            else:
                batcher.add(row, travel(row, subscription), names, now, tried)
