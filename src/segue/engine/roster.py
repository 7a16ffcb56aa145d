"""Roster: the people of one destination who are in memory; all of them are in its state.

Whoever was asked for last leaves last. Those who changed since the last checkpoint, or have something on
their way, do not leave.

Nearly everybody is sealed (`segue.engine.sealed`), and opened only when somebody asks for their profile. The
words of those sealed before the last checkpoint are written down, so a stamp says what changed since.
"""

from collections.abc import Iterable, Mapping
from itertools import islice

from segue.engine.profile import Prepared, Profile, decode, unsealed
from segue.engine.sealed import ALONE, RELATED, marks, patched, rest_of, stamp_of, stamped
from segue.model.errors import BrokenError


class Roster:
    """People by their key.

    most   in memory; those who may not leave come on top
    epoch  number of the last refresh of everybody
    """

    def __init__(self, most: int, epoch: int) -> None:
        self.epoch = epoch
        self._marks = marks(epoch)
        self._most = most
        self._asked = 0
        self._people: dict[str, Profile | bytes] = {}
        self._changed: set[str] = set()
        self._writing: set[str] = set()
        self._new: set[str] = set()  # sealed in words that are not written
        self._new_writing: set[str] = set()
        self._whole: list[Profile] = []  # of those being written, who is neither sealed nor merely stamped

    def __getitem__(self, person: str) -> Profile:
        """The profile of somebody loaded."""
        try:
            found = self._people[person]
        except KeyError:
            raise BrokenError(
                f'the profile of "{person[:80]}" was used before it was loaded; '
                "expected `missing` and `load` to be called first"
            ) from None
        if isinstance(found, bytes):
            found = self._people[person] = unsealed(found, self.epoch)
        return found

    def at_rest(self, person: str) -> bytes | None:
        """Somebody loaded who is sealed, with nothing on its way to them; else None."""
        found = self._people.get(person)
        if isinstance(found, bytes):
            return found
        if found is None or not found.is_at_rest or (sealed := found.sealed) is None:
            return None
        self._people[person] = sealed
        return sealed

    def is_alone(self, person: str) -> bool:
        """Whether somebody is sealed and has no other name, for all that is known."""
        found = self._people.get(person)
        return isinstance(found, bytes) and found[:1] == ALONE

    def missing(self, people: Iterable[str]) -> list[str]:
        """Which of these people, and of their kin, are not loaded. All of them stay until the next call."""
        loaded = self._people
        met: dict[str, bool] = {}
        waiting: list[str] = []
        for key in people:
            if key and key not in met:
                found = loaded.pop(key, None)
                met[key] = found is None
                if found is not None:
                    loaded[key] = found  # used now, so the last to leave
                    if isinstance(found, bytes):
                        if found[:1] == RELATED:
                            waiting += _related(found)
                    elif found.kin or found.slots or found.claims:
                        waiting += _related(found)
        while waiting:
            key = waiting.pop()
            if key not in met:
                found = loaded.pop(key, None)
                met[key] = found is None
                if found is not None:
                    loaded[key] = found  # used now, so the last to leave
                    waiting += _related(found, with_claims=False)
        self._asked = len(met)
        return [key for key, is_missing in met.items() if is_missing]

    def load(self, people: Iterable[str], bodies: Mapping[str, bytes]) -> None:
        """Take people in; those without a body are new."""
        loaded, known = self._people, self._marks
        for key in people:
            if key not in loaded:
                body = bodies.get(key, b"")
                if body[:5] in known or (body := stamped(body))[:5] in known:
                    loaded[key] = body
                else:
                    loaded[key] = decode(body, self.epoch)
        if len(loaded) > max(self._most, self._asked):
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
        for key in self._people:
            profile = self[key]
            profile.forget()
            profile.epoch = self.epoch + 1
        self.epoch += 1
        self._marks = marks(self.epoch)

    def change(self, people: Iterable[str]) -> None:
        """Keep in mind to write these people down."""
        self._changed.update(people)

    def renew(self, person: str, sealed: bytes, *, is_new: bool = False) -> None:
        """Somebody is sealed like this now. is_new: in other words than before."""
        self._people[person] = sealed
        self._changed.add(person)
        if is_new:
            self._new.add(person)

    def patch(self, profile: Profile, prepared: Prepared) -> bool:
        """What was told somebody anew at a glance has arrived; false when something else happened to them
        since."""
        sealed = prepared.sealed
        if prepared.is_void or profile.latest != prepared.when or profile.sealed is not sealed:
            return False
        found, is_new = patched(sealed, prepared.when, prepared.said, prepared.news)
        self.renew(prepared.person, found, is_new=is_new)
        return True

    def changed(self, stamps: dict[str, bytes] | None = None) -> dict[str, bytes]:
        """What to write: person -> body, b"" to remove; `written` must follow.

        stamps  takes the stamp of those whose body stays; without it everybody comes with a body
        """
        self._writing |= self._changed
        self._new_writing |= self._new
        self._changed, self._new, self._whole = set(), set(), []
        people, new, bodies = self._people, self._new_writing, dict[str, bytes]()
        for key in self._writing:
            found = people[key]
            sealed = found if isinstance(found, bytes) else found.sealed
            if sealed is not None:  # nearly always
                if stamps is None or key in new:
                    bodies[key] = sealed
                else:
                    stamps[key] = stamp_of(sealed)
                continue
            profile = self[key]
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
            self._new |= self._new_writing
        for profile in self._whole:
            profile.keep(ok=ok)
        self._writing, self._new_writing, self._whole = set(), set(), []

    def _make_room(self) -> None:
        people = self._people
        excess = len(people) - max(self._most, self._asked)
        old = min(2 * excess, len(people) - self._asked)  # those asked for last are at the end
        for key in list(islice(people, old)):
            if key in self._changed or key in self._writing:
                continue
            found = people[key]
            if not isinstance(found, bytes) and found.flying:
                continue
            del people[key]
            excess -= 1
            if not excess:
                return


def _related(found: Profile | bytes, *, with_claims: bool = True) -> list[str]:
    """The names that are, or may be, somebody's too."""
    who = rest_of(found) if isinstance(found, bytes) else found
    kin = () if isinstance(found, bytes) else found.kin
    return [*kin, *who.slots.values(), *(who.claims if with_claims else ())]
