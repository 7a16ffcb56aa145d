"""The integration page's own samples, word for word: what is sent for each, and the profile Braze then has.

Rows are in the page's order; a call is written as an SDK sends it.

Source  Braze docs, "Segment", "Settings", "Map methods", "User deletion", "Segment replays" and "Best
        practices", read 2026-11-27
"""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.catalog.braze.test_integration_journeys import ALIAS, exported, requests_of, would_send
from tests.runtime.house import ADDRESS, KEY, bind, opened, records
from tests.sandbox.client import Client, StillTime

from segue.catalog.braze.actions.track_event import TRACK_EVENT
from segue.catalog.braze.destination import BRAZE
from segue.kit.partner import Person
from segue.model.workspace import Delivery, Subscription

Json = dict[str, Any]

TIME = "2024-01-02T03:04:05.000Z"


def attributes_of(event: Json) -> Json:
    """The one attributes object an identify call becomes by the presets."""
    [(path, body)] = would_send({"type": "identify", **event})
    assert path == "/users/track"
    [found] = body["attributes"]
    assert isinstance(found, dict)
    return found


# --- "Custom attributes", the table of methods -------------------------------------------------------


def test_identify_with_user_id_sets_the_external_id() -> None:
    """`analytics.identify("dawei");`"""
    assert attributes_of({"userId": "dawei", "traits": {}}) == {
        "external_id": "dawei",
        "_update_existing_only": False,
    }


def test_identify_with_reserved_traits_sets_user_attributes() -> None:
    """`analytics.identify({email: "dawei@braze.com"});`: without a user id the address finds the person."""
    event = {"anonymousId": "a", "traits": {"email": "dawei@braze.com"}}
    assert attributes_of(event) == {"email": "dawei@braze.com", "_update_existing_only": False}
    assert attributes_of({**event, "userId": "dawei"})["email"] == "dawei@braze.com"


def test_identify_with_custom_traits_sets_custom_attributes() -> None:
    """`analytics.identify({fav_cartoon: "Naruto"});`: on a server nobody is meant without an identifier."""
    event = {"anonymousId": "a", "traits": {"fav_cartoon": "Naruto"}}
    assert would_send({"type": "identify", **event}) == []
    assert attributes_of({**event, "userId": "dawei"})["fav_cartoon"] == "Naruto"


async def test_identify_with_user_id_and_traits_is_both(tmp_path: Path) -> None:
    """The page: "Combine preceding methods": one profile with the id, the address and the cartoon."""
    traits = {"email": "dawei@braze.com", "fav_cartoon": "Naruto"}
    async with opened(tmp_path) as desk:
        await desk.stream.append(records({"type": "identify", "userId": "dawei", "traits": traits}))
        await desk.deliver()
        user = await exported(desk.wire, external_ids=["dawei"])
    assert (user["external_id"], user["email"]) == ("dawei", "dawei@braze.com")
    assert user["custom_attributes"] == {"fav_cartoon": "Naruto"}


# --- the trait table and reserved names --------------------------------------------------------------


def test_user_id_is_the_external_id_and_no_custom_attribute() -> None:
    """The table's first row, also when it is repeated among the traits."""
    assert attributes_of({"userId": "dawei", "traits": {"plan": "plus"}})["external_id"] == "dawei"


RESERVED: list[tuple[str, Any]] = [
    ("country", "FI"),
    ("current_location", {"latitude": 60.5, "longitude": 22.25}),
    ("date_of_first_session", TIME),
    ("date_of_last_session", TIME),
    ("dob", "1990-05-17"),
    ("email", "dawei@braze.com"),
    ("email_subscribe", "opted_in"),
    ("email_open_tracking_disabled", True),
    ("email_click_tracking_disabled", True),
    ("facebook", {"id": "5", "likes": ["tea"], "num_friends": 4}),
    ("first_name", "Da"),
    ("gender", "F"),
    ("home_city", "Turku"),
    ("language", "fi"),
    ("last_name", "Wei"),
    ("marked_email_as_spam_at", TIME),
    ("phone", "+358401234567"),
    ("push_subscribe", "subscribed"),
    ("push_tokens", [{"app_id": "a", "token": "t", "device_id": "device-1"}]),
    ("subscription_groups", [{"subscription_group_id": "g", "subscription_state": "subscribed"}]),
    ("time_zone", "Europe/Helsinki"),
    ("twitter", {"id": "5", "screen_name": "d", "followers_count": 1, "friends_count": 2}),
]
"""Every profile field of Braze's user attributes object, by Braze's name for it."""


@pytest.mark.parametrize(("name", "value"), RESERVED)
def test_a_reserved_braze_name_among_the_traits_reaches_braze_as_itself(name: str, value: Any) -> None:
    """The page: "By using the Braze naming convention for these fields and passing them as traits"."""
    sent = attributes_of({"userId": "dawei", "traits": {name: value}})
    assert sent == {"external_id": "dawei", "_update_existing_only": False, name: value}


# --- "Adding a user to a subscription group" ---------------------------------------------------------

GROUPS = [
    {"subscription_group_id": "{your-group-id}", "subscription_group_state": "subscribed"},
    {"subscription_group_id": "{your-group-id}", "subscription_group_state": "unsubscribed"},
]
"""The page's sample, the same in Swift, Kotlin and TypeScript."""


def test_the_sample_of_subscription_groups_is_sent_in_brazes_words() -> None:
    """`{your-user}` is put on one list and off another; nothing is repeated as a custom attribute."""
    assert attributes_of({"userId": "{your-user}", "traits": {"braze_subscription_groups": GROUPS}}) == {
        "external_id": "{your-user}",
        "_update_existing_only": False,
        "subscription_groups": [
            {"subscription_group_id": "{your-group-id}", "subscription_state": "subscribed"},
            {"subscription_group_id": "{your-group-id}", "subscription_state": "unsubscribed"},
        ],
    }


async def test_braze_has_the_person_on_the_one_list_and_off_the_other(tmp_path: Path) -> None:
    """The same call with ids of groups there are; the states as Braze keeps them."""
    ids = [f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number in (1, 2)]
    groups = [{**group, "subscription_group_id": name} for group, name in zip(GROUPS, ids, strict=True)]
    async with opened(tmp_path) as desk:
        braze = Client(desk.wire.sandbox, StillTime())
        for name in ids:
            await braze.send("POST", "/_sandbox/subscription_groups", {"id": name})
        traits = {"braze_subscription_groups": groups}
        await desk.stream.append(records({"type": "identify", "userId": "dawei", "traits": traits}))
        await desk.deliver()
        person = await braze.person("dawei")
    assert {name: person["groups"][name]["state"] for name in ids} == {
        ids[0]: "subscribed",
        ids[1]: "unsubscribed",
    }
    assert not person.get("custom_attributes")


# --- custom attributes and event properties of every type --------------------------------------------

EVERY_TYPE: Json = {
    "text": "Naruto",
    "whole": 33,
    "part": 1.5,
    "yes": True,
    "no": False,
    "moment": "2024-01-02T03:04:05Z",
    "texts": ["a", "b"],
    "numbers": [1, 2.5],
    "object": {"name": "Rex", "toys": {"count": 2, "names": ["ball", "bone"]}, "born": {"$time": TIME}},
    "objects": [{"name": "Rex", "tags": ["a"]}, {"name": "Fido", "home": {"city": "Turku"}}],
}


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_a_custom_attribute_of_this_type_is_sent_whole(name: str) -> None:
    """Nested ones and arrays: "the entire payload will be sent each time"."""
    sent = attributes_of({"userId": "dawei", "traits": {name: EVERY_TYPE[name]}})
    assert sent == {"external_id": "dawei", "_update_existing_only": False, name: EVERY_TYPE[name]}


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_an_event_property_of_this_type_is_sent_whole(name: str) -> None:
    """The page: "All custom event property data types are supported"."""
    event = {
        "type": "track",
        "userId": "dawei",
        "event": "played_game",
        "properties": {name: EVERY_TYPE[name]},
    }
    [(_, body)] = would_send(event)
    assert body["events"][0]["properties"] == {name: EVERY_TYPE[name]}


async def test_a_nested_attribute_is_sent_whole_each_time(tmp_path: Path) -> None:
    """The page, "Data mapping nuances", 1; delta sending is for those who ask for it."""
    pets = [{"pet": {"name": "Rex", "age": age}} for age in (3, 4)]
    async with opened(tmp_path) as desk:
        for traits in pets:
            await desk.stream.append(records({"type": "identify", "userId": "dawei", "traits": traits}))
            await desk.deliver()
        sent = [body["attributes"][0]["pet"] for body in desk.wire.bodies()]
        user = await exported(desk.wire, external_ids=["dawei"])
    assert sent == [traits["pet"] for traits in pets]
    assert user["custom_attributes"] == pets[1]


async def test_only_what_has_changed_is_sent_where_one_asks_for_it(tmp_path: Path) -> None:
    """The page, "Sending deltas to Braze": what it leaves to a function of one's own."""
    pets = [{"plan": "plus", "pet": {"name": "Rex", "age": age}} for age in (3, 4)]
    async with opened(tmp_path) as desk:
        for traits in pets:
            await desk.stream.append(records({"type": "identify", "userId": "dawei", "traits": traits}))
            await desk.deliver(bind(delivery=Delivery(wait_seconds=0, attributes="changed")))
        last = desk.wire.bodies()[-1]["attributes"][0]
        user = await exported(desk.wire, external_ids=["dawei"])
    assert (last.get("pet"), last.get("_merge_objects"), "plan" in last) == ({"age": 4}, True, False)
    assert user["custom_attributes"] == pets[1]


# --- "Track", the table of methods, and "Order completed" --------------------------------------------


async def test_a_track_call_without_properties_is_a_custom_event(tmp_path: Path) -> None:
    """`analytics.track("played_game");`"""
    event = {"type": "track", "userId": "dawei", "event": "played_game", "properties": {}}
    [(path, body)] = would_send({**event, "timestamp": TIME})
    assert path == "/users/track"
    assert body == {
        "events": [
            {
                "external_id": "dawei",
                "_update_existing_only": False,
                "name": "played_game",
                "time": TIME,
                "properties": {},
            }
        ]
    }
    async with opened(tmp_path) as desk:
        await desk.stream.append(records(event))
        await desk.deliver()
        user = await exported(desk.wire, external_ids=["dawei"])
    assert [(each["name"], each["count"]) for each in user["custom_events"]] == [("played_game", 1)]


def test_a_track_call_with_properties_has_event_properties() -> None:
    """`analytics.track("played_game", {name: "BotW", weapon: "boomerang"});`"""
    properties = {"name": "BotW", "weapon": "boomerang"}
    [(_, body)] = would_send(
        {"type": "track", "userId": "dawei", "event": "played_game", "properties": properties}
    )
    assert (body["events"][0]["name"], body["events"][0]["properties"]) == ("played_game", properties)


async def test_a_track_call_with_a_product_is_a_purchase(tmp_path: Path) -> None:
    """`analytics.track("Order Completed", {products: [product_id: "ab12", price: 19]});`"""
    order = {
        "type": "track",
        "userId": "dawei",
        "event": "Order Completed",
        "properties": {"products": [{"product_id": "ab12", "price": 19}]},
    }
    [(path, body)] = would_send({**order, "timestamp": TIME})
    assert path == "/users/track"
    assert body == {
        "purchases": [
            {
                "external_id": "dawei",
                "_update_existing_only": False,
                "time": TIME,
                "product_id": "ab12",
                "currency": "USD",
                "price": 19,
                "properties": {},
            }
        ]
    }
    async with opened(tmp_path) as desk:
        await desk.stream.append(records(order))
        await desk.deliver()
        user = await exported(desk.wire, external_ids=["dawei"])
    assert [(each["name"], each["count"]) for each in user["purchases"]] == [("ab12", 1)]
    assert user.get("custom_events", []) == []


ORDER: Json = {
    "checkout_id": "fksdjfsdjfisjf9sdfjsd9f",
    "order_id": "50314b8e9bcf000000000000",
    "affiliation": "Google Store",
    "total": 27.5,
    "subtotal": 22.5,
    "revenue": 25,
    "shipping": 3,
    "tax": 2,
    "discount": 2.5,
    "coupon": "hasbros",
    "currency": "EUR",
    "products": [
        {
            "product_id": "507f1f77bcf86cd799439011",
            "sku": "45790-32",
            "name": "Monopoly: 3rd Edition",
            "price": 19,
            "quantity": 1,
            "category": "Games",
            "url": "https://www.example.com/product/path",
        },
        {
            "product_id": "505bd76785ebb509fc183733",
            "sku": "46493-32",
            "name": "Uno Card Game",
            "price": 3,
            "quantity": 2,
            "category": "Games",
        },
    ],
}
"""An order in the format of Segment's ecommerce specification, version 2."""


async def test_an_order_of_the_ecommerce_specification_is_its_products_as_purchases(tmp_path: Path) -> None:
    """The page: "We will record the products you've listed as purchases": revenue as the products say it."""
    event = {"type": "track", "userId": "dawei", "event": "Order Completed", "properties": ORDER}
    async with opened(tmp_path) as desk:
        await desk.stream.append(records(event))
        await desk.deliver()
        [body] = desk.wire.bodies()
        user = await exported(desk.wire, external_ids=["dawei"])
    own = {name: value for name, value in ORDER.items() if name not in ("currency", "products")}
    products = [
        {name: value for name, value in product.items() if name not in ("product_id", "price", "quantity")}
        for product in ORDER["products"]
    ]
    assert [each["properties"] for each in body["purchases"]] == [{**product, **own} for product in products]
    assert sum(each["price"] * each["quantity"] for each in body["purchases"]) == ORDER["revenue"]
    assert {each["currency"] for each in body["purchases"]} == {"EUR"}
    assert {each["name"]: each["count"] for each in user["purchases"]} == {
        "507f1f77bcf86cd799439011": 1,
        "505bd76785ebb509fc183733": 2,
    }


# --- page calls, aliases, anonymous people -----------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "sent"),
    [
        ('type = "page"', ["Viewed Home Page", "Viewed  Page"]),
        ('type = "page" and name != null', ["Viewed Home Page"]),
        ('type = "page" and properties.path = "/cart"', []),
    ],
)
def test_a_page_call_can_be_a_trigger(trigger: str, sent: list[str]) -> None:
    """The page: a page call "can be used as a trigger": all pages, named ones, one page."""
    pages = Subscription(
        id="pages",
        action="track-event",
        trigger=trigger,
        mapping={
            "external_id": {"@path": "$.userId"},
            "name": {"@template": "Viewed {{name}} Page"},
            "time": {"@path": "$.timestamp"},
            "properties": {"@path": "$.properties"},
        },
    )
    names = []
    for event in ({"name": "Home", "properties": {"path": "/"}}, {"properties": {"path": "/blog"}}):
        for _, body in would_send({"type": "page", "userId": "dawei", **event}, pages):
            names += [each["name"] for each in body["events"]]
    assert names == sent


async def test_an_alias_is_added_to_a_profile_that_has_an_external_id(tmp_path: Path) -> None:
    """The page: "or add an alias to an existing external_id profile"."""
    add = Subscription(
        id="add",
        action="create-alias",
        trigger='event = "Create Alias"',
        mapping={"external_id": {"@path": "$.userId"}, **ALIAS},
    )
    made = {"type": "identify", "userId": "dawei", "traits": {"plan": "plus"}}
    named = {"type": "track", "event": "Create Alias", "userId": "dawei", "anonymousId": "a1"}
    identify = Subscription(id="identify", action="update-user-profile", trigger='type = "identify"')
    async with opened(tmp_path) as desk:
        await desk.stream.append(records(made))
        await desk.deliver(bind([identify, add]))
        await desk.stream.append(records(named))
        await desk.deliver(bind([identify, add]))
        alias = {"alias_name": "a1", "alias_label": "anonymous_id"}
        user = await exported(desk.wire, user_aliases=[alias])
    assert (user["external_id"], user["user_aliases"]) == ("dawei", [alias])
    assert user["custom_attributes"] == {"plan": "plus"}


async def test_an_alias_call_can_merge_two_people(tmp_path: Path) -> None:
    """The page: an alias call can be mapped, and "is not directly related to Braze user aliases": ours folds
    the previous id's profile into the new one's."""
    merge = Subscription(id="merge", action="merge-users", trigger='type = "alias"')
    identify = Subscription(id="identify", action="update-user-profile", trigger='type = "identify"')
    async with opened(tmp_path) as desk:
        for event in (
            {"type": "identify", "userId": "old", "traits": {"plan": "plus"}},
            {"type": "identify", "userId": "new", "traits": {"city": "Turku"}},
            {"type": "alias", "previousId": "old", "userId": "new"},
        ):
            await desk.stream.append(records(event))
            await desk.deliver(bind([identify, merge]))
        user = await exported(desk.wire, external_ids=["new"])
        gone = await desk.wire.post(
            "/users/export/ids", {"external_ids": ["old"], "fields_to_export": ["external_id"]}
        )
    assert user["custom_attributes"] == {"plan": "plus", "city": "Turku"}
    assert gone["invalid_user_ids"] == ["old"]


async def test_the_braze_id_of_a_visitor_reaches_the_profile_the_sdk_made(tmp_path: Path) -> None:
    """The page: "manually including the user's braze_id in all your Segment API calls"."""
    async with opened(tmp_path) as desk:
        visitor = desk.wire.sandbox.world.workspaces["sandbox"].people.create(1_700_000_000_000)
        mark = {"braze_id": visitor.braze_id}
        await desk.stream.append(
            records(
                {"type": "identify", "anonymousId": "a", "traits": {**mark, "theme": "dark"}},
                {"type": "track", "anonymousId": "a", "event": "Article Read", "properties": mark},
                {
                    "type": "track",
                    "anonymousId": "a",
                    "event": "Order Completed",
                    "properties": {**mark, "products": [{"product_id": "ab12", "price": 19}]},
                },
            )
        )
        await desk.deliver()
        user = await exported(desk.wire, braze_id=visitor.braze_id)
    assert "external_id" not in user
    assert user["custom_attributes"] == {"theme": "dark"}
    assert [each["name"] for each in user["custom_events"]] == ["Article Read"]
    assert [each["name"] for each in user["purchases"]] == ["ab12"]


# --- settings, batching, deletion, replay ------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ["rest.iad-01.braze.com", "https://rest.iad-01.braze.com"])
def test_the_three_cloud_mode_settings_are_in_every_request(endpoint: str) -> None:
    """App identifier, REST API key, custom REST endpoint, "such as rest.iad-01.braze.com"."""
    settings = {"api_key": "rest-key", "app_id": "app", "endpoint": endpoint}
    events = [
        {"type": "track", "userId": "dawei", "event": "played_game"},
        {
            "type": "track",
            "userId": "dawei",
            "event": "Order Completed",
            "properties": {"products": [{"product_id": "ab12", "price": 19}]},
        },
    ]
    for event in events:
        [request] = requests_of(event, settings=settings)
        assert request.url == "https://rest.iad-01.braze.com/users/track"
        assert request.headers["authorization"] == "Bearer rest-key"
        [item] = next(iter(json.loads(request.body).values()))
        assert item["app_id"] == "app"


async def test_batches_are_capped_at_75_and_each_action_has_its_own(tmp_path: Path) -> None:
    """The page: identify calls are batched in a request, track calls in a second."""
    events = [
        {**({"type": "identify"} if number % 2 else {"type": "track", "event": "e"}), "userId": f"u{number}"}
        for number in range(200)
    ]
    async with opened(tmp_path, lanes=1) as desk:
        await desk.stream.append(records(*events))
        await desk.deliver(bind(delivery=Delivery()))
        sizes = [{name: len(items) for name, items in body.items()} for body in desk.wire.bodies()]
    assert sorted(map(str, sizes)) == sorted(
        map(str, [{"attributes": 75}, {"attributes": 25}, {"events": 75}, {"events": 25}])
    )


def test_batches_accumulate_for_30_seconds_and_batching_can_be_turned_off() -> None:
    """The page: "over a 30-second period"; "Batch Data to Braze" is the mapping's own switch."""
    for subscription in bind(delivery=Delivery()).subscriptions:
        assert (subscription.travel.items, subscription.travel.wait_seconds) == (75, 30.0)
        assert subscription.mapping_json["enable_batching"] is True
    alone = Subscription(
        id="alone",
        action="track-event",
        trigger='type = "track"',
        mapping={**TRACK_EVENT.default_mapping(), "enable_batching": False},
    )
    [single] = bind([alone], delivery=Delivery()).subscriptions
    assert (single.travel.items, single.travel.wait_seconds) == (1, 0.0)


def test_deleting_somebody_asks_braze_by_the_common_identifier() -> None:
    """The page: the delete feature is mapped to /users/delete, by external_id."""
    assert BRAZE.erase is not None
    [request] = BRAZE.erase(
        [Person(user_id="dawei", anonymous_id="a")], {"api_key": KEY, "endpoint": ADDRESS}
    )
    assert (request.method, request.url) == ("POST", f"{ADDRESS}/users/delete")
    assert json.loads(request.body) == {"external_ids": ["dawei"]}


@pytest.mark.parametrize(
    ("identifier", "event", "asked"),
    [
        ("user id", {"userId": "dawei"}, {"external_ids": ["dawei"]}),
        (
            "e-mail",
            {"context": {"traits": {"email": "dawei@braze.com"}}},
            {"email_address": "dawei@braze.com"},
        ),
        ("alias", {}, {"user_aliases": [{"alias_name": "a", "alias_label": "anonymous_id"}]}),
    ],
)
async def test_a_past_event_reaches_the_person_by_any_identifier(
    identifier: str, event: Json, asked: Json, tmp_path: Path
) -> None:
    """The page's identifiers of cloud mode, which are also those of a replay."""
    alias = {"user_alias": ALIAS} if identifier == "alias" else {}
    everybody = Subscription(
        id="replay",
        action="track-event",
        trigger='type = "track"',
        mapping={**TRACK_EVENT.default_mapping(), **alias},
    )
    past = {"type": "track", "event": "Article Read", "anonymousId": "a", **event}
    async with opened(tmp_path) as desk:
        await desk.stream.append(records(past))
        await desk.deliver(bind([everybody]))
        user = await exported(desk.wire, **asked)
    assert [each["name"] for each in user["custom_events"]] == ["Article Read"], identifier
