"""A workspace: what its dashboard holds (apps, groups, campaigns, catalogs, lists) and who is in it.

`Furnishing` is the part a seed gives and a snapshot keeps; `Workspace` adds the people and the registries
that fill themselves from traffic.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import msgspec

from segue.sandbox.audience.filters import Filter, Scope, Test, compiled
from segue.sandbox.currents.connector import Connector, Happening, Stream
from segue.sandbox.currents.wire import is_too_large
from segue.sandbox.people import People
from segue.sandbox.person import Person
from segue.sandbox.registry import Registry

BUCKET = "users.RandomBucketNumberUpdate"
_NAMES = uuid.UUID("5e90e000-0000-4000-8000-000000000001")
SHIPPED_BLOCKED_ID = "blocked-dummy-user"
"""An external id that is refused as a dummy user in every fresh workspace, so that a test can meet one."""

AttributeType = Literal["boolean", "number", "string", "time", "array", "object", "object_array"]


class App(msgspec.Struct, kw_only=True):
    """An app of the workspace; its id stands in events and push tokens."""

    app_id: str
    name: str = "App"
    platform: str = "Web"
    sdk_authentication: Literal["disabled", "optional", "required"] = "disabled"
    """Whether device SDKs must prove who their user is."""
    public_keys: Annotated[list[str], msgspec.Meta(max_length=3)] = []
    """PEM, up to three: whose private halves may sign."""


class SubscriptionGroup(msgspec.Struct, kw_only=True):
    """A subscription group of one channel."""

    id: str
    name: str = "Newsletter"
    channel: Literal["email", "sms", "whatsapp"] = "email"


Channel = Literal[
    "email", "sms", "push", "in_app_message", "content_card", "banner", "webhook", "whatsapp", "rcs", "line"
]
Chances = dict[str, Annotated[float, msgspec.Meta(ge=0, le=1)]]


class Campaign(msgspec.Struct, kw_only=True):
    """A campaign: triggered over the API, or sent to a segment from the dashboard."""

    id: str
    name: str
    tags: list[str] = []
    is_api_campaign: bool = True
    archived: bool = False
    description: str = ""
    channels: list[Channel] = msgspec.field(default_factory=lambda: ["email"])
    messages: dict[str, dict[str, Any]] = {}
    segment_id: str | None = None
    """Who gets it when it is sent without naming anybody; everybody when left out."""
    engagement: Chances = {}
    """Chances of what recipients do, such as `{"open": 1, "click": 0.5}`, instead of the usual ones."""
    control_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    """Share of the audience that is held back as the control group."""
    conversion_event: str = ""
    """A custom event that counts as conversion within three days."""
    created_at_ms: int = 0
    updated_at_ms: int = 0


class CanvasStep(msgspec.Struct, kw_only=True):
    """One step of a canvas: what is sent, how long after the entry."""

    id: str
    name: str = "Step"
    after_seconds: Annotated[int, msgspec.Meta(ge=0)] = 0
    channels: list[Channel] = msgspec.field(default_factory=lambda: ["email"])


class Canvas(msgspec.Struct, kw_only=True):
    """A canvas: triggered over the API, or entered by a segment from the dashboard."""

    id: str
    name: str
    tags: list[str] = []
    archived: bool = False
    description: str = ""
    channels: list[Channel] = msgspec.field(default_factory=lambda: ["email"])
    steps: list[CanvasStep] = []
    """What follows the entry; one step at once over `channels` when left out."""
    segment_id: str | None = None
    """Who enters when it is sent without naming anybody; everybody when left out."""
    engagement: Chances = {}
    control_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    conversion_event: str = ""
    exit_event: str = ""
    """A custom event after which a person leaves."""
    exit_segment_id: str = ""
    """A segment whose members leave when their next step comes."""
    experiment_paths: Annotated[int, msgspec.Meta(ge=0, le=4)] = 0
    """Paths of an experiment everybody enters; none below two."""
    created_at_ms: int = 0
    updated_at_ms: int = 0


class Segment(msgspec.Struct, kw_only=True):
    """A segment: everyone, those with a custom attribute equal to a value, or whom a filter finds."""

    id: str
    name: str
    attribute: str | None = None
    value: Any = None
    filter: Filter | None = None
    analytics_tracking_enabled: bool = True
    tags: list[str] = []

    def test(self, scope: Scope) -> Test:
        """What tells of a person whether they are in it.

        Raises ValueError: the filter asks for something there is not.
        """
        finds = compiled(self.filter, scope) if self.filter is not None else None
        attribute, value = self.attribute, self.value

        def includes(person: Person) -> bool:
            if attribute is not None and person.custom.get(attribute) != value:
                return False
            return finds is None or finds(person)

        return includes


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
    instance: str = ""
    """Braze instance it lives on, such as `iad-01`: other instances' hosts do not know its keys."""
    apps: list[App] = []
    subscription_groups: list[SubscriptionGroup] = []
    campaigns: list[Campaign] = []
    canvases: list[Canvas] = []
    segments: list[Segment] = []
    catalogs: list[Catalog] = []
    cohorts: list[Cohort] = []
    currents: list[Connector] = []
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


class Workspace:
    """A furnished workspace, its people and its registry."""

    def __init__(self, furnishing: Furnishing, people: People | None = None) -> None:
        self.furnishing = furnishing
        self.people = People() if people is None else people
        self.registry = Registry()
        self.opened_ms = 0
        """When it began to be as it is now: what device SDKs compare their configuration with."""
        self.streams: dict[str, Stream] = {}
        """What waits for each Currents connector."""
        self.exports_running: dict[str, int] = {}
        """Segment id to when its export ends."""
        self.refresh()

    @property
    def id(self) -> str:
        """Its name in keys and the control API."""
        return self.furnishing.id

    def answers_to(self, instance: str) -> bool:
        """Whether it can be reached at an instance's host; no instance is all of them."""
        own = self.furnishing.instance
        return not instance or not own or instance == own

    def refresh(self) -> None:
        """Rebuild the sets looked up on every request; call after the furnishing changed."""
        own = self.furnishing
        self.blocked_ids = frozenset(own.blocked_external_ids)
        self.blocklisted_events = frozenset(own.blocklisted_events)
        self.blocklisted_attributes = frozenset(own.blocklisted_attributes)
        self.blocklisted_products = frozenset(own.blocklisted_products)
        self.apps = {app.app_id: app for app in own.apps}
        self.app_ids = frozenset(self.apps)
        self.groups = {group.id: group for group in own.subscription_groups}
        self.campaigns = {campaign.id: campaign for campaign in own.campaigns}
        self.canvases = {canvas.id: canvas for canvas in own.canvases}
        self.segments = {segment.id: segment for segment in own.segments}
        self.catalogs = {catalog.name: catalog for catalog in own.catalogs}
        self.streams = {
            connector.id: self._stream(connector, self.streams.get(connector.id))
            for connector in own.currents
        }
        self.awaiting: dict[str, list[Campaign | Canvas]] = {}
        """Custom events a campaign or canvas waits for, as conversion or to let people go."""
        listed: list[Campaign | Canvas] = [*own.campaigns, *own.canvases]
        for sent in listed:
            for event in {sent.conversion_event, getattr(sent, "exit_event", "")} - {""}:
                self.awaiting.setdefault(event, []).append(sent)
        wants_bucket = any(stream.wants(BUCKET, identified=True) for stream in self.streams.values())
        self.people.born = self._tell_bucket if wants_bucket else None
        self.segmentable = {name: frozenset(names) for name, names in own.segmentable.items()}

    def ban(self, external_id: str) -> None:
        """Block an external id as that of a dummy user."""
        own = self.furnishing
        own.blocked_external_ids = [*own.blocked_external_ids, external_id]
        self.blocked_ids = frozenset(own.blocked_external_ids)

    def scope(self, now_ms: int) -> Scope:
        """What a segment's filters look at beside a person."""
        return Scope(
            now_ms,
            {name: segment.test for name, segment in self.segments.items()},
            self.segmentable,
        )

    def touched(self, test: Test) -> Iterator[Person]:
        """Whoever a test finds, ready to be changed."""
        everybody = self.people.by_braze_id
        found = [person.braze_id for person in self.people if test(person)]
        return (everybody[braze_id] for braze_id in found)

    def members(self, segment: Segment, now_ms: int) -> Test:
        """What tells of a person whether they are in a segment now.

        Raises ValueError: its filter asks for something there is not.
        """
        return segment.test(self.scope(now_ms))

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """What is done meanwhile is told nobody: neither Currents nor the campaigns that wait for it."""
        held = self.streams, self.awaiting, self.people.born
        self.streams, self.awaiting, self.people.born = {}, {}, None
        try:
            yield
        finally:
            self.streams, self.awaiting, self.people.born = held

    def emit(
        self,
        kind: str,
        person: Person,
        at_ms: int,
        properties: Mapping[str, Any],
        *,
        device: Mapping[str, Any] | None = None,
        own: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell Currents that something happened; each connector takes what it wants."""
        wanting = [
            stream for stream in self.streams.values() if stream.wants(kind, identified=person.is_identified)
        ]
        if not wanting:
            return
        self.registry.happenings += 1
        happening = Happening(
            id=str(uuid.uuid5(_NAMES, f"{self.id}/{self.registry.happenings}")),
            type=kind,
            at_ms=at_ms,
            braze_id=person.braze_id,
            external_id=person.external_id,
            email=person.fields.get("email"),
            phone=person.fields.get("phone"),
            time_zone=person.fields.get("time_zone"),
            device=device or {},
            properties={"app_group_id": self.id, **properties},
            own=own or {},
        )
        too_large = is_too_large(happening)
        for stream in wanting:
            stream.take(happening, too_large=too_large)

    def _tell_bucket(self, person: Person) -> None:
        """Tell Currents of the random bucket a new profile fell into."""
        self.emit(BUCKET, person, person.created_ms, {"random_bucket_number": person.random_bucket})

    @staticmethod
    def _stream(connector: Connector, held: Stream | None) -> Stream:
        if held is None:
            return Stream(connector)
        if held.connector != connector:
            held.reconnect(connector)
        return held
