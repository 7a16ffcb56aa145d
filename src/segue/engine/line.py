"""Rows in line: which of one queue may leave, and what follows them in the same request.

A row nothing of its people stands before is *free*. Free rows are kept apart from the line, so that a look at
what may leave costs what leaves, and not what waits.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from operator import attrgetter
from typing import Final, Self

import msgspec

from segue.engine.travel import Travel
from segue.model.delivery import Attempt, Row

NEVER: Final = float("inf")


class Waiting(msgspec.Struct, eq=False, gc=True):
    """A row in the batcher, with what happened to it so far.

    travel      the same object for all rows of a queue
    number      counts up as rows come; is_queued: neither taken for a request nor given back by one
    people      the person keys whose order it keeps
    not_before  earliest time it may leave (a retry)
    retries     tries that count: the partner asked for this row to be sent again
    attempts    the history of tries that did not deliver it
    troubles    tries in a row that met trouble of the partner's; suspected: those of them after others had
                passed; failed_at: answers that had passed at the last (`segue.engine.suspicion`)
    is_alone    it must not share an object with other rows: one that carried several was refused
    position    index of its first object in the request it left in last
    notes       what of it did not travel, for its receipt (`segue.model.delivery.left_out`)
    place       of its array in a request that holds several (`Travel.pack`)
    """

    row: Row
    travel: Travel
    people: tuple[str, ...]
    since: float
    number: int = 0
    is_queued: bool = False
    not_before: float = 0.0
    retries: int = 0
    attempts: tuple[Attempt, ...] = ()
    in_flight: bool = False
    size: int = 0
    troubles: int = 0
    suspected: int = 0
    place: int = 0
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

    def take(self) -> Waiting | None:
        """The earliest, which leaves; None when there is none."""
        if self.freed and not (self.came and self.came[0].number < self.freed[0][0]):
            return heappop(self.freed)[1]
        return self.came.popleft() if self.came else None

    def give_back(self, entries: Iterable[Waiting]) -> None:
        """Rows taken since the last of them left stay after all: all that is left here came later."""
        self.came.extendleft(sorted(entries, key=_number, reverse=True))


_number: Final = attrgetter("number")


class Queue(msgspec.Struct, eq=False):
    """Rows of one travel.

    items    by what is bounded together, so one number unless the travel bounds each array
    blocked  of those, what could not leave at the last look, 0 again after a settlement
    line     the rows as they came, and some that were taken since; rows: how many were not
    free     the rows nothing stands before
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

    def bound(self, entry: Waiting) -> int:
        """Which of the numbers counts a row."""
        return entry.place if self.travel.each else 0

    def add(self, entry: Waiting, *, is_free: bool = False) -> None:
        """A row came; is_free: nothing of its people stands before it."""
        entry.is_queued = True
        self.line.append(entry)
        self.rows += 1
        self.items[entry.place if self.travel.each else 0] += len(entry.row.items)
        if is_free:
            self.free.came.append(entry)

    def take(self, taken: Iterable[Waiting]) -> None:
        """Rows leave: they are no longer in the line, which is tidied when most of it has gone."""
        each = self.travel.each
        for entry in taken:
            entry.is_queued = False
            self.rows -= 1
            self.items[entry.place if each else 0] -= len(entry.row.items)
        if len(self.line) > 2 * self.rows + _TIDY_ROWS:
            self.line = deque(self.entries())
        self.hurried = self.hurried and self.rows > 0
        if not self.free:
            self.filling = NEVER

    def entries(self) -> Iterator[Waiting]:
        """The rows in the order they came."""
        return (entry for entry in self.line if entry.is_queued)

    @property
    def is_full(self) -> bool:
        """Whether there is enough for a full request, as far as is known."""
        most = self.travel.items
        return any(items - blocked >= most for items, blocked in zip(self.items, self.blocked, strict=True))

    def due_at(self) -> float:
        if not self.rows:
            return NEVER
        if self.hurried:
            return 0.0
        while not self.line[0].is_queued:
            self.line.popleft()
        return self.line[0].since + self.travel.wait_seconds

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


class Followers:
    """What may leave along with the rows already taken for a request, since only those stand before it.

    Nothing does where the partner may apply what is in a request in any order.

    numbers  every row that was found to be one
    """

    def __init__(self, chains: dict[str, list[Waiting]]) -> None:
        self._chains = chains
        self._taken: dict[str, int] = {}
        self._heap: list[tuple[int, Waiting]] = []
        self.numbers: set[int] = set()

    def next(self, free: Free) -> Waiting | None:
        """Take the earliest row, of these or of the free ones; None when there is none."""
        if self._heap and self._heap[0][0] < free.first:
            return heappop(self._heap)[1]
        return free.take()

    def add(self, entry: Waiting) -> None:
        """A row was taken: find those of its people that nothing else stands before."""
        if not entry.travel.ordered:
            return
        taken, chains = self._taken, self._chains
        crowded = [person for person in entry.people if len(chains[person]) > 1]  # mostly none
        for person in crowded:
            taken[person] = taken.get(person, 0) + 1
        for person in crowded:
            chain, at = chains[person], taken[person]
            if at == len(chain):
                continue
            follower = chain[at]
            if (
                follower.travel is entry.travel
                and follower.is_queued
                and follower.number not in self.numbers
                and all(self._follows(follower, each) for each in follower.people)
            ):
                self.numbers.add(follower.number)
                heappush(self._heap, (follower.number, follower))

    def _follows(self, entry: Waiting, person: str) -> bool:
        """Whether everything of a person before a row was taken and is applied no later than it."""
        chain, at = self._chains[person], self._taken.get(person, 0)
        return chain[at] is entry and (at == 0 or chain[at - 1].place <= entry.place)


_TIDY_ROWS: Final = 64
"""A line that is longer than twice what waits in it, and these, is made anew."""
