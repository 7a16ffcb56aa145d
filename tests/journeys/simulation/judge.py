"""The judge: knows what Braze took in, and says what must not have happened.

A thing may be at Braze twice only when we could not know whether the first time had worked: its answer was
lost, or the courier died between sending it and hearing of it; and then the courier has told so, unless Braze
lied. Where uncertain events are held, none is there twice, and a dead letter says of which it is not known.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.journeys.simulation.books import Books, RowName
from tests.journeys.simulation.traffic import Thing, Told, population

from segue.engine.caps import OVER_BUDGET
from segue.model.delivery import STALE, DeadLetter
from segue.model.workspace import Cap
from segue.runtime.clock import Clock

DAY_MS: Final = 86_400_000
MAKING_SECONDS: Final = 0.3
"""A request leaves at most so long after it was looked at what of it the caps let through."""

Gone = Mapping[RowName, Sequence[DeadLetter]]
"""The letters that are left of rows, or were until somebody forgot them."""


class Judge:
    """Everything seen so far, and what is wrong with it.

    told      the crowd's events, by number
    holds     uncertain events and purchases are kept for a human
    is_social  visitors and people become one
    is_shared  several couriers: an event comes after what its person did, and after what the visitor did
              that it names; not after what others did who name the same visitor
    cap       what may be spent; clock: whose days it goes by
    size      objects in a request; an order with more products has rows in parts
    lied      things taken in by a request that was answered with a 5xx
    counts    how often each thing was taken in
    repeated  how often a thing came again, rightly
    revived   numbers of the events of which somebody had a dead letter sent again
    resent    numbers of the events of which somebody had attributes sent again
    """

    def __init__(
        self,
        told: Sequence[Told],
        *,
        holds: bool = False,
        is_social: bool = False,
        is_shared: bool = False,
        cap: Cap | None = None,
        clock: Clock | None = None,
        size: int = 75,
    ) -> None:
        self.told = told
        self.holds = holds
        self.is_social = is_social
        self.is_shared = is_shared
        self.cap = cap
        self.lied: set[Thing] = set()
        self.counts: Counter[Thing] = Counter()
        self.repeated = 0
        self.faults: list[str] = []
        self.revived: set[int] = set()
        self.resent: set[int] = set()
        self._clock = clock
        self._size = size
        self._spent: list[tuple[int, float, Path | None]] = []  # of each point: day, moment, whose
        self._newest_day = 0
        self._left: set[Thing] = set()
        self._doubtful: set[Thing] = set()
        self._repeats: set[Thing] = set()
        self._first: dict[str, int] = {}
        self._last: dict[Thing, int] = {}
        self._taken = 0

    def leaves(self, things: Iterable[Thing], whose: Path | None = None) -> None:
        """These are about to leave. What a cap bounds must not, for the first time, once it is spent; a
        request that was being made at that moment may. whose: a cap bounds each courier."""
        found = set(things)
        fresh = found - self._left
        self._left |= found
        cap = self.cap
        if cap is None or not cap.event or cap.policy == "warn":
            return
        today, now = self.see_calendar()
        if today < self._newest_day:
            return  # the calendar was set back, and a day that has begun stays begun
        known = now - MAKING_SECONDS
        spent = sum(day == today and when <= known and who == whose for day, when, who in self._spent)
        over = sorted(thing for thing in fresh if self._is_capped(thing)) if spent >= cap.limit else []
        if over:
            self.faults.append(f"{over} left though {spent} of {cap.limit} points were spent")

    def noted(self, things: Iterable[Thing]) -> None:
        """The sender died with these about to leave: to whoever comes next they are in doubt, and no cap
        concerns them."""
        self._left.update(things)

    def see_calendar(self) -> tuple[int, float]:
        """The day and the time; to be called before the calendar is set, too."""
        if self._clock is None:
            return 0, float(len(self._left))
        today = self._clock.now_ms() // DAY_MS
        self._newest_day = max(self._newest_day, today)
        return today, self._clock.monotonic()

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
            if thing[0] in self.resent and thing[1] == "attributes":
                self.counts[thing] = 1
                continue
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

    def answered(self, things: Iterable[Thing], whose: Path | None = None, *, is_noted: bool = True) -> None:
        """The courier was told that these were taken in. is_noted: it could note so; else the next life does
        not know."""
        found = list(things)
        if not is_noted:
            return
        self._doubtful.difference_update(found)
        if self.cap is not None:
            self._spent += [(*self.see_calendar(), whose) for thing in found if self._is_capped(thing)]

    def _is_capped(self, thing: Thing) -> bool:
        event = self.told[thing[0]].event
        return self.cap is not None and event.get("event") == self.cap.event

    def _check_order(self, thing: Thing) -> None:
        """Whoever shares a person with an earlier event comes after it, the first time; but for what somebody
        had sent again, and for attributes that were folded into later ones, of which it is not known whether
        they have arrived: then all of them come again, in order."""
        number = thing[0]
        people = self.told[number].people if number not in self.revived else ()
        for person in people:
            latest = self._first.get(person, -1)
            is_folded = thing[1] == "attributes" and self._is_in_doubt(person, number, latest)
            if latest > number and not is_folded and (person == people[0] or not self.is_shared):
                self.faults.append(f"{thing} of {person} was taken in after something of event {latest}")
            self._first[person] = max(latest, number)

    def _is_in_doubt(self, person: str, after: int, until: int) -> bool:
        """Whether attributes of somebody's later events may have arrived, in one object with earlier ones."""
        later = {(each, "attributes") for each in range(after + 1, until + 1)}
        return any(person in self.told[number].people for number, _ in later & self._doubtful)

    def verdict(self, books: Books, profile_of: Any, *, is_mended: bool = False) -> list[str]:
        """What is wrong in the end; empty when all is well.

        profile_of  gives the sandbox's person of a userId, None for nobody
        is_mended   Braze took poison in the end
        """
        faults = list(self.faults)
        told = {event.number: event.id for event in self.told}
        silent = {thing for thing in self._repeats - self.lied if thing[1] != "attributes"}
        silent = {thing for thing in silent if told[thing[0]] not in books.doubts}
        faults += [f"{thing} is there twice, and nobody told that it may be" for thing in sorted(silent)]
        parts = {
            (event.id, name): max(1, -(-len(things) // self._size))
            for event in self.told
            for name, things in event.rows.items()
        }
        gone = books.gone(parts)
        faults += self._check_letters(books, gone, is_mended=is_mended)
        faults += self._check_rows(books, gone, parts)
        faults += self._check_fates(books, gone)
        faults += self._check_last_order(books, gone)
        faults += self._check_profiles(profile_of, self._landed(books, gone))
        return faults

    def _landed(self, books: Books, gone: Gone) -> Callable[[Told, str], bool]:
        """Whether a row was taken in, or found to be no news; else it died, or there was no budget for it."""

        def landed(event: Told, name: str) -> bool:
            row = (event.id, name)
            return row not in gone and not any(reason == OVER_BUDGET for _, reason in books.ends.get(row, ()))

        return landed

    def _check_letters(self, books: Books, gone: Gone, *, is_mended: bool) -> list[str]:
        """Exactly what was refused has a dead letter, or had one; where uncertain events are held, what is
        not known has, too."""
        faults = []
        if more := [id for id, count in Counter(letter.id for letter in books.dead).items() if count > 1]:
            faults.append(f"dead letters: several of {more}")
        rows = {(event.id, name): event for event in self.told for name in event.rows}
        refused = {row for row, event in rows.items() if row[1] in event.doomed}
        bad = {row for row, event in rows.items() if row[1] in event.bad}
        held = {row for row, letters in gone.items() if _are_held(letters)}
        if held and not self.holds:
            faults.append(f"held for a human: {sorted(held)}")
        # While a search for culprits went on Braze began to take what it had refused: then the one that was
        # left is blamed, though it was another. Its letter says how it was found.
        guessed = {row for row, letters in gone.items() if is_mended and _are_guessed(letters)}
        if more := sorted(gone.keys() - refused - bad - held - guessed):
            faults.append(f"dead letters: {more} too many")
        over = {row for row in rows if ("filtered", OVER_BUDGET) in books.ends.get(row, ())}
        if fewer := sorted((refused if is_mended else refused | bad) - gone.keys() - over):
            faults.append(f"dead letters: {fewer} missing")
        return faults

    def _check_rows(self, books: Books, gone: Gone, parts: Mapping[RowName, int]) -> list[str]:
        """Every row that did not die was told once how it ended, and what it is to leave at Braze is there,
        unless it was older or dearer than what may be sent; nothing else is."""
        faults = []
        late = self._superseded(self._landed(books, gone))
        allowed: set[Thing] = set()
        for event in self.told:
            for name, things in event.rows.items():
                row = (event.id, name)
                arrived = {thing for thing in things if self.counts[thing]}
                letters, ends = gone.get(row, ()), books.ends.get(row, ())
                # Parts that are left out at one moment have one receipt.
                told = len(letters) + len(ends)
                if not (told == parts[row] or (("filtered", OVER_BUDGET) in ends and told < parts[row])):
                    faults.append(f"{row} ended as {list(ends)} and died {len(letters)} times")
                over = ends.count(("filtered", OVER_BUDGET))
                if over and not self._may_drop(event):
                    faults.append(f"{row} was left out for the budget")
                delivered = sum(result == "delivered" for result, _ in ends)
                if not letters and not over:
                    faults += [f"{thing} never arrived" for thing in sorted(set(things) - arrived - late)]
                if delivered or _are_held(letters):
                    allowed |= arrived
                elif over:
                    allowed |= arrived & self.lied
                else:
                    allowed |= arrived & self._doubtful
        unwanted = {thing for thing in self.counts if self.counts[thing]} - allowed
        return faults + [f"{thing} arrived and should not have" for thing in sorted(unwanted)]

    def _may_drop(self, event: Told) -> bool:
        cap = self.cap
        name = event.event.get("event", event.event["type"])
        return cap is not None and cap.policy == "drop" and cap.event in ("", name)

    def _check_fates(self, books: Books, gone: Gone) -> list[str]:
        """Each event ended as its rows did."""
        fates: Counter[str] = Counter()
        for event in self.told:
            rows = [(event.id, name) for name in event.rows]
            if event.end:
                fates[event.end] += 1
            elif any(row in gone for row in rows):
                fates["dead"] += 1
            else:
                arrived = any(end == "delivered" for row in rows for end, _ in books.ends.get(row, ()))
                fates["delivered" if arrived else "filtered"] += 1
        ended: Counter[str] = Counter()
        for (result, _), count in books.totals.items():
            if not result.startswith("rows_"):
                ended[result] += count
        return [f"events ended as {dict(+ended)}, expected {dict(+fates)}"] if +ended != +fates else []

    def _superseded(self, landed: Callable[[Told, str], bool]) -> set[Thing]:
        """Attributes of which each that tells its event was set again by one that happened later, or was
        told later; all of them where it depends on who has become whom."""
        if self.is_social:
            return {thing for event in self.told for thing in event.things if thing[1] == "attributes"}
        newest: dict[tuple[str, str], int] = {}
        told = [event for event in self.told if "profile" in event.rows and landed(event, "profile")]
        for event in sorted(told, key=lambda event: event.when):
            traits = event.event["traits"].items()
            numbers = [name for name, value in traits if type(value) is int and value == event.number]
            newest |= {(event.event["userId"], name): event.number for name in numbers}
        last = set(newest.values())
        return {(event.number, "attributes") for event in told if event.number not in last}

    def _check_last_order(self, books: Books, gone: Gone) -> list[str]:
        """The last time a thing is taken in keeps the order too: what stays is what came last. What is held
        is not sent again with what came before it, nor is what a cap left out; neither are attributes, or
        those of them, that came in unheard and turned out to be older than what was acknowledged since, and
        whose value stays is what profiles are for."""
        faults: list[str] = []
        latest: dict[str, tuple[int, int]] = {}
        for event in self.told:
            rows = [(event.id, name) for name in event.rows]
            is_left = event.number in self.revived or any(row in gone for row in rows)
            reasons = {reason for row in rows for _, reason in books.ends.get(row, ())}
            is_left = is_left or not reasons.isdisjoint((STALE, OVER_BUDGET))
            unheard = {thing for thing in event.things & self.lied if thing[1] == "attributes"}
            ends = [self._last[thing] for thing in event.things - unheard if thing in self._last]
            for person in event.people if ends and not is_left else ():
                before, number = latest.get(person, (0, -1))
                if min(ends) < before:
                    faults.append(f"event {event.number} of {person} stays from before event {number}")
                if person == event.people[0] or not self.is_shared:
                    latest[person] = max((before, number), (max(ends), event.number))
        return faults

    def _check_profiles(self, profile_of: Any, landed: Callable[[Told, str], bool]) -> list[str]:
        if self.is_social:
            return self._check_population(profile_of, landed)
        faults = []
        attributes: dict[str, dict[str, Any]] = {}
        for event in sorted(self.told, key=lambda event: event.when):
            if "profile" in event.rows and landed(event, "profile"):
                attributes.setdefault(event.event["userId"], {}).update(event.event["traits"])
        for user, expected in attributes.items():
            person = profile_of(user)
            found = person.custom if person is not None else None
            if found != expected:
                faults.append(f"{user} has {found}, the fold of the events is {expected}")
        return faults

    def _check_population(self, profile_of: Any, landed: Callable[[Told, str], bool]) -> list[str]:
        """Everybody is there, under their names, with what they are and did."""
        people = population(self.told, landed)
        faults = []
        for each in people.profiles:
            names = (each.external_id, each.visitor)
            person = profile_of(each.external_id, each.visitor)
            if person is None:
                faults.append(f"{names} is not there")
            elif person.custom != each.custom:
                faults.append(f"{names} has {person.custom}, by the model {each.custom}")
        return faults


def _are_held(letters: Iterable[DeadLetter]) -> bool:
    """Whether it is not known of one of them whether it arrived."""
    return any(letter.reason == "UNCERTAIN" for letter in letters)


def _are_guessed(letters: Iterable[DeadLetter]) -> bool:
    """Whether they were found by what passed without them."""
    return all(letter.message.endswith(GUESSED) for letter in letters)


GUESSED: Final = "(the batch was refused with it and passed without)"
