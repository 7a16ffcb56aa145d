"""A day of a shop, told to Braze in four ways: what each costs in data points.

    naive         every identify as it comes
    last payload  unless the person's last one said exactly the same: a debounce as browsers do it
    look-up       Braze is asked before each, and attributes that differ are sent, whole
    changed       ours: delta sending, with several updates of a person in one object

People come back all day. Apps identify at every start with what they know: mostly what they said before.
The profiles all four leave behind are the sandbox's, its meter counts the points, and they must be the same.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import orjson

from segue.catalog.braze.attributes import SHAPE
from segue.engine.delta import Profiles
from segue.engine.departure import Fate, Update
from segue.sandbox import attributes
from segue.sandbox.exchange import Call
from segue.sandbox.switches import Switches
from segue.sandbox.world import World

START_MS: Final = 1_795_000_000_000
DAY_MS: Final = 86_400_000
BATCH: Final = 75


class Said(msgspec.Struct, frozen=True):
    """One identify: who, when, what."""

    who: str
    at: int
    attributes: dict[str, Any]


class Told(msgspec.Struct):
    """What one way came to."""

    points: int
    objects: int
    lookups: int
    profiles: dict[str, Any]


def make(people: int, *, seed: int = 11) -> list[Said]:
    """A day of so many people, by time: about eight app starts each, some of whom change something."""
    chance = random.Random(seed)
    said = [each for number in range(people) for each in _person(f"user-{number}", chance)]
    return sorted(said, key=lambda each: each.at)


def _person(who: str, chance: random.Random) -> Iterator[Said]:
    known: dict[str, Any] = {
        "email": f"{who}@example.com",
        "first_name": chance.choice(["Ada", "Bo", "Cleo"]),
        "plan": chance.choice(["free", "plus", "pro"]),
        "newsletter": chance.random() < 0.5,
        "orders": chance.randrange(20),
        "favourites": [f"p{chance.randrange(50)}" for _ in range(3)],
        "home": {"city": "Berlin", "zip": f"{chance.randrange(100_000):05d}", "country": "DE"},
        "devices": [{"id": n, "os": chance.choice(["ios", "android"]), "version": 1} for n in range(2)],
    }
    for _ in range(1 + min(30, int(chance.expovariate(1 / 7)))):
        yield Said(who, START_MS + chance.randrange(DAY_MS), dict(known))
        luck = chance.random()
        if luck < 0.10:
            known["orders"] += 1
        elif luck < 0.14:
            known["home"] = {**known["home"], "zip": f"{chance.randrange(100_000):05d}"}
        elif luck < 0.18:
            first, *rest = known["devices"]
            known["devices"] = [{**first, "version": first["version"] + 1}, *rest]
        elif luck < 0.20:
            known["plan"] = chance.choice(["free", "plus", "pro"])


class Braze:
    """The sandbox's own attribute code, without its doors."""

    def __init__(self) -> None:
        self._world = World(switches=Switches(auto_type="as_sent"))
        self._workspace = next(iter(self._world.workspaces.values()))
        self.objects = 0

    def send(self, items: Iterable[dict[str, Any]], now_ms: int) -> None:
        """One request of objects that are all fine."""
        call = Call(self._world, "POST", "/users/track", b"", {}, b"", "", now_ms)
        call.held_workspace = self._workspace
        for index, item in enumerate(items):
            self.objects += 1
            attributes.apply(call, self._workspace, attributes.check(call, item, index), now_ms)

    def profile(self, who: str) -> dict[str, Any]:
        """What it has of a person, all attributes together."""
        person = self._workspace.people.by_external_id(who)
        return {**person.custom, **person.fields} if person is not None else {}

    def told(self, people: Iterable[str], lookups: int = 0) -> Told:
        """The end of the day."""
        points = self._workspace.registry.data_points["attributes"]
        return Told(points, self.objects, lookups, {who: self.profile(who) for who in people})


def naive(day: Sequence[Said]) -> Told:
    """Everything, as it comes."""
    braze = Braze()
    for each in day:
        braze.send([{"external_id": each.who, **each.attributes}], each.at)
    return braze.told({each.who for each in day})


def last_payload(day: Sequence[Said]) -> Told:
    """Unless it is exactly what was said last."""
    braze, last = Braze(), dict[str, Any]()
    for each in day:
        if last.get(each.who) != each.attributes:
            braze.send([{"external_id": each.who, **each.attributes}], each.at)
            last[each.who] = each.attributes
    return braze.told({each.who for each in day})


def looked_up(day: Sequence[Said]) -> Told:
    """Ask first."""
    braze, lookups = Braze(), 0
    for each in day:
        lookups += 1
        held = braze.profile(each.who)
        new = {name: value for name, value in each.attributes.items() if held.get(name) != value}
        if new:
            braze.send([{"external_id": each.who, **new}], each.at)
    return braze.told({each.who for each in day}, lookups)


def changed(day: Sequence[Said]) -> Told:
    """Delta sending: what waits leaves in requests of at most 75 objects; what says nothing never waits."""
    braze = Braze()
    profiles = Profiles(SHAPE, changed_only=True, most_people=1_000_000)
    waiting: list[Update] = []
    busy: set[str] = set()

    def leave() -> None:
        departure = profiles.prepare(waiting)
        braze.send((orjson.loads(prepared.item) for prepared in departure.objects), START_MS)
        for prepared in departure.objects:
            profiles.settle(prepared, Fate.APPLIED)
        waiting.clear()
        busy.clear()

    for each in day:
        item = {"external_id": each.who, **each.attributes}
        update = Update(orjson.dumps(item), each.at, each.at)
        key = profiles.person(item)
        profiles.load(profiles.missing([key]), {})
        if key not in busy and profiles.screen(update) is not None:
            continue
        waiting.append(update)
        busy.add(key)
        if len(waiting) == BATCH:
            leave()
    leave()
    return braze.told({each.who for each in day})


WAYS: Final = {"naive": naive, "last payload": last_payload, "look-up": looked_up, "changed": changed}
