"""Control operations on what reaches out: segments, campaigns, Currents connectors.

Operations take the world and what was asked, as those of operations.py do; a coroutine is awaited.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec

from segue.sandbox.audience.filters import KINDS as FILTERS
from segue.sandbox.audience.filters import Filter, compiled, given_up
from segue.sandbox.clock import iso
from segue.sandbox.currents.connector import Connector
from segue.sandbox.currents.events import KINDS as EVENTS
from segue.sandbox.dossier import search
from segue.sandbox.operations import WHERE, Asked, Missing, Route, Wrong, workspace_of
from segue.sandbox.person import Person
from segue.sandbox.workspace import Campaign, Segment, Workspace
from segue.sandbox.world import World

Named = TypeVar("Named", Segment, Campaign, Connector)


DEVICE = {"device_id": "device_id", "device_model": "model", "os_version": "os", "platform": "platform"}
"""What Currents says of a device, and how a profile calls it."""


class Launch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Send a campaign or canvas to its segment, or to another."""

    campaign_id: str
    """Of a campaign or a canvas."""
    segment_id: str | None = None


class Emission(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Tell Currents of any event about a person, as if it had happened."""

    type: str
    person: str
    """Any identifier of a person."""
    properties: dict[str, Any] = {}
    """By their names in cloud storage. `device_id`, `device_model` and `os_version` are those of the person's
    latest device where they are left out."""
    own: dict[str, Any] = {}
    """The customer's own properties of a custom event or purchase."""


class Question(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A filter to count with."""

    filter: Annotated[Filter, msgspec.Meta(description="A filter or group; see GET /filters.")]


def _filters(world: World, asked: Asked) -> Any:
    return {
        "filters": {
            name: {
                "title": kind.title,
                "needs": kind.needs,
                "cloud": kind.cloud,
                "comparators": {
                    said: {"title": comparator.title, "wants": comparator.wants}
                    for said, comparator in kind.family.items()
                },
            }
            for name, kind in FILTERS.items()
        }
    }


def _segments(world: World, asked: Asked) -> Any:
    return {"segments": workspace_of(world, asked).furnishing.segments}


async def _count(world: World, asked: Asked) -> Any:
    workspace = workspace_of(world, asked)
    try:
        test = compiled(asked.body.filter, workspace.scope(world.clock.now_ms()))
    except ValueError as fault:
        raise Wrong(str(fault)) from fault
    count = 0
    async for person in workspace.people.stroll():
        count += test(person)
    if slow := given_up(asked.body.filter):
        raise Wrong(
            f"filter: the regular expression {slow[0]!r:.60} takes too long on these people; simplify it"
        )
    return {"count": count, "of": len(workspace.people)}


def _add_segment(world: World, asked: Asked) -> Any:
    workspace, segment = workspace_of(world, asked), asked.body
    try:
        scope = workspace.scope(world.clock.now_ms())
        segment.test(scope._replace(segments={**scope.segments, segment.id: segment.test}))
    except ValueError as fault:
        raise Wrong(str(fault)) from fault
    own = workspace.furnishing
    own.segments = _replaced(own.segments, segment)
    workspace.refresh()
    return segment


def _remove_segment(world: World, asked: Asked) -> Any:
    workspace = workspace_of(world, asked)
    workspace.furnishing.segments = _without(workspace.furnishing.segments, asked.part, "segment")
    workspace.refresh()
    return {"removed": True}


def _campaigns(world: World, asked: Asked) -> Any:
    workspace = workspace_of(world, asked)
    return {
        "campaigns": workspace.furnishing.campaigns,
        "sends": workspace.registry.sends,
        "conversions": workspace.registry.conversions,
    }


def _add_campaign(world: World, asked: Asked) -> Any:
    workspace = workspace_of(world, asked)
    now_ms = world.clock.now_ms()
    asked.body.created_at_ms = asked.body.created_at_ms or now_ms
    asked.body.updated_at_ms = now_ms
    workspace.furnishing.campaigns = _replaced(workspace.furnishing.campaigns, asked.body)
    workspace.refresh()
    return asked.body


def _launch(world: World, asked: Asked) -> Any:
    try:
        reached = world.launch(workspace_of(world, asked), asked.body.campaign_id, asked.body.segment_id)
    except ValueError as fault:
        raise Wrong(str(fault)) from fault
    return {"reached": reached}


def currents_of(workspace: Workspace) -> list[dict[str, Any]]:
    """How each connector of a workspace stands."""
    return [
        {
            "connector": stream.connector,
            "state": stream.state,
            "waiting": len(stream.waiting),
            **stream.told._asdict(),
            "last_status": stream.last_status,
            "attempt": stream.attempt,
            "next_try": iso(stream.due_ms) if stream.due_ms else None,
            "troubled_since": iso(stream.troubled_since_ms) if stream.troubled_since_ms else None,
        }
        for stream in workspace.streams.values()
    ]


def _currents(world: World, asked: Asked) -> Any:
    return {"connectors": currents_of(workspace_of(world, asked))}


def _add_connector(world: World, asked: Asked) -> Any:
    workspace, connector = workspace_of(world, asked), asked.body
    if not connector.url.startswith(("http://", "https://")):
        raise Wrong(f"connector {connector.id!r}: url must begin with http:// or https://")
    unknown = [kind for kind in connector.events if kind != "*" and kind not in EVENTS]
    if unknown:
        raise Wrong(f"connector {connector.id!r}: event {unknown[0]!r} is unknown; see GET /currents/events")
    workspace.furnishing.currents = _replaced(workspace.furnishing.currents, connector)
    workspace.refresh()
    workspace.streams[connector.id].reconnect(connector)
    return connector


def _remove_connector(world: World, asked: Asked) -> Any:
    workspace = workspace_of(world, asked)
    workspace.furnishing.currents = _without(workspace.furnishing.currents, asked.part, "connector")
    workspace.refresh()
    return {"removed": True}


def _events(world: World, asked: Asked) -> Any:
    return {"events": {name: kind._asdict() for name, kind in EVENTS.items()}}


def _emit(world: World, asked: Asked) -> Any:
    workspace = workspace_of(world, asked)
    if asked.body.type not in EVENTS:
        raise Wrong(f"event {asked.body.type!r} is unknown; see GET /currents/events")
    found = search(workspace.people, asked.body.person, exact=True)
    if not found:
        raise Missing(f"workspace {workspace.id!r} has nobody with the identifier {asked.body.person!r}")
    told: Emission = asked.body
    said = {name: told.properties[name] for name in DEVICE if name in told.properties}
    device = {**_latest_device(found[0]), **said}
    now_ms = world.clock.now_ms()
    workspace.emit(told.type, found[0], now_ms, told.properties, device=device, own=told.own)
    return {"connectors": currents_of(workspace)}


def _latest_device(person: Person) -> dict[str, Any]:
    """What Currents says of the device somebody used last; empty for none."""
    held = person.devices[-1] if person.devices else {}
    return {said: held[name] for said, name in DEVICE.items() if held.get(name)}


async def _deliver(world: World, asked: Asked) -> Any:
    return {"requests": await world.reach_out(), "connectors": currents_of(workspace_of(world, asked))}


def _deletions(world: World, asked: Asked) -> Any:
    registry = workspace_of(world, asked).registry
    return {"deletions": registry.deletions, "total": registry.deleted}


def _replaced(held: list[Named], new: Named) -> list[Named]:
    return [one for one in held if one.id != new.id] + [new]


def _without(held: list[Named], name: str, what: str) -> list[Named]:
    kept = [one for one in held if one.id != name]
    if len(kept) == len(held):
        raise Missing(f"there is no {what} {name!r}")
    return kept


ROUTES: Mapping[tuple[str, str], Route] = {
    ("GET", "/filters"): Route("Segment filters and their comparators.", _filters),
    ("GET", "/segments"): Route("Segments.", _segments, query=WHERE),
    ("POST", "/segments"): Route("Add a segment or replace one.", _add_segment, Segment, WHERE, 201),
    ("POST", "/segments/count"): Route("How many a filter finds now.", _count, Question, WHERE),
    ("DELETE", "/segments/{id}"): Route(
        "Remove a segment.", _remove_segment, query=WHERE, part="The segment's id."
    ),
    ("GET", "/campaigns"): Route("Campaigns, what was sent, what converted.", _campaigns, query=WHERE),
    ("POST", "/campaigns"): Route("Add a campaign or replace one.", _add_campaign, Campaign, WHERE, 201),
    ("POST", "/campaigns/send"): Route("Send a campaign or canvas to a segment.", _launch, Launch, WHERE),
    ("GET", "/currents"): Route("Currents connectors and how they stand.", _currents, query=WHERE),
    ("POST", "/currents"): Route(
        "Add a connector, or mend one: it goes on at once.", _add_connector, Connector, WHERE, 201
    ),
    ("DELETE", "/currents/{id}"): Route(
        "Remove a connector.", _remove_connector, query=WHERE, part="The connector's id."
    ),
    ("GET", "/currents/events"): Route("Every event Currents knows.", _events),
    ("POST", "/currents/emit"): Route("Tell Currents of any event about a person.", _emit, Emission, WHERE),
    ("POST", "/currents/deliver"): Route(
        "Send what is due, and the callbacks of exports, now.", _deliver, query=WHERE
    ),
    ("GET", "/deletions"): Route("The latest deletions.", _deletions, query=WHERE),
}
"""These operations: method and path below the root."""
