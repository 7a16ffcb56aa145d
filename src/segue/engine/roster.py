"""Roster: the people of one destination who are in memory; all of them are in its state.

Whoever was asked for last leaves last. Those who changed since the last checkpoint, or have something on
their way, do not leave.
"""

from collections.abc import Iterable, Mapping
from itertools import islice

from segue.engine.profile import Profile, decode
from segue.model.errors import BrokenError


class Roster:
    """Profiles by person key.

    most   in memory; those who may not leave come on top
    epoch  number of the last refresh of everybody
    """

    def __init__(self, most: int, epoch: int) -> None:
        self.epoch = epoch
        self._most = most
        self._asked = 0
        self._people: dict[str, Profile] = {}
        self._changed: set[str] = set()
        self._writing: set[str] = set()
        self._whole: list[Profile] = []  # of those being written, who is not merely stamped

    def __getitem__(self, person: str) -> Profile:
        """The profile of somebody loaded."""
        try:
            return self._people[person]
        except KeyError:
            raise BrokenError(
                f'the profile of "{person[:80]}" was used before it was loaded; '
                "expected `missing` and `load` to be called first"
            ) from None

    def missing(self, people: Iterable[str]) -> list[str]:
        """Which of these people, and of their kin, are not loaded. All of them stay until the next call."""
        loaded = self._people
        met: dict[str, bool] = {}
        waiting: list[str] = []
        for key in people:
            if key and key not in met:
                profile = loaded.pop(key, None)
                met[key] = profile is None
                if profile is not None:
                    loaded[key] = profile  # used now, so the last to leave
                    if profile.kin or profile.slots or profile.claims:
                        waiting += (*profile.kin, *profile.slots.values(), *profile.claims)
        while waiting:
            key = waiting.pop()
            if key not in met:
                profile = loaded.pop(key, None)
                met[key] = profile is None
                if profile is not None:
                    loaded[key] = profile  # used now, so the last to leave
                    waiting += (*profile.kin, *profile.slots.values()) if profile.slots else profile.kin
        self._asked = len(met)
        return [key for key, is_missing in met.items() if is_missing]

    def load(self, people: Iterable[str], bodies: Mapping[str, bytes]) -> None:
        """Take people in; those without a body are new."""
        for key in people:
            if key not in self._people:
                self._people[key] = decode(bodies.get(key, b""), self.epoch)
        if len(self._people) > max(self._most, self._asked):
            self._make_room()

    def kin(self, profile: Profile) -> dict[str, Profile]:
        """Everybody who may be the same profile, kin of kin included."""
        met: dict[str, Profile] = {}
        waiting = list(profile.kin)
        while waiting:
            key = waiting.pop()
            if key not in met and (kin := self[key]) is not profile:
                met[key] = kin
                waiting += kin.kin
        return met

    def refresh(self) -> None:
        """Forget the values of everybody, loaded or not."""
        self.epoch += 1
        for profile in self._people.values():
            profile.forget()
            profile.epoch = self.epoch

    def change(self, people: Iterable[str]) -> None:
        """Keep in mind to write these people down."""
        self._changed.update(people)

    def changed(self, stamps: dict[str, bytes] | None = None) -> dict[str, bytes]:
        """What to write: person -> body, b"" to remove; `written` must follow.

        stamps  takes the stamp of those whose body stays; without it everybody comes with a body
        """
        self._writing |= self._changed
        self._changed, self._whole = set(), []
        bodies = {}
        for key in self._writing:
            profile = self._people[key]
            if stamps is not None and (stamp := profile.stamp()):
                stamps[key] = stamp
            else:
                bodies[key] = profile.encode()
                self._whole.append(profile)
        return bodies

    def written(self, *, ok: bool) -> None:
        """Learn whether it was written."""
        if not ok:
            self._changed |= self._writing
        for profile in self._whole:
            profile.keep(ok=ok)
        self._writing, self._whole = set(), []

    def _make_room(self) -> None:
        excess = len(self._people) - max(self._most, self._asked)
        old = min(2 * excess, len(self._people) - self._asked)  # those asked for last are at the end
        for key in list(islice(self._people, old)):
            if key in self._changed or key in self._writing or self._people[key].flying:
                continue
            del self._people[key]
            excess -= 1
            if not excess:
                return
