"""Rows in line: which of one queue may leave.

A row nothing of its people stands before is *free*. Free rows are kept apart from the line of those that had
to wait for others, so that a look at what may leave costs what leaves, and not what waits.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import chain
from operator import attrgetter
from typing import Final, Self

import msgspec

from segue.engine.travel import Travel
from segue.model.delivery import Attempt, Row

NEVER: Final = float("inf")


class Waiting(msgspec.Struct, eq=False, gc=False):
    """A row in the batcher, with what happened to it so far.

    travel      the same object for all rows of a queue
    people      the person keys whose order it keeps
    number      counts up as rows come; size: bytes of its objects; count: how many they are
    place       of its array in a request that holds several (`Travel.pack`)
    is_queued   neither taken for a request nor given back by one
    is_followed a later row of one of its people came while it was there
    not_before  earliest time it may leave (a retry)
    retries     tries that count: the partner asked for this row to be sent again
    attempts    the history of tries that did not deliver it
    troubles    tries in a row that met trouble of the partner's; suspected: those of them after others had
                passed; failed_at: answers that had passed at the last (`segue.engine.suspicion`)
    is_alone    it must not share an object with other rows: one that carried several was refused
    position    index of its first object in the request it left in last
    notes       what of it did not travel, for its receipt (`segue.model.delivery.left_out`)
    """

    row: Row
    travel: Travel
    people: tuple[str, ...]
    since: float
    number: int = 0
    size: int = 0
    count: int = 0
    place: int = 0
    attempts: tuple[Attempt, ...] = ()
    is_queued: bool = False
    is_followed: bool = False
    in_flight: bool = False
    not_before: float = 0.0
    retries: int = 0
    troubles: int = 0
    suspected: int = 0
    failed_at: int = -1
    is_alone: bool = False
    position: int = 0
    notes: tuple[str, ...] = ()


class Free(msgspec.Struct, eq=False):
    """The rows of a queue that nothing of their people stands before, earliest first.

    came   as they came, which is by number: nearly all of them; freed: a heap by number of those that had
           to wait for others
    """

    came: deque[Waiting] = msgspec.field(default_factory=deque)
    freed: list[tuple[int, Waiting]] = []

    def __bool__(self) -> bool:
        return bool(self.came or self.freed)

    def __len__(self) -> int:
        return len(self.came) + len(self.freed)

    @property
    def first(self) -> float:
        """The number of the earliest; NEVER when there is none."""
        came = self.came[0].number if self.came else NEVER
        return min(came, self.freed[0][0]) if self.freed else came

    def add(self, entry: Waiting) -> None:
        """A row is freed that came before others here."""
        heappush(self.freed, (entry.number, entry))

    def take(self) -> Waiting:
        """The earliest, which leaves; there must be one."""
        if self.freed and not (self.came and self.came[0].number < self.freed[0][0]):
            return heappop(self.freed)[1]
        return self.came.popleft()

    def give_back(self, entries: Iterable[Waiting]) -> None:
        """Rows taken since the last of them left stay after all: all that is left here came later."""
        self.came.extendleft(sorted(entries, key=_number, reverse=True))


_number: Final = attrgetter("number")


class Queue(msgspec.Struct, eq=False):
    """Rows of one travel.

    items    by what is bounded together, so one number unless the travel bounds each array
    blocked  of those, what could not leave at the last look, 0 again after a settlement
    free     the rows nothing stands before
    line     the others as they came, and some that were taken since
    rows     how many of both are not taken
    flying   rows on their way
    filling  since when rows that could leave wait for company; NEVER while they do not
    """

    travel: Travel
    items: list[int]
    blocked: list[int]
    line: deque[Waiting] = msgspec.field(default_factory=deque)
    rows: int = 0
    free: Free = msgspec.field(default_factory=Free)
    hurried: bool = False
    flying: int = 0
    filling: float = NEVER

    @classmethod
    def of(cls, travel: Travel) -> Self:
        bounds = 1 + max((place for _, place in travel.pack), default=0) if travel.each else 1
        return cls(travel, [0] * bounds, [0] * bounds)

    def count(self, entries: Sequence[Waiting]) -> None:
        """Rows came."""
        self.rows += len(entries)
        for bound, count in enumerate(self._counts(entries)):
            self.items[bound] += count

    def block(self, found: Sequence[Waiting]) -> None:
        """No more than these could leave at a look, and they do not fill a request."""
        self.blocked = [there - some for there, some in zip(self.items, self._counts(found), strict=True)]

    def take(self, taken: Sequence[Waiting]) -> None:
        """Rows leave: they are no longer in the line, which is tidied when most of it has gone."""
        self.rows -= len(taken)
        for entry in taken:
            entry.is_queued = False
        for bound, count in enumerate(self._counts(taken)):
            self.items[bound] -= count
        if len(self.line) > 2 * self.rows + _TIDY_ROWS:
            self.line = deque(self.behind())
        self.hurried = self.hurried and self.rows > 0
        if not self.free:
            self.filling = NEVER

    def _counts(self, entries: Sequence[Waiting]) -> list[int]:
        """Objects of these rows, by what is bounded together."""
        if not self.travel.each:
            return [sum([entry.count for entry in entries])]
        counts = [0] * len(self.items)
        for entry in entries:
            counts[entry.place] += entry.count
        return counts

    def behind(self) -> Iterator[Waiting]:
        """The rows that had to wait for others when they came, in their order."""
        return (entry for entry in self.line if entry.is_queued)

    def entries(self) -> Iterator[Waiting]:
        """Every row that is not taken, in no order; one that stayed after all may be given twice."""
        return chain(self.free.came, self.behind())

    @property
    def is_full(self) -> bool:
        """Whether there is enough for a full request, as far as is known."""
        most = self.travel.items
        if len(self.items) == 1:
            return self.items[0] - self.blocked[0] >= most
        return any(items - blocked >= most for items, blocked in zip(self.items, self.blocked, strict=True))

    def is_due(self, now: float) -> bool:
        """Whether a look at what may leave is called for."""
        return self.is_full or self.leaves_at(now) <= now

    def due_at(self) -> float:
        """When the first row has waited for as long as the travel lets it."""
        if not self.rows:
            return NEVER
        if self.hurried:
            return 0.0
        line, came = self.line, self.free.came
        while line and not line[0].is_queued:
            line.popleft()
        first = line[0].since if line else NEVER
        return (min(came[0].since, first) if came else first) + self.travel.wait_seconds

    def leaves_at(self, now: float) -> float:
        """When the rows that may leave do, though they fill no request.

        That is when the first row is due. But while a whole request of rows waits behind others, fewer rows
        that are due than are on their way wait for those: once they are settled more may leave, and together.
        For as long as the queue's own wait at the most: whoever is few and far behind would else leave in a
        request for each person or two.
        """
        due_at, may = self.due_at(), len(self.free)
        is_filling = 0 < may < self.flying and self.rows - may >= self.travel.items
        if due_at > now or not is_filling:
            self.filling = NEVER
            return due_at
        self.filling = min(self.filling, now)
        return self.filling + self.travel.wait_seconds

    def stays(self, now: float) -> tuple[str, float]:
        """Why rows that nothing stands before have not left, as `segue.engine.delay` names it, and until when
        at the most: for people who ask, so it changes nothing."""
        if self.is_full:
            return "due", now
        if (due_at := self.due_at()) > now:
            return "batch", due_at
        until = self.filling + self.travel.wait_seconds
        return ("company", until) if now < until < NEVER else ("due", now)


def lift(entries: Sequence[Waiting], travel: Travel) -> None:
    """These rows leave in one request: say where in its arrays the objects of each are."""
    position = 0
    if not travel.pack:
        for entry in entries:
            entry.in_flight, entry.position = True, position
            position += entry.count
        return
    positions: dict[int, int] = {}  # by array
    for entry in entries:
        position = positions.get(entry.place, 0)
        entry.in_flight, entry.position = True, position
        positions[entry.place] = position + entry.count


_TIDY_ROWS: Final = 64
"""A line that is longer than twice what waits in it, and these, is made anew."""
