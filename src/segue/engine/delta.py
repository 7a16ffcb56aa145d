"""Delta: only what changed is sent, and nothing older than what was sent.

    profiles = Profiles(action.attributes, changed_only=True)
    while wanted := profiles.missing(keys):               # keys: profiles.person(item) of each object
        profiles.load(wanted, stored_bodies)
    departure = profiles.prepare([Update(item, event_ms, received_ms), ...])   # as a request is made
    # send departure.objects in their order; end departure.dropped as filtered
    profiles.settle(prepared, Fate.APPLIED)                # what became of each, in that order
    bodies = profiles.changed(stamps := {}); ... committed ...; profiles.written()

Every attribute has the event time of its value as a clock. An older value never overwrites a newer one,
in whatever order events arrive, are tried again or replayed. Operations ({"inc": 1}) have no clock.

What is promised rests on this: objects of one person are on their way one request at a time, and are
settled in the order they were in. Nothing is known before it was acknowledged; what was refused, or may
or may not have arrived, is forgotten and sent whole next time.

After a crash the state is as old as its last checkpoint, and the partner is not. Before anything is
prepared, what the journal knows to have left since then must be told: `presume` for what was answered and
is not repeated, `forget` for the person of what was not answered. Without a journal: `refresh`.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import orjson

from segue.engine import kinship
from segue.engine.departure import Departure, Dropped, Fate, Update
from segue.engine.entry import Touch
from segue.engine.fold import Fold, Wish, fold, single
from segue.engine.glance import Glances, digest, meaning
from segue.engine.lateness import cut
from segue.engine.likeness import Likenesses
from segue.engine.person import Identity
from segue.engine.points import Meter
from segue.engine.profile import Prepared, Profile, Words
from segue.engine.reduction import Reduction, reduced, unreduced
from segue.engine.roster import Roster
from segue.engine.sealed import CLOCK_END
from segue.kit.attributes import AttributeShape, Disturbance, JsonObject
from segue.model.delivery import STALE, UNCHANGED

AHEAD_MS: Final = 5 * 60_000
MOST_PEOPLE: Final = 20_000


class Profiles:
    """What is known of the people of one destination.

    changed_only  send only what changed and fold updates of one person; else clocks alone
    keep_values   false keeps hashes: nested values that changed are then sent whole
    ahead_ms      how far after its receipt an event may say it happened; beyond, it counts as received then
    most_people   in memory; those changed since the last checkpoint or on their way come on top
    item_bytes    most bytes of one object
    epoch         what `epoch` was when the state was written
    """

    def __init__(
        self,
        shape: AttributeShape,
        *,
        changed_only: bool = False,
        keep_values: bool = True,
        ahead_ms: int = AHEAD_MS,
        most_people: int = MOST_PEOPLE,
        item_bytes: int = 100 * 1024,
        epoch: int = 0,
    ) -> None:
        self._shape = shape
        self._identity = Identity(shape)
        self.meter = Meter(shape)
        self.changed_only = changed_only
        self._keep_values = keep_values
        self._ahead_ms = ahead_ms
        self._item_bytes = item_bytes
        self._roster = Roster(most_people, epoch)
        self._glances = Glances(shape, self._identity, self.meter, keep_values=keep_values)
        self._likenesses = Likenesses(shape, self.meter)

    @property
    def epoch(self) -> int:
        """Number of the last `refresh`; to be kept with the state."""
        return self._roster.epoch

    # -- loading and keeping

    def person(self, item: bytes | JsonObject) -> str:
        """The key of the person an object is about, "" when it names nobody."""
        return self._identity.key(item) if isinstance(item, dict) else self._identity.read(item)

    def missing(self, people: Iterable[str]) -> list[str]:
        """Which of them, and of those who may be the same profile, must be loaded first. Ask again after
        loading: only then their kin is known."""
        return self._roster.missing(people)

    def load(self, people: Iterable[str], bodies: Mapping[str, bytes]) -> None:
        """Take people in; those without a body are new."""
        self._roster.load(people, bodies)

    def changed(self, stamps: dict[str, bytes] | None = None) -> dict[str, bytes]:
        """What to write with the next checkpoint: person -> body, b"" to remove; `written` must follow.
        stamps: takes what stands before the body from now on, of those whose body stays."""
        return self._roster.changed(stamps)

    def written(self, *, ok: bool = True) -> None:
        """Learn whether the checkpoint took place."""
        self._roster.written(ok=ok)

    def known(self, person: str) -> dict[str, Any]:
        """The attributes of a loaded person as far as they are known whole."""
        entries = self._roster[person].entries
        return {name: entry[2] for name, entry in entries.items() if len(entry) == 3}

    # -- leaving and arriving

    def screen(self, update: Update) -> Dropped | None:
        """Say at once that an update has nothing to send; None when it must wait for its request.

        Only for a person with nothing waiting or on its way: whoever waits may change what is known.
        """
        key = self.person(update.item)
        if not key:
            return None
        found = self._glance(key, 0, update, sends=False)
        if found is not None:
            return found if isinstance(found, Dropped) else None
        profile = kinship.pruned(self._roster, key)
        if profile.flying:
            return None
        wish = self._read(0, update, key)
        if self._cut(profile, wish, []):
            return self._dropped(wish, STALE)
        reduction = self._reduce(profile, single(wish))
        if reduction.object is not None:
            return None
        self._confirm(profile, [wish], reduction, wish.when)
        return self._dropped(wish, UNCHANGED, reduction)

    def prepare(self, updates: Sequence[Update]) -> Departure:
        """Make the objects of one request, never more than updates; they count as on their way until
        `settle`. Everybody must have been loaded."""
        departure = Departure()
        keys = list(map(self._identity.read, [update.item for update in updates]))
        if len(set(keys)) == len(keys):  # nearly always
            for index, (key, update) in enumerate(zip(keys, updates, strict=True)):
                self._prepare(departure, key, index, update)
            return departure
        people: dict[str, list[int]] = {}
        for index, key in enumerate(keys):
            people.setdefault(key, []).append(index)
        for key, indexes in people.items():
            if key and len(indexes) > 1:
                wishes = sorted([self._read(index, updates[index], key) for index in indexes], key=_by_time)
                self._depart(key, wishes, departure)
                continue
            for index in indexes:
                self._prepare(departure, key, index, updates[index])
        return departure

    def others(self, person: str) -> Mapping[str, bool]:
        """The other names a loaded person may have, and whether something is on its way to each."""
        return kinship.others(self._roster, person)

    def settle(self, prepared: Prepared, fate: Fate) -> None:
        """Learn what became of an object. A person's objects are settled in the order they were in."""
        if not prepared.person:
            return
        profile = self._roster[prepared.person]
        profile.flying = flying = tuple([each for each in profile.flying if each is not prepared])
        if fate is Fate.UNSENT:
            return
        is_applied = fate is Fate.APPLIED
        if is_applied and prepared.news and not flying and self._roster.patch(profile, prepared):
            return  # nearly always
        if is_applied and prepared.proves and not profile.exists:
            kinship.meet(self._roster, prepared.person)
        if is_applied and prepared.renews and profile.renew(prepared.timed, prepared.when):  # nearly always
            self._roster.change((prepared.person,))
            return
        knows = is_applied and profile.exists and not prepared.is_void and not profile.kin
        self._apply(prepared.person, profile, prepared.touched, fate, knows=knows, words=prepared.words)

    def presume(self, update: Update) -> None:
        """An update was or may have been applied and will not leave again: what it touched is forgotten, and
        counts as sent."""
        if key := self.person(update.item):
            wish, profile = self._read(0, update, key), kinship.pruned(self._roster, key)
            touched = unreduced(single(wish), self._shape, self.meter).touched
            profile.latest = max(profile.latest, wish.when)
            kinship.overtake(self._roster, key, touched, wish.when)
            self._apply(key, profile, touched, Fate.APPLIED, knows=False)

    def prove(self, item: bytes) -> None:
        """An object about somebody loaded was acknowledged: they are there, if it proves that."""
        key = self.person(item)
        if key and not self._roster[key].exists and self._shape.proves(orjson.loads(item)):
            kinship.meet(self._roster, key)

    # -- forgetting

    def forget(self, person: str, *, with_kin: bool = False) -> None:
        """Send everything of this person again next time; the clocks stay. The person must be loaded."""
        kin = self._roster.kin(self._roster[person]) if with_kin else ()
        kinship.forget(self._roster, [person, *kin])

    def erase(self, person: str) -> None:
        """Forget a person whose profile is gone, clocks and all, and what is known of their kin."""
        kinship.erase(self._roster, person)

    def refresh(self) -> None:
        """Send everything of everybody again next time, loaded or not; the clocks stay."""
        self._roster.refresh()

    def disturb(self, disturbance: Disturbance) -> None:
        """Forget what an object of another action makes uncertain, when it leaves; `disturbed` must be
        loaded."""
        kinship.disturb(self._roster, self._shape, disturbance, self.person)

    def disturbed(self, disturbance: Disturbance) -> list[str]:
        """The keys of everybody a disturbance names."""
        named = (*disturbance.forgotten, *disturbance.erased)
        return list(filter(None, map(self.person, named)))

    # -- below

    def _read(self, index: int, update: Update, key: str) -> Wish:
        found, control = orjson.loads(update.item), self._identity.control(key)
        return Wish(index, key, update.item, found, self._when(update), control, update.alone)

    def _when(self, update: Update) -> int:
        limit = update.received_ms + self._ahead_ms
        return update.event_ms if update.event_ms <= limit else update.received_ms

    def _glance(
        self, key: str, index: int, update: Update, *, sends: bool = True
    ) -> Dropped | Prepared | bool | None:
        """What becomes of an update of somebody at rest, if a glance tells; sends: as of `Glances.look`."""
        if not self.changed_only or (sealed := self._roster.at_rest(key)) is None:
            return None
        when = self._when(update)
        if not 0 <= when < CLOCK_END or (clock := when.to_bytes(6, "big")) < sealed[5:11]:
            return None
        if (told := self._glances.repeated(sealed, update.item)) is not None:  # nearly always
            self._roster.renew(key, sealed[:5] + clock + sealed[11:])
            return Dropped(index, UNCHANGED, told.names, told.costs)
        found = self._glances.look(sealed, update.item, when, key, index, sends=sends)
        if isinstance(found, Dropped):
            self._roster.renew(key, sealed[:5] + clock + sealed[11:])
        elif isinstance(found, Prepared):
            profile = self._roster[key]
            profile.flying, profile.latest = (found,), when
        return found

    def _prepare(self, departure: Departure, key: str, index: int, update: Update) -> None:
        """Make the object of somebody's one update."""
        found = self._glance(key, index, update)
        if isinstance(found, Dropped):
            departure.dropped.append(found)
        elif isinstance(found, Prepared):
            departure.objects.append(found)
        elif not key:
            departure.objects.append(Prepared(person="", item=update.item, members=(index,)))
        else:
            profile, prepared = kinship.pruned(self._roster, key), None
            if not self.changed_only and not profile.kin:  # nearly always
                prepared = self._as_it_came(profile, key, index, update)
            if prepared is not None:
                departure.objects.append(prepared)
            else:
                self._depart(key, [self._read(index, update, key)], departure)

    def _as_it_came(self, profile: Profile, key: str, index: int, update: Update) -> Prepared | None:
        """An update that leaves whole, where only clocks are kept; None when something of it may be older
        than what was sent, or is merged into what is there."""
        when = self._when(update)
        if when < profile.latest:
            return None
        prepared = self._likenesses.whole(update.item, when, key, self._identity.control(key), index)
        if prepared is not None:
            profile.flying = (*profile.flying, prepared)
            profile.latest = when
        return prepared

    def _depart(self, key: str, wishes: list[Wish], departure: Departure) -> None:
        profile = kinship.pruned(self._roster, key)
        if len(wishes) == 1 and wishes[0].when >= profile.latest and not profile.kin:  # nearly always
            self._send(key, single(wishes[0]), departure)
            return
        kept = []
        for wish in wishes:
            notes: list[tuple[str, str]] = []
            if self._cut(profile, wish, notes):
                departure.dropped.append(self._dropped(wish, STALE))
            else:
                kept.append(wish)
            if notes:
                departure.notes[wish.index] = notes
        folds = fold(kept, self._shape) if self.changed_only and len(kept) > 1 else [*map(single, kept)]
        for each in folds:
            self._send(key, each, departure)

    def _cut(self, profile: Profile, wish: Wish, notes: list[tuple[str, str]]) -> bool:
        """Leave out what is older than what was sent; true when nothing is left of the update."""
        if wish.when >= profile.latest and not profile.kin:
            return False
        return cut(wish, profile, kinship.related(self._roster, wish.person), self._shape, notes)

    def _reduce(self, profile: Profile, folded: Fold) -> Reduction:
        if not self.changed_only:
            return unreduced(folded, self._shape, self.meter)
        return reduced(profile, folded, self._shape, self.meter, keep_values=self._keep_values)

    def _send(self, key: str, folded: Fold, departure: Departure) -> None:
        shape, wishes, profile = self._shape, folded.wishes, self._roster[key]
        first = wishes[0]
        reduction = self._reduce(profile, folded)
        latest = max(folded.when, *folded.clocks.values()) if folded.clocks else folded.when
        if reduction.object is None:
            self._confirm(profile, wishes, reduction, latest)
            alone = reduction if len(wishes) == 1 else None
            departure.dropped += [self._dropped(wish, UNCHANGED, alone) for wish in wishes]
            return
        is_alone = len(wishes) == 1 and not first.is_cut
        as_it_came = reduction.is_whole and is_alone
        item = first.item if as_it_came else orjson.dumps(reduction.object)
        if len(wishes) > 1 and len(item) > self._item_bytes:
            for wish in wishes:
                self._send(key, single(wish), departure)
            return
        cost = saved = sum(reduction.costs.values())
        whole = [reduction.whole] if is_alone else [self._costs(wish) for wish in wishes]
        if not as_it_came:
            saved = sum([sum(each.values()) for each in whole])
        prepared = Prepared(
            person=first.person,
            item=item,
            members=tuple([wish.index for wish in wishes]),
            points=cost,
            saved=saved - cost,
            costs=reduction.costs,
            whole=whole,
            changes=reduction.touched,
            proves=shape.proves(reduction.object),
            words=self._words(wishes, reduction),
        )
        departure.objects.append(prepared)
        profile.flying = (*profile.flying, prepared)
        profile.latest = max(profile.latest, latest)
        if profile.kin:
            kinship.overtake(self._roster, first.person, reduction.touched, latest)

    def _confirm(self, profile: Profile, wishes: Sequence[Wish], reduction: Reduction, latest: int) -> None:
        """Everything said is there already, and is now as new as this."""
        profile.latest = max(profile.latest, latest)
        words = None if profile.kin else self._words(wishes, reduction)
        person = wishes[0].person
        self._apply(person, profile, reduction.touched, Fate.APPLIED, knows=True, words=words)

    def _apply(
        self,
        person: str,
        profile: Profile,
        touched: Mapping[str, Touch],
        fate: Fate,
        *,
        knows: bool,
        words: Words | None = None,
    ) -> None:
        """Write down what the arrival of an object means, or forget what it touched.

        words  of the update, when its arrival means that all its values are there
        """
        sealed = profile.seal(words, touched) if knows and words is not None else None
        if sealed is not None:
            self._roster.renew(person, sealed, is_new=True)
            return
        profile.learn(touched, is_applied=fate is Fate.APPLIED, knows=knows)
        if touched:
            self._roster.change((person,))

    def _dropped(self, wish: Wish, reason: str, alone: Reduction | None = None) -> Dropped:
        """alone: what is left of the update when it was looked at by itself."""
        said = orjson.loads(wish.item) if wish.is_cut else wish.object
        costs = alone.whole if alone is not None and not wish.is_cut else self.meter.by_attribute(said)
        return Dropped(wish.index, reason, [name for name in said if name not in wish.control], costs)

    def _words(self, wishes: Sequence[Wish], reduction: Reduction) -> Words | None:
        """Of the one update all of whose values are there once it has arrived."""
        if not reduction.lasts or len(wishes) > 1 or wishes[0].is_cut:
            return None
        told = self._glances.tellings.of(tuple(reduction.touched), reduction.whole)
        return digest(wishes[0].item), meaning(wishes[0].object), told.telling

    def _costs(self, wish: Wish) -> Mapping[str, int]:
        return self.meter.by_attribute(orjson.loads(wish.item) if wish.is_cut else wish.object)


_by_time: Final = attrgetter("when")
