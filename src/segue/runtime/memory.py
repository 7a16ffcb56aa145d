"""The memory: what one destination's partner is known to have of each person, from the state and back.

    memory = Memory(destination, state, meter); await memory.start(found)
    parcel = await memory.pack(batch.waiting)          # as a request is made
    outcomes = memory.settle(parcel, outcomes, response)
    await memory.catch_up(); bodies, stamps, values = memory.changed(); ...checkpoint...; memory.written()

The decisions are the engine's (`segue.engine.delta`, `segue.engine.parcel`); here people are loaded in
batches, off the loop, and what changed is handed to the checkpoint. A destination whose actions say nothing
of people costs nothing. All calls may raise StorageUnavailable where they wait; nothing is lost by it.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

import orjson

from segue.engine.delta import MOST_PEOPLE, Profiles
from segue.engine.line import Waiting
from segue.engine.namesakes import Namesakes
from segue.engine.parcel import LeftOut, Parcel, pack, update
from segue.engine.plan import BoundDestination
from segue.engine.points import Spending
from segue.engine.subscription import BoundSubscription
from segue.engine.travel import Travel
from segue.io.storage.journal import Found
from segue.io.storage.state import Command, State
from segue.kit.action import Batch
from segue.kit.attributes import AttributeShape, Disturbance
from segue.model.delivery import UNCHANGED, Outcome, Response, Row, Verdict, left_out
from segue.model.errors import BrokenError
from segue.runtime.debouncer import Debouncer

EPOCH: Final = "profiles"
"""Name of the state's value that counts refreshes of everybody."""

REFRESH: Final = "refresh"
"""Command: send everything again, of {"people": [key, …]} or, without them, of everybody."""

RESEND: Final = "resend"
"""Command: send {"objects": [[person, item, event_ms], …]} again, unless something newer was sent since."""

NO_LANE: Final = -1
"""Lane of a row that comes of no event: it is in no ledger, journal or receipt."""

Departure = tuple[Row, Travel, tuple[str, ...]]
"""A row to send, how it travels, and whose order it keeps."""


class Meter(Protocol):
    """Where it is reported what deltas do; `segue.runtime.telemetry` says what each means."""

    def delta(self, destination: str, *, late: int, points: int, saved: int) -> None: ...


class Memory:
    """One destination's people.

    debouncer  what people said last, for destinations that leave repeats out
    most_people  in memory, beside those that change
    about     the actions whose rows are about people at the partner
    namesakes  the rows that wait for another name of their person
    spending  told of rows what their attributes cost and saved, once that is certain
    """

    def __init__(
        self, destination: BoundDestination, state: State, meter: Meter, most_people: int = MOST_PEOPLE
    ) -> None:
        self.spending: Callable[[Spending], None] | None = None
        self._destination = destination
        self._state = state
        self._most_people = most_people
        self._meter = meter
        actions = destination.page.actions
        self._describing = frozenset(action.slug for action in actions if action.attributes is not None)
        deletion = (destination.page.deletion,) if destination.page.deletion is not None else ()
        self._disturbing = {
            action.slug: action.disturbs for action in (*actions, *deletion) if action.disturbs is not None
        }
        self._creating = _creating(destination)
        self.about = self._describing | self._disturbing.keys() | self._creating
        self._shape = shape_of(destination)
        self.debouncer = Debouncer(destination, state)
        self.namesakes = Namesakes()
        self._profiles: Profiles | None = None
        self._first = ""
        self._recalled: list[tuple[Row, bool]] = []
        self._catching_up = asyncio.Lock()
        self._resending: dict[int, int] = {}  # command -> rows not settled
        self._resent: list[int] = []
        self._is_dirty = False

    async def start(self, found: Found) -> None:
        """Take up where the last run stopped. Whose attributes left since the last checkpoint is not known
        any more, whatever the answer was."""
        if self._shape is None:
            return
        delivery = self._destination.config.delivery
        self._first = f"{self._shape.identifiers[0]}:"
        profiles = self._profiles = Profiles(
            self._shape,
            changed_only=delivery.attributes == "changed",
            keep_values=delivery.remember == "values",
            ahead_ms=round(delivery.ahead_seconds * 1000),
            most_people=self._most_people,
            epoch=int(await self._state.value(EPOCH) or b"0"),
        )
        await self._load(found.people)
        for person in found.people:
            profiles.forget(person, with_kin=True)
        self._is_dirty = bool(found.people)

    def replace(self, destination: BoundDestination) -> None:
        """Go on with a new revision of the destination."""
        self._destination = destination
        self._creating = _creating(destination)
        self.about = self._describing | self._disturbing.keys() | self._creating
        self.debouncer.replace(destination)
        if self._profiles is not None:
            self._profiles.changed_only = destination.config.delivery.attributes == "changed"

    @property
    def screens(self) -> bool:
        """Whether rows are looked at before they wait (`screen`)."""
        return self._profiles is not None and self._profiles.changed_only

    def people(self, row: Row, people: tuple[str, ...]) -> tuple[str, ...]:
        """Whose order a row keeps: `people`, and everybody it is about at the partner."""
        first = self._first
        for key in self._keys(row) if row.action in self.about else ():
            name = "u:" + key[len(first) :] if key.startswith(first) else key
            if name not in people:
                people = (*people, name)
        return people

    def joined(self, rows: Iterable[tuple[Row, BoundSubscription]], people: tuple[str, ...]) -> Iterable[str]:
        """`people`, and everybody whom these rows of an event make one with another at the partner."""
        found = dict.fromkeys(people)
        for row, _ in rows:
            if row.action in self._disturbing:
                found |= dict.fromkeys(name for name in self.people(row, ()) if name.startswith("u:"))
        return found

    # -- before rows wait

    async def load(self, rows: Iterable[Row]) -> None:
        """Make everybody these rows are about known."""
        about = self.about
        await self._load([key for row in rows if row.action in about for key in self._keys(row)])

    def screen(self, row: Row) -> LeftOut | None:
        """Say at once that a row has nothing to send. Only for a loaded person with nothing waiting."""
        profiles = self._profiles
        if profiles is None or row.action not in self._describing or len(row.items) != 1:
            return None
        if self._recalled or self._catching_up.locked():
            return None  # what has arrived is not taken in yet: perhaps the person was merged away
        dropped = profiles.screen(update(row, row.items[0]))
        if dropped is None:
            return None
        notes = (left_out(UNCHANGED, dropped.names),) if dropped.reason == UNCHANGED else ()
        self._meter.delta(self._destination.id, late=0, points=0, saved=dropped.saved)
        if self.spending is not None:
            self.spending(Spending(row, {}, dropped.costs))
        return LeftOut(row, None, dropped.reason, notes)

    # -- leaving and arriving

    async def pack(self, entries: Sequence[Waiting], *, is_whole: bool = False) -> Parcel:
        """Say what of these rows travels; it counts as on its way until `settle`. is_whole: all of them, or
        none for now."""
        profiles = self._profiles
        if profiles is None or self.about.isdisjoint([entry.row.action for entry in entries]):
            if self._recalled:
                await self.catch_up()
            self.namesakes.gone(entries)
            return Parcel(list(entries), [entry.row for entry in entries])
        await self.catch_up()
        await self.load([entry.row for entry in entries])
        held = self.namesakes.sift(profiles, entries, self._described) if self._creating else []
        if held:
            chosen = set(map(id, entries if is_whole else held))
            held = [entry for entry in entries if id(entry) in chosen]
            entries = [entry for entry in entries if id(entry) not in chosen]
        self.namesakes.gone(entries)
        for entry in entries if self._disturbing else ():
            # Whom the partner makes one of two shows once it has: until then nothing later of them leaves.
            if entry.row.action in self._disturbing:
                for key in self._keys(entry.row):
                    profiles.forget(key)
        parcel = pack(entries, profiles, self._describing.__contains__, itemized=self.spending is not None)
        if parcel.late or parcel.saved:
            self._meter.delta(self._destination.id, late=parcel.late, points=0, saved=parcel.saved)
        self._tell(parcel)
        parcel.held = held
        return parcel

    def settle(self, parcel: Parcel, outcomes: Sequence[Outcome], response: Response) -> list[Outcome]:
        """Learn what became of a parcel; gives one outcome per entry that travelled."""
        before = parcel.points, parcel.saved
        found = parcel.settle(outcomes, response, itemized=self.spending is not None)
        points, saved = parcel.points - before[0], parcel.saved - before[1]
        if points or saved:
            self._meter.delta(self._destination.id, late=0, points=points, saved=saved)
        self._tell(parcel)
        telling = self._creating | self._disturbing.keys()
        if telling.isdisjoint([entry.row.action for entry in parcel.waiting]):  # nearly always
            return found
        for entry, outcome in zip(parcel.waiting, found, strict=True):
            if outcome.verdict is Verdict.DELIVERED and entry.row.action in telling:
                self._recalled.append((entry.row, True))
        return found

    # -- after a crash, and at a checkpoint

    def recall(self, row: Row) -> None:
        """A row was delivered before the last stop, and no checkpoint knows of it."""
        known = (self._describing, self._disturbing, self._creating)
        if self._profiles is not None and any(row.action in actions for actions in known):
            self._recalled.append((row, True))

    def suppose(self, row: Row) -> None:
        """A row may have been applied and does not leave again: what it says counts as sent, and proves
        nothing."""
        if self._profiles is not None and row.action in self._describing:
            self._recalled.append((row, False))

    async def catch_up(self) -> None:
        """Take in what was recalled, in its order, who has become one with whom, and whom events and
        purchases that have arrived show to be there. Before anything is packed or written."""
        async with self._catching_up:  # whoever packs meanwhile must not find it half done
            await self._catch_up()

    async def take(self, commands: Iterable[Command]) -> tuple[list[Departure], list[int]]:
        """Carry out what others ask for; gives rows to send, and the ids of what is done with the next
        checkpoint."""
        departures: list[Departure] = []
        done, self._resent = self._resent, []
        for command in commands:
            profiles = self._profiles
            if command.name == REFRESH:
                if profiles is not None:
                    await self._refresh(profiles, command.arguments.get("people") or ())
                done.append(command.id)
            elif command.name == RESEND and command.id not in self._resending and command.id not in done:
                rows = await self._resend(profiles, command) if profiles is not None else []
                departures += rows
                self._resending[command.id] = len(rows)
                if not rows:
                    self._resending.pop(command.id)
                    done.append(command.id)
        return departures, done

    def resent(self, row: Row) -> None:
        """A row of a resend is done with, whatever became of it."""
        self._resending[row.offset] -= 1
        if not self._resending[row.offset]:
            del self._resending[row.offset]
            self._resent.append(row.offset)

    @property
    def is_dirty(self) -> bool:
        """Whether the next checkpoint has something of ours to write though nothing else happened."""
        return self._is_dirty or bool(self._resent)

    def changed(self) -> tuple[dict[str, bytes], dict[str, bytes], dict[str, bytes]]:
        """What a checkpoint writes of people: bodies and stamps, and the values beside; `written` must
        follow."""
        profiles, stamps = self._profiles, dict[str, bytes]()
        if profiles is None:
            return {}, stamps, {}
        self._is_dirty = False
        return profiles.changed(stamps), stamps, {EPOCH: b"%d" % profiles.epoch} if profiles.epoch else {}

    def written(self, *, ok: bool = True) -> None:
        """Learn whether the checkpoint took place."""
        self.debouncer.written(ok=ok)
        if self._profiles is not None:
            self._profiles.written(ok=ok)
            self._is_dirty = self._is_dirty or not ok

    def known(self, user_id: str) -> dict[str, Any]:
        """The attributes of somebody in memory, as far as they are known whole."""
        return self._profiles.known(f"{self._first}{user_id}") if self._profiles is not None else {}

    # -- below

    def _described(self, entry: Waiting) -> Sequence[str]:
        """Whom a row describes."""
        return self._keys(entry.row) if entry.row.action in self._describing else ()

    async def _catch_up(self) -> None:
        profiles = self._profiles
        while self._recalled and profiles is not None:
            rows, self._recalled = self._recalled, []
            try:
                await self.load(row for row, _ in rows)
            except BaseException:
                self._recalled[:0] = rows
                raise
            for row, is_certain in rows:
                for disturbance in self._disturbances([row]):
                    profiles.disturb(disturbance)
                for item in row.items if row.action in self._describing else ():
                    profiles.presume(update(row, item))
                for item in row.items if is_certain and row.action not in self._disturbing else ():
                    profiles.prove(item)

    async def _refresh(self, profiles: Profiles, people: Sequence[str]) -> None:
        await self._load(people)
        for person in people:
            profiles.forget(person, with_kin=True)
        if not people:
            profiles.refresh()
        self._is_dirty = True

    async def _resend(self, profiles: Profiles, command: Command) -> list[Departure]:
        slug = min(self._describing)
        found = self._destination.page.action(slug)
        batch = found[0].batch if found is not None else Batch()
        travel = Travel(slug, "", batch.items, 0.0, batch.bytes)
        departures: list[Departure] = []
        objects = command.arguments["objects"]
        await self._load(person for person, _, _ in objects)
        for part, (person, item, event_ms) in enumerate(objects):
            profiles.forget(person)
            row = Row(
                destination=self._destination.id,
                subscription="",
                action=slug,
                lane=NO_LANE,
                offset=command.id,
                order=event_ms * 1_000_000,
                person=person,
                message_id="",
                kind="identify",
                event_ms=event_ms,
                items=(item,),
                part=part,
            )
            departures.append((row, travel, self.people(row, ())))
        return departures

    def _keys(self, row: Row) -> list[str]:
        profiles = self._profiles
        if profiles is None:
            return []
        if row.action in self._describing or row.action in self._creating:
            return [key for key in map(profiles.person, row.items) if key]
        if row.action in self._disturbing:
            return [key for each in self._disturbances([row]) for key in profiles.disturbed(each)]
        return []

    def _disturbances(self, rows: Iterable[Row]) -> list[Disturbance]:
        return [
            disturbs(orjson.loads(item))
            for row in rows
            if (disturbs := self._disturbing.get(row.action)) is not None
            for item in row.items
        ]

    async def _load(self, people: Iterable[str]) -> None:
        profiles, keys = self._profiles, list(people)
        while profiles is not None and (wanted := profiles.missing(keys)):
            profiles.load(wanted, await self._state.profiles(wanted))

    def _tell(self, parcel: Parcel) -> None:
        if self.spending is not None:
            for spending in parcel.spending:
                self.spending(spending)
            parcel.spending = []


def _creating(destination: BoundDestination) -> frozenset[str]:
    """The actions whose objects are about people without describing them. Nobody asks who is there where no
    subscription makes one profile of two."""
    known = {action.slug: action for action in destination.page.actions}
    used = {subscription.action.slug for subscription in destination.subscriptions}
    if not any(known[slug].disturbs is not None for slug in used & known.keys()):
        return frozenset()
    names = destination.page.pack.actions if destination.page.pack is not None else ()
    return frozenset(slug for slug in names if known[slug].attributes is None)


def shape_of(destination: BoundDestination) -> AttributeShape | None:
    """What describes people at this partner."""
    shapes: list[Any] = []
    for action in destination.page.actions:
        if action.attributes is not None and action.attributes not in shapes:
            shapes.append(action.attributes)
    if len(shapes) > 1:
        raise BrokenError(f'the actions of "{destination.page.slug}" describe people in more than one way')
    return shapes[0] if shapes else None
