"""The debouncer: keeps from one destination the identify calls that say nothing new, when it is asked to.

    routed = await debouncer.sift(entries, routed)     # as events are read, in the order of the log
    bodies = debouncer.changed(); ...checkpoint...; debouncer.written()

The rule is `segue.engine.debounce`; here people are loaded and what changed is handed to the checkpoint, so
that after a crash memory and position are of one moment. A destination that does not debounce costs nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from segue.engine.debounce import DEBOUNCED, MESSAGE, Said, is_repeat, remember
from segue.engine.plan import BoundDestination
from segue.engine.route import Routed
from segue.io.storage.state import State
from segue.model.event import Record
from segue.runtime.routing import Outline

MOST_KEPT: Final = 50_000
"""People kept in memory beside those not written yet."""

_decode: Final = msgspec.msgpack.Decoder(Said).decode


class Debouncer:
    """One destination's memory of what people said.

    is_late  whether an event of somebody, by its ingest order, came in before they were to be deleted: it is
             not remembered
    """

    def __init__(self, destination: BoundDestination, state: State) -> None:
        self._is_on = destination.config.delivery.debounce
        self._state = state
        self.is_late: Callable[[str, int], bool] = _never
        self._said: dict[str, Said | None] = {}
        self._changed: dict[str, Said | None] = {}
        self._writing: dict[str, Said | None] = {}

    def replace(self, destination: BoundDestination) -> None:
        """Go on with a new revision of the destination."""
        self._is_on = destination.config.delivery.debounce

    def forget(self, people: Iterable[str]) -> None:
        """Somebody is to be deleted: whatever they say next is new."""
        for person in people if self._is_on else ():
            self._said[person] = self._changed[person] = None

    async def sift(
        self,
        entries: Sequence[tuple[int, int, Record]],
        routed: Sequence[Outline | None],
    ) -> Sequence[Outline | None]:
        """The same with repeats filtered. Raises StorageUnavailable before anything is remembered."""
        if not self._is_on:
            return routed
        digests = [
            each.said if each is not None and not self.is_late(record.person, record.order) else b""
            for (_, _, record), each in zip(entries, routed, strict=True)
        ]
        await self._load({entry[2].person for entry, digest in zip(entries, digests, strict=True) if digest})
        sifted: list[Outline | None] = []
        for (_, offset, record), each, digest in zip(entries, routed, digests, strict=True):
            before = self._said.get(record.person)
            if each is not None and is_repeat(digest, offset, before):
                sifted.append(Outline(Routed(reason=DEBOUNCED, message=MESSAGE)))
                continue
            sifted.append(each)
            after = remember(digest, offset, before)
            if after is not None and after is not before:
                self._said[record.person] = self._changed[record.person] = after
        return sifted

    def changed(self) -> dict[str, bytes]:
        """What a checkpoint writes; `written` must follow."""
        self._writing, self._changed = {**self._writing, **self._changed}, {}
        return {
            person: msgspec.msgpack.encode(said) if said is not None else b""
            for person, said in self._writing.items()
        }

    def written(self, *, ok: bool = True) -> None:
        """Learn whether the checkpoint took place."""
        if not ok:
            self._changed = {**self._writing, **self._changed}
        self._writing = {}

    async def _load(self, people: set[str]) -> None:
        if len(self._said) > MOST_KEPT:
            self._said = {**self._writing, **self._changed}
        missing = [person for person in people if person not in self._said]
        found = await self._state.repeats(missing) if missing else {}
        for person in missing:
            self._said[person] = _decode(found[person]) if person in found else None


def _never(person: str, order: int) -> bool:
    return False
