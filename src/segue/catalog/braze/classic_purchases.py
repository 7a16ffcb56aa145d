"""Orders and revenue as the classic destination reads them; it gives purchases without buyer and time.

    is_order("completed_order")             True
    of_products([{"id": "p1", "price": "9.5"}], "EUR", notes)
    [{"product_id": "p1", "currency": "EUR", "price": 9.5, "quantity": 1}]
    of_revenue("Plan Upgraded", {"revenue": "$20", "currency": "EUR", "plan": "pro"}, notes)
    {"product_id": "Plan Upgraded", "currency": "EUR", "price": 20, "properties": {"plan": "pro"}}

Source  Segment docs, "Braze Destination", purchases; segment-boneyard/integration-appboy, observed
        behaviour; Segment's classic libraries, event names and lookups; read 2026-11-24
"""

import re
from math import isfinite
from typing import Any, Final

from segue.kit.action import JsonObject
from segue.kit.coerce import described
from segue.model.errors import InvalidPayload

from .values import PURCHASE_PROPERTIES_TAKEN, Notes, without_taken

_ORDER: Final = re.compile(r"[ _]?(?:order[ _]?completed|completed[ _]?order)[ _]?", re.IGNORECASE)


def is_order(event: str) -> bool:
    """Whether an event's name means a completed order, in any of the spellings classic libraries know."""
    return _ORDER.fullmatch(event) is not None


def products_of(properties: JsonObject) -> list[Any]:
    """The products of an order, nulls left out; empty when there are none."""
    products = properties.get("products")
    if isinstance(products, dict):
        products = [products]
    return [each for each in products if each is not None] if isinstance(products, list) else []


def of_products(products: list[Any], currency: Any, notes: Notes) -> list[JsonObject]:
    """One purchase per product. The order's currency goes before the product's own, else US dollars.

    A product Braze could not take is left out and noted. Raises InvalidPayload when none is left.
    """
    purchases: list[JsonObject] = []
    problems: list[tuple[str, str]] = []
    for index, product in enumerate(products):
        try:
            purchases.append(_of_product(product, currency, f"properties.products[{index}]"))
        except InvalidPayload as error:
            problems.extend(error.problems)
    if not purchases:
        raise InvalidPayload(problems)
    notes.extend((place, f"{problem}; this product is left out") for place, problem in problems)
    return purchases


def _of_product(product: Any, currency: Any, place: str) -> JsonObject:
    if not isinstance(product, dict):
        raise InvalidPayload([(place, f"must be an object, found {described(product)}")])
    name = next((product[key] for key in _ID_NAMES if product.get(key) not in (None, "")), None)
    price = amount_of(product.get("price"))
    quantity = amount_of(product.get("quantity") or 1)
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise InvalidPayload([(place, f"needs a product_id or id, a text, found {described(name)}")])
    if price is None:
        raise InvalidPayload(
            [(f"{place}.price", f"must be a number, found {described(product.get('price'))}")]
        )
    if quantity is None or quantity != int(quantity):
        raise InvalidPayload(
            [(f"{place}.quantity", f"must be a whole number, found {described(product.get('quantity'))}")]
        )
    return {
        "product_id": str(name),
        "currency": next((each for each in (currency, product.get("currency")) if _is_text(each)), "USD"),
        "price": price,
        "quantity": int(quantity) or 1,
    }


_ID_NAMES: Final = ("product_id", "productId", "id")


def of_revenue(event: str, properties: JsonObject, notes: Notes) -> JsonObject | None:
    """The purchase an event with a revenue and a currency is; None when it lacks one of them or is free."""
    revenue, currency = amount_of(properties.get("revenue")), properties.get("currency")
    if not revenue:
        return None
    if not _is_text(currency):
        notes.append(("properties.currency", "missing, so the revenue makes no purchase"))
        return None
    extras = {name: value for name, value in properties.items() if name not in ("revenue", "currency")}
    return {
        "product_id": event,
        "currency": currency,
        "price": revenue,
        "properties": without_taken(extras, PURCHASE_PROPERTIES_TAKEN, notes),
    }


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def amount_of(value: Any) -> int | float | None:
    """A number as it is or written as a text, with or without a dollar sign; None for anything else."""
    if isinstance(value, str) and _AMOUNT.fullmatch(text := value.replace("$", "").strip()):
        return float(text) if "." in text else int(text)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and isfinite(value) else None


_AMOUNT: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)
