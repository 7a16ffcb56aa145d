"""The figures of the home page: users, sessions, MAU, DAU, stickiness, and how they compare.

Source  Braze docs, "Home dashboard", read 2026-11-23. Change in MAU is (last day - day before the range) /
        day before the range. The page prints change in stickiness as (last - this) / last, which turns its
        sign round; here it is (this - last) / last.
Only device SDKs begin sessions: everything that follows from sessions stays still in cloud mode.
"""

from collections.abc import Mapping
from typing import NamedTuple

from segue.sandbox.dates import told_days
from segue.sandbox.person import DAY_MS
from segue.sandbox.workspace import Workspace

MONTH_DAYS = 30


class Tile(NamedTuple):
    """One figure of the home page."""

    title: str
    text: str
    change: float | None
    """Against the range before, as a share; None when there is nothing to compare with."""
    about: str
    cloud: bool
    """Whether cloud-mode traffic moves it."""


class Activity(NamedTuple):
    """Sessions and active people by day since the epoch."""

    sessions: Mapping[int, int]
    daily: Mapping[int, int]
    monthly: Mapping[int, int]
    new: Mapping[int, int]


async def activity(workspace: Workspace, first: int, last: int, *, told: bool = False) -> Activity:
    """What happened on each day of a range, and in the 30 days up to each.

    told  whether a date of a session in somebody's fields counts for the month
    """
    sessions, daily, new = (dict.fromkeys(range(first, last + 1), 0) for _ in range(3))
    monthly = dict.fromkeys(range(first, last + 1), 0)
    if workspace.registry.sessions == 0 and not (told and workspace.registry.session_dates):
        return Activity(sessions, daily, monthly, new)
    async for person in workspace.people.stroll():
        days = {day for use in person.apps.values() for day in use.days}
        for use in person.apps.values():
            for day, count in use.days.items():
                if day in sessions:
                    sessions[day] += count
        for day in days:
            if day in daily:
                daily[day] += 1
        if days and (begun := min(days)) in new:
            new[begun] += 1
        if told:
            days |= told_days(person.fields)
        counted = {later for day in days for later in range(max(day, first), min(day + MONTH_DAYS, last + 1))}
        for day in counted:
            monthly[day] += 1
    return Activity(sessions, daily, monthly, new)


def tiles(workspace: Workspace, found: Activity, days: int, today: int) -> list[Tile]:
    """The figures for the last so many days, each with its change against the days before."""
    now = range(today - days + 1, today + 1)
    before = range(today - 2 * days + 1, today - days + 1)
    registry = workspace.registry
    events = _tallied({name: tally.hours for name, tally in registry.events.items()}, now, before)
    bought = _tallied({name: tally.hours for name, tally in registry.products.items()}, now, before)
    cents = _tallied({name: tally.hours for name, tally in registry.revenue.items()}, now, before)
    stuck = _mean_share(found.daily, found.monthly, now), _mean_share(found.daily, found.monthly, before)
    per_user = (
        _mean_share(found.sessions, found.monthly, now),
        _mean_share(found.sessions, found.monthly, before),
    )
    month = found.monthly[today], found.monthly[today - days]
    over = f"average over {days} days"
    return [
        Tile("Lifetime users", f"{len(workspace.people):,}", None, "profiles in the workspace", True),
        Tile("Lifetime sessions", f"{registry.sessions:,}", None, "since the beginning", False),
        Tile("MAU", f"{month[0]:,}", _change(*month), "with a session in 30 days", False),
        Tile(
            "DAU", f"{_mean(found.daily, now):,.1f}", _change(*_means(found.daily, now, before)), over, False
        ),
        Tile(
            "New users",
            f"{sum(found.new[day] for day in now):,}",
            _change(*_sums(found.new, now, before)),
            "first session in the range",
            False,
        ),
        Tile("Stickiness", f"{stuck[0]:.1%}", _change(*stuck), f"DAU / MAU over {days} days", False),
        Tile(
            "Daily sessions",
            f"{_mean(found.sessions, now):,.1f}",
            _change(*_means(found.sessions, now, before)),
            over,
            False,
        ),
        Tile("Daily sessions per MAU", f"{per_user[0]:.2f}", _change(*per_user), over, False),
        Tile("Custom events", f"{events[0]:,.0f}", _change(*events), f"in {days} days", True),
        Tile("Purchases", f"{bought[0]:,.0f}", _change(*bought), f"in {days} days", True),
        Tile("Revenue", f"${cents[0] / 100:,.2f}", _change(*cents), f"in {days} days", True),
    ]


def _tallied(
    hours: Mapping[str, Mapping[str, Mapping[int, float]]], now: range, before: range
) -> tuple[float, float]:
    totals = [0.0, 0.0]
    for apps in hours.values():
        for series in apps.values():
            for hour, amount in series.items():
                day = hour * 3_600_000 // DAY_MS
                if day in now:
                    totals[0] += amount
                elif day in before:
                    totals[1] += amount
    return totals[0], totals[1]


def _mean(found: Mapping[int, int], days: range) -> float:
    return sum(found[day] for day in days) / len(days)


def _means(found: Mapping[int, int], now: range, before: range) -> tuple[float, float]:
    return _mean(found, now), _mean(found, before)


def _sums(found: Mapping[int, int], now: range, before: range) -> tuple[float, float]:
    return sum(found[day] for day in now), sum(found[day] for day in before)


def _mean_share(above: Mapping[int, int], below: Mapping[int, int], days: range) -> float:
    return sum(above[day] / below[day] for day in days if below[day]) / len(days)


def _change(now: float, before: float) -> float | None:
    return (now - before) / before if before else None
