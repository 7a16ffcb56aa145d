"""Namesakes: rows about two names of one person are never on their way at once, and take turns.

    held = namesakes.sift(profiles, batch.waiting, ...)   # these stay for now
    namesakes.gone(those_that_left)

A row waits for what is on its way to another name of its person. While it does, nothing that came after it
leaves for such a name: else a person who does something all the time would keep their alias waiting for ever.
Whoever waits waits for earlier rows and for what has left, so nobody ever waits in a circle.
"""

from collections.abc import Callable, Iterable, Sequence

from segue.engine.delta import Profiles
from segue.engine.line import Waiting


class Namesakes:
    """The rows of one destination that wait for another name of their person."""

    def __init__(self) -> None:
        self._awaited: dict[int, frozenset[str]] = {}  # a row's number -> the names it waits for

    def __contains__(self, entry: Waiting) -> bool:
        """Whether a row that could leave otherwise waits for another name."""
        return entry.number in self._awaited

    def sift(
        self, profiles: Profiles, entries: Sequence[Waiting], keys: Callable[[Waiting], Iterable[str]]
    ) -> list[Waiting]:
        """The rows of a request that stay: those that wait, and what comes after them. keys: the people a row
        describes, who must be loaded."""
        people = set[str]()
        held = []
        for entry in entries:
            names = self._names(profiles, entry, keys(entry))
            if names is not None:
                self._awaited[entry.number] = names
            elif people.isdisjoint(entry.people):
                continue
            held.append(entry)
            people.update(entry.people)
        return held

    def gone(self, entries: Iterable[Waiting]) -> None:
        """Rows leave, end or are kept by something else: nobody waits for them here any more."""
        for entry in entries if self._awaited else ():
            self._awaited.pop(entry.number, None)

    def _names(self, profiles: Profiles, entry: Waiting, keys: Iterable[str]) -> frozenset[str] | None:
        """The other names a row must wait for; None when it may leave."""
        mine = list(keys)
        others = {key: profiles.others(key) for key in mine}
        if any(any(busy.values()) for busy in others.values()) or self._is_before(entry, mine):
            return frozenset(name for names in others.values() for name in names)
        return None

    def _is_before(self, entry: Waiting, keys: Iterable[str]) -> bool:
        """Whether an earlier row waits for one of these names."""
        waiting = [names for number, names in self._awaited.items() if number < entry.number]
        return bool(waiting) and any(key in names for key in keys for names in waiting)
