"""What the engine knows of people whom Braze made one: which value stands, and since when."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from tests.engine.attribute_history import NOW_MS

from segue.catalog.braze.attributes import SHAPE, alias_disturbs, identify_disturbs, merge_disturbs
from segue.engine.delta import Profiles
from segue.engine.departure import Fate, Update
from segue.engine.kinship import MOST_KIN
from segue.kit.attributes import Disturbance, JsonObject

MODES: dict[str, dict[str, Any]] = {
    "clocks": {},
    "delta": {"changed_only": True},
    "hashes": {"changed_only": True, "keep_values": False},
}


class People:
    """Sends attributes at moments, and tells what of them left."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.profiles = Profiles(SHAPE, **options)
        self.bodies: dict[str, bytes] = {}

    def tell(self, who: JsonObject, at: int, **attributes: Any) -> JsonObject:
        """An update that happened then; gives what was sent of it."""
        item = {**who, **attributes}
        self._load([self.profiles.person(item)])
        departure = self.profiles.prepare([Update(orjson.dumps(item), NOW_MS + at, NOW_MS)])
        for prepared in departure.objects:
            self.profiles.settle(prepared, Fate.APPLIED)
        sent = [orjson.loads(prepared.item) for prepared in departure.objects]
        return {name: value for item in sent for name, value in item.items() if name in attributes}

    def disturb(self, disturbance: Disturbance) -> None:
        self._load(self.profiles.disturbed(disturbance))
        self.profiles.disturb(disturbance)

    def log_in(self, user: str, visitor: JsonObject) -> None:
        self.disturb(identify_disturbs({"external_id": user, "user_alias": visitor["user_alias"]}))

    def merge(self, gone: JsonObject, kept: JsonObject) -> None:
        self.disturb(merge_disturbs({"identifier_to_merge": gone, "identifier_to_keep": kept}))

    def load(self, item: JsonObject) -> None:
        """Make somebody known."""
        self._load([self.profiles.person(item)])

    def restart(self) -> None:
        """Only what a checkpoint wrote is left."""
        self.bodies.update(self.profiles.changed())
        self.profiles = Profiles(SHAPE, **self.options)

    def _load(self, keys: list[str]) -> None:
        while wanted := self.profiles.missing(keys):
            self.profiles.load(wanted, self.bodies)


def visitor(name: str) -> JsonObject:
    alias = {"alias_label": "anonymous_id", "alias_name": name}
    return {"user_alias": alias, "_update_existing_only": False}


def person(name: str) -> JsonObject:
    return {"external_id": name}


U, V, W, Z = person("u"), person("v"), person("w"), person("z")
X, Y = visitor("x"), visitor("y")


@pytest.fixture(params=MODES)
def people(request: pytest.FixtureRequest) -> People:
    return People(**MODES[request.param])


@pytest.fixture(params=["at once", "after a restart"])
def pause(request: pytest.FixtureRequest, people: People) -> Callable[[], None]:
    """Between what happened and what comes late."""
    return people.restart if request.param == "after a restart" else (lambda: None)


def test_a_second_visitor_of_a_person_is_nobody_else(people: People, pause: Callable[[], None]) -> None:
    """Braze does not combine two aliases of one label: what the first said is not newer than what the second
    says late, for they are two profiles."""
    people.tell(X, 1, theme="light")
    people.tell(Y, 1, theme="light")
    people.log_in("u", X)
    people.log_in("u", Y)
    assert people.tell(X, 10, theme="dark") == {"theme": "dark"}
    pause()
    assert people.tell(Y, 5, theme="blue") == {"theme": "blue"}
    assert people.tell(U, 7, theme="red") == {}
    assert people.tell(X, 8, theme="red") == {}


def test_a_visitor_who_is_somebody_already_stays_that(people: People, pause: Callable[[], None]) -> None:
    """An alias is given away once; the other person's clocks are their own."""
    people.tell(X, 1, theme="light")
    people.log_in("u", X)
    people.log_in("v", X)
    people.tell(X, 10, theme="dark")
    pause()
    assert people.tell(V, 5, theme="blue") == {"theme": "blue"}
    assert people.tell(U, 5, theme="blue") == {}


def test_what_a_person_has_from_their_visit_is_as_new_as_it_was_there(
    people: People, pause: Callable[[], None]
) -> None:
    """What they lacked was poured in; what they had stays, however old."""
    people.tell(U, 3, plan="plus")
    people.tell(X, 10, theme="dark", plan="free")
    people.log_in("u", X)
    pause()
    assert people.tell(U, 5, theme="light", plan="pro") == {"plan": "pro"}
    assert people.tell(U, 11, theme="light") == {"theme": "light"}


def test_a_merge_hands_down_the_clocks_of_what_was_lacking(people: People, pause: Callable[[], None]) -> None:
    """An older value of the kept person does not overwrite the newer one that came with the merged."""
    people.tell(U, 3, plan="plus", first_name=None)
    people.tell(V, 10, plan="free", city="Oslo", first_name="Vi", image_url="https://v.test/1")
    people.merge(V, U)
    pause()
    late = {"city": "Bergen", "first_name": "Uma"}
    assert people.tell(U, 5, plan="pro", image_url="https://u.test/1", **late) == {
        "plan": "pro",
        "image_url": "https://u.test/1",
    }
    assert people.tell(U, 11, **late) == late


def test_what_is_removed_is_filled_by_a_merge(people: People, pause: Callable[[], None]) -> None:
    """Null is no value: what stands is the merged person's, and counts from when they said it."""
    people.tell(U, 1, plan="plus")
    people.tell(U, 5, plan=None)
    people.tell(V, 10, plan="free", city=None)
    people.merge(V, U)
    pause()
    assert people.tell(U, 7, plan="pro", city="Oslo") == {"city": "Oslo"}


def test_somebody_merged_begins_anew(people: People, pause: Callable[[], None]) -> None:
    """Braze makes a new profile for the name, which has nothing that could be overwritten."""
    people.tell(U, 1, city="Oslo")
    people.tell(V, 10, plan="free")
    people.merge(V, U)
    pause()
    assert people.tell(V, 4, plan="plus") == {"plan": "plus"}
    assert people.tell(U, 5, plan="pro") == {}


def test_the_alias_of_somebody_merged_reaches_who_was_kept(people: People, pause: Callable[[], None]) -> None:
    """Also through several merges, and in a circle."""
    people.tell(X, 1, theme="light")
    people.tell(U, 1, plan="plus")
    people.tell(W, 1, plan="plus")
    people.log_in("v", X)
    people.merge(V, U)
    people.merge(U, W)
    people.tell(W, 20, theme="dark")
    pause()
    assert people.tell(X, 15, theme="blue") == {}
    people.tell(V, 1, plan="plus")
    people.merge(W, V)
    assert people.tell(V, 16, theme="blue") == {}
    assert people.tell(X, 17, theme="blue") == {}
    assert people.tell(X, 30, theme="green") == {"theme": "green"}
    assert people.tell(V, 25, theme="blue") == {}


def test_an_alias_that_finds_its_place_taken_reaches_nobody(people: People) -> None:
    """The kept person keeps the alias they had."""
    for who, name in ((X, "u"), (Y, "v")):
        people.tell(who, 1, theme="light")
        people.log_in(name, who)
    people.merge(V, U)
    people.tell(U, 20, theme="dark")
    assert people.tell(X, 15, theme="blue") == {}
    assert people.tell(Y, 15, theme="blue") == {"theme": "blue"}


def test_a_merge_into_nobody_changes_nothing(people: People, pause: Callable[[], None]) -> None:
    """Braze does nothing when one of the two is not there: what was newer stays newer."""
    people.tell(V, 10, plan="free")
    people.merge(V, U)
    pause()
    assert people.tell(V, 5, plan="plus") == {}


def test_a_visitor_who_logs_in_shows_that_the_person_is_there(
    people: People, pause: Callable[[], None]
) -> None:
    """They got the name, or were poured in: somebody can be merged into them."""
    people.tell(X, 1, theme="light")
    people.log_in("u", X)
    people.tell(V, 10, plan="free")
    people.merge(V, U)
    pause()
    assert people.tell(V, 4, plan="plus") == {"plan": "plus"}


def test_an_event_shows_that_its_person_is_there(people: People, pause: Callable[[], None]) -> None:
    """Then a merge has somebody to fill, and a log-in somebody to pour."""
    for who in (U, X, {"user_alias": {"alias_label": "other", "alias_name": "x"}}):
        item = {**who, "name": "Step"}
        people.load(item)
        people.profiles.prove(orjson.dumps(item))
    people.tell(V, 10, plan="free")
    people.merge(V, U)
    people.log_in("u", X)
    people.tell(Y, 1, theme="light")
    people.log_in("u", Y)
    people.tell(X, 10, theme="dark")
    pause()
    assert people.tell(V, 4, plan="plus") == {"plan": "plus"}
    assert people.tell(Y, 5, theme="blue") == {"theme": "blue"}


def test_a_visitor_unknown_at_the_log_in_is_nobody_else_once_the_place_is_taken(
    people: People, pause: Callable[[], None]
) -> None:
    """Braze found nobody to pour in; what another visitor said, who was poured in, is not about them. Nor is
    the person's what they said."""
    people.log_in("u", X)
    people.tell(X, 3, theme="dark")
    people.tell(Y, 10, theme="light")
    people.log_in("u", Y)
    pause()
    assert people.tell(X, 5, theme="blue") == {"theme": "blue"}
    people.tell(X, 20, theme="dark")
    pause()
    assert people.tell(Y, 15, theme="red") == {"theme": "red"}
    assert people.tell(U, 12, theme="red") == {}


def test_a_visitor_unknown_at_the_log_in_may_be_the_person(people: People, pause: Callable[[], None]) -> None:
    """They may have been there before us: until the place is known to be another's, the clocks of both count
    for both, also when the person is merged into another."""
    people.tell(U, 1, theme="light")
    people.log_in("u", X)
    people.tell(X, 10, theme="dark")
    pause()
    assert people.tell(U, 5, theme="blue") == {}
    assert people.tell(U, 20, theme="red") == {"theme": "red"}
    pause()
    assert people.tell(X, 15, theme="blue") == {}
    people.tell(X, 30, theme="dark")
    people.tell(V, 2, plan="free")
    people.merge(U, V)
    pause()
    assert people.tell(V, 25, theme="blue") == {}
    people.tell(Y, 3, theme="light")
    people.log_in("v", Y)
    assert people.tell(V, 26, theme="blue") == {"theme": "blue"}


def test_a_visitor_who_may_be_the_person_and_logs_in_again_is(
    people: People, pause: Callable[[], None]
) -> None:
    """Now somebody is there; and if they were the person before, the newest value stands."""
    people.tell(U, 1, theme="light")
    people.log_in("u", X)
    people.tell(X, 10, theme="dark")
    people.log_in("u", X)
    pause()
    assert people.tell(U, 5, theme="blue") == {}
    assert people.tell(Y, 1, theme="light") == {"theme": "light"}
    people.log_in("u", Y)
    people.tell(U, 20, theme="red")
    assert people.tell(Y, 15, theme="blue") == {"theme": "blue"}
    assert people.tell(X, 15, theme="blue") == {}


def test_more_visitors_than_are_kept_apart_count_for_the_person(people: People) -> None:
    """A person with many visitors nobody knew keeps the clocks of the first ones by name; those of the
    others are the person's."""
    for number in range(MOST_KIN + 3):
        people.log_in("u", visitor(f"x{number}"))
        people.tell(visitor(f"x{number}"), 10 + number, **{f"theme{number}": "dark"})
    late = {f"theme{number}": "light" for number in range(MOST_KIN + 3)}
    assert people.tell(U, 5, plan="free", **late) == {"plan": "free"}


def test_an_alias_that_was_made_is_there(people: People, pause: Callable[[], None]) -> None:
    """So a log-in pours it in, and the person's place is taken."""
    people.disturb(alias_disturbs(X["user_alias"]))
    people.log_in("u", X)
    people.tell(Y, 1, theme="light")
    people.log_in("u", Y)
    people.tell(X, 10, theme="dark")
    pause()
    assert people.tell(Y, 5, theme="blue") == {"theme": "blue"}


def test_an_object_whose_values_are_forgotten_on_its_way_shows_that_somebody_is_there(people: People) -> None:
    """Its values may be another's by now, but it arrived; unless the person was deleted meanwhile."""
    for who in (U, V):
        people.load(who)
        key = people.profiles.person(who)
        [sent] = people.profiles.prepare(
            [Update(orjson.dumps({**who, "plan": "plus"}), NOW_MS, NOW_MS)]
        ).objects
        (people.profiles.erase if who is V else people.profiles.forget)(key)
        people.profiles.settle(sent, Fate.APPLIED)
    for gone, kept in ((W, U), (Z, V)):
        people.tell(gone, 10, plan="free")
        people.merge(gone, kept)
    assert people.tell(W, 4, plan="plus") == {"plan": "plus"}
    assert people.tell(Z, 4, plan="plus") == {}


@pytest.mark.parametrize("is_sent", [True, False])
def test_who_was_not_combined_for_reasons_nobody_tells_is_taken_for_the_person(
    people: People, pause: Callable[[], None], is_sent: bool
) -> None:
    """As the guarantees say: with `merge_behavior: none`, and where somebody else has the alias at Braze by
    other means, Braze keeps two profiles. So an older value of one is left out; a newer one travels."""
    if is_sent:
        people.tell(X, 5, theme="dark")
    people.disturb(
        identify_disturbs({"external_id": "u", "user_alias": X["user_alias"], "merge_behavior": "none"})
    )
    people.tell(U, 20, theme="light")
    pause()
    assert people.tell(X, 10, theme="dim") == {}
    assert people.tell(X, 30, theme="bright") == {"theme": "bright"}
