"""What a Braze destination can start from: the published presets, and ours.

Published are exactly those of "Braze Cloud Mode (Actions)"; stored subscriptions rely on them. Ours follow
Braze's integration page instead: its trait table, ``braze_subscription_groups``, reserved names as traits,
orders as purchases, the event's own time.

Source  Segment docs, "Braze Cloud Mode (Actions)", presets, read 2026-11-23;
        Braze docs, "Segment", "Map methods", read 2026-11-24
"""

from typing import Any, Final

from segue.kit.partner import Preset

from .actions.ecommerce_event import ECOMMERCE_EVENT
from .actions.ecommerce_product_event import ECOMMERCE_PRODUCT_EVENT
from .actions.track_event import TRACK_EVENT
from .actions.track_purchase import TRACK_PURCHASE
from .actions.update_user_profile import UPDATE_USER_PROFILE

Mapping = dict[str, Any]


def _path(path: str) -> Mapping:
    return {"@path": path}


def _first(path: str, other: Mapping) -> Mapping:
    """The value at a path, or when there is none, another; a null at the path stays null when the other
    has no value either, so that it can clear."""
    chosen = {"@if": {"exists": _path(path), "then": _path(path), "else": other}}
    return {"@if": {"exists": other, "then": chosen, "else": _path(path)}}


def _specific(name: str, event_slug: str, action: str, mapping: Mapping) -> Preset:
    return Preset(name=name, action=action, event_slug=event_slug, mapping=mapping)


def _ecommerce(name: str, event: str, kind: str, **over: Any) -> Preset:
    return Preset(
        name=f"{name} (beta)",
        action="ecommerce-event",
        trigger=f'event = "{event}"',
        mapping={**_ECOMMERCE, **over, "name": f"ecommerce.{kind}"},
    )


def _status_url(name: str) -> Mapping:
    return {name: _path(f"$.properties.{name}")}


def _one_product() -> Mapping:
    """A cart event names its product among its own properties."""
    product = dict(ECOMMERCE_PRODUCT_EVENT.fields["product"].default)
    return {**product, "quantity": _path("$.properties.quantity")}


_ECOMMERCE: Final = ECOMMERCE_EVENT.default_mapping()
_TRACK: Final = TRACK_EVENT.default_mapping()
_PROFILE: Final = UPDATE_USER_PROFILE.default_mapping()

PUBLISHED: Final = (
    Preset(
        name="Track Calls",
        action="track-event",
        trigger=(
            'type = "track" and event != "Order Completed" and event != "Checkout Started"'
            ' and event != "Order Refunded" and event != "Order Cancelled" and event != "Product Viewed"'
            ' and event != "Product Added" and event != "Product Removed"'
        ),
        mapping=_TRACK,
    ),
    _ecommerce("Order Placed", "Order Completed", "order_placed", metadata=_status_url("order_status_url")),
    _ecommerce(
        "Checkout Started", "Checkout Started", "checkout_started", metadata=_status_url("checkout_url")
    ),
    _ecommerce(
        "Order Refunded", "Order Refunded", "order_refunded", metadata=_status_url("order_status_url")
    ),
    _ecommerce(
        "Order Cancelled", "Order Cancelled", "order_cancelled", metadata=_status_url("order_status_url")
    ),
    Preset(
        name="Product Viewed (beta)",
        action="ecommerce-product-event",
        trigger='event = "Product Viewed"',
        mapping={**ECOMMERCE_PRODUCT_EVENT.default_mapping(), "name": "ecommerce.product_viewed"},
    ),
    _ecommerce("Product Added", "Product Added", "cart_updated", action="add", products=[_one_product()]),
    _ecommerce(
        "Product Removed", "Product Removed", "cart_updated", action="remove", products=[_one_product()]
    ),
    Preset(
        name="Identify Calls", action="update-user-profile", trigger='type = "identify"', mapping=_PROFILE
    ),
    _specific("Associated Entity Added", "warehouse_entity_added_track", "track-event", _TRACK),
    _specific("Associated Entity Removed", "warehouse_entity_removed_track", "track-event", _TRACK),
    _specific("Entities Audience Entered", "warehouse_audience_entered_track", "track-event", _TRACK),
    _specific("Entities Exited", "warehouse_audience_exited_track", "track-event", _TRACK),
    _specific(
        "Entities Audience Membership Changed",
        "warehouse_audience_membership_changed_identify",
        "update-user-profile",
        _PROFILE,
    ),
    _specific("Journeys Step Transition Track", "journeys_step_entered_track", "track-event", _TRACK),
)

_BRAZE_ID: Final = _first("$.properties.braze_id", _path("$.context.traits.braze_id"))
_OWN_NAMES: Final = (
    "user_alias",
    "date_of_first_session",
    "date_of_last_session",
    "email_subscribe",
    "email_open_tracking_disabled",
    "email_click_tracking_disabled",
    "facebook",
    "language",
    "marked_email_as_spam_at",
    "push_subscribe",
    "push_tokens",
    "time_zone",
    "twitter",
)
"""Reserved Braze names that pass as traits of the same name."""

_NAMED: Final = (
    "(userId != null or properties.braze_id != null or context.traits.braze_id != null"
    " or context.traits.email != null or properties.email != null)"
)
_NAMED_PROFILE: Final = (
    "(userId != null or traits.braze_id != null or properties.braze_id != null or traits.email != null"
    " or traits.user_alias.alias_name != null)"
)
"""Somebody Braze can find. What an anonymous visitor does is filtered, not a dead letter for each step."""

OURS: Final = (
    Preset(
        name="Identify calls",
        action="update-user-profile",
        trigger=f'type = "identify" and {_NAMED_PROFILE}',
        mapping={
            **_PROFILE,
            **{name: _path(f"$.traits.{name}") for name in _OWN_NAMES},
            "braze_id": _first("$.traits.braze_id", _path("$.properties.braze_id")),
            "country": _first(
                "$.traits.address.country", _first("$.traits.country", _path("$.context.location.country"))
            ),
            "current_location": {
                axis: _first(f"$.traits.current_location.{axis}", place)
                for axis, place in _PROFILE["current_location"].items()
            },
            "dob": _first("$.traits.birthday", _path("$.traits.dob")),
            "first_name": _first("$.traits.firstName", _path("$.traits.first_name")),
            "last_name": _first("$.traits.lastName", _path("$.traits.last_name")),
            "home_city": _first("$.traits.address.city", _path("$.traits.home_city")),
            "image_url": _first("$.traits.avatar", _path("$.traits.image_url")),
            "subscription_groups": {
                "@if": {
                    "exists": _path("$.traits.braze_subscription_groups"),
                    "then": {
                        "@arrayPath": [
                            "$.traits.braze_subscription_groups",
                            {
                                "subscription_group_id": _path("$.subscription_group_id"),
                                "subscription_state": _path("$.subscription_group_state"),
                            },
                        ]
                    },
                    "else": _path("$.traits.subscription_groups"),
                }
            },
            "omit_attributes": [
                "address.city",
                "address.country",
                "birthday",
                "braze_subscription_groups",
                "subscription_groups",
            ],
        },
    ),
    Preset(
        name="Track calls",
        action="track-event",
        trigger=f'type = "track" and event != "Order Completed" and {_NAMED}',
        mapping={**_TRACK, "braze_id": _BRAZE_ID, "time": _path("$.timestamp")},
    ),
    Preset(
        name="Order Completed",
        action="track-purchase",
        trigger=f'type = "track" and event = "Order Completed" and {_NAMED}',
        mapping={
            **TRACK_PURCHASE.default_mapping(),
            "braze_id": _BRAZE_ID,
            "email": _TRACK["email"],
            "time": _path("$.timestamp"),
        },
    ),
)
