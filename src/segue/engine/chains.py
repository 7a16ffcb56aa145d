"""Chains: the rows of each person in the order they came, from the earliest that is not settled.

    chains.join(entry)                 # true: nothing stands before it
    chains.blocker(entry)              # the row of one of its people it waits for
    freed = chains.part(person, entry) # it is settled: who is the earliest now, if somebody stood behind

Nearly every chain is of one row, so the earliest rows are kept by themselves, and lists only of those behind.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

from segue.engine.line import Free, Waiting


class Chains:
    """Those of one destination.

    first   person -> their earliest row
    behind  person -> the later ones in their order, of the few who have any
    """

    def __init__(self) -> None:
        self.first: dict[str, Waiting] = {}
        self.behind: dict[str, list[Waiting]] = {}

    def __contains__(self, person: str) -> bool:
        return person in self.first

    def __iter__(self) -> Iterator[Waiting]:
        """Every row there is, once for each of its people; those of one person in their order."""
        for person, entry in self.first.items():
            yield entry
            yield from self.behind.get(person, ())

    def join(self, person: str, entry: Waiting) -> bool:
        """A row of a person came; true when it is their earliest."""
        first = self.first.setdefault(person, entry)
        if first is entry:
            return True
        behind = self.behind.get(person)
        if behind is None:
            self.behind[person] = [entry]
            first.is_followed = True
        else:
            behind[-1].is_followed = True
            behind.append(entry)
        return False

    def part(self, person: str, entry: Waiting) -> Waiting | None:
        """A row is no longer a person's; gives their earliest if others are left."""
        behind = self.behind.get(person)
        if behind is None:
            del self.first[person]
            return None
        if self.first[person] is entry:
            self.first[person] = behind.pop(0)
        else:
            behind.remove(entry)
        if not behind:
            del self.behind[person]
        return self.first[person]

    def at(self, person: str, index: int) -> Waiting | None:
        """One of a person's rows by its place; None behind the last."""
        if index == 0:
            return self.first[person]
        behind = self.behind.get(person, ())
        return behind[index - 1] if index <= len(behind) else None

    def earlier(self, person: str, entry: Waiting) -> Iterator[Waiting]:
        """A person's rows from before one of them."""
        if self.first[person] is entry:
            return
        yield self.first[person]
        for each in self.behind[person]:
            if each is entry:
                return
            yield each

    def blocker(self, entry: Waiting) -> Waiting | None:
        """The earlier row of one of its people that a row waits for; None when it waits for none."""
        first = self.first
        return next((first[person] for person in entry.people if first[person] is not entry), None)


class Followers:
    """What may leave along with the rows already taken for a request, since only those stand before it.

    Nothing does where the partner may apply what is in a request in any order.

    numbers  every row that was found to be one; heap: those not taken yet, by number
    """

    def __init__(self, chains: Chains) -> None:
        self._chains = chains
        self._taken: dict[str, int] = {}
        self.heap: list[tuple[int, Waiting]] = []
        self.numbers: set[int] = set()

    def next(self, free: Free) -> Waiting:
        """Take the earliest row, of these or of the free ones; there must be one."""
        if self.heap and self.heap[0][0] < free.first:
            return heappop(self.heap)[1]
        return free.take()

    def add(self, entry: Waiting) -> None:
        """A row was taken: find those of its people that nothing else stands before."""
        taken, chains = self._taken, self._chains
        if not entry.travel.ordered or chains.behind.keys().isdisjoint(entry.people):
            return
        crowded = [person for person in entry.people if person in chains.behind]
        for person in crowded:
            taken[person] = taken.get(person, 0) + 1
        for person in crowded:
            follower = chains.at(person, taken[person])
            if (
                follower is not None
                and follower.travel is entry.travel
                and follower.is_queued
                and follower.number not in self.numbers
                and all(self._follows(follower, each) for each in follower.people)
            ):
                self.numbers.add(follower.number)
                heappush(self.heap, (follower.number, follower))

    def _follows(self, entry: Waiting, person: str) -> bool:
        """Whether everything of a person before a row was taken and is applied no later than it."""
        chains, at = self._chains, self._taken.get(person, 0)
        if chains.at(person, at) is not entry:
            return False
        before = chains.at(person, at - 1) if at else None
        return before is None or before.place <= entry.place
