"""Pricing: the data points of events and purchases, for contracts that count them; attributes are priced by
their shape (`segue.engine.points`).

An event costs 1, an ecommerce event nothing, a purchase as much as its quantity. Properties that are enabled
for segmentation in Braze's dashboard cost 1 more each; which those are is not known here, and not counted.

Source  Braze docs, "Data points (Legacy)" and "Ecommerce events", read 2026-11-24
"""

from typing import Any, Final

import msgspec
import orjson

from segue.model.delivery import Row

from . import ecommerce

_MARK: Final = b'"ecommerce.'
_QUANTITY: Final = b'"quantity":'


def price(row: Row) -> int:
    """Data points of a row's events and purchases, once Braze took them."""
    items = row.items
    if row.context == "purchases":
        return sum(map(_of_purchase, items))
    if len(items) == 1:  # nearly always
        return 0 if _MARK in items[0] and _is_free(items[0]) else 1
    return sum(map(of_object, items))


def of_object(item: bytes) -> int:
    """Of an event object; most are read without reading them."""
    return 0 if _MARK in item and _is_free(item) else 1


def price_purchases(row: Row) -> int:
    """Likewise, of a row whose objects are purchases."""
    return sum(map(_of_purchase, row.items))


def _is_free(item: bytes) -> bool:
    return orjson.loads(item).get("name") in ecommerce.NAMES


class _Purchase(msgspec.Struct, gc=False):
    """Of a purchase what its price depends on: reading all of it takes thrice as long."""

    quantity: Any = 1


_purchase: Final = msgspec.json.Decoder(_Purchase).decode


def _of_purchase(item: bytes) -> int:
    quantity = _purchase(item).quantity if _QUANTITY in item else 1
    return quantity if type(quantity) is int and quantity > 0 else 1
