"""Histories of attribute updates, a Braze to send them to, and a courier in small to send them with."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from hypothesis import strategies as st

from segue.catalog.braze.attributes import SHAPE
from segue.engine.delta import Profiles
from segue.engine.departure import Fate, Update
from segue.engine.profile import Prepared
from segue.sandbox import attributes
from segue.sandbox.exchange import Call
from segue.sandbox.seed import DEFAULT_GROUP
from segue.sandbox.switches import Switches
from segue.sandbox.texts import Refused
from segue.sandbox.world import World

NOW_MS = 1_795_000_000_000
REFUSED = "email_subscription_info"
"""An attribute that Braze refuses an object for."""

OTHER_GROUP = "other-group"


class Braze:
    """The sandbox's own attribute code, without its doors."""

    def __init__(self) -> None:
        self.world = World(switches=Switches(auto_type="as_sent"))
        self.workspace = next(iter(self.world.workspaces.values()))
        self.workspace.groups = {**self.workspace.groups, OTHER_GROUP: self.workspace.groups[DEFAULT_GROUP]}
        self.sent = 0

    @property
    def points(self) -> int:
        """What its meter says."""
        return self.workspace.registry.data_points["attributes"]

    def send(self, items: Iterable[dict[str, Any]]) -> list[bool]:
        """One request; says of each object whether it was taken."""
        call = Call(self.world, "POST", "/users/track", b"", {}, b"", "", NOW_MS)
        call.held_workspace = self.workspace
        verdicts = []
        for index, item in enumerate(items):
            self.sent += 1
            try:
                deed = attributes.check(call, item, index)
            except Refused:
                verdicts.append(False)
            else:
                attributes.apply(call, self.workspace, deed, NOW_MS)
                verdicts.append(True)
        return verdicts

    def profile(self, external_id: str) -> dict[str, Any] | None:
        """What it has of a person."""
        person = self.workspace.people.by_external_id(external_id)
        if person is None:
            return None
        groups = {name: membership.state for name, membership in person.groups.items()}
        return {"fields": person.fields, "custom": person.custom, "groups": groups}


@dataclass
class Happening:
    """An update of a history: who, when, what."""

    who: str
    at: int
    attributes: dict[str, Any]
    again: bool = False

    @property
    def object(self) -> dict[str, Any]:
        return {"external_id": self.who, **self.attributes}

    @property
    def has_operation(self) -> bool:
        return any(isinstance(value, dict) and SHAPE.operates(value) for value in self.attributes.values())

    @property
    def is_refused(self) -> bool:
        return REFUSED in self.attributes

    def update(self, *, alone: bool = False) -> Update:
        return Update(orjson.dumps(self.object), self.at, NOW_MS, alone)


PEOPLE = ("u1", "u2")

small = st.integers(0, 2)
stored = st.one_of(small, st.sampled_from(["a", "b", True, False, 1.0, None]))
scalars = st.one_of(stored, st.just("x" * 300))
plain = st.one_of(small, st.sampled_from(["a", "b", True]))
trees = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.one_of(plain, st.lists(plain, max_size=2), st.dictionaries(st.sampled_from(["d", "e"]), plain)),
    max_size=3,
)
dated = st.fixed_dictionaries({"a": st.just({"$time": "2020-05-28"}), "b": plain})
broken = st.fixed_dictionaries({"a": plain, "b c": plain})
"""Has a key Braze does not store: the whole update of the attribute is dropped."""
wholes = st.one_of(trees, dated, st.none())
entries = st.fixed_dictionaries({"id": st.integers(0, 3), "n": plain}, optional={"more": trees})
lists = st.one_of(st.lists(entries, max_size=3, unique_by=lambda entry: entry["id"]), st.none())
patches = st.fixed_dictionaries(
    {}, optional={"a": plain, "b": st.fixed_dictionaries({}, optional={"d": plain, "e": plain}), "c": plain}
).filter(lambda patch: patch and patch.get("b") != {})
groups = st.lists(
    st.fixed_dictionaries(
        {
            "subscription_group_id": st.sampled_from([DEFAULT_GROUP, OTHER_GROUP]),
            "subscription_state": st.sampled_from(["subscribed", "unsubscribed"]),
        }
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda entry: entry["subscription_group_id"],
)
always = {
    "email_subscribe": st.sampled_from(["subscribed", "unsubscribed"]),
    "subscription_groups": groups,
    "first_name": st.sampled_from(["Ann", "Bo", None]),
    "facebook": st.fixed_dictionaries({}, optional={"id": st.sampled_from(["f", "g"]), "num_friends": small}),
    "p": stored,
    "q": st.lists(small, max_size=3),
}
refused = {REFUSED: st.just(1)}
replacing = st.fixed_dictionaries({}, optional={**always, "o": wholes, "w": wholes, "l": lists})
merging = st.fixed_dictionaries(
    {"_merge_objects": st.just(True)}, optional={**always, "m": patches, "n": patches}
)
counting = st.fixed_dictionaries(
    {"visits": st.integers(-2, 2).map(lambda step: {"inc": step})}, optional=always
)
spoiled = st.fixed_dictionaries(refused, optional=always)
single = st.fixed_dictionaries({"p": st.integers(0, 1)}, optional={REFUSED: st.just(1)})
timely = st.one_of(single, replacing, merging, counting, spoiled)
"""What can be told in any order: an attribute is always replaced, always merged or always counted, and
Braze stores what it is sent. (A value it drops in silence counts as sent all the same.)"""

operations = st.one_of(
    st.integers(-2, 2).map(lambda step: {"inc": step}),
    st.lists(small, max_size=2).map(lambda values: {"add": values}),
    st.lists(small, max_size=2).map(lambda values: {"remove": values}),
    entries.map(lambda entry: {"$add": [entry]}),
    st.integers(0, 3).map(lambda name: {"$remove": [{"$identifier_key": "id", "$identifier_value": name}]}),
    entries.map(
        lambda entry: {
            "$update": [
                {
                    "$identifier_key": "id",
                    "$identifier_value": entry["id"],
                    "$new_object": {key: part for key, part in entry.items() if key != "id"},
                }
            ]
        }
    ),
)
anything = st.one_of(scalars, wholes, broken, lists, patches, operations, st.just({"add": "no list"}))
KNOTTY: tuple[Any, ...] = (
    *(0, 1, "a", None, True, 1.0, "x" * 300, [], [1], [1, 2], {}),
    *({"a": 1}, {"a": 2}, {"a": 1, "b": {"d": 1}}, {"a": 1, "b": {"d": 2}}, {"b": {"d": 1, "e": 1}}),
    *({"a": 1, "b c": 0}, {"a": {"$time": "2020-05-28"}}, {"add": "no list"}),
    *([{"id": 0, "n": 1}], [{"id": 0, "n": 2}], [{"id": 0, "n": 1}, {"id": 1, "n": 1}]),
    *({"inc": 1}, {"add": [1]}, {"remove": [1]}, {"$add": [{"id": 0, "n": 0}]}),
    {"$remove": [{"$identifier_key": "id", "$identifier_value": 0}]},
    {"$update": [{"$identifier_key": "id", "$identifier_value": 0, "$new_object": {"n": 5}}]},
)
"""Values that meet again and again on the same attribute."""

knots = st.fixed_dictionaries(
    {"l": st.sampled_from(KNOTTY)}, optional={"m": st.sampled_from(KNOTTY), "_merge_objects": st.booleans()}
)
everything = {**always, **dict.fromkeys(("o", "l", "m"), anything), "_merge_objects": st.booleans()}
mixed = st.one_of(knots, st.fixed_dictionaries({}, optional=everything), spoiled)
"""Everything at once; told in order only."""

conditional = st.fixed_dictionaries({}, optional=everything | {"_update_existing_only": st.booleans()})
"""Likewise, about people who may not be there; told once only: sent again, they may have come to be."""


def histories(
    kinds: st.SearchStrategy[dict[str, Any]], *, in_order: bool, ties: bool = False
) -> st.SearchStrategy[list[Happening]]:
    """Up to a dozen updates of two people, in any order or by their time.

    ties  some happen in the same millisecond; then the later one in the log wins, unless a crash or a
          replay repeats the earlier one
    """

    def build(drawn: Sequence[tuple[str, int, dict[str, Any]]]) -> list[Happening]:
        found = [Happening(who, NOW_MS - 1_000 + at, attributes) for who, at, attributes in drawn]
        return sorted(found, key=lambda happening: happening.at) if in_order else found

    one = st.tuples(st.sampled_from(PEOPLE), st.integers(0, 30), kinds)
    several = st.lists(one, max_size=12, unique_by=None if ties else (lambda drawn: drawn[1]))
    return several.map(build)


def told_in_order(history: Sequence[Happening]) -> Braze:
    """A Braze that was told everything once, one after the other, by the time it happened."""
    braze = Braze()
    for happening in sorted(history, key=lambda happening: happening.at):
        if not happening.again:
            braze.send([happening.object])
    return braze


@dataclass
class Waiting:
    """An update on its way through the courier."""

    happening: Happening
    alone: bool = False


@dataclass
class Courier:
    """Delivers a history with `Profiles`, checkpoints now and then, loses answers and dies.

    choose  gives the next decision, a number below the one asked for
    """

    history: Sequence[Happening]
    choose: Callable[[int], int]
    make: Callable[[int], Profiles]
    has_journal: bool = True
    has_trouble: bool = True
    braze: Braze = field(default_factory=Braze)
    stored: dict[str, bytes] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    waiting: list[tuple[int, Waiting]] = field(default_factory=list)
    next: int = 0
    trouble: int = 12
    tried: set[int] = field(default_factory=set)

    def run(self) -> Braze:
        self.profiles = self.make(0)
        while self.next < len(self.history) or self.waiting:
            action = self.choose(6) if self._has_trouble_left() else self.choose(2)
            if action < 2 and self.next < len(self.history):
                self.read()
            elif action < 4:
                self.leave()
            elif action == 4:
                self.checkpoint()
            else:
                self.trouble -= 1
                self.die()
        return self.braze

    def _has_trouble_left(self) -> bool:
        return self.has_trouble and self.trouble > 0

    def _load(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        while wanted := self.profiles.missing(keys):
            self.profiles.load(wanted, self.stored)

    def read(self) -> None:
        """Take in the next update, unless it was settled before the last crash or says nothing."""
        number = self.next
        self.next += 1
        if number in self.settled:
            return
        happening = self.history[number]
        key = self.profiles.person(happening.object)
        self._load([key])
        is_alone = all(each.happening.who != happening.who for _, each in self.waiting)
        if is_alone and self.profiles.screen(happening.update()) is not None:
            self.settled.add(number)
        else:
            self.waiting.append((number, Waiting(happening)))

    def leave(self) -> None:
        """Send what waits, or its front part, in one request."""
        if not self.waiting:
            return
        size = 1 + self.choose(len(self.waiting))
        batch, self.waiting = self.waiting[:size], self.waiting[size:]
        self._load(self.profiles.person(each.happening.object) for _, each in batch)
        departure = self.profiles.prepare([each.happening.update(alone=each.alone) for _, each in batch])
        assert sorted(
            [index for prepared in departure.objects for index in prepared.members]
            + [dropped.index for dropped in departure.dropped]
        ) == list(range(len(batch)))
        self.settled |= {batch[dropped.index][0] for dropped in departure.dropped}
        self.tried |= {batch[index][0] for prepared in departure.objects for index in prepared.members}
        again: list[tuple[int, Waiting]] = []
        fate = self._fate([each.happening for _, each in batch])
        if fate is not Fate.APPLIED:
            if fate is Fate.UNCERTAIN and self.choose(2):
                self.braze.send(orjson.loads(prepared.item) for prepared in departure.objects)
            for prepared in departure.objects:
                self.profiles.settle(prepared, fate)
                again += [batch[index] for index in prepared.members]
        else:
            verdicts = self.braze.send(orjson.loads(prepared.item) for prepared in departure.objects)
            for prepared, is_taken in zip(departure.objects, verdicts, strict=True):
                again += self._settle(prepared, batch, is_taken=is_taken)
        self.waiting[:0] = sorted(again, key=lambda entry: entry[0])

    def _fate(self, happenings: Iterable[Happening]) -> Fate:
        if not self._has_trouble_left() or self.choose(3):
            return Fate.APPLIED
        self.trouble -= 1
        if any(happening.has_operation for happening in happenings):
            return Fate.UNSENT
        return (Fate.UNSENT, Fate.UNCERTAIN)[self.choose(2)]

    def _settle(
        self, prepared: Prepared, batch: Sequence[tuple[int, Waiting]], *, is_taken: bool
    ) -> list[tuple[int, Waiting]]:
        """What is to be sent again, each on its own, because its fold was refused."""
        self.profiles.settle(prepared, Fate.APPLIED if is_taken else Fate.REFUSED)
        members = [batch[index] for index in prepared.members]
        if is_taken or len(members) == 1:
            self.settled |= {number for number, _ in members}
            return []
        return [(number, Waiting(each.happening, alone=True)) for number, each in members]

    def checkpoint(self) -> None:
        """Write everything down, or fail to."""
        bodies = self.profiles.changed()
        ok = not self._has_trouble_left() or self.choose(4) > 0
        if ok:
            self.stored = {key: body for key, body in {**self.stored, **bodies}.items() if body}
            self.kept, self.tried = set(self.settled), set()
        self.profiles.written(ok=ok)

    def die(self) -> None:
        """Lose everything but the last checkpoint and, if there is one, the journal."""
        answered, unanswered = self.tried & self.settled, self.tried - self.settled
        self.waiting, self.next, self.settled, self.tried = [], 0, set(self.kept), set()
        self.profiles = self.make(self.profiles.epoch)
        if not self.has_journal:
            self.profiles.refresh()
            return
        for number in sorted(answered | unanswered):
            happening = self.history[number]
            key = self.profiles.person(happening.object)
            self._load([key])
            self.tried.add(number)
            if number in unanswered:
                self.profiles.forget(key)
                continue
            self.settled.add(number)
            if not happening.is_refused:
                self.profiles.presume(happening.update())
