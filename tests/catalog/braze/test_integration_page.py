"""The tables of Braze's integration page, against the presets a new destination starts from.

Source  Braze docs, "Segment", "Map methods", read 2026-11-24
"""

from typing import Any

import pytest
from tests.catalog.braze.pages import Json, page, preset, through

from segue.language import trigger as triggers

IDENTIFY: Json = {"type": "identify", "userId": "dawei"}
TRACK: Json = {
    "type": "track",
    "userId": "dawei",
    "event": "played_game",
    "timestamp": "2024-01-02T03:04:05.000Z",
}
UPDATES = {"external_id": "dawei", "_update_existing_only": False}


def identified(traits: Json, **event: Any) -> Json:
    """The attributes an identify call becomes, without what every one has."""
    [attributes] = through("Identify calls", {**IDENTIFY, **event, "traits": traits})
    assert attributes.items() >= UPDATES.items()
    return {key: value for key, value in attributes.items() if key not in UPDATES}


@pytest.mark.parametrize(
    ("traits", "attributes"),
    [
        ({"firstName": "Da"}, {"first_name": "Da"}),
        ({"lastName": "Wei"}, {"last_name": "Wei"}),
        ({"email": "dawei@braze.com"}, {"email": "dawei@braze.com"}),
        ({"birthday": "1990-05-17"}, {"dob": "1990-05-17"}),
        ({"birthday": "1990-05-17T10:00:00.000Z"}, {"dob": "1990-05-17"}),
        ({"address": {"country": "FI"}}, {"country": "FI"}),
        ({"address": {"city": "Turku"}}, {"home_city": "Turku"}),
        ({"gender": "Female"}, {"gender": "F"}),
        ({"phone": "+358"}, {"phone": "+358"}),
        ({"avatar": "https://a.example/p.png"}, {"image_url": "https://a.example/p.png"}),
    ],
)
def test_a_special_trait_fills_its_standard_attribute_and_nothing_else(
    traits: Json, attributes: Json
) -> None:
    """The trait table, row by row; a consumed trait is not repeated as a custom attribute."""
    assert identified(traits) == attributes


def test_what_is_left_of_an_address_is_a_custom_attribute() -> None:
    """City and country travel in their own fields."""
    address = {"city": "Turku", "country": "FI", "street": "Main 1"}
    assert identified({"address": address}) == {
        "country": "FI",
        "home_city": "Turku",
        "address": {"street": "Main 1"},
    }
    assert identified({"address": "Main 1"}) == {"address": "Main 1"}


def test_the_country_of_the_address_comes_before_the_one_of_the_device() -> None:
    """The device's is better than none."""
    context = {"location": {"country": "SE", "latitude": 60.5, "longitude": 22}}
    place = {"latitude": 60.5, "longitude": 22}
    assert identified({"address": {"country": "FI"}}, context=context) == {
        "country": "FI",
        "current_location": place,
    }
    assert identified({}, context=context) == {"country": "SE", "current_location": place}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email_subscribe", "opted_in"),
        ("push_subscribe", "unsubscribed"),
        ("email_open_tracking_disabled", True),
        ("language", "fi"),
        ("time_zone", "Europe/Helsinki"),
        ("date_of_first_session", "2024-01-02T03:04:05.000Z"),
        ("marked_email_as_spam_at", "2024-01-02T03:04:05.000Z"),
        ("push_tokens", [{"app_id": "a", "token": "t"}]),
        ("twitter", {"id": "5", "screen_name": "d"}),
        ("facebook", {"id": "5", "likes": ["tea"]}),
        ("first_name", "Da"),
        ("last_name", "Wei"),
        ("home_city", "Turku"),
        ("country", "FI"),
        ("dob", "1990-05-17"),
        ("user_alias", {"alias_name": "n", "alias_label": "l"}),
        ("braze_id", "0123"),
    ],
)
def test_a_reserved_braze_name_passes_as_a_trait_of_that_name(name: str, value: Any) -> None:
    """Braze's naming convention works as it is."""
    assert identified({name: value}) == {name: value}


def test_first_name_in_the_spelling_of_the_spec_comes_first() -> None:
    """The other spelling is only taken without it, and a null clears."""
    assert identified({"firstName": "Da", "first_name": "D"}) == {"first_name": "Da"}
    assert identified({"firstName": None, "lastName": None}) == {"first_name": None, "last_name": None}


def test_braze_subscription_groups_become_subscription_groups() -> None:
    """The page's keys are put into Braze's."""
    groups = [
        {"subscription_group_id": "g1", "subscription_group_state": "subscribed"},
        {"subscription_group_id": "g2", "subscription_group_state": "unsubscribed"},
    ]
    assert identified({"braze_subscription_groups": groups}) == {
        "subscription_groups": [
            {"subscription_group_id": "g1", "subscription_state": "subscribed"},
            {"subscription_group_id": "g2", "subscription_state": "unsubscribed"},
        ]
    }


VALUES = [True, 7, 7.5, "Naruto", "2024-01-02T03:04:05Z", ["a", 1], {"deep": {"er": [1]}}, [{"id": 1}], None]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_any_other_trait_is_a_custom_attribute_of_every_type(value: Any) -> None:
    """Nested ones and lists of objects too; null clears."""
    assert identified({"fav_cartoon": value}) == {"fav_cartoon": value}


def test_a_null_inside_a_custom_attribute_is_left_out() -> None:
    """Braze would drop the attribute's whole update."""
    assert identified({"pet": {"name": "Rex", "age": None, "toys": [{"id": 1, "lost": None}, None]}}) == {
        "pet": {"name": "Rex", "toys": [{"id": 1}, None]}
    }


@pytest.mark.parametrize("value", [v for v in VALUES if v is not None], ids=repr)
def test_a_track_call_is_a_custom_event_with_properties_of_every_type(value: Any) -> None:
    """The event's own name and time."""
    [event] = through("Track calls", {**TRACK, "properties": {"name": "BotW", "weapon": value}})
    assert event == {
        **UPDATES,
        "name": "played_game",
        "time": "2024-01-02T03:04:05.000Z",
        "properties": {"name": "BotW", "weapon": value},
    }


def test_an_order_completed_becomes_purchases() -> None:
    """One per product, in the order's currency; the order's properties are repeated on each."""
    order = {
        **TRACK,
        "event": "Order Completed",
        "properties": {
            "order_id": "o1",
            "currency": "EUR",
            "products": [
                {"product_id": "ab12", "price": 19, "quantity": 2, "name": "Tea"},
                {"product_id": 7, "price": "1.5", "currency": "SEK"},
            ],
        },
    }
    common = {**UPDATES, "time": "2024-01-02T03:04:05.000Z"}
    assert through("Order Completed", order) == [
        {
            **common,
            "product_id": "ab12",
            "currency": "EUR",
            "price": 19,
            "quantity": 2,
            "properties": {"name": "Tea", "order_id": "o1"},
        },
        {**common, "product_id": "7", "currency": "SEK", "price": 1.5, "properties": {"order_id": "o1"}},
    ]


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        ({"type": "identify", "userId": "u"}, {"Identify calls"}),
        ({"type": "identify", "traits": {"email": "a@example.com"}}, {"Identify calls"}),
        ({"type": "identify", "anonymousId": "a", "traits": {"plan": "plus"}}, set()),
        ({"type": "track", "event": "played_game", "userId": "u"}, {"Track calls"}),
        ({"type": "track", "event": "played_game", "anonymousId": "a"}, set()),
        ({"type": "track", "event": "Order Completed", "userId": "u"}, {"Order Completed"}),
        ({"type": "page", "name": "Home", "userId": "u"}, set()),
        ({"type": "alias", "userId": "u"}, set()),
    ],
)
def test_each_event_starts_exactly_one_of_our_presets(event: Json, wanted: set[str]) -> None:
    """An order is never counted twice; pages are for you to choose."""
    names = ("Identify calls", "Track calls", "Order Completed")
    assert {name for name in names if triggers.matches(triggers.parse(preset(name).trigger), event)} == wanted


def test_the_braze_id_of_somebody_anonymous_is_enough() -> None:
    """The page's work-around: the id Braze gave the device, in every call."""
    [event] = through(
        "Track calls", {**TRACK, "userId": None, "anonymousId": "a", "properties": {"braze_id": "b1"}}
    )
    assert event["braze_id"] == "b1"
    assert "external_id" not in event
    [attributes] = through(
        "Identify calls", {"type": "identify", "traits": {"braze_id": "b1", "plan": "pro"}}
    )
    assert attributes == {"braze_id": "b1", "plan": "pro", "_update_existing_only": False}


def test_people_known_only_by_an_alias_can_be_made_and_merged() -> None:
    """Create alias and identify user are there beside the presets."""
    assert page("createAlias").slug == "create-alias"
    assert page("identifyUser2").slug == "identify-user"
    assert page("merge-users").trigger == 'type = "alias"'
