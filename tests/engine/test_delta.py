"""Only what changed is sent, nothing older than what was sent, and the profiles end up the same."""

from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.attribute_history import (
    NOW_MS,
    PEOPLE,
    REFUSED,
    Braze,
    Courier,
    Happening,
    conditional,
    histories,
    mixed,
    replacing,
    timely,
    told_in_order,
)

from segue.catalog.braze.attributes import SHAPE, identify_disturbs, merge_disturbs
from segue.engine.delta import Profiles
from segue.engine.departure import Departure, Fate, Update
from segue.model.delivery import STALE, UNCHANGED
from segue.model.errors import BrokenError

properties = settings(max_examples=400, deadline=None)

MODES: dict[str, dict[str, Any]] = {
    "clocks": {},
    "delta": {"changed_only": True},
    "hashes": {"changed_only": True, "keep_values": False},
}
modes = st.sampled_from(sorted(MODES))
seeds = st.integers(0, 2**16)


def deliver(history: list[Happening], seed: int, mode: str, **options: Any) -> Braze:
    """Send a history through a courier that has its troubles."""

    def make(epoch: int) -> Profiles:
        return Profiles(SHAPE, epoch=epoch, most_people=1, **MODES[mode])

    return Courier(history, Random(seed).randrange, make, **options).run()


def same_profiles(history: list[Happening], one: Braze, other: Braze) -> None:
    story = "\n".join(f"{each.at - NOW_MS} {each.object}" for each in history)
    for who in PEOPLE:
        assert one.profile(who) == other.profile(who), f"{who} after\n{story}"


@properties
@given(histories(timely, in_order=False), modes, seeds)
def test_profiles_end_as_the_fold_by_event_time_whatever_the_order(
    history: list[Happening], mode: str, seed: int
) -> None:
    """Any order of arrival, refusals, lost answers, crashes: as if told in order, once, one by one."""
    same_profiles(history, deliver(history, seed, mode), told_in_order(history))


@properties
@given(histories(timely, in_order=False), modes, seeds)
def test_repeating_what_was_sent_changes_nothing(history: list[Happening], mode: str, seed: int) -> None:
    """A crash without a journal and a replay send old values again, and none wins over a newer one."""
    history = [happening for happening in history if not happening.has_operation]
    for again in Random(seed).sample(history, min(len(history), 4)):
        history.append(Happening(again.who, again.at, again.attributes, again=True))
    same_profiles(history, deliver(history, seed, mode, has_journal=False), told_in_order(history))


@properties
@given(histories(mixed, in_order=True), modes, seeds)
def test_everything_told_in_order_ends_as_naive_sending(
    history: list[Happening], mode: str, seed: int
) -> None:
    """Flags, operations, nulls and values of any kind on the same attributes."""
    same_profiles(history, deliver(history, seed, mode), told_in_order(history))


@properties
@given(histories(conditional, in_order=True, ties=True), modes, seeds)
def test_people_who_may_not_be_there_are_never_presumed(
    history: list[Happening], mode: str, seed: int
) -> None:
    """Braze accepts and drops updates of people it does not know; those are not taken for stored."""
    same_profiles(history, deliver(history, seed, mode, has_trouble=False), told_in_order(history))


def last_payload(history: list[Happening]) -> Braze:
    """Send an object unless it is the one sent last for the person: a debounce as browsers do it."""
    braze, last = Braze(), dict[str, Any]()
    for happening in history:
        if last.get(happening.who) != happening.attributes:
            braze.send([happening.object])
            last[happening.who] = happening.attributes
    return braze


def looked_up(history: list[Happening]) -> Braze:
    """Ask Braze before each object what it has, and send the attributes that differ, whole."""
    braze = Braze()
    for happening in history:
        profile = braze.profile(happening.who)
        held = {**profile["custom"], **profile["fields"]} if profile else {}
        new = {
            name: value
            for name, value in happening.attributes.items()
            if name not in held or orjson.dumps(held[name]) != orjson.dumps(value)
        }
        braze.send([{"external_id": happening.who, **new}])
    return braze


@properties
@given(histories(replacing, in_order=True, ties=True), seeds)
def test_delta_never_costs_more_points_than_any_other_way(history: list[Happening], seed: int) -> None:
    """Not more than naive sending, than a debounce by the last payload, than asking Braze first."""
    delta = deliver(history, seed, "delta", has_trouble=False)
    for other in (told_in_order(history), last_payload(history), looked_up(history)):
        assert delta.points <= other.points


def open_profiles(**options: Any) -> Profiles:
    return Profiles(SHAPE, **{"changed_only": True} | options)


def prepare(profiles: Profiles, *items: dict[str, Any], at: int = 1) -> Departure:
    """Prepare objects of "u" in one request; the first happened at `at`, each next one 1 ms later."""
    whole = [{"external_id": "u", **item} for item in items]
    keys = [profiles.person(item) for item in whole]
    while wanted := profiles.missing(keys):
        profiles.load(wanted, {})
    return profiles.prepare(
        [Update(orjson.dumps(item), NOW_MS + at + index, NOW_MS) for index, item in enumerate(whole)]
    )


def send(profiles: Profiles, *items: dict[str, Any], at: int = 1, fate: Fate = Fate.APPLIED) -> list[Any]:
    """Likewise, and settle them; gives the objects without who they are about."""
    departure = prepare(profiles, *items, at=at)
    for prepared in departure.objects:
        profiles.settle(prepared, fate)
    sent = [orjson.loads(prepared.item) for prepared in departure.objects]
    return [{name: value for name, value in item.items() if name != "external_id"} for item in sent]


CARS = [{"id": 1, "make": "Saab", "year": 1}, {"id": 2, "make": "Volvo", "year": 2}, {"id": 3, "make": "DAF"}]
MERGE = {"_merge_objects": True}

WORDS = [
    pytest.param({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"b": 3}, id="a changed value"),
    pytest.param({"a": 1}, {"a": 1.0}, {"a": 1.0}, id="another type"),
    pytest.param({"a": [1]}, {"a": [True]}, {"a": [True]}, id="another type within"),
    pytest.param({"a": 1}, {"a": None}, {"a": None}, id="null unsets what was set"),
    pytest.param({"a": None}, {"a": None, "b": 1}, {"b": 1}, id="null is not repeated"),
    pytest.param(
        {"o": {"x": 1, "y": 2}}, {"o": {"x": 1, "y": 3}}, {"o": {"y": 3}, **MERGE}, id="a changed key"
    ),
    pytest.param(
        {"o": {"x": {"y": 1, "z": 1}}},
        {"o": {"x": {"y": 2, "z": 1}}},
        {"o": {"x": {"y": 2}}, **MERGE},
        id="deep",
    ),
    pytest.param({"o": {"x": 1, "y": 2}}, {"o": {"x": 1}}, {"o": {"x": 1}}, id="a key that goes"),
    pytest.param(
        {"o": {"x": 1, "y": 2}, "w": {"x": 1, "y": 2}},
        {"o": {"x": 1}, "w": {"x": 1, "y": 3}},
        {"o": {"x": 1}, "w": {"x": 1, "y": 3}},
        id="a key that goes rules the flag",
    ),
    pytest.param(
        {"o": {"x": 1, "y": 2}, "facebook": {"id": "a"}},
        {"o": {"x": 1, "y": 3}, "facebook": {"id": "b"}},
        {"o": {"x": 1, "y": 3}, "facebook": {"id": "b"}},
        id="a field of Braze's own is never merged",
    ),
    pytest.param(
        {"o": {"x": 1, "y y": 2}},
        {"o": {"x": 1, "y y": 3}},
        {"o": {"x": 1, "y y": 3}},
        id="what is not stored",
    ),
    pytest.param({"l": [1, 2]}, {"l": [1, 2, 3]}, {"l": [1, 2, 3]}, id="a list of values is one point"),
    pytest.param({"l": CARS}, {"l": [*CARS, {"id": 4}]}, {"l": {"$add": [{"id": 4}]}}, id="one more object"),
    pytest.param(
        {"l": CARS},
        {"l": CARS[1:]},
        {"l": {"$remove": [{"$identifier_key": "id", "$identifier_value": 1}]}},
        id="one object less",
    ),
    pytest.param(
        {"l": CARS},
        {"l": [CARS[0] | {"year": 9}, *CARS[1:]]},
        {
            "l": {"$update": [{"$identifier_key": "id", "$identifier_value": 1, "$new_object": {"year": 9}}]},
            **MERGE,
        },
        id="one object changed",
    ),
    pytest.param({"l": CARS}, {"l": CARS[::-1]}, {"l": CARS[::-1]}, id="another order"),
    pytest.param(
        {"email_subscribe": "subscribed", "p": 1},
        {"email_subscribe": "subscribed", "p": 1},
        {"email_subscribe": "subscribed"},
        id="a subscription is repeated",
    ),
    pytest.param({"n": 1}, {"n": {"inc": 1}}, {"n": {"inc": 1}}, id="an operation"),
    pytest.param(
        {"o": {"x": 1, "y": 2}},
        {"o": {"x": 1}, "z": 1, **MERGE},
        {"z": 1, **MERGE},
        id="a merge that says nothing",
    ),
]


@pytest.mark.parametrize(("before", "after", "words"), WORDS)
def test_a_change_is_said_in_the_cheapest_words(
    before: dict[str, Any], after: dict[str, Any], words: dict[str, Any]
) -> None:
    """After the first object was acknowledged, the second one travels as little as it can."""
    profiles = open_profiles()
    assert send(profiles, before) == [before]
    assert send(profiles, after, at=2) == [words]


def test_an_update_that_says_nothing_new_is_filtered_with_what_it_saves() -> None:
    """Known before it waits, or when its request is made."""
    profiles = open_profiles()
    send(profiles, {"a": 1, "o": {"x": 1, "y": 2}})
    same = Update(orjson.dumps({"external_id": "u", "a": 1, "o": {"y": 2, "x": 1}}), NOW_MS + 2, NOW_MS)
    dropped = profiles.screen(same)
    assert dropped is not None
    assert (dropped.reason, dropped.saved) == (UNCHANGED, 3)
    departure = prepare(profiles, {"a": 1}, at=3)
    assert [(each.reason, each.saved) for each in departure.dropped] == [(UNCHANGED, 1)]


def test_an_older_value_is_left_out_and_said_so() -> None:
    """In either mode; an update with nothing newer is filtered."""
    for options in ({}, {"changed_only": False}):
        profiles = open_profiles(**options)
        send(profiles, {"a": 1, "subscription_groups": []}, at=10)
        departure = prepare(profiles, {"a": 2, "b": 3}, at=5)
        assert orjson.loads(departure.objects[0].item) == {"external_id": "u", "b": 3}
        assert departure.notes == {0: [("a", "older than what was sent at 2026-11-18T11:06:40.010Z")]}
        profiles.settle(departure.objects[0], Fate.APPLIED)
        departure = prepare(profiles, {"a": 2}, at=6)
        assert [(each.index, each.reason, each.saved) for each in departure.dropped] == [(0, STALE, 1)]


def test_an_unchanged_value_is_as_new_as_its_last_event() -> None:
    """A value between the two mentions of another one comes too late."""
    profiles = open_profiles()
    send(profiles, {"a": 1}, at=1)
    assert send(profiles, {"a": 1}, at=9) == []
    assert send(profiles, {"a": 2}, at=5) == []


def test_each_subscription_group_has_its_own_clock() -> None:
    """A late update of one group passes a newer one of another."""
    profiles = open_profiles()
    one, other = ({"subscription_group_id": name, "subscription_state": "subscribed"} for name in "ab")
    send(profiles, {"subscription_groups": [one]}, at=9)
    assert send(profiles, {"subscription_groups": [one, other]}, at=5) == [{"subscription_groups": [other]}]


def test_a_time_too_far_ahead_counts_as_the_time_of_receipt() -> None:
    """Else a wrong clock would lock an attribute for years."""
    profiles = open_profiles(ahead_ms=1_000)
    send(profiles, {"a": 1}, at=1_001)
    assert send(profiles, {"a": 2}, at=1) == [{"a": 2}]


def test_updates_of_a_person_fold_and_leave_alone_once_refused() -> None:
    """The later event wins in each attribute; a refused fold is told apart, in order."""
    profiles = open_profiles()
    departure = prepare(profiles, {"a": 1, "b": 1}, {"a": 2, REFUSED: 1}, {"c": 3})
    (folded,) = departure.objects
    assert orjson.loads(folded.item) == {"external_id": "u", "a": 2, "b": 1, REFUSED: 1, "c": 3}
    assert folded.members == (0, 1, 2)
    assert (folded.points, folded.saved) == (3, 1)
    profiles.settle(folded, Fate.REFUSED)
    alone = [Update(orjson.dumps({"external_id": "u", "a": at}), NOW_MS + at, NOW_MS, True) for at in (1, 2)]
    assert [prepared.members for prepared in profiles.prepare(alone).objects] == [(0,), (1,)]


@pytest.mark.parametrize("fate", [Fate.REFUSED, Fate.UNCERTAIN])
def test_what_did_not_certainly_arrive_is_sent_whole_again(fate: Fate) -> None:
    """Nested values too: nobody knows what is there now."""
    profiles = open_profiles()
    send(profiles, {"o": {"x": 1, "y": 1}})
    assert send(profiles, {"o": {"x": 1, "y": 2}}, at=2, fate=fate) == [{"o": {"y": 2}, **MERGE}]
    assert send(profiles, {"o": {"x": 1, "y": 1}}, at=3) == [{"o": {"x": 1, "y": 1}}]


def test_a_rate_limited_object_leaves_again_as_it_was() -> None:
    """Nothing was learnt from it."""
    profiles = open_profiles()
    send(profiles, {"o": {"x": 1, "y": 1}})
    words = [{"o": {"y": 2}, **MERGE}]
    assert send(profiles, {"o": {"x": 1, "y": 2}}, at=2, fate=Fate.UNSENT) == words
    assert send(profiles, {"o": {"x": 1, "y": 2}}, at=2) == words


def test_forgetting_keeps_the_clocks_and_erasing_does_not() -> None:
    """A refresh sends everything again, but nothing old; an erased person is new."""
    profiles = open_profiles()
    send(profiles, {"a": 1}, at=9)
    for forget in (lambda: profiles.forget("external_id:u"), profiles.refresh):
        forget()
        assert send(profiles, {"a": 0}, at=5) == []
        assert send(profiles, {"a": 1}, at=9) == [{"a": 1}]
    profiles.erase("external_id:u")
    assert profiles.changed() == {"external_id:u": b""}
    assert send(profiles, {"a": 0}, at=5) == [{"a": 0}]


def test_what_is_forgotten_while_an_object_is_on_its_way_stays_forgotten() -> None:
    """Its acknowledgement says nothing about what somebody else did meanwhile."""
    profiles = open_profiles()
    (prepared,) = prepare(profiles, {"a": 1}).objects
    profiles.forget("external_id:u")
    profiles.settle(prepared, Fate.APPLIED)
    assert profiles.known("external_id:u") == {}


def test_an_alias_that_became_a_person_is_taken_for_that_person() -> None:
    """What is sent by the alias is forgotten of the person, and old values do not pass either way."""
    profiles = open_profiles()
    send(profiles, {"a": 1, "b": 1})
    alias = {"alias_label": "anonymous_id", "alias_name": "x"}
    disturbance = identify_disturbs({"external_id": "u", "user_alias": alias})
    while wanted := profiles.missing(profiles.disturbed(disturbance)):
        profiles.load(wanted, {})
    profiles.disturb(disturbance)
    assert send(profiles, {"a": 1, "b": 1}, at=2) == [{"a": 1, "b": 1}]
    assert send(profiles, {"a": 1, "b": 1}, at=3) == []
    other = {"user_alias": alias, "_update_existing_only": False, "a": 7}
    key = profiles.person(other)
    assert key == "user_alias:anonymous_id\x1fx"
    (prepared,) = profiles.prepare([Update(orjson.dumps(other), NOW_MS + 5, NOW_MS)]).objects
    profiles.settle(prepared, Fate.APPLIED)
    assert send(profiles, {"a": 1, "b": 1}, at=6) == [{"a": 1}]
    late = Update(orjson.dumps(other | {"b": 2}), NOW_MS + 2, NOW_MS)
    assert [each.reason for each in profiles.prepare([late]).dropped] == [STALE]


def test_a_merge_ends_one_person_and_forgets_the_other() -> None:
    """The one kept may have been filled from the one that went."""
    profiles = open_profiles()
    send(profiles, {"a": 1})
    disturbance = merge_disturbs(
        {"identifier_to_merge": {"external_id": "v"}, "identifier_to_keep": {"external_id": "u"}}
    )
    profiles.load(profiles.missing(profiles.disturbed(disturbance)), {})
    profiles.disturb(disturbance)
    assert profiles.known("external_id:u") == {}
    assert send(profiles, {"a": 1}, at=2) == [{"a": 1}]


def test_what_is_known_survives_a_restart_and_a_refresh_reaches_everybody() -> None:
    """Bodies written at a checkpoint are all there is to it."""
    profiles = open_profiles()
    send(profiles, {"a": 1, "o": {"x": 1}, "m": None})
    bodies = profiles.changed()
    profiles.written()
    assert profiles.changed() == {}
    for epoch, known in ((0, {"a": 1, "o": {"x": 1}, "m": None}), (1, {})):
        again = open_profiles(epoch=epoch)
        again.load(["external_id:u"], bodies)
        assert again.known("external_id:u") == known
        assert send(again, {"a": 0}, at=0) == []


def test_a_failed_checkpoint_is_written_with_the_next() -> None:
    """Nothing is lost by it."""
    profiles = open_profiles()
    send(profiles, {"a": 1})
    bodies = profiles.changed()
    profiles.written(ok=False)
    assert profiles.changed() == bodies


def test_hashes_tell_changed_from_unchanged_and_keep_no_values() -> None:
    """Nested values that changed go whole."""
    profiles = open_profiles(keep_values=False)
    send(profiles, {"name": "Ann Personal", "o": {"x": 1, "y": 2}})
    assert send(profiles, {"name": "Ann Personal", "o": {"y": 2, "x": 1}}, at=2) == []
    assert send(profiles, {"o": {"x": 1, "y": 3}}, at=3) == [{"o": {"x": 1, "y": 3}}]
    assert b"Personal" not in profiles.changed()["external_id:u"]


def test_people_leave_memory_oldest_first_and_never_with_something_to_write() -> None:
    """Memory is bounded by the people in use."""
    profiles = open_profiles(most_people=2)
    keys = [f"external_id:{number}" for number in range(5)]
    for key in keys:
        profiles.load(profiles.missing([key]), {})
    assert profiles.missing(keys[3:]) == []
    assert profiles.missing([keys[0]]) == [keys[0]]
    with pytest.raises(BrokenError, match="was used before it was loaded"):
        profiles.forget(keys[0])


def test_an_object_about_nobody_travels_as_it_is() -> None:
    """The partner says what is wrong with it."""
    profiles = open_profiles()
    update = Update(b'{"a": 1}', NOW_MS, NOW_MS)
    assert profiles.screen(update) is None
    (prepared,) = profiles.prepare([update]).objects
    assert prepared.item == update.item
    profiles.settle(prepared, Fate.REFUSED)


def test_nobody_with_something_on_its_way_is_screened() -> None:
    """Its fate is not known yet."""
    profiles = open_profiles()
    send(profiles, {"a": 1})
    (prepared,) = prepare(profiles, {"b": 2}, at=2).objects
    same = Update(orjson.dumps({"external_id": "u", "a": 1}), NOW_MS + 3, NOW_MS)
    assert profiles.screen(same) is None
    profiles.settle(prepared, Fate.APPLIED)
    assert profiles.screen(same) is not None


def test_only_the_last_object_of_a_person_is_a_fold() -> None:
    """Were an earlier one refused, what it folds would leave again after the later one."""
    departure = prepare(open_profiles(), {"a": 1}, {"b": 1}, {"b": {"inc": 1}}, {"c": 1})
    assert [prepared.members for prepared in departure.objects] == [(0,), (1,), (2, 3)]


def test_an_update_that_creates_nobody_proves_nothing() -> None:
    """Braze may have dropped it, so it is sent again; once the person is there, it is not."""
    profiles = open_profiles()
    careful = {"a": 1, "_update_existing_only": True}
    assert send(profiles, careful, at=1) == [careful]
    assert send(profiles, careful, at=2) == [careful]
    assert send(profiles, {"a": 1}, at=3) == [{"a": 1}]
    assert send(profiles, careful, at=4) == []


def test_merged_members_have_clocks_of_their_own() -> None:
    """A late merge passes where nothing newer is; a late whole value does not pass a newer member."""
    profiles = open_profiles()
    send(profiles, {"o": {"x": 1, "y": {"z": 1}}, **MERGE}, at=10)
    departure = prepare(profiles, {"o": {"x": 2, "v": 2, "y": {"w": 2}}, **MERGE}, at=5)
    assert orjson.loads(departure.objects[0].item)["o"] == {"v": 2, "y": {"w": 2}}
    assert [path for path, _ in departure.notes[0]] == ["o.x"]
    profiles.settle(departure.objects[0], Fate.APPLIED)
    assert send(profiles, {"o": {"x": 3}}, at=7) == []
    assert send(profiles, {"o": {"y": 3}, **MERGE}, at=7) == []
    send(profiles, {"o": {"x": 4}}, at=20)
    assert send(profiles, {"o": {"u": 5}, **MERGE}, at=15) == []


def test_folded_merges_keep_the_clock_of_each_member() -> None:
    """What the earlier update said is as old as that update."""
    profiles = open_profiles()
    items = [{"external_id": "u", "o": {"x": 1}, **MERGE}, {"external_id": "u", "o": {"y": 1}, **MERGE}]
    profiles.load(profiles.missing(["external_id:u"]), {})
    updates = [
        Update(orjson.dumps(item), NOW_MS + at, NOW_MS) for item, at in zip(items, (1, 9), strict=True)
    ]
    (folded,) = profiles.prepare(updates).objects
    assert orjson.loads(folded.item) == {"external_id": "u", "o": {"x": 1, "y": 1}, **MERGE}
    profiles.settle(folded, Fate.APPLIED)
    assert send(profiles, {"o": {"x": 2, "y": 2}, **MERGE}, at=5) == [{"o": {"x": 2}, **MERGE}]
