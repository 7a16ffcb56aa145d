"""Profile: what one person's attributes are at the partner, as far as was acknowledged, and since when.

Per attribute an entry, by how much is known of it:

    (clock,)                      an older value than this was sent or overtaken; the value is not known
    (clock, parts)                likewise, and parts of it have clocks of their own: {"address.city": ms}
    (clock, parts, value)         the value; None when it was removed; 8 bytes that are its hash when it
                                  is not to be kept or may not be there exactly as sent
    (clock, parts, value, True)   some of its members; there may be others

Clocks are event times in milliseconds since the epoch.

Most updates say what the last one said. So a profile keeps the digest of the last update all of whose
attributes are known to be there, and one clock for them; while nothing else happens only that clock moves,
and what was written down stays closed: a *stamp* before it says what the clock is.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec
import xxhash

from segue.engine.difference import is_branch, merged, same
from segue.engine.glance import Words
from segue.kit.attributes import JsonObject

Entry = tuple[Any, ...]

NEVER: Final = -(1 << 62)
"""The clock of an attribute that was never set whole."""

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Whole(msgspec.Struct, frozen=True, gc=False):
    """A value on its way that replaces the attribute. known: false when the value is not to be kept."""

    clock: int
    value: Any = None
    known: bool = False

    def after(self, entry: Entry | None) -> Entry:
        """The entry once this is applied."""
        if entry is not None and newest(entry) > self.clock:
            return forgotten(entry)  # settled out of order: nobody knows which came last
        return (self.clock, None, self.value) if self.known else (self.clock,)


class Parts(msgspec.Struct, frozen=True, gc=False):
    """Members on their way that replace only themselves. value: None when it is not to be kept."""

    clocks: dict[str, int]
    value: JsonObject | None = None

    def after(self, entry: Entry | None) -> Entry:
        """The entry once this is applied."""
        clock, old = (entry[0], _parts(entry)) if entry is not None else (NEVER, {})
        parts = _later(old, self.clocks)
        if self.value is None:
            return (clock, parts)
        if entry is None or len(entry) < 3:
            return (clock, parts, self.value, True)
        held = entry[2]
        if is_branch(held):
            return (clock, parts, merged(held, self.value), *entry[3:])
        return (clock, parts) if type(held) is bytes else (clock, parts, self.value)


class Operation(msgspec.Struct, frozen=True, gc=False):
    """A change on its way whose result is not known here; it has no clock."""

    def after(self, entry: Entry | None) -> Entry:
        """The entry once this is applied."""
        return (NEVER,) if entry is None else forgotten(entry)


class Still(msgspec.Struct, frozen=True, gc=False):
    """A value that need not travel, because it is there already; with its object it becomes as new."""

    clock: int = NEVER
    parts: dict[str, int] = {}

    def after(self, entry: Entry | None) -> Entry:
        """The entry once the object it was left out of is applied."""
        if entry is None:
            return (NEVER,)
        if not self.parts:
            return (self.clock, *entry[1:]) if self.clock > entry[0] else entry
        return (entry[0], _later(_parts(entry), self.parts), *entry[2:])


Touch = Whole | Parts | Operation | Still


class Prepared(msgspec.Struct, eq=False, kw_only=True):
    """An object ready to leave, on behalf of one or several updates of the same person.

    person   key of the person; "" when the object names nobody
    item     the object as JSON
    members  which of the updates it carries, oldest first
    points   data points it costs; saved: those it costs less than its updates would have
    costs    attribute -> data points; None when they were not counted
    whole    likewise, of each of its updates had it been sent whole
    words    of the one update all of whose attributes are known to be there once it has arrived
    """

    person: str
    item: bytes
    members: tuple[int, ...]
    points: int = 0
    saved: int = 0
    costs: Mapping[str, int] | None = None
    whole: Sequence[Mapping[str, int]] = ()
    touched: dict[str, Touch] = {}
    proves: bool = False
    is_void: bool = False
    words: Words | None = None


class Profile(msgspec.Struct, eq=False):
    """One person.

    exists  an acknowledged object proved that the partner has the profile
    epoch   the refresh its values belong to
    kin     keys of people who may be the same profile; values are then kept with them, not here
    slots   which of those names is theirs for certain, by slot; nobody else's of that slot is
    slot    the one their kin may have them in; "" when some may have them beside others
    claims  names that may be theirs and have changed something since: their clocks count here too
    latest  no clock is later
    flying  objects on their way
    said    digest of the last update all of whose attributes are there as it says, and as new as `clock`;
            0 when there is none
    telling  what it says, and meant: its digest whatever the order (`segue.engine.glance`)
    """

    _entries: dict[str, Entry] | None = None
    exists: bool = False
    epoch: int = 0
    kin: tuple[str, ...] = ()
    latest: int = NEVER
    slots: Mapping[str, str] = NOTHING
    flying: Sequence[Prepared] = ()
    said: int = 0
    clock: int = NEVER
    telling: int = 0
    slot: str = ""
    claims: tuple[str, ...] = ()
    meant: int = 0
    _body: msgspec.Raw | None = None
    _common: Sequence[str] = ()
    _is_behind: bool = False
    _kept: tuple[Any, ...] | None = None
    _writing: tuple[Any, ...] | None = None

    @property
    def entries(self) -> Mapping[str, Entry]:
        """What is known of each attribute; `opened` gives it to be changed."""
        entries, clock = self._entries, self.clock
        if entries is None:
            entries = self._entries = _DECODE_ENTRIES(self._body) if self._body is not None else {}
            self._common = [name for name, entry in entries.items() if entry[0] is None]
        elif not self._is_behind:
            return entries
        for name in self._common:
            entries[name] = (clock, *entries[name][1:])
        self._is_behind = False
        return entries

    def opened(self) -> dict[str, Entry]:
        """The entries, to be changed: the last update may not be all there any more."""
        entries = cast(dict[str, Entry], self.entries)
        self.said, self.meant, self.telling, self._common, self._body = 0, 0, 0, (), None
        return entries

    def move(self, when: int) -> None:
        """The last update was told again; no clock may be later."""
        self.clock = self.latest = when
        self._is_behind = self._entries is not None

    def recall(self, words: Words, touched: Mapping[str, Touch]) -> bool:
        """An update that lasts has arrived, and touched this; false when something newer did, or something
        is not known any more, and `learn` must find out what is left of it."""
        entries, latest = self.entries, self.latest
        new: dict[str, Entry] = {}
        for name, touch in touched.items():
            if type(touch) is Whole and touch.clock == latest:
                new[name] = (latest, None, touch.value)
            elif type(touch) is not Still or touch.clock != latest or len(entries.get(name, ())) != 3:
                return False
        self.opened().update(new)
        (self.said, self.meant, self.telling), self._common = words, tuple(touched)
        self.move(latest)
        return True

    def seen(self, name: str) -> Entry | None:
        """An attribute as it will be when everything on its way has arrived."""
        entry = self.entries.get(name)
        for prepared in self.flying:
            touch = prepared.touched.get(name)
            if touch is not None:
                entry = forgotten(touch.after(entry))
        return entry

    def learn(self, touched: Mapping[str, Touch], *, is_applied: bool, knows: bool) -> None:
        """Take in what became of what an object touched: applied, or forgotten; knows: its values are there
        for certain."""
        if is_applied and self._replace(touched):
            return
        entries = self.opened()
        for name, touch in touched.items():
            entry, kind = entries.get(name), type(touch)
            if type(touch) is Still:
                if is_applied and entry is not None:
                    if touch.parts:
                        entries[name] = touch.after(entry)
                    elif touch.clock > entry[0]:
                        entries[name] = (touch.clock, *entry[1:])
            elif entry is None:
                if is_applied and kind is not Operation:
                    entries[name] = touch.after(None) if knows else forgotten(touch.after(None))
            elif is_applied:
                entries[name] = touch.after(entry) if knows else forgotten(touch.after(entry))
            else:
                entries[name] = forgotten(entry)

    def _replace(self, touched: Mapping[str, Touch]) -> bool:
        """Take in values that came together and are not to be kept, as nearly always where only clocks are;
        false when there are others, or newer ones, and `learn` must look at each."""
        first = next(iter(touched.values()), None)
        if type(first) is not Whole or first.known or first.clock < self.latest:
            return False
        if touched != dict.fromkeys(touched, first):
            return False
        if self._entries is None and self._body in (None, alone := _clocks_alone(tuple(touched))):
            self._body, self.said, self.meant, self.telling = self._body or alone, 0, 0, 0
            self.clock = self.latest = first.clock
        else:
            self.opened().update(dict.fromkeys(touched, (first.clock,)))
        return True

    def forget(self) -> None:
        """Keep the clocks only, also of what is on its way."""
        entries = self.opened()
        for name, entry in entries.items():
            entries[name] = forgotten(entry)
        for prepared in self.flying:
            prepared.is_void = True

    def erase(self) -> None:
        """Keep nothing."""
        self.opened().clear()
        self.exists, self.kin, self.latest, self.slots = False, (), NEVER, NOTHING
        self.slot, self.claims = "", ()
        for prepared in self.flying:
            prepared.touched, prepared.is_void, prepared.proves = {}, True, False

    def encode(self) -> bytes:
        """As bytes; none for a person nothing is known of."""
        if self._body is None:
            entries = self._entries or {}
            if not (entries or self.exists or self.kin or self.slots or self.claims):
                self._writing = None
                return b""
            if not self.said:
                self.clock = clock = self.latest
                self._common = [name for name, entry in entries.items() if entry[0] == clock]
            written = entries.copy()
            for name in self._common:
                written[name] = (None, *entries[name][1:])
            self._body = msgspec.Raw(_ENCODE(written))
        self._writing = self._unclocked
        known = (self.epoch, self.exists, self.kin, self.latest, self._body, self.slots or {})
        behind = self.latest - self.clock
        words = (self.said, self.telling, self.slot, self.claims, self.meant)
        return _ENCODE((*known, behind, *(words if self.said or self.slot or self.claims else ())))

    def keep(self, *, ok: bool) -> None:
        """Learn whether what `encode` gave was written."""
        self._kept = self._writing if ok else None

    def stamp(self) -> bytes:
        """What to write before the body there is, when only the clock has moved since; else b""."""
        clock = self.clock
        is_moved = self._body is not None and self.latest == clock and self._unclocked == self._kept
        return STAMP + clock.to_bytes(6, "big") if is_moved and 0 <= clock < _STAMPED else b""

    @property
    def _unclocked(self) -> tuple[Any, ...]:
        """What is written of a person but the clocks."""
        names = self.exists, self.kin, self.slots, self.slot, self.claims
        return (self._body, self.epoch, *names, self.said, self.telling, self.meant)


def decode(body: bytes, epoch: int) -> Profile:
    """Read what `Profile.encode` wrote, or a stamp and that; values of an earlier epoch are forgotten."""
    if not body:
        return Profile(epoch=epoch)
    moved = None
    if body[:1] == STAMP:
        moved, body = int.from_bytes(body[1:7], "big"), body[7:]
    found = _DECODE(body)
    profile = Profile(
        None,
        found.exists,
        epoch,
        found.kin,
        found.latest if moved is None else moved,
        found.slots or NOTHING,
        said=found.said,
        telling=found.telling,
        clock=found.latest - found.behind if moved is None else moved,
        slot=found.slot,
        claims=found.claims,
        meant=found.meant,
        _body=found.entries,
    )
    if found.epoch != epoch:
        profile.forget()
    else:
        profile._kept = profile._unclocked
    return profile


class _Body(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A profile as it is written. In its entries, None stands for the common clock, which is `behind` the
    latest. Older bodies end before the slots, or before what follows them."""

    epoch: int
    exists: bool
    kin: tuple[str, ...]
    latest: int
    entries: msgspec.Raw
    slots: dict[str, str] = {}
    behind: int = 0
    said: int = 0
    telling: int = 0
    slot: str = ""
    claims: tuple[str, ...] = ()
    meant: int = 0


def forgotten(entry: Entry) -> Entry:
    """An entry without its value."""
    return entry if len(entry) == 1 else entry[:2] if entry[1] else entry[:1]


def is_null(entry: Entry) -> bool:
    """Whether an attribute is known to have no value."""
    return len(entry) == 3 and entry[2] is None


def newest(entry: Entry) -> int:
    """The latest clock of an attribute."""
    clock: int = entry[0]
    return clock if len(entry) == 1 or not entry[1] else max(clock, *entry[1].values())


def is_held(entry: Entry, value: Any) -> bool:
    """Whether an attribute is known, whole, to have this value."""
    if len(entry) != 3:
        return False
    held = entry[2]
    kind = type(held)
    if kind is type(value) and kind not in _CONTAINERS:
        return bool(held == value)  # the commonest case
    return held == hashed(value) if kind is bytes else same(held, value)


def hashed(value: Any) -> bytes:
    """Eight bytes that stand for a value."""
    return xxhash.xxh3_64_digest(msgspec.json.encode(value, order="deterministic"))


def _later(old: dict[str, int], new: dict[str, int]) -> dict[str, int]:
    return old | {path: max(at, old.get(path, at)) for path, at in new.items()}


def _parts(entry: Entry) -> dict[str, int]:
    return entry[1] or {} if len(entry) > 1 else {}


STAMP: Final = b"\xc1"
"""What a stamp begins with, and no body. Then follow six bytes: the clock, and nothing is later."""

_STAMPED: Final = 1 << 48


@lru_cache(1024)
def _clocks_alone(names: tuple[str, ...]) -> msgspec.Raw:
    """The entries of attributes of which nothing but the common clock is known."""
    return msgspec.Raw(_ENCODE(dict.fromkeys(names, (None,))))


_CONTAINERS: Final = frozenset({dict, list})
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(_Body).decode
_DECODE_ENTRIES: Final = msgspec.msgpack.Decoder(dict[str, tuple[Any, ...]]).decode
