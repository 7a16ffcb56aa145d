"""What an answer means for each row of a batch: who is done, who died, who leaves again and with whom."""

from collections.abc import Sequence
from typing import Final

import msgspec

from segue.engine.batch import Batch, Waiting
from segue.engine.retry import Dead, Done, Halve, Later, Wait, decide
from segue.model.delivery import Attempt, Outcome, Receipt, Verdict

KEPT_ATTEMPTS: Final = 20
"""The first tries of a row that waited through a long outage say nothing new; these last ones are kept."""

MESSAGE_LENGTH: Final = 300


class Ended(msgspec.Struct, frozen=True):
    """A row that is done with. reason: "" when it was delivered, else why it died."""

    entry: Waiting
    outcome: Outcome
    position: int
    reason: str = ""
    message: str = ""


class Aftermath(msgspec.Struct, frozen=True):
    """What becomes of a batch.

    ended    rows delivered or dead, in the order of the batch
    again    groups of rows that leave again, each group in a request of its own
    trouble  the outcome that makes the whole destination hold; None when there is none
    """

    ended: list[Ended]
    again: list[list[Waiting]]
    trouble: Outcome | None = None


def weigh(batch: Batch, outcomes: Sequence[Outcome], request: str, now: float, now_ms: int) -> Aftermath:
    """Weigh exactly one outcome per row.

    request  id of the request, kept in each row's history
    now      seconds of the monotonic clock; now_ms milliseconds since the epoch
    A refused batch is halved until each culprit stands alone; everybody else is delivered once.
    """
    ended: list[Ended] = []
    wait: list[Waiting] = []
    later: list[list[Waiting]] = []
    halve: list[Waiting] = []
    trouble: Outcome | None = None
    position = 0
    for entry, outcome in zip(batch.waiting, outcomes, strict=True):
        row = entry.row
        if outcome.verdict is Verdict.RETRY:
            entry.retries += 1
        if outcome.verdict is not Verdict.DELIVERED:
            tried = Attempt(now_ms, request, outcome.status, outcome.code, outcome.message[:MESSAGE_LENGTH])
            entry.attempts = (*entry.attempts[-KEPT_ATTEMPTS + 1 :], tried)
        match decide(outcome, entry.retries, now, f"{row.lane}-{row.offset}-{row.subscription}"):
            case Done():
                ended.append(Ended(entry, outcome, position))
            case Dead(reason, message):
                ended.append(Ended(entry, outcome, position, reason, message))
            case Later(at):
                entry.not_before = at
                later.append([entry])
            case Halve():
                halve.append(entry)
            case Wait():
                wait.append(entry)
                trouble = outcome
        position += len(row.items)
    middle = (len(halve) + 1) // 2
    groups = [wait, *later, halve[:middle], halve[middle:]]
    return Aftermath(ended, [group for group in groups if group], trouble)


def receipt(ended: Ended, request: str, now_ms: int) -> Receipt:
    """The receipt of a row that is done with."""
    row = ended.entry.row
    return Receipt(
        lane=row.lane,
        offset=row.offset,
        message_id=row.message_id,
        subscription=row.subscription,
        action=row.action,
        result="dead" if ended.reason else "delivered",
        reason=ended.reason,
        request=request,
        position=ended.position,
        status=ended.outcome.status,
        attempts=len(ended.entry.attempts) + (not ended.reason),
        settled_ms=now_ms,
    )
