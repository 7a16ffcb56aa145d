"""A workspace: what its dashboard holds (apps, groups, campaigns, catalogs, lists) and who is in it.

`Furnishing` is the part a seed gives and a snapshot keeps; `Workspace` adds the people and the registries
that fill themselves from traffic.
"""

from typing import Annotated, Any, Literal

import msgspec

from segue.sandbox.people import People
from segue.sandbox.person import Person

HOUR_MS = 3_600_000
SHIPPED_BLOCKED_ID = "blocked-dummy-user"
"""An external id that is refused as a dummy user in every fresh workspace, so that a test can meet one."""

AttributeType = Literal["boolean", "number", "string", "time", "array", "object", "object_array"]


class App(msgspec.Struct, kw_only=True):
    """An app of the workspace; its id stands in events and push tokens."""

    app_id: str
    name: str = "App"
    platform: str = "Web"


class SubscriptionGroup(msgspec.Struct, kw_only=True):
    """A subscription group of one channel."""

    id: str
    name: str = "Newsletter"
    channel: Literal["email", "sms", "whatsapp"] = "email"


class Campaign(msgspec.Struct, kw_only=True):
    """An API-triggered campaign."""

    id: str
    name: str
    tags: list[str] = []
    is_api_campaign: bool = True
    archived: bool = False
    description: str = ""
    channels: list[str] = msgspec.field(default_factory=lambda: ["email"])
    messages: dict[str, dict[str, Any]] = {}
    created_at_ms: int = 0
    updated_at_ms: int = 0


class Canvas(msgspec.Struct, kw_only=True):
    """An API-triggered canvas."""

    id: str
    name: str
    tags: list[str] = []
    archived: bool = False
    description: str = ""
    channels: list[str] = msgspec.field(default_factory=lambda: ["email"])
    created_at_ms: int = 0
    updated_at_ms: int = 0


class Segment(msgspec.Struct, kw_only=True):
    """A segment by one simple filter: everyone, or those with a custom attribute equal to a value."""

    id: str
    name: str
    attribute: str | None = None
    value: Any = None
    analytics_tracking_enabled: bool = True
    tags: list[str] = []

    def includes(self, person: Person) -> bool:
        """Whether a person is in it now."""
        return self.attribute is None or person.custom.get(self.attribute) == self.value


class CatalogField(msgspec.Struct, kw_only=True):
    """A column of a catalog."""

    name: str
    type: str


class Catalog(msgspec.Struct, kw_only=True):
    """A catalog and its items by id."""

    name: str
    description: str = ""
    fields: list[CatalogField]
    items: dict[str, dict[str, Any]] = {}
    updated_at_ms: int = 0


class Cohort(msgspec.Struct, kw_only=True):
    """A cohort a partner keeps here."""

    id: str
    name: str
    created_at: str | None = None


class Furnishing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What an operator would set up in the dashboard."""

    id: str = "sandbox"
    name: str = "Sandbox"
    active: bool = True
    apps: list[App] = []
    subscription_groups: list[SubscriptionGroup] = []
    campaigns: list[Campaign] = []
    canvases: list[Canvas] = []
    segments: list[Segment] = []
    catalogs: list[Catalog] = []
    cohorts: list[Cohort] = []
    data_import_key: str = "sandbox-data-import-key"
    """The secret of the cohort partner endpoints."""
    blocked_external_ids: list[str] = msgspec.field(default_factory=lambda: [SHIPPED_BLOCKED_ID])
    blocklisted_events: list[str] = []
    blocklisted_attributes: list[str] = []
    blocklisted_products: list[str] = []
    attribute_types: dict[str, AttributeType] = {}
    """Types forced in the dashboard; others are detected."""
    array_lengths: dict[str, Annotated[int, msgspec.Meta(ge=1)]] = {}
    """Longest array of single attributes, instead of the switch `array_max_length`."""
    segmentable: dict[str, list[str]] = {}
    """Event name or product id to the properties enabled for segmentation: one data point each."""


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
        default_factory=lambda: {"attributes": 0, "events": 0, "purchases": 0}
    )
    sends: dict[str, dict[int, int]] = {}
    """Recipients of a campaign or canvas, by its id and day."""
    deleted: int = 0
    merged: int = 0


class Workspace:
    """A furnished workspace, its people and its registry."""

    def __init__(self, furnishing: Furnishing, people: People | None = None) -> None:
        self.furnishing = furnishing
        self.people = People() if people is None else people
        self.registry = Registry()
        self.exports_running: dict[str, int] = {}
        """Segment id to when its export ends."""
        self.refresh()

    @property
    def id(self) -> str:
        """Its name in keys and the control API."""
        return self.furnishing.id

    def refresh(self) -> None:
        """Rebuild the sets looked up on every request; call after the furnishing changed."""
        own = self.furnishing
        self.blocked_ids = frozenset(own.blocked_external_ids)
        self.blocklisted_events = frozenset(own.blocklisted_events)
        self.blocklisted_attributes = frozenset(own.blocklisted_attributes)
        self.blocklisted_products = frozenset(own.blocklisted_products)
        self.app_ids = frozenset(app.app_id for app in own.apps)
        self.groups = {group.id: group for group in own.subscription_groups}
        self.campaigns = {campaign.id: campaign for campaign in own.campaigns}
        self.canvases = {canvas.id: canvas for canvas in own.canvases}
        self.segments = {segment.id: segment for segment in own.segments}
        self.catalogs = {catalog.name: catalog for catalog in own.catalogs}
        self.segmentable = {name: frozenset(names) for name, names in own.segmentable.items()}
