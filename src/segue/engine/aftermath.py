"""What an answer means for each row of a batch: who is done, who died, who leaves again and with whom."""

from collections.abc import Sequence
from typing import Final

import msgspec

from segue.engine import search
from segue.engine.batch import Batch, Search
from segue.engine.line import Waiting
from segue.engine.retry import Apart, Dead, Done, Halve, Later, Wait, decide
from segue.model.delivery import Attempt, Outcome, Receipt, Verdict, said, tries

KEPT_FIRST: Final = 10
KEPT_LAST: Final = 40
"""Tries that end alike are one entry of a row's history, so an outage of days is a line; should answers
alternate without end, the first and the last entries are kept."""

MESSAGE_LENGTH: Final = 300


class Ended(msgspec.Struct, frozen=True):
    """A row that is done with. reason: "" when it was delivered, else why it died."""

    entry: Waiting
    outcome: Outcome
    position: int
    reason: str = ""
    message: str = ""


Group = tuple[list[Waiting], Search | None]
"""Rows that leave again in one request, and the search for culprits they are a probe of."""


class Aftermath(msgspec.Struct, frozen=True):
    """What becomes of a batch.

    ended    rows delivered or dead, in the order of the batch
    again    groups that leave again, each in a request of its own
    trouble  the outcome that makes the whole destination hold; None when there is none
    """

    ended: list[Ended]
    again: list[Group]
    trouble: Outcome | None = None


def weigh(
    batch: Batch, outcomes: Sequence[Outcome], request: str, now: float, now_ms: int, *, halve: bool = False
) -> Aftermath:
    """Weigh exactly one outcome per row.

    halve    what waits leaves again in two halves, and a search for culprits it was a probe of is given up
    request  id of the request, kept in each row's history
    now      seconds of the monotonic clock; now_ms milliseconds since the epoch
    A batch refused as a whole starts a search (`segue.engine.search`); only the culprits die.
    """
    ended: list[Ended] = []
    wait: list[Waiting] = []
    later: list[Group] = []
    refused: list[Waiting] = []
    apart: list[Waiting] = []
    refusal = trouble = None
    for entry, outcome in zip(batch.waiting, outcomes, strict=True):
        row = entry.row
        if outcome.verdict is Verdict.DELIVERED:  # nearly always, and there is nothing to decide
            ended.append(Ended(entry, outcome, entry.position))
            continue
        if outcome.verdict is Verdict.RETRY:
            entry.retries += 1
        _remember(entry, outcome, request, now_ms)
        match decide(outcome, entry.retries, now, f"{row.lane}-{row.offset}-{row.subscription}"):
            case Done():
                ended.append(Ended(entry, outcome, entry.position))
            case Dead(reason, message):
                ended.append(Ended(entry, outcome, entry.position, reason, message))
            case Later(at):
                entry.not_before = at
                later.append(([entry], None))
            case Halve():
                refused.append(entry)
                refusal = outcome
            case Apart():
                entry.is_alone = True
                apart.append(entry)
            case Wait():
                wait.append(entry)
                trouble = outcome
    waits = _halves(wait, batch.search) if halve else [(wait, batch.search if wait else None)]
    groups: list[Group] = [*waits, (apart, None)]
    is_found = bool(apart) or any(each.reason for each in ended)
    step = _search(batch, refused, refusal, is_found=is_found) if not wait else None
    if step is not None:
        groups.append((step.probe, step.search))
        if step.convicted is not None:
            ended.append(_convict(step.convicted, batch.search))
    groups += later
    return Aftermath(ended, [group for group in groups if group[0]], trouble)


def _halves(wait: list[Waiting], search: Search | None) -> list[Group]:
    """Two halves, and what a search held back, each in a request of its own."""
    cut = (len(wait) + 1) // 2
    held = [list(search.rest), list(search.unknown)] if search is not None and wait else []
    return [(piece, None) for piece in (wait[:cut], wait[cut:], *held)]


def _search(
    batch: Batch, refused: list[Waiting], refusal: Outcome | None, *, is_found: bool
) -> search.Step | None:
    if refused and refusal is not None:
        return search.refused(refused, batch.search, refusal)
    if batch.search is not None:
        return search.passed(batch.search, found=is_found)
    return None


def _convict(entry: Waiting, found_by: Search | None) -> Ended:
    refusal = found_by.refusal if found_by is not None else Outcome(verdict=Verdict.REJECTED)
    reason = refusal.code or "REJECTED"
    return Ended(
        entry, refusal, 0, reason, f"{refusal.message} (the batch was refused with it and passed without)"
    )


def _remember(entry: Waiting, outcome: Outcome, request: str, now_ms: int) -> None:
    tried = Attempt(now_ms, request, outcome.status, outcome.code, outcome.message[:MESSAGE_LENGTH])
    last = entry.attempts[-1] if entry.attempts else None
    if last is not None and last.request and _ended_alike(last, tried):
        again = msgspec.structs.replace(last, times=last.times + 1, last_ms=now_ms, last_request=request)
        entry.attempts = (*entry.attempts[:-1], again)
        return
    kept = entry.attempts
    if len(kept) >= KEPT_FIRST + KEPT_LAST:
        kept = kept[:KEPT_FIRST] + kept[-KEPT_LAST + 1 :]
    entry.attempts = (*kept, tried)


def _ended_alike(one: Attempt, other: Attempt) -> bool:
    return (one.status, one.code, one.message) == (other.status, other.code, other.message)


def arrived(entries: Sequence[Waiting], request: str, status: int, now_ms: int) -> list[Receipt]:
    """The receipts of rows the partner took in one request."""
    return [
        Receipt(
            row.lane,
            row.offset,
            row.message_id,
            row.subscription,
            row.action,
            "delivered",
            "",
            request,
            entry.position,
            status,
            1 + tries(entry.attempts) if entry.attempts else 1,
            now_ms,
            entry.notes,
            row.part,
        )
        for entry in entries
        for row in (entry.row,)
    ]


def receipt(ended: Ended, request: str, now_ms: int) -> Receipt:
    """The receipt of a row that is done with."""
    row, notes = ended.entry.row, ended.entry.notes
    if not ended.reason and ended.outcome.message:
        notes = (*notes, said(ended.outcome.message))
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
        attempts=(tries(ended.entry.attempts) if ended.entry.attempts else 0) + (not ended.reason),
        settled_ms=now_ms,
        notes=notes,
        part=row.part,
    )
