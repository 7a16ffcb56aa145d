"""Track purchase: an order becomes one Braze purchase for each of its products.

Endpoint  POST /users/track, array ``purchases``
Limits    75 objects a request; an order of more products travels in several
Source    Braze docs, "Track users" and "Purchase object", read 2026-11-23
"""

from typing import Any, Final

import orjson

from segue.kit import dates
from segue.kit.action import Action, JsonObject, Shaped, Shaping
from segue.kit.field import Field
from segue.kit.recipe import MISSING, Put, Recipe
from segue.model.delivery import Payload

from .. import batching, identity, pricing, rest, values

SLUGS: Final = {
    "trackPurchase": None,
    "vE7Gf9yobj2gTuMBhwmg7g": None,
    "trackPurchase2": identity.ADD_OR_UPDATE_REQUIRED,
    "uq4SiYEcMy656CLSJJpdRB": identity.ADD_OR_UPDATE_REQUIRED,
}

NO_PRODUCTS: Final = "no_products"
"""The reason an order without products is filtered with."""

PRODUCT_FIELDS: Final = frozenset({"product_id", "currency", "price", "quantity"})


def shape(payload: Payload, shaping: Shaping) -> Shaped:
    """One purchase per product; all share the buyer, the time and the order's properties.

    A product's own extras become properties too; on a clash the order's property wins. Raises
    InvalidPayload without an identifier or without the sync mode it needs.
    """
    identity.require_sync_mode(shaping, SLUGS)
    buyer: JsonObject = identity.identify(payload)
    products = payload["products"]
    if not products:
        return Shaped(filtered=NO_PRODUCTS)
    if "app_id" in shaping.settings:
        buyer["app_id"] = shaping.settings["app_id"]
    buyer["time"] = dates.iso(payload["time"])
    identity.set_update_rule(buyer, payload, shaping)
    notes: list[tuple[str, str]] = []
    order = payload.get("properties") or {}
    currency = _currency_of(order)
    shared = values.without_taken(order, values.PURCHASE_PROPERTIES_TAKEN, notes)
    shared = {name: value for name, value in shared.items() if name != "products"}
    items = [{**buyer, **_purchase(product, currency, shared, notes)} for product in products]
    return Shaped(items=items, notes=list(dict.fromkeys(notes)))


def _purchase(
    product: JsonObject, currency: str, shared: JsonObject, notes: list[tuple[str, str]]
) -> JsonObject:
    purchase: JsonObject = {
        "product_id": product["product_id"],
        "currency": product.get("currency") or currency,
        "price": product["price"],
    }
    if "quantity" in product:
        purchase["quantity"] = product["quantity"]
    extras = {name: value for name, value in product.items() if name not in PRODUCT_FIELDS}
    purchase["properties"] = {
        **values.without_taken(extras, values.PURCHASE_PROPERTIES_TAKEN, notes),
        **shared,
    }
    return purchase


def _currency_of(order: JsonObject) -> str:
    """The currency of products that carry none: the order's, else US dollars."""
    currency: Any = order.get("currency")
    return currency if isinstance(currency, str) and currency else "USD"


_RARE: Final = values.PURCHASE_PROPERTIES_TAKEN - {"currency"}
"""Reserved names that an order hardly has among its own properties."""


def _finish(buyer: JsonObject, products: Any, order: Any) -> list[bytes] | None:
    """One object is written over for each product and encoded whole, which costs less than joining parts.

    What is missing or no object raises; then the order takes the long way, too.
    """
    if type(products) is not list or not products:
        return None
    if order is MISSING:
        order = {}
    elif type(order) is not dict or not _RARE.isdisjoint(order):
        return None
    shared = order.copy()
    shared.pop("products", None)
    usual = shared.pop("currency", None)
    if type(usual) is not str or not usual:
        usual = "USD"
    items = []
    for product in products:
        if "time" in product or "event_name" in product:
            return None
        properties = product | shared
        buyer["product_id"] = name = properties.pop("product_id")
        buyer["price"] = price = properties.pop("price")
        if type(name) is not str or not name or (type(price) is not float and type(price) is not int):
            return None
        if "currency" in properties:
            buyer["currency"] = currency = properties.pop("currency")
            if type(currency) is not str or not currency:
                return None
        else:
            buyer["currency"] = usual
        if "quantity" in properties:
            buyer["quantity"] = quantity = properties.pop("quantity")
            if type(quantity) is not int:
                return None
        elif "quantity" in buyer:
            del buyer["quantity"]
        buyer["properties"] = properties
        items.append(orjson.dumps(buyer))
    return items


RECIPE: Final = Recipe(
    puts=(*identity.PUTS, Put("time", "moment"), Put("_update_existing_only", "flag")),
    someone=identity.SOMEONE,
    ignored=batching.FIELDS,
    known=identity.known,
    rest=("products", "properties"),
    finish=_finish,
)

TRACK_PURCHASE: Final = Action(
    slug="track-purchase",
    title="Track purchase",
    description="Records a purchase in Braze for every product of an order.",
    trigger='event = "Order Completed"',
    fields={
        "external_id": identity.EXTERNAL_ID,
        "user_alias": identity.USER_ALIAS,
        "email": Field(
            "string",
            label="Email",
            help="Finds the person by e-mail address when no other id is known.",
            default={"@path": "$.traits.email"},
        ),
        "braze_id": identity.BRAZE_ID,
        "time": Field(
            "datetime",
            label="Time",
            help="When the order was placed.",
            required=True,
            default={"@path": "$.receivedAt"},
        ),
        "products": Field(
            "object",
            label="Products",
            help="The products of the order; each becomes a purchase, and its extra members properties.",
            required=True,
            multiple=True,
            additional_properties=True,
            default={"@path": "$.properties.products"},
            properties={
                "product_id": Field(
                    "string",
                    label="Product ID",
                    help="What was bought; Braze groups purchases by it.",
                    required=True,
                ),
                "currency": Field(
                    "string",
                    label="Currency",
                    help="Three-letter currency code; the order's, else USD, when a product has none.",
                    essential=True,
                ),
                "price": Field(
                    "number",
                    label="Price",
                    help="The price of one piece, in the currency's main unit.",
                    required=True,
                ),
                "quantity": Field(
                    "integer",
                    label="Quantity",
                    help="How many pieces were bought; Braze takes one when it is left out.",
                    essential=True,
                ),
            },
        ),
        "properties": Field(
            "object",
            label="Event Properties",
            help="What is known about the order; repeated on each of its purchases.",
            default={"@path": "$.properties"},
        ),
        "_update_existing_only": identity.UPDATE_EXISTING_ONLY,
        **batching.fields(rest.TRACK_ITEMS),
    },
    batch=rest.TRACK_BATCH,
    sync=identity.ADD_OR_UPDATE,
    slugs=SLUGS,
    synced=("_update_existing_only",),
    pool=rest.TRACK_POOL,
    price=pricing.price_purchases,
    shape=shape,
    build=rest.build_track,
    read=rest.read_track,
    advise=identity.advise_aliases,
    recipe=RECIPE,
)
