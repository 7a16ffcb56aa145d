"""The bookkeeper: writes down what became of each event and row of one destination.

The decisions have been taken elsewhere; here they become entries of the ledger, receipts, dead letters and
journal entries, always together.
"""

from collections.abc import Callable, Iterable, Sequence

import structlog
from msgspec.structs import replace

from segue.engine.aftermath import Ended, arrived, receipt
from segue.engine.batch import Batcher
from segue.engine.dead import bury, siblings
from segue.engine.ledger import Ledger
from segue.engine.line import Waiting
from segue.engine.parcel import LeftOut
from segue.engine.plan import BoundDestination
from segue.engine.route import Routed
from segue.io.storage.journal import Found, Journal, RowKey, Settled, Turn, keys_of, row_key
from segue.model.delivery import (
    COMMAND_LANE,
    Attempt,
    Outcome,
    Receipt,
    Row,
    Uncertain,
    Verdict,
    tries,
)
from segue.model.errors import CorruptBlock
from segue.model.event import Record
from segue.runtime.accountant import Accountant
from segue.runtime.bidding import Bidding
from segue.runtime.doubt import IN_DOUBT, UNCERTAIN, policy_of
from segue.runtime.memory import NO_LANE, Memory

log = structlog.get_logger("segue.courier")


class Bookkeeper:
    """One destination's entries.

    found  what the journal knew at the start about rows the last checkpoint does not know
    """

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        found: Found,
        bidding: Bidding,
        batcher: Batcher,
        memory: Memory,
        accountant: Accountant,
    ) -> None:
        self.ledger = ledger
        self.journal = journal
        self._settled = {key: verdict for key, verdict in found.settled.items() if key.lane != NO_LANE}
        self._doubt = dict(found.uncertain)
        self._decided: dict[RowKey, Settled] = {}  # were in doubt, and are about to be settled
        self._counted = found.counted
        self._doubted = dict(found.doubted)
        self._bidding = bidding
        self._revival = bidding.revival
        self._batcher = batcher
        self._memory = memory
        self._accountant = accountant
        self._parts: dict[tuple[int, int], list[tuple[RowKey, Settled]]] = {}  # done, of events still open
        self._revived: dict[str, list[tuple[RowKey, Settled]]] = {}  # done, of letters not done with

    def open(self, lane: int, offset: int, record: Record, routed: Routed, now_ms: int) -> None:
        """An event has rows: keep it open until they are settled."""
        letters = siblings(routed.dead)
        self.ledger.open(
            lane, offset, len(routed.rows), letters, received_ms=record.received_ms, order=record.order
        )
        for letter in letters:
            self._note(lane, offset, record.message_id, "dead", letter.reason, now_ms, letter.subscription)

    def close(self, lane: int, offset: int, message_id: str, routed: Routed, now_ms: int) -> None:
        """An event has no rows: it is filtered, or dead with all its letters."""
        minute = now_ms // 60_000
        for letter in siblings(routed.dead):
            self.ledger.bury(letter, minute, had_row=False)
            self._note(lane, offset, message_id, "dead", letter.reason, now_ms, letter.subscription)
        if routed.dead:
            self.ledger.close("dead", routed.dead[0].reason, minute)
        else:
            self.ledger.close("filtered", routed.reason, minute)
            self._note(lane, offset, message_id, "filtered", routed.reason, now_ms)

    def repeat(self, lane: int, offset: int, message_id: str, now_ms: int) -> None:
        """An event was met before under the same messageId."""
        self.ledger.close("duplicate", "", now_ms // 60_000)
        self._note(lane, offset, message_id, "duplicate", "", now_ms)

    def skip_corrupt(self, destination: str, error: CorruptBlock, minute: int) -> int:
        """Count the events of a block that does not decode as dead; gives the offset behind it."""
        log.error("log_block_corrupt", destination=destination, lane=error.lane, offset=error.first_offset)
        end = error.first_offset + error.count
        for offset in range(max(error.first_offset, self.ledger.read_to(error.lane)), end):
            if self.ledger.take(error.lane, offset):
                self.ledger.close("dead", "CORRUPT_BLOCK", minute)
        return end

    @property
    def has_history(self) -> bool:
        """Whether rows are known from before the last stop that were not met again yet."""
        return bool(self._settled or self._doubt or self._decided)

    def decide(self, rows: Iterable[Row], destination: BoundDestination, now_ms: int) -> None:
        """Before rows are taken in: those in doubt that are not sent again are settled from here on.

        A decision until a checkpoint has it: killed before, the next start must find it, not a row that never
        left. Raises StorageUnavailable: ask again.
        """
        for row in rows if self._doubt else ():
            key = row_key(row)
            request = self._doubt.get(key)
            if request is None or policy_of(destination, row) != "hold":
                continue
            self.count_doubt(row, request, "hold", now_ms)
            verdict = Settled(request, 0, 0, UNCERTAIN, IN_DOUBT.format(request=request))
            self.journal.decide([(key, verdict)])
            self._decided[key] = verdict
            del self._doubt[key]

    def remembers(self, row: Row, destination: BoundDestination, now_ms: int) -> tuple[Attempt, ...] | None:
        """Settle a row that was answered before the last stop, or is in doubt and not sent again (`decide`):
        None.

        Else what was tried with it: nothing, or that it left and no answer is known.
        """
        if not self.has_history:
            return ()
        key = row_key(row)
        known = self._settled.pop(key, None)
        if known is not None:
            if key in self._counted:
                self._settle_event(row, known, now_ms // 60_000, is_counted=True)
            else:
                request = self._doubted.pop(key, None)
                if request is not None:  # it left twice, and no checkpoint tells so
                    self.count_doubt(row, request, policy_of(destination, row), now_ms)
                if not known.reason:
                    self._memory.recall(row)
                self._settle_known(row, known, now_ms)
            return None
        decided = self._decided.pop(key, None)
        if decided is not None:
            self._settle_known(row, decided, now_ms)
            return None
        request = self._doubt.pop(key, None)
        if request is None:
            return ()
        self.count_doubt(row, request, policy_of(destination, row), now_ms)
        return (Attempt(now_ms, str(request), 0, UNCERTAIN, IN_DOUBT.format(request=request)),)

    def turn(self) -> Turn:
        """Begin a checkpoint: what it does not hold of single rows goes on in the journal."""
        read_to, pending = self.ledger.read_to, self._revival.pending
        self._settled = {
            key: verdict
            for key, verdict in self._settled.items()
            if key.lane == COMMAND_LANE or key.offset >= read_to(key.lane)
        }
        self._revived = {letter: parts for letter, parts in self._revived.items() if letter in pending}
        open_parts = (*self._parts.values(), *self._revived.values())
        parts = [part for parts in open_parts for part in parts]
        unread: tuple[list[tuple[RowKey, Settled]], ...] = ([], [])
        for part in self._settled.items():
            unread[part[0] in self._counted].append(part)
        return self.journal.turn([*parts, *unread[True]], unread[False])

    def leave(self, request: int, rows: Iterable[Row], people: Iterable[str] = ()) -> None:
        """A request is about to leave. people: whose attributes it changes at the partner."""
        self.journal.leave(request, keys_of(rows, NO_LANE), people)

    def leave_out(self, left_out: LeftOut, now_ms: int) -> None:
        """A row has nothing to send. No journal entry: after a crash it is looked at again."""
        row, entry = left_out.row, left_out.entry
        if entry is not None:
            self._batcher.settle(entry)
        if row.lane == NO_LANE:
            self._memory.resent(row)
            return
        self._accountant.left_out(row, left_out.reason)
        self.ledger.write(
            Receipt(
                lane=row.lane,
                offset=row.offset,
                message_id=row.message_id,
                subscription=row.subscription,
                action=row.action,
                result="filtered",
                reason=left_out.reason,
                attempts=tries(entry.attempts) if entry is not None else 0,
                settled_ms=now_ms,
                notes=left_out.notes,
                part=row.part,
            )
        )
        self._settle_event(row, _left_out(left_out), now_ms // 60_000)

    def drop(self, dropped: Sequence[LeftOut], now_ms: int) -> None:
        """There is no budget for these rows. That is journaled: after a crash there may be one again, and
        later rows of their people have gone. Raises StorageUnavailable, and then nothing has happened."""
        noted = [(row_key(each.row), _left_out(each)) for each in dropped if each.row.lane != NO_LANE]
        if noted:
            self.journal.decide(noted)
        for each in dropped:
            self.leave_out(each, now_ms)

    def answered(
        self,
        request: int,
        ended: Sequence[Ended],
        doubt: Sequence[Waiting],
        policy: Callable[[Row], str],
        now_ms: int,
    ) -> None:
        """A request was answered, or was not: write everything it ended.

        doubt   rows that leave again although they may have arrived
        policy  what becomes of such a row
        """
        rows = [
            (row_key(each.entry.row), _verdict(each, request))
            for each in ended
            if each.entry.row.lane != NO_LANE
        ]
        doubtful = [entry.row for entry in doubt if entry.row.lane != NO_LANE]
        for row in doubtful:
            self.count_doubt(row, request, policy(row), now_ms)
        self.journal.settle(request, rows, map(row_key, doubtful))
        for each in ended:
            self._end(each, request, now_ms)

    def delivered(self, request: int, entries: Sequence[Waiting], status: int, now_ms: int) -> None:
        """A request was answered, and the partner took every row in it: the same as `answered`, at once."""
        rows = [entry.row for entry in entries]
        if not {row.lane for row in rows}.isdisjoint((NO_LANE, COMMAND_LANE)):  # of no event
            fine = Outcome(verdict=Verdict.DELIVERED, status=status)
            self.answered(request, [Ended(entry, fine, entry.position) for entry in entries], (), str, now_ms)
            return
        self.journal.deliver(request, status, [entry.position for entry in entries])
        self._batcher.settle_all(entries)
        name, minute = str(request), now_ms // 60_000
        self.ledger.write_all(arrived(entries, name, status, now_ms))
        self._accountant.took(rows)
        if self._revival.is_busy:
            entries = [
                entry
                for entry in entries
                if not self._settle_revived(entry.row, Settled(request, entry.position, status), minute)
            ]
            rows = [entry.row for entry in entries]
        unfinished = self.ledger.deliver(rows, minute)
        for index, entry in enumerate(entries) if unfinished or self._parts else ():
            place = (entry.row.lane, entry.row.offset)
            if index in unfinished:
                verdict = Settled(request, entry.position, status)
                self._parts.setdefault(place, []).append((row_key(entry.row), verdict))
            else:
                self._parts.pop(place, None)

    def count_doubt(self, row: Row, request: int, policy: str, now_ms: int) -> None:
        """Count a row that may have arrived without an answer, once; policy: what becomes of it."""
        if self.journal.count(row_key(row)):
            self.ledger.doubt(
                Uncertain(
                    lane=row.lane,
                    offset=row.offset,
                    message_id=row.message_id,
                    subscription=row.subscription,
                    action=row.action,
                    part=row.part,
                    request=request,
                    policy=policy,
                    noted_ms=now_ms,
                )
            )

    def _end(self, ended: Ended, request: int, now_ms: int) -> None:
        row = ended.entry.row
        self._batcher.settle(ended.entry)
        if row.lane == NO_LANE:
            self._memory.resent(row)
            return
        self.ledger.write(receipt(ended, str(request), now_ms))
        if ended.reason:
            self._bury(row, ended.reason, ended.message, ended.entry.attempts, now_ms)
        else:
            self._accountant.took([row])
        self._settle_event(row, _verdict(ended, request), now_ms // 60_000)

    def _settle_known(self, row: Row, verdict: Settled, now_ms: int) -> None:
        minute = now_ms // 60_000
        died = bool(verdict.reason) and not verdict.is_left_out
        self.ledger.write(
            Receipt(
                lane=row.lane,
                offset=row.offset,
                message_id=row.message_id,
                subscription=row.subscription,
                action=row.action,
                result="dead" if died else "filtered" if verdict.is_left_out else "delivered",
                reason=verdict.reason,
                request=str(verdict.request or ""),
                position=verdict.position,
                status=verdict.status,
                settled_ms=now_ms,
                part=row.part,
            )
        )
        if died:
            self._bury(row, verdict.reason, verdict.message, self._revival.history(row), now_ms)
        elif not verdict.is_left_out:
            self._accountant.recalled(row)
        self._settle_event(row, verdict, minute)

    def _bury(self, row: Row, reason: str, message: str, attempts: Sequence[Attempt], now_ms: int) -> None:
        """A row is dead. Its event counts as dead by the first reason there was."""
        counted = self._revival.counted(row)
        if not counted and self.ledger.is_open(row.lane, row.offset):
            counted = self.ledger.opened(row.lane, row.offset).died
        letter = bury(row, reason, message, attempts=attempts, died_ms=now_ms)
        if counted not in ("", reason):
            letter = replace(letter, counted=counted)
        self.ledger.bury(letter, now_ms // 60_000, had_row=True)
        if reason == UNCERTAIN:
            self._memory.suppose(row)

    def _settle_event(self, row: Row, verdict: Settled, minute: int, *, is_counted: bool = False) -> None:
        """One row is done with; is_counted: an earlier checkpoint has it in its counts already."""
        if self._settle_revived(row, verdict, minute):
            return
        left_out, died = _ends(verdict)
        if row.lane == COMMAND_LANE:
            self._bidding.eraser.settle(row, died)
            if not is_counted:
                self.ledger.count(minute, row.subscription, "rows_dead" if died else "rows_delivered", died)
            return
        place = (row.lane, row.offset)
        opened = self.ledger.opened(*place)
        self.ledger.settle(opened, row.subscription, died, minute, left_out=left_out, is_counted=is_counted)
        if opened.outstanding:
            self._parts.setdefault(place, []).append((row_key(row), verdict))
        else:
            self._parts.pop(place, None)

    def _settle_revived(self, row: Row, verdict: Settled, minute: int) -> bool:
        """A row is done with; false when it is not made of a dead letter. Until all of the letter is, a start
        after a kill takes it up again, and must know."""
        left_out, died = _ends(verdict)
        letter = self._revival.settle(row, died, self.ledger, minute, left_out=left_out)
        if letter:
            self._revived.setdefault(letter, []).append((row_key(row), verdict))
        return bool(letter)

    def _note(
        self,
        lane: int,
        offset: int,
        message_id: str,
        result: str,
        reason: str,
        now_ms: int,
        subscription: str = "",
    ) -> None:
        """Write the receipt of an event that never had a row."""
        self.ledger.write(
            Receipt(
                lane=lane,
                offset=offset,
                message_id=message_id,
                subscription=subscription,
                action="",
                result=result,
                reason=reason,
                attempts=0,
                settled_ms=now_ms,
            )
        )


def _left_out(left_out: LeftOut) -> Settled:
    return Settled(0, 0, 0, left_out.reason, is_left_out=True)


def _ends(verdict: Settled) -> tuple[str, str]:
    """(why it was left out, why it died), "" for what it was not."""
    return (verdict.reason, "") if verdict.is_left_out else ("", verdict.reason)


def _verdict(ended: Ended, request: int) -> Settled:
    return Settled(request, ended.position, ended.outcome.status, ended.reason, ended.message[:300])
