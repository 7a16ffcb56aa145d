"""What the browser does with an event for Braze: four actions on the public methods of Braze's Web SDK.

They run in the page, in a script of ours that `segue.engine.sdk_settings` tells of them; here are their
fields, for the workspace to be checked and explained. `shape` gives what would reach that script.

Source  Segment docs, "Braze Web Device Mode (Actions)" and its catalogue data, read 2026-11-26
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from segue.kit.action import Action, Settings, Shaped, Shaping
from segue.kit.field import Field, pick
from segue.kit.partner import Preset
from segue.model.delivery import Payload, Request, Row
from segue.model.errors import BrokenError

PROFILES: Final = 'type = "identify" or type = "group"'
ORDERS: Final = 'type = "track" and event = "Order Completed"'
EVENTS: Final = 'type = "track" and event != "Order Completed"'


def shape(payload: Payload, shaping: Shaping) -> Shaped:
    """The mapped payload itself: what the script in the page gets."""
    return Shaped(items=[payload])


def build(rows: Sequence[Row], settings: Settings) -> Request:
    """Never called: what happens in the browser is no request of ours."""
    raise BrokenError("an action of the browser was to be sent by the server")


def _path(path: str) -> dict[str, Any]:
    return {"@path": path}


def _field(label: str, help: str, path: str = "", *, allow_null: bool = False, **others: Any) -> Field:
    if path:
        others["default"] = _path(path)
    return Field(others.pop("type", "string"), label=label, help=help, allow_null=allow_null, **others)


def _action(slug: str, slugs: Sequence[str], **others: Any) -> Action:
    return Action(slug=slug, slugs=dict.fromkeys(slugs), shape=shape, build=build, **others)


PROFILE: Final = _action(
    "update-user-profile",
    ("updateUserProfile", "rPtfyrqEKc5XbmdRZveg4S"),
    title="Update user profile",
    description="Changes the user in Braze's SDK and sets attributes of the profile.",
    trigger=PROFILES,
    fields={
        "external_id": _field("External User ID", "The id you know the person by.", "$.userId"),
        "country": _field(
            "Country", "Where the person lives.", "$.context.location.country", allow_null=True
        ),
        "current_location": _field(
            "Current Location",
            "Where the person is; with a key, kept as a custom location attribute of that name.",
            type="object",
            properties={
                "key": _field("Key", "The name of a custom location attribute."),
                "latitude": _field("Latitude", "Degrees north.", type="number"),
                "longitude": _field("Longitude", "Degrees east.", type="number"),
            },
        ),
        "custom_attributes": _field(
            "Custom Attributes",
            "Everything else you know about the person, under the names it has.",
            "$.traits",
            type="object",
        ),
        "dob": _field("Date of Birth", "The day the person was born.", type="datetime", allow_null=True),
        "email": _field("Email", "The e-mail address.", "$.traits.email", allow_null=True),
        "email_subscribe": _field("Email Subscribe", "opted_in, subscribed or unsubscribed."),
        "first_name": _field("First Name", "The given name.", "$.traits.firstName", allow_null=True),
        "last_name": _field("Last Name", "The family name.", "$.traits.lastName", allow_null=True),
        "gender": _field("Gender", "A word or a letter Braze knows.", "$.traits.gender", allow_null=True),
        "home_city": _field(
            "Home City", "The town the person lives in.", "$.traits.address.city", allow_null=True
        ),
        "image_url": _field("Image URL", "The address of a picture of the person.", "$.traits.avatar"),
        "language": _field(
            "Language", "The language the person wants, as an ISO 639-1 code.", allow_null=True
        ),
        "phone": _field("Phone Number", "The phone number.", "$.traits.phone", allow_null=True),
        "push_subscribe": _field("Push Subscribe", "opted_in, subscribed or unsubscribed."),
        "subscription_groups": _field(
            "Subscription Groups",
            "Groups of messages the person is taken into or out of.",
            "$.traits.braze_subscription_groups",
            type="object",
            multiple=True,
            properties={
                "subscription_group_id": _field("Subscription Group ID", "The group's id in Braze."),
                "subscription_group_state": _field(
                    "Subscription Group State",
                    "Whether the person is in it.",
                    choices=pick("subscribed", "unsubscribed"),
                ),
            },
        ),
        "omit_attributes": _field(
            "Omitted Attributes",
            "Names of custom attributes that are not sent, because another field carries them.",
            multiple=True,
        ),
    },
)

TRACK_EVENT: Final = _action(
    "track-event",
    ("trackEvent", "fRZrfm4TC5JL3AGeRnLk3W"),
    title="Track event",
    description="Logs a custom event with Braze's SDK.",
    trigger=EVENTS,
    fields={
        "eventName": _field("Event Name", "The name the event has in Braze.", "$.event", required=True),
        "eventProperties": _field(
            "Event Properties", "What is known about the event.", "$.properties", type="object"
        ),
    },
)

TRACK_PURCHASE: Final = _action(
    "track-purchase",
    ("trackPurchase", "uL67YU9rAsuT4cp4dNNmBu"),
    title="Track purchase",
    description="Logs a purchase with Braze's SDK for each product of an order.",
    trigger=ORDERS,
    fields={
        "purchaseProperties": _field(
            "Purchase Properties", "What is known about the order.", "$.properties", type="object"
        ),
        "products": _field(
            "Products",
            "The products of the order.",
            "$.properties.products",
            type="object",
            multiple=True,
            additional_properties=True,
            properties={
                "product_id": _field("Product ID", "Names the product."),
                "price": _field("Price", "Of one piece.", type="number"),
                "currency": _field(
                    "Currency", "An ISO 4217 code; the order's, else USD, when it is left out."
                ),
                "quantity": _field("Quantity", "How many; 1 when it is left out.", type="integer"),
            },
        ),
    },
)

DEBOUNCE: Final = _action(
    "debounce",
    ("eAkHUMUhynA8wGbVdp7otr",),
    title="Debounce",
    description="Keeps identify calls that say nothing new on a page from Braze.",
    trigger=PROFILES,
    fields={},
)

ACTIONS: Final = (PROFILE, TRACK_EVENT, TRACK_PURCHASE, DEBOUNCE)

PARTNER_ACTIONS: Final[Mapping[str, str]] = {
    "update-user-profile": "updateUserProfile",
    "track-event": "trackEvent",
    "track-purchase": "trackPurchase",
    "debounce": "debounce",
}
"""Our slug -> the name the script knows it by."""

PUBLISHED: Final = tuple(
    Preset(name=name, action=action.slug, trigger=action.trigger, mapping=action.default_mapping())
    for name, action in (
        ("Order Completed calls", TRACK_PURCHASE),
        ("Identify Calls", PROFILE),
        ("Track Calls", TRACK_EVENT),
    )
)


def _first(path: str, other: str) -> dict[str, Any]:
    return {"@if": {"exists": _path(path), "then": _path(path), "else": _path(other)}}


OURS: Final = (
    Preset(
        name="Order Completed",
        action="track-purchase",
        trigger=ORDERS,
        mapping=TRACK_PURCHASE.default_mapping(),
    ),
    Preset(
        name="Identify calls",
        action="update-user-profile",
        # A group's traits are not its members': with groups let in, its name would become the person's.
        trigger='type = "identify"',
        mapping={
            **PROFILE.default_mapping(),
            "country": _first("$.traits.address.country", "$.context.location.country"),
            "dob": _path("$.traits.birthday"),
            "email_subscribe": _path("$.traits.email_subscribe"),
            "language": _path("$.traits.language"),
            "push_subscribe": _path("$.traits.push_subscribe"),
            "omit_attributes": [
                "address.city",
                "address.country",
                "birthday",
                "braze_subscription_groups",
            ],
        },
    ),
    Preset(name="Track calls", action="track-event", trigger=EVENTS, mapping=TRACK_EVENT.default_mapping()),
)
