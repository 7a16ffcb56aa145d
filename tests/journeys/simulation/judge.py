"""The judge: knows what Braze took in, and says what must not have happened.

A thing may be at Braze twice only when we could not know whether the first time had worked: its answer was
lost, or the courier died between sending it and hearing of it; and then the courier has told so, unless Braze
lied. Where uncertain events are held, none is there twice, and a dead letter says of which it is not known.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.journeys.simulation.traffic import Thing, Told, population


class Judge:
    """Everything seen so far, and what is wrong with it.

    told      the crowd's events, by number
    holds     uncertain events and purchases are kept for a human
    is_social  visitors and people become one
    is_shared  several couriers: an event comes after what its person did, and after what the visitor did
              that it names; not after what others did who name the same visitor
    lied      things taken in by a request that was answered with a 5xx
    counts    how often each thing was taken in
    repeated  how often a thing came again, rightly
    """

    def __init__(
        self,
        told: Sequence[Told],
        *,
        holds: bool = False,
        is_social: bool = False,
        is_shared: bool = False,
    ) -> None:
        self.told = told
        self.holds = holds
        self.is_social = is_social
        self.is_shared = is_shared
        self.lied: set[Thing] = set()
        self.counts: Counter[Thing] = Counter()
        self.repeated = 0
        self.faults: list[str] = []
        self._doubtful: set[Thing] = set()
        self._repeats: set[Thing] = set()
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
                self._repeats.add(thing)
                if thing not in self._doubtful or (self.holds and thing[1] != "attributes"):
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
        people = self.told[number].people
        for person in people:
            latest = self._first.get(person, -1)
            if latest > number and (person == people[0] or not self.is_shared):
                self.faults.append(f"{thing} of {person} was taken in after something of event {latest}")
            self._first[person] = max(latest, number)

    def verdict(
        self,
        totals: Mapping[tuple[str, str], int],
        dead: Sequence[Any],
        profile_of: Any,
        doubts: Iterable[str] = (),
    ) -> list[str]:
        """What is wrong in the end; empty when all is well.

        totals      the book's counts by (result, reason)
        dead        the dead letters
        profile_of  gives the sandbox's person of a userId, None for nobody
        doubts      messageIds of what the courier told to be uncertain
        """
        faults = list(self.faults)
        told = {number: str(event.event["messageId"]) for number, event in enumerate(self.told)}
        silent = {thing for thing in self._repeats - self.lied if thing[1] != "attributes"}
        silent = {thing for thing in silent if told[thing[0]] not in set(doubts)}
        faults += [f"{thing} is there twice, and nobody told that it may be" for thing in sorted(silent)]
        late = self._superseded()
        held = Counter(letter.message_id for letter in dead if letter.reason == "UNCERTAIN")
        if held and not self.holds:
            faults.append(f"held for a human: {dict(held)}")
        fates = Counter(
            "dead" if told[event.number] in held and event.fate == "delivered" else event.fate
            for event in self.told
        )
        ended: Counter[str] = Counter()
        for (result, _), count in totals.items():
            if not result.startswith("rows_"):
                ended[result] += count
        wanted = {thing for event in self.told for thing in event.things}
        # Attributes that came too late need not arrive, and an event of nothing else is then filtered; unless
        # its person was not there yet, who is then made without attributes.
        missing = {thing for thing in wanted - set(self.counts) if thing not in late}
        missing = {thing for thing in missing if thing[1] == "attributes" or told[thing[0]] not in held}
        unsent = len(late - set(self.counts)) + sum(event.says_little for event in self.told)
        unsent = min(unsent, max(0, ended["filtered"] - fates["filtered"]))
        fates += Counter(filtered=unsent)
        fates -= Counter(delivered=unsent)
        ended += Counter()
        if ended != fates:
            faults.append(f"events ended as {dict(ended)}, expected {dict(fates)}")
        faults += [f"{thing} never arrived" for thing in sorted(missing)]
        faults += [f"{thing} arrived and should not have" for thing in sorted(set(self.counts) - wanted)]
        letters = Counter(letter.message_id for letter in dead if letter.reason != "UNCERTAIN")
        expected = Counter({str(event.event["messageId"]): event.dead for event in self.told if event.dead})
        if (
            letters - expected or (expected - letters) - held
        ):  # whether it is refused is not known of those held
            more, fewer = dict(letters - expected), dict(expected - letters)
            faults.append(f"dead letters: {more} too many, {fewer} missing")
        faults += self._check_last_order(held)
        faults += self._check_profiles(profile_of)
        return faults

    def _superseded(self) -> set[Thing]:
        """Attributes of which each that tells its event was set again by one that happened later, or was
        told later; all of them where it depends on who has become whom."""
        if self.is_social:
            return {thing for event in self.told for thing in event.things if thing[1] == "attributes"}
        newest: dict[tuple[str, str], int] = {}
        told = [event for event in self.told if (event.number, "attributes") in event.things]
        for event in sorted(told, key=lambda event: event.when):
            traits = event.event["traits"].items()
            numbers = [name for name, value in traits if value == event.number]
            newest |= {(event.event["userId"], name): event.number for name in numbers}
        last = set(newest.values())
        return {(event.number, "attributes") for event in told if event.number not in last}

    def _check_last_order(self, held: Mapping[str, int]) -> list[str]:
        """The last time a thing is taken in keeps the order too: what stays is what came last. What is held
        is not sent again with what came before it."""
        faults: list[str] = []
        latest: dict[str, tuple[int, int]] = {}
        for event in self.told:
            ends = [self._last[thing] for thing in event.things if thing in self._last]
            for person in event.people if ends and event.event["messageId"] not in held else ():
                before, number = latest.get(person, (0, -1))
                if min(ends) < before:
                    faults.append(f"event {event.number} of {person} stays from before event {number}")
                if person == event.people[0] or not self.is_shared:
                    latest[person] = max((before, number), (max(ends), event.number))
        return faults

    def _check_profiles(self, profile_of: Any) -> list[str]:
        if self.is_social:
            return self._check_population(profile_of)
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

    def _check_population(self, profile_of: Any) -> list[str]:
        """Everybody is there, under their names, with what they are and did."""
        people = population(self.told)
        faults = []
        for each in people.profiles:
            names = (each.external_id, each.visitor)
            person = profile_of(each.external_id, each.visitor)
            if person is None:
                faults.append(f"{names} is not there")
            elif person.custom != each.custom:
                faults.append(f"{names} has {person.custom}, by the model {each.custom}")
        return faults
