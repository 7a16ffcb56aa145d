"""Dead letters: rows that will not be delivered without a human, and the way back.

A retried dead letter keeps its identity: the same messageId, position in the log and order, so nothing
downstream can mistake it for something new.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from segue.model.delivery import Attempt, DeadLetter, Row


def letter_id(lane: int, offset: int, subscription: str, part: int) -> str:
    """The stable id of a dead letter within its destination: ``3-1204-track-calls-0``."""
    return f"{lane}-{offset}-{subscription or 'event'}-{part}"


def bury(
    row: Row, reason: str, message: str, *, attempts: Sequence[Attempt] = (), died_ms: int = 0
) -> DeadLetter:
    """Make a dead letter of a row; a row without items stands for an event that could not be mapped."""
    return DeadLetter(
        id=letter_id(row.lane, row.offset, row.subscription, row.part),
        destination=row.destination,
        subscription=row.subscription,
        action=row.action,
        lane=row.lane,
        offset=row.offset,
        order=row.order,
        person=row.person,
        message_id=row.message_id,
        kind=row.kind,
        event=row.event,
        event_ms=row.event_ms,
        reason=reason,
        message=message,
        items=row.items,
        context=row.context,
        part=row.part,
        parts=row.parts,
        attempts=tuple(attempts),
        died_ms=died_ms,
    )


def siblings(letters: Sequence[DeadLetter]) -> tuple[DeadLetter, ...]:
    """Letters of one event, which counts as dead by the reason of the first."""
    return tuple(
        letter if letter.reason == letters[0].reason else replace(letter, counted=letters[0].reason)
        for letter in letters
    )


def unbury(letter: DeadLetter) -> Row:
    """The row a dead letter was made of."""
    return Row(
        destination=letter.destination,
        subscription=letter.subscription,
        action=letter.action,
        lane=letter.lane,
        offset=letter.offset,
        order=letter.order,
        person=letter.person,
        message_id=letter.message_id,
        kind=letter.kind,
        event=letter.event,
        event_ms=letter.event_ms,
        items=letter.items,
        context=letter.context,
        part=letter.part,
        parts=letter.parts,
        revived=True,
    )
