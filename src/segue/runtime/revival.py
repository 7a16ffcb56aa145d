"""Dead letters taken up again, dropped or taken back, as `segue dead retry`, `drop` and `import` ask for it.

A retried letter stays in the book as dead until its rows are settled, and the command is done when all its
letters are, in the same checkpoint: after a crash in between it is taken up again, and the journal tells
which of its rows have arrived. Each checkpoint writes down which letters a command is about still, so that
none it is done with is tried again, though it died again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from segue.engine import erasure, intake
from segue.engine.dead import bury, letter_id, unbury
from segue.engine.ledger import Ledger
from segue.engine.plan import BoundDestination
from segue.engine.route import people_of, position, route, travel
from segue.engine.travel import Travel
from segue.io.log.stream import Log
from segue.io.storage.state import Command, State
from segue.model.delivery import COMMAND_LANE, TAKEN_UP, Attempt, DeadLetter, Receipt, Row
from segue.model.errors import CorruptBlock
from segue.model.event import Record

RETRY: Final = "retry"
DROP: Final = "drop"
IMPORT: Final = "import"
NAMES: Final = (RETRY, DROP, IMPORT)
FILTERS: Final = ("subscription", "reason", "message_id", "person")
PAGE: Final = 500

MAIMED: Final = "maimed"
"""Name of the state's value: (lane, offset) of events of which letters were dropped and others are left."""

Departure = tuple[Row, Travel, tuple[str, ...], tuple[Attempt, ...]]
"""A row to send, how it travels, whose order it keeps, and what was tried before."""


class _Retry(msgspec.Struct):
    """One letter being retried.

    outstanding  rows not settled
    ended        (subscription, result, reason) of what it became so far; counted when all of it is settled
    dead         ids of letters that took its place
    """

    letter: DeadLetter
    command: int
    history: tuple[Attempt, ...] = ()
    outstanding: int = 1
    ended: list[tuple[str, str, str]] = []
    dead: list[str] = []


class Entries(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint writes of these.

    removed  ids of letters that are no longer dead
    done     ids of commands that are done; asked: id -> the arguments of one from now on
    """

    removed: list[str]
    done: list[int]
    asked: dict[int, dict[str, list[str]]]


class Revival:
    """The dead letters of one destination that are on their way again."""

    def __init__(self, stream: Log, state: State) -> None:
        self._stream = stream
        self._state = state
        self._retries: dict[str, _Retry] = {}  # by the ids of the rows that are not done
        self._pending: dict[str, _Retry] = {}  # by the ids of the letters that are not done with
        self._open: dict[int, set[str]] = {}  # command -> ids of the letters it is about still
        self._told: dict[int, int] = {}  # command -> how many of them a checkpoint knows; they only get fewer
        self._landed: list[_Retry] = []
        self._removed: dict[str, None] = {}
        self._is_taking_back = False  # what was taken back is a letter once a checkpoint has it
        self._done: list[int] = []
        self._maimed: set[tuple[int, int]] = set()  # events that stay dead whatever becomes of other letters

    @property
    def is_dirty(self) -> bool:
        """True when the next checkpoint has something of ours to write."""
        return bool(self._landed or self._removed or self._done)

    @property
    def is_busy(self) -> bool:
        """Whether rows of letters are on their way."""
        return bool(self._retries)

    def entries(self) -> Entries:
        """What the next checkpoint writes; call `written` once it is durable."""
        asked = {
            command: {"ids": sorted(letters)}
            for command, letters in self._open.items()
            if self._told.get(command) != len(letters)
        }
        return Entries(removed=list(self._removed), done=list(self._done), asked=asked)

    def written(self, entries: Entries) -> None:
        """The checkpoint with these entries is durable."""
        for letter in entries.removed:
            del self._removed[letter]
        del self._done[: len(entries.done)]
        self._told |= {command: len(asked["ids"]) for command, asked in entries.asked.items()}
        self._told = {command: count for command, count in self._told.items() if command in self._open}
        self._is_taking_back = False

    async def start(self) -> None:
        """Take up what was kept of the last run."""
        body = await self._state.value(MAIMED)
        self._maimed = set(msgspec.msgpack.decode(body, type=list[tuple[int, int]])) if body else set()

    @property
    def values(self) -> dict[str, bytes]:
        """What a checkpoint keeps."""
        return {MAIMED: msgspec.msgpack.encode(sorted(self._maimed)) if self._maimed else b""}

    async def take(self, destination: BoundDestination, ledger: Ledger, now_ms: int) -> list[Departure]:
        """Carry out new commands; gives the rows that leave again."""
        minute = now_ms // 60_000
        while self._landed:
            landed = self._landed[-1]
            left_out = [reason for _, _, reason in landed.ended]
            reason = left_out[0] if all(left_out) else ""
            result = "filtered" if reason else "delivered"
            await self._resurrect(landed.letter, result, reason, ledger, minute)
            self._close(self._landed.pop(), ledger, minute)
        departures: list[Departure] = []
        for command in await self._state.commands():
            if command.name not in NAMES or command.id in self._open or command.id in self._done:
                continue
            if self._is_taking_back:
                break
            if command.name == IMPORT:
                for packed in command.arguments["letters"]:
                    letter = _unpack(packed)
                    ledger.bury(letter, minute, had_row=True)
                    self._maimed.discard((letter.lane, letter.offset))
                self._done.append(command.id)
                self._is_taking_back = True
                continue
            letters = [each for each in await self._letters(command.arguments) if not self._is_taken(each)]
            if command.name == DROP:
                await self._drop(letters, ledger)
                self._done.append(command.id)
                continue
            self._open[command.id] = set()
            for letter in sorted(letters, key=_has_items):
                if not self._is_taken(letter):
                    departures += await self._retry(letter, command, destination, ledger, now_ms)
            if not self._open[command.id]:
                self._finish(command.id)
        return departures

    def settle(self, row: Row, died: str, ledger: Ledger, minute: int, *, left_out: str = "") -> str:
        """A row that left again is done; the last one of a letter settles the letter.

        left_out  why it had nothing left to send, "" when it was sent

        Gives the id of its letter; "" when the row is not one of a letter. Ask here first: the event of a
        letter may be open still, waiting for other rows.
        """
        retry = self._retry_of(row)
        if retry is None:
            return ""
        del self._retries[_key(row)]
        retry.outstanding -= 1
        result = "rows_dead" if died else "rows_filtered" if left_out else "rows_delivered"
        retry.ended.append((row.subscription, result, died or left_out))
        if died:
            retry.dead.append(_key(row))
        if not retry.outstanding and retry.dead:
            self._close(retry, ledger, minute)
        elif not retry.outstanding:
            self._landed.append(retry)  # whether its event is dead no more must be looked up
        return retry.letter.id

    @property
    def pending(self) -> Collection[str]:
        """The ids of the letters that are not done with."""
        return self._pending.keys()

    def history(self, row: Row) -> tuple[Attempt, ...]:
        """What was tried before with the letter this row is made of; () for a row that is not one's."""
        retry = self._retry_of(row)
        return retry.history if retry is not None else ()

    def counted(self, row: Row) -> str:
        """The reason the event of the letter this row is made of counts as dead by; "" for other rows."""
        retry = self._retry_of(row)
        return _reason(retry.letter) if retry is not None else ""

    def _retry_of(self, row: Row) -> _Retry | None:
        return self._retries.get(_key(row)) if row.revived else None

    def _close(self, retry: _Retry, ledger: Ledger, minute: int) -> None:
        """All rows of a letter are done."""
        self._replace(retry, ledger, minute)
        del self._pending[retry.letter.id]
        self._open[retry.command].discard(retry.letter.id)
        if not self._open[retry.command]:
            self._finish(retry.command)

    def _replace(self, retry: _Retry, ledger: Ledger, minute: int) -> None:
        """Count what a letter became in its place. Letters with other ids take its place for good: taken up
        again, it would send what arrived once more."""
        ledger.count(minute, retry.letter.subscription, "rows_dead", retry.letter.reason, -1)
        for subscription, result, reason in retry.ended:
            ledger.count(minute, subscription, result, reason)
        if retry.dead and retry.letter.id not in retry.dead:
            self._removed[retry.letter.id] = None

    def _finish(self, command: int) -> None:
        del self._open[command]
        self._done.append(command)

    def _is_taken(self, letter: DeadLetter) -> bool:
        """Whether it is on its way, itself or as a row of the one it came of, before a kill; or no letter any
        more, as the next checkpoint will tell."""
        return letter.id in self._retries or letter.id in self._pending or letter.id in self._removed

    async def _drop(self, letters: Sequence[DeadLetter], ledger: Ledger) -> None:
        """Forget letters. An event of which others are left, or may come, stays dead, also once those are
        delivered."""
        self._removed |= dict.fromkeys(letter.id for letter in letters)
        for letter in letters:
            place = (letter.lane, letter.offset)
            if letter.lane == COMMAND_LANE:
                continue  # of no event
            if ledger.is_open(*place) or await self._others(letter):
                self._maimed.add(place)
            else:
                self._maimed.discard(place)

    async def _others(self, letter: DeadLetter) -> bool:
        """Whether letters of the same event are left."""
        found = await self._state.dead_letters(message_id=letter.message_id)
        return any(
            (other.lane, other.offset) == (letter.lane, letter.offset) and other.id not in self._removed
            for other in found
        )

    async def _letters(self, arguments: Mapping[str, Any]) -> list[DeadLetter]:
        if "ids" in arguments:
            found = [await self._state.dead_letter(each) for each in arguments["ids"]]
            return [letter for letter in found if letter is not None]
        if "people" in arguments:
            return [each for one in arguments["people"] for each in await self._letters({"person": one})]
        filters = {name: arguments[name] for name in FILTERS if arguments.get(name)}
        letters: list[DeadLetter] = []
        while True:
            after = letters[-1].id if letters else None
            page = await self._state.dead_letters(**filters, after_id=after, limit=PAGE)
            letters += page
            if len(page) < PAGE:
                return letters

    async def _retry(
        self,
        letter: DeadLetter,
        command: Command,
        destination: BoundDestination,
        ledger: Ledger,
        now_ms: int,
    ) -> list[Departure]:
        minute = now_ms // 60_000
        history = _history(letter, command.asked_ms)
        if letter.items:
            row = unbury(letter)
            self._retries[_key(row)] = self._pending[letter.id] = _Retry(letter, command.id, history)
            self._open[command.id].add(letter.id)
            return [(row, travel_of(row, destination), (row.person,) if row.person else (), history)]
        record = await self._record(letter.lane, letter.offset)
        if record is None:
            message = "the event is no longer in the log, so it cannot be mapped again"
            ledger.bury(
                bury(unbury(letter), letter.reason, message, attempts=history, died_ms=letter.died_ms),
                minute,
                had_row=True,
            )
            return []
        event, event_ms = intake.restored(record)
        at = position(letter.lane, letter.offset, record, event_ms)
        routed = route(event, destination, at)
        rows = [
            replace(row, revived=True)
            for row, _ in routed.rows
            if letter.subscription in ("", row.subscription)
        ]
        again = [dead for dead in routed.dead if letter.subscription in ("", dead.subscription)]
        retry = _Retry(letter, command.id, history, outstanding=len(rows))
        for dead in again:
            counted = _reason(letter) if _reason(letter) != dead.reason else ""
            kept = replace(dead, attempts=history, died_ms=letter.died_ms, counted=counted)
            ledger.bury(kept, minute, had_row=True)
            ledger.write(_receipt(kept, "dead", dead.reason, now_ms))
            retry.ended.append((dead.subscription, "rows_dead", dead.reason))
            retry.dead.append(dead.id)
        if not rows:
            if not again:
                retry.ended.append((letter.subscription, "rows_filtered", routed.reason))
                ledger.write(_receipt(letter, "filtered", routed.reason, now_ms))
                await self._resurrect(letter, "filtered", routed.reason, ledger, minute)
            self._replace(retry, ledger, minute)
            return []
        self._open[command.id].add(letter.id)
        self._pending[letter.id] = retry
        self._retries |= {_key(row): retry for row in rows}
        people = people_of(event, record.person)
        return [(row, travel_of(row, destination), people, history) for row in rows]

    async def _record(self, lane: int, offset: int) -> Record | None:
        try:
            blocks = await self._stream.read(lane, offset, blocks=1)
        except CorruptBlock:
            return None
        if not blocks or not blocks[0].first_offset <= offset < blocks[0].next_offset:
            return None
        return blocks[0].records[offset - blocks[0].first_offset]

    async def _resurrect(
        self, letter: DeadLetter, result: str, reason: str, ledger: Ledger, minute: int
    ) -> None:
        """The letter is gone; the event is no longer dead when it was the last one of it, and none was
        dropped."""
        self._removed[letter.id] = None
        if letter.lane == COMMAND_LANE:
            return  # of no event
        if await self._others(letter):
            return
        place = (letter.lane, letter.offset)
        if place in self._maimed:
            self._maimed.discard(place)
            return
        ledger.count(minute, "", "dead", _reason(letter), -1)
        ledger.count(minute, "", result, reason)


def travel_of(row: Row, destination: BoundDestination) -> Travel:
    """How a row travels, also when its subscription is gone: then as its action says. It gives way to live
    traffic."""
    subscription = destination.by_id.get(row.subscription)
    if subscription is not None:
        return replace(travel(row, subscription), revived=True)
    action = destination.page.carried(row.action)
    if action is None:
        return Travel(row.action, row.context, revived=True)
    if action is destination.page.deletion:
        return erasure.travel_of(action)
    batch, pool = action.batch, action.pool
    return Travel(row.action, row.context, batch.items, batch.wait_seconds, batch.bytes, pool, revived=True)


_unpack = msgspec.msgpack.Decoder(DeadLetter).decode


def _reason(letter: DeadLetter) -> str:
    """The reason the letter's event counts as dead by."""
    return letter.counted or letter.reason


def _receipt(letter: DeadLetter, result: str, reason: str, now_ms: int) -> Receipt:
    """What became of a letter that was mapped anew and has no row."""
    return Receipt(
        lane=letter.lane,
        offset=letter.offset,
        message_id=letter.message_id,
        subscription=letter.subscription,
        action=letter.action,
        result=result,
        reason=reason,
        attempts=0,
        settled_ms=now_ms,
    )


def _history(letter: DeadLetter, asked_ms: int) -> tuple[Attempt, ...]:
    """The letter's tries, or why it could not be mapped, and that somebody took it up again."""
    tried = letter.attempts or (Attempt(letter.died_ms, "", 0, letter.reason, letter.message[:300]),)
    return (*tried, Attempt(asked_ms, "", 0, TAKEN_UP, "somebody asked for it to be tried again"))


def _has_items(letter: DeadLetter) -> bool:
    """Events that could not be mapped come first: what they become may be letters already."""
    return bool(letter.items)


def _key(row: Row) -> str:
    return letter_id(row.lane, row.offset, row.subscription, row.part)
