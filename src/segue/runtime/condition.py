"""The condition of each destination: whether it sends and why not, what waits since when, what is at risk.

    for condition in await conditions(archive, now_ms): condition.halt, condition.oldest_ms, condition.risk

Read from the states and the log, beside a Segue that runs or not, as of the last checkpoint.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from segue.io.log.stream import Log
from segue.model.delivery import Halt
from segue.model.errors import CorruptBlock
from segue.runtime.archive import Archive, Books

HOUR_MS: Final = 3_600_000

RISK_SHARE: Final = 0.25
"""Waiting events are at risk when less than this share of the log's retention is left to them."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """How one enabled destination stands.

    halt        why it sends nothing; None when it does
    waiting     events that came in for it and are not settled; oldest_ms: when the oldest of them came in,
                0 for none
    lost        events the log dropped before they were settled; they will count as expired
    expires_ms  when the oldest waiting event leaves the log by its age, 0 for none waiting
    risk        "" or why waiting events may leave the log before they are delivered: "age" or "size"
    unserved    lanes with waiting events that no process delivers now
    uncertain   rows that left without an answer, since the beginning, by what was done about them
    """

    destination: str
    halt: Halt | None = None
    waiting: int = 0
    oldest_ms: int = 0
    lost: int = 0
    expires_ms: int = 0
    risk: str = ""
    unserved: tuple[int, ...] = ()
    uncertain: Mapping[str, int] = {}


async def conditions(archive: Archive, now_ms: int) -> list[Condition]:
    """The condition of every enabled destination. Raises LogUnavailable, StorageUnavailable."""
    return [
        await _condition(archive, destination, now_ms) for destination in archive.current.plan.destinations
    ]


async def _condition(archive: Archive, destination: str, now_ms: int) -> Condition:
    books = [each for each in archive.books if each.destination == destination]
    halts = [each.halt for each in books if each.halt is not None]
    uncertain: dict[str, int] = {}
    for each in books:
        for (result, reason), n in (await each.state.totals()).items():
            if result == "rows_uncertain" and n:
                uncertain[reason] = uncertain.get(reason, 0) + n
    told = Condition(destination=destination, halt=halts[0] if halts else None, uncertain=uncertain)
    if archive.stream is None:
        return told
    ingest = archive.current.workspace.ingest
    heads, tails = await archive.stream.heads(), await archive.stream.tails()
    waiting = lost = behind = 0
    oldest_ms = 0
    unserved = []
    for lane, (head, tail) in enumerate(zip(heads, tails, strict=True)):
        cursor = _next_offset(archive.books_of(destination, lane), lane, head)
        settled = _settled_ahead(archive.books_of(destination, lane), lane)
        waits = max(0, head - cursor - settled)
        waiting += waits
        if waits and not archive.is_served(destination, lane):
            unserved.append(lane)
        lost += max(0, tail - cursor)
        behind += max(cursor, tail) - tail
        if cursor < head:
            at_ms = await _received_ms(archive.stream, lane, max(cursor, tail))
            oldest_ms = min(oldest_ms or at_ms, at_ms) if at_ms else oldest_ms
    told = msgspec.structs.replace(told, unserved=tuple(unserved))
    if not oldest_ms:
        return msgspec.structs.replace(told, waiting=waiting, lost=lost)
    retention_ms = round(ingest.retention_hours * HOUR_MS)
    expires_ms = oldest_ms + retention_ms
    kept = sum(heads) - sum(tails)
    is_full = await archive.stream.size_bytes() > ingest.retention_bytes * (1 - RISK_SHARE)
    risk = "age" if expires_ms - now_ms < retention_ms * RISK_SHARE else ""
    if not risk and is_full and behind < kept * RISK_SHARE:
        risk = "size"
    return msgspec.structs.replace(
        told, waiting=waiting, oldest_ms=oldest_ms, lost=lost, expires_ms=expires_ms, risk=risk
    )


def _next_offset(books: Books | None, lane: int, head: int) -> int:
    if books is None:
        return head
    cursor = books.cursors.get(lane)
    return cursor.next_offset if cursor is not None else books.origins.get(lane, head)


def _settled_ahead(books: Books | None, lane: int) -> int:
    cursor = books.cursors.get(lane) if books is not None else None
    return sum(end - start for start, end in cursor.settled) if cursor is not None else 0


async def _received_ms(stream: Log, lane: int, offset: int) -> int:
    """When the event at an offset, or the oldest one kept after it, came in; 0 when it cannot be read."""
    try:
        blocks = await stream.read(lane, offset, blocks=1)
    except CorruptBlock:
        return 0
    if not blocks:
        return 0
    block = blocks[0]
    return block.records[max(0, offset - block.first_offset)].received_ms
