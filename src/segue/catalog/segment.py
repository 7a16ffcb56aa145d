"""The tracking spec as the catalogue shows it: traits and properties with a meaning, events with a name.

    EVENTS["Order Completed"]   its properties: checkout_id, order_id, …, products
    TRAITS["birthday"]          a date
    TYPES["product_id"]         the type of a property wherever it appears

The console offers these names in triggers and mappings; nothing is refused for not being among them.

Source  Segment docs, "Identify", "Group", "Ecommerce spec v2", "Mobile spec", "B2B SaaS spec", "Email spec",
        "Live chat spec", read 2026-11-23
"""

from collections.abc import Mapping
from typing import Final, Literal

Type = Literal["text", "number", "boolean", "date", "object", "list"]

TRAITS: Final[Mapping[str, Type]] = {
    "address": "object",
    "age": "number",
    "avatar": "text",
    "birthday": "date",
    "company": "object",
    "createdAt": "date",
    "description": "text",
    "email": "text",
    "firstName": "text",
    "gender": "text",
    "id": "text",
    "lastName": "text",
    "name": "text",
    "phone": "text",
    "title": "text",
    "username": "text",
    "website": "text",
}
"""Reserved traits of a person."""

GROUP_TRAITS: Final[Mapping[str, Type]] = {
    "address": "object",
    "avatar": "text",
    "createdAt": "date",
    "description": "text",
    "email": "text",
    "employees": "number",
    "id": "text",
    "industry": "text",
    "name": "text",
    "phone": "text",
    "plan": "text",
    "website": "text",
}
"""Reserved traits of a group."""

_NUMBERS: Final = (
    "price",
    "quantity",
    "position",
    "value",
    "total",
    "revenue",
    "subtotal",
    "shipping",
    "tax",
)

TYPES: Final[Mapping[str, Type]] = {
    **dict.fromkeys((*_NUMBERS, "discount", "rating", "step"), "number"),
    **dict.fromkeys(("products", "filters", "sorts"), "list"),
    "from_background": "boolean",
    "campaign": "object",
}
"""Types of event properties; what is not here is a text."""

_PRODUCT: Final = (
    *("product_id", "sku", "category", "name", "brand", "variant", "price", "quantity", "coupon"),
    *("position", "url", "image_url"),
)
_ORDER: Final = (
    *("checkout_id", "order_id", "affiliation", "subtotal", "total", "revenue", "shipping", "tax"),
    *("discount", "coupon", "currency", "products"),
)
_PROMOTION: Final = ("promotion_id", "creative", "name", "position")
_STEP: Final = ("checkout_id", "step", "shipping_method", "payment_method")
_COUPON: Final = ("order_id", "cart_id", "coupon_id", "coupon_name", "discount", "reason")
_SHARED: Final = ("share_via", "share_message", "recipient")
_APPLICATION: Final = ("version", "build")
_PUSH: Final = ("action", "campaign")
_ACCOUNT: Final[tuple[str, ...]] = ()
"""Account events carry their group in ``context.groupId``; their properties are the sender's own."""

EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "Products Searched": ("query",),
    "Product List Viewed": ("list_id", "category", "products"),
    "Product List Filtered": ("list_id", "category", "filters", "sorts", "products"),
    "Promotion Viewed": _PROMOTION,
    "Promotion Clicked": _PROMOTION,
    "Product Clicked": _PRODUCT,
    "Product Viewed": (*_PRODUCT, "currency", "value"),
    "Product Added": (*_PRODUCT, "cart_id"),
    "Product Removed": (*_PRODUCT, "cart_id"),
    "Cart Viewed": ("cart_id", "products"),
    "Checkout Started": (*_ORDER, "value"),
    "Checkout Step Viewed": _STEP,
    "Checkout Step Completed": _STEP,
    "Payment Info Entered": (*_STEP, "order_id"),
    "Order Updated": _ORDER,
    "Order Completed": _ORDER,
    "Order Refunded": ("order_id", "products"),
    "Order Cancelled": _ORDER,
    "Coupon Entered": _COUPON,
    "Coupon Applied": _COUPON,
    "Coupon Denied": _COUPON,
    "Coupon Removed": _COUPON,
    "Product Added to Wishlist": (*_PRODUCT, "wishlist_id", "wishlist_name"),
    "Product Removed from Wishlist": (*_PRODUCT, "wishlist_id", "wishlist_name"),
    "Wishlist Product Added to Cart": (*_PRODUCT, "wishlist_id", "wishlist_name", "cart_id"),
    "Product Shared": (*_PRODUCT, *_SHARED),
    "Cart Shared": ("cart_id", "products", *_SHARED),
    "Product Reviewed": ("product_id", "review_id", "review_body", "rating"),
    "Application Installed": _APPLICATION,
    "Application Opened": ("from_background", "url", "referring_application", *_APPLICATION),
    "Application Backgrounded": (),
    "Application Foregrounded": (),
    "Application Updated": ("previous_version", "previous_build", *_APPLICATION),
    "Application Uninstalled": (),
    "Application Crashed": (),
    "Install Attributed": ("provider", "campaign"),
    "Push Notification Received": _PUSH,
    "Push Notification Tapped": _PUSH,
    "Push Notification Bounced": _PUSH,
    "Deep Link Opened": ("provider", "url"),
    "Deep Link Clicked": ("provider", "url"),
    "Account Created": _ACCOUNT,
    "Account Deleted": _ACCOUNT,
    "Signed Up": _ACCOUNT,
    "Signed In": _ACCOUNT,
    "Signed Out": _ACCOUNT,
    "Invite Sent": _ACCOUNT,
    "Account Added User": _ACCOUNT,
    "Account Removed User": _ACCOUNT,
    "Trial Started": _ACCOUNT,
    "Trial Ended": _ACCOUNT,
    "Email Bounced": (),
    "Email Delivered": (),
    "Email Link Clicked": (),
    "Email Marked as Spam": (),
    "Email Opened": (),
    "Unsubscribed": (),
    "Live Chat Conversation Started": (),
    "Live Chat Conversation Ended": (),
    "Live Chat Message Sent": (),
    "Live Chat Message Received": (),
    "Experiment Viewed": (),
    "Segment Consent Preference Updated": (),
}
"""Semantic events with the properties the spec gives them, in the order of the spec."""


def type_of(property_name: str) -> Type:
    """The type the spec gives an event property."""
    return TYPES.get(property_name, "text")
