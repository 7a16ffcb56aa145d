"""Why a row has not left yet: it is on its way, behind an earlier row, waits for company or for its time.

    delays(batcher, namesakes, 3, 1204, now)[0].kind     "order"

What holds the destination as a whole (`segue.model.delivery.Halt`) is told beside it.
"""

from collections.abc import Sequence

import msgspec

from segue.engine.batch import Batcher
from segue.engine.ledger import Ledger
from segue.engine.line import NEVER, Waiting
from segue.engine.namesakes import Namesakes
from segue.model.delivery import Attempt, Halt


class Delay(msgspec.Struct, frozen=True, kw_only=True):
    """Why one row waits.

    kind     "in-flight"; "order": an earlier row of its people stands before it; "name": something is on its
             way to another name of its person; "batch": its first row has not waited long enough; "company":
             many wait behind rows on their way, and few leave together with them; "retry"; "search": its
             request was refused, and whoever is to blame is looked for; "due": the next free request takes it
    seconds  until it may leave by itself, at the most; None when that depends on something else
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


def waits(
    batcher: Batcher,
    ledger: Ledger,
    namesakes: Namesakes,
    lane: int,
    offset: int,
    now: float,
    halt: Halt | None,
) -> Waits:
    """Why an event waits."""
    read_to = ledger.read_to(lane)
    return Waits(
        is_read=offset < read_to,
        is_open=offset >= read_to or ledger.is_open(lane, offset),
        ahead=max(0, offset - read_to),
        delays=delays(batcher, namesakes, lane, offset, now),
        halt=halt,
    )


def delays(batcher: Batcher, namesakes: Namesakes, lane: int, offset: int, now: float) -> list[Delay]:
    """Why each row of an event waits, in the order they were made; none for an event without rows here."""
    return [
        _delay(batcher, namesakes, entry, now)
        for entry in batcher.entries()
        if entry.row.lane == lane and entry.row.offset == offset
    ]


def _delay(batcher: Batcher, namesakes: Namesakes, entry: Waiting, now: float) -> Delay:
    row = entry.row
    told = Delay(subscription=row.subscription, part=row.part, kind="due", attempts=entry.attempts)
    if entry.in_flight:
        return msgspec.structs.replace(told, kind="in-flight")
    blocker = batcher.blocker(entry)
    if blocker is not None:
        shared = [person for person in entry.people if person in blocker.people]
        behind = f"{blocker.row.message_id} ({blocker.row.subscription})"
        return msgspec.structs.replace(told, kind="order", person=shared[0], behind=behind)
    if entry in namesakes:
        return msgspec.structs.replace(told, kind="name")
    kind, until = _stays(batcher, entry, now)
    seconds = round(until - now, 1) if now < until < NEVER else None
    return msgspec.structs.replace(told, kind=kind, seconds=seconds)


def _stays(batcher: Batcher, entry: Waiting, now: float) -> tuple[str, float]:
    """Why a row that nothing stands before has not left, and until when at the most."""
    if entry.is_queued:
        return batcher.queue(entry.travel).stays(now)
    together = batcher.again(entry)
    if not together:
        return "search", NEVER
    until = max(each.not_before for each in together)
    return ("retry", until) if until > now else ("due", now)
