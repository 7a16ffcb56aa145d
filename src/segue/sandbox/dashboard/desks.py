"""The working pages: segments, people and their profiles, the log of calls, messages and Currents."""

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from segue.sandbox import outreach
from segue.sandbox.audience.filters import KINDS
from segue.sandbox.clock import iso
from segue.sandbox.dossier import search, whole
from segue.sandbox.operations import Missing
from segue.sandbox.person import Person, Summary
from segue.sandbox.workspace import Campaign, Canvas, Workspace
from segue.sandbox.world import World

LISTED = 100
TABS = ("overview", "engagement", "messages", "flags", "transactions", "raw")


async def segments(world: World, workspace: Workspace, query: Mapping[str, str]) -> dict[str, Any]:
    """Segments with their sizes, and what the builder is made from."""
    now_ms = world.clock.now_ms()
    tests = {one.id: workspace.members(one, now_ms) for one in workspace.segments.values()}
    sizes = dict.fromkeys(tests, 0)
    if tests:
        async for person in workspace.people.stroll():
            for name, test in tests.items():
                sizes[name] += test(person)
    return {
        "people": len(workspace.people),
        "segments": [
            {
                "id": one.id,
                "name": one.name,
                "tags": one.tags,
                "size": sizes[one.id],
                "share": f"{sizes[one.id] / max(1, len(workspace.people)):.1%}",
            }
            for one in workspace.segments.values()
        ],
        "kinds": [
            {
                "name": name,
                "title": kind.title,
                "needs": kind.needs,
                "cloud": kind.cloud,
                "comparators": [
                    {"name": said, "title": one.title, "wants": one.wants}
                    for said, one in kind.family.items()
                ],
            }
            for name, kind in KINDS.items()
        ],
        "known": {
            "event": sorted(workspace.registry.events)[:1_000],
            "product": sorted(workspace.registry.products)[:1_000],
            "attribute": sorted(workspace.registry.attributes)[:1_000],
            "segment": list(workspace.segments),
            "group": list(workspace.groups),
            "cohort": [one.id for one in workspace.furnishing.cohorts],
            "campaign": list(workspace.campaigns),
        },
    }


async def people(world: World, workspace: Workspace, query: Mapping[str, str]) -> dict[str, Any]:
    """Who answers to an identifier, or the first of all."""
    asked = query.get("query", "").strip()
    if asked:
        found = search(workspace.people, asked, exact=True) or search(workspace.people, asked)
    else:
        found = []
        for person in workspace.people:
            found.append(person)
            if len(found) == LISTED:
                break
    return {
        "query": asked,
        "total": len(found) if asked else len(workspace.people),
        "shown": LISTED,
        "people": [_line(person) for person in found[:LISTED]],
    }


async def person(world: World, workspace: Workspace, query: Mapping[str, str]) -> dict[str, Any]:
    """One profile, tab by tab.

    Raises Missing: nobody has that identifier.
    """
    asked = query.get("id", "")
    found = search(workspace.people, asked, exact=True)
    if not found:
        raise Missing(f"workspace {workspace.id!r} has nobody with the identifier {asked!r}")
    one, now_ms = found[0], world.clock.now_ms()
    tab = query.get("tab", "overview")
    return {
        "tab": tab if tab in TABS else "overview",
        "tabs": TABS,
        **_line(one),
        "name": " ".join(filter(None, (one.fields.get("first_name"), one.fields.get("last_name")))),
        "bucket": one.random_bucket,
        "points": one.data_points,
        "fields": [(name, _said(value)) for name, value in sorted(one.fields.items())],
        "custom": [(name, _said(value)) for name, value in sorted(one.custom.items())],
        "apps": [
            {
                "app": use.app_id,
                "sessions": use.sessions,
                "first": iso(use.first_ms),
                "last": iso(use.last_ms),
            }
            for use in one.apps.values()
        ],
        "devices": [sorted(device.items()) for device in one.devices],
        "events": _summed(one.event_summaries),
        "purchases": _summed(one.purchase_summaries),
        "revenue": f"{one.revenue_cents / 100:,.2f}",
        "last_events": [
            {"name": event.name, "at": iso(event.time_ms), "properties": bytes(event.properties).decode()}
            for event in one.events[-20:][::-1]
        ],
        "groups": [
            {
                "name": workspace.groups[group].name if group in workspace.groups else group,
                "id": group,
                "state": held.state,
                "changed": iso(held.changed_ms),
            }
            for group, held in one.groups.items()
        ],
        "states": [
            (title, one.fields.get(name, "subscribed").replace("_", " "))
            for name, title in (("email_subscribe", "Email"), ("push_subscribe", "Push"))
        ],
        "tokens": [f"{token['app_id']}: {token['token']}" for token in one.push_tokens],
        "segments": [
            segment.name for segment in workspace.segments.values() if workspace.members(segment, now_ms)(one)
        ],
        "cohorts": one.cohorts,
        "campaigns": [
            (workspace.campaigns[name].name if name in workspace.campaigns else name, iso(at_ms))
            for name, at_ms in one.campaigns_received.items()
        ],
        "canvases": [
            (workspace.canvases[name].name if name in workspace.canvases else name, iso(at_ms))
            for name, at_ms in one.canvases_received.items()
        ],
        "messages": [
            {"type": entry.type.removeprefix("users."), "source": entry.source, "at": iso(entry.at_ms)}
            for entry in reversed(one.messages)
        ],
        "commerce": _commerce(one),
        "raw": orjson.dumps(
            msgspec.to_builtins(orjson.loads(msgspec.json.encode(whole(one)))), option=orjson.OPT_INDENT_2
        ).decode(),
    }


async def log(world: World, workspace: Workspace, query: Mapping[str, str]) -> dict[str, Any]:
    """Every call, the latest first: what was wrong with it and what was let pass with a warning."""
    only = query.get("only", "")
    path = query.get("path", "").strip()
    entries = [
        entry
        for entry in reversed(world.journal.entries)
        if (not path or path in entry.path)
        and (only != "bad" or entry.is_bad)
        and (only != "warned" or entry.warnings)
    ]
    return {
        "only": only,
        "path": path,
        "kept": world.journal.size,
        "calls": world.journal.calls,
        "accepted": world.journal.objects["accepted"],
        "rejected": world.journal.objects["rejected"],
        "matching": len(entries),
        "warnings": world.journal.warnings.most_common(12),
        "endpoints": world.journal.by_endpoint.most_common(12),
        "entries": [
            {
                "id": entry.id,
                "at": iso(entry.at_ms),
                "method": entry.method,
                "path": entry.path,
                "query": entry.query,
                "status": entry.status,
                "bad": entry.is_bad,
                "objects": entry.objects,
                "accepted": entry.accepted,
                "problems": [_said(problem) for problem in entry.problems],
                "warnings": [warning._asdict() for warning in entry.warnings],
                "fault": entry.fault,
                "key": entry.key_name,
                "took": f"{entry.took_us / 1_000:.1f}",
                "request": _pretty(entry.request_body),
                "reply": _pretty(entry.reply_body),
            }
            for entry in entries[:LISTED]
        ],
    }


async def messages(world: World, workspace: Workspace, query: Mapping[str, str]) -> dict[str, Any]:
    """Campaigns with what they reached, and Currents connectors with how they stand."""
    registry = workspace.registry
    listed: list[Campaign | Canvas] = [*workspace.campaigns.values(), *workspace.canvases.values()]
    return {
        "campaigns": [
            {
                "id": one.id,
                "name": one.name,
                "kind": "campaign" if isinstance(one, Campaign) else "canvas",
                "channels": _channels(one),
                "segment": workspace.segments[one.segment_id].name
                if one.segment_id in workspace.segments
                else one.segment_id or "everybody",
                "reached": sum(registry.sends.get(one.id, {}).values()),
                "converted": sum(registry.conversions.get(one.id, {}).values()),
            }
            for one in listed
        ],
        "connectors": [
            {
                **{name: value for name, value in held.items() if name != "connector"},
                "id": held["connector"].id,
                "kind": held["connector"].kind,
                "url": held["connector"].url,
            }
            for held in outreach.currents_of(workspace)
        ],
        "keys": [
            {
                "name": key.name,
                "permissions": ", ".join(key.permissions),
                "created": iso(key.created_ms),
                "seen": iso(key.last_seen_ms) if key.last_seen_ms else "never",
            }
            for key in world.keys.values()
            if key.workspace == workspace.id
        ],
    }


def _channels(one: Campaign | Canvas) -> str:
    """The channels of a campaign, or of all steps of a canvas."""
    by_step = (
        [step.channels for step in one.steps] if isinstance(one, Canvas) and one.steps else [one.channels]
    )
    return ", ".join(dict.fromkeys(channel for channels in by_step for channel in channels))


def _line(one: Person) -> dict[str, Any]:
    return {
        "id": one.braze_id,
        "external_id": one.external_id,
        "aliases": [f"{label}:{name}" for label, name in one.aliases.items()],
        "email": one.fields.get("email"),
        "phone": one.fields.get("phone"),
        "created": iso(one.created_ms),
        "updated": iso(one.updated_ms),
        "event_count": len(one.events),
        "purchase_count": one.purchase_count,
        "sessions": sum(use.sessions for use in one.apps.values()),
    }


def _summed(summaries: Mapping[str, Summary]) -> list[dict[str, Any]]:
    return [
        {"name": name, "count": held.count, "first": iso(held.first_ms), "last": iso(held.last_ms)}
        for name, held in sorted(summaries.items(), key=lambda item: -item[1].last_ms)
    ]


def _commerce(one: Person) -> dict[str, Any] | None:
    held = one.commerce
    if held is None:
        return None
    return {
        "revenue": f"{held.revenue_cents / 100:,.2f}",
        "orders": held.total_orders,
        "refunded": f"{held.refund_cents / 100:,.2f}",
        "carts": [
            {"id": name, "items": sorted(cart.items.items()), "checked_out": cart.checked_out}
            for name, cart in held.carts.items()
        ],
    }


def _said(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _pretty(text: str) -> str:
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return text
