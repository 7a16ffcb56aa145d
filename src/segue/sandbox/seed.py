"""What a world begins with and is kept as: keys, seeds, snapshots.

A seed is what an operator would set up by hand; a snapshot is a whole world with its people.
"""

import ipaddress
from collections.abc import Collection, Iterable

import msgspec

from segue.sandbox.currents.connector import Standing
from segue.sandbox.person import Person
from segue.sandbox.population import Settlers
from segue.sandbox.registry import Registry
from segue.sandbox.switches import Switches
from segue.sandbox.workspace import App, Furnishing, SubscriptionGroup, Workspace

DEFAULT_KEY = "sandbox"
DEFAULT_APP = "sandbox-app"
DEFAULT_GROUP = "b8b2a4d0-0000-4000-8000-000000000001"


class Key(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A REST API key: one workspace, what it may do, from where."""

    key: str
    name: str = "key"
    workspace: str = "sandbox"
    permissions: list[str] = msgspec.field(default_factory=lambda: ["*"])
    """Permission names such as `users.track`; `*` allows everything."""
    ip_allowlist: list[str] = []
    """Addresses or networks; empty allows any."""
    created_ms: int = 0
    last_seen_ms: int | None = None

    def allows(self, permission: str) -> bool:
        """Whether it carries a permission."""
        return permission in self.permissions or "*" in self.permissions

    def allows_peer(self, peer: str) -> bool:
        """Whether it may be used from an address."""
        if not self.ip_allowlist:
            return True
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in ipaddress.ip_network(network, strict=False) for network in self.ip_allowlist)


class Seed(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A world to begin with: workspaces as an operator would furnish them, keys, and people."""

    workspaces: list[Furnishing] = []
    keys: list[Key] = []
    people: list[Settlers] = []
    """Who is there already: attributes, events, purchases and aliases as the REST API takes them."""
    switches: Switches | None = None


class WorkspaceState(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Everything of one workspace, as a snapshot keeps it."""

    furnishing: Furnishing
    registry: Registry
    people: list[Person]
    created: int
    currents: list[Standing] = []
    """How each Currents connector stands, with what waits to be sent."""


class Snapshot(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The whole world as one document."""

    now_ms: int
    switches: Switches
    keys: list[Key]
    workspaces: list[WorkspaceState]


def check_keys(keys: Iterable[Key], workspaces: Collection[str]) -> None:
    """Raise ValueError for a key whose workspace is unknown or whose allow-list holds no network."""
    for key in keys:
        if key.workspace not in workspaces:
            known = ", ".join(sorted(workspaces)) or "none"
            raise ValueError(f"key {key.name!r}: workspace {key.workspace!r} is unknown; there are: {known}")
        for network in key.ip_allowlist:
            ipaddress.ip_network(network, strict=False)


def check_segments(furnishings: Iterable[Furnishing]) -> None:
    """Raise ValueError for a segment whose filter asks for something there is not."""
    for furnishing in furnishings:
        scope = Workspace(furnishing).scope(0)
        for segment in furnishing.segments:
            segment.test(scope)


def completed(seed: Seed | None, key: str) -> Seed:
    """A seed to begin with: one that names no workspace furnishes the usual one, its key included."""
    if seed is not None and seed.workspaces:
        return seed
    usual = default_seed(key)
    if seed is None:
        return usual
    return Seed(
        workspaces=usual.workspaces,
        keys=[*usual.keys, *seed.keys],
        people=seed.people,
        switches=seed.switches,
    )


def default_seed(key: str) -> Seed:
    """One workspace with an app, a subscription group and an all-powerful key."""
    return Seed(
        workspaces=[
            Furnishing(
                apps=[App(app_id=DEFAULT_APP, name="Sandbox app")],
                subscription_groups=[SubscriptionGroup(id=DEFAULT_GROUP)],
            )
        ],
        keys=[Key(key=key, name="sandbox")],
    )
