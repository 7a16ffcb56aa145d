"""What Braze's integration page promises, as whole journeys: an event as sent, a profile at the end.

Source  Braze docs, "Segment", "Map methods" and "Best practices", read 2026-11-24
"""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.house import ADDRESS, KEY, SOURCE, Wire, bind, opened, records

from segue.catalog.contents import catalogue
from segue.engine import intake
from segue.engine.plan import prepare
from segue.engine.preview import preview
from segue.model.delivery import Request
from segue.model.workspace import Destination, Subscription, Workspace

Json = dict[str, Any]

ALIAS: Json = {"alias_name": {"@path": "$.anonymousId"}, "alias_label": "anonymous_id"}

CREATE_ALIAS = Subscription(
    id="create-alias", action="create-alias", trigger='type = "identify" and userId = null', mapping=ALIAS
)
TRAITS_OF_VISITORS = Subscription(
    id="visitors",
    action="update-user-profile",
    trigger='type = "identify" and userId = null',
    mapping={"user_alias": ALIAS, "custom_attributes": {"@path": "$.traits"}},
)
EVENTS_OF_VISITORS = Subscription(
    id="visits",
    action="track-event",
    trigger='type = "track" and userId = null',
    mapping={"user_alias": ALIAS, "name": {"@path": "$.event"}, "time": {"@path": "$.timestamp"}},
)
MERGE_AT_LOG_IN = Subscription(
    id="merge",
    action="identify-user",
    trigger='type = "identify" and userId != null and anonymousId != null',
    mapping={"external_id": {"@path": "$.userId"}, "user_alias": ALIAS, "merge_behavior": "merge"},
)
PAGES = Subscription(
    id="pages",
    action="track-event",
    trigger='type = "page"',
    mapping={
        "external_id": {"@path": "$.userId"},
        "name": {"@template": "Viewed {{name}} Page"},
        "time": {"@path": "$.timestamp"},
        "properties": {"@path": "$.properties"},
    },
)


def requests_of(
    event: Json, *subscriptions: Subscription, settings: Json | None = None
) -> tuple[Request, ...]:
    """The requests an event would become; without subscriptions, by our presets."""
    destination = Destination(
        id="braze",
        type="braze",
        source="web",
        settings=settings or {"api_key": KEY, "endpoint": ADDRESS},
        subscriptions=subscriptions or None,
    )
    plan = prepare(Workspace(sources=(SOURCE,), destinations=(destination,)), catalogue())
    [record] = records(event)
    return tuple(preview(plan, "web", intake.restore(record)).destinations[0].requests)


def would_send(event: Json, *subscriptions: Subscription) -> list[tuple[str, Json]]:
    """Likewise, as (path, body)."""
    return [
        (request.url.removeprefix(ADDRESS), json.loads(request.body))
        for request in requests_of(event, *subscriptions)
    ]


EXPORTED = [
    *("external_id", "user_aliases", "email", "first_name", "last_name", "dob", "country", "home_city"),
    *("gender", "email_subscribe", "push_subscribe", "custom_attributes", "custom_events", "purchases"),
]


async def exported(wire: Wire, **by: Any) -> Json:
    """A person as Braze exports them, with everything."""
    found = await wire.post("/users/export/ids", {**by, "fields_to_export": EXPORTED})
    assert len(found["users"]) == 1, found
    user: Json = found["users"][0]
    return user


TRAIT_TABLE = [
    ({"firstName": "Da"}, {"first_name": "Da"}),
    ({"lastName": "Wei"}, {"last_name": "Wei"}),
    ({"email": "dawei@example.com"}, {"email": "dawei@example.com"}),
    ({"birthday": "1990-05-17"}, {"dob": "1990-05-17"}),
    ({"address": {"country": "FI"}}, {"country": "FI"}),
    ({"address": {"city": "Turku"}}, {"home_city": "Turku"}),
    ({"gender": "female"}, {"gender": "F"}),
    ({"email_subscribe": "opted_in"}, {"email_subscribe": "opted_in"}),
    ({"push_subscribe": "unsubscribed"}, {"push_subscribe": "unsubscribed"}),
]


@pytest.mark.parametrize(("traits", "attributes"), TRAIT_TABLE)
def test_a_trait_of_the_table_travels_the_whole_way(traits: Json, attributes: Json) -> None:
    """From an identify call to the request, by the presets alone."""
    common = {"external_id": "dawei", "_update_existing_only": False}
    assert would_send({"type": "identify", "userId": "dawei", "traits": traits}) == [
        ("/users/track", {"attributes": [{**common, **attributes}]})
    ]


async def test_the_whole_trait_table_is_on_the_profile(tmp_path: Path) -> None:
    """All rows in one call, with custom attributes of every type beside them."""
    custom = {
        "fav_cartoon": "Naruto",
        "age": 33,
        "score": 1.5,
        "is_member": True,
        "tags": ["a", "b"],
        "pet": {"name": "Rex", "toys": {"count": 2}},
        "pets": [{"name": "Rex"}, {"name": "Fido"}],
    }
    traits: Json = {
        "firstName": "Da",
        "lastName": "Wei",
        "email": "dawei@example.com",
        "birthday": "1990-05-17",
        "address": {"country": "FI", "city": "Turku"},
        "gender": "female",
        "email_subscribe": "opted_in",
        "push_subscribe": "unsubscribed",
    }
    async with opened(tmp_path) as desk:
        await desk.stream.append(records({"type": "identify", "userId": "dawei", "traits": traits | custom}))
        await desk.deliver()
        user = await exported(desk.wire, external_ids=["dawei"])
    wanted = {name: value for _, row in TRAIT_TABLE for name, value in row.items()}
    assert {name: user.get(name) for name in wanted} == wanted
    assert user["custom_attributes"] == custom


def test_a_person_is_put_on_a_list_and_taken_off_another() -> None:
    """`braze_subscription_groups` with the page's own keys."""
    groups = [
        {
            "subscription_group_id": "aaaaaaaa-0000-4000-8000-000000000001",
            "subscription_group_state": "subscribed",
        },
        {
            "subscription_group_id": "aaaaaaaa-0000-4000-8000-000000000002",
            "subscription_group_state": "unsubscribed",
        },
    ]
    event = {"type": "identify", "userId": "dawei", "traits": {"braze_subscription_groups": groups}}
    [(path, body)] = would_send(event)
    assert path == "/users/track"
    assert body["attributes"][0]["subscription_groups"] == [
        {
            "subscription_group_id": each["subscription_group_id"],
            "subscription_state": each["subscription_group_state"],
        }
        for each in groups
    ]
    assert "braze_subscription_groups" not in body["attributes"][0]


async def test_a_game_played_and_an_order_completed_are_counted(tmp_path: Path) -> None:
    """A track call is a custom event; an order's products are purchases, in the order's currency."""
    played = {
        "name": "BotW",
        "weapon": "boomerang",
        "level": 3,
        "won": True,
        "loot": ["a"],
        "map": {"x": 1.5},
    }
    order = {
        "order_id": "o1",
        "currency": "EUR",
        "products": [
            {"product_id": "ab12", "price": 19, "quantity": 2},
            {"product_id": "cd34", "price": 1.5},
        ],
    }
    async with opened(tmp_path) as desk:
        await desk.stream.append(
            records(
                {"type": "track", "userId": "dawei", "event": "played_game", "properties": played},
                {"type": "track", "userId": "dawei", "event": "Order Completed", "properties": order},
            )
        )
        await desk.deliver()
        user = await exported(desk.wire, external_ids=["dawei"])
        sent = desk.wire.bodies()
    assert [(each["name"], each["count"]) for each in user["custom_events"]] == [("played_game", 1)]
    assert {each["name"]: each["count"] for each in user["purchases"]} == {"ab12": 2, "cd34": 1}
    assert [event["properties"] for body in sent for event in body.get("events", ())] == [played]
    purchases = [each for body in sent for each in body.get("purchases", ())]
    assert {each["currency"] for each in purchases} == {"EUR"}


async def test_a_page_call_is_a_trigger_like_any_other(tmp_path: Path) -> None:
    """No preset sends it; a subscription of one's own does."""
    event = {"type": "page", "userId": "dawei", "name": "Home", "properties": {"path": "/"}}
    assert would_send(event) == []
    async with opened(tmp_path) as desk:
        await desk.stream.append(records(event))
        await desk.deliver(bind([PAGES]))
        user = await exported(desk.wire, external_ids=["dawei"])
    assert [each["name"] for each in user["custom_events"]] == ["Viewed Home Page"]


def test_an_alias_call_can_be_mapped() -> None:
    """It is not Braze's alias by itself; here the page's choice is to merge two people."""
    alias = {"type": "alias", "previousId": "old", "userId": "new"}
    assert would_send(alias) == []
    merge = Subscription(id="merge", action="merge-users", trigger='type = "alias"')
    assert would_send(alias, merge) == [
        (
            "/users/merge",
            {
                "merge_updates": [
                    {
                        "identifier_to_merge": {"external_id": "old"},
                        "identifier_to_keep": {"external_id": "new"},
                    }
                ]
            },
        )
    ]


def test_the_braze_id_in_every_call_names_somebody_anonymous() -> None:
    """The page's work-around; no external id is made up."""
    track = {"type": "track", "anonymousId": "a", "event": "e", "properties": {"braze_id": "b1"}}
    identify = {"type": "identify", "anonymousId": "a", "traits": {"braze_id": "b1", "plan": "pro"}}
    [(_, events)] = would_send(track)
    [(_, attributes)] = would_send(identify)
    for item in (*events["events"], *attributes["attributes"]):
        assert item["braze_id"] == "b1"
        assert "external_id" not in item


def test_an_anonymous_visitor_makes_no_profile_by_himself() -> None:
    """Anonymous users are for device mode, unless one chooses an alias."""
    assert would_send({"type": "track", "anonymousId": "a", "event": "e"}) == []
    assert would_send({"type": "identify", "anonymousId": "a", "traits": {"plan": "pro"}}) == []


async def test_an_alias_only_user_has_attributes_and_events(tmp_path: Path) -> None:
    """A visitor is a profile under the alias, without an external id."""
    async with opened(tmp_path) as desk:
        await desk.stream.append(
            records(
                {"type": "identify", "anonymousId": "a1", "traits": {"theme": "dark"}},
                {"type": "track", "anonymousId": "a1", "event": "Article Read"},
            )
        )
        await desk.deliver(bind([CREATE_ALIAS, TRAITS_OF_VISITORS, EVENTS_OF_VISITORS]))
        alias = {"alias_name": "a1", "alias_label": "anonymous_id"}
        user = await exported(desk.wire, user_aliases=[alias])
    assert "external_id" not in user
    assert user["custom_attributes"] == {"theme": "dark"}
    assert [each["name"] for each in user["custom_events"]] == ["Article Read"]


async def test_the_alias_only_user_becomes_the_person_at_log_in(tmp_path: Path) -> None:
    """Create alias and identify user together: what the visitor did is the person's afterwards."""
    subscriptions = [CREATE_ALIAS, TRAITS_OF_VISITORS, EVENTS_OF_VISITORS, MERGE_AT_LOG_IN]
    async with opened(tmp_path) as desk:
        await desk.stream.append(
            records(
                {"type": "identify", "anonymousId": "a1", "traits": {"theme": "dark"}},
                {"type": "track", "anonymousId": "a1", "event": "Article Read"},
                {"type": "identify", "anonymousId": "a1", "userId": "dawei", "traits": {}},
            )
        )
        await desk.deliver(bind(subscriptions))
        user = await exported(desk.wire, external_ids=["dawei"])
    assert user["user_aliases"] == [{"alias_name": "a1", "alias_label": "anonymous_id"}]
    assert user["custom_attributes"] == {"theme": "dark"}
    assert [each["name"] for each in user["custom_events"]] == ["Article Read"]
