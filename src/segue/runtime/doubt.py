"""Doubt: a row that left, and no answer is known. What becomes of it, and how it is told."""

from typing import Final

from segue.engine.plan import BoundDestination

UNCERTAIN: Final = "UNCERTAIN"
IN_DOUBT: Final = "it left in request {request} and no answer is known: it may or may not have arrived"


def policy_of(destination: BoundDestination, action: str) -> str:
    """What becomes of a row that may have arrived: "repeated" when that changes nothing, else the
    destination's policy."""
    return "repeated" if _is_repeatable(destination, action) else destination.config.delivery.uncertain


def _is_repeatable(destination: BoundDestination, action: str) -> bool:
    """True when sending a row of the action twice leaves the partner as if it had been sent once."""
    found = destination.page.carried(action)
    return found is not None and found.repeatable
