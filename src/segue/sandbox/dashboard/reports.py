"""The report pages: home, custom events, revenue, data points, deletions. Each gives what its page shows."""

from collections.abc import Mapping
from typing import Any

from segue.sandbox.clock import iso
from segue.sandbox.dashboard import figures
from segue.sandbox.dashboard.charts import bars
from segue.sandbox.person import DAY_MS
from segue.sandbox.registry import HOUR_MS, Tally
from segue.sandbox.workspace import Workspace
from segue.sandbox.world import World

RANGES = (7, 30, 90)
HALF = 430
"""Width of a chart that shares its row."""
LISTED = 500
"""Rows of a list."""


def range_of(query: Mapping[str, str]) -> int:
    """The days a page is about."""
    text = query.get("days", "30")
    return int(text) if text in map(str, RANGES) else 30


async def home(world: World, workspace: Workspace, query: Mapping[str, str]) -> dict[str, Any]:
    """Users, sessions, MAU, DAU, stickiness; and what cloud mode does move."""
    days, today = range_of(query), world.clock.now_ms() // DAY_MS
    found = await figures.activity(
        workspace, today - 2 * days, today, told=world.switches.session_dates_count
    )
    shown = range(today - days + 1, today + 1)
    return {
        "days": days,
        "ranges": RANGES,
        "tiles": [tile._asdict() for tile in figures.tiles(workspace, found, days, today)],
        "sessions": bars([(_day(day), found.sessions[day]) for day in shown], "Sessions by day", width=HALF),
        "daily": bars([(_day(day), found.daily[day]) for day in shown], "Daily active users", width=HALF),
        "has_sessions": workspace.registry.sessions > 0,
    }


async def events(world: World, workspace: Workspace, query: Mapping[str, str]) -> dict[str, Any]:
    """Custom events: how often each happened, and one of them over time."""
    registry, now_ms = workspace.registry, world.clock.now_ms()
    names = sorted(registry.events, key=lambda name: (-registry.events[name].count, name))
    chosen = query.get("event") or (names[0] if names else "")
    segment = workspace.segments.get(query.get("segment", ""))
    hourly = query.get("unit") == "hour"
    days = range_of(query)
    span = _span(now_ms, 48 if hourly else days, HOUR_MS if hourly else DAY_MS)
    counts = dict.fromkeys(span, 0.0)
    if segment is None:
        _add(counts, registry.events.get(chosen), HOUR_MS if hourly else DAY_MS)
    else:
        is_member = workspace.members(segment, now_ms)
        async for person in workspace.people.stroll():
            if chosen in person.event_summaries and is_member(person):
                for event in person.events:
                    start = event.time_ms - event.time_ms % (HOUR_MS if hourly else DAY_MS)
                    if event.name == chosen and start in counts:
                        counts[start] += 1
    return {
        "days": days,
        "ranges": RANGES,
        "unit": "hour" if hourly else "day",
        "chosen": chosen,
        "segment": segment.id if segment else "",
        "segments": [{"id": one.id, "name": one.name} for one in workspace.segments.values()],
        "chart": bars(
            [(_label(start, hourly), value) for start, value in counts.items()], f"{chosen} over time"
        ),
        "sum": int(sum(counts.values())),
        "events": [
            {
                "name": name,
                "count": registry.events[name].count,
                "first": iso(registry.events[name].first_ms),
                "blocked": name in workspace.blocklisted_events,
                "segmentable": sorted(workspace.segmentable.get(name, ())),
            }
            for name in names[:LISTED]
        ],
        "more": max(0, len(names) - LISTED),
        "key": next((key.key for key in world.keys.values() if key.workspace == workspace.id), "KEY"),
    }


async def revenue(world: World, workspace: Workspace, query: Mapping[str, str]) -> dict[str, Any]:
    """Money and products, lifetime and by day."""
    registry, now_ms, days = workspace.registry, world.clock.now_ms(), range_of(query)
    product = query.get("product", "")
    span = _span(now_ms, days, DAY_MS)
    money, pieces = dict.fromkeys(span, 0.0), dict.fromkeys(span, 0.0)
    for name, tally in registry.revenue.items():
        if product in ("", name):
            _add(money, tally, DAY_MS)
            _add(pieces, registry.products[name], DAY_MS)
    lifetime = sum(_total(tally) for tally in registry.revenue.values()) / 100
    people = max(1, len(workspace.people))
    shown = sum(money.values()) / 100
    return {
        "days": days,
        "ranges": RANGES,
        "product": product,
        "tiles": [
            ("Lifetime revenue", f"${lifetime:,.2f}", "purchases"),
            ("Lifetime value per user", f"${lifetime / people:,.2f}", "revenue / profiles"),
            ("Average daily revenue", f"${shown / days:,.2f}", f"over {days} days"),
            ("Daily purchases", f"{sum(pieces.values()) / days:,.1f}", f"average over {days} days"),
            ("Daily revenue per user", f"${shown / days / people:,.2f}", f"over {days} days"),
            ("Ecommerce revenue", f"${registry.order_cents / 100:,.2f}", "orders less refunds"),
            ("Ecommerce orders", f"{registry.orders:,}", "placed less cancelled"),
            ("Ecommerce refunds", f"${registry.refund_cents / 100:,.2f}", "given back"),
        ],
        "chart": bars(
            [(_label(start, False), cents / 100) for start, cents in money.items()], "Revenue", unit="$"
        ),
        "products": [
            {
                "name": name,
                "pieces": int(_total(registry.products[name])),
                "revenue": f"{_total(tally) / 100:,.2f}",
                "first": iso(tally.first_ms),
                "blocked": name in workspace.blocklisted_products,
            }
            for name, tally in sorted(registry.revenue.items(), key=lambda item: -_total(item[1]))[:LISTED]
        ],
    }


async def points(world: World, workspace: Workspace, query: Mapping[str, str]) -> dict[str, Any]:
    """Data points by what they were for, and by day."""
    registry, days = workspace.registry, range_of(query)
    today = world.clock.now_ms() // DAY_MS
    shown = range(today - days + 1, today + 1)
    return {
        "days": days,
        "ranges": RANGES,
        "kinds": sorted(registry.data_points.items()),
        "total": sum(registry.data_points.values()),
        "per_person": f"{sum(registry.data_points.values()) / max(1, len(workspace.people)):,.1f}",
        "chart": bars(
            [(_day(day), registry.points_by_day.get(day, 0)) for day in shown], "Data points by day"
        ),
    }


async def deletions(world: World, workspace: Workspace, query: Mapping[str, str]) -> dict[str, Any]:
    """Profiles that were deleted, the latest first."""
    return {
        "total": workspace.registry.deleted,
        "merged": workspace.registry.merged,
        "deletions": [
            {
                "at": iso(gone.at_ms),
                "by": gone.by,
                "braze_id": gone.braze_id,
                "external_id": gone.external_id,
                "events": gone.events,
                "purchases": gone.purchases,
            }
            for gone in reversed(workspace.registry.deletions)
        ],
    }


def _span(now_ms: int, count: int, step_ms: int) -> list[int]:
    last = now_ms - now_ms % step_ms
    return [last - place * step_ms for place in reversed(range(count))]


def _add(counts: dict[int, float], tally: Tally | None, step_ms: int) -> None:
    for hours in (tally.hours if tally is not None else {}).values():
        for hour, amount in hours.items():
            start = hour * HOUR_MS - hour * HOUR_MS % step_ms
            if start in counts:
                counts[start] += amount


def _total(tally: Tally) -> float:
    return sum(amount for hours in tally.hours.values() for amount in hours.values())


def _day(day: int) -> str:
    return iso(day * DAY_MS)[5:10]


def _label(start_ms: int, hourly: bool) -> str:
    return iso(start_ms)[11:16] if hourly else iso(start_ms)[5:10]
