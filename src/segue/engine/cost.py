"""The cost ledger: what a destination's traffic costs, by day, source, subscription, event and attribute.

    costs = Costs("web")
    costs.took(row, points, day)            # the partner took a row that costs this many data points
    costs.attributes(spending, day)         # what a person's attributes cost and saved (`engine.points`)
    costs.request(rows, carried, day)       # one request left, shared out among its rows
    entries = costs.entries(); …checkpoint…; costs.written(entries)

    forecast(by_day, first, today, last)    # how a month will end

Data points are those of contracts that count them; requests are what the other contracts bound. Both are
always counted, so that one may be weighed against the other.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Final

import msgspec

from segue.engine.points import Spending
from segue.model.cost import MILLION, Cost, CostKey
from segue.model.delivery import Row

MOST_NAMES: Final = 5_000
"""Keys of one day kept apart; what comes on top is summed under `OTHER`, so that names made up by a sender
cannot fill the disk."""

OTHER: Final = "(other)"

DAY_MS: Final = 86_400_000

_NONE_YET: Final[Mapping[str, Cost]] = {}

FULL_DAYS: Final = 28
"""As far as a forecast looks back."""


class Costs:
    """What was spent since the last checkpoint."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._costs: dict[CostKey, Cost] = {}
        self._names: dict[int, set[CostKey]] = {}
        self._places: dict[tuple[int, str, str], dict[str, Cost]] = {}  # the same costs, found sooner

    def took(self, row: Row, points: int, day: int) -> None:
        """The partner took a row whose objects cost so many data points, attributes apart."""
        if points:
            self._at(row, "", day).points += points

    def attributes(self, spending: Spending, day: int) -> int:
        """Note what the attributes of rows cost and saved; gives the points spent."""
        row, times = spending.row, spending.times
        known = self._places.get((day, row.subscription, row.event or row.kind), _NONE_YET)
        for name, points in spending.sent.items():
            (known.get(name) or self._at(row, name, day)).points += points * times
        for name, points in spending.saved.items():
            self._at(row, name, day).points_saved += points * times
        return sum(spending.sent.values()) * times

    def left_out(self, row: Row, day: int) -> None:
        """A row had nothing left to send."""
        self._at(row, "", day).objects_saved += len(row.items)

    def request(self, rows: Sequence[Row], carried: int, day: int) -> int:
        """A request reached the partner, whatever it answered; gives each row's millionths of it.

        carried  objects in it: fewer than those of the rows when some travelled together
        """
        share = MILLION // len(rows)
        folded = sum([len(row.items) for row in rows]) - carried
        if not folded:
            alike: dict[tuple[str, str], list[Row]] = {}
            for row in rows:
                alike.setdefault((row.subscription, row.event or row.kind), []).append(row)
            for those in alike.values():
                cost = self._at(those[0], "", day)
                cost.objects += sum([len(row.items) for row in those])
                cost.micro_requests += share * len(those)
        for row in rows if folded else ():
            cost = self._at(row, "", day)
            mine = len(row.items)
            spared = min(mine, folded) if folded > 0 else 0
            folded -= spared
            cost.objects += mine - spared
            cost.objects_saved += spared
            cost.micro_requests += share
        self._at(rows[0], "", day).micro_requests += MILLION - share * len(rows)
        return share

    def entries(self) -> dict[CostKey, Cost]:
        """What the next checkpoint adds to the book; `written` must follow once it is durable."""
        return {key: msgspec.structs.replace(cost) for key, cost in self._costs.items()}

    def written(self, entries: Mapping[CostKey, Cost]) -> None:
        """A checkpoint has these; what came since stays for the next."""
        for key, old in entries.items():
            cost = self._costs[key]
            left = Cost(
                *(
                    now - then
                    for now, then in zip(
                        msgspec.structs.astuple(cost), msgspec.structs.astuple(old), strict=True
                    )
                )
            )
            if left == Cost():
                del self._costs[key]
            else:
                self._costs[key] = left
        self._places.clear()
        today = max(self._names, default=0)
        self._names = {day: names for day, names in self._names.items() if day == today}

    def _at(self, row: Row, attribute: str, day: int) -> Cost:
        place = (day, row.subscription, row.event or row.kind)
        known = self._places.get(place)
        if known is not None and (cost := known.get(attribute)) is not None:
            return cost
        key = CostKey(day, self._source, row.subscription, name_of(row), attribute)
        found = self._costs.get(key)
        if found is None:
            names = self._names.setdefault(day, set())
            if key not in names:
                if len(names) >= MOST_NAMES:
                    key = key._replace(event=OTHER, attribute=OTHER if attribute else "")
                    return self._costs.setdefault(key, Cost())  # not kept by name, or names were unbounded
                names.add(key)
            found = self._costs.setdefault(key, Cost())
        self._places.setdefault(place, {})[attribute] = found
        return found


def name_of(row: Row) -> str:
    """What a row's event is called in the ledger and in caps: its name, else its kind."""
    return row.event or row.kind


class Forecast(msgspec.Struct, frozen=True):
    """How a month will end, if it goes on as in the last weeks.

    spent     so far
    expected  at the end of the month
    low, high within which it ends two times of three
    """

    spent: float
    expected: float
    low: float
    high: float


def forecast(by_day: Mapping[int, float], first: int, now: float, last: int) -> Forecast:
    """Say how the month from day `first` to day `last`, both included, will end.

    by_day  spent on each day, back to `FULL_DAYS` before today; days without are missing
    now     days since the epoch, with the fraction of today that is over
    The days to come are taken to be as the full days before today were, each as those of its weekday once
    there are two weeks of them. Without a full day, today's pace goes on.
    """
    today = int(now)
    spent = sum(amount for day, amount in by_day.items() if first <= day <= last)
    began = max(min(by_day, default=today), today - FULL_DAYS)
    past = {day: by_day.get(day, 0.0) for day in range(began, today)}
    if today > last:
        return Forecast(spent, spent, spent, spent)
    if not past:
        pace = by_day.get(today, 0.0) / max(now - today, 1 / 24)
        expected = spent + pace * (last + 1 - now)
        return Forecast(spent, expected, spent, expected + pace * (last + 1 - now))
    expected, variance = spent, 0.0
    for day in range(today, last + 1):
        alike = [amount for other, amount in past.items() if len(past) < 14 or (day - other) % 7 == 0]
        mean = sum(alike) / len(alike)
        spread = sum((amount - mean) ** 2 for amount in alike) / len(alike)
        if day == today:
            expected += max(0.0, mean - by_day.get(today, 0.0))
        else:
            expected += mean
        variance += spread
    width = sqrt(variance)
    return Forecast(spent, expected, max(spent, expected - width), expected + width)
