"""The judge: knows what Braze took in, and says what must not have happened.

A thing may be at Braze twice only when we could not know whether the first time had worked: its answer was
lost, or the courier died between sending it and hearing of it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.journeys.simulation.traffic import Thing, Told


class Judge:
    """Everything seen so far, and what is wrong with it.

    told      the crowd's events, by number
    counts    how often each thing was taken in
    repeated  how often a thing came again, rightly
    """

    def __init__(self, told: Sequence[Told]) -> None:
        self.told = told
        self.counts: Counter[Thing] = Counter()
        self.repeated = 0
        self.faults: list[str] = []
        self._doubtful: set[Thing] = set()
        self._first: dict[str, int] = {}
        self._last: dict[Thing, int] = {}
        self._taken = 0

    def taken(self, things: Iterable[Thing]) -> None:
        """Braze took these in, in one request; nobody was told yet.

        A person's attributes in one request are told by the time they happened, so among those the order
        of the events says nothing.
        """
        found = list(things)
        attributes = iter(sorted(thing for thing in found if thing[1] == "attributes"))
        for each in found:
            thing = next(attributes) if each[1] == "attributes" else each
            self._taken += 1
            if self.counts[thing]:
                self.repeated += 1
                if thing not in self._doubtful:
                    self.faults.append(f"{thing} was taken in again, though it was known to have arrived")
            else:
                self._check_order(thing)
            self.counts[thing] += 1
            self._last[thing] = self._taken
            self._doubtful.add(thing)

    def answered(self, things: Iterable[Thing]) -> None:
        """The courier was told that these were taken in."""
        self._doubtful.difference_update(things)

    def _check_order(self, thing: Thing) -> None:
        """Whoever shares a person with an earlier event comes after it, the first time."""
        number = thing[0]
        for person in self.told[number].people:
            latest = self._first.get(person, -1)
            if latest > number:
                self.faults.append(f"{thing} of {person} was taken in after something of event {latest}")
            self._first[person] = max(latest, number)

    def verdict(
        self,
        totals: Mapping[tuple[str, str], int],
        dead: Sequence[Any],
        profile_of: Any,
    ) -> list[str]:
        """What is wrong in the end; empty when all is well.

        totals      the book's counts by (result, reason)
        dead        the dead letters
        profile_of  gives the sandbox's person of a userId, None for nobody
        """
        faults = list(self.faults)
        late = self._superseded()
        fates = Counter(event.fate for event in self.told)
        ended: Counter[str] = Counter()
        for (result, _), count in totals.items():
            if not result.startswith("rows_"):
                ended[result] += count
        wanted = {thing for event in self.told for thing in event.things}
        # Attributes that came too late need not arrive, and an event of nothing else is then filtered; unless
        # its person was not there yet, who is then made without attributes.
        missing = {thing for thing in wanted - set(self.counts) if thing not in late}
        unsent = len(late - set(self.counts)) + sum(event.says_little for event in self.told)
        unsent = min(unsent, max(0, ended["filtered"] - fates["filtered"]))
        fates += Counter(filtered=unsent)
        fates -= Counter(delivered=unsent)
        ended += Counter()
        if ended != fates:
            faults.append(f"events ended as {dict(ended)}, expected {dict(fates)}")
        faults += [f"{thing} never arrived" for thing in sorted(missing)]
        faults += [f"{thing} arrived and should not have" for thing in sorted(set(self.counts) - wanted)]
        letters = Counter(letter.message_id for letter in dead)
        expected = Counter({str(event.event["messageId"]): event.dead for event in self.told if event.dead})
        if letters != expected:
            more, fewer = dict(letters - expected), dict(expected - letters)
            faults.append(f"dead letters: {more} too many, {fewer} missing")
        faults += self._check_last_order()
        faults += self._check_profiles(profile_of)
        return faults

    def _superseded(self) -> set[Thing]:
        """Attributes of which each that tells its event was set again by one that happened later, or was
        told later."""
        newest: dict[tuple[str, str], int] = {}
        told = [event for event in self.told if (event.number, "attributes") in event.things]
        for event in sorted(told, key=lambda event: event.when):
            traits = event.event["traits"].items()
            numbers = [name for name, value in traits if value == event.number]
            newest |= {(event.event["userId"], name): event.number for name in numbers}
        last = set(newest.values())
        return {(event.number, "attributes") for event in told if event.number not in last}

    def _check_last_order(self) -> list[str]:
        """The last time a thing is taken in keeps the order too: what stays is what came last."""
        faults: list[str] = []
        latest: dict[str, tuple[int, int]] = {}
        for event in self.told:
            ends = [self._last[thing] for thing in event.things if thing in self._last]
            for person in event.people if ends else ():
                before, number = latest.get(person, (0, -1))
                if min(ends) < before:
                    faults.append(f"event {event.number} of {person} stays from before event {number}")
                latest[person] = max((before, number), (max(ends), event.number))
        return faults

    def _check_profiles(self, profile_of: Any) -> list[str]:
        faults = []
        attributes: dict[str, dict[str, Any]] = {}
        for event in sorted(self.told, key=lambda event: event.when):
            if (event.number, "attributes") in event.things or event.says_little:
                attributes.setdefault(event.event["userId"], {}).update(event.event["traits"])
        for user, expected in attributes.items():
            person = profile_of(user)
            found = person.custom if person is not None else None
            if found != expected:
                faults.append(f"{user} has {found}, the fold of the events is {expected}")
        return faults
