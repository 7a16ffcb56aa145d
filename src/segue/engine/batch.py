"""What travels together and when it leaves.

Rows wait in queues, one per (action, context, size of batch). A queue's batch leaves when it is full,
or when its first row has waited long enough. One rule stands above: **a person's rows never overtake
one another**. A row may leave only when every earlier row of each of its people has been settled, or
leaves in the same request. So requests on the way never share a person, and a row that is due but
blocked hurries whatever stands before it.

Only rows that nothing of their people stands before, and what follows them in the same request, are looked
at when a request is made (`segue.engine.line`): what waits behind others costs nothing, however much it is.

Times are seconds of the caller's monotonic clock.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from segue.engine.line import NEVER, Followers, Queue, Waiting
from segue.engine.travel import Travel
from segue.model.delivery import Attempt, Outcome, Row

OpensAt = Callable[[Travel], float]
"""When a request may leave at the earliest, as far as its partner's rate limits go."""


def _at_once(_: Travel) -> float:
    return 0.0


class Search(msgspec.Struct, frozen=True, eq=False):
    """What is known while the culprits of a refused batch are looked for (`segue.engine.search`).

    rest     rows that hold a culprit if the probe on its way does not
    unknown  rows nothing is known about
    refusal  what the partner said of the batch, which has `size` rows; found: culprits so far
    """

    rest: list[Waiting]
    unknown: list[Waiting]
    refusal: Outcome
    size: int
    found: int = 0


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
        self._chains: dict[str, list[Waiting]] = {}
        self._again: list[Batch] = []
        self._batches = 0
        self._has_urgent = False
        self._numbers = itertools.count(1)
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
        queue = self._queues.get(travel)
        if queue is None:
            queue = self._queues[travel] = Queue.of(travel)
            self._queues = dict(sorted(self._queues.items(), key=_queue_rank))
            self._has_urgent = self._has_urgent or travel.urgent
        entry = Waiting(
            row=row,
            travel=queue.travel,
            people=people if type(people) is tuple else tuple(people),
            since=now,
            number=next(self._numbers),
            attempts=attempts,
            size=row.size_bytes,
            place=travel.place(row) if travel.pack else 0,
        )
        self.rows += 1
        self.size += entry.size
        chains = self._chains
        is_free = True
        for person in entry.people:
            chain = chains.get(person)
            if chain is None:
                chains[person] = [entry]
            else:
                chain.append(entry)
                is_free = False
        queue.add(entry, is_free=is_free)
        return entry

    def bar(self, person: str) -> Waiting:
        """Let every later row of a person wait until `lift`: something earlier of theirs is elsewhere."""
        stone = Waiting(row=_STONE, travel=Travel(""), people=(person,), since=0.0, in_flight=True)
        self._chains.setdefault(person, []).append(stone)
        return stone

    def lift(self, stone: Waiting) -> None:
        """Nothing earlier is elsewhere any more."""
        self._unchain(stone)

    def is_waiting(self, people: Iterable[str]) -> bool:
        """Whether a row of any of these people waits or is on its way."""
        return any(person in self._chains for person in people)

    def entries(self) -> Iterator[Waiting]:
        """Every row there is, those in flight included, each once, in no order. For people who ask: it
        walks through everything."""
        seen: set[int] = set()
        again = (entry for batch in self._again for entry in batch.waiting)
        queued = (entry for queue in self._queues.values() for entry in queue.entries())
        for entry in itertools.chain(*self._chains.values(), queued, again):
            if id(entry) not in seen:
                seen.add(id(entry))
                yield entry

    def blocker(self, entry: Waiting) -> Waiting | None:
        """The earlier row of one of its people that a row waits for; None when it waits for none."""
        chains = self._chains
        return next((chains[person][0] for person in entry.people if chains[person][0] is not entry), None)

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
            self._take_again(now, most, found, opens_at, is_urgent=is_urgent)
            while hurried and len(found) < most:
                hurried = False
                for queue in self._queues.values():
                    if queue.travel.urgent is is_urgent and queue.rows and opens_at(queue.travel) <= now:
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
        """The same of every row of a request."""
        self.rows -= len(entries)
        chains = self._chains
        for entry in entries:
            self._land(entry)
            self.size -= entry.size
            for person in entry.people:
                if len(chains[person]) == 1:
                    del chains[person]
                else:
                    self._leave(person, entry)

    def _unchain(self, entry: Waiting) -> None:
        for person in entry.people:
            self._leave(person, entry)

    def _leave(self, person: str, entry: Waiting) -> None:
        chain = self._chains[person]
        if len(chain) == 1:
            del self._chains[person]
        else:
            was_first = chain[0] is entry
            chain.remove(entry)
            self._wake(chain[0], was_first=was_first)

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
        positions: dict[int, int] = {}  # by array
        for entry in batch.waiting:
            position = positions.get(entry.place, 0)
            entry.in_flight, entry.position = True, position
            positions[entry.place] = position + len(entry.row.items)
        self.in_flight += len(batch.waiting)
        self._queues[batch.travel].flying += len(batch.waiting)

    def _wake(self, entry: Waiting, *, was_first: bool) -> None:
        """Something of a person is gone: free their earliest row if only that stood before it."""
        queue = self._queues.get(entry.travel)
        if queue is not None:
            queue.blocked = [0] * len(queue.blocked)
            if was_first and entry.is_queued and self.blocker(entry) is None:
                queue.free.add(entry)

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
            for earlier in self._chains[person]:
                if earlier is entry:
                    break
                if id(earlier) not in chosen or earlier.place > entry.place or not entry.travel.ordered:
                    return earlier
        return None

    def _form(self, queue: Queue, *, late: bool) -> Batch | None:
        """Take the rows that may leave, in order, up to the caps; None when there is no full batch of
        them and it is not late, or when none may leave at all."""
        travel = queue.travel
        taken: list[Waiting] = []
        items, size = [0] * len(queue.items), 0
        over: list[Waiting] = []  # rows that did not fit, while others may
        followers = Followers(self._chains)
        is_full = False
        while (entry := followers.next(queue.free)) is not None:
            count, bound = len(entry.row.items), entry.place if travel.each else 0
            is_over = items[bound] + count > travel.items
            if taken and (is_over or size + entry.size + count > travel.bytes):
                is_full = True
                over.append(entry)
                if is_over and travel.each and len(over) < travel.items:
                    continue
                break
            taken.append(entry)
            followers.add(entry)
            items[bound] += count
            size += entry.size + count
            if items[bound] >= travel.items and min(items) >= travel.items:
                is_full = True
                break
        leaves = bool(taken) and (is_full or late or max(items) >= travel.items)
        if over or not leaves:
            stay = over if leaves else [*over, *taken]
            queue.free.give_back([entry for entry in stay if entry.number not in followers.numbers])
        if not leaves:
            queue.blocked = [there - some for there, some in zip(queue.items, items, strict=True)]
            return None
        queue.take(taken)
        batch = Batch(self._next_id(), travel, taken)
        self._lift(batch)
        return batch

    def _hurry_blockers(self, queue: Queue, now: float) -> bool:
        """Make the queues of rows that block this late one due; true when that changed anything."""
        changed = False
        if not any(other.rows and other.due_at() > now for other in self._queues.values()):
            return False
        for entry in queue.entries():
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
