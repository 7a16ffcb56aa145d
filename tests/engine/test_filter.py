"""Destination filters: what they hold back, in which order, and that doubt never lets an event through."""

import copy
import hashlib
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from segue.engine.filter import BY_RULES, Deed, apply, bind, explain, falls_in
from segue.engine.filter_binding import ORDER, BoundFilters
from segue.model.errors import Fault
from segue.model.workspace import Filter

PLACE = "destinations.braze.filters"


def written(*filters: dict[str, Any]) -> list[Filter]:
    """Filters as the workspace file has them."""
    return [msgspec.convert(each, Filter) for each in filters]


def bound(*filters: dict[str, Any]) -> BoundFilters:
    """Filters without any fault, ready to run."""
    ready, faults = bind(written(*filters), PLACE)
    assert faults == []
    return ready


def faults_of(*filters: dict[str, Any]) -> list[Fault]:
    """What is wrong with filters."""
    return bind(written(*filters), PLACE)[1]


def event(**more: Any) -> dict[str, Any]:
    """A track call with something of everything."""
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m1",
        "userId": "u1",
        "context": {"ip": "192.0.2.1", "traits": {"email": "a@example.com", "plan": "pro"}},
        "properties": {
            "total": 5,
            "email": "a@example.com",
            "products": [{"sku": "A", "price": 1}, {"sku": "B", "price": 2}, "odd"],
        },
        **more,
    }


DROP = {"type": "DROP"}


def test_a_matching_event_is_dropped_with_the_filter_named() -> None:
    """The reason is the published code; the message is for people."""
    filters = bound(
        {"title": "No internal mail", "if": 'contains(properties.email, "@example.com")', "actions": [DROP]}
    )
    filtered = apply(filters, event())
    assert filtered.event is None
    assert filtered.reason == BY_RULES == "FILTERED_BY_RULES"
    assert filtered.message == 'filter "No internal mail" drops it'
    assert filtered.trail == (Deed("No internal mail", "DROP", "drops it"),)


def test_an_event_no_filter_matches_goes_on_as_it_is() -> None:
    """The very same object, so that nothing was copied."""
    given_event = event()
    filtered = apply(bound({"title": "x", "if": 'type = "page"', "actions": [DROP]}), given_event)
    assert filtered.event is given_event
    assert (filtered.reason, filtered.message, filtered.trail) == ("", "", ())


def test_without_filters_there_is_nothing_to_apply() -> None:
    """The caller can tell at once, and applying them anyway changes nothing."""
    assert not bound()
    assert not bound({"title": "x", "if": "all", "actions": [DROP], "enabled": False})
    assert bound({"title": "x", "if": "all", "actions": [DROP]})
    given_event = event()
    assert apply(bound(), given_event).event is given_event


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("DROP_PROPERTIES", {"": ["userId", "context"]}, {"userId": ..., "context": ...}),
        ("DROP_PROPERTIES", {"properties": ["email", "nothing"]}, {"properties.email": ...}),
        ("DROP_PROPERTIES", {"context.traits": ["email"]}, {"context.traits.email": ...}),
        (
            "DROP_PROPERTIES",
            {"properties.products": ["price"]},
            {"properties.products": [{"sku": "A"}, {"sku": "B"}, "odd"]},
        ),
        ("DROP_PROPERTIES", {"properties": ["products"]}, {"properties.products": ...}),
        (
            "DROP_PROPERTIES",
            {"properties": ["email"], "context.traits": ["email"], "": ["userId"]},
            {"properties.email": ..., "context.traits.email": ..., "userId": ...},
        ),
        ("DROP_PROPERTIES", {"nothing.there": ["x"], "properties.total": ["x"], "event": ["x"]}, {}),
        (
            "ALLOW_PROPERTIES",
            {"properties": ["total"]},
            {"properties.email": ..., "properties.products": ...},
        ),
        (
            "ALLOW_PROPERTIES",
            {"properties.products": ["sku"]},
            {"properties.products": [{"sku": "A"}, {"sku": "B"}, "odd"]},
        ),
        ("ALLOW_PROPERTIES", {"context": []}, {"context": {}}),
        ("ALLOW_PROPERTIES", {"traits": ["email"]}, {}),
        ("blocklist_fields", {"properties": ["email"]}, {"properties.email": ...}),
        ("whitelist_fields", {"context": ["ip"]}, {"context.traits": ...}),
    ],
)
def test_properties_are_removed_from_a_copy(
    kind: str, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Lists stand for their members; what is shared with other destinations stays whole."""
    given_event = event()
    before = copy.deepcopy(given_event)
    filtered = apply(bound({"title": "x", "actions": [{"type": kind, "fields": fields}]}), given_event)
    wanted = copy.deepcopy(before)
    for path, value in expected.items():
        *way, last = path.split(".")
        place = wanted
        for key in way:
            place = place[key]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    assert filtered.event == wanted
    assert given_event == before
    assert (filtered.event is given_event) is (not expected)
    assert bool(filtered.trail) is bool(expected)


def test_what_is_not_touched_is_shared() -> None:
    """Copying an event costs as much as the objects on the way, not the event."""
    given_event = event()
    filters = bound({"actions": [{"type": "DROP_PROPERTIES", "fields": {"context.traits": ["email"]}}]})
    left = apply(filters, given_event).event
    assert left is not None
    assert left["properties"] is given_event["properties"]
    assert left["context"] is not given_event["context"]


def test_actions_act_in_one_order_however_they_are_written() -> None:
    """Sample, drop, drop properties, allow properties; over all filters of the destination."""
    filters = bound(
        {
            "title": "allow",
            "actions": [{"type": "ALLOW_PROPERTIES", "fields": {"properties": ["total", "email"]}}],
        },
        {"title": "less", "actions": [{"type": "DROP_PROPERTIES", "fields": {"properties": ["email"]}}]},
        {"title": "few", "actions": [{"type": "SAMPLE", "percent": 1}]},
    )
    filtered = apply(filters, event())
    assert filtered.event is not None
    assert filtered.event["properties"] == {"total": 5}
    assert [deed.action for deed in filtered.trail] == ["SAMPLE", "DROP_PROPERTIES", "ALLOW_PROPERTIES"]
    everything = [{"type": kind, "percent": 0, "fields": {"a": ["b"]}} for kind in reversed(ORDER)]
    mixed, _ = bind(written({"title": "x", "actions": everything}), PLACE)
    assert [step.action.type for step in mixed.steps] == list(ORDER)
    assert "samples it out" in apply(mixed, event()).message


def test_no_filter_hides_something_from_another() -> None:
    """Conditions read the event as it arrived: a removed e-mail address still counts as internal."""
    filters = bound(
        {"title": "a", "actions": [{"type": "DROP_PROPERTIES", "fields": {"properties": ["email"]}}]},
        {
            "title": "b",
            "if": 'contains(properties.email, "@example.com")',
            "actions": [{"type": "ALLOW_PROPERTIES", "fields": {"properties": ["total"]}}],
        },
    )
    left = apply(filters, event()).event
    assert left is not None
    assert left["properties"] == {"total": 5}


@pytest.mark.parametrize(
    "broken",
    [
        {"if": "length(properties) > 3", "actions": [{"type": "DROP_PROPERTIES", "fields": {"a": ["b"]}}]},
        {"if": "properties.email > 3", "actions": [DROP]},
        {"if": "event", "actions": [{"type": "SAMPLE", "percent": 1}]},
    ],
    ids=["object", "text", "no boolean"],
)
def test_an_event_that_cannot_be_judged_is_not_sent(broken: dict[str, Any]) -> None:
    """Whatever the filter would have done; the message names filter and kinds, never values."""
    filtered = apply(bound({"title": "Careful", **broken}), event())
    assert filtered.event is None
    assert filtered.reason == BY_RULES
    assert filtered.message.startswith('filter "Careful" cannot be evaluated on it, so it is not sent: ')
    assert "example.com" not in filtered.message


def test_a_filter_with_a_fault_drops_everything() -> None:
    """Should a draft ever run: the filter was to keep something from leaving."""
    filters, faults = bind(written({"title": "Draft", "if": "type =", "actions": [DROP]}), PLACE)
    assert len(faults) == 1
    assert 'filter "Draft" cannot be evaluated' in apply(filters, event()).message
    filters, _ = bind(written({"title": "Draft", "if": "all", "actions": [{"type": "OOPS"}]}), PLACE)
    assert apply(filters, event()).event is None
    assert explain(filters, event())[0].problem == 'there is no action "OOPS".'


def test_an_event_nested_past_reason_is_not_sent() -> None:
    """Walking it would exhaust the stack, and not walking it would let something through."""
    deep: Any = {"secret": 1}
    for _ in range(3_000):
        deep = [deep]
    filters = bound(
        {"title": "x", "actions": [{"type": "DROP_PROPERTIES", "fields": {"properties.a": ["secret"]}}]}
    )
    filtered = apply(filters, event(properties={"a": deep}))
    assert filtered.event is None
    assert "more than 100 objects and lists" in filtered.message


# --- sampling -----------------------------------------------------------------------------------


def sample(percent: float, path: str | None = None) -> BoundFilters:
    """One filter that keeps a share."""
    return bound({"title": "Tenth", "actions": [{"type": "SAMPLE", "percent": percent, "path": path}]})


def test_a_user_always_falls_on_the_same_side() -> None:
    """By the value at the path, whatever else the event says."""
    filters = sample(0.5, "userId")
    for number in range(50):
        sides = {
            apply(filters, event(userId=f"u{number}", messageId=f"m{each}", event=f"e{each}")).event is None
            for each in range(5)
        }
        assert len(sides) == 1


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("path", [None, "userId", "context.traits.id"])
def test_the_share_that_is_kept_is_the_share_asked_for(share: float, path: str | None) -> None:
    """Within what 4,000 events can show: five standard deviations."""
    filters = sample(share, path)
    events = (
        event(userId=f"u{number}", messageId=f"m{number}", context={"traits": {"id": number}})
        for number in range(4_000)
    )
    kept = sum(apply(filters, each).event is not None for each in events)
    assert abs(kept - 4_000 * share) < 5 * (4_000 * share * (1 - share)) ** 0.5


def test_an_event_without_the_value_is_sampled_by_its_message_id() -> None:
    """Else all anonymous events would be kept or lost together."""
    filters = sample(0.5, "userId")
    sides = {apply(filters, event(userId=None, messageId=f"m{number}")).event is None for number in range(50)}
    assert sides == {True, False}
    assert "of the values of messageId are kept" in apply(filters, event(userId=None)).trail[0].effect


@pytest.mark.parametrize(("share", "kept"), [(0, False), (1, True), (0.0, False), (1.0, True)])
def test_the_ends_of_the_scale_are_exact(share: float, kept: bool) -> None:
    """Zero keeps none and one keeps all, and the message says the share."""
    for number in range(200):
        filtered = apply(sample(share), event(messageId=f"m{number}"))
        assert (filtered.event is not None) is kept
    if not kept:
        assert filtered.message == 'filter "Tenth" samples it out (0 of the values of messageId are kept)'


def test_the_hash_is_the_published_one() -> None:
    """A user who moves with their filters stays on their side: MD5 of the value's JSON, first 64 bits."""
    share = int(hashlib.md5(b'"u1"', usedforsecurity=False).hexdigest()[:16], 16) / 2**64
    assert falls_in("u1", share + 1e-9)
    assert not falls_in("u1", share - 1e-9)


@given(
    st.one_of(st.text(max_size=8), st.integers(-(2**53), 2**53), st.booleans()),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_who_is_in_a_small_share_is_in_every_larger_one(value: Any, one: float, other: float) -> None:
    """Raising the share adds people and loses none."""
    small, large = sorted((one, other))
    assert falls_in(value, large) or not falls_in(value, small)


def test_a_value_to_sample_by_that_is_no_json_fails_closed() -> None:
    """Too deep to be written down."""
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    assert "cannot be written as JSON" in apply(sample(1, "userId"), event(userId=deep)).message


# --- faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filter_", "place", "says"),
    [
        ({"if": "type = "}, "if", "expected a field or a value"),
        ({"if": "event = '" + "x" * 6000 + "'"}, "if", "at most 5,120 bytes"),
        ({"title": "x" * 65}, "title", "65 characters; a title takes 64."),
        ({"actions": []}, "actions", "there is no action"),
        ({"actions": [{"type": "DELETE"}]}, "actions.0.type", 'there is no action "DELETE".'),
        ({"actions": [DROP, {}]}, "actions.1.type", "the action has no type."),
        ({"actions": [{"type": 5}]}, "actions.0.type", "the action has no type."),
        ({"actions": [{"type": "SAMPLE"}]}, "actions.0.percent", "a share from 0 to 1, found nothing."),
        ({"actions": [{"type": "SAMPLE", "percent": 10}]}, "actions.0.percent", "found 10."),
        ({"actions": [{"type": "SAMPLE", "percent": -0.1}]}, "actions.0.percent", "found -0.1."),
        ({"actions": [{"type": "SAMPLE", "percent": "0.1"}]}, "actions.0.percent", "found text."),
        ({"actions": [{"type": "SAMPLE", "percent": True}]}, "actions.0.percent", "found True."),
        ({"actions": [{"type": "SAMPLE", "percent": float("nan")}]}, "actions.0.percent", "found nan."),
        (
            {"actions": [{"type": "SAMPLE", "percent": 1, "path": "a..b"}]},
            "actions.0.path",
            "a name is missing",
        ),
        ({"actions": [{"type": "SAMPLE", "percent": 1, "path": 5}]}, "actions.0.path", "found a number."),
        ({"actions": [{"type": "DROP_PROPERTIES"}]}, "actions.0.fields", "found nothing."),
        ({"actions": [{"type": "DROP_PROPERTIES", "fields": {}}]}, "actions.0.fields", "found a mapping."),
        (
            {"actions": [{"type": "DROP_PROPERTIES", "fields": ["email"]}]},
            "actions.0.fields",
            "found a list.",
        ),
        (
            {"actions": [{"type": "ALLOW_PROPERTIES", "fields": {"properties": "email"}}]},
            "actions.0.fields.properties",
            "expected a list of names",
        ),
        (
            {"actions": [{"type": "ALLOW_PROPERTIES", "fields": {"properties": [5]}}]},
            "actions.0.fields.properties",
            "expected a list of names",
        ),
        (
            {"actions": [{"type": "DROP_PROPERTIES", "fields": {"a.": ["b"]}}]},
            "actions.0.fields.a.",
            "a name is missing",
        ),
    ],
)
def test_a_filter_that_cannot_work_is_a_fault_with_its_place(
    filter_: dict[str, Any], place: str, says: str
) -> None:
    """One fault each, with a remedy."""
    (fault,) = faults_of({"title": "x", "if": "all", "actions": [DROP], **filter_})
    assert fault.place == f"{PLACE}.0.{place}"
    assert says in fault.problem
    assert fault.remedy
    assert not fault.warning


@pytest.mark.parametrize(
    ("action", "place", "says"),
    [
        ({"type": "DROP", "percent": 0.5}, "percent", "DROP has no percent; it is ignored."),
        ({"type": "SAMPLE", "percent": 0.5, "fields": {"a": ["b"]}}, "fields", "SAMPLE has no fields"),
        ({"type": "SAMPLE", "percent": 0.5, "pth": "userId"}, "pth", "SAMPLE has no pth"),
        (
            {"type": "DROP_PROPERTIES", "fields": {"traits": ["address.street"]}},
            "fields.traits",
            '"address.street" is the name of one property, with its dot.',
        ),
        ({"type": "DROP_PROPERTIES", "fields": {"": ["type"]}}, "fields", "the event's type is removed"),
        ({"type": "ALLOW_PROPERTIES", "fields": {"": ["userId"]}}, "fields", "the event's type is removed"),
    ],
)
def test_what_works_but_hardly_as_meant_is_a_warning(action: dict[str, Any], place: str, says: str) -> None:
    """The filter still runs."""
    filters, (fault,) = bind(written({"title": "x", "actions": [action]}), PLACE)
    assert fault.warning
    assert fault.place == f"{PLACE}.0.actions.0.{place}"
    assert says in fault.problem
    assert "cannot be evaluated" not in apply(filters, event()).message


def test_a_nested_name_is_explained() -> None:
    """The remedy can be pasted."""
    (fault,) = faults_of({"actions": [{"type": "DROP_PROPERTIES", "fields": {"traits": ["address.street"]}}]})
    assert fault.remedy == 'If you mean a property inside: {"traits.address": ["street"]}.'


def test_every_fault_is_named_at_once() -> None:
    """Of all filters, the disabled ones included."""
    faults = faults_of(
        {"title": "x" * 70, "if": "type ==", "actions": [{"type": "SAMPLE", "percent": 2}, {"type": "NO"}]},
        {"title": "y", "if": "(", "actions": [DROP], "enabled": False},
        *[{"title": "z", "actions": [DROP]}] * 9,
    )
    assert [fault.place.removeprefix(PLACE) for fault in faults] == [
        "",
        ".0.title",
        ".0.if",
        ".0.actions.0.percent",
        ".0.actions.1.type",
        ".1.if",
    ]
    assert faults[0].problem == "11 filters; a destination takes 10."


def test_filters_as_the_public_api_gives_them_are_understood() -> None:
    """Unused keys are null there; names are in capitals; the older API had other names."""
    filters = bound(
        {
            "title": "All four",
            "if": 'type = "track" and contains(properties.email, "@example.com")',
            "actions": [
                {"type": "SAMPLE", "percent": 1, "path": "userId", "fields": None},
                {"type": "sample_event", "percent": 1, "path": ""},
                {"type": "DROP_PROPERTIES", "fields": {"": ["userId"]}, "percent": None, "path": None},
                {"type": "ALLOW_PROPERTIES", "fields": {"properties": ["total"]}},
            ],
        },
        {"title": "Older", "if": "event = 'x'", "actions": [{"type": "drop_event"}]},
    )
    left = apply(filters, event()).event
    assert left is not None
    assert "userId" not in left
    assert left["properties"] == {"total": 5}


# --- explaining ---------------------------------------------------------------------------------


def test_each_filter_says_what_it_thinks_of_an_event() -> None:
    """Also those that come after one that drops it."""
    judged = explain(
        bound(
            {"title": "Tests", "if": 'match(event, "Order *")', "actions": [DROP]},
            {"id": "big", "if": "properties.total > 100 or length(context) > 1", "actions": [DROP]},
        ),
        event(),
    )
    assert [(each.title or each.id, each.matched) for each in judged] == [("Tests", True), ("big", False)]
    assert judged[0].truth[0].actual == "Order Completed"
    assert [line.result for line in judged[1].truth] == [False, False]
    assert judged[1].problem == "length(context) takes a list or a string, found an object"


# --- laws ---------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=12,
)
FIELDS = st.dictionaries(
    st.sampled_from(["", "a", "a.b", "b.a.c", "c"]),
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=3),
    min_size=1,
    max_size=3,
)


def names(value: Any) -> int:
    """How many members all objects of a value have."""
    if isinstance(value, dict):
        return len(value) + sum(map(names, value.values()))
    return sum(map(names, value)) if isinstance(value, list) else 0


@given(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), FIELDS, st.sampled_from(ORDER[2:]))
def test_property_actions_only_remove_and_never_touch_the_event(
    given_event: dict[str, Any], fields: dict[str, list[str]], kind: str
) -> None:
    """Doing it twice does nothing more, and unchanged means the same object."""
    filters, _ = bind(written({"title": "x", "actions": [{"type": kind, "fields": fields}]}), PLACE)
    before = copy.deepcopy(given_event)
    left = apply(filters, given_event).event
    assert given_event == before
    assert left is not None
    assert (left is given_event) is (left == given_event)
    assert names(left) <= names(given_event)
    assert apply(filters, left).event is left


# --- the page -----------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "filter-events.md").read_text(encoding="utf-8")
SAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(- .*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize("sample_", SAMPLES, ids=lambda each: each[0]["title"])
def test_the_filters_of_the_guide_have_no_fault(sample_: list[dict[str, Any]]) -> None:
    """Warnings included."""
    assert faults_of(*sample_) == []


def test_the_guide_shows_every_action() -> None:
    """None is left to guess."""
    shown = {action["type"] for each in SAMPLES for filter_ in each for action in filter_["actions"]}
    assert shown == set(ORDER)
