"""The facts of each action page, through coercion and shape."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.catalog.braze.pages import Json, one, page, row, shaped

from segue.catalog.braze.destination import BRAZE
from segue.kit.coerce import Coercer
from segue.model.errors import InvalidPayload

WHEN = "2024-01-02T03:04:05Z"
EVENT: Json = {"external_id": "u", "name": "N", "time": WHEN}
ORDER: Json = {"external_id": "u", "time": WHEN, "products": [{"product_id": "a", "price": 1}]}
SALE: Json = {
    "external_id": "u",
    "time": WHEN,
    "currency": "EUR",
    "source": "web",
    "enable_batching": True,
    "batch_size": 75,
    "products": [{"product_id": "p", "product_name": "n", "variant_id": "v", "quantity": 2, "price": 1.5}],
}

SLUGS = [(slug, action.slug) for action in BRAZE.actions for slug in sorted({action.slug, *action.slugs})]


@pytest.mark.parametrize(("slug", "canonical"), SLUGS)
def test_every_slug_and_published_id_leads_to_one_page(slug: str, canonical: str) -> None:
    """Stored mappings of both generations load unchanged."""
    assert page(slug).slug == canonical


PUBLISHED_IDS = {
    "2P24zUSAL8BUpyGYNGmD7M": "update-user-profile",
    "aVPEkfaFoH1NHSpf1H4vsb": "update-user-profile",
    "3pnc4QJvUjWGi2bp6EnDt": "track-event",
    "edFSMK18MScnLKK68zkg1i": "track-event",
    "vE7Gf9yobj2gTuMBhwmg7g": "track-purchase",
    "uq4SiYEcMy656CLSJJpdRB": "track-purchase",
    "vp138DdA9188zfyXfhJe6x": "create-alias",
    "uN77iFiyocgcAkA1mwjFai": "create-alias",
    "sRxUEeJSMLSTBFD2cgYBms": "identify-user",
    "fz8S9HPDaJmNxsA8Niwv2A": "identify-user",
    "bzGprD8nXKT6wAnbz4LuHA": "trigger-campaign",
    "9DUBR4qVXRxPXa39oiz2Tc": "trigger-canvas",
    "3rHZERwR6c55kFDYDFmu5V": "upsert-catalog-item",
}


@pytest.mark.parametrize(("published", "canonical"), PUBLISHED_IDS.items())
def test_a_published_action_id_is_known(published: str, canonical: str) -> None:
    """As the public catalogue lists them."""
    assert page(published).slug == canonical


@pytest.mark.parametrize("slug", ["trackEvent2", "trackPurchase2", "updateUserProfile2"])
def test_the_second_generation_takes_the_sync_mode_and_not_the_field(slug: str) -> None:
    """update is true; a mapped boolean has no say; without a mode the event is refused."""
    payload = {**EVENT, **ORDER, "_update_existing_only": False}
    assert one(slug, payload, sync_mode="update")["_update_existing_only"] is True
    with pytest.raises(InvalidPayload, match=r"sync mode must be .*, found none"):
        one(slug, payload)


def test_a_sync_mode_the_action_does_not_know_is_refused() -> None:
    """Profiles of the second generation are only updated."""
    with pytest.raises(InvalidPayload, match='must be update, found "add"'):
        one("updateUserProfile2", EVENT, sync_mode="add")


@pytest.mark.parametrize("slug", ["identifyUser", "sRxUEeJSMLSTBFD2cgYBms"])
def test_the_first_identify_user_knows_aliases_only(slug: str) -> None:
    """What a stored mapping holds beside its fields is passed over, whatever it is."""
    fields = page(slug).fields_of(slug)
    assert {"email_to_identify", "prioritization"}.isdisjoint(fields)
    alias = {"alias_name": "n", "alias_label": "l"}
    odd = {"external_id": "u", "user_alias": alias, "email_to_identify": {"a": 1}, "prioritization": "x"}
    assert one(slug, odd) == {"external_id": "u", "user_alias": alias}


def test_an_action_that_is_no_action_of_a_cart_costs_nothing_else() -> None:
    """Orders have properties of that name too; Braze would refuse the word."""
    order = {**SALE, "name": "ecommerce.order_placed", "order_id": "o", "total_value": 1, "action": "click"}
    assert "action" not in one("ecommerce", order)["properties"]


def test_the_first_generation_takes_the_mapped_boolean() -> None:
    """Absent only when it is not mapped."""
    assert one("trackEvent", {**EVENT, "_update_existing_only": "true"})["_update_existing_only"] is True
    assert "_update_existing_only" not in one("trackEvent", EVENT)


def test_our_own_slug_takes_either() -> None:
    """A sync mode wins over the field."""
    assert one("track-event", {**EVENT, "_update_existing_only": True})["_update_existing_only"] is True
    assert (
        one("track-event", {**EVENT, "_update_existing_only": True}, sync_mode="add")["_update_existing_only"]
        is False
    )


def test_all_identifiers_travel_together_and_half_an_alias_counts_as_none() -> None:
    """No precedence; braze_id may be null beside another."""
    alias = {"alias_name": "n", "alias_label": "l", "more": 1}
    both = one("track-event", {**EVENT, "user_alias": alias, "braze_id": None, "email": "e"})
    assert both["user_alias"] == {"alias_name": "n", "alias_label": "l"}
    assert (both["external_id"], both["braze_id"], both["email"]) == ("u", None, "e")
    assert "user_alias" not in one("track-event", {**EVENT, "user_alias": {"alias_name": "n"}})
    with pytest.raises(InvalidPayload, match="one of external_id, user_alias, braze_id or email"):
        one("track-event", {"name": "N", "time": WHEN, "user_alias": {"alias_name": "n", "alias_label": ""}})


def test_the_app_is_named_on_events_and_purchases_but_not_on_profiles() -> None:
    """As configured, an empty one included."""
    assert one("track-event", EVENT, app_id="app")["app_id"] == "app"
    assert one("track-purchase", ORDER, app_id="")["app_id"] == ""
    assert "app_id" not in one("update-user-profile", EVENT, app_id="app")
    assert "app_id" not in one("track-event", EVENT)


def test_reserved_names_are_taken_out_of_properties_and_noted() -> None:
    """Braze would refuse the whole object."""
    result = shaped("track-event", {**EVENT, "properties": {"time": 1, "event_name": 2, "currency": "EUR"}})
    assert result.items[0]["properties"] == {"currency": "EUR"}
    assert [path for path, _ in result.notes] == ["properties.event_name", "properties.time"]
    order = {
        **ORDER,
        "products": [{"product_id": "a", "price": 1, "time": "x", "k": 1}],
        "properties": {"price": 9},
    }
    assert one("track-purchase", order)["properties"] == {"k": 1}


@pytest.mark.parametrize(
    ("own", "order", "sent"),
    [
        ("SEK", "EUR", "SEK"),
        (None, "EUR", "EUR"),
        ("", "EUR", "EUR"),
        (None, None, "USD"),
        ("", 5, "USD"),
        ("USD", "EUR", "USD"),
    ],
)
def test_a_product_without_currency_has_the_orders(own: Any, order: Any, sent: str) -> None:
    """US dollars when the order has none either."""
    products = [{"product_id": "a", "price": 1, "currency": own}]
    assert (
        one("track-purchase", {**ORDER, "products": products, "properties": {"currency": order}})["currency"]
        == sent
    )


def test_a_product_extra_gives_way_to_the_orders_property() -> None:
    """The list of products itself is not repeated."""
    order = {**ORDER, "products": [{"product_id": "a", "price": 1, "k": "product", "color": "red"}]}
    purchase = one("track-purchase", {**order, "properties": {"k": "order", "products": [1]}})
    assert purchase["properties"] == {"k": "order", "color": "red"}


@pytest.mark.parametrize("products", [[], [None]])
def test_an_order_without_products_is_filtered(products: Any) -> None:
    """That is no fault, there is only nothing to send."""
    assert shaped("track-purchase", {**ORDER, "products": products}).filtered == "no_products"


def test_a_price_or_product_of_null_refuses_the_order_and_a_quantity_of_null_is_left_out() -> None:
    """Nothing becomes 0 or an empty text."""
    with pytest.raises(
        InvalidPayload, match=r"products\[0\].price.*required.*products\[0\].product_id|product_id.*price"
    ):
        one("track-purchase", {**ORDER, "products": [{"price": None, "product_id": None}]})
    products = [{"product_id": "a", "price": 1, "quantity": None}]
    assert "quantity" not in one("track-purchase", {**ORDER, "products": products})


def test_an_order_of_many_products_keeps_all_of_them() -> None:
    """Splitting is left to whoever makes rows."""
    products = [{"product_id": str(number), "price": 1} for number in range(200)]
    items = shaped("track-purchase", {**ORDER, "products": products}).items
    assert [item["product_id"] for item in items] == [str(number) for number in range(200)]


@pytest.mark.parametrize(
    ("word", "letter"),
    [
        ("Man", "M"),
        ("MALE", "M"),
        ("w", "F"),
        ("Woman", "F"),
        ("other", "O"),
        ("not applicable", "N"),
        ("Prefer not to say", "P"),
        (" male ", " male "),
        ("x", "x"),
        (None, None),
    ],
)
def test_gender_is_put_in_brazes_letters(word: Any, letter: Any) -> None:
    """What Braze does not know stays as it is."""
    assert one("update-user-profile", {"external_id": "u", "gender": word})["gender"] == letter


def test_dates_of_a_profile_are_moments_and_the_birthday_is_a_day() -> None:
    """Null clears; what is no date goes with a note."""
    profile = {"external_id": "u", "dob": "2024-02-29T23:59:59+02:00", "date_of_last_session": 1704164645678}
    assert one("update-user-profile", profile) == {
        "external_id": "u",
        "dob": "2024-02-29",
        "date_of_last_session": "2024-01-02T03:04:05.678Z",
    }
    assert one("update-user-profile", {"external_id": "u", "dob": None})["dob"] is None
    payload, notes = Coercer(page("update-user-profile").fields).coerce(
        {"external_id": "u", "dob": "soon", "email": "e"}
    )
    assert payload == {"external_id": "u", "email": "e"}
    assert notes[0][0] == "dob"


def test_a_profile_field_is_never_a_custom_attribute_but_subscription_groups_can_be() -> None:
    """The published overlay; traits named like purchase fields are kept."""
    custom = {
        "country": "FI",
        "firstName": "x",
        "avatar": "x",
        "time": 1,
        "products": [1],
        "plan": "pro",
        "subscription_groups": "own",
    }
    profile = {"external_id": "u", "custom_attributes": custom}
    assert one("update-user-profile", profile) == {
        "external_id": "u",
        "time": 1,
        "products": [1],
        "plan": "pro",
        "subscription_groups": "own",
    }
    groups = [{"subscription_group_id": "g", "subscription_state": "subscribed"}]
    assert (
        one("update-user-profile", {**profile, "subscription_groups": groups})["subscription_groups"]
        == groups
    )


def test_a_location_without_any_axis_is_left_out() -> None:
    """Empty and null axes do not count."""
    place = {"latitude": None, "longitude": ""}
    assert one("update-user-profile", {"external_id": "u", "current_location": place}) == {"external_id": "u"}


@pytest.mark.parametrize(
    ("name", "more", "properties"),
    [
        (
            "order_placed",
            {"order_id": "o", "total_value": 3, "cart_id": "c", "tax": 0},
            {"order_id", "total_value", "cart_id", "tax"},
        ),
        (
            "checkout_started",
            {"checkout_id": "k", "total_value": 3, "order_id": "o"},
            {"checkout_id", "total_value"},
        ),
        (
            "order_refunded",
            {"order_id": "o", "total_value": 3, "tax": 1, "total_discounts": 0},
            {"order_id", "total_value", "total_discounts"},
        ),
        (
            "order_cancelled",
            {"order_id": "o", "total_value": 3, "cancel_reason": "late"},
            {"order_id", "total_value", "cancel_reason"},
        ),
        ("cart_updated", {"cart_id": "c", "action": "add"}, {"cart_id", "action"}),
    ],
)
def test_an_ecommerce_event_has_the_properties_its_name_takes(
    name: str, more: Json, properties: set[str]
) -> None:
    """Braze refuses an event with any other."""
    event = one("ecommerce", {**SALE, **more, "name": f"ecommerce.{name}"})
    assert set(event["properties"]) == {"currency", "source", "products", *properties}
    assert "_update_existing_only" not in event


def test_an_ecommerce_event_needs_what_its_name_needs() -> None:
    """Each missing field is told with the reason."""
    with pytest.raises(InvalidPayload, match='"order_id" is required when'):
        one("ecommerce", {**SALE, "name": "ecommerce.order_placed", "total_value": 1})
    with pytest.raises(InvalidPayload, match='"total_value" is required unless "action"'):
        one("ecommerce", {**SALE, "name": "ecommerce.cart_updated", "cart_id": "c"})


def test_what_a_product_has_beyond_the_known_is_its_metadata() -> None:
    """Nothing is lost, and Braze accepts it."""
    product = {**SALE["products"][0], "color": "red", "image_url": "no url"}
    event = one(
        "ecommerce",
        {**SALE, "products": [product], "name": "ecommerce.order_placed", "order_id": "o", "total_value": 1},
    )
    assert event["properties"]["products"][0]["metadata"] == {"color": "red"}
    assert "image_url" not in event["properties"]["products"][0]


def test_a_product_that_was_looked_at_is_spread_over_the_properties() -> None:
    """With what the person wants to hear of."""
    product = {key: value for key, value in SALE["products"][0].items() if key != "quantity"}
    mapped = {**SALE, "product": product, "name": "ecommerce.product_viewed", "catalog_type": "price_drop"}
    event = one("ecommerceSingleProduct", mapped, sync_mode="update")
    assert event["properties"] == {"currency": "EUR", "source": "web", **product, "type": ["price_drop"]}
    assert event["_update_existing_only"] is True
    with pytest.raises(InvalidPayload, match="needs a list of products"):
        one(
            "ecommerceSingleProduct",
            {**mapped, "name": "ecommerce.order_placed", "order_id": "o", "total_value": 1},
        )


def test_identifying_takes_an_alias_an_address_or_both() -> None:
    """One request lists each person where they can be found."""
    alias = {"alias_name": "n", "alias_label": "l"}
    mapped = {
        "external_id": "u",
        "user_alias": alias,
        "email_to_identify": "e@x.co",
        "prioritization": {"first_priority": "unidentified"},
        "merge_behavior": "merge",
    }
    made = shaped("identify-user", mapped)
    assert made.context == "merge"
    request = page("identify-user").build(
        [row("identify-user", *made.items, context="merge")],
        {"api_key": "k", "endpoint": "https://x.example/"},
    )
    assert request.url == "https://x.example/users/identify"
    assert request.body == (
        b'{"merge_behavior":"merge","aliases_to_identify":[{"external_id":"u","user_alias":'
        b'{"alias_name":"n","alias_label":"l"}}],"emails_to_identify":[{"external_id":"u","email":"e@x.co",'
        b'"prioritization":["unidentified"]}]}'
    )
    with pytest.raises(InvalidPayload, match=r"user_alias.*email_to_identify"):
        one("identify-user", {"external_id": "u"})


def test_merging_takes_exactly_one_identifier_a_side() -> None:
    """Somebody is not merged with themselves."""
    keep = {"external_id": "new"}
    merge = one("merge-users", {"identifier_to_merge": {"external_id": "old"}, "identifier_to_keep": keep})
    assert merge == {"identifier_to_merge": {"external_id": "old"}, "identifier_to_keep": keep}
    assert (
        shaped("merge-users", {"identifier_to_merge": keep, "identifier_to_keep": keep}).filtered
        == "same_person"
    )
    with pytest.raises(InvalidPayload, match=r"exactly one of .* found external_id and email"):
        one(
            "merge-users",
            {"identifier_to_merge": {"external_id": "a", "email": "b"}, "identifier_to_keep": keep},
        )
    with pytest.raises(InvalidPayload, match="is required beside email"):
        one("merge-users", {"identifier_to_merge": {"email": "b"}, "identifier_to_keep": keep})


def test_a_message_is_a_broadcast_or_has_recipients() -> None:
    """And whom it reaches is never guessed: a bad audience refuses it."""
    assert one("triggerCampaign", {"campaign_id": "c", "broadcast": True}) == {
        "campaign_id": "c",
        "broadcast": True,
    }
    for wrong in ({}, {"broadcast": False}, {"broadcast": True, "recipients": [{"email": "e"}]}):
        with pytest.raises(InvalidPayload):
            one("triggerCampaign", {"campaign_id": "c", **wrong})
    with pytest.raises(InvalidPayload, match="audience"):
        one("triggerCampaign", {"campaign_id": "c", "broadcast": True, "audience": "everybody?"})


def test_the_order_among_profiles_is_said_for_each_recipient() -> None:
    """Braze takes it nowhere else."""
    mapped = {
        "canvas_id": "c",
        "recipients": {"email": "e"},
        "prioritization": {"second_priority": "identified"},
    }
    assert one("triggerCanvas", mapped) == {
        "canvas_id": "c",
        "recipients": [{"email": "e", "prioritization": ["identified"]}],
    }


def test_only_the_sync_mode_delete_deletes_a_catalog_item() -> None:
    """A forgotten mode writes."""
    item = {"item_id": 5, "item": {"price": 1, "id": "other"}}
    assert shaped("upsertCatalogItem", item).context == "PUT products"
    assert one("upsertCatalogItem", item) == {"price": 1, "id": "5"}
    assert shaped("upsertCatalogItem", item, sync_mode="delete").context == "DELETE products"
    for wrong in (
        {"item_id": "a b", "item": {"a": 1}},
        {"item_id": "a", "item": {}},
        {"item_id": "a\n", "item": {"a": 1}},
    ):
        with pytest.raises(InvalidPayload):
            one("upsertCatalogItem", wrong)


def test_one_catalog_item_has_an_address_and_several_share_one() -> None:
    """Of two with one id the last counts."""
    build = page("upsert-catalog-item").build
    settings = {"api_key": "k", "endpoint": "https://x.example"}
    rows = [
        row("upsert-catalog-item", {"id": name, "v": value}, context="PUT c")
        for name, value in (("a", 1), ("b", 2), ("a", 3))
    ]
    assert build(rows[:1], settings).url == "https://x.example/catalogs/c/items/a"
    assert build(rows[:1], settings).body == b'{"items":[{"v":1}]}'
    several = build(rows, settings)
    assert (several.method, several.url) == ("PUT", "https://x.example/catalogs/c/items")
    assert several.body == b'{"items":[{"id":"a","v":3},{"id":"b","v":2}]}'


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["product_id", "price", "alias_name", "alias_label", "external_id", "email", "a"]
            ),
            inner,
        )
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("slug", [action.slug for action in BRAZE.actions])
@given(drawn=st.data())
def test_no_payload_breaks_a_page(slug: str, drawn: Any) -> None:
    """Whatever a mapping gives becomes objects or is refused in words."""
    fields = list(page(slug).fields)
    names = st.sampled_from(fields) if fields else st.nothing()
    mapped = drawn.draw(st.dictionaries(names, ANYTHING, max_size=8 if fields else 0))
    try:
        made = shaped(slug, mapped)
    except InvalidPayload:
        return
    assert made.filtered or made.items
