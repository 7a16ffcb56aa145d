"""What a courier keeps of an event it has routed."""

import gc
import tracemalloc
from typing import Any

import pytest
from tests.runtime.house import bind

from segue.engine.route import Position, route
from segue.model.delivery import Row

IDENTIFY = {"type": "identify", "userId": "u1", "traits": {"plan": "plus", "email": "a@example.com"}}
ORDER = {
    "type": "track",
    "event": "Order Completed",
    "timestamp": "2026-11-24T10:00:00.000Z",
    "userId": "u1",
    "properties": {"products": [{"product_id": f"tea-{n}", "price": 7.5} for n in range(100)]},
}
EVENTS = 50


@pytest.mark.parametrize("event", [IDENTIFY, ORDER], ids=["one object", "several rows of objects"])
def test_a_row_keeps_no_more_memory_than_its_objects_take(event: dict[str, Any]) -> None:
    """Not the buffer they were written in, many times as large: twenty thousand rows may wait."""
    braze = bind()
    gc.collect()
    tracemalloc.start()
    try:
        rows: list[Row] = []
        for offset in range(EVENTS):
            rows += [row for row, _ in route(event, braze, Position(0, offset, 0, "u:u1", "m1", 0)).rows]
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    objects = sum(len(row.items) for row in rows)
    size = sum(row.size_bytes for row in rows)
    assert size > 40 * objects
    assert kept < size + 100 * objects + 500 * len(rows)
