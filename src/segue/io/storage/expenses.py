"""Expenses: what a destination's traffic cost, by the day, for as long as a contract's year and a month.

A row per day, source, subscription, event and attribute; the sums of `segue.model.cost.Cost`.
"""

from collections.abc import Mapping
from typing import Final

from segue.io.storage.database import Session
from segue.model.cost import Cost, CostKey

DAY_MS: Final = 86_400_000
DAYS_KEPT: Final = 400


def add(session: Session, costs: Mapping[CostKey, Cost]) -> None:
    """Add to what is there."""
    session.insert(
        """INSERT INTO cost(day, source, subscription, event, attribute,
            points, points_saved, objects, objects_saved, micro_requests) VALUES""",
        [
            (*key, cost.points, cost.points_saved, cost.objects, cost.objects_saved, cost.micro_requests)
            for key, cost in costs.items()
        ],
        then="""ON CONFLICT(day, source, subscription, event, attribute) DO UPDATE SET
            points = cost.points + excluded.points,
            points_saved = cost.points_saved + excluded.points_saved,
            objects = cost.objects + excluded.objects,
            objects_saved = cost.objects_saved + excluded.objects_saved,
            micro_requests = cost.micro_requests + excluded.micro_requests""",
    )


def between(session: Session, first_day: int, last_day: int) -> list[tuple[CostKey, Cost]]:
    """What was spent from one day to another, both included, in the order of days."""
    rows = session.execute(
        """SELECT day, source, subscription, event, attribute,
            points, points_saved, objects, objects_saved, micro_requests
        FROM cost WHERE day >= ? AND day <= ? ORDER BY day, source, subscription, event, attribute""",
        (first_day, last_day),
    )
    return [(CostKey(*row[:5]), Cost(*row[5:])) for row in rows]


def spent(session: Session, first_day: int, event: str) -> Cost:
    """What was spent since a day, on one event or, with "", on all."""
    (row,) = session.execute(
        """SELECT coalesce(sum(points), 0), coalesce(sum(points_saved), 0), coalesce(sum(objects), 0),
            coalesce(sum(objects_saved), 0), coalesce(sum(micro_requests), 0)
        FROM cost WHERE day >= ? AND (? = '' OR event = ?)""",
        (first_day, event, event),
    )
    return Cost(*row)


def prune(session: Session, now_ms: int) -> None:
    """Forget days older than `DAYS_KEPT`."""
    session.execute("DELETE FROM cost WHERE day < ?", (now_ms // DAY_MS - DAYS_KEPT,))
