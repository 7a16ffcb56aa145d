"""Expense: what destinations cost in a month, read from their books whether they run or not."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final, Literal

import msgspec

from segue.engine.caps import Standing, month_of, period
from segue.engine.cost import DAY_MS, FULL_DAYS, Forecast, forecast
from segue.model.cost import Cost, CostKey
from segue.model.workspace import Budget, Destination
from segue.runtime.current import Current
from segue.runtime.desk import states
from segue.runtime.settings import Settings

Grouping = Literal["attribute", "event", "subscription", "source", "day"]

NO_ATTRIBUTE: Final = "(events and purchases)"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger. share: its part of what the contract counts; of an attribute, of the points."""

    name: str
    cost: Cost
    share: float


class Expenses(msgspec.Struct, frozen=True, kw_only=True):
    """What one destination cost in a month.

    first_day, last_day  of the month, days since the epoch, UTC
    requests_saved       as many as the objects not sent would have filled at this month's packing
    days                 day -> what it cost; days without are missing
    forecast             of points and of requests; a month that is over ends where it ended
    caps                 how each stands now; none for another month
    """

    destination: str
    source: str
    budget: Budget
    first_day: int
    last_day: int
    total: Cost
    requests_saved: float
    days: Mapping[int, Cost]
    groups: Sequence[Group]
    forecast: Mapping[str, Forecast]
    caps: Sequence[Standing]


async def expenses(
    settings: Settings,
    current: Current,
    destinations: Sequence[str],
    *,
    month: date | None,
    by: Grouping,
    now_ms: int,
) -> list[Expenses]:
    """What destinations cost in the month of a date, or in this one."""
    today = now_ms // DAY_MS
    asked = today if month is None else (month - date(1970, 1, 1)).days
    first, last = month_of(asked)
    found = []
    for destination in current.workspace.destinations:
        if destination.id not in destinations or destination.id in current.plan.devices:
            continue  # what a device sends is between it and the partner
        book: dict[CostKey, Cost] = {}
        async for state in states(settings, destination.id):
            for key, cost in await state.costs(min(first, today - FULL_DAYS), last):
                book.setdefault(key, Cost()).add(cost)
        found.append(_of_one(destination, book, first, last, by, now_ms))
    return found


def _of_one(
    destination: Destination,
    book: Mapping[CostKey, Cost],
    first: int,
    last: int,
    by: Grouping,
    now_ms: int,
) -> Expenses:
    counts = "points" if by == "attribute" else destination.budget.contract  # no request is of an attribute
    days: dict[int, Cost] = defaultdict(Cost)
    groups: dict[str, Cost] = defaultdict(Cost)
    total = Cost()
    for key, cost in book.items():
        days[key.day].add(cost)
        if first <= key.day <= last:
            total.add(cost)
            groups[_name(key, by)].add(cost)
    whole = _counted(total, counts) or 1.0
    lines = [
        Group(name=name, cost=cost, share=_counted(cost, counts) / whole) for name, cost in groups.items()
    ]
    lines.sort(key=(lambda line: line.name) if by == "day" else (lambda line: (-line.share, line.name)))
    per_request = total.objects / total.requests if total.micro_requests else 0.0
    now = now_ms / DAY_MS
    return Expenses(
        destination=destination.id,
        source=destination.source,
        budget=destination.budget,
        first_day=first,
        last_day=last,
        total=total,
        requests_saved=total.objects_saved / per_request if per_request else 0.0,
        days={day: cost for day, cost in sorted(days.items()) if first <= day <= last},
        groups=lines,
        forecast={
            unit: forecast({day: _counted(cost, unit) for day, cost in days.items()}, first, now, last)
            for unit in ("points", "requests")
        },
        caps=_caps(destination.budget, book, now_ms) if first <= now_ms // DAY_MS <= last else [],
    )


def _caps(budget: Budget, book: Mapping[CostKey, Cost], now_ms: int) -> list[Standing]:
    found = []
    for cap in budget.caps:
        begin, end = period(cap, now_ms)
        spent = sum(
            _counted(cost, cap.of)
            for key, cost in book.items()
            if begin // DAY_MS <= key.day < end // DAY_MS and cap.event in ("", key.event)
        )
        found.append(Standing(cap, spent, end))
    return found


def _counted(cost: Cost, unit: str) -> float:
    return cost.points if unit == "points" else cost.requests


def _name(key: CostKey, by: Grouping) -> str:
    if by == "day":
        return datetime.fromtimestamp(key.day * 86_400, UTC).date().isoformat()
    return getattr(key, by) or NO_ATTRIBUTE
