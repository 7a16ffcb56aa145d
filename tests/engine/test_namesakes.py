"""Two names of one person take turns."""

from typing import Any

import orjson
from tests.engine.attribute_history import NOW_MS
from tests.engine.rows import row
from tests.engine.test_kinship import People, U, X

from segue.engine.delta import Fate, Update
from segue.engine.line import Waiting
from segue.engine.namesakes import Namesakes
from segue.engine.travel import Travel


class Desk:
    """Somebody who was a visitor, and rows about both names by their numbers."""

    def __init__(self) -> None:
        self.people = People()
        self.people.tell(X, 0, theme="dark")
        self.people.log_in("u", X)
        self.namesakes = Namesakes()

    def entry(self, number: int, who: Any, *people: str) -> Waiting:
        key = self.people.profiles.person(who)
        named = (*people, key) if key else people
        return Waiting(row=row(number), travel=Travel("a"), people=named, since=0.0, number=number)

    def held(self, *entries: Waiting) -> list[int]:
        """Ask for a request of these; the numbers of those that stay."""
        found = self.namesakes.sift(self.people.profiles, entries, _described)
        self.namesakes.gone(entry for entry in entries if entry not in found)
        return [entry.number for entry in found]

    def send(self, who: Any, at: int) -> Any:
        """Something of somebody leaves; gives what must be settled."""
        item = orjson.dumps({**who, "n": at})
        [prepared] = self.people.profiles.prepare([Update(item, NOW_MS + at, NOW_MS)]).objects
        return prepared


def _described(entry: Waiting) -> list[str]:
    return [name for name in entry.people if name[1] != ":"]


def test_what_came_later_waits_for_who_waits() -> None:
    """The alias waits for what is on its way, and everything later of the person for the alias."""
    desk = Desk()
    flying = desk.send(U, 1)
    alias, later, earlier = desk.entry(5, X), desk.entry(6, U), desk.entry(4, U)
    assert desk.held(alias) == [5]
    assert alias in desk.namesakes
    desk.people.profiles.settle(flying, Fate.APPLIED)
    assert desk.held(later) == [6]
    assert desk.held(earlier) == []
    assert desk.held(alias) == []
    assert desk.held(later) == []
    assert later not in desk.namesakes


def test_who_ends_or_is_kept_by_something_else_keeps_nobody_waiting() -> None:
    """A row a cap drops or holds is not waited for."""
    desk = Desk()
    flying = desk.send(U, 1)
    alias, later = desk.entry(5, X), desk.entry(6, U)
    assert desk.held(alias) == [5]
    desk.people.profiles.settle(flying, Fate.APPLIED)
    desk.namesakes.gone([alias])
    assert desk.held(later) == []


def test_what_comes_after_a_row_that_stays_stays_with_it() -> None:
    """In the same request too; others leave."""
    desk = Desk()
    desk.send(U, 1)
    alias, after, other = desk.entry(5, X, "a:x"), desk.entry(6, {}, "a:x"), desk.entry(7, {}, "u:z")
    assert desk.held(alias, after, other) == [5, 6]
