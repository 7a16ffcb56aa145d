"""A purchase costs as much as its quantity, read without reading the rest of it."""

from typing import Any

import orjson
import pytest

from segue.catalog.braze.pricing import price_purchases
from segue.model.delivery import Row


def row_of(*items: dict[str, Any]) -> Row:
    return Row(
        destination="braze",
        subscription="s",
        action="track-purchase",
        lane=0,
        offset=1,
        order=1,
        person="u",
        message_id="m",
        kind="track",
        items=tuple(map(orjson.dumps, items)),
    )


@pytest.mark.parametrize(
    ("purchase", "points"),
    [
        ({"product_id": "tea"}, 1),
        ({"product_id": "tea", "quantity": 4}, 4),
        ({"product_id": "tea", "quantity": 0}, 1),
        ({"product_id": "tea", "quantity": -2}, 1),
        ({"product_id": "tea", "quantity": 2.5}, 1),
        ({"product_id": "tea", "quantity": "3"}, 1),
        ({"product_id": "tea", "quantity": True}, 1),
        ({"product_id": "tea", "quantity": None}, 1),
        ({"product_id": "tea", "quantity": 2**63}, 2**63),
        ({"product_id": "tea", "properties": {"quantity": 9}}, 1),
        ({"product_id": "tea", "properties": {"quantity": 9}, "quantity": 2}, 2),
        ({"product_id": 'x"quantity":7', "quantity": 2, "properties": {"é": [{"a": 1e300}]}}, 2),
    ],
)
def test_a_purchase_costs_its_quantity(purchase: dict[str, Any], points: int) -> None:
    """Its own, not one among its properties; one where it has none that counts."""
    assert price_purchases(row_of(purchase)) == points


def test_an_order_costs_all_its_purchases() -> None:
    """Each product its own."""
    assert price_purchases(row_of({"quantity": 4}, {"price": 1}, {"quantity": 2})) == 7
