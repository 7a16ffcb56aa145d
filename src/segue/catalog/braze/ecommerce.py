"""What the two ecommerce pages share: the fields, the buyer, and which properties each event name takes.

Source  Braze docs, "Ecommerce recommended events", read 2026-11-24
"""

from collections.abc import Mapping
from typing import Any, Final

from segue.kit import dates
from segue.kit.action import JsonObject, Shaping, SyncModes
from segue.kit.field import Choice, Conditions, Field, pick, when
from segue.model.delivery import Payload
from segue.model.errors import InvalidPayload

from . import batching, identity, rest

MODES: Final = SyncModes(choices=("add", "update"), default="add")

VIEWED: Final = "ecommerce.product_viewed"
CART: Final = "ecommerce.cart_updated"
CHECKOUT: Final = "ecommerce.checkout_started"
PLACED: Final = "ecommerce.order_placed"
CANCELLED: Final = "ecommerce.order_cancelled"
REFUNDED: Final = "ecommerce.order_refunded"

NAMES: Final = (VIEWED, CART, CHECKOUT, PLACED, CANCELLED, REFUNDED)

PROPERTIES: Final[Mapping[str, tuple[str, ...]]] = {
    VIEWED: (),
    CART: ("total_value", "cart_id", "action", "subtotal_value", "tax", "shipping"),
    CHECKOUT: ("total_value", "checkout_id", "cart_id", "subtotal_value", "tax", "shipping"),
    PLACED: (
        *("total_value", "order_id", "cart_id", "subtotal_value", "tax", "shipping"),
        *("total_discounts", "discounts"),
    ),
    REFUNDED: ("total_value", "order_id", "total_discounts", "discounts"),
    CANCELLED: (
        *("total_value", "order_id", "cancel_reason", "subtotal_value", "tax", "shipping"),
        *("total_discounts", "discounts"),
    ),
}
"""Beside currency, source, metadata and the products; Braze refuses an event with any other."""

PRODUCT_KEYS: Final[tuple[str, ...]] = (
    "quantity",
    "product_id",
    "product_name",
    "variant_id",
    "price",
    "image_url",
    "product_url",
)

CURRENCIES: Final = (
    "AFN EUR ALL DZD USD AOA XCD XAD ARS AMD AWG AUD AZN BSD BHD BDT BBD BYN BZD XOF BMD INR BTN BOB BOV BAM "
    "BWP NOK BRL BND BGN BIF CVE KHR XAF CAD KYD CLP CLF CNY COP COU KMF CDF NZD CRC CUP XCG CZK DKK DJF DOP "
    "EGP SVC ERN SZL ETB FKP FJD XPF GMD GEL GHS GIP GTQ GBP GNF GYD HTG HNL HKD HUF ISK IDR XDR IRR IQD ILS "
    "JMD JPY JOD KZT KES KPW KRW KWD KGS LAK LBP LSL ZAR LRD LYD CHF MOP MGA MWK MYR MVR MRU MUR XUA MXN MXV "
    "MDL MNT MAD MZN MMK NAD NPR NIO NGN MKD OMR PKR PAB PGK PYG PEN PHP PLN QAR RON RUB RWF SHP WST STN SAR "
    "RSD SCR SLE SGD XSU SBD SOS SSP LKR SDG SRD SEK CHE CHW SYP TWD TJS TZS THB TOP TTD TND TRY TMT UGX UAH "
    "AED USN UYU UYI UYW UZS VUV VES VED VND YER ZMW ZWG"
)
"""ISO 4217, as the published page lists it; case matters."""


def shape_event(payload: Payload, shaping: Shaping) -> JsonObject:
    """The event with its buyer, time and the properties its name takes; the page adds the products.

    Raises InvalidPayload when nobody is named, or a cart has no total and is not a change to one.
    """
    event = _buyer(payload)
    if shaping.settings.get("app_id"):
        event["app_id"] = shaping.settings["app_id"]
    name = payload["name"]
    event["name"] = name
    event["time"] = dates.iso(payload["time"])
    if name == CART and "total_value" not in payload and payload.get("action") not in ("add", "remove"):
        raise InvalidPayload([("total_value", 'is required unless "action" is "add" or "remove"')])
    properties: JsonObject = {
        key: payload[key] for key in ("currency", "source", "metadata") if key in payload
    }
    properties.update((key, payload[key]) for key in PROPERTIES[name] if key in payload)
    event["properties"] = properties
    if identity.alias_of(payload) is not None or shaping.sync_mode == "update":
        event["_update_existing_only"] = True
    return event


def _buyer(payload: Payload) -> JsonObject:
    names = ("external_id", "braze_id", "email", "phone", "user_alias")
    buyer = {name: payload[name] for name in names if payload.get(name)}
    if not buyer:
        raise InvalidPayload([("", f"one of {', '.join(names)} is required, none has a value")])
    return buyer


def product_of(product: JsonObject) -> JsonObject:
    """A product as Braze takes it: the keys it knows, and everything else under ``metadata``."""
    known = {key: product[key] for key in PRODUCT_KEYS if key in product}
    extras = {key: value for key, value in product.items() if key not in PRODUCT_KEYS}
    return {**known, "metadata": extras} if extras else known


def _known(member: str) -> dict[str, Any]:
    """The value the person's traits have, else the event's own property."""
    return {
        "@if": {
            "exists": {"@path": f"$.context.traits.{member}"},
            "then": {"@path": f"$.context.traits.{member}"},
            "else": {"@path": f"$.properties.{member}"},
        }
    }


def _text(label: str, help: str, path: str, *names: str, shown: Conditions | None = None) -> Field:
    required = when("name", "is", *names) if names else False
    return Field(
        "string",
        label=label,
        help=help,
        required=required,
        shown_when=shown or when("name", "is", *names),
        default={"@path": path},
    )


def _amount(label: str, help: str, path: str, *names: str, required: bool | Conditions = False) -> Field:
    return Field(
        "number",
        label=label,
        help=help,
        required=required,
        shown_when=when("name", "is", *names),
        default={"@path": path},
    )


_ORDERS: Final = (PLACED, CANCELLED, REFUNDED)
_PRICED: Final = (CART, CHECKOUT, PLACED, CANCELLED)

BUYER_FIELDS: Final[Mapping[str, Field]] = {
    "name": Field(
        "string",
        label="Ecommerce Event Name",
        help="Which of Braze's ecommerce events this is.",
        required=True,
        choices=pick(*NAMES),
    ),
    "external_id": identity.EXTERNAL_ID,
    "user_alias": Field(
        "object",
        label="User Alias Object",
        help="A name and label to find a person who has no external id yet.",
        essential=True,
        ui="keyvalue",
        properties={
            "alias_name": Field("string", label="Alias Name", help="The alias itself.", required=True),
            "alias_label": Field(
                "string", label="Alias Label", help="What kind of alias it is.", required=True
            ),
        },
    ),
    "email": Field(
        "string",
        label="Email",
        help="Finds the person by e-mail address when no other id is known.",
        format="email",
        default=_known("email"),
    ),
    "phone": Field(
        "string",
        label="Phone Number",
        help="Finds the person by phone number when no other id is known.",
        allow_null=True,
        default=_known("phone"),
    ),
    "braze_id": Field(
        "string",
        label="Braze User Identifier",
        help="The id Braze itself gave the person's device or profile.",
        essential=True,
        allow_null=True,
        default=_known("braze_id"),
    ),
    "cancel_reason": _text("Cancel Reason", "Why the order was cancelled.", "$.properties.reason", CANCELLED),
    "time": Field(
        "string",
        label="Time",
        help="When it happened.",
        required=True,
        format="date-time",
        default={"@path": "$.timestamp"},
    ),
    "checkout_id": _text("Checkout ID", "The checkout's own id.", "$.properties.checkout_id", CHECKOUT),
    "order_id": _text("Order ID", "The order's own id.", "$.properties.order_id", *_ORDERS),
    "cart_id": _text(
        "Cart ID",
        "The cart's own id; ties carts, checkouts and orders together.",
        "$.properties.cart_id",
        CART,
        shown=when("name", "is", CART, CHECKOUT, PLACED),
    ),
    "total_value": _amount(
        "Total Value",
        "What the cart or order is worth in all.",
        "$.properties.total",
        *(CART, CHECKOUT, *_ORDERS),
        required=when("name", "is", CHECKOUT, *_ORDERS),
    ),
    "action": Field(
        "string",
        label="Action",
        help="Whether the products are added to the cart, taken out, or all there is.",
        choices=pick("add", "remove", "replace"),
        shown_when=when("name", "is", CART),
        default={"@path": "$.properties.action"},
    ),
    "subtotal_value": _amount(
        "Subtotal Value", "Worth before tax and shipping.", "$.properties.subtotal", *_PRICED
    ),
    "tax": _amount("Tax", "The tax on it.", "$.properties.tax", *_PRICED),
    "shipping": _amount("Shipping", "What shipping costs.", "$.properties.shipping", *_PRICED),
    "total_discounts": _amount(
        "Total Discounts", "What was taken off in all.", "$.properties.discount", *_ORDERS
    ),
    "discounts": Field(
        "object",
        label="Discounts",
        help="Each discount with its code.",
        multiple=True,
        ui="keyvalue",
        shown_when=when("name", "is", *_ORDERS),
        default={
            "@arrayPath": [
                "$.properties.discount_items",
                {"code": {"@path": "$.code"}, "amount": {"@path": "$.amount"}},
            ]
        },
        properties={
            "code": Field("string", label="Discount Code", help="The code that was used.", required=True),
            "amount": Field("number", label="Discount Amount", help="What it took off.", required=True),
        },
    ),
    "currency": Field(
        "string",
        label="Currency",
        help="Three-letter currency code of every amount.",
        required=True,
        choices=tuple(Choice(code) for code in CURRENCIES.split()),
        default={"@path": "$.properties.currency"},
    ),
    "source": Field(
        "string",
        label="Source",
        help="Where it happened, for instance web or ios.",
        required=True,
        default={"@path": "$.properties.source"},
    ),
    "metadata": Field(
        "object",
        label="Metadata",
        help="Anything else about the event.",
        ui="keyvalue",
    ),
}
"""In the published order; each page adds its products and the batching fields."""


BATCHING_FIELDS: Final = batching.fields(
    rest.TRACK_ITEMS,
    minimum=2,
    required=True,
    hidden=False,
    labels=("Batch Data to Braze", "Maximum Batch Size"),
)


def product_members(*, counted: bool) -> dict[str, Field]:
    """The members of a product; `counted`: how many of it there are is one of them."""
    members = {
        "product_id": Field("string", label="Product ID", help="The product's own id.", required=True),
        "product_name": Field("string", label="Product Name", help="The name people see.", required=True),
        "variant_id": Field(
            "string", label="Variant ID", help="The size, colour or kind of it.", required=True
        ),
        "image_url": Field("string", label="Image URL", help="Web address of a picture.", format="uri"),
        "product_url": Field("string", label="Product URL", help="Web address of its page.", format="uri"),
    }
    if counted:
        members["quantity"] = Field("number", label="Quantity", help="How many of it.", required=True)
    members["price"] = Field("number", label="Price", help="The price of one.", required=True)
    return members
