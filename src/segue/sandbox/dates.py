"""The date forms Braze takes, read as milliseconds since the epoch.

Source  Braze docs, "User attributes object" and "Event object", read 2026-11-23
Without a zone a time is UTC. Years before 1 or after 3000 are not dates here.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from segue.sandbox.clock import EPOCH

SESSION_DATES = ("date_of_first_session", "date_of_last_session")
"""Fields that tell of sessions the sandbox has not seen."""
DAY_MS = 86_400_000
_MS = timedelta(milliseconds=1)
_COLON_MILLIS = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d):(\d{3})(Z|[+-]\d\d:?\d\d)?$")
_AMERICAN = re.compile(r"^\d\d/\d\d/\d{4}$")
_WORDY = re.compile(
    r"^[A-Z][a-z]{2} (\d\d) (\d\d) (\d\d):(\d\d):(\d\d)\.(Z|[A-Z]{3,4}|[+-]\d\d:?\d\d) (\d{4})$"
)
_DAY = re.compile(r"^\d{4}-\d\d-\d\d$")
_FIRST_MS = -62_135_510_400_000  # 0001-01-02, one day of room for any zone
_LAST_MS = 32_535_215_999_999  # the end of the year 3000


def read_time(text: str) -> int | None:
    """Milliseconds since the epoch of any accepted form; None when it is none of them."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        found = _other_form(text)
        if found is None:
            return None
        moment = found
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ms = (moment - EPOCH) // _MS
    return ms if _FIRST_MS <= ms <= _LAST_MS else None


def looks_like_time(text: str) -> bool:
    """Whether a custom attribute's string is a date to Braze rather than text.

    Stricter than `read_time`: at least a full calendar day with separators, so that `20240501` or `2024-W01`
    stay what they are.
    """
    if len(text) < 10 or len(text) > 40:
        return False
    dashed = text[4] == "-" and text[7] == "-" and (len(text) == 10 or text[10] in "T ")
    return (dashed or _AMERICAN.match(text) is not None or _WORDY.match(text) is not None) and (
        read_time(text) is not None
    )


def is_day(text: str) -> bool:
    """Whether it is a real day as `YYYY-MM-DD`, the only form of a date of birth."""
    return _DAY.match(text) is not None and read_time(text) is not None


def told_days(fields: Mapping[str, Any]) -> set[int]:
    """Days, since the epoch, on which a profile's own fields say it had a session."""
    moments = [read_time(fields[name]) for name in SESSION_DATES if fields.get(name)]
    return {moment // DAY_MS for moment in moments if moment is not None}


def _other_form(text: str) -> datetime | None:
    try:
        if match := _COLON_MILLIS.match(text):
            return datetime.fromisoformat(f"{match[1]}.{match[2]}{match[3] or ''}")
        if _AMERICAN.match(text):
            return datetime(int(text[6:]), int(text[:2]), int(text[3:5]), tzinfo=UTC)
        if match := _WORDY.match(text):
            month, day, hour, minute, second, zone, year = match.groups()
            offset = "+00:00" if zone.isalpha() else zone
            return datetime.fromisoformat(f"{year}-{month}-{day}T{hour}:{minute}:{second}{offset}")
    except ValueError:
        return None
    return None
