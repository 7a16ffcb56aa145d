"""Glance: an update that says what the last one said, all of which is there, says nothing new.

    glances.look(sealed, update, when, key, index)
        Dropped     nothing of it needs to travel
        Prepared    what does, where only plain values differ
        None        a whole look must tell (`segue.engine.reduction.reduced`)

Byte for byte the same, and no attribute is looked at; else each is compared with what was said before. It is
for an update that is not older than anything known of its person (`segue.engine.sealed`), with nothing on its
way and no kin; then it finds what a whole look finds, at a fraction of its price.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

import msgspec
import orjson
import xxhash

from segue.engine.departure import Dropped
from segue.engine.difference import same
from segue.engine.person import Identity
from segue.engine.points import SMALL, Meter
from segue.engine.profile import Prepared
from segue.engine.sealed import rest_of, words_of
from segue.kit.attributes import AttributeShape, JsonObject
from segue.model.delivery import UNCHANGED

MOST: Final = 4096
"""Different tellings kept in memory."""

_CONTAINERS: Final = frozenset({dict, list})


class Told(msgspec.Struct, frozen=True, gc=False):
    """What an update says: the names of its attributes, and the data points of those that cost any.

    telling  a number that stands for both, everywhere and for good
    total    data points
    """

    names: tuple[str, ...]
    costs: Mapping[str, int]
    telling: bytes
    total: int


class Tellings:
    """What updates say. Most people say the same about themselves, so it is kept once."""

    def __init__(self) -> None:
        self._by_content: dict[tuple[tuple[str, ...], tuple[tuple[str, int], ...]], Told] = {}
        self._by_number: dict[bytes, Told] = {}
        self.find = self._by_number.get
        """What a number stands for; None when nobody said it lately."""

    def of(self, names: tuple[str, ...], costs: Mapping[str, int]) -> Told:
        """What an update says that has these attributes."""
        content = (names, tuple(costs.items()))
        found = self._by_content.get(content)
        if found is None:
            if len(self._by_content) >= MOST:
                self._by_content.clear()
                self._by_number.clear()
            found = Told(names, dict(costs), digest(msgspec.msgpack.encode(content)), sum(costs.values()))
            self._by_content[content] = self._by_number[found.telling] = found
        return found


class Glances:
    """Looks at the updates of one destination's people.

    keep_values  false where nothing but hashes is kept of what was said
    """

    def __init__(self, shape: AttributeShape, identity: Identity, meter: Meter, *, keep_values: bool) -> None:
        self.tellings = Tellings()
        self._identity = identity
        self._meter = meter
        self._keep_values = keep_values
        self._merge_flag = shape.merge_flag
        self._short = shape.short

    def repeated(self, sealed: bytes, item: bytes) -> Told | None:
        """What an update says that is byte for byte the last one; None when it may be another, or nobody said
        that lately."""
        return self.tellings.find(sealed[19:27]) if digest(item) == sealed[11:19] else None

    def look(
        self, sealed: bytes, item: bytes, when: int, key: str, index: int, *, sends: bool = True
    ) -> Dropped | Prepared | bool | None:
        """What becomes of an update that is not older than what was said last.

        sends  false when nothing is to travel now: True then, where something should
        """
        said, telling = digest(item), sealed[19:27]
        told = self.tellings.find(telling)
        if said == sealed[11:19]:
            if told is None:
                found, control = orjson.loads(item), self._identity.control(key)
                names = tuple([name for name in found if name not in control])
                told = self.tellings.of(names, self._meter.by_attribute(found))
            return Dropped(index, UNCHANGED, told.names, told.costs)
        found, control = orjson.loads(item), self._identity.control(key)
        words = words_of(sealed) if self._keep_values else found
        sent: JsonObject = {}
        news = self._news(words, found, control, sent) if words is not found else None
        if news is None:
            meant = rest_of(sealed).meaning
            if not meant or meant != meaning(found):
                return None
            words, news = found, {}
        if told is None:
            names = tuple([name for name in words if name not in control])
            told = self.tellings.of(names, self._meter.by_attribute(words))
        if not news:
            return Dropped(index, UNCHANGED, [name for name in found if name not in control], told.costs)
        if not sends:
            return True
        is_whole = len(sent) == len(found)
        costs = told.costs if is_whole else {name: told.costs[name] for name in news if name in told.costs}
        points = told.total if is_whole else len(costs)
        return Prepared(
            person=key,
            item=item if is_whole else orjson.dumps(sent),
            members=(index,),
            points=points,
            saved=told.total - points,
            costs=costs,
            whole=(told.costs,),
            timed=told.names,
            when=when,
            news=news,
            said=said,
            sealed=sealed,
        )

    def _news(
        self, words: dict[str, Any], found: JsonObject, control: frozenset[str], sent: JsonObject
    ) -> JsonObject | None:
        """The attributes that are not as they were said before; None when others than plain values differ,
        or there are other attributes. sent: takes them, with the members that say who and how."""
        news: JsonObject = {}
        met, short = 0, self._short
        for name, value in found.items():
            known, kind = words.get(name, _NOTHING), type(value)
            if known == value and type(known) is kind and (kind not in _CONTAINERS or same(known, value)):
                met += 1
            elif name in control:
                if name == self._merge_flag and value:
                    return None
                sent[name] = value
            elif known is not _NOTHING and _is_plain(known, short) and _is_plain(value, short):
                sent[name] = news[name] = value
            else:
                return None
        return news if met + len(news) == len(words) else None


def digest(item: bytes) -> bytes:
    """What stands for an object, byte for byte."""
    return xxhash.xxh3_64_digest(item)


def meaning(said: JsonObject) -> bytes:
    """What stands for an object in whatever order its members, and theirs, are."""
    return xxhash.xxh3_64_digest(orjson.dumps(said, option=orjson.OPT_SORT_KEYS))


def _is_plain(value: Any, short: int) -> bool:
    """Whether a value is surely stored as sent, and costs as much as any other such value."""
    kind = type(value)
    return kind in SMALL or (kind is str and len(value) <= short) or (kind is float and isfinite(value))


_NOTHING: Final = object()
