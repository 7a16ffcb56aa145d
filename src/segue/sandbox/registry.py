"""What a workspace learns from traffic: names, totals over time, data points, deletions."""

import msgspec

from segue.sandbox.person import DAY_MS, Person

HOUR_MS = 3_600_000
DELETIONS_KEPT = 1_000


class Tally(msgspec.Struct):
    """Totals over time for one event name or product: `hours` by app id (or `""`), then hour since epoch."""

    first_ms: int
    count: int = 0
    hours: dict[str, dict[int, float]] = {}

    def add(self, at_ms: int, app_id: str | None, amount: float = 1) -> None:
        """Count an amount into its hour."""
        self.count += 1
        series = self.hours.setdefault(app_id or "", {})
        hour = at_ms // HOUR_MS
        series[hour] = series.get(hour, 0) + amount


class Deletion(msgspec.Struct):
    """A profile that was deleted: when, by which kind of identifier, and what was gone with it."""

    at_ms: int
    by: str
    braze_id: str
    external_id: str | None
    events: int
    purchases: int


class Registry(msgspec.Struct):
    """What the workspace has learned from traffic: event names, products, attribute types."""

    events: dict[str, Tally] = {}
    products: dict[str, Tally] = {}
    """Purchases (each piece counts)."""
    revenue: dict[str, Tally] = {}
    """Revenue in cents of US dollars, by product."""
    attributes: dict[str, str] = {}
    """Name to detected type."""
    data_points: dict[str, int] = msgspec.field(
        default_factory=lambda: {"attributes": 0, "events": 0, "purchases": 0, "sessions": 0}
    )
    points_by_day: dict[int, int] = {}
    """All data points by day since the epoch."""
    sends: dict[str, dict[int, int]] = {}
    """Recipients of a campaign or canvas, by its id and day."""
    conversions: dict[str, dict[int, int]] = {}
    """Conversions of a campaign, by its id and day."""
    sessions: int = 0
    """Sessions ever: only device SDKs begin one."""
    session_dates: int = 0
    """How often a date of a session was sent by REST: without any, nobody counts for it."""
    orders: int = 0
    """Ecommerce orders placed less cancelled."""
    order_cents: int = 0
    """What they came to, less refunds, in cents of US dollars."""
    refund_cents: int = 0
    happenings: int = 0
    """Currents events so far: the number in an event's id."""
    deleted: int = 0
    deletions: list[Deletion] = []
    """The latest of them."""
    merged: int = 0

    def meter(self, kind: str, points: int, now_ms: int) -> None:
        """Count data points."""
        if points:
            self.data_points[kind] = self.data_points.get(kind, 0) + points
            day = now_ms // DAY_MS
            self.points_by_day[day] = self.points_by_day.get(day, 0) + points

    def bury(self, person: Person, by: str, now_ms: int) -> None:
        """Note a deletion."""
        self.deleted += 1
        gone = Deletion(
            now_ms, by, person.braze_id, person.external_id, len(person.events), len(person.purchases)
        )
        self.deletions = [*self.deletions[1 - DELETIONS_KEPT :], gone]
