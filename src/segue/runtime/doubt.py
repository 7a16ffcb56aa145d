"""Doubt: a row that left, and no answer is known. What becomes of it, and how it is told."""

from typing import Final

import msgspec

from segue.engine.plan import BoundDestination
from segue.model.delivery import Row

UNCERTAIN: Final = "UNCERTAIN"
IN_DOUBT: Final = "it left in request {request} and no answer is known: it may or may not have arrived"


def policy_of(destination: BoundDestination, row: Row) -> str:
    """What becomes of a row that may have arrived: "repeated" when that changes nothing, else the
    destination's policy."""
    return "repeated" if _is_repeatable(destination, row) else destination.config.delivery.uncertain


def _is_repeatable(destination: BoundDestination, row: Row) -> bool:
    """True when sending the row twice leaves the partner as if it had been sent once: its action says so, and
    no attribute is an operation ({"inc": 1}) on what is there."""
    found = destination.page.carried(row.action)
    if found is None or not found.repeatable:
        return False
    shape = found.attributes
    return shape is None or not any(
        isinstance(value, dict) and shape.operates(value)
        for item in row.items
        for value in msgspec.json.decode(item).values()
    )
