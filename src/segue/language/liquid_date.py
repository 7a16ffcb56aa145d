"""The date filters of Liquid templates, in UTC.

    format_date("2024-03-04T05:06:07Z", "%b %d, %y")  ->  "Mar 04, 24"

Numbers and texts of digits are seconds since the epoch. What is no date is passed through unchanged.
"now" and "today" are refused: a mapping has no clock, and an event carries its own times.

Source  liquidjs 10.27 documentation, "date", and observed behaviour, 2026-11
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from segue.language.javascript import is_number
from segue.language.liquid_values import is_nil, stringify

DEFAULT_FORMAT: Final = "%A, %B %-e, %Y at %-l:%M %P %z"


def format_date(value: Any, form: Any = None, *_: Any) -> Any:
    """Print a date in a strftime-like form; give back what is no date. Raises ValueError for "now"."""
    moment = _moment(value)
    if moment is None:
        return value
    text = DEFAULT_FORMAT if is_nil(form) else stringify(form)
    return _DIRECTIVE.sub(lambda match: _printed(moment, match), text)


def _fixed(form: str) -> Callable[..., Any]:
    return lambda value, *_: format_date(value, form)


def _named(month: str) -> Callable[..., Any]:
    def named(value: Any, kind: Any = None, style: Any = None) -> Any:
        if kind != "ordinal":
            return format_date(value, f"%d {month} %Y")
        return format_date(value, f"{month} %-d%q, %Y" if style == "US" else f"%-d%q {month} %Y")

    return named


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "date": format_date,
    "date_to_xmlschema": _fixed("%Y-%m-%dT%H:%M:%S%:z"),
    "date_to_rfc822": _fixed("%a, %d %b %Y %H:%M:%S %z"),
    "date_to_string": _named("%b"),
    "date_to_long_string": _named("%B"),
}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISO: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?"
)
_WRITTEN: Final = ("%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%m/%d/%Y", "%Y/%m/%d")


def _moment(value: Any) -> datetime | None:
    if value in ("now", "today"):
        raise ValueError(f'the date "{value}" needs a clock; use a time of the event, such as timestamp')
    try:
        if is_number(value):
            return _EPOCH + timedelta(seconds=value)
        if type(value) is not str:
            return None
        if re.fullmatch("[0-9]+", value):
            return _EPOCH + timedelta(seconds=int(value[:20]))
        return _iso(value) or _written(value)
    except (ValueError, OverflowError):
        return None


def _iso(text: str) -> datetime | None:
    match = _ISO.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    moment = datetime(
        int(year),
        int(month or 1),
        int(day or 1),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int((fraction or "0")[:3].ljust(3, "0")) * 1000,
        tzinfo=UTC,
    )
    if zone and zone != "Z":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        moment += offset if zone[0] == "-" else -offset
    return moment


def _written(text: str) -> datetime | None:
    for form in _WRITTEN:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    moment = parsedate_to_datetime(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


# --- printing -----------------------------------------------------------------------------------

_DIRECTIVE: Final = re.compile(r"%([-_0^#:]*)([0-9]{0,3})[EO]?(.)", re.DOTALL)

_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def _weekday(moment: datetime) -> int:
    return moment.isoweekday() % 7


def _week(moment: datetime, first_day: int) -> int:
    day = moment.timetuple().tm_yday + first_day - _weekday(moment)
    january = _weekday(moment.replace(month=1, day=1))
    return (day - (7 - january + first_day)) // 7 + 1


def _suffix(moment: datetime) -> str:
    if moment.day in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(moment.day % 10, "th")


# conversion -> (value, width, padding)
_CONVERSIONS: Final[Mapping[str, tuple[Callable[[datetime], Any], int, str]]] = {
    "a": (lambda m: _DAYS[_weekday(m)][:3], 0, " "),
    "A": (lambda m: _DAYS[_weekday(m)], 0, " "),
    "b": (lambda m: _MONTHS[m.month - 1][:3], 0, " "),
    "h": (lambda m: _MONTHS[m.month - 1][:3], 0, "0"),
    "B": (lambda m: _MONTHS[m.month - 1], 0, " "),
    "c": (lambda m: f"{m.month}/{m.day}/{m.year}, {m.hour % 12 or 12}:{m:%M:%S %p}", 0, " "),
    "C": (lambda m: int(str(m.year)[:2]), 0, "0"),
    "d": (lambda m: m.day, 2, "0"),
    "e": (lambda m: m.day, 2, " "),
    "H": (lambda m: m.hour, 2, "0"),
    "I": (lambda m: m.hour % 12 or 12, 2, "0"),
    "j": (lambda m: m.timetuple().tm_yday, 3, "0"),
    "k": (lambda m: m.hour, 2, " "),
    "l": (lambda m: m.hour % 12 or 12, 2, " "),
    "L": (lambda m: m.microsecond // 1000, 3, "0"),
    "m": (lambda m: m.month, 2, "0"),
    "M": (lambda m: m.minute, 2, "0"),
    "p": (lambda m: "AM" if m.hour < 12 else "PM", 0, " "),
    "P": (lambda m: "am" if m.hour < 12 else "pm", 0, " "),
    "q": (_suffix, 0, "0"),
    "s": (lambda m: int((m - _EPOCH + timedelta(milliseconds=500)).total_seconds() // 1), 0, "0"),
    "S": (lambda m: m.second, 2, "0"),
    "u": (lambda m: m.isoweekday(), 0, "0"),
    "U": (lambda m: _week(m, 0), 2, "0"),
    "w": (_weekday, 0, "0"),
    "W": (lambda m: _week(m, 1), 2, "0"),
    "x": (lambda m: f"{m.month}/{m.day}/{m.year}", 0, "0"),
    "X": (lambda m: f"{m.hour % 12 or 12}:{m:%M:%S %p}", 0, "0"),
    "y": (lambda m: str(m.year)[2:4], 0, "0"),
    "Y": (lambda m: m.year, 0, "0"),
    "t": (lambda m: "\t", 0, "0"),
    "n": (lambda m: "\n", 0, "0"),
    "%": (lambda m: "%", 0, "0"),
}


def _printed(moment: datetime, match: re.Match[str]) -> str:
    flags, width, conversion = match.groups()
    if conversion == "z":
        text, size, padding = "+00:00" if ":" in flags else "+0000", 0, "0"
    elif conversion == "N":
        digits = int(width or 9) or 9
        return str(moment.microsecond // 1000)[:digits].ljust(digits, "0")
    elif conversion in _CONVERSIONS:
        value, size, padding = _CONVERSIONS[conversion]
        text = str(value(moment))
    else:
        return match[0]
    if "^" in flags:
        text = text.upper()
    elif "#" in flags:
        text = text.upper() if any("a" <= character <= "z" for character in text) else text.lower()
    if "_" in flags:
        padding = " "
    elif "0" in flags:
        padding = "0"
    return text if "-" in flags else text.rjust(int(width or size), padding)
