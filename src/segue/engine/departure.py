"""Departure: what becomes of the updates of one request (`segue.engine.delta`)."""

from collections.abc import Mapping, Sequence

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
