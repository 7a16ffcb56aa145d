"""Doubts: rows that left without an answer and may or may not have arrived, kept as long as receipts are."""

from collections.abc import Sequence

from segue.io.storage.database import Session
from segue.io.storage.seen import place, position
from segue.model.delivery import Uncertain


def note(session: Session, doubts: Sequence[Uncertain]) -> None:
    """Add doubts; the same one twice is one."""
    session.insert(
        """INSERT INTO uncertain(place, subscription, part, request, action, message_id, policy, noted_ms)
        VALUES""",
        [
            (
                place(each.lane, each.offset),
                each.subscription,
                each.part,
                each.request,
                each.action,
                each.message_id,
                each.policy,
                each.noted_ms,
            )
            for each in doubts
        ],
        then="ON CONFLICT DO NOTHING",
    )


def find(session: Session, message_id: str | None, since_ms: int, limit: int) -> list[Uncertain]:
    """The newest doubts, newest first: of one event, or all since a time."""
    where, cell = ("message_id = ?", message_id) if message_id is not None else ("noted_ms >= ?", since_ms)
    query = f"""SELECT place, message_id, subscription, action, part, request, policy, noted_ms FROM uncertain
        WHERE {where} ORDER BY noted_ms DESC, place DESC LIMIT ?"""  # noqa: S608 - one of two conditions
    found = []
    for here, message, subscription, action, part, request, policy, noted_ms in session.execute(
        query, (cell, limit)
    ):
        lane, offset = position(here)
        found.append(
            Uncertain(
                lane=lane,
                offset=offset,
                message_id=message,
                subscription=subscription,
                action=action,
                part=part,
                request=request,
                policy=policy,
                noted_ms=noted_ms,
            )
        )
    return found


def prune(session: Session, oldest_ms: int) -> None:
    """Forget doubts older than this."""
    session.execute("DELETE FROM uncertain WHERE noted_ms < ?", (oldest_ms,))
