"""Glance: an update that says what the last one said, all of which is there, says nothing new.

    profile.said == digest(update.item) or profile.meant == meaning(its object)
    told = tellings.find(profile.telling) or tellings.of(names, costs)

Byte for byte the same, or the same members in another order, so no attribute needs to be looked at. It is
for an update that is not older than anything known of its person, with nothing on its way and no kin; then it
finds what `segue.engine.reduction.reduced` would find, at a fraction of its price.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
import orjson
import xxhash

from segue.kit.attributes import JsonObject

MOST: Final = 4096
"""Different tellings kept in memory."""


Words = tuple[int, int, int]
"""The digest of an update, that of its meaning, and the number of what it says."""


class Told(msgspec.Struct, frozen=True, gc=False):
    """What an update says: the names of its attributes, and the data points of those that cost any.

    telling  a number that stands for both, everywhere and for good
    """

    names: tuple[str, ...]
    costs: Mapping[str, int]
    telling: int


class Tellings:
    """What updates say. Most people say the same about themselves, so it is kept once."""

    def __init__(self) -> None:
        self._by_content: dict[tuple[tuple[str, ...], tuple[tuple[str, int], ...]], Told] = {}
        self._by_number: dict[int, Told] = {}

    def of(self, names: tuple[str, ...], costs: Mapping[str, int]) -> Told:
        """What an update says that has these attributes."""
        content = (names, tuple(costs.items()))
        found = self._by_content.get(content)
        if found is None:
            if len(self._by_content) >= MOST:
                self._by_content, self._by_number = {}, {}
            found = Told(names, dict(costs), digest(msgspec.msgpack.encode(content)))
            self._by_content[content] = self._by_number[found.telling] = found
        return found

    def find(self, telling: int) -> Told | None:
        """What a number stands for; None when nobody said it lately."""
        return self._by_number.get(telling)


def digest(item: bytes) -> int:
    """What stands for an object, byte for byte."""
    return xxhash.xxh3_64_intdigest(item)


def meaning(said: JsonObject) -> int:
    """What stands for an object in whatever order its members, and theirs, are."""
    return xxhash.xxh3_64_intdigest(orjson.dumps(said, option=orjson.OPT_SORT_KEYS))
