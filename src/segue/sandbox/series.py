"""Figures over time: events, purchases, revenue, sessions, active and new users, segment sizes, sends.

Source  Braze docs, the data_series endpoints, read 2026-11-23
`length` is 1 to 100 days or hours that end with `ending_at` (now unless given), UTC. Sessions come from
device SDKs only: what is written through REST never moves sessions, DAU or new users; MAU counts who was
given a date of a session, if a switch says so.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from segue.sandbox.audience.filters import Test
from segue.sandbox.clock import iso
from segue.sandbox.dates import read_time, told_days
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.listings import one
from segue.sandbox.person import DAY_MS, AppUse, Person
from segue.sandbox.registry import HOUR_MS, Tally
from segue.sandbox.texts import Refused

MONTH_DAYS = 30


class Span(NamedTuple):
    """The points of a series: the start of each day or hour, in milliseconds."""

    starts: list[int]
    step_ms: int

    def label(self, start_ms: int) -> str:
        """A date for a day, a moment for an hour."""
        return iso(start_ms)[:10] if self.step_ms == DAY_MS else iso(start_ms)


def events(call: Call) -> Reply:
    """How often an event happened."""
    name = one(call, "event")
    if not name:
        raise Refused("required", "event")
    span = _span(call, hours=True)
    is_member = _members(call)
    if is_member is None:
        return _told(span, "count", _tallied(call, call.workspace.registry.events.get(name), span))
    counts = dict.fromkeys(span.starts, 0)
    for person in call.workspace.people:
        if is_member(person):
            for event in person.events:
                start = event.time_ms // span.step_ms * span.step_ms
                if event.name == name and start in counts:
                    counts[start] += 1
    return _told(span, "count", counts)


def quantity(call: Call) -> Reply:
    """How many purchases, of everything or of one product."""
    span = _span(call, hours=True)
    return _told(span, "purchase_quantity", _over_products(call, call.workspace.registry.products, span))


def revenue(call: Call) -> Reply:
    """How much money, in US dollars, from everything or from one product."""
    span = _span(call, hours=True)
    cents = _over_products(call, call.workspace.registry.revenue, span)
    return _told(span, "revenue", {start: amount / 100 for start, amount in cents.items()})


def sessions(call: Call) -> Reply:
    """How many sessions; by day, an hour asked for shows its whole day's in its first."""
    span = _span(call, hours=True)
    is_member = _members(call)
    counts = dict.fromkeys(span.starts, 0)
    for person in call.workspace.people if call.workspace.registry.sessions else ():
        if is_member is None or is_member(person):
            for use in _uses(call, person):
                for day, number in use.days.items():
                    if day * DAY_MS in counts:
                        counts[day * DAY_MS] += number
    return _told(span, "sessions", counts)


def daily_active(call: Call) -> Reply:
    """Different people with a session, by day."""
    return _people_by_day(call, "dau", lambda days, day: day in days)


def monthly_active(call: Call) -> Reply:
    """Different people with a session in the 30 days that end with each day."""
    return _people_by_day(
        call,
        "mau",
        lambda days, day: any(day - MONTH_DAYS < other <= day for other in days),
        told=call.world.switches.session_dates_count and one(call, "app_id") is None,
    )


def new_users(call: Call) -> Reply:
    """People whose first session falls on the day."""
    return _people_by_day(call, "new_users", lambda days, day: min(days, default=None) == day)


def uninstalls(call: Call) -> Reply:
    """Uninstalls: only a device could tell, so always none."""
    span = _span(call)
    return _told(span, "uninstalls", dict.fromkeys(span.starts, 0))


def segment_sizes(call: Call) -> Reply:
    """A segment's size; the sandbox keeps no history and tells today's for every day."""
    is_member = _members(call)
    if is_member is None:
        raise Refused("required", "segment_id")
    span = _span(call)
    size = sum(is_member(person) for person in call.workspace.people)
    return _told(span, "size", dict.fromkeys(span.starts, size))


def campaign(call: Call) -> Reply:
    """Recipients of a campaign by day."""
    campaign_id = one(call, "campaign_id")
    if campaign_id not in call.workspace.campaigns:
        raise Refused("campaign")
    span = _span(call)
    sent = call.workspace.registry.sends.get(campaign_id or "", {})
    converted = call.workspace.registry.conversions.get(campaign_id or "", {})
    points = [
        {
            "time": span.label(start),
            "unique_recipients": sent.get(start // DAY_MS, 0),
            "conversions": converted.get(start // DAY_MS, 0),
            "messages": {},
        }
        for start in span.starts
    ]
    return reply(200, {"message": "success", "data": points})


def _span(call: Call, *, hours: bool = False) -> Span:
    """The points a query asks for.

    Raises Refused: no length or one outside 1 to 100, an unknown unit, an end that is no time.
    """
    text = one(call, "length") or ""
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= 100):
        raise Refused("length")
    unit = one(call, "unit") or "day"
    if unit not in (("day", "hour") if hours else ("day",)):
        raise Refused("unit")
    end = one(call, "ending_at")
    # a plus sign in a query stands for a blank, and for the zone it was meant as
    end_ms = call.now_ms if end is None else read_time(end.replace(" ", "+") if "T" in end else end)
    if end_ms is None:
        raise Refused("unknown-parameter", "ending_at")
    step = HOUR_MS if unit == "hour" else DAY_MS
    last = end_ms // step * step
    first = last - (int(text) - 1) * step
    if first < -62_135_000_000_000:
        raise Refused("unknown-parameter", "ending_at")
    return Span([first + place * step for place in range(int(text))], step)


def _members(call: Call) -> Test | None:
    """What tells who is in the segment asked for; None when none is."""
    segment_id = one(call, "segment_id")
    if segment_id is None:
        return None
    if segment_id not in call.workspace.segments:
        raise Refused("segment")
    return call.workspace.members(call.workspace.segments[segment_id], call.now_ms)


def _tallied(call: Call, tally: Tally | None, span: Span) -> dict[int, float]:
    app_id = one(call, "app_id")
    counts: dict[int, float] = dict.fromkeys(span.starts, 0)
    for app, hours in (tally.hours if tally is not None else {}).items():
        if app_id is None or app == app_id:
            for hour, amount in hours.items():
                start = hour * HOUR_MS // span.step_ms * span.step_ms
                if start in counts:
                    counts[start] += amount
    return counts


def _over_products(call: Call, tallies: Mapping[str, Tally], span: Span) -> dict[int, float]:
    product = one(call, "product")
    chosen = list(tallies.values()) if product is None else [tallies.get(product)]
    counts: dict[int, float] = dict.fromkeys(span.starts, 0)
    for tally in chosen:
        for start, amount in _tallied(call, tally, span).items():
            counts[start] += amount
    return counts


def _people_by_day(
    call: Call, key: str, counts_on: Callable[[set[int], int], bool], *, told: bool = False
) -> Reply:
    """Count people by the days of their sessions; `told` adds those their own fields tell of."""
    span, registry = _span(call), call.workspace.registry
    people = call.workspace.people if registry.sessions or (told and registry.session_dates) else ()
    seen = [
        {day for use in _uses(call, person) for day in use.days}
        | (told_days(person.fields) if told else set())
        for person in people
    ]
    active = [days for days in seen if days]
    return _told(
        span,
        key,
        {start: sum(counts_on(days, start // DAY_MS) for days in active) for start in span.starts},
    )


def _uses(call: Call, person: Person) -> list[AppUse]:
    app_id = one(call, "app_id")
    return [use for use in person.apps.values() if app_id is None or use.app_id == app_id]


def _told(span: Span, key: str, amounts: Mapping[int, Any]) -> Reply:
    points = [{"time": span.label(start), key: amounts[start]} for start in span.starts]
    return reply(200, {"message": "success", "data": points})
