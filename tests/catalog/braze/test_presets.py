"""Published presets as published, ours as they should be."""

import pytest
from tests.catalog.braze.pages import page, preset

from segue.catalog.braze.destination import BRAZE
from segue.kit.partner import Preset
from segue.language import mapping as mappings
from segue.language import trigger as triggers

ALL = [(kind, preset) for kind, presets in BRAZE.presets.items() for preset in presets]


@pytest.mark.parametrize(("kind", "chosen"), ALL, ids=lambda value: getattr(value, "name", value))
def test_a_preset_names_a_page_parses_and_maps_only_its_fields(kind: str, chosen: Preset) -> None:
    """It has a trigger or a platform event."""
    assert set(chosen.mapping) <= set(page(chosen.action).fields)
    mappings.prepare(chosen.mapping)
    assert (chosen.trigger is None) == (chosen.event_slug is not None)
    if chosen.trigger is not None:
        assert not triggers.parse(chosen.trigger).warnings


def test_the_published_presets_are_fifteen_in_the_published_order() -> None:
    """Names and order are what stored destinations show."""
    assert [chosen.name for chosen in BRAZE.presets["published"]] == [
        "Track Calls",
        "Order Placed (beta)",
        "Checkout Started (beta)",
        "Order Refunded (beta)",
        "Order Cancelled (beta)",
        "Product Viewed (beta)",
        "Product Added (beta)",
        "Product Removed (beta)",
        "Identify Calls",
        "Associated Entity Added",
        "Associated Entity Removed",
        "Entities Audience Entered",
        "Entities Exited",
        "Entities Audience Membership Changed",
        "Journeys Step Transition Track",
    ]


def test_the_published_mapping_of_identify_calls_is_the_published_one() -> None:
    """Every key and value, in full."""
    assert preset("Identify Calls", "published").mapping == {
        "external_id": {"@path": "$.userId"},
        "braze_id": {"@path": "$.properties.braze_id"},
        "country": {"@path": "$.context.location.country"},
        "current_location": {
            "latitude": {"@path": "$.context.location.latitude"},
            "longitude": {"@path": "$.context.location.longitude"},
        },
        "email": {"@path": "$.traits.email"},
        "first_name": {"@path": "$.traits.firstName"},
        "gender": {"@path": "$.traits.gender"},
        "home_city": {"@path": "$.traits.address.city"},
        "image_url": {"@path": "$.traits.avatar"},
        "last_name": {"@path": "$.traits.lastName"},
        "phone": {"@path": "$.traits.phone"},
        "custom_attributes": {"@path": "$.traits"},
        "_update_existing_only": False,
        "enable_batching": True,
        "batch_size": 75,
    }


def test_a_product_put_in_the_cart_is_a_cart_update() -> None:
    """The event itself is the product."""
    added = preset("Product Added (beta)", "published").mapping
    assert (added["name"], added["action"]) == ("ecommerce.cart_updated", "add")
    assert added["products"] == [
        {
            "product_id": {"@path": "$.properties.product_id"},
            "product_name": {"@path": "$.properties.name"},
            "variant_id": {"@path": "$.properties.variant"},
            "image_url": {"@path": "$.properties.image_url"},
            "product_url": {"@path": "$.properties.url"},
            "quantity": {"@path": "$.properties.quantity"},
            "price": {"@path": "$.properties.price"},
        }
    ]
