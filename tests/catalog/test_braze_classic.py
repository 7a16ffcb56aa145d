"""The classic Braze destination: its stored settings, and every call's whole journey.

Expected values are those of the published pages and of the last public server code; each test names its fact.
"""

from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.migration.exported import destination, source
from tests.sandbox.client import client

from segue.catalog.braze.classic import BRAZE_CLASSIC
from segue.catalog.braze.classic_settings import DATACENTERS, SETTINGS
from segue.catalog.contents import catalogue
from segue.engine.migration.export import read_export
from segue.engine.migration.migrate import migrate
from segue.engine.plan import Plan, prepare
from segue.engine.preview import DestinationPreview, preview
from segue.engine.route import is_wanted
from segue.engine.setup import find_page
from segue.kit.coerce import check_settings
from segue.kit.partner import Person
from segue.model.delivery import Response, Row, Verdict
from segue.model.errors import MisconfiguredWorkspace
from segue.model.workspace import Destination, Source, Workspace

Json = dict[str, Any]

STORED: Json = {
    "allowCrawlerActivity": False,
    "apiKey": "app-1",
    "appGroupId": "key-1",
    "automatic_in_app_message_registration_enabled": True,
    "automaticallyDisplayMessages": True,
    "customEndpoint": "",
    "datacenter": "us03",
    "doNotLoadFontAwesome": False,
    "enableHtmlInAppMessages": False,
    "enableLogging": False,
    "logPurchaseWhenRevenuePresent": False,
    "minimumIntervalBetweenTriggerActionsInSeconds": 30,
    "onlyTrackKnownUsersOnWeb": False,
    "openInAppMessagesInNewTab": False,
    "openNewsFeedCardsInNewTab": False,
    "restCustomEndpoint": "",
    "safariWebsitePushId": "",
    "serviceWorkerLocation": "",
    "sessionTimeoutInSeconds": 30,
    "trackAllPages": False,
    "trackNamedPages": False,
    "updateExistingOnly": False,
    "version": "2",
}
"""Settings as the Public API stores them for a classic destination, all of them."""

WHEN = "2026-11-24T10:00:00.000Z"
WHO: Json = {"external_id": "u1", "_update_existing_only": False}
SAID: Json = {**WHO, "app_id": "app-1", "time": WHEN}


@cache
def plan_of(**settings: Any) -> Plan:
    """A workspace with one classic destination and nothing but its stored settings."""
    destination = Destination(
        id="classic", type="braze-classic", source="web", settings=STORED | settings, name="Braze Classic"
    )
    sources = (Source(id="web", write_keys=("wk",)),)
    return prepare(Workspace(sources=sources, destinations=(destination,)), catalogue())


def journey(event: Json, **settings: Any) -> DestinationPreview:
    """An event's whole journey to it."""
    whole = {"messageId": "m1", "userId": "u1", "timestamp": WHEN} | event
    whole = {key: value for key, value in whole.items() if value is not None}
    [found] = preview(plan_of(**settings), "web", whole).destinations
    return found


def bodies(event: Json, **settings: Any) -> list[Json]:
    return [orjson.loads(request.body) for request in journey(event, **settings).requests]


def sent(array: str, event: Json, **settings: Any) -> Json:
    """The only object an event becomes, which stands in this array."""
    [body] = bodies(event, **settings)
    assert list(body) == [array]
    [item] = body[array]
    return dict(item)


def notes(event: Json, **settings: Any) -> dict[str, str]:
    return dict(note for each in journey(event, **settings).subscriptions for note in each.notes)


def identified(traits: Json, **settings: Any) -> Json:
    """The attributes traits become, without what every object has."""
    item = sent("attributes", {"type": "identify", "traits": traits}, **settings)
    assert item.items() >= WHO.items()
    return {key: value for key, value in item.items() if key not in WHO}


def track(event: str = "Played", **properties: Any) -> Json:
    return {"type": "track", "event": event, "properties": properties}


# -- settings


def test_stored_settings_load_unchanged_and_without_a_word() -> None:
    """All keys as stored; neither fault nor warning; the five fixed subscriptions run."""
    plan = plan_of()
    assert not plan.warnings
    assert [each.action.slug for each in plan.destinations["classic"].subscriptions] == [
        *("identify", "track", "page", "group", "alias"),
    ]


def test_both_preset_sets_are_the_same_fixed_behaviour() -> None:
    """There is no mapping to edit, so there is nothing to choose."""
    assert BRAZE_CLASSIC.presets["ours"] == BRAZE_CLASSIC.presets["published"]


@pytest.mark.parametrize(
    ("key", "kind", "default", "label"),
    [
        ("apiKey", "string", "", "App Identifier"),
        ("restCustomEndpoint", "string", "", "Custom REST API Endpoint"),
        ("customEndpoint", "string", "", "Custom API Endpoint"),
        ("updateExistingOnly", "boolean", False, "Update Existing Users Only"),
        ("trackAllPages", "boolean", False, "Track All Pages"),
        ("trackNamedPages", "boolean", False, "Track Only Named Pages"),
        ("logPurchaseWhenRevenuePresent", "boolean", False, "Log Purchase when Revenue is present"),
        ("onlyTrackKnownUsersOnWeb", "boolean", False, "Only Track Known Users"),
        (
            *("automatic_in_app_message_registration_enabled", "boolean", True),
            "Enable Automatic In-App Message Registration",
        ),
        ("automaticallyDisplayMessages", "boolean", True, "Automatically Send In-App Messages"),
        ("allowCrawlerActivity", "boolean", False, "Allow Crawler Activity"),
        ("doNotLoadFontAwesome", "boolean", False, "Do Not Load Font Awesome"),
        ("enableHtmlInAppMessages", "boolean", False, "Enable HTML In-App Messages"),
        ("enableLogging", "boolean", False, "Enable Logging"),
        ("openInAppMessagesInNewTab", "boolean", False, "Open In-App Messages In New Tab"),
        ("openNewsFeedCardsInNewTab", "boolean", False, "Open News Feed Cards In New Tab"),
        (
            *("minimumIntervalBetweenTriggerActionsInSeconds", "number", 30),
            "Minimum Interval Between Trigger Actions In Seconds",
        ),
        ("sessionTimeoutInSeconds", "number", 30, "Session Timeout In Seconds"),
        ("safariWebsitePushId", "string", "", "Safari Website Push ID"),
        ("serviceWorkerLocation", "string", "", "Service Worker Location"),
    ],
)
def test_a_setting_has_its_published_type_default_and_label(
    key: str, kind: str, default: Any, label: str
) -> None:
    """The catalogue's table, row by row."""
    field = SETTINGS[key]
    assert (field.type, field.default, field.label, field.required) == (kind, default, label, False)


def test_the_key_and_the_region_are_required_and_the_key_is_a_secret() -> None:
    """The label of appGroupId is REST API Key; that of datacenter, Endpoint Region."""
    _, problems = check_settings(SETTINGS, {})
    assert [key for key, _ in problems] == ["appGroupId", "datacenter"]
    assert SETTINGS["appGroupId"].type == "password"
    assert (SETTINGS["appGroupId"].label, SETTINGS["datacenter"].label) == ("REST API Key", "Endpoint Region")


def test_the_published_sdk_versions_are_offered_and_any_other_loads() -> None:
    """What has no effect must not keep a workspace from moving."""
    assert [choice.value for choice in SETTINGS["version"].suggestions] == ["1", "2", "2.7", "3.1"]
    assert not plan_of(version="4.0", sessionTimeoutInSeconds="60", localization="de").warnings


def test_settings_of_the_sdks_say_that_they_do_nothing_and_do_nothing() -> None:
    """Each names the place where it would work; turned over, no request changes."""
    inert = {key: field for key, field in SETTINGS.items() if field.hidden}
    effective = {"appGroupId", "datacenter", "restCustomEndpoint", "apiKey", "updateExistingOnly"}
    effective |= {"trackAllPages", "trackNamedPages", "logPurchaseWhenRevenuePresent"}
    assert SETTINGS.keys() - inert.keys() == effective
    assert all("No effect in cloud mode" in field.help for field in inert.values())
    turned: Json = {
        key: (not field.default) if field.type == "boolean" else 1 if field.type == "number" else "x"
        for key, field in inert.items()
    }
    event = track(revenue=5, currency="EUR")
    assert journey(event, **turned).requests == journey(event).requests


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("us", "https://rest.iad-01.braze.com"),
        ("us02", "https://rest.iad-02.braze.com"),
        ("us03", "https://rest.iad-03.braze.com"),
        ("us04", "https://rest.iad-04.braze.com"),
        ("us05", "https://rest.iad-05.braze.com"),
        ("us06", "https://rest.iad-06.braze.com"),
        ("us08", "https://rest.iad-08.braze.com"),
        ("eu", "https://rest.fra-01.braze.eu"),
    ],
)
def test_the_region_decides_the_rest_address(region: str, address: str) -> None:
    """Every published region, with the bearer key of appGroupId."""
    [request] = journey(track(), datacenter=region).requests
    assert request.url == f"{address}/users/track"
    assert request.headers["authorization"] == "Bearer key-1"
    assert DATACENTERS[region] == address


def test_a_custom_rest_endpoint_replaces_the_regions_address() -> None:
    """The SDK's customEndpoint does not."""
    settings = {"restCustomEndpoint": "https://foo.bar.braze.com/", "customEndpoint": "sdk.bar.braze.com"}
    [request] = journey(track(), **settings).requests
    assert request.url == "https://foo.bar.braze.com/users/track"


@pytest.mark.parametrize(
    ("wrong", "place"),
    [({"datacenter": "mars"}, "datacenter"), ({"restCustomEndpoint": "foo"}, "restCustomEndpoint")],
)
def test_a_setting_that_cannot_work_is_a_fault_at_its_place(wrong: Json, place: str) -> None:
    """An unknown region, an address without scheme."""
    with pytest.raises(MisconfiguredWorkspace) as error:
        plan_of(**wrong)
    assert [fault.place for fault in error.value.faults] == [f"destinations.classic.settings.{place}"]


def test_classic_is_found_by_its_old_names_and_its_published_id() -> None:
    """In a workspace file and in an export."""
    for name in ("braze-classic", "appboy", "54efbf12db31d978f14aa8b5"):
        assert find_page(catalogue(), name) is BRAZE_CLASSIC


def test_classic_answers_to_braze_and_appboy_in_the_integrations_object() -> None:
    """As cloud calls and mobile plugins name it."""
    names = plan_of().destinations["classic"].names
    assert not is_wanted({"Braze": False}, names)
    assert not is_wanted({"Appboy": False}, names)
    assert is_wanted({"All": False, "Appboy": True}, names)
    assert is_wanted({"All": False, "Braze": {"braze_id": "b1"}}, names)
    assert journey({**track(), "integrations": {"All": False}}).reason == "FILTERED_BY_INTEGRATIONS_OBJECT"


# -- who


@pytest.mark.parametrize(
    "where",
    [
        {"integrations": {"Braze": {"braze_id": "b1"}}},
        {"context": {"integrations": {"Braze": {"braze_id": "b1"}}}},
        {
            "integrations": {"Braze": {"braze_id": "b1"}},
            "context": {"integrations": {"Braze": {"braze_id": "b2"}}},
        },
        {
            "integrations": {"Braze": True},
            "context": {"integrations": {"Braze": {"braze_id": "b1"}}},
        },
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        {"type": "identify", "traits": {"plan": "pro"}},
        {"type": "track", "event": "Played"},
        {"type": "page", "name": "Home"},
        {"type": "group", "groupId": "g1"},
    ],
    ids=lambda call: call["type"],
)
def test_a_braze_id_stands_in_for_a_missing_user_id(where: Json, call: Json) -> None:
    """Looked for in integrations, then in context.integrations."""
    anonymous = {"userId": None, "anonymousId": "a1"}
    [body] = bodies({**anonymous, **where, **call}, trackAllPages=True)
    [[item]] = body.values()
    assert item["braze_id"] == "b1"
    assert "external_id" not in item


def test_the_user_id_goes_before_a_braze_id() -> None:
    """Only one of them is sent."""
    item = sent("events", {**track(), "integrations": {"Braze": {"braze_id": "b1"}}})
    assert item["external_id"] == "u1"
    assert "braze_id" not in item


@pytest.mark.parametrize(
    "call",
    [
        {"type": "identify", "traits": {"email": "a@b.example"}},
        track(),
        {"type": "page", "name": "Home"},
        {"type": "group", "groupId": "g1"},
    ],
    ids=lambda call: call["type"],
)
def test_somebody_without_user_id_and_braze_id_is_filtered(call: Json) -> None:
    """The published code of a message the destination rejects; no dead letter for each anonymous step."""
    found = journey({"userId": None, "anonymousId": "a1", **call}, trackAllPages=True)
    assert found.reason == "MESSAGE_REJECTED"
    assert not found.requests
    [told] = [each for each in found.subscriptions if each.matched]
    assert told.notes[-1][1].startswith("neither userId nor")


# -- identify


@pytest.mark.parametrize(
    ("traits", "attributes"),
    [
        ({"firstName": "Jane"}, {"first_name": "Jane"}),
        ({"lastName": "Kim"}, {"last_name": "Kim"}),
        ({"birthday": "1990-05-17"}, {"dob": "1990-05-17"}),
        ({"birthday": "1990-05-17T23:30:00.000Z"}, {"dob": "1990-05-17"}),
        ({"dob": "1990-05-17T00:00:00Z"}, {"dob": "1990-05-17"}),
        ({"avatar": "https://a.example/p.png"}, {"image_url": "https://a.example/p.png"}),
        ({"address": {"city": "Turku", "street": "Main 1"}}, {"home_city": "Turku"}),
        ({"address": {"country": "FI"}}, {"country": "FI"}),
        ({"address": "Main 1"}, {}),
        ({"email": "jane@b.example", "phone": "+358"}, {"email": "jane@b.example", "phone": "+358"}),
        ({"id": "u1", "name": None}, {}),
        ({"email_subscribe": "opted_in"}, {"email_subscribe": "opted_in"}),
        ({"push_subscribe": "unsubscribed"}, {"push_subscribe": "unsubscribed"}),
        ({"home_city": "Oulu", "country": "FI"}, {"home_city": "Oulu", "country": "FI"}),
        (
            {"language": "fi", "time_zone": "Europe/Helsinki"},
            {"language": "fi", "time_zone": "Europe/Helsinki"},
        ),
        (
            {"current_location": {"latitude": 60.4, "longitude": 22.3}},
            {"current_location": {"latitude": 60.4, "longitude": 22.3}},
        ),
        ({"email": None, "plan": None}, {"email": None, "plan": None}),
    ],
)
def test_a_trait_becomes_its_published_attribute(traits: Json, attributes: Json) -> None:
    """The trait table; id, name and address are removed, standard fields pass under their own names."""
    assert identified(traits) == attributes


@pytest.mark.parametrize(
    ("traits", "attributes"),
    [
        ({"name": "Jane Ann Kim"}, {"first_name": "Jane", "last_name": "Ann Kim"}),
        ({"name": " Jane "}, {"first_name": "Jane"}),
        ({"name": "Jane Kim", "firstName": "Janet"}, {"first_name": "Janet", "last_name": "Kim"}),
        ({"first_name": "Jane"}, {"first_name": "Jane"}),
        ({"First Name": "Jane"}, {"first_name": "Jane", "First Name": "Jane"}),
        ({"LastName": " Kim "}, {"last_name": "Kim", "LastName": " Kim "}),
        ({"firstName": 5}, {}),
        ({"photoUrl": "https://p"}, {"image_url": "https://p", "photoUrl": "https://p"}),
        ({"avatar_url": "https://p"}, {"image_url": "https://p", "avatar_url": "https://p"}),
    ],
)
def test_traits_are_looked_up_in_any_spelling_and_names_taken_apart(traits: Json, attributes: Json) -> None:
    """As the classic libraries do."""
    assert identified(traits) == attributes


@pytest.mark.parametrize(
    ("word", "letter"),
    [("m", "M"), ("F", "F"), ("Male", "M"), ("FEMALE", "F"), ("man", "M"), ("Woman", "F"), ("other", "O")],
)
def test_a_gender_classic_knows_becomes_brazes_letter(word: str, letter: str) -> None:
    """A listed difference: classic sent the word as it came."""
    assert identified({"gender": word}) == {"gender": letter}


@pytest.mark.parametrize("word", ["w", "unknown", "", 1, None])
def test_any_other_gender_is_removed(word: Any) -> None:
    """With a note, unless it was no value at all."""
    assert identified({"gender": word}) == {}
    assert "traits.gender" in notes({"type": "identify", "traits": {"gender": word}})


@pytest.mark.parametrize(
    "value", ["pro", 5, 1.5, True, ["a", "b"], [1, 2], [], "2026-01-01", {"inc": 2}, {"add": ["a"]}]
)
def test_other_traits_are_custom_attributes_with_their_key_unchanged(value: Any) -> None:
    """Texts, numbers, booleans, dates, lists of plain values, and Braze's operations on them."""
    assert identified({"Favourite Thing": value}) == {"Favourite Thing": value}


@pytest.mark.parametrize("value", [{"a": 1}, {}, [{"a": 1}], [["a"]], {"add": [{"a": 1}]}, {"add": "a"}])
def test_nested_objects_are_left_out_with_a_note(value: Any) -> None:
    """The rest of the traits travel."""
    assert identified({"nested": value, "plan": "pro"}) == {"plan": "pro"}
    assert "left out" in notes({"type": "identify", "traits": {"nested": value}})["traits.nested"]


@pytest.mark.parametrize(
    "name",
    [
        *("external_id", "braze_id", "user_alias", "alias_name", "alias_label"),
        *("_update_existing_only", "_merge_objects", "push_token_import"),
    ],
)
def test_a_trait_cannot_say_who_is_meant_or_how_it_is_applied(name: str) -> None:
    """Reserved Braze names are no custom attributes."""
    assert identified({name: "x"}) == {}
    assert notes({"type": "identify", "traits": {name: "x"}}) == {f"traits.{name}": "reserved name, removed"}


def test_a_birthday_that_is_no_date_is_left_out() -> None:
    """The rest of the identify travels."""
    assert identified({"birthday": "soon", "plan": "pro"}) == {"plan": "pro"}
    assert notes({"type": "identify", "traits": {"birthday": "soon"}}) == {
        "traits.birthday": "no date, left out"
    }


def test_subscription_groups_are_put_in_the_words_of_the_rest_api() -> None:
    """A listed difference: only the apps' plugins did so. A wrong entry is left out."""
    traits = {
        "braze_subscription_groups": [
            {"subscription_group_id": "g1", "subscription_group_state": "subscribed"},
            {"subscription_group_id": "g2", "subscription_group_state": "unsubscribed"},
            {"subscription_group_id": "g3", "subscription_group_state": "maybe"},
            "g4",
        ]
    }
    assert identified(traits) == {
        "subscription_groups": [
            {"subscription_group_id": "g1", "subscription_state": "subscribed"},
            {"subscription_group_id": "g2", "subscription_state": "unsubscribed"},
        ]
    }
    assert list(notes({"type": "identify", "traits": traits})) == [
        "traits.braze_subscription_groups[2]",
        "traits.braze_subscription_groups[3]",
    ]


def test_an_identify_without_traits_still_makes_the_profile() -> None:
    """As published."""
    assert identified({}) == {}


# -- track


def test_a_track_call_is_a_custom_event_at_its_own_time() -> None:
    """External id, app id, name, the event's timestamp, properties, update rule; nothing else."""
    assert bodies(track("Played", level=3, tags=["a"], box={"x": None})) == [
        {"events": [SAID | {"name": "Played", "properties": {"level": 3, "tags": ["a"], "box": {"x": None}}}]}
    ]


def test_an_event_without_app_identifier_and_properties_has_them_empty() -> None:
    """As published."""
    item = sent("events", {"type": "track", "event": "Played"}, apiKey="")
    assert (item["app_id"], item["properties"]) == ("", {})


def test_properties_braze_reserves_are_removed_from_events() -> None:
    """The five of the page: time, quantity, event_name, price, currency; product_id and revenue stay."""
    taken: Json = {"time": 1, "quantity": 1, "event_name": "x", "price": 1, "currency": "EUR"}
    event = track(**taken, product_id="p1", revenue=5)
    assert sent("events", event)["properties"] == {"product_id": "p1", "revenue": 5}
    assert notes(event) == {f"properties.{name}": "reserved name, removed" for name in taken}


@pytest.mark.parametrize("setting", [True, False])
def test_update_existing_only_marks_every_object(setting: bool) -> None:
    """Attributes, events, purchases, pages, groups."""
    calls: list[Json] = [
        {"type": "identify", "traits": {}},
        track(),
        track("Order Completed", products=[{"id": "p1", "price": 1}]),
        {"type": "page"},
        {"type": "group", "groupId": "g1"},
    ]
    for call in calls:
        [body] = bodies(call, updateExistingOnly=setting, trackAllPages=True)
        [[item]] = body.values()
        assert item["_update_existing_only"] is setting


# -- purchases


@pytest.mark.parametrize(
    "name", ["Order Completed", "Completed Order", "order completed", "order_completed", "CompletedOrder"]
)
def test_a_completed_order_is_one_purchase_per_product(name: str) -> None:
    """Under both names and in any spelling; the order's properties are not sent."""
    products = [
        {"product_id": "p1", "id": "x", "price": 9.5, "quantity": 2, "currency": "USD", "name": "Hat"},
        {"id": 7, "price": "3"},
    ]
    assert bodies(track(name, order_id="o1", currency="EUR", products=products)) == [
        {
            "purchases": [
                SAID | {"product_id": "p1", "currency": "EUR", "price": 9.5, "quantity": 2},
                SAID | {"product_id": "7", "currency": "EUR", "price": 3, "quantity": 1},
            ]
        }
    ]


@pytest.mark.parametrize(
    ("order", "product", "currency"),
    [("EUR", "GBP", "EUR"), (None, "GBP", "GBP"), (None, None, "USD")],
)
def test_a_purchase_is_in_the_orders_currency_else_the_products_else_dollars(
    order: str | None, product: str | None, currency: str
) -> None:
    """A listed difference: the old code asked only the product."""
    item = sent(
        "purchases",
        track("Order Completed", currency=order, products=[{"id": "p", "price": 1, "currency": product}]),
    )
    assert item["currency"] == currency


@pytest.mark.parametrize(("given", "quantity"), [(3, 3), ("2", 2), (0, 1), (None, 1), ("0", 1)])
def test_a_quantity_is_one_by_default(given: Any, quantity: int) -> None:
    """Of nothing as well."""
    item = sent("purchases", track("Order Completed", products=[{"id": "p", "price": 1, "quantity": given}]))
    assert item["quantity"] == quantity


def test_a_product_braze_could_not_take_is_left_out_with_a_note() -> None:
    """Its neighbours are bought."""
    products: list[Any] = [
        {"price": 1},
        {"id": "p1"},
        {"id": "p2", "price": 1, "quantity": 1.5},
        "p3",
        None,
        {"id": "p4", "price": 0},
    ]
    event = track("Order Completed", products=products)
    assert sent("purchases", event)["product_id"] == "p4"
    assert list(notes(event)) == [
        "properties.products[0]",
        "properties.products[1].price",
        "properties.products[2].quantity",
        "properties.products[3]",
    ]


def test_an_order_of_which_nothing_can_be_bought_is_a_dead_letter() -> None:
    """It names the product, the field and the rule."""
    found = journey(track("Order Completed", products=[{"id": "p1", "price": "a lot"}]))
    [told] = [each for each in found.subscriptions if each.matched]
    assert (told.result, told.reason) == ("dead", "PAYLOAD_VALIDATION_FAILED")
    assert told.message == 'field "properties.products[0].price" must be a number, found a text'


def test_an_order_without_products_is_filtered() -> None:
    """There is nothing to say of it."""
    assert journey(track("Order Completed", total=5)).reason == "no_products"
    assert journey(track("Order Completed", products=[])).reason == "no_products"


def test_an_order_of_many_products_is_one_event_in_several_requests() -> None:
    """75 objects each."""
    products = [{"id": f"p{number}", "price": 1} for number in range(80)]
    sizes = [len(body["purchases"]) for body in bodies(track("Order Completed", products=products))]
    assert sizes == [75, 5]


def test_an_event_with_revenue_is_a_purchase_named_like_it_when_the_setting_is_on() -> None:
    """Price and currency from it; the other properties pass but for those Braze reserves."""
    gone: Json = {"quantity": 2, "product_id": "x", "time": 1, "event_name": "y", "price": 3}
    event = track("Plan Upgraded", revenue="$20.50", currency="EUR", plan="pro", **gone)
    assert bodies(event, logPurchaseWhenRevenuePresent=True) == [
        {
            "purchases": [
                SAID
                | {
                    "product_id": "Plan Upgraded",
                    "currency": "EUR",
                    "price": 20.5,
                    "properties": {"plan": "pro"},
                }
            ]
        }
    ]
    assert sent("events", event)["name"] == "Plan Upgraded"


@pytest.mark.parametrize(
    "properties",
    [
        {"revenue": 20},
        {"currency": "EUR"},
        {"revenue": 0, "currency": "EUR"},
        {"revenue": "x", "currency": "E"},
    ],
)
def test_revenue_and_currency_are_both_required_for_a_purchase(properties: Json) -> None:
    """Without one, or for free, it stays a custom event."""
    assert sent("events", track("Plan", **properties), logPurchaseWhenRevenuePresent=True)["name"] == "Plan"


def test_the_products_of_an_order_go_before_its_revenue() -> None:
    """Never both; revenue stands in when there are no products."""
    order: Json = {"revenue": 5, "currency": "EUR"}
    with_products = track("Order Completed", **order, products=[{"id": "p1", "price": 5}])
    on: Json = {"logPurchaseWhenRevenuePresent": True}
    assert sent("purchases", with_products, **on)["product_id"] == "p1"
    assert sent("purchases", track("Order Completed", **order), **on)["product_id"] == "Order Completed"


# -- page and screen


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ({"type": "page", "name": "Signup"}, "Viewed Signup Page"),
        ({"type": "page", "name": "Signup", "category": "Docs"}, "Viewed Docs Signup Page"),
        ({"type": "page", "category": "Docs"}, "Loaded a Page"),
        ({"type": "page"}, "Loaded a Page"),
        ({"type": "screen", "name": "Home"}, "Viewed Home Screen"),
        ({"type": "screen", "name": "Home", "category": "Shop"}, "Viewed Shop Home Screen"),
        ({"type": "screen"}, "Loaded a Screen"),
    ],
)
def test_a_page_or_screen_has_its_published_event_name(call: Json, name: str) -> None:
    """When all pages are tracked."""
    assert sent("events", call, trackAllPages=True)["name"] == name


@pytest.mark.parametrize("kind", ["page", "screen"])
@pytest.mark.parametrize(
    ("all_pages", "named_pages", "named_goes", "unnamed_goes"),
    [
        (False, False, False, False),
        (True, False, True, True),
        (False, True, True, False),
        (True, True, True, False),
    ],
)
def test_the_two_page_settings_decide_what_is_sent(
    kind: str, all_pages: bool, named_pages: bool, named_goes: bool, unnamed_goes: bool
) -> None:
    """Only named pages goes before all pages; what is not sent is rejected, with the published code."""
    settings = {"trackAllPages": all_pages, "trackNamedPages": named_pages}
    for call, goes in (({"type": kind, "name": "Home"}, named_goes), ({"type": kind}, unnamed_goes)):
        found = journey(call, **settings)
        assert bool(found.requests) is goes
        assert found.reason == ("" if goes else "MESSAGE_REJECTED")


def test_a_pages_properties_are_passed_whole_with_its_name_and_category() -> None:
    """Only what Braze refuses with the event is removed: time and event_name."""
    call = {
        "type": "page",
        "name": "Home",
        "category": "Docs",
        "properties": {"url": "https://x.example", "price": 1, "time": 5, "nested": {"a": 1}},
    }
    assert bodies(call, trackNamedPages=True) == [
        {
            "events": [
                SAID
                | {
                    "name": "Viewed Docs Home Page",
                    "properties": {
                        "url": "https://x.example",
                        "price": 1,
                        "nested": {"a": 1},
                        "category": "Docs",
                        "name": "Home",
                    },
                }
            ]
        }
    ]


# -- group and alias


def test_a_group_call_is_an_attribute_named_after_the_group() -> None:
    """Its traits are not sent."""
    call = {"type": "group", "groupId": "1234", "traits": {"name": "Initech"}}
    assert bodies(call) == [{"attributes": [WHO | {"ab_segment_group_1234": True}]}]


def test_an_alias_call_is_counted_as_unsupported() -> None:
    """With the published code."""
    found = journey({"type": "alias", "previousId": "a1"})
    assert found.reason == "UNSUPPORTED_EVENT_TYPE"
    assert not found.requests


# -- how it travels

WORDS = st.sampled_from(
    [
        *("products", "revenue", "currency", "quantity", "price", "id", "product_id", "time"),
        *("name", "firstName", "birthday", "dob", "gender", "address", "city", "avatar", "inc", "add"),
        *("braze_subscription_groups", "subscription_group_id", "subscription_group_state"),
    ]
)


def rows(context: str, *items: Json) -> list[Row]:
    return [
        Row(
            destination="classic",
            subscription="s",
            action="track",
            lane=0,
            offset=offset,
            order=offset,
            person="u:1",
            message_id=f"m{offset}",
            kind="track",
            items=(orjson.dumps(item),),
            context=context,
        )
        for offset, item in enumerate(items)
    ]


def test_events_and_purchases_of_one_action_never_share_a_request() -> None:
    """Each array has requests of its own, 75 objects at most, 30 seconds at the latest."""
    track_action = BRAZE_CLASSIC.action("track")
    assert track_action is not None
    batch = track_action[0].batch
    assert (batch.items, batch.wait_seconds, batch.item_bytes) == (75, 30.0, 100 * 1024)
    request = track_action[0].build(rows("purchases", {"n": 1}, {"n": 2}), STORED)
    assert request.body == b'{"purchases":[{"n":1},{"n":2}]}'
    assert (request.headers["x-braze-batch"], request.pool) == ("true", "users/track")
    assert "x-braze-batch" not in track_action[0].build(rows("events", {"n": 1}), STORED).headers


def test_braze_refuses_one_object_and_the_others_are_delivered() -> None:
    """The refused one carries Braze's own words."""
    found = BRAZE_CLASSIC.action("track")
    assert found is not None
    errors = [{"type": "bad name", "input_array": "events", "index": 1}]
    answer = Response(status=201, body=orjson.dumps({"message": "success", "errors": errors}))
    outcomes = found[0].read(answer, rows("events", {}, {}, {}))
    assert [outcome.verdict for outcome in outcomes] == [
        *(Verdict.DELIVERED, Verdict.REJECTED, Verdict.DELIVERED),
    ]
    assert outcomes[1].message == "bad name"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (400, Verdict.REJECTED),
        (404, Verdict.REJECTED),
        (401, Verdict.HOLD),
        (429, Verdict.HOLD),
        (500, Verdict.HOLD),
        (503, Verdict.HOLD),
    ],
)
def test_a_refusal_carries_brazes_text_and_trouble_is_tried_again(status: int, verdict: Verdict) -> None:
    """400 and its family reject the message; 429 and 5xx are retried, a wrong key waits for a right one."""
    found = BRAZE_CLASSIC.action("track")
    assert found is not None
    answer = Response(status=status, body=orjson.dumps({"message": "Braze's own words"}))
    [outcome] = found[0].read(answer, rows("events", {}))
    assert (outcome.verdict, outcome.message) == (verdict, "Braze's own words")


CALLS: list[tuple[Json, Json]] = [
    (
        {"type": "identify", "traits": {"firstName": "Ada", "address": {"city": "Turku"}, "plan": "plus"}},
        {
            "attributes": [
                {
                    "external_id": "u1",
                    "_update_existing_only": True,
                    "first_name": "Ada",
                    "home_city": "Turku",
                    "plan": "plus",
                }
            ]
        },
    ),
    (track(level=3), {"events": [{"name": "Played", "properties": {"level": 3}}]}),
    (
        track("Plan Upgraded", revenue=20, currency="EUR"),
        {"purchases": [{"product_id": "Plan Upgraded", "currency": "EUR", "price": 20, "properties": {}}]},
    ),
    (
        track("Order Completed", currency="EUR", products=[{"id": "p1", "price": 9.5}]),
        {"purchases": [{"product_id": "p1", "currency": "EUR", "price": 9.5, "quantity": 1}]},
    ),
    (
        {"type": "page", "name": "Home", "properties": {"path": "/"}},
        {"events": [{"name": "Viewed Home Page", "properties": {"path": "/", "name": "Home"}}]},
    ),
    ({"type": "page"}, {"events": [{"name": "Loaded a Page", "properties": {}}]}),
    (
        {"type": "group", "groupId": "g1", "traits": {"size": 4}},
        {"attributes": [{"external_id": "u1", "_update_existing_only": True, "ab_segment_group_g1": True}]},
    ),
]
"""Calls, and what they become with the switches on; events and purchases without what all of them have."""


@pytest.mark.parametrize(("call", "body"), CALLS, ids=lambda each: each.get("event", each.get("type", "")))
def test_a_workspace_that_still_runs_classic_moves_unchanged(call: Json, body: Json) -> None:
    """As the Public API exports it, through `segue import segment`: every setting, and nothing else."""
    switches = ("updateExistingOnly", "trackAllPages", "logPurchaseWhenRevenuePresent")
    exported = [
        source(),
        destination(
            metadata={"id": "54efbf12db31d978f14aa8b5", "slug": "braze", "name": "Braze"},
            settings=STORED | dict.fromkeys(switches, True),
        ),
    ]
    files = [(f"{number}.json", each) for number, each in enumerate(exported)]
    moved = migrate(read_export(files), catalogue()).workspace
    [made] = moved.destinations
    assert made.settings | {"appGroupId": ""} == STORED | dict.fromkeys(switches, True) | {"appGroupId": ""}
    event = {"messageId": "m1", "userId": "u1", "timestamp": WHEN} | call
    plan = prepare(moved, catalogue())
    assert plan.warnings == ()
    [found] = preview(plan, made.source, event).destinations
    [request] = found.requests
    assert request.url == "https://rest.iad-03.braze.com/users/track"
    said = {**SAID, "_update_existing_only": True}
    whole = {
        array: items if array == "attributes" else [said | item for item in items]
        for array, items in body.items()
    }
    assert orjson.loads(request.body) == whole


def test_people_are_deleted_by_their_external_ids_at_the_regions_address() -> None:
    """Deletion forwarding is supported for classic; who has no id is not known to Braze."""
    assert BRAZE_CLASSIC.erase is not None
    [request] = BRAZE_CLASSIC.erase([Person(user_id="u1"), Person(anonymous_id="a1")], STORED)
    assert request.url == "https://rest.iad-03.braze.com/users/delete"
    assert orjson.loads(request.body) == {"external_ids": ["u1"]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**18) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["identify", "track", "page", "screen", "group"]),
    values=st.dictionaries(WORDS, JSON, max_size=6),
)
def test_no_value_breaks_a_call(kind: str, values: Json) -> None:
    """Whatever traits and properties hold, the event is sent, filtered or a dead letter; nobody raises."""
    call = {"type": kind, "event": "Order Completed", "groupId": "g1", "traits": values, "properties": values}
    on = {"trackAllPages": True, "logPurchaseWhenRevenuePresent": True}
    found = journey(call, **on)
    [told] = [each for each in found.subscriptions if each.matched]
    assert bool(found.requests) is (told.result == "sends")


async def test_a_braze_takes_every_request_of_classic_without_a_warning() -> None:
    """The sandbox, written from Braze's documents, knows the person by all of them afterwards."""
    braze = client()
    calls: list[Json] = [
        {"type": "identify", "traits": {"name": "Jane Kim", "gender": "woman", "pets": ["cat"]}},
        track("Played", level=3),
        track("Order Completed", products=[{"id": "p1", "price": 9.5, "quantity": 2}]),
        track("Plan Upgraded", revenue=20, currency="EUR", plan="pro"),
        {"type": "page", "name": "Home", "properties": {"url": "https://x.example"}},
        {"type": "screen"},
        {"type": "group", "groupId": "g1"},
    ]
    for call in calls:
        settings = {"trackAllPages": True, "logPurchaseWhenRevenuePresent": True, "apiKey": ""}
        [request] = journey(call, **settings).requests
        answer = await braze.send("POST", "/users/track", raw=request.body)
        assert (answer.status, "errors" in answer.json) == (201, False), answer.json
        assert await braze.warnings() == []
    person = str(await braze.person("u1"))
    for word in ("Jane", "Kim", "'F'", "ab_segment_group_g1", "p1", "Plan Upgraded", "Viewed Home Page"):
        assert word in person, word
