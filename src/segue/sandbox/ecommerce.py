"""The ecommerce recommended events: a strict schema at the door, carts and order totals behind it.

Source  Braze docs, "Ecommerce recommended events", read 2026-11-23
Names are exact; anything else, `ecommerce.OrderPlaced` included, is an ordinary custom event.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from segue.sandbox.person import DAY_MS, Cart, Commerce, Person
from segue.sandbox.places import CURRENCIES
from segue.sandbox.texts import Refused


class Schema(NamedTuple):
    """An event's properties, each name with the kind of value it takes."""

    required: Mapping[str, str]
    optional: Mapping[str, str]


_TOTALS = {"subtotal_value": "money", "tax": "money", "shipping": "money"}
_DISCOUNTS = {"total_discounts": "money", "discounts": "discounts"}
_ORDER = {"order_id": "text", "total_value": "money", "currency": "currency", "products": "products"}

SCHEMAS: Mapping[str, Schema] = {
    "ecommerce.product_viewed": Schema(
        {
            "product_id": "text",
            "product_name": "text",
            "variant_id": "text",
            "price": "money",
            "currency": "currency",
            "source": "text",
        },
        {"image_url": "text", "product_url": "text", "type": "alerts", "metadata": "object"},
    ),
    "ecommerce.cart_updated": Schema(
        {"cart_id": "text", "currency": "currency", "products": "products", "source": "text"},
        {"total_value": "money", "action": "action", **_TOTALS, "metadata": "object"},
    ),
    "ecommerce.checkout_started": Schema(
        {
            "checkout_id": "text",
            "total_value": "money",
            "currency": "currency",
            "products": "products",
            "source": "text",
        },
        {"cart_id": "text", **_TOTALS, "metadata": "object"},
    ),
    "ecommerce.order_placed": Schema(
        {**_ORDER, "source": "text"}, {"cart_id": "text", **_TOTALS, **_DISCOUNTS, "metadata": "object"}
    ),
    "ecommerce.order_refunded": Schema({**_ORDER, "source": "text"}, {**_DISCOUNTS, "metadata": "object"}),
    "ecommerce.order_cancelled": Schema(
        {**_ORDER, "cancel_reason": "text", "source": "text"}, {**_TOTALS, **_DISCOUNTS, "metadata": "object"}
    ),
}
_PRODUCT = Schema(
    {
        "product_id": "text",
        "product_name": "text",
        "variant_id": "text",
        "quantity": "count",
        "price": "money",
    },
    {"image_url": "text", "product_url": "text", "metadata": "object"},
)
_DISCOUNT = Schema({}, {"code": "text", "amount": "money"})
_MONEY_LIMIT = 1e9

_SAID = {
    "text": "string",
    "money": "float",
    "count": "integer",
    "object": "object",
    "alerts": "array",
    "products": "array",
    "discounts": "array",
    "action": "string",
}


def check(name: str, properties: Mapping[str, Any]) -> None:
    """Hold a recommended event against its schema.

    Raises Refused: a property missing, one too many, or one of the wrong kind.
    """
    _check(SCHEMAS[name], properties)
    if (
        name == "ecommerce.cart_updated"
        and properties.get("action") not in ("add", "remove")
        and "total_value" not in properties
    ):
        raise Refused("required", "total_value")


def apply(person: Person, name: str, properties: Mapping[str, Any], time_ms: int, cart_days: int) -> None:
    """Let a valid event move the person's totals and cart, which lives so many days without an update."""
    commerce = person.commerce = person.commerce or Commerce()
    match name:
        case "ecommerce.order_placed":
            if properties["order_id"] not in commerce.orders:
                commerce.orders = [*commerce.orders, properties["order_id"]]
            commerce.revenue_cents += round(properties["total_value"] * 100)
            cart = commerce.carts.get(properties.get("cart_id", ""))
            if cart is not None:
                cart.checked_out = True
        case "ecommerce.order_refunded":
            commerce.revenue_cents -= round(properties["total_value"] * 100)
            commerce.refund_cents += round(properties["total_value"] * 100)
            commerce.refunds += 1
        case "ecommerce.order_cancelled":
            if properties["order_id"] not in commerce.cancelled:
                commerce.cancelled = [*commerce.cancelled, properties["order_id"]]
        case "ecommerce.cart_updated":
            _update_cart(commerce, properties, time_ms, cart_days)


def _check(schema: Schema, properties: Mapping[str, Any]) -> None:
    for name in schema.required:
        if properties.get(name) is None:
            raise Refused("required", name)
    for name, value in properties.items():
        kind = schema.required.get(name) or schema.optional.get(name)
        if kind is None:
            raise Refused("not-allowed", name[:80])
        _check_value(name, kind, value)


def _check_value(name: str, kind: str, value: Any) -> None:
    if kind == "currency":
        if not isinstance(value, str) or value not in CURRENCIES:
            raise Refused("currency")
        return
    if not _fits(kind, value):
        raise Refused(f"must-be-{_SAID[kind]}", name)
    if kind in ("products", "discounts"):
        schema = _PRODUCT if kind == "products" else _DISCOUNT
        for entry in value:
            _check(schema, entry)


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case "text":
            return isinstance(value, str)
        case "money":
            return (
                isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MONEY_LIMIT
            )
        case "count":
            return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MONEY_LIMIT
        case "object":
            return isinstance(value, dict)
        case "alerts":
            return isinstance(value, list) and all(
                entry in ("price_drop", "back_in_stock") for entry in value
            )
        case "action":
            return value in ("add", "remove", "replace")
        case _:
            return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _update_cart(commerce: Commerce, properties: Mapping[str, Any], time_ms: int, cart_days: int) -> None:
    cart_id, products = properties["cart_id"], properties["products"]
    cart = commerce.carts.get(cart_id)
    if cart is not None and time_ms - cart.updated_ms > cart_days * DAY_MS:
        cart = None
    if not products or (cart is not None and (cart.checked_out or time_ms <= cart.updated_ms)):
        return
    action = properties.get("action", "replace")
    items = dict(cart.items) if cart is not None and action != "replace" else {}
    sign = -1 if action == "remove" else 1
    for product in products:
        item = f"{product['product_id']}/{product['variant_id']}"
        items[item] = items.get(item, 0) + sign * product["quantity"]
    kept = {item: quantity for item, quantity in items.items() if quantity > 0}
    commerce.carts = {**commerce.carts, cart_id: Cart(time_ms, kept)}
