"""Lists and details: campaigns, canvases, segments, events, products, attributes.

Source  Braze docs, the list and details endpoints of campaigns, canvases, segments, custom events,
        purchases and custom attributes, read 2026-11-23
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from segue.sandbox.campaigns import CONVERSION_DAYS
from segue.sandbox.clock import iso
from segue.sandbox.dates import read_time
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.texts import Refused
from segue.sandbox.workspace import Campaign, Canvas

PAGE = 100
NAMES_PAGE = 250
CURSOR_PAGE = 50
Entry = TypeVar("Entry")
Shipped = TypeVar("Shipped", Campaign, Canvas)


def campaigns(call: Call) -> Reply:
    """API and other campaigns, 100 a page, the oldest first."""
    found = _edited(call, call.workspace.campaigns.values())
    listed = [
        {
            "id": campaign.id,
            "last_edited": iso(campaign.updated_at_ms),
            "name": campaign.name,
            "is_api_campaign": campaign.is_api_campaign,
            "tags": campaign.tags,
        }
        for campaign in found
    ]
    return reply(200, {"message": "success", "campaigns": listed})


def canvases(call: Call) -> Reply:
    """Canvases, 100 a page, the oldest first."""
    found = _edited(call, call.workspace.canvases.values())
    listed = [
        {"id": canvas.id, "last_edited": iso(canvas.updated_at_ms), "name": canvas.name, "tags": canvas.tags}
        for canvas in found
    ]
    return reply(200, {"canvases": listed, "message": "success"})


def campaign_details(call: Call) -> Reply:
    """One campaign."""
    campaign = call.workspace.campaigns.get(one(call, "campaign_id") or "")
    if campaign is None:
        raise Refused("campaign")
    return reply(
        200,
        {
            **_details(call, campaign),
            "has_post_launch_draft": False,
            "messages": campaign.messages,
            "conversion_behaviors": [
                {
                    "type": "Performs Custom Event",
                    "window": CONVERSION_DAYS * 86_400,
                    "custom_event_name": campaign.conversion_event,
                }
            ]
            if campaign.conversion_event
            else [],
        },
    )


def canvas_details(call: Call) -> Reply:
    """One canvas."""
    canvas = call.workspace.canvases.get(one(call, "canvas_id") or "")
    if canvas is None:
        raise Refused("canvas")
    return reply(200, {**_details(call, canvas), "variants": [], "steps": []})


def segments(call: Call) -> Reply:
    """Segments, 100 a page."""
    found = _page(_sorted(call, list(call.workspace.segments.values())), call, PAGE)
    listed = [
        {
            "id": segment.id,
            "name": segment.name,
            "analytics_tracking_enabled": segment.analytics_tracking_enabled,
            "tags": segment.tags,
        }
        for segment in found
    ]
    return reply(200, {"message": "success", "segments": listed})


def segment_details(call: Call) -> Reply:
    """One segment."""
    segment = call.workspace.segments.get(one(call, "segment_id") or "")
    if segment is None:
        raise Refused("segment")
    return reply(
        200,
        {
            "message": "success",
            "created_at": iso(0),
            "updated_at": iso(0),
            "name": segment.name,
            "description": "",
            "text_description": f"{segment.attribute} is {segment.value}"
            if segment.attribute
            else "Everyone",
            "tags": segment.tags,
            "teams": [],
        },
    )


def event_names(call: Call) -> Reply:
    """Names of custom events, 250 a page, by alphabet."""
    return reply(
        200, {"message": "success", "events": _page(sorted(call.workspace.registry.events), call, NAMES_PAGE)}
    )


def products(call: Call) -> Reply:
    """Product ids, by page."""
    listed = _page(sorted(call.workspace.registry.products), call, NAMES_PAGE)
    return reply(200, {"products": listed, "message": "success"})


def events(call: Call) -> Reply:
    """Custom events with their status, 50 a page by cursor."""
    blocked = call.workspace.blocklisted_events
    return _cursored(
        call,
        "events",
        sorted(call.workspace.registry.events.keys() | blocked),
        lambda name: {
            "name": name,
            "description": "",
            "included_in_analytics_report": False,
            "status": "Blocklisted" if name in blocked else "Active",
            "tag_names": [],
        },
    )


def custom_attributes(call: Call) -> Reply:
    """Custom attributes with their type, 50 a page by cursor."""
    workspace = call.workspace
    types = {**workspace.registry.attributes, **workspace.furnishing.attribute_types}
    blocked = workspace.blocklisted_attributes
    return _cursored(
        call,
        "attributes",
        sorted(types.keys() | blocked),
        lambda name: {
            "name": name,
            "description": "",
            "data_type": types.get(name, "string"),
            "array_length": workspace.furnishing.array_lengths.get(name),
            "status": "Blocklisted" if name in blocked else "Active",
            "tag_names": [],
        },
    )


def one(call: Call, name: str) -> str | None:
    """A query parameter given once."""
    return next(iter(call.parameters().get(name, [])), None)


def next_link(call: Call, cursor: int) -> tuple[bytes, bytes]:
    """The header that leads to the next page."""
    host = call.headers.get(b"host", b"localhost").decode("latin-1")
    return b"link", f'<http://{host}{call.path}?cursor={cursor}>; rel="next"'.encode("latin-1", "replace")


def cursor_of(call: Call) -> int:
    """Where a page begins.

    Raises Refused: a cursor we did not give.
    """
    text = one(call, "cursor") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Refused("unknown-parameter", "cursor")
    return int(text)


def _cursored(call: Call, key: str, names: list[str], show: Callable[[str], dict[str, Any]]) -> Reply:
    start = cursor_of(call)
    shown = [show(name) for name in names[start : start + CURSOR_PAGE]]
    more = start + CURSOR_PAGE < len(names)
    headers = [next_link(call, start + CURSOR_PAGE)] if more else None
    return reply(200, {"message": "success", key: shown}, headers)


def _edited(call: Call, entries: Iterable[Shipped]) -> list[Shipped]:
    """A page of campaigns or canvases by the query's choices."""
    archived = one(call, "include_archived") == "true"
    since = one(call, "last_edit.time[gt]")
    since_ms = -1
    if since is not None:
        found = read_time(since)
        if found is None:
            raise Refused("unknown-parameter", "last_edit.time[gt]")
        since_ms = found
    chosen = [
        entry for entry in entries if (archived or not entry.archived) and entry.updated_at_ms > since_ms
    ]
    chosen.sort(key=lambda entry: entry.created_at_ms)
    return _page(_sorted(call, chosen), call, PAGE)


def _sorted(call: Call, entries: list[Entry]) -> list[Entry]:
    direction = one(call, "sort_direction") or "asc"
    if direction not in ("asc", "desc"):
        raise Refused("unknown-parameter", "sort_direction")
    return entries if direction == "asc" else entries[::-1]


def _page(entries: Sequence[Entry], call: Call, size: int) -> list[Entry]:
    text = one(call, "page") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Refused("unknown-parameter", "page")
    start = int(text) * size
    return list(entries[start : start + size])


def _details(call: Call, entry: Campaign | Canvas) -> dict[str, Any]:
    days = sorted(call.workspace.registry.sends.get(entry.id, {}))
    return {
        "message": "success",
        "created_at": iso(entry.created_at_ms),
        "updated_at": iso(entry.updated_at_ms),
        "archived": entry.archived,
        "draft": False,
        "enabled": True,
        "name": entry.name,
        "description": entry.description,
        "schedule_type": "api_triggered",
        "channels": entry.channels,
        "first_sent": iso(days[0] * 86_400_000) if days else None,
        "last_sent": iso(days[-1] * 86_400_000) if days else None,
        "tags": entry.tags,
        "teams": [],
    }
