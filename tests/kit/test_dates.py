"""Dates as customers write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.kit import dates

READ = [
    ("2024-01-02", "2024-01-02T00:00:00.000Z"),
    ("2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05.000Z"),
    ("2024-01-02T03:04:05-0800", "2024-01-02T11:04:05.000Z"),
    ("2024-01-02T03:04:05", "2024-01-02T03:04:05.000Z"),
    ("2024-01-02 03:04:05", "2024-01-02T03:04:05.000Z"),
    ("2024-01-02T03:04:05.123456Z", "2024-01-02T03:04:05.123Z"),
    ("2024-01-02T03:04:05.678Z", "2024-01-02T03:04:05.678Z"),
    ("2024-01-02T03:04:05.12", "2024-01-02T03:04:05.120Z"),
    ("2024-01-02T03:04:05.1Z", "2024-01-02T03:04:05.100Z"),
    ("2024/01/02", "2024-01-02T00:00:00.000Z"),
    ("01/02/2024", "2024-01-02T00:00:00.000Z"),
    ("Jan 2, 2024", "2024-01-02T00:00:00.000Z"),
    ("2 January 2024", "2024-01-02T00:00:00.000Z"),
    ("January 2024", "2024-01-01T00:00:00.000Z"),
    ("1/2/99", "1999-01-02T00:00:00.000Z"),
    ("Jan 2, 2024 3:04 PM", "2024-01-02T15:04:00.000Z"),
    ("2024-1-2", "2024-01-02T00:00:00.000Z"),
    ("20240102", "2024-01-02T00:00:00.000Z"),
    ("  2024-01-02 ", "2024-01-02T00:00:00.000Z"),
    ("2024", "2024-01-01T00:00:00.000Z"),
    ("202401", "2024-01-01T00:00:00.000Z"),
    ("Tue, 02 Jan 2024 03:04:05 GMT", "2024-01-02T03:04:05.000Z"),
    ("Tue, 02 Jan 2024 03:04:05 -0500", "2024-01-02T08:04:05.000Z"),
    ("Tue Jan 02 2024 03:04:05 GMT+0200 (Central European Time)", "2024-01-02T01:04:05.000Z"),
    ("2024-13-01", "2025-01-01T00:00:00.000Z"),
    ("2024-02-30", "2024-03-01T00:00:00.000Z"),
    ("2024-02-30T00:00:00Z", "2024-03-01T00:00:00.000Z"),
    ("2024-01-02T24:00:00Z", "2024-01-03T00:00:00.000Z"),
    ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
    (1704164645678, "2024-01-02T03:04:05.678Z"),
    (1704164645, "2024-01-02T03:04:05.000Z"),
    (1704164645.9, "2024-01-02T03:04:05.900Z"),
    ("1704164645", "2024-01-02T03:04:05.000Z"),
    ("1704164645678", "2024-01-02T03:04:05.678Z"),
    (0, "1970-01-01T00:00:00.000Z"),
    (-1, "1969-12-31T23:59:59.999Z"),
    (8_640_000_000_000_000, "+275760-09-13T00:00:00.000Z"),
    (-8_640_000_000_000_000, "-271821-04-20T00:00:00.000Z"),
]

NO_DATES = [
    *("not a date", "12:30", "2024-01-02T25:00:00Z", "1e3", "NaN", " ", "", "0", "-1", "Product 1", "soon 5"),
    *("20240102030405", "99999999", "2024-01-02T03:04:05Z5", "1/2", "32 January 2024", "13:00 PM Jan 2 2024"),
    *(8_700_000_000_000_000, float("nan"), float("inf"), 10**400, True, False, None, {}, [], [1], "9" * 5000),
]


@pytest.mark.parametrize(("written", "printed"), READ)
def test_a_date_is_read_however_it_is_written(written: object, printed: str) -> None:
    """The table of the spec, with our listed differences."""
    assert dates.iso(written) == printed
    assert dates.is_date(written)
    assert dates.day(written) == printed.removeprefix("+").split("T")[0]


@pytest.mark.parametrize("written", NO_DATES, ids=lambda value: repr(value)[:30])
def test_what_is_no_date_gives_none(written: object) -> None:
    """No guess is made and nothing is raised."""
    assert dates.iso(written) is None
    assert dates.day(written) is None
    assert not dates.is_date(written)


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001  # bounds have no zone
def test_every_iso_date_comes_back_as_it_was(moment: datetime) -> None:
    """Printing what was read gives the same moment, to the millisecond."""
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert dates.iso(text) == text
    assert dates.iso(moment.isoformat()) == text


@given(st.text() | st.floats() | st.integers())
def test_reading_never_raises(value: object) -> None:
    """Whatever comes, the answer is a date or none."""
    printed = dates.iso(value)
    assert printed is None or printed.endswith("Z")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("2024-01-02T03:04:05Z", True),
        ("2024-01-02t03:04:05.123+02:00", True),
        ("2024-01-02 03:04:05", True),
        ("2024-12-31T23:59:60Z", True),
        ("2024-02-29T00:00:00+05", True),
        ("2023-02-29T00:00:00Z", False),
        ("2024-01-02T03:04Z", False),
        ("2024-01-02T12:59:60Z", False),
        ("2024-01-02", False),
    ],
)
def test_a_full_date_and_time_is_told_from_less(text: str, holds: bool) -> None:
    """Seconds are needed, the zone is not, and the day must exist."""
    assert dates.is_date_time(text) is holds
