"""The preview tells all of it: why nothing is sent, what was made to fit, and why each thing was dropped."""

from typing import Any

import pytest

from segue.catalog.contents import catalogue
from segue.engine.alterations import DEEPEST, altered, gone
from segue.engine.plan import prepare
from segue.engine.preview import DestinationPreview, Journey, preview
from segue.engine.route import Position, route
from segue.model.workspace import Destination, Filter, Source, Subscription, Workspace

SETTINGS = {"endpoint": "https://rest.iad-01.braze.com", "api_key": "k"}
EVENT: dict[str, Any] = {
    "type": "identify",
    "userId": "u1",
    "messageId": "m1",
    "timestamp": "2026-11-24T10:00:00.000Z",
    "traits": {"email": "ada@example.com"},
}


def journey(event: dict[str, Any], *subscriptions: Subscription, type: str = "braze", **more: Any) -> Journey:
    """What one destination makes of EVENT with these changes."""
    settings = SETTINGS if type == "braze" else {"url": "https://hook.example.com"}
    config = Destination(
        id="braze", type=type, source="web", settings=settings, subscriptions=subscriptions or None, **more
    )
    plan = prepare(
        Workspace(sources=(Source(id="web", write_keys=("k",)),), destinations=(config,)), catalogue()
    )
    return preview(plan, "web", {**EVENT, **event})


def told(event: dict[str, Any], *subscriptions: Subscription, **more: Any) -> DestinationPreview:
    """What the one destination makes of it."""
    [destination] = journey(event, *subscriptions, **more).destinations
    return destination


FILTERS = (
    Filter(
        id="mail", title="No mail", condition='contains(traits.email, "@x.")', actions=({"type": "DROP"},)
    ),
    Filter(
        id="pii",
        condition="all",
        actions=({"type": "DROP_PROPERTIES", "fields": {"traits": ["ssn"], "context.device": ["id"]}},),
    ),
)
CONSENT = {"consent_categories": ("marketing", "ads")}


@pytest.mark.parametrize(
    ("event", "more", "reason", "words"),
    [
        ({"integrations": {"Braze": False}}, {}, "FILTERED_BY_INTEGRATIONS_OBJECT", ['"Braze": false']),
        ({"integrations": {"Appboy": None}}, {}, "FILTERED_BY_INTEGRATIONS_OBJECT", ['"Appboy": null']),
        (
            {"integrations": {"All": False, "Slack": True}},
            {},
            "FILTERED_BY_INTEGRATIONS_OBJECT",
            ['"All": false', "Braze Cloud Mode (Actions)"],
        ),
        (
            {"context": {"consent": {"categoryPreferences": {"marketing": False}}}},
            CONSENT,
            "FILTERED_BY_END_USER_CONSENT",
            ["consent to marketing, ads", "has marketing: false", "does not have ads"],
        ),
        (
            {"context": {"consent": {"categoryPreferences": {"marketing": "yes", "ads": True}}}},
            CONSENT,
            "FILTERED_BY_END_USER_CONSENT",
            ["marketing: something other than true"],
        ),
        ({"context": {"consent": 5}}, CONSENT, "FILTERED_BY_END_USER_CONSENT", ["cannot be read"]),
        ({"_metadata": {"bundled": ["Slack", "Appboy"]}}, {}, "MESSAGE_SENT_CLIENT_SIDE", ['has "Appboy"']),
        (
            {"_metadata": {"bundledIds": ["braze"]}},
            {},
            "MESSAGE_SENT_CLIENT_SIDE",
            ['bundledIds has "braze"'],
        ),
        (
            {"traits": {"email": "a@x.com"}},
            {"filters": FILTERS},
            "FILTERED_BY_RULES",
            ['filter "No mail" drops it'],
        ),
        ({"traits": {"email": 5}}, {"filters": FILTERS}, "FILTERED_BY_RULES", ["cannot be evaluated"]),
        ({"type": "page"}, {}, "NO_MATCHING_MAPPING", []),
    ],
)
def test_a_destination_that_sends_nothing_says_which_part_of_the_event_decided(
    event: dict[str, Any], more: dict[str, Any], reason: str, words: list[str]
) -> None:
    """The published code, the sentence, and what each subscription would have sent."""
    destination = told(event, **more)
    assert destination.reason == reason
    for word in words:
        assert word in destination.message
    assert destination.requests == []
    results = {each.result for each in destination.subscriptions}
    assert results == ({"not matched"} if reason == "NO_MATCHING_MAPPING" else {"kept back", "not matched"})
    kept = [each.reason for each in destination.subscriptions if each.result == "kept back"]
    assert set(kept) <= {reason}


def test_a_destination_without_subscriptions_says_so() -> None:
    """Not only that nothing matched."""
    off = Subscription(id="s", action="track-event", trigger='type = "track"', enabled=False)
    assert told({}, off).message == "it has no enabled subscription"


def test_names_nobody_answers_to_are_told_of() -> None:
    """A misspelt name in the integrations object switches nothing on or off."""
    assert journey({"integrations": {"All": True, "braze eu": False, "Segment.io": True}}).unknown == (
        "braze eu",
    )
    assert journey({"integrations": {"Appboy": True}}).unknown == ()
    assert journey({"integrations": "none"}).unknown == ()


def test_properties_that_filters_removed_are_named() -> None:
    """Each by its path."""
    event = {"traits": {"email": "ada@example.com", "ssn": 1}, "context": {"device": {"id": "x", "os": "y"}}}
    destination = told(event, filters=FILTERS)
    assert destination.removed == ["traits.ssn", "context.device.id"]
    assert [(deed.filter, deed.action) for deed in destination.changes] == [("pii", "DROP_PROPERTIES")]


def test_every_trait_that_does_not_travel_says_why() -> None:
    """Unfit, empty, reserved, named in omit_attributes; and what was made to fit says from what to what."""
    traits = {
        "email": "ada@example.com",
        "birthday": "soon",
        "firstName": 5,
        "lastName": "",
        "gender": "female",
        "external_id": "hack",
        "nested": {"a": None, "b": 1},
        "address": {"city": "Rome", "street": "x"},
    }
    first = told({"traits": traits}).subscriptions[0]
    notes = dict(first.notes)
    assert "must be a date" in notes["dob"]
    assert "an empty text counts as no value" in notes["last_name"]
    assert "omit_attributes" in notes["custom_attributes.birthday"]
    assert "omit_attributes" in notes["custom_attributes.address.city"]
    assert "belongs to the field external_id" in notes["custom_attributes.external_id"]
    assert "null inside it" in notes["custom_attributes.nested"]
    assert "custom_attributes.email" not in notes  # its value travels in the field
    assert set(first.coerced) == {("first_name", 5, "5"), ("gender", "female", "F")}
    [item] = first.items
    own = {"external_id", "email", "first_name", "home_city", "gender"}
    assert item.keys() == own | {"nested", "address", "_update_existing_only"}


def test_what_no_field_takes_is_told_of() -> None:
    """At the top and inside; what the house keeps in a mapping is not."""
    mapping = {
        "external_id": {"@path": "$.userId"},
        "colour": "red",
        "subscription_groups": [
            {"subscription_group_id": {"@path": "$.userId"}, "subscription_state": "subscribed", "odd": 1}
        ],
        "current_location": {"latitude": {"@literal": "1.5"}, "longitude": {"@path": "$.traits.nil"}},
        "enable_batching": True,
        "__segment_internal_sync_mode": "add",
    }
    subscription = Subscription(
        id="s", action="update-user-profile", trigger='type = "identify"', mapping=mapping
    )
    [one] = told({"traits": {"nil": None}}, subscription).subscriptions
    assert dict(one.notes) == {
        "colour": "Update user profile has no field of this name; left out",
        "subscription_groups[0].odd": "the field has no member of this name; left out",
        "current_location.longitude": "null counts as no value here; left out",
    }
    assert one.coerced == (("current_location.latitude", "1.5", 1.5),)


def test_an_order_of_eighty_products_is_two_requests_of_one_event() -> None:
    """Split without reordering; the rows behind the requests say which part they are."""
    products = [{"product_id": f"p{n}", "price": "2.5", "quantity": 1} for n in range(80)]
    event = {
        "type": "track",
        "event": "Order Completed",
        "properties": {"currency": "EUR", "products": products},
    }
    destination = told(event)
    assert [len(request.body) > 0 for request in destination.requests] == [True, True]
    assert [(row.part, row.parts, len(row.items)) for row, _ in destination.sends] == [(0, 2, 75), (1, 2, 5)]
    [order] = [each for each in destination.subscriptions if each.result == "sends"]
    assert len(order.items) == 80
    assert ("products[79].price", "2.5", 2.5) in order.coerced


@pytest.mark.parametrize("event", [{}, {"integrations": {"All": False}}, {"type": "track", "event": "A"}])
def test_the_preview_says_what_the_route_does(event: dict[str, Any]) -> None:
    """One decision, told twice."""
    config = Destination(id="braze", type="braze", source="web", settings=SETTINGS, filters=FILTERS)
    workspace = Workspace(sources=(Source(id="web", write_keys=("k",)),), destinations=(config,))
    plan = prepare(workspace, catalogue())
    routed = route({**EVENT, **event}, plan.destinations["braze"], Position(0, 0, 0, "u:u1", "m1", 0))
    [seen] = preview(plan, "web", {**EVENT, **event}).destinations
    assert (seen.reason, len(seen.requests)) == (routed.reason, len(routed.rows))
    assert [each.id for each in seen.subscriptions if each.result == "sends"] == [
        each.subscription for each in routed.verdicts if each.result == "sends"
    ]


def test_differences_are_told_by_leaf_and_end_somewhere() -> None:
    """Lists of another length and values below the bound are told as a whole."""
    assert list(altered({"l": [1, 2], "a": 1}, {"l": [1], "a": True})) == [("l", [1, 2], [1]), ("a", 1, True)]
    assert list(gone({"l": [{"a": 1}, {}], "b": 1}, {"l": [{}, {}]})) == [("l[0].a", 1), ("b", 1)]
    deep: Any = 1
    other: Any = 2
    for _ in range(DEEPEST + 5):
        deep, other = {"a": deep}, {"a": other}
    [(path, _, _)] = altered(deep, other)
    assert path.count("a") == DEEPEST
