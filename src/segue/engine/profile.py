"""Profile: what one person's attributes are at the partner, as far as was acknowledged, and since when.

Per attribute an entry (`segue.engine.entry`): the value, as far as it is known, and its clock.

Most updates say what the last one said. So a profile keeps the digest of the last update all of whose
attributes are known to be there, and one clock for them; while nothing else happens only that clock moves,
and what was written down stays closed: a *stamp* before it says what the clock is.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec

from segue.engine.entry import NEVER, Entry, Operation, Still, Touch, Whole, forgotten
from segue.engine.glance import Words

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Prepared(msgspec.Struct, eq=False, kw_only=True):
    """An object ready to leave, on behalf of one or several updates of the same person.

    person   key of the person; "" when the object names nobody
    item     the object as JSON
    members  which of the updates it carries, oldest first
    points   data points it costs; saved: those it costs less than its updates would have
    costs    attribute -> data points; None when they were not counted
    whole    likewise, of each of its updates had it been sent whole
    changes  what its arrival means for each attribute; None: `timed` are all replaced, as of `when`, by
             values that need not be known
    words    of the one update all of whose attributes are known to be there once it has arrived
    """

    person: str
    item: bytes
    members: tuple[int, ...]
    points: int = 0
    saved: int = 0
    costs: Mapping[str, int] | None = None
    whole: Sequence[Mapping[str, int]] = ()
    changes: dict[str, Touch] | None = None
    timed: tuple[str, ...] = ()
    when: int = NEVER
    proves: bool = False
    is_void: bool = False
    words: Words | None = None

    @property
    def renews(self) -> bool:
        """Whether all it says are new values that need not be known."""
        return self.changes is None and self.timed != ()

    @property
    def touched(self) -> dict[str, Touch]:
        """What its arrival means for each attribute."""
        if self.changes is None:
            self.changes = dict.fromkeys(self.timed, Whole(self.when))
        return self.changes


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
        """Take in values that came together and are not to be kept; false when there are others, or newer
        ones, and `learn` must look at each."""
        first = next(iter(touched.values()), None)
        if type(first) is not Whole or first.known or touched != dict.fromkeys(touched, first):
            return False
        return self.renew(tuple(touched), first.clock)

    def renew(self, names: tuple[str, ...], clock: int) -> bool:
        """Attributes were replaced together by values that are not to be kept, as nearly always where only
        clocks are; false, and nothing done, when newer ones were."""
        if clock < self.latest:
            return False
        if self._entries is None and self._body in (None, alone := _clocks_alone(names)):
            self._body, self.said, self.meant, self.telling = self._body or alone, 0, 0, 0
            self.clock = self.latest = clock
        else:
            self.opened().update(dict.fromkeys(names, (clock,)))
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
            prepared.changes, prepared.is_void, prepared.proves = {}, True, False

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
        if self._kept is None or self._body is None or self.latest != clock or not 0 <= clock < _STAMPED:
            return b""
        return STAMP + clock.to_bytes(6, "big") if self._unclocked == self._kept else b""

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
        _body=found.entries if found.said else _shared(bytes(found.entries)),
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


STAMP: Final = b"\xc1"
"""What a stamp begins with, and no body. Then follow six bytes: the clock, and nothing is later."""

_STAMPED: Final = 1 << 48


@lru_cache(1024)
def _clocks_alone(names: tuple[str, ...]) -> msgspec.Raw:
    """The entries of attributes of which nothing but the common clock is known."""
    return _shared(_ENCODE(dict.fromkeys(names, (None,))))


@lru_cache(1024)
def _shared(entries: bytes) -> msgspec.Raw:
    """Entries as they are written. Where only clocks are kept thousands of people have the same, and what
    was read of each need not stay in memory."""
    return msgspec.Raw(entries)


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(_Body).decode
_DECODE_ENTRIES: Final = msgspec.msgpack.Decoder(dict[str, tuple[Any, ...]]).decode
