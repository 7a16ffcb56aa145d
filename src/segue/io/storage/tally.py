"""Tally: how many events came to what end, by the minute for a month and in total for ever."""

from collections.abc import Mapping
from typing import Final

from segue.io.storage.database import Session
from segue.model.delivery import CountKey

MINUTE_MS: Final = 60_000

MINUTES_KEPT: Final = 30 * 24 * 60


def add(session: Session, counts: Mapping[CountKey, int]) -> None:
    """Add to the minutes and to the totals."""
    session.insert(
        "INSERT INTO count(minute, source, subscription, result, reason, events) VALUES",
        [(*key, events) for key, events in counts.items()],
        then="""ON CONFLICT(minute, source, subscription, result, reason)
            DO UPDATE SET events = count.events + excluded.events""",
    )
    totals: dict[tuple[str, str], int] = {}
    for key, events in counts.items():
        totals[key.result, key.reason] = totals.get((key.result, key.reason), 0) + events
    session.insert(
        "INSERT INTO total(result, reason, events) VALUES",
        [(*key, events) for key, events in totals.items()],
        then="ON CONFLICT(result, reason) DO UPDATE SET events = total.events + excluded.events",
    )


def between(session: Session, since_minute: int, until_minute: int) -> list[tuple[CountKey, int]]:
    """Counts of the minutes from `since_minute` up to, but not including, `until_minute`, in order."""
    rows = session.execute(
        """SELECT minute, source, subscription, result, reason, events FROM count
        WHERE minute >= ? AND minute < ? ORDER BY minute, source, subscription, result, reason""",
        (since_minute, until_minute),
    )
    return [(CountKey(*key), events) for *key, events in rows]


def totals(session: Session) -> dict[tuple[str, str], int]:
    """(result, reason) -> events, since the beginning."""
    rows = session.execute("SELECT result, reason, events FROM total ORDER BY result, reason")
    return {(result, reason): events for result, reason, events in rows}


def prune(session: Session, now_ms: int) -> None:
    """Forget minutes older than a month; the totals stay."""
    session.execute("DELETE FROM count WHERE minute < ?", (now_ms // MINUTE_MS - MINUTES_KEPT,))
