"""Profile: what one person's attributes are at the partner, as far as was acknowledged, and since when.

Per attribute an entry (`segue.engine.entry`): the value, as far as it is known, and its clock.

Most updates say what the last one said. So once all of an update's attributes are known to be there, the
person is *sealed* (`segue.engine.sealed`), and a profile again only while more than that matters. Where
clocks alone are kept, one serves for all: while nothing but that moves what was written down stays closed,
and a *stamp* before it says what the clock is.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec

from segue.engine.entry import NEVER, Entry, Operation, Still, Touch, Whole, forgotten
from segue.engine.sealed import (
    ALONE,
    CLOCK_END,
    STAMP,
    Rest,
    clock_of,
    epoch_of,
    is_sealed,
    rest_of,
    seal,
    stamped,
    words_of,
)

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

Words = tuple[bytes, bytes, bytes]
"""The digest of an update, that of its meaning, and the number of what it says (`segue.engine.glance`)."""


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
    news     with this, and what `timed` says beside it stays: attribute -> value of an update with the digest
             `said`, of somebody who was `sealed` like that
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
    news: Mapping[str, Any] = NOTHING
    said: bytes = b""
    sealed: bytes = b""

    @property
    def renews(self) -> bool:
        """Whether all it says are new values that need not be known."""
        return self.changes is None and self.timed != () and not self.news

    @property
    def touched(self) -> dict[str, Touch]:
        """What its arrival means for each attribute."""
        if self.changes is None:
            kind = Still if self.news else Whole
            self.changes = dict.fromkeys(self.timed, kind(self.when))
            for name, value in self.news.items():
                self.changes[name] = Whole(self.when, value, known=True)
        return self.changes

    @property
    def still(self) -> list[str]:
        """The attributes it travels without, as they are there already."""
        if self.news:
            return [name for name in self.timed if name not in self.news]
        return [name for name, touch in self.touched.items() if type(touch) is Still]


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
    clock   of all that what was written down gives none
    """

    _entries: dict[str, Entry] | None = None
    exists: bool = False
    epoch: int = 0
    kin: tuple[str, ...] = ()
    latest: int = NEVER
    slots: Mapping[str, str] = NOTHING
    flying: Sequence[Prepared] = ()
    clock: int = NEVER
    slot: str = ""
    claims: tuple[str, ...] = ()
    _body: msgspec.Raw | None = None
    _sealed: bytes | None = None
    _kept: tuple[Any, ...] | None = None
    _writing: tuple[Any, ...] | None = None

    @property
    def entries(self) -> Mapping[str, Entry]:
        """What is known of each attribute; `opened` gives it to be changed."""
        if self._entries is None:
            clock = self.clock
            if self._sealed is not None:
                words = {name: (clock, None, value) for name, value in words_of(self._sealed).items()}
                self._entries = {**rest_of(self._sealed).entries, **words}
            else:
                found = _DECODE_ENTRIES(self._body) if self._body is not None else {}
                self._entries = {
                    name: entry if entry[0] is not None else (clock, *entry[1:])
                    for name, entry in found.items()
                }
        return self._entries

    def opened(self) -> dict[str, Entry]:
        """The entries, to be changed: what was written down is not true any more."""
        entries = cast(dict[str, Entry], self.entries)
        self._body = self._sealed = None
        return entries

    @property
    def sealed(self) -> bytes | None:
        """As they were sealed, when nothing that arrived has changed that; else None."""
        sealed = self._sealed
        if sealed is None or self.kin or not self.exists:
            return None
        if sealed[:1] == ALONE:
            return None if self.slots or self.slot or self.claims else sealed
        rest = rest_of(sealed)
        same = (self.slots, self.slot, self.claims) == (rest.slots, rest.slot, rest.claims)
        return sealed if same else None

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is on its way, and nothing that was has moved their latest clock."""
        return not self.flying and self.latest == self.clock

    def seal(self, words: Words, touched: Mapping[str, Touch]) -> bytes | None:
        """As sealed, once an update that lasts has arrived and touched this; None when something newer did,
        or something is not known any more, and `learn` must find out what is left of it."""
        clock = self.latest
        if self.flying or self.kin or not self.exists or not 0 <= clock < CLOCK_END:
            return None
        entries, said, hashes = self.entries, dict[str, Any](), False
        for name, touch in touched.items():
            if type(touch) is Whole and touch.clock == clock and touch.known:
                value = touch.value
            else:
                entry = entries.get(name, ())
                if type(touch) is not Still or touch.clock != clock or len(entry) != 3 or entry[1]:
                    return None
                value = entry[2]
            said[name] = value
            hashes = hashes or type(value) is bytes
        others = {name: entry for name, entry in entries.items() if name not in said}
        digest, meaning, telling = words
        rest = Rest(meaning if hashes else b"", others, dict(self.slots), self.slot, self.claims)
        return seal(self.epoch, clock, digest, telling, said, rest)

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
        is_closed = self._entries is None and self._sealed is None
        if is_closed and self._body in (None, alone := _clocks_alone(names)):
            self._body = self._body or alone
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
        """As bytes, when not sealed; none for a person nothing is known of."""
        if self._body is None:
            entries = self.opened()
            if not (entries or self.exists or self.kin or self.slots or self.claims):
                self._writing = None
                return b""
            self.clock = clock = self.latest
            common = {name: (None, *entry[1:]) for name, entry in entries.items() if entry[0] == clock}
            self._body = msgspec.Raw(_ENCODE(entries | common))
        self._writing = self._unclocked
        known = (self.epoch, self.exists, self.kin, self.latest, self._body, self.slots or {})
        behind = self.latest - self.clock
        names = (0, 0, self.slot, self.claims) if self.slot or self.claims else ()
        return _ENCODE((*known, behind, *names))

    def keep(self, *, ok: bool) -> None:
        """Learn whether what `encode` gave was written."""
        self._kept = self._writing if ok else None

    def stamp(self) -> bytes:
        """What to write before the body there is, when only the clock has moved since; else b""."""
        clock = self.clock
        if self._kept is None or self._body is None or self.latest != clock or not 0 <= clock < CLOCK_END:
            return b""
        return STAMP + clock.to_bytes(6, "big") if self._unclocked == self._kept else b""

    @property
    def _unclocked(self) -> tuple[Any, ...]:
        """What is written of a person but the clocks."""
        return (self._body, self.epoch, self.exists, self.kin, self.slots, self.slot, self.claims)


def decode(body: bytes, epoch: int) -> Profile:
    """Read what was written of a person, and a stamp before it; values of an earlier epoch are forgotten."""
    if not body:
        return Profile(epoch=epoch)
    body, moved = stamped(body), None
    if is_sealed(body):
        profile = unsealed(body, epoch)
        if epoch_of(body) != epoch:
            profile.forget()
        return profile
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
        clock=found.latest - found.behind if moved is None else moved,
        slot=found.slot,
        claims=found.claims,
        _body=found.entries if found.said else _shared(bytes(found.entries)),
    )
    if found.epoch != epoch:
        profile.forget()
    else:
        profile._kept = profile._unclocked
    return profile


def unsealed(sealed: bytes, epoch: int) -> Profile:
    """Somebody who was sealed in this epoch."""
    clock = clock_of(sealed)
    profile = Profile(None, True, epoch, latest=clock, clock=clock, _sealed=sealed)
    if sealed[:1] != ALONE:
        rest = rest_of(sealed)
        profile.slots, profile.slot, profile.claims = rest.slots or NOTHING, rest.slot, rest.claims
    return profile


class _Body(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A profile as it is written. In its entries, None stands for the common clock, which is `behind` the
    latest. Older bodies end before the slots, or before what follows them. said, telling and meant are of
    versions that sealed nobody."""

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
