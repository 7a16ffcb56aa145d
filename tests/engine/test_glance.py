"""The glance that says "nothing new" finds what a look at each attribute finds, and leaves the same state."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.attribute_history import KNOTTY, NOW_MS, REFUSED

from segue.catalog.braze.attributes import SHAPE, alias_disturbs, identify_disturbs, merge_disturbs
from segue.engine.delta import Profiles
from segue.engine.departure import Dropped, Fate, Update
from segue.engine.fold import Fold, Wish, single
from segue.engine.glance import Glances
from segue.engine.person import Identity
from segue.engine.points import Meter
from segue.engine.profile import Prepared, decode
from segue.engine.reduction import reduced
from segue.engine.sealed import is_sealed
from segue.kit.attributes import JsonObject

PERSON: JsonObject = {"external_id": "u"}
ALIAS: JsonObject = {"user_alias": {"alias_label": "anonymous_id", "alias_name": "x"}}
VISITOR: JsonObject = {**ALIAS, "_update_existing_only": False}
OTHER: JsonObject = {"external_id": "v"}
KEYS = ("external_id:u", "external_id:v", "user_alias:anonymous_id\x1fx", "email:a@b.c")

SAID: tuple[JsonObject, ...] = (
    {"p": 1, "q": "a"},
    {"q": "a", "p": 1},
    {"p": 3, "q": "a"},
    {"p": 3, "q": "b" * 80},
    {"p": 1},
    {"p": 2, "q": "a", "first_name": "Ann"},
    {"p": None, "facebook": {"id": "f"}},
    {"o": {"a": 1, "b": 2}, "l": [1, 2]},
    {"o": {"a": 1}, "l": [{"id": 1, "n": 1}], "email": "a@b.c"},
    {"p": 1, "o": {"a": 1}, "_merge_objects": True},
    {"p": 1, "long": "x" * 300, "odd": {"a b": 1}},
    {"p": 1, "_update_existing_only": True},
    {"p": 1, "visits": {"inc": 1}},
    {"p": 1, "email_subscribe": "subscribed"},
    {"p": 1, "push_tokens": [{"app_id": "a", "token": "t"}]},
    {"p": 1, "subscription_groups": [{"subscription_group_id": "g", "subscription_state": "subscribed"}]},
    {"p": 1, REFUSED: 1},
)

whos = st.sampled_from([*[PERSON] * 6, VISITOR, VISITOR, OTHER, {"email": "a@b.c"}])
whats = st.one_of(st.sampled_from(SAID), st.fixed_dictionaries({"l": st.sampled_from(KNOTTY)}))
fates = st.sampled_from([Fate.APPLIED, Fate.APPLIED, Fate.APPLIED, *Fate])


def told_of(said: list[JsonObject]) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Steps in which people say only this, over and over."""
    updates = st.tuples(whos, st.sampled_from(said), st.integers(-2, 3))  # the last: how far the clock moves
    tell = st.one_of(
        st.tuples(st.just("request"), st.lists(updates, min_size=1, max_size=2), fates),
        st.tuples(st.sampled_from(["screen", "leave"]), updates),
    )
    step = st.one_of(
        *(tell, tell, tell),
        st.tuples(st.just("arrive"), fates),
        st.tuples(st.sampled_from(["restart", "restart", "refresh", "identify", "alias", "merge"])),
        st.tuples(st.sampled_from(["forget", "erase"]), st.sampled_from(KEYS)),
        st.tuples(st.just("presume"), updates),
    )
    return st.lists(step, max_size=20)


histories = st.lists(whats, min_size=1, max_size=3).flatmap(told_of)


class Thorough(Profiles):
    """Never says at a glance that an update says nothing new."""

    def _glance(self, *update: Any, **sends: Any) -> None:
        return None


@dataclass
class Side:
    """One of two who are told the same; one of them looks at every attribute of every object."""

    options: dict[str, Any]
    has_glance: bool
    clock: int = NOW_MS
    bodies: dict[str, bytes] = field(default_factory=dict)
    stamps: dict[str, bytes] = field(default_factory=dict)
    flying: list[Prepared] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.profiles = (Profiles if self.has_glance else Thorough)(SHAPE, **self.options)

    def update(self, drawn: tuple[JsonObject, JsonObject, int]) -> Update:
        who, what, later = drawn
        self.clock += later
        return Update(orjson.dumps({**who, **what}), self.clock, self.clock)

    def load(self) -> None:
        while wanted := self.profiles.missing(KEYS):
            self.profiles.load(
                wanted, {key: self.stamps.get(key, b"") + self.bodies[key] for key in self.bodies}
            )

    def write(self) -> None:
        """What changed, into what is kept; who has a glance is stamped where only a clock moved."""
        stamps: dict[str, bytes] = {}
        bodies = self.profiles.changed(stamps if self.has_glance else None)
        self.bodies |= bodies
        self.stamps = {key: stamp for key, stamp in self.stamps.items() if key not in bodies} | stamps
        self.profiles.written()

    def take(self, step: tuple[Any, ...]) -> Any:
        """What is seen of a step from outside."""
        self.load()
        profiles = self.profiles
        match step:
            case "request", drawn, fate:
                while self.flying:
                    profiles.settle(self.flying.pop(0), Fate.APPLIED)
                found = self.leave([self.update(each) for each in drawn])
                while self.flying:
                    profiles.settle(self.flying.pop(0), fate)
                return found
            case "screen", drawn:
                return seen(profiles.screen(self.update(drawn)))
            case "leave", drawn:
                return self.leave([self.update(drawn)])
            case "arrive", fate:
                if self.flying:
                    profiles.settle(self.flying.pop(0), fate)
            case ("restart",):
                while self.flying:
                    profiles.settle(self.flying.pop(0), Fate.APPLIED)
                self.write()
                self.profiles = Profiles(SHAPE, epoch=profiles.epoch, **self.options)
            case ("refresh",):
                profiles.refresh()
            case ("identify",):
                profiles.disturb(identify_disturbs({**PERSON, **ALIAS}))
            case ("alias",):
                profiles.disturb(alias_disturbs({**PERSON, **ALIAS["user_alias"]}))
            case ("merge",):
                profiles.disturb(merge_disturbs({"identifier_to_merge": OTHER, "identifier_to_keep": PERSON}))
            case "forget", key:
                profiles.forget(key)
            case "erase", key:
                profiles.erase(key)
            case "presume", drawn:
                profiles.presume(self.update(drawn))
        return None

    def leave(self, told: list[Update]) -> Any:
        departure = self.profiles.prepare(told)
        self.flying += departure.objects
        objects = [
            (orjson.loads(prepared.item), prepared.members, prepared.points, prepared.saved)
            for prepared in departure.objects
        ]
        return objects, sorted(map(seen, departure.dropped)), departure.notes

    def state(self) -> Any:
        """What is known of everybody, as it would be read after a restart."""
        self.load()
        self.write()
        found = {}
        for key, body in self.bodies.items():
            profile = decode(self.stamps.get(key, b"") + body, self.profiles.epoch)
            whole = (profile.exists, profile.kin, profile.latest, dict(profile.slots), dict(profile.entries))
            found[key] = (whole, self.profiles.known(key))
        return found


def seen(dropped: Any) -> Any:
    return dropped and (dropped.index, dropped.reason, sorted(dropped.names), dict(dropped.costs))


@settings(max_examples=600, deadline=None)
@given(histories, st.sampled_from([True, True, False]), st.booleans(), st.booleans())
def test_a_glance_finds_what_a_whole_look_finds(
    told: list[tuple[Any, ...]], changed_only: bool, keep_values: bool, looks_often: bool
) -> None:
    """Whatever happened before: the same decisions, points, notes and state as without it. Where only clocks
    are kept there is no glance, and stamps are all it has."""
    options = {"changed_only": changed_only, "keep_values": keep_values}
    quick, thorough = Side(options, has_glance=True), Side(options, has_glance=False)
    for step in told:
        assert quick.take(step) == thorough.take(step)
        if looks_often:
            assert quick.state() == thorough.state()
    assert quick.state() == thorough.state()


def test_what_was_told_whole_is_recognised_after_a_restart() -> None:
    """And only a stamp says that the clock moved: the body stays as it was."""
    side = Side({"changed_only": True}, has_glance=True)
    said = (PERSON, {"p": 1, "o": {"a": 1}}, 1)
    side.take(("request", [said], Fate.APPLIED))
    before = side.state()
    body = side.bodies["external_id:u"]
    side.take(("restart",))
    assert is_sealed(body)
    assert side.take(("screen", said)) == (0, "UNCHANGED", ["o", "p"], {"o": 1, "p": 1})
    assert side.state() != before
    assert side.bodies["external_id:u"] == body
    stamp = side.stamps["external_id:u"]
    assert (decode(body, 0).latest, decode(stamp + body, 0).latest) == (NOW_MS + 1, NOW_MS + 2)
    assert side.take(("screen", (PERSON, {"o": {"a": 1}, "p": 1}, 1)))[1] == "UNCHANGED"  # another order
    side.state()
    assert (side.bodies["external_id:u"], side.stamps["external_id:u"] > stamp) == (body, True)


def test_what_is_said_anew_is_written_before_the_words_until_it_is_long() -> None:
    """Then the words are written anew, and a stamp is of the clock alone."""
    side = Side({"changed_only": True}, has_glance=True)
    side.take(("request", [(PERSON, {"p": 1, "q": "a", "o": {"a": 1}}, 1)], Fate.APPLIED))
    side.state()
    body = side.bodies["external_id:u"]
    for number, text in ((2, "a"), (2, "b"), (3, "b" * 50), (3, "c")):
        side.take(("request", [(PERSON, {"p": number, "q": text, "o": {"a": 1}}, 1)], Fate.APPLIED))
        side.state()
        assert side.bodies["external_id:u"] == body
        side.take(("restart",))
        side.load()
        assert side.profiles.known("external_id:u") == {"p": number, "q": text, "o": {"a": 1}}
    side.take(("request", [(PERSON, {"p": 3, "q": "d" * 101, "o": {"a": 1}}, 1)], Fate.APPLIED))
    side.state()
    assert side.stamps == {}
    assert side.bodies["external_id:u"] != body
    side.take(("request", [(PERSON, {"p": 3, "q": "d" * 101, "o": {"a": 1}}, 1)], Fate.APPLIED))
    side.state()
    assert len(side.stamps["external_id:u"]) == 7


def test_a_stamp_stands_only_before_a_body_that_was_written() -> None:
    """Should a checkpoint fail, the next one says all of it again."""
    side = Side({"changed_only": True}, has_glance=True)
    said = (PERSON, {"p": 1}, 1)
    side.take(("request", [said], Fate.APPLIED))
    profiles, stamps = side.profiles, dict[str, bytes]()
    for ok in (False, True):
        assert list(profiles.changed(stamps)) == ["external_id:u"]
        side.take(("screen", said))  # meanwhile
        profiles.written(ok=ok)
    for ok in (False, True):
        assert (profiles.changed(stamps), list(stamps)) == ({}, ["external_id:u"])
        profiles.written(ok=ok)
    assert profiles.changed(stamps) == {}


OLD = [
    pytest.param(
        (0, True, (), 7, {"p": (5, None, 1), "o": (7, {"o.a": 6}, {"a": 1}, True), "q": (3,)}), id="first"
    ),
    pytest.param((0, True, ("external_id:v",), 7, {"p": (7,)}, {"anonymous_id": "x"}), id="with slots"),
]


@pytest.mark.parametrize("body", OLD)
def test_what_an_older_segue_wrote_is_read(body: tuple[Any, ...]) -> None:
    """Bodies that end before the slots, or before the common clock."""
    _, exists, kin, latest, entries, *slots = body
    profile = decode(msgspec.msgpack.encode(body), 0)
    assert (profile.exists, profile.kin, profile.latest, dict(profile.entries)) == (
        exists,
        kin,
        latest,
        entries,
    )
    assert dict(profile.slots) == (slots[0] if slots else {})
    again = decode(profile.encode(), 0)
    assert (dict(again.entries), again.latest, dict(again.slots)) == (entries, latest, dict(profile.slots))


def test_the_same_in_another_order_is_told_at_a_glance() -> None:
    """At all levels; a number that only looks the same is news, and so is another order of a list."""
    side = Side({"changed_only": True}, has_glance=True)
    side.take(("request", [(PERSON, {"p": 1, "o": {"a": 1, "b": 2}, "l": [1, 2]}, 1)], Fate.APPLIED))
    side.write()
    side.profiles = Profiles(SHAPE, changed_only=True)
    side.load()
    for said, is_same in (
        ({"l": [1, 2], "o": {"b": 2, "a": 1}, "p": 1}, True),
        ({"l": [1, 2], "o": {"b": 2, "a": 1}, "p": True}, False),
        ({"l": [2, 1], "o": {"b": 2, "a": 1}, "p": 1}, False),
        ({"l": [1, 2], "o": {"b": 2, "a": 1}}, False),
    ):
        found = side.profiles._glance(KEYS[0], 0, side.update((PERSON, said, 1)), sends=False)
        assert (type(found) is Dropped) == is_same
        if type(found) is Dropped:
            assert list(found.names) == list(said)
            assert found.costs == {"p": 1, "o": 2, "l": 1}


def test_what_is_on_its_way_may_change_what_was_told_before() -> None:
    """The words of the last update that arrived say something new after others that left since."""
    side = Side({"changed_only": True}, has_glance=True)
    first = (PERSON, {"p": 1}, 1)
    side.take(("request", [first], Fate.APPLIED))
    side.take(("leave", (PERSON, {"p": 2}, 1)))
    objects, dropped, _ = side.take(("leave", first))
    assert [item for item, *_ in objects] == [{**PERSON, "p": 1}]
    assert dropped == []


values = {
    "p": st.sampled_from([1, 2, True, 1.0, 2.5, None, "a", "x" * 300, [1], [True]]),
    "first_name": st.sampled_from(["Ann", None, 5]),
    "facebook": st.sampled_from([{"id": "f"}, "f", None]),
    "o": st.sampled_from([{"a": 1}, {"a": True}, {"a": {"b": 1}}, {"a b": 1}, {}, 1]),
}
others = {"q": st.just(1), "_merge_objects": st.booleans(), "_update_existing_only": st.booleans()}


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(values, optional=others), st.fixed_dictionaries({}, optional={**values, **others})
)
def test_a_look_at_what_differs_finds_what_a_whole_look_finds(first: JsonObject, then: JsonObject) -> None:
    """The first update is there; of the next, with the same attributes, only what differs is looked at."""
    side = Side({"changed_only": True}, has_glance=True)
    side.take(("request", [(PERSON, first, 0)], Fate.APPLIED))
    sealed = side.profiles.changed()["external_id:u"]
    if not is_sealed(sealed):  # not all of it is certain to be there
        return
    said = {**first, **then}
    found = look(sealed, said)
    if found is None:
        return
    fold = wish(said)
    whole = reduced(decode(sealed, 0), fold, SHAPE, Meter(SHAPE), keep_values=True)
    assert whole.lasts
    if isinstance(found, Dropped):
        assert (whole.object, whole.whole) == (None, found.costs)
        assert set(found.names) == set(whole.touched)
        return
    assert isinstance(found, Prepared)
    assert (orjson.loads(found.item), found.touched) == (whole.object, whole.touched)
    assert (found.costs, found.whole) == (whole.costs, (whole.whole,))
    assert (found.points, found.points + found.saved) == (
        sum(whole.costs.values()),
        sum(whole.whole.values()),
    )
    assert found.still == [name for name in whole.touched if name not in found.news]


def look(sealed: bytes, said: JsonObject) -> Dropped | Prepared | bool | None:
    glances = Glances(SHAPE, Identity(SHAPE), Meter(SHAPE), keep_values=True)
    return glances.look(sealed, orjson.dumps({**PERSON, **said}), NOW_MS + 1, KEYS[0], 0)


def wish(said: JsonObject) -> Fold:
    who = Identity(SHAPE).control("external_id:u")
    return single(Wish(0, "external_id:u", b"", {**PERSON, **said}, NOW_MS + 1, who))


def test_a_number_that_changed_is_seen_without_a_whole_look() -> None:
    """And so is one that only looks the same."""
    side = Side({"changed_only": True}, has_glance=True)
    side.take(("request", [(PERSON, {"p": 1, "q": [1], "r": 0.5}, 0)], Fate.APPLIED))
    sealed = side.profiles.changed()["external_id:u"]
    cases = [
        ({"p": 2, "q": [1], "r": 0.5}, {**PERSON, "p": 2}),
        ({"p": True, "q": [1], "r": 1}, {**PERSON, "p": True, "r": 1}),
        ({"p": 1, "q": [1], "r": 1.5}, {**PERSON, "r": 1.5}),
        ({"p": 1, "q": [True], "r": 0.5}, None),  # a list: somebody else looks at it
    ]
    for said, sent in cases:
        found = look(sealed, said)
        assert (orjson.loads(found.item) if isinstance(found, Prepared) else None) == sent
