"""All persons of one workspace, found by any identifier Braze knows.

Every identifier leads to at most one person, except email and phone, which several may share. Emails are
found without regard to case, phones by their digits.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, MutableMapping

from segue.sandbox.person import Person

PAUSE_AFTER = 1_000
Alias = tuple[str, str]
"""(name, label)"""


class Shared:
    """An identifier several people may have, in memory."""

    def __init__(self) -> None:
        self._people: dict[str, tuple[Person, ...]] = {}

    def find(self, name: str) -> list[Person]:
        """Everyone who has it, in the order of their braze ids."""
        return sorted(self._people.get(name, ()), key=lambda person: person.braze_id)

    def add(self, name: str, person: Person) -> None:
        """One more who has it."""
        self.discard(name, person)
        self._people[name] = (*self._people.get(name, ()), person)

    def discard(self, name: str, person: Person) -> None:
        """One fewer."""
        left = tuple(other for other in self._people.get(name, ()) if other is not person)
        if left:
            self._people[name] = left
        else:
            self._people.pop(name, None)


class People:
    """The persons and their indexes; the only place that adds, removes and renames.

    Where they are kept is the mappings' affair: plain dictionaries, or those of a state file.
    """

    def __init__(
        self,
        profiles: MutableMapping[str, Person] | None = None,
        external: MutableMapping[str, Person] | None = None,
        alias: MutableMapping[Alias, Person] | None = None,
        email: Shared | None = None,
        phone: Shared | None = None,
        device: MutableMapping[str, Person] | None = None,
        token: MutableMapping[str, Person] | None = None,
        owner: Shared | None = None,
    ) -> None:
        self.by_braze_id: MutableMapping[str, Person] = {} if profiles is None else profiles
        self._external: MutableMapping[str, Person] = {} if external is None else external
        self._alias: MutableMapping[Alias, Person] = {} if alias is None else alias
        self._email = Shared() if email is None else email
        self._phone = Shared() if phone is None else phone
        self._device: MutableMapping[str, Person] = {} if device is None else device
        self._token: MutableMapping[str, Person] = {} if token is None else token
        self._owner = Shared() if owner is None else owner
        self.born: Callable[[Person], None] | None = None
        """Told of every new profile, if anybody wants to know."""
        self.created = 0
        """Profiles ever made; also the running number in a braze_id."""

    def __len__(self) -> int:
        return len(self.by_braze_id)

    def __iter__(self) -> Iterator[Person]:
        """Everybody, to look at; who is to be changed must be found by an identifier."""
        look: Callable[[], Iterable[Person]] = getattr(self.by_braze_id, "look", self.by_braze_id.values)
        return iter(look())

    async def stroll(self) -> AsyncIterator[Person]:
        """Everybody, to look at, letting others work in between: for reports over very many."""
        is_filed = hasattr(self.by_braze_id, "look")
        for place, person in enumerate(self if is_filed else list(self)):
            if place % PAUSE_AFTER == PAUSE_AFTER - 1:
                await asyncio.sleep(0)
            yield person

    # -- finding

    def by_external_id(self, external_id: str) -> Person | None:
        """The person with that external id, current or deprecated."""
        return self._external.get(external_id)

    def by_alias(self, name: str, label: str) -> Person | None:
        """The person with that alias."""
        return self._alias.get((name, label))

    def by_device(self, device_id: str) -> Person | None:
        """The visitor of a device: who acts on it without a user id."""
        return self._device.get(device_id)

    def with_device(self, device_id: str) -> list[Person]:
        """Everyone a device is known of, visitor or not."""
        return self._owner.find(device_id)

    def by_token(self, token: str) -> Person | None:
        """The person with that push token."""
        return self._token.get(token)

    def with_email(self, email: str) -> list[Person]:
        """Everyone with that address."""
        return self._email.find(email.lower())

    def with_phone(self, phone: str) -> list[Person]:
        """Everyone with that number."""
        return self._phone.find(digits(phone))

    # -- changing

    def create(
        self,
        now_ms: int,
        *,
        external_id: str | None = None,
        alias: Alias | None = None,
        braze_id: str | None = None,
    ) -> Person:
        """A new profile: 24 hexadecimal digits of id, a random bucket that follows from it."""
        self.created += 1
        name = braze_id or f"{now_ms // 1000 & 0xFFFFFFFF:08x}5e90e000{self.created:08x}"
        person = Person(name, now_ms, now_ms, zlib.crc32(name.encode()) % 10_000)
        self.by_braze_id[name] = person
        if external_id is not None:
            self.name(person, external_id)
        if alias is not None:
            self.add_alias(person, *alias)
        if self.born is not None:
            self.born(person)
        return person

    def insert(self, person: Person) -> None:
        """Take in a person made elsewhere (a seed, a snapshot) and index them."""
        self.by_braze_id[person.braze_id] = person
        for external_id in (*person.deprecated_external_ids, person.external_id):
            if external_id is not None:
                self._external[external_id] = person
        for label, name in person.aliases.items():
            self._alias[name, label] = person
        for device_id in person.anonymous_devices:
            self._device[device_id] = person
        person.push_tokens = tuple(token for token in person.push_tokens if _is_token(token))
        for token in person.push_tokens:
            self._token[token["token"]] = person
        self.relist_devices(person, set())
        self._list(self._email, (person.fields.get("email") or "").lower(), person)
        self._list(self._phone, digits(person.fields.get("phone") or ""), person)

    def remove(self, person: Person) -> None:
        """Forget a person and every way to them; the profile last, since the ways lead to it."""
        for external_id in (*person.deprecated_external_ids, person.external_id):
            if external_id is not None and self._external.get(external_id) is person:
                del self._external[external_id]
        for label, name in person.aliases.items():
            if self._alias.get((name, label)) is person:
                del self._alias[name, label]
        for device_id in person.anonymous_devices:
            if self._device.get(device_id) is person:
                del self._device[device_id]
        for token in person.push_tokens:
            self.unlist_token(person, token["token"])
        for device_id in person.device_ids:
            self._owner.discard(device_id, person)
        self._unlist(self._email, (person.fields.get("email") or "").lower(), person)
        self._unlist(self._phone, digits(person.fields.get("phone") or ""), person)
        self.by_braze_id.pop(person.braze_id, None)

    def name(self, person: Person, external_id: str) -> None:
        """Give a person an external id nobody has."""
        person.external_id = external_id
        self._external[external_id] = person

    def settle_on(self, person: Person, device_id: str) -> None:
        """Make a person the visitor of a device, instead of whoever was."""
        before = self._device.get(device_id)
        if before is not None and before is not person:
            before.anonymous_devices = tuple(held for held in before.anonymous_devices if held != device_id)
        if device_id not in person.anonymous_devices:
            person.anonymous_devices += (device_id,)
        self._device[device_id] = person

    def rename(self, person: Person, new_external_id: str) -> None:
        """Change an external id; the old one stays valid, deprecated."""
        if person.external_id is not None:
            person.deprecated_external_ids += (person.external_id,)
        self.name(person, new_external_id)

    def forget_deprecated(self, person: Person, external_id: str) -> None:
        """Drop a deprecated external id."""
        person.deprecated_external_ids = tuple(
            other for other in person.deprecated_external_ids if other != external_id
        )
        del self._external[external_id]

    def relist_devices(self, person: Person, before: set[str]) -> None:
        """Let devices lead to whom they are known of, after a person's devices or push tokens changed.

        before  the person's `device_ids` as they were
        """
        now = person.device_ids
        for device_id in before - now:
            self._owner.discard(device_id, person)
        for device_id in now:
            self._owner.add(device_id, person)

    def list_token(self, person: Person, token: str) -> None:
        """Let a push token lead to a person."""
        self._token[token] = person

    def unlist_token(self, person: Person, token: str) -> None:
        """Let a push token of a person lead nowhere."""
        if self._token.get(token) is person:
            del self._token[token]

    def add_alias(self, person: Person, name: str, label: str) -> bool:
        """Give a person an alias; False when somebody has it or their label is taken."""
        if (name, label) in self._alias or label in person.aliases:
            return False
        person.aliases[label] = name
        self._alias[name, label] = person
        return True

    def change_alias(self, old_name: str, label: str, new_name: str) -> bool:
        """Give an alias another name; False when there is none or the new one is taken."""
        person = self._alias.get((old_name, label))
        if person is None or (new_name, label) in self._alias:
            return False
        del self._alias[old_name, label]
        person.aliases[label] = new_name
        self._alias[new_name, label] = person
        return True

    def set_email(self, person: Person, email: str | None) -> None:
        """Set or clear the address and its index."""
        if person.fields.get("email") == email:
            return
        self._unlist(self._email, (person.fields.get("email") or "").lower(), person)
        _put(person, "email", email)
        self._list(self._email, (email or "").lower(), person)

    def set_phone(self, person: Person, phone: str | None) -> None:
        """Set or clear the number and its index."""
        if person.fields.get("phone") == phone:
            return
        self._unlist(self._phone, digits(person.fields.get("phone") or ""), person)
        _put(person, "phone", phone)
        self._list(self._phone, digits(phone or ""), person)

    @staticmethod
    def _list(index: Shared, key: str, person: Person) -> None:
        if key:
            index.add(key, person)

    @staticmethod
    def _unlist(index: Shared, key: str, person: Person) -> None:
        if key:
            index.discard(key, person)


def _is_token(token: dict[str, object]) -> bool:
    """Whether a snapshot's push token has all that one needs."""
    return all(isinstance(token.get(name), str) for name in ("app_id", "token", "device_id"))


def digits(phone: str) -> str:
    """A phone number's digits, by which numbers are compared."""
    return "".join(filter(str.isdigit, phone))


def _put(person: Person, field: str, value: str | None) -> None:
    if value is None:
        person.fields.pop(field, None)
    else:
        person.fields[field] = value
