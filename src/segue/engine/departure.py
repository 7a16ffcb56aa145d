"""Departure: what becomes of the updates of one request (`segue.engine.delta`)."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from segue.engine.profile import Prepared


class Dropped(msgspec.Struct, frozen=True, gc=False):
    """An update with nothing left to send.

    names  its attributes; costs: attribute -> data points it would have cost
    """

    index: int
    reason: str
    names: Sequence[str]
    costs: Mapping[str, int]

    @property
    def saved(self) -> int:
        """Data points it would have cost."""
        return sum(self.costs.values())


class Departure(msgspec.Struct):
    """What becomes of some updates: the objects to send, in this order, the updates that none of them
    carries, and what was left out of each: update -> (attribute, why)."""

    objects: list[Prepared] = []
    dropped: list[Dropped] = []
    notes: dict[int, list[tuple[str, str]]] = {}


class Fate(StrEnum):
    """What became of an object that left."""

    APPLIED = "applied"
    REFUSED = "refused"
    """The partner says no to it, and nothing of it was applied: what it touched is forgotten."""
    UNSENT = "unsent"
    """It certainly had no effect, for a reason of its own: a rate limit, a refused connection."""
    UNCERTAIN = "uncertain"
    """It may have been applied, no answer came, and it will leave again before anything later of its person:
    what it touched is forgotten. If it will not leave again, `presume` it too."""


class Update(msgspec.Struct, frozen=True, gc=False):
    """An object somebody wants sent.

    item   as JSON, whole; alone: it must not be folded with others (its fold was refused before)
    """

    item: bytes
    event_ms: int
    received_ms: int
    alone: bool = False
