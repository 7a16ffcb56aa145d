"""The quick way gives exactly what the long way gives, or nothing.

Of events as a server restores them: their receivedAt is ours, so it is in the usual spelling or missing.
"""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.catalog.braze.destination import BRAZE
from segue.catalog.contents import catalogue
from segue.engine.plan import BoundSubscription, prepare
from segue.engine.quick import compile_quick
from segue.engine.route import shape
from segue.model.errors import InvalidMapping, InvalidPayload
from segue.model.workspace import Destination, Source, Subscription, Workspace

SETTINGS = {"api_key": "k", "endpoint": "https://rest.iad-01.braze.com", "app_id": "app"}


def bound(presets: str = "ours", *subscriptions: Subscription) -> dict[str, BoundSubscription]:
    destination = Destination(
        id="braze",
        type="braze",
        source="web",
        settings=SETTINGS,
        presets=presets,  # type: ignore[arg-type]  # the tests name real ones
        subscriptions=subscriptions or None,
    )
    workspace = Workspace(sources=(Source(id="web", write_keys=("k",)),), destinations=(destination,))
    return prepare(workspace, catalogue()).destinations["braze"].by_id


OURS = bound()
STORED = bound(
    "none",
    *(
        Subscription(id=slug, action=slug, trigger='type = "track"')
        for slug in ("trackEvent", "trackEvent2", "trackPurchase", "trackPurchase2", "updateUserProfile2")
    ),
)
ALL = {**OURS, **STORED}

EVENT = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u1",
    "timestamp": "2026-11-24T10:00:00.000Z",
    "receivedAt": "2026-11-24T10:00:01.000Z",
    "context": {"traits": {"email": "a@example.com"}},
    "traits": {"email": "a@example.com", "firstName": "Ada", "gender": "female", "plan": {"name": "plus"}},
    "properties": {"currency": "EUR", "total": 9.5, "products": [{"product_id": "tea", "price": 7.5}]},
}


def long_way(subscription: BoundSubscription, event: dict[str, Any]) -> list[Any] | None:
    try:
        shaped, _ = shape(subscription, event)
    except (InvalidMapping, InvalidPayload):
        return None
    return shaped.items


def quick_way(subscription: BoundSubscription, event: dict[str, Any]) -> list[Any] | None:
    """The objects; [] when the trigger does not want the event."""
    assert subscription.quick is not None
    items = subscription.quick(event)
    return None if items is None else [orjson.loads(item) for item in items]


def wanted(subscription: BoundSubscription, event: dict[str, Any]) -> list[Any] | None:
    """What the quick way must give, if it gives anything."""
    return long_way(subscription, event) if subscription.matches(event) else []


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_plain_event_takes_the_quick_way(name: str) -> None:
    """Otherwise it would be of no use."""
    kinds = (EVENT, {**EVENT, "type": "identify"}, {**EVENT, "event": "Article Read"})
    event = next(event for event in kinds if ALL[name].matches(event))
    made = quick_way(ALL[name], event)
    assert made
    assert made == long_way(ALL[name], event)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2_000_000_000_000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [
            "",
            " ",
            "x",
            "2026-11-24T10:00:00.000Z",
            "2026-11-24",
            "soon",
            "a@example.com",
            "https://x.example/a",
        ]
    ),
    st.just([]),
    st.just({}),
    st.just(["x"]),
    st.just({"a": None, "b": {"c": None}}),
    st.lists(st.integers(0, 3), max_size=3),
)
NAMES = st.sampled_from(
    [
        *("email", "firstName", "last_name", "gender", "birthday", "avatar", "plan", "address", "time"),
        *("braze_id", "country", "dob", "language", "twitter", "user_alias", "subscription_groups"),
    ]
)
PRODUCT = st.dictionaries(
    st.sampled_from(["product_id", "price", "quantity", "currency", "name", "time"]),
    st.one_of(ODD, st.just("tea"), st.just(3)),
    max_size=5,
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["track", "track", "identify"]),
        "event": st.one_of(st.just("Read"), ODD),
        "userId": st.one_of(st.just("u1"), ODD),
        "timestamp": st.one_of(st.just("2026-11-24T10:00:00.000Z"), ODD),
        "receivedAt": st.just("2026-11-24T10:00:01.000Z"),
        "context": st.one_of(
            st.fixed_dictionaries({"traits": st.dictionaries(NAMES, ODD, max_size=3)}),
            st.fixed_dictionaries(
                {"location": st.dictionaries(st.sampled_from(["latitude", "longitude", "country"]), ODD)}
            ),
            ODD,
        ),
        "traits": st.one_of(
            st.dictionaries(NAMES, st.one_of(ODD, st.dictionaries(NAMES, ODD, max_size=2)), max_size=6), ODD
        ),
        "properties": st.one_of(
            st.fixed_dictionaries(
                {"products": st.one_of(st.lists(PRODUCT, max_size=3), PRODUCT, ODD)},
                optional=dict.fromkeys(("currency", "time", "total", "email", "braze_id"), ODD),
            ),
            st.dictionaries(NAMES, ODD, max_size=4),
            ODD,
        ),
    },
)


@settings(max_examples=600, deadline=None)
@given(event=EVENTS, name=st.sampled_from(sorted(ALL)))
def test_the_quick_way_gives_what_the_long_way_gives_or_nothing(event: dict[str, Any], name: str) -> None:
    """Generated events, plain and odd, through every subscription."""
    quick = quick_way(ALL[name], event)
    if quick is not None:
        assert quick == wanted(ALL[name], event)


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("first_name", "Eve"),
        ("country", "FI"),
        ("home_city", "Turku"),
        ("image_url", "https://x.example/a"),
        ("language", "fi"),
        ("dob", "1990-01-02"),
        ("date_of_first_session", "2026-11-24T10:00:00.000Z"),
        ("email_open_tracking_disabled", True),
        ("current_location", {"latitude": 60.5, "longitude": 22.3}),
    ],
)
def test_a_rare_trait_is_not_overlooked(trait: str, value: Any) -> None:
    """Traits that nearly nobody has are asked for together, and one by one where there is any."""
    event: dict[str, Any] = {"type": "identify", "userId": "u1", "traits": {"plan": "plus"}}
    [subscription] = [each for each in OURS.values() if each.matches(event)]
    told = {**event, "traits": {"plan": "plus", trait: value}}
    made = quick_way(subscription, told)
    assert made
    assert made == long_way(subscription, told)
    assert made[0] == {**(quick_way(subscription, event) or [{}])[0], trait: value}


def test_a_timestamp_is_checked_unless_it_is_known() -> None:
    """Only who wrote it knows."""
    event = {**EVENT, "timestamp": "2026-02-30T10:00:00.000Z"}
    [subscription] = [each for each in OURS.values() if each.matches(event)]
    assert subscription.quick is not None
    assert subscription.quick(event) is None
    assert subscription.quick(EVENT) == subscription.quick(EVENT, True)
    assert subscription.quick({**EVENT, "receivedAt": "soon"}, True) == subscription.quick(EVENT)


def test_the_time_of_receipt_is_taken_as_it_is_and_its_absence_noticed() -> None:
    """A server writes it, so nobody needs to look at it again; a filter may have taken it away."""
    quick = STORED["trackEvent2"].quick
    assert quick is not None
    event = {**EVENT, "receivedAt": "2026-11-24T10:00:01.000Z"}
    assert b'"time":"2026-11-24T10:00:01.000Z"' in (quick(event) or ())[0]
    del event["receivedAt"]
    assert quick(event) is None


TEA = {"product_id": "tea", "price": 7.5, "quantity": 2, "name": "Tea"}


@pytest.mark.parametrize("name", ["trackPurchase", "trackPurchase2"])
@pytest.mark.parametrize(
    ("products", "order"),
    [
        ([TEA, {"product_id": "pot", "price": 30}, TEA], {"total": 9.5}),
        ([{**TEA, "quantity": 0}, {"product_id": "pot", "price": 0.0}], {"total": 9.5}),
        ([TEA, {**TEA, "currency": "SEK"}, {"product_id": "pot", "price": 30}], {"currency": "EUR"}),
        ([TEA, {**TEA, "coupon": "MINE", "shade": None}], {"coupon": "OURS", "tags": ["a", {"b": [1]}]}),
        ([{"product_id": "tea", "price": 7.5}], {}),
        ([{"product_id": "tea", "price": 7.5}], {"currency": ""}),
        ([TEA, TEA], {"currency": 7}),
    ],
)
def test_plain_orders_take_the_quick_way(name: str, products: list[Any], order: dict[str, Any]) -> None:
    """What a product has, or lacks, does not rub off on the next; an order's property wins over its own."""
    event = {**EVENT, "properties": {**order, "products": products}}
    made = quick_way(STORED[name], event)
    assert made
    assert made == long_way(STORED[name], event)
    assert len(made) == len(products)


@pytest.mark.parametrize(
    "odd",
    [
        *("tea", 7, None, [], ["product_id", "price"], {}),
        *({"product_id": "tea"}, {"price": 7.5}, {"product_id": "", "price": 7.5}),
        *({**TEA, name: value} for name in TEA for value in (None, True, "7", "", [7])),
        *({**TEA, "currency": value} for value in (None, True, 7, "")),
        *({**TEA, name: "soon"} for name in ("time", "event_name")),
    ],
)
def test_an_odd_product_sends_its_order_the_long_way_or_is_taken_alike(odd: Any) -> None:
    """Also behind one that is plain."""
    for products in [odd], [TEA, odd]:
        event = {**EVENT, "properties": {"total": 9.5, "products": products}}
        made = quick_way(STORED["trackPurchase2"], event)
        assert made is None or made == wanted(STORED["trackPurchase2"], event)


def test_the_quick_way_changes_nothing_of_the_event() -> None:
    """The event is shared between subscriptions."""
    before = repr(EVENT)
    for subscription in ALL.values():
        quick_way(subscription, EVENT)
    assert repr(EVENT) == before


@pytest.mark.parametrize(
    "mapping",
    [
        {"__segment_internal_directive": {"@transform": {"apply": {}}}, "name": "x", "time": 1},
        {"name": "x", "time": {"@path": "$.timestamp"}, "external_id": {"a": {"@path": "$.userId"}}},
        {
            "name": {"@liquid": "{{ event }}"},
            "time": {"@path": "$.timestamp"},
            "user_alias": {"alias_name": "a"},
        },
    ],
)
def test_a_mapping_the_recipe_cannot_follow_is_right_all_the_same(mapping: dict[str, Any]) -> None:
    """Without a quick way, or with one that gives up."""
    subscription = bound(
        "none", Subscription(id="s", action="track-event", trigger='type = "track"', mapping=mapping)
    )
    event = {**EVENT, "type": "track"}
    ready = subscription["s"]
    quick = quick_way(ready, event) if ready.quick is not None else None
    assert quick is None or quick == wanted(ready, event)


@pytest.mark.parametrize(
    "hostile",
    [
        '");import os;("',
        "\n    raise SystemExit",
        "__class__",
        "{0.__init__}",
        "'" * 50,
        "\\",
        "\x00",
        "é" * 9000,
    ],
)
def test_hostile_literals_never_become_code(hostile: str) -> None:
    """Names and values of a mapping are data, whatever they hold."""
    mapping = {
        "name": hostile,
        "time": {"@path": "$.timestamp"},
        "external_id": {"@path": f"$.{hostile}"},
        "email": {"@template": hostile + "{{userId}}"},
        "properties": {hostile: {"@path": f"$.properties['{hostile}']"}},
    }
    action = catalogue()["braze"].action("track-event")
    assert action is not None
    [ready] = bound(
        "none", Subscription(id="s", action="track-event", trigger='type = "track"', mapping=mapping)
    ).values()
    assert compile_quick(action[0], "track-event", mapping, ready.shaping, ready.trigger) is not None
    quick = quick_way(ready, EVENT)
    assert quick is None or quick == wanted(ready, EVENT)


@pytest.mark.parametrize("time", ["2024-01-02", 1704164645678, "1704164645", "Tue, 02 Jan 2024 03:04:05 GMT"])
@pytest.mark.parametrize("action", ["track-event", "update-user-profile"])
def test_a_date_written_into_the_mapping_is_told_as_any_other(action: str, time: Any) -> None:
    """The same text as the long way gives, whether it is a moment or a day."""
    mapping = {"external_id": "u", "name": "N", "time": time, "dob": time, "date_of_last_session": time}
    fields = BRAZE.action(action)[0].fields  # type: ignore[index]
    mapping = {name: value for name, value in mapping.items() if name in fields}
    [ready] = bound(
        "none", Subscription(id="s", action=action, trigger='type = "track"', mapping=mapping)
    ).values()
    event = {**EVENT, "type": "track"}
    assert quick_way(ready, event) == wanted(ready, event)
