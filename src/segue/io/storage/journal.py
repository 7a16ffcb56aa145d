"""The journal: which rows left in which request, and what the answer said, since the last checkpoint.

    journal, found = Journal.open(folder / "braze", generation)
    journal.leave(17, keys)                      # before the request leaves
    journal.settle(17, {key: "" for key in keys})  # after the answer: "" delivered, else why it died
    turn = journal.turn(); turn.sync(); …commit…; journal.turned(turn)   # a checkpoint has everything so far

Written without a sync but at a checkpoint: it survives a killed process, which is what it is for; after a
power cut what was written since the last checkpoint may be missing, and counts as never sent. A torn end is
ignored.

A checkpoint begins a new file. While it is being committed, both files are written, so that whichever the
next start finds is whole: the state names the generation that belongs to it.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Self, cast

import msgspec

from segue.io import sqlite
from segue.io.storage import frames
from segue.io.storage.frames import Frames
from segue.model.delivery import Row
from segue.model.errors import StorageUnavailable


class RowKey(NamedTuple):
    """Which row: where its event stands, and which subscription and part of it (-1 - part of one that is made
    of a dead letter)."""

    lane: int
    offset: int
    subscription: str
    part: int


Key = tuple[int, int, str, int]
"""A `RowKey` as the plain tuple it equals, for keys that are only written: making the real one costs more."""


def row_key(row: Row) -> RowKey:
    """Which row this is."""
    return RowKey(row.lane, row.offset, row.subscription, ~row.part if row.revived else row.part)


def keys_of(rows: Iterable[Row], apart_from: int) -> list[Key]:
    """Which rows these are, to be written; but for those of a lane."""
    return [
        (row.lane, row.offset, row.subscription, ~row.part if row.revived else row.part)
        for row in rows
        if row.lane != apart_from
    ]


class Settled(msgspec.Struct, frozen=True, array_like=True):
    """What an answer said about a row. reason: "" when delivered, else why it died, or why it had nothing
    to send (is_left_out)."""

    request: int
    position: int
    status: int
    reason: str = ""
    message: str = ""
    is_left_out: bool = False


class Found(msgspec.Struct, frozen=True):
    """What a start learns about rows the last checkpoint does not know.

    settled    rows that were answered for good
    uncertain  rows that left and may or may not have arrived -> the request they left in
    counted    those of both that a checkpoint has written down already
    doubted    settled rows that had been in doubt before, which no checkpoint tells -> the request of that
    requests   highest number of a request it tells of; a later one must not be called the same
    people     keys of everybody whose attributes left, answered or not
    """

    settled: Mapping[RowKey, Settled] = {}
    uncertain: Mapping[RowKey, int] = {}
    counted: frozenset[RowKey] = frozenset()
    requests: int = 0
    people: frozenset[str] = frozenset()
    doubted: Mapping[RowKey, int] = {}


class _Left(msgspec.Struct, frozen=True, array_like=True, tag="l"):
    request: int
    keys: list[RowKey]
    people: list[str] = []


class _Answered(msgspec.Struct, frozen=True, array_like=True, tag="a"):
    """rows: settled for good; doubt: no answer, may have arrived; counted: a checkpoint has written them
    down, but their events, or the letters they are made of, are open still."""

    request: int
    rows: list[tuple[RowKey, Settled]]
    doubt: list[RowKey]
    counted: bool = False


class _Delivered(msgspec.Struct, frozen=True, array_like=True, tag="d"):
    """The partner took every row that left in a request. positions: of their first objects in it."""

    request: int
    status: int
    positions: list[int]


_Entry = _Left | _Answered | _Delivered

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Entry).decode


class Turn(msgspec.Struct, eq=False):
    """A checkpoint under way: the file the next generation is written to."""

    generation: int
    file: Frames

    def sync(self) -> None:
        """Before the state names it: what it says so far survives a power cut. Blocks for the disk when it
        says anything. Raises StorageUnavailable."""
        if self.file.size_bytes:
            self.file.sync()


class Journal:
    """One destination's journal. Calls block for a write to the page cache, some microseconds."""

    def __init__(self, stem: Path, generation: int, file: Frames) -> None:
        self.generation = generation
        self._stem = stem
        self._file = file
        self._turn: Turn | None = None
        self._flying: dict[int, _Left] = {}
        self._doubt: dict[RowKey, int] = {}
        self._doubted: dict[RowKey, int] = {}
        self._counted: set[RowKey] = set()

    @classmethod
    def open(cls, stem: Path, generation: int) -> tuple[Self, Found]:
        """Open the journal of a generation, and read what it knows.

        stem  path without ending; the files are ``<stem>.<generation>.journal``
        Raises StorageUnavailable.
        """
        path = _path(stem, generation)
        try:
            found, whole = _read(path.read_bytes() if path.exists() else b"")
        except OSError as error:
            raise _unavailable(path, error) from error
        file = Frames.open(path, whole)
        for other in stem.parent.glob(f"{stem.name}.*.journal"):
            if other != path:
                other.unlink(missing_ok=True)
        journal = cls(stem, generation, file)
        journal._doubt = dict(found.uncertain)
        journal._counted = set(found.counted & found.uncertain.keys())
        journal._doubted = dict(found.doubted)
        # The requests that were on the way are not any more: what they leave behind is doubt, which only an
        # answer or a decision about the row itself ends.
        for request in sorted(set(found.uncertain.values())):
            doubt = [key for key, left_in in found.uncertain.items() if left_in == request]
            file.append(_encode(_Answered(request, [], doubt)))
        return journal, found

    @staticmethod
    def read(stem: Path, generation: int) -> Found:
        """What a start would learn from the journal of a generation; nothing when there is none. Raises
        StorageUnavailable."""
        path = _path(stem, generation)
        try:
            return _read(path.read_bytes())[0]
        except FileNotFoundError:
            return Found()
        except OSError as error:
            raise _unavailable(path, error) from error

    @classmethod
    def keep(cls, stem: Path, generation: int, found: Found) -> None:
        """Write the journal of a generation that tells of all this, and sync it. Raises
        StorageUnavailable."""
        file = Frames.make(_path(stem, generation))
        try:
            file.append(_encode(_Left(0, [], sorted(found.people))))
            for key, request in found.doubted.items():
                file.append(_encode(_Answered(request, [], [key])))
            for is_counted in (True, False):
                rows = [each for each in found.settled.items() if (each[0] in found.counted) is is_counted]
                file.append(_encode(_Answered(0, rows, [], is_counted)))
            for key, request in found.uncertain.items():
                file.append(_encode(_Answered(request, [], [key], key in found.counted)))
            file.sync()
        finally:
            file.close()

    @staticmethod
    def peek(stem: Path, generation: int) -> Mapping[RowKey, int]:
        """Rows on their way or in doubt -> the request they left in, read beside whoever writes the journal;
        empty when there is none. Raises StorageUnavailable."""
        return Journal.read(stem, generation).uncertain

    @property
    def uncertain(self) -> Mapping[RowKey, int]:
        """Rows that may or may not have arrived, as of now, apart from those on the way."""
        return self._doubt

    def leave(self, request: int, keys: Iterable[Key], people: Iterable[str] = ()) -> None:
        """These rows leave in a request; call before it does. people: whose attributes it changes. Raises
        StorageUnavailable: it must not leave."""
        left = _Left(request, cast(list[RowKey], list(keys)), list(people))
        self._require(left)
        self._flying[request] = left

    # An answer is known here whether it can be written or not. On a full disk it is owed: written before
    # anything else is, so that no request leaves before; killed until then, the next start finds doubt.

    def settle(
        self, request: int, rows: Iterable[tuple[RowKey, Settled]], doubt: Iterable[RowKey] = ()
    ) -> None:
        """The request was answered: these rows are done with, those may have arrived without an answer;
        any other of its rows did not arrive and will leave again (if it was in doubt before, it still is)."""
        answered = _Answered(request, list(rows), list(doubt))
        self._flying.pop(request, None)
        self._owe(answered)
        self._clear(key for key, _ in answered.rows)
        self._doubt.update(dict.fromkeys(answered.doubt, request))

    def deliver(self, request: int, status: int, positions: Iterable[int]) -> None:
        """The partner took every row that left in the request, in the order they left in."""
        left = self._flying.pop(request)
        self._owe(_Delivered(request, status, list(positions)))
        if self._doubt:
            self._clear(left.keys)

    def decide(self, verdicts: Iterable[tuple[RowKey, Settled]]) -> None:
        """Somebody decided what becomes of rows, in doubt or not. Raises StorageUnavailable: it does not
        hold."""
        decided = _Answered(0, list(verdicts), [])
        self._require(decided)
        self._clear(key for key, _ in decided.rows)

    def count(self, key: RowKey) -> bool:
        """A row in doubt is being counted; False when it was before."""
        if key in self._counted:
            return False
        self._counted.add(key)
        return True

    def turn(
        self,
        counted: Iterable[tuple[RowKey, Settled]] = (),
        unread: Iterable[tuple[RowKey, Settled]] = (),
    ) -> Turn:
        """Begin a checkpoint: from here on the next generation is written as well.

        counted  settled rows the checkpoint writes down, of events and letters that stay open
        unread   settled rows found at the start whose events were not read again yet
        """
        turn = Turn(self.generation + 1, Frames.make(_path(self._stem, self.generation + 1)))
        try:
            for entry in self._carried(list(counted), list(unread)):
                turn.file.append(_encode(entry))
        except StorageUnavailable:
            turn.file.remove()
            raise
        self._turn = turn
        return turn

    def turned(self, turn: Turn, *, committed: bool = True) -> None:
        """The checkpoint is durable, or failed: go on with one file."""
        self._turn = None
        old, self._file = (self._file, turn.file) if committed else (turn.file, self._file)
        old.remove()
        if committed:
            self.generation = turn.generation

    def close(self) -> None:
        """Release the file. What it says stays."""
        self._file.close()

    def _carried(
        self, counted: list[tuple[RowKey, Settled]], unread: list[tuple[RowKey, Settled]]
    ) -> Iterator[_Entry]:
        """What goes on in the next generation."""
        for rows, is_counted in ((counted, True), (unread, False)):
            for key, _ in rows:
                if not is_counted and key in self._doubted and key not in self._counted:
                    yield _Answered(self._doubted[key], [], [key])
            if rows:
                yield _Answered(0, rows, [], is_counted)
        yield from self._flying.values()
        for key, request in self._doubt.items():
            yield _Answered(request, [], [key], key in self._counted)

    def _clear(self, keys: Iterable[RowKey]) -> None:
        """Rows are in doubt no longer."""
        for key in keys:
            self._doubt.pop(key, None)
            self._counted.discard(key)

    def _require(self, entry: _Entry) -> None:
        """Write an entry wherever it belongs, or nowhere."""
        body, turn = _encode(entry), self._turn
        if turn is not None:
            turn.file.pay()
        self._file.append(body)
        if turn is not None:
            try:
                turn.file.append(body)
            except StorageUnavailable:
                self._file.take_back(body)
                raise

    def _owe(self, entry: _Entry) -> None:
        body = _encode(entry)
        self._file.owe(body)
        if self._turn is not None:
            self._turn.file.owe(body)


def _read(content: bytes) -> tuple[Found, int]:
    """What the entries say, and how many bytes of them are whole."""
    flying: dict[int, list[RowKey]] = {}
    settled: dict[RowKey, Settled] = {}
    doubt: dict[RowKey, int] = {}
    doubted: dict[RowKey, int] = {}
    counted: set[RowKey] = set()
    people: set[str] = set()
    requests = 0
    pieces, whole = frames.read(content)
    for piece in pieces:
        entry = _decode(piece)
        requests = max(requests, entry.request)
        if isinstance(entry, _Left):
            flying[entry.request] = entry.keys
            people.update(entry.people)
            continue
        keys = flying.pop(entry.request, [])
        if isinstance(entry, _Delivered):
            at_positions = zip(keys, entry.positions, strict=True)
            rows = [(key, Settled(entry.request, place, entry.status)) for key, place in at_positions]
            entry = _Answered(entry.request, rows, [])
        for key, verdict in entry.rows:
            request = doubt.pop(key, None)
            if request is not None and key not in counted:
                doubted[key] = request
            counted.discard(key)
            settled[key] = verdict
        doubt.update(dict.fromkeys(entry.doubt, entry.request))
        if entry.counted:
            counted.update(entry.doubt, (key for key, _ in entry.rows))
    for request, keys in flying.items():
        doubt.update(dict.fromkeys(keys, request))
    known = frozenset(counted & (doubt.keys() | settled.keys()))
    return Found(settled, doubt, known, requests, frozenset(people), doubted), whole


def _path(stem: Path, generation: int) -> Path:
    return stem.with_name(f"{stem.name}.{generation}.journal")


def _unavailable(path: Path, error: OSError) -> StorageUnavailable:
    return StorageUnavailable(f'the journal "{path}" cannot be written: {sqlite.explain(error)}')
