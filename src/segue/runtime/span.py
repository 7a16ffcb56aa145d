"""Spans of time as operators write them: ``90m``, ``24h``, ``7d``, or a date and time in UTC."""

import re
from datetime import UTC, datetime
from typing import Final

from segue.model.errors import MisconfiguredError

UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def read_moment(text: str, now_ms: int) -> int:
    """The moment a text means, milliseconds since the epoch: so long ago, or a date and time (UTC).

    Raises MisconfiguredError.
    """
    ago = re.fullmatch(r"\s*(\d{1,9})\s*([smhdw])\s*", text)
    if ago:
        return now_ms - int(ago[1]) * UNITS_MS[ago[2]]
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise MisconfiguredError(
            f'"{text}" is no time: write how long ago (90m, 24h, 7d) or a date and time in UTC '
            "(2026-11-24, 2026-11-24T10:00)"
        ) from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
