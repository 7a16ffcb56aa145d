"""A person as Braze keeps one: who they are, what they are like, what they did.

Moments are milliseconds since the epoch, UTC; days are whole days since the epoch. Money is in cents of
US dollars. `properties` stay the JSON they came as.
"""

from typing import Any

import msgspec

DAY_MS = 86_400_000
MESSAGES_KEPT = 40
"""As many as the profile's Messaging History shows. Source: Braze docs, "User profiles", 2026-11-23."""

NO_PROPERTIES = msgspec.Raw(b"{}")
"""One for all who have none."""


class Summary(msgspec.Struct, gc=False):
    """What is kept about one event name or product of one person."""

    first_ms: int
    last_ms: int
    count: int

    def add(self, at_ms: int, times: int = 1) -> None:
        """Count one more occurrence."""
        if at_ms < self.first_ms:
            self.first_ms = at_ms
        if at_ms > self.last_ms:
            self.last_ms = at_ms
        self.count += times

    def join(self, other: "Summary") -> None:
        """Take over another person's: counts summed, first the earlier, last the later."""
        self.first_ms = min(self.first_ms, other.first_ms)
        self.last_ms = max(self.last_ms, other.last_ms)
        self.count += other.count


class Occurrence(msgspec.Struct, gc=False, omit_defaults=True):
    """One event as it was logged."""

    name: str
    time_ms: int
    received_ms: int
    app_id: str | None = None
    properties: msgspec.Raw = msgspec.field(default_factory=lambda: NO_PROPERTIES)


class Purchase(msgspec.Struct, gc=False, omit_defaults=True):
    """One purchase object as it was logged; `quantity` of them count."""

    product_id: str
    time_ms: int
    received_ms: int
    currency: str
    price: float
    quantity: int = 1
    app_id: str | None = None
    properties: msgspec.Raw = msgspec.field(default_factory=lambda: NO_PROPERTIES)


class Cart(msgspec.Struct):
    """A cart as the ecommerce events built it: quantity by `product_id/variant_id`."""

    updated_ms: int
    items: dict[str, int]
    checked_out: bool = False


class Commerce(msgspec.Struct):
    """What the ecommerce events add up to: the Transactions tab."""

    revenue_cents: int = 0
    refund_cents: int = 0
    orders: list[str] = []
    cancelled: list[str] = []
    refunds: int = 0
    carts: dict[str, Cart] = {}

    @property
    def total_orders(self) -> int:
        """Distinct orders placed less distinct orders cancelled."""
        return len(self.orders) - len(self.cancelled)


class AppUse(msgspec.Struct):
    """One app on one person: only a device SDK ever moves this."""

    app_id: str
    sessions: int
    first_ms: int
    last_ms: int
    days: dict[int, int] = {}
    """Sessions by day."""
    latest_sessions: tuple[str, ...] = ()
    """Ids of the latest few sessions, so that one told twice counts once."""


class Engagement(msgspec.Struct, gc=False, omit_defaults=True):
    """One thing that happened to a message: sent, delivered, opened, …"""

    type: str
    """The Currents type, such as `users.messages.email.Open`."""
    source: str
    """Name of the campaign or canvas."""
    at_ms: int


class Reception(msgspec.Struct, omit_defaults=True):
    """What became of one campaign or canvas for one person."""

    engaged: dict[str, bool] = {}
    """As an export says it, such as `{"opened_email": true}`."""
    conversions: int = 0
    in_control: bool = False
    variation: str = ""
    entered_ms: int | None = None
    """A canvas: when it was entered, and when it was left."""
    exited_ms: int | None = None
    steps: dict[str, int] = {}
    """Steps of a canvas received, and when."""


class Membership(msgspec.Struct):
    """A subscription group's state and when it changed."""

    state: str
    changed_ms: int


class Person(msgspec.Struct):
    """One profile. `fields` are Braze's own (first_name, email, …), `custom` the customer's."""

    braze_id: str
    created_ms: int
    updated_ms: int
    random_bucket: int
    external_id: str | None = None
    deprecated_external_ids: tuple[str, ...] = ()
    aliases: dict[str, str] = {}
    """Label to name: one name a label."""
    fields: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    groups: dict[str, Membership] = {}
    push_tokens: tuple[dict[str, Any], ...] = ()
    devices: tuple[dict[str, Any], ...] = ()
    apps: dict[str, AppUse] = {}
    event_summaries: dict[str, Summary] = {}
    purchase_summaries: dict[str, Summary] = {}
    events: list[Occurrence] = []
    purchases: list[Purchase] = []
    revenue_cents: int = 0
    purchase_count: int = 0
    commerce: Commerce | None = None
    anonymous_devices: tuple[str, ...] = ()
    """Devices this person is the visitor of: what an SDK sends without a user id is theirs."""
    cohorts: tuple[str, ...] = ()
    campaigns_received: dict[str, int] = {}
    canvases_received: dict[str, int] = {}
    receptions: dict[str, Reception] = {}
    """By campaign or canvas."""
    cards_clicked: tuple[str, ...] = ()
    """Names of what their content cards belonged to."""
    messages: tuple[Engagement, ...] = ()
    """The latest message engagement."""
    data_points: int = 0

    def engage(self, entry: Engagement) -> None:
        """Note what happened to a message; the latest are kept."""
        self.messages = (*self.messages[1 - MESSAGES_KEPT :], entry)

    def event_days(self, name: str) -> dict[int, int]:
        """How often an event happened, by day since the epoch: what the X-in-Y-days filters ask."""
        days: dict[int, int] = {}
        for event in self.events:
            if event.name == name:
                days[event.time_ms // DAY_MS] = days.get(event.time_ms // DAY_MS, 0) + 1
        return days

    @property
    def device_ids(self) -> set[str]:
        """Devices an SDK told of, and those push tokens are for."""
        held = (*self.devices, *self.push_tokens)
        return {entry["device_id"] for entry in held if isinstance(entry.get("device_id"), str)}

    @property
    def is_identified(self) -> bool:
        """Whether it has an external id."""
        return self.external_id is not None
