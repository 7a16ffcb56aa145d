"""Caps hold, drop or warn at their limit, for their event and their period, and begin anew with the next."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from tests.engine.rows import row

from segue.engine.caps import Guard, Over, month_of, period
from segue.engine.cost import DAY_MS
from segue.model.delivery import Row
from segue.model.workspace import Cap


def a_row(number: int, *, objects: int = 1, **fields: str) -> Row:
    """A row of some event."""
    return replace(row(number, items=objects), **fields)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOON = at("2026-11-26T12:00")
TRACK = a_row(1, kind="track", event="Viewed")
IDENTIFY = a_row(2, kind="identify", event="")


@pytest.mark.parametrize(
    ("per", "moment", "begin", "end"),
    [
        ("day", "2026-11-26T23:59:59", "2026-11-26", "2026-11-27"),
        ("day", "2026-11-27", "2026-11-27", "2026-11-28"),
        ("month", "2026-11-26T12:00", "2026-11-01", "2026-12-01"),
        ("month", "2026-12-31T23:59:59", "2026-12-01", "2027-01-01"),
        ("month", "2028-02-29", "2028-02-01", "2028-03-01"),
    ],
)
def test_periods_are_of_the_calendar(per: str, moment: str, begin: str, end: str) -> None:
    """UTC, leap years and turns of the year included."""
    cap = Cap(limit=1, per=per)  # type: ignore[arg-type]
    assert period(cap, at(moment)) == (at(begin), at(end))


def test_months_have_their_days() -> None:
    """For years, each month begins the day after the last one ended."""
    day = 0
    for _ in range(1200):
        first, last = month_of(day)
        assert first == day
        day = last + 1
    assert day * DAY_MS == at("2070-01-01")


def test_at_its_limit_a_cap_holds_until_its_period_ends() -> None:
    """One point below it lets through; the next day begins with nothing spent."""
    cap = Cap(limit=10, per="day", policy="hold")
    guard = Guard([cap], [0.0], NOON)
    guard.spend("Viewed", points=9, now_ms=NOON)
    assert guard.verdict(TRACK, NOON) is None
    guard.spend("identify", points=1, now_ms=NOON)
    tomorrow = at("2026-11-27")
    assert guard.verdict(TRACK, NOON) == Over(cap, "hold", tomorrow)
    assert guard.verdict(TRACK, tomorrow) is None
    assert guard.standings(tomorrow)[0].spent == 0


def test_a_cap_of_an_event_concerns_only_it() -> None:
    """By name, or by kind for calls without one."""
    guard = Guard(
        [Cap(limit=1, event="Viewed", policy="drop"), Cap(limit=1, event="identify", policy="hold")],
        [0.0, 0.0],
        NOON,
    )
    guard.spend("Viewed", points=1, now_ms=NOON)
    found = guard.verdict(TRACK, NOON)
    assert found is not None
    assert found.policy == "drop"
    assert guard.verdict(IDENTIFY, NOON) is None
    guard.spend("identify", points=1, now_ms=NOON)
    assert guard.verdict(IDENTIFY, NOON) is not None


def test_requests_are_counted_in_parts() -> None:
    """A millionth short of two lets through."""
    guard = Guard([Cap(limit=2, of="requests", policy="drop")], [0.0], NOON)
    guard.spend("Viewed", micro_requests=1_999_999, now_ms=NOON)
    assert guard.verdict(TRACK, NOON) is None
    guard.spend("Viewed", micro_requests=1, points=50, now_ms=NOON)
    assert guard.verdict(TRACK, NOON) is not None


def test_a_warning_comes_once_at_four_fifths_and_once_at_the_limit() -> None:
    """And stops nothing."""
    guard = Guard([Cap(limit=10)], [0.0], NOON)
    told = [bool(guard.spend("Viewed", points=1, now_ms=NOON)) for _ in range(15)]
    assert [number for number, is_told in enumerate(told, 1) if is_told] == [8, 10]
    assert guard.verdict(TRACK, NOON) is None


def test_what_was_spent_before_a_start_counts() -> None:
    """The book says so."""
    guard = Guard([Cap(limit=10, policy="drop")], [10.0], NOON)
    assert guard.verdict(TRACK, NOON) is not None


def test_dropping_comes_before_waiting_and_the_longer_wait_before_the_shorter() -> None:
    """Of several caps that say no."""
    day = Cap(limit=1, per="day", policy="hold")
    month = Cap(limit=1, policy="hold")
    drop = Cap(limit=1, policy="drop", event="Viewed")
    guard = Guard([day, month, drop], [1.0, 1.0, 0.0], NOON)
    assert guard.verdict(TRACK, NOON) == Over(month, "hold", at("2026-12-01"))
    guard.spend("Viewed", points=1, now_ms=NOON)
    assert guard.verdict(TRACK, NOON) == Over(drop, "drop", at("2026-12-01"))


def test_a_clock_set_back_gives_nothing_back() -> None:
    """What was spent stays spent."""
    guard = Guard([Cap(limit=1, per="day", policy="hold")], [0.0], NOON)
    guard.spend("Viewed", points=1, now_ms=NOON)
    assert guard.verdict(TRACK, NOON - 2 * DAY_MS) is not None


def test_a_day_that_had_begun_before_the_clock_was_set_back_begins_with_what_was_spent_in_it() -> None:
    """After a restart in between, the book tells; the day after it begins with nothing."""
    cap = Cap(limit=2, per="day", policy="hold")
    guard = Guard([cap], [0.0], NOON, [2.0])
    assert guard.verdict(TRACK, NOON) is None
    assert guard.verdict(TRACK, NOON + DAY_MS) == Over(cap, "hold", at("2026-11-28"))
    assert guard.verdict(TRACK, NOON + 2 * DAY_MS) is None
