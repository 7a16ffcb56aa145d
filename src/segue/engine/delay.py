"""Why a row has not left yet: it is on its way, behind an earlier row, waits for company or for its time.

    delays(batcher, 3, 1204, now)[0].kind     "order"

What holds the destination as a whole (`segue.model.delivery.Halt`) is told beside it.
"""

from collections.abc import Sequence

import msgspec

from segue.engine.batch import Batcher
from segue.engine.ledger import Ledger
from segue.engine.line import Waiting
from segue.model.delivery import Attempt, Halt


class Delay(msgspec.Struct, frozen=True, kw_only=True):
    """Why one row waits.

    kind     "in-flight", "retry", "order", "batch" or "due"
    seconds  until it may leave by itself; None when that depends on something else
    person   whose earlier row it waits for, with that row's messageId and subscription in `behind`
    attempts what was tried so far
    """

    subscription: str
    part: int
    kind: str
    seconds: float | None = None
    person: str = ""
    behind: str = ""
    attempts: tuple[Attempt, ...] = ()


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """What a running courier says of an event that is not settled.

    is_read  false while it has not come to it; ahead: events of the lane it reads before
    is_open  false when it was settled since the last checkpoint
    delays   why each row waits; empty when a row is on its way that no person's order concerns
    halt     why the destination as a whole sends nothing; None when it does send
    """

    is_read: bool
    is_open: bool = True
    ahead: int = 0
    delays: Sequence[Delay] = ()
    halt: Halt | None = None


def waits(batcher: Batcher, ledger: Ledger, lane: int, offset: int, now: float, halt: Halt | None) -> Waits:
    """Why an event waits."""
    read_to = ledger.read_to(lane)
    return Waits(
        is_read=offset < read_to,
        is_open=offset >= read_to or ledger.is_open(lane, offset),
        ahead=max(0, offset - read_to),
        delays=delays(batcher, lane, offset, now),
        halt=halt,
    )


def delays(batcher: Batcher, lane: int, offset: int, now: float) -> list[Delay]:
    """Why each row of an event waits, in the order they were made; none for an event without rows here."""
    return [
        _delay(batcher, entry, now)
        for entry in batcher.entries()
        if entry.row.lane == lane and entry.row.offset == offset
    ]


def _delay(batcher: Batcher, entry: Waiting, now: float) -> Delay:
    row = entry.row
    told = Delay(subscription=row.subscription, part=row.part, kind="due", attempts=entry.attempts)
    if entry.in_flight:
        return msgspec.structs.replace(told, kind="in-flight")
    blocker = batcher.blocker(entry)
    if blocker is not None:
        shared = [person for person in entry.people if person in blocker.people]
        behind = f"{blocker.row.message_id} ({blocker.row.subscription})"
        return msgspec.structs.replace(told, kind="order", person=shared[0], behind=behind)
    if entry.not_before > now:
        return msgspec.structs.replace(told, kind="retry", seconds=round(entry.not_before - now, 1))
    due_at = entry.since + entry.travel.wait_seconds
    if due_at > now and entry.is_queued:
        return msgspec.structs.replace(told, kind="batch", seconds=round(due_at - now, 1))
    return told
