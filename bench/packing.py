"""How many requests a thousand events need: each action by itself, and packed by person.

A day of a shop: people who look at things, now and then tell something about themselves, and sometimes buy.
Delivered to a sandbox in this process; one flush each minute of traffic, as when traffic is low.
"""

import asyncio
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from tests.runtime.house import bind, opened, records

from bench.result import Result, Table
from segue.model.workspace import Delivery

EVENTS = 1_000
FLUSHES = 20


def run(_seconds: float) -> Result:
    """The same thousand events both ways."""
    found = {packing: asyncio.run(_requests(packing)) for packing in ("action", "person")}
    figures = {f"requests_per_1000_events_{packing}": float(count) for packing, count in found.items()}
    table = Table(
        title=f"Packing, {EVENTS:,} events in {FLUSHES} flushes of {EVENTS // FLUSHES}",
        columns=["packing", "requests per 1,000 events"],
        rows=[["per action (default)", found["action"]], ["by person", found["person"]]],
        note="Full batches of one action only, 75 objects each, would need 14.",
    )
    return Result(name="packing", tables=[table], figures=figures)


async def _requests(packing: Any) -> int:
    chance = Random(5)
    events = [_event(chance, number) for number in range(EVENTS)]
    size = EVENTS // FLUSHES
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as folder:
        async with opened(Path(folder)) as desk:
            for start in range(0, EVENTS, size):
                await desk.stream.append(records(*events[start : start + size]))
                await desk.deliver(bind(delivery=Delivery(packing=packing)))
            return len(desk.wire.sent)


def _event(chance: Random, number: int) -> dict[str, Any]:
    named = {"userId": f"u{chance.randrange(300)}", "messageId": f"m{number}"}
    what = chance.random()
    if what < 0.2:
        return {**named, "type": "identify", "traits": {"plan": chance.choice(("free", "plus"))}}
    if what < 0.25:
        products = [{"product_id": "tea", "price": 7.5, "quantity": 1}]
        properties = {"order_id": f"o{number}", "products": products}
        return {**named, "type": "track", "event": "Order Completed", "properties": properties}
    return {**named, "type": "track", "event": "Product Viewed", "properties": {"product_id": "tea"}}
