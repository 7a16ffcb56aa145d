"""Who is who at Braze, by its documented rules: what a plain model says of visitors, log-ins and merges.

A visitor is an alias-only profile. An identify gives it the external id, or pours it into the known person
unless that person has a visitor already (one alias of a label); an alias stays with whoever has it. A merge
pours one person into another and removes it. What the kept profile has stays, what it lacks is taken over.

Source  Braze docs, "Identify users", "Merge users", read 2026-11-23
"""

from collections.abc import Mapping
from typing import Any

import msgspec


class Profile(msgspec.Struct, eq=False):
    """What Braze must hold of somebody.

    visitor  the name of their alias
    custom   their attributes; clocks: since when, also of what was removed
    steps    the numbers of their events; bought: of their purchases
    """

    external_id: str | None = None
    visitor: str | None = None
    custom: dict[str, Any] = {}
    clocks: dict[str, Any] = {}
    steps: list[int] = []
    bought: list[int] = []

    def describe(self, traits: Mapping[str, Any], when: Any) -> None:
        """Attributes of that time; what is older than what stands is left out."""
        for name, value in traits.items():
            if when >= self.clocks.get(name, when):
                self.clocks[name] = when
                self.custom.pop(name, None)
                if value is not None:
                    self.custom[name] = value


class Population:
    """Everybody Braze knows, after events taken in the order they were accepted."""

    def __init__(self) -> None:
        self.profiles: list[Profile] = []

    def person(self, user: str) -> Profile:
        """Somebody by external id, made when there is nobody."""
        return self._find("external_id", user) or self._make(external_id=user)

    def knows(self, user: str) -> bool:
        """Whether there is somebody of this external id."""
        return self._find("external_id", user) is not None

    def sees(self, name: str) -> bool:
        """Whether somebody has this alias."""
        return self._find("visitor", name) is not None

    def visitor(self, name: str) -> Profile:
        """Somebody by alias, made when there is nobody."""
        return self._find("visitor", name) or self._make(visitor=name)

    def join(self, user: str, name: str) -> None:
        """An identify: this visitor was that person."""
        visitor, person = self._find("visitor", name), self._find("external_id", user)
        if visitor is None or visitor.external_id is not None:
            return
        if person is None:
            visitor.external_id = user
        elif person.visitor is None:
            self._pour(visitor, person)

    def merge(self, gone: str, kept: str) -> None:
        """Two known people become one; nothing is done unless both are there."""
        source, target = self._find("external_id", gone), self._find("external_id", kept)
        if source is not None and target is not None and source is not target:
            self._pour(source, target)

    def _pour(self, gone: Profile, kept: Profile) -> None:
        self.profiles.remove(gone)
        kept.visitor = kept.visitor or gone.visitor
        for name in gone.custom.keys() - kept.custom.keys():
            kept.custom[name], kept.clocks[name] = gone.custom[name], gone.clocks[name]
        kept.steps += gone.steps
        kept.bought += gone.bought

    def _find(self, name: str, value: str) -> Profile | None:
        return next((each for each in self.profiles if getattr(each, name) == value), None)

    def _make(self, **who: str) -> Profile:
        made = Profile(**who)
        self.profiles.append(made)
        return made
