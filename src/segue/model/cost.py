"""CostKey and Cost: what traffic costs at a partner, in both ways partners count it."""

from typing import NamedTuple

import msgspec

MILLION = 1_000_000


class CostKey(NamedTuple):
    """What a cost is of.

    day        days since the epoch (UTC), when it was settled
    event      the event's name; its kind ("identify") when it has none
    attribute  name of the attribute; "" for what is not an attribute's: events, purchases, requests
    """

    day: int
    source: str
    subscription: str
    event: str
    attribute: str


class Cost(msgspec.Struct, array_like=True):
    """Sums; they only grow.

    points          data points the partner counts for what it took
    points_saved    data points that were not spent because nothing was sent
    objects         objects that travelled, each try of a request counted
    objects_saved   objects that did not, because nothing of them was left to send or others carried it
    micro_requests  millionths of requests: a request is shared out among the rows in it
    """

    points: int = 0
    points_saved: int = 0
    objects: int = 0
    objects_saved: int = 0
    micro_requests: int = 0

    @property
    def requests(self) -> float:
        """Requests, a shared one in parts."""
        return self.micro_requests / MILLION

    def add(self, other: "Cost") -> None:
        """Add another cost to this one."""
        self.points += other.points
        self.points_saved += other.points_saved
        self.objects += other.objects
        self.objects_saved += other.objects_saved
        self.micro_requests += other.micro_requests
