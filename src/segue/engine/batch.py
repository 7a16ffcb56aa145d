"""What travels together and when it leaves.

Rows wait in queues, one per (action, context, size of batch). A queue's batch leaves when it is full,
or when its first row has waited long enough. One rule stands above: **a person's rows never overtake
one another**. A row may leave only when every earlier row of each of its people has been settled, or
leaves in the same request. So requests on the way never share a person, and a row that is due but
blocked hurries whatever stands before it.

Only rows that nothing of their people stands before (`segue.engine.line`), and what follows them in the same
request (`segue.engine.chains`), are looked at when a request is made: what waits behind others costs nothing.

Times are seconds of the caller's monotonic clock.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

import msgspec

from segue.engine.chains import Chains, Followers
from segue.engine.line import NEVER, Queue, Waiting, lift
from segue.engine.travel import Travel
from segue.model.delivery import Attempt, Outcome, Row

OpensAt = Callable[[Travel], float]
"""When a request may leave at the earliest, as far as its partner's rate limits go."""

Arrival = tuple[Row, Travel, tuple[str, ...], tuple[Attempt, ...]]
"""A row that joins the others: how it travels, whose order it keeps, what was tried with it so far."""


def _at_once(_: Travel) -> float:
    return 0.0


class Search(msgspec.Struct, frozen=True, eq=False):
    """What is known while the culprits of a refused batch are looked for (`segue.engine.search`).

    rest     rows that hold a culprit if the probe on its way does not
    unknown  rows nothing is known about
    refusal  what the partner said of the batch, which has `size` rows; found: culprits so far
    is_loose a row of the probe did not leave after all: that it passes says nothing of the others
    """

    rest: list[Waiting]
    unknown: list[Waiting]
    refusal: Outcome
    size: int
    found: int = 0
    is_loose: bool = False


class Batch(msgspec.Struct, eq=False):
    """Rows that leave in one request.

    id      counts from 1 within one run of the destination
    tries   how often these rows have left together before
    search  set when it is a probe for culprits
    """

    id: int
    travel: Travel
    waiting: list[Waiting]
    tries: int = 0
    search: Search | None = None

    @property
    def rows(self) -> list[Row]:
        return [entry.row for entry in self.waiting]


class Batcher:
    """The rows of one destination between the mapping and the wire. size: bytes of their objects."""

    def __init__(self) -> None:
        self._queues: dict[Travel, Queue] = {}
        self._chains = Chains()
        self._again: list[Batch] = []
        self._batches = self._came = 0
        self._has_urgent = False
        self.rows = self.size = 0
        self.in_flight = 0

    def add(
        self,
        row: Row,
        travel: Travel,
        people: Iterable[str],
        now: float,
        attempts: tuple[Attempt, ...] = (),
    ) -> Waiting:
        """Take a row; it leaves after every earlier row of its people. attempts: its history so far."""
        return self.add_all([(row, travel, tuple(people), attempts)], now)[0]

    def add_all(self, arrivals: Sequence[Arrival], now: float) -> list[Waiting]:
        """Take rows, in this order. Gives them, those of each travel together."""
        first, number, size = self._chains.first, self._came, 0
        joined: dict[Travel, tuple[Queue, Travel, list[Waiting]]] = {}
        for row, how, people, attempts in arrivals:
            found = joined.get(how)
            if found is None:
                queue = self._queues.get(how) or self._open(how)
                found = joined[how] = (queue, queue.travel, [])
            queue, travel, mine = found
            items, number = row.items, number + 1
            count, place = len(items), travel.place(row) if travel.pack else 0
            weight = len(items[0]) if count == 1 else row.size_bytes
            size += weight
            entry = Waiting(row, travel, people, now, number, weight, count, place, attempts, True)
            mine.append(entry)
            line = queue.free.came
            for person in people:
                if first.setdefault(person, entry) is not entry:
                    self._chains.join(person, entry)
                    line = queue.line
            line.append(entry)
        self._came, self.rows, self.size = number, self.rows + len(arrivals), self.size + size
        for queue, _, mine in joined.values():
            queue.count(mine)
        return list(chain.from_iterable(mine for _, _, mine in joined.values()))

    def _open(self, travel: Travel) -> Queue:
        queue = self._queues[travel] = Queue.of(travel)
        ranked = sorted(self._queues.items(), key=_queue_rank)
        self._queues.clear()
        self._queues.update(ranked)
        self._has_urgent = self._has_urgent or travel.urgent
        return queue

    def bar(self, person: str) -> Waiting:
        """Let every later row of a person wait until `lift`: something earlier of theirs is elsewhere."""
        stone = Waiting(row=_STONE, travel=Travel(""), people=(person,), since=0.0, in_flight=True)
        self._chains.join(person, stone)
        return stone

    def lift(self, stone: Waiting) -> None:
        """Nothing earlier is elsewhere any more."""
        self._unchain(stone)

    def is_waiting(self, people: Iterable[str]) -> bool:
        """Whether a row of any of these people waits or is on its way."""
        return any(person in self._chains for person in people)

    def entries(self) -> Iterator[Waiting]:
        """Every row there is, those in flight included, each once, in no order: a walk through everything."""
        seen: set[int] = set()
        again = (entry for batch in self._again for entry in batch.waiting)
        queued = (entry for queue in self._queues.values() for entry in queue.entries())
        for entry in chain(self._chains, queued, again):
            if id(entry) not in seen:
                seen.add(id(entry))
                yield entry

    def blocker(self, entry: Waiting) -> Waiting | None:
        """The earlier row of one of its people that a row waits for; None when it waits for none."""
        return self._chains.blocker(entry)

    def queue(self, travel: Travel) -> Queue:
        """Where rows of a travel wait."""
        return self._queues[travel]

    def again(self, entry: Waiting) -> Sequence[Waiting]:
        """What one that has left before leaves again with; nothing while culprits are looked for."""
        return next((batch.waiting for batch in self._again if entry in batch.waiting), ())

    def hurry(self) -> None:
        """Make every queue due now: the caller needs room, or is stopping."""
        for queue in self._queues.values():
            queue.hurried = queue.rows > 0

    def due(self, now: float, most: int, opens_at: OpensAt = _at_once) -> list[Batch]:
        """Give at most `most` batches that leave now; their rows count as in flight until settled. Deletions
        first, dead letters tried again last (`Travel.rank`)."""
        found: list[Batch] = []
        hurried = True
        for is_urgent in (True, False) if self._has_urgent else (False,):
            if self._again:
                self._take_again(now, most, found, opens_at, is_urgent=is_urgent)
            while hurried and len(found) < most:
                hurried = False
                for queue in self._queues.values():
                    is_wanted = queue.rows and queue.travel.urgent is is_urgent and queue.is_due(now)
                    if is_wanted and opens_at(queue.travel) <= now:
                        hurried = self._take(queue, now, most, found) or hurried
            hurried = True
        return found

    def _take(self, queue: Queue, now: float, most: int, found: list[Batch]) -> bool:
        """Find batches of a queue; true when rows that stand before its own were made due by it."""
        while len(found) < most and queue.rows:
            full = queue.is_full
            late = queue.leaves_at(now) <= now
            if not full and not late:
                break
            batch = self._form(queue, late=late)
            if batch is None:
                return late and self._hurry_blockers(queue, now)
            found.append(batch)
        return False

    def next_due(self, now: float, opens_at: OpensAt = _at_once) -> float:
        """When to ask `due` again if nothing else happens; NEVER when only a settlement can help."""
        soonest = NEVER
        for queue in self._queues.values():
            if queue.free:
                soonest = min(soonest, max(queue.leaves_at(now), opens_at(queue.travel)))
        for batch in self._again:
            if not self._is_blocked(batch):
                due_at = max((entry.not_before for entry in batch.waiting), default=now)
                soonest = min(soonest, max(due_at, opens_at(batch.travel)))
        return soonest

    def settle(self, entry: Waiting) -> None:
        """The row is done with, one way or the other: whoever waited for it may go."""
        self._land(entry)
        self.rows -= 1
        self.size -= entry.size
        self._unchain(entry)

    def settle_all(self, entries: Sequence[Waiting]) -> None:
        """The same of rows that are on their way in one request."""
        if not entries:
            return
        self.rows -= len(entries)
        self.size -= sum([entry.size for entry in entries])
        self.in_flight -= len(entries)
        self._queues[entries[0].travel].flying -= len(entries)
        first, behind = self._chains.first, self._chains.behind
        for entry in entries:
            for person in entry.people:
                if person in behind:
                    self._leave(person, entry)
                else:
                    del first[person]

    def _unchain(self, entry: Waiting) -> None:
        for person in entry.people:
            self._leave(person, entry)

    def _leave(self, person: str, entry: Waiting) -> None:
        """A row of a person is gone: free their earliest row if only that stood before it."""
        was_first = self._chains.first[person] is entry
        earliest = self._chains.part(person, entry)
        queue = self._queues.get(earliest.travel) if earliest is not None else None
        if earliest is None or queue is None:
            return
        queue.blocked = [0] * len(queue.blocked)
        if was_first and earliest.is_queued and self.blocker(earliest) is None:
            queue.free.add(earliest)

    def put_back(
        self, batch: Batch, groups: Iterable[tuple[Sequence[Waiting], Search | None]], *, last: bool = False
    ) -> None:
        """Give rows back to leave again in exactly these groups, in this order, before newer ones.

        last  after the others that leave again
        The rows a group's search still holds stay here until the search gives them back.
        """
        again = []
        for group, search in groups:
            held = [*search.rest, *search.unknown] if search is not None else []
            for entry in (*group, *held):
                self._land(entry)
            if group:
                again.append(Batch(self._next_id(), batch.travel, list(group), batch.tries + 1, search))
        self._again = [*self._again, *again] if last else [*again, *self._again]
        self._again.sort(key=_batch_rank)

    def _next_id(self) -> int:
        self._batches += 1
        return self._batches

    def _land(self, entry: Waiting) -> None:
        if entry.in_flight:
            entry.in_flight = False
            self.in_flight -= 1
            self._queues[entry.travel].flying -= 1

    def _lift(self, batch: Batch) -> None:
        lift(batch.waiting, batch.travel)
        self.in_flight += len(batch.waiting)
        self._queues[batch.travel].flying += len(batch.waiting)

    def _take_again(
        self, now: float, most: int, found: list[Batch], opens_at: OpensAt, *, is_urgent: bool
    ) -> None:
        kept = []
        for batch in self._again:
            if batch.travel.urgent is not is_urgent:
                kept.append(batch)
                continue
            ready = all(entry.not_before <= now for entry in batch.waiting)
            may = len(found) < most and ready and opens_at(batch.travel) <= now
            if may and not self._is_blocked(batch):
                self._lift(batch)
                found.append(batch)
            else:
                kept.append(batch)
        self._again = kept

    def _is_blocked(self, batch: Batch) -> bool:
        chosen = set(map(id, batch.waiting))
        return any(self._blocker(entry, chosen) is not None for entry in batch.waiting)

    def _blocker(self, entry: Waiting, chosen: set[int]) -> Waiting | None:
        """The first earlier row of one of the entry's people that neither left nor leaves along, or might be
        applied after it if both left in one request."""
        for person in entry.people:
            for earlier in self._chains.earlier(person, entry):
                if id(earlier) not in chosen or earlier.place > entry.place or not entry.travel.ordered:
                    return earlier
        return None

    def _form(self, queue: Queue, *, late: bool) -> Batch | None:
        """Take the rows that may leave, in order, up to the caps; None when there is no full batch of
        them and it is not late, or when none may leave at all."""
        taken = self._choose(queue, late=late)
        if not taken:
            return None
        queue.take(taken)
        batch = Batch(self._next_id(), queue.travel, taken)
        self._lift(batch)
        return batch

    def _choose(self, queue: Queue, *, late: bool) -> list[Waiting]:
        """The rows that leave; empty when none do."""
        free, followers = queue.free, Followers(self._chains)
        most, largest, each = queue.travel.items, queue.travel.bytes, queue.travel.each
        came, freed, following = free.came, free.freed, followers.heap
        taken: list[Waiting] = []
        items, size = [0] * len(queue.items), 0
        over: list[Waiting] = []  # rows that did not fit, while others may
        is_full = False
        while came or freed or following:
            # Nearly always there are only those that came free.
            entry = followers.next(free) if freed or following else came.popleft()
            count, bound = entry.count, entry.place if each else 0
            filled, grown = items[bound] + count, size + entry.size + count
            if taken and (filled > most or grown > largest):
                is_full = True
                over.append(entry)
                if filled > most and each and len(over) < most:
                    continue
                break
            taken.append(entry)
            if entry.is_followed:
                followers.add(entry)
            items[bound], size = filled, grown
            if filled >= most and min(items) >= most:
                is_full = True
                break
        leaves = bool(taken) and (is_full or late or max(items) >= most)
        if over or not leaves:
            stay = over if leaves else [*over, *taken]
            free.give_back([entry for entry in stay if entry.number not in followers.numbers])
        if not leaves:
            queue.block(taken)
            return []
        return taken

    def _hurry_blockers(self, queue: Queue, now: float) -> bool:
        """Make the queues of rows that block this late one due; true when that changed anything."""
        changed = False
        if not any(other.rows and other.due_at() > now for other in self._queues.values()):
            return False
        for entry in queue.behind():
            if entry.since + queue.travel.wait_seconds > now and not queue.hurried:
                break
            blocker = self.blocker(entry)
            if blocker is None or blocker.in_flight:
                continue
            other = self._queues.get(blocker.travel)
            if other is not None and other is not queue and other.rows and other.due_at() > now:
                other.hurried = True
                changed = True
        return changed


def _queue_rank(each: tuple[Travel, Queue]) -> int:
    return each[0].rank


def _batch_rank(batch: Batch) -> int:
    return batch.travel.rank


_STONE: Final = Row(
    destination="",
    subscription="another courier's lane",
    action="",
    lane=-1,
    offset=-1,
    order=-1,
    person="",
    message_id="earlier events",
    kind="",
)
"""Stands for rows of somebody that another courier has."""
