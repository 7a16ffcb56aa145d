"""Dates as customers write them, read into milliseconds since the epoch and printed for partners.

    parse("2024-01-02T03:04:05+02:00") == 1704157445000
    iso("2024-01-02 03:04:05")         == "2024-01-02T03:04:05.000Z"
    day(1704164645678)                 == "2024-01-02"

Read are: ISO 8601 in its usual spellings, ``2024/01/02``, ``20240102``, ``01/02/2024`` (month first), RFC
2822, English month names, and numbers. A date without zone is UTC. Ten digits are seconds and thirteen
milliseconds, in texts and numbers alike; other numbers are milliseconds. Days and months past the end
roll over (30 February is 1 March), as JavaScript does and stored data relies on.
Everything here gives None for what is no date, and raises nothing.

Source  dayjs 1.10, "Parse"; ECMA-262, "Date Time String Format"; both read 2026-11-24
"""

import re
from datetime import datetime
from typing import Any, Final

MOST_MS: Final = 8_640_000_000_000_000
"""The last millisecond a JavaScript date can hold, before or after the epoch."""

DAY_MS: Final = 86_400_000


def parse(value: Any) -> int | None:
    """Read a text or number as milliseconds since the epoch, UTC; None when it is no date."""
    if isinstance(value, str):
        ms = _parse_text(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        ms = _parse_number(value)
    else:
        return None
    return ms if ms is not None and -MOST_MS <= ms <= MOST_MS else None


def iso(value: Any) -> str | None:
    """Print a date as UTC with milliseconds: ``2024-01-02T03:04:05.000Z``."""
    if is_canonical(value):
        return str(value)
    ms = parse(value)
    if ms is None:
        return None
    days, rest = divmod(ms, DAY_MS)
    seconds, thousandths = divmod(rest, 1000)
    hour, seconds = divmod(seconds, 3600)
    minute, second = divmod(seconds, 60)
    return f"{_print_day(days)}T{hour:02}:{minute:02}:{second:02}.{thousandths:03}Z"


def day(value: Any) -> str | None:
    """Print the UTC day of a date: ``2024-01-02``."""
    if is_canonical_day(value):
        return str(value)
    ms = parse(value)
    return None if ms is None else _print_day(ms // DAY_MS, signed=False)


def is_date(value: Any) -> bool:
    """Say whether the value can be read as a date."""
    return is_canonical(value) or is_canonical_day(value) or parse(value) is not None


def is_canonical(value: Any) -> bool:
    """Say whether the value already is ``2024-01-02T03:04:05.678Z``, an existing day included."""
    # What nearly every SDK sends: checked without taking it apart.
    if value.__class__ is not str or len(value) != 24 or value[23] != "Z" or value[19] != ".":
        return False
    if value[10] != "T" or value[4] != "-" or value[7] != "-":
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_canonical_day(value: Any) -> bool:
    """Say whether the value already is ``2024-01-02``, an existing day."""
    if value.__class__ is not str or len(value) != 10 or value[4] != "-" or value[7] != "-":
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_date_time(text: str) -> bool:
    """Say whether a text is a full ISO date and time, seconds included, zone optional."""
    found = _DATE_TIME.fullmatch(text)
    if not found:
        return False
    year, month, date, hour, minute, second = (int(part) for part in found.groups()[:6])
    if not (1 <= month <= 12 and 1 <= date <= _days_in(year, month)):
        return False
    return minute < 60 and ((hour < 24 and second < 60) or (hour, minute, second) == (23, 59, 60))


_DATE_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt\s](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)

_PLAIN: Final = re.compile(
    r"(\d{4})[-/]?(\d{1,2})?[-/]?(\d{0,2})[Tt\s]*(\d{1,2})?:?(\d{1,2})?:?(\d{1,2})?[.:]?(\d+)?", re.ASCII
)
_ZONED: Final = re.compile(
    r"([+-]\d{6}|\d{4})-(\d\d)(?:-(\d\d))?(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?"
    r"\s*([Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_DIGITS: Final = re.compile(r"-?\d+", re.ASCII)


def _parse_number(value: float) -> int | None:
    if value != value or abs(value) > MOST_MS:
        return None
    return int(value * 1000) if 10**9 <= abs(value) < 10**10 else int(value)


def _parse_text(text: str) -> int | None:
    if len(text) > 100:
        return None
    text = text.strip()
    if _DIGITS.fullmatch(text):
        return _parse_digits(text)
    if found := _PLAIN.fullmatch(text):
        *parts, fraction = found.groups()
        year, month, date, hour, minute, second = (
            int(part or least) for part, least in zip(parts, (0, 1, 1, 0, 0, 0), strict=True)
        )
        return _at(year, month, date, hour, minute, second, fraction)
    if found := _ZONED.fullmatch(text):
        return _parse_zoned(*found.groups())
    return _parse_words(text)


def _parse_digits(text: str) -> int | None:
    """Digits alone: seconds, milliseconds or a compact date (``2024``, ``202401``, ``20240102``)."""
    digits = text.removeprefix("-")
    if len(digits) == 10:
        return int(text) * 1000
    if len(digits) == 13:
        return int(text)
    if digits is not text or not 4 <= len(digits) < 14:
        return None
    month, date, hour, minute = (
        int(digits[at : at + 2] or least) for at, least in ((4, 1), (6, 1), (8, 0), (10, 0))
    )
    if not (1 <= month <= 12 and 1 <= date <= 31 and hour < 24 and minute < 60):
        return None
    return _at(int(digits[:4]), month, date, hour, minute, int(digits[12:] or 0), None)


def _parse_zoned(
    year: str,
    month: str,
    date: str | None,
    hour: str | None,
    minute: str | None,
    second: str | None,
    fraction: str | None,
    zone: str | None,
) -> int | None:
    months, days, hours = int(month), int(date or 1), int(hour or 0)
    minutes, seconds = int(minute or 0), int(second or 0)
    if not (1 <= months <= 12 and 1 <= days <= 31 and minutes < 60 and seconds <= 60):
        return None
    if hours > 24 or (hours == 24 and (minutes or seconds)):
        return None
    offset = _zone_minutes(zone)
    return _at(int(year), months, days, hours, minutes - offset, seconds, fraction)


def _zone_minutes(zone: str | None) -> int:
    if not zone or zone in "Zz":
        return 0
    digits = zone[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return -minutes if zone[0] == "-" else minutes


_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ZONES: Final = {
    "z": 0,
    "ut": 0,
    "utc": 0,
    "gmt": 0,
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
}
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d+))?)?", re.ASCII)
_OFFSET: Final = re.compile(r"[+-]\d\d:?\d\d", re.ASCII)
_ASIDE: Final = re.compile(r"\([^()]*\)")
_TOKEN: Final = re.compile(
    r"\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?|(?:(?<=[\sTtZzCc])|(?<=:\d\d))[+-]\d\d:?\d\d(?!\d)"
    r"|\d+|[A-Za-z]+|[\s,./]+|.",
    re.ASCII,
)


def _parse_words(text: str) -> int | None:
    """Read what people and mail programs write: ``Jan 2, 2024``, ``01/02/2024 3:04 PM``, RFC 2822.

    Needs a year and a month beyond doubt; a text that only happens to hold a number is no date.
    """
    numbers: list[str] = []
    month = clock = fraction = None
    offset, half = 0, ""
    for token in _TOKEN.findall(_ASIDE.sub(" ", text)):
        word = token.lower()
        if _CLOCK.fullmatch(token):
            if clock:
                return None
            *parts, fraction = _CLOCK.fullmatch(token).groups()  # type: ignore[union-attr]  # just matched
            clock = tuple(int(part or 0) for part in parts)
        elif _OFFSET.fullmatch(token):
            offset += _zone_minutes(token)
        elif token.isdigit():
            numbers.append(token)
        elif token.isalpha():
            if word[:3] in _MONTHS and month is None:
                month = _MONTHS.index(word[:3]) + 1
            elif word in ("am", "pm"):
                half = word
            elif word in _ZONES:
                offset += _ZONES[word] * 60
            elif word[:3] not in _DAYS and word != "t":
                return None
        elif token.strip(" \t\r\n,./-"):
            return None
    date = _date_of(numbers, month)
    if date is None:
        return None
    hour, minute, second = clock or (0, 0, 0)
    if hour > 23 or minute > 59 or second > 59 or (half and not 1 <= hour <= 12):
        return None
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return _at(*date, hour, minute - offset, second, fraction)


def _date_of(numbers: list[str], month: int | None) -> tuple[int, int, int] | None:
    """Say which of the numbers is the year, the month and the day; None when that is a guess."""
    if month is None:
        if len(numbers) != 3:
            return None
        if len(numbers[0]) >= 3:
            year, number, date = numbers
        else:
            number, date, year = numbers
        month = int(number)
    elif len(numbers) == 1 and len(numbers[0]) == 4:
        year, date = numbers[0], "1"
    elif len(numbers) == 2:
        date, year = numbers if len(numbers[0]) < 3 else reversed(numbers)
    else:
        return None
    if len(year) > 4 or not (1 <= month <= 12 and 1 <= int(date) <= 31):
        return None
    full = int(year)
    if len(year) < 3:
        full += 2000 if full < 50 else 1900
    return full, month, int(date)


def _at(year: int, month: int, date: int, hour: int, minute: int, second: int, fraction: str | None) -> int:
    thousandths = int(f"{fraction:0<3.3}") if fraction else 0
    return (
        _days_from_civil(year, month, date) * DAY_MS
        + (hour * 3600 + minute * 60 + second) * 1000
        + thousandths
    )


def _days_from_civil(year: int, month: int, date: int) -> int:
    """Days since the epoch in the proleptic Gregorian calendar; months and days may be out of range.

    Source  H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", read 2026-11-24
    """
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    year -= month <= 2
    era = year // 400
    year_of_era = year - era * 400
    dateof_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5
    leap_days = year_of_era // 4 - year_of_era // 100
    return era * 146_097 + year_of_era * 365 + leap_days + dateof_year + date - 719_469


def _print_day(days: int, *, signed: bool = True) -> str:
    days += 719_468
    era, dateof_era = divmod(days, 146_097)
    year_of_era = (dateof_era - dateof_era // 1460 + dateof_era // 36_524 - dateof_era // 146_096) // 365
    dateof_year = dateof_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * dateof_year + 2) // 153
    date = dateof_year - (153 * shifted + 2) // 5 + 1
    month = shifted + (3 if shifted < 10 else -9)
    year = year_of_era + era * 400 + (month <= 2)
    if 0 <= year <= 9999:
        return f"{year:04}-{month:02}-{date:02}"
    return f"{year:+07}-{month:02}-{date:02}" if signed else f"{year}-{month:02}-{date:02}"


def _days_in(year: int, month: int) -> int:
    return _days_from_civil(year, month + 1, 1) - _days_from_civil(year, month, 1)
