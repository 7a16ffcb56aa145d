"""What an operator wrote: sources, destinations, subscriptions, filters, functions, audiences.

These are shapes only. Whether a destination's settings fit its catalogue page, or a trigger parses,
is decided by ``engine/plan.py``, which names every fault at once.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from segue.model.event import DEFAULT_LANES

Platform = Literal[
    "server", "web", "android", "ios", "react-native", "react-native-android", "react-native-ios"
]
"""Where a source's SDK runs. Braze knows one app per operating system, so a React Native app has a source
for each: ``react-native`` alone is for workspaces that only use cloud mode."""

Framework = Literal["actions", "classic"]
Mode = Literal["cloud", "device"]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where events come from.

    id          short name used everywhere else, ``[a-z0-9-]+``
    write_keys  public keys that may append events to this source; the first is the one to show
    enabled     a disabled source answers 200 and rejects every event with ``source_disabled``
    """

    id: str
    name: str = ""
    platform: Platform = "server"
    write_keys: tuple[str, ...]
    enabled: bool = True


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Trigger + action + mapping: what a destination does with which events.

    action   slug of an action of the destination's catalogue page; older slugs are understood
    trigger  text of the trigger language
    mapping  JSON of the mapping language; None means the action's default mapping
    """

    id: str
    name: str = ""
    action: str
    trigger: str
    mapping: Mapping[str, Any] | None = None
    enabled: bool = True


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """A destination filter; the shapes of Segment's Public API (platform spec, A.3)."""

    id: str = ""
    title: str = ""
    condition: str = msgspec.field(name="if", default="all")
    actions: tuple[Mapping[str, Any], ...] = ()
    enabled: bool = True


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """How a destination's rows travel.

    batching       off: every row leaves at once, alone
    wait_seconds   a batch leaves when full or this long after its first row; None: as the action says
    in_flight      most requests on the way at one time
    packing        "action": each action has its own requests; "person": see the guarantees page
    limit_per      what the partner's bound on objects is about in a packed request: the "request", or each
                   "array" of it
    attributes     "all" or "changed" (delta sending): which of a person's attributes travel
    remember       what delta sending keeps of each person: "values", or "hashes" that only tell changed from
                   unchanged
    ahead_seconds  how far after its receipt an event may say it happened; beyond, it counts as received then
    uncertain      what becomes of events and purchases that may or may not have arrived: "resend" | "hold"
    dedupe_hours   how long a messageId is remembered
    debounce       identify calls that say nothing new about a person are left out
    """

    batching: bool = True
    wait_seconds: float | None = None
    in_flight: int = 16
    packing: Literal["action", "person"] = "action"
    limit_per: Literal["request", "array"] = "request"
    attributes: Literal["all", "changed"] = "all"
    remember: Literal["values", "hashes"] = "values"
    ahead_seconds: float = 300.0
    uncertain: Literal["resend", "hold"] = "resend"
    dedupe_hours: int = 24
    debounce: bool = False


class Cap(msgspec.Struct, frozen=True, kw_only=True):
    """A bound on what a destination, or one event of it, may spend in a day or month (UTC).

    limit   data points or requests, as `of` says
    event   the event's name, or its kind for calls without one ("identify"); "" for everything
    policy  what happens once the limit is reached: "warn" goes on, "hold" waits for the next day or month,
            "drop" filters with the reason OVER_BUDGET
    """

    limit: int
    of: Literal["points", "requests"] = "points"
    per: Literal["day", "month"] = "month"
    event: str = ""
    policy: Literal["warn", "hold", "drop"] = "warn"


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What the contract with the partner allows, and the caps kept to stay within it.

    contract       what the contract counts
    monthly_limit  how much of it a calendar month has; 0 when not said
    caps           each applies on its own
    """

    contract: Literal["points", "requests"] = "points"
    monthly_limit: int = 0
    caps: tuple[Cap, ...] = ()


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """One instance of a catalogue destination, belonging to one source.

    type      slug of a catalogue page, for instance ``braze`` or ``webhook``
    framework, mode  which of the type's pages is meant; None: the type's own (`segue.engine.setup`)
    settings  as the catalogue page declares them, secrets already filled in
    presets   which presets to start from when no subscriptions are written: "ours", "published" or "none"
    consent_categories  what a person must have agreed to, all of it, when an event carries their consent
    """

    id: str
    name: str = ""
    type: str
    source: str
    framework: Framework | None = None
    mode: Mode | None = None
    enabled: bool = True
    settings: Mapping[str, Any] = {}
    subscriptions: tuple[Subscription, ...] | None = None
    presets: Literal["ours", "published", "none"] = "ours"
    filters: tuple[Filter, ...] = ()
    consent_categories: tuple[str, ...] = ()
    delivery: Delivery = Delivery()
    budget: Budget = Budget()


class Ingest(msgspec.Struct, frozen=True, kw_only=True):
    """How the tracking API behaves.

    prefix          path the routes live under
    lanes           lanes of the log; fixed when the log is first made
    trust_forwarded read the client address from X-Forwarded-For (only behind a proxy of yours)
    retention_hours, retention_bytes  the log's bounds; whichever is reached first
    public_url      where SDKs reach this server, for instance https://events.example.com; "" for the host
                    each request names
    """

    prefix: str = "/v1"
    lanes: int = DEFAULT_LANES
    trust_forwarded: bool = False
    retention_hours: float = 168.0
    retention_bytes: int = 20 * 1024**3
    public_url: str = ""


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an operator wrote, as one value. ``revision`` names the text it came from."""

    name: str = "default"
    sources: tuple[Source, ...] = ()
    destinations: tuple[Destination, ...] = ()
    ingest: Ingest = Ingest()
    revision: str = ""


CONCEALED: Final = "***"
"""Stands for a value that came from a variable, in a workspace kept to look at."""

SANDBOX_KEY: Final = "sandbox"
"""The ``endpoint`` value that stands for the embedded sandbox."""

SANDBOX_APP: Final = "sandbox-app"
"""The app identifier the sandbox knows."""
