"""Who an object is about: its identifier read, the person found or made.

Source  Braze docs, "Track users", "External user ID", "User alias object", read 2026-11-23
Primary identifiers: external_id, user_alias, braze_id, one at most. Email, then phone, look somebody up
only where no primary is given. Among several who share one, an identified profile wins, then the latest
updated.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from segue.sandbox.people import People
from segue.sandbox.person import Person
from segue.sandbox.texts import Refused
from segue.sandbox.workspace import Workspace

EXTERNAL_ID_BYTES = 987
PRIORITIES = frozenset({"identified", "unidentified", "most_recently_updated", "least_recently_updated"})
_EMAIL = re.compile(r"^[^@\s\"<>(),;:\\]+@[^@\s\"<>(),;:\\]+\.[^@\s\"<>(),;:\\.]+$")
_PHONE = re.compile(r"^\+?[0-9](?:[ .()/-]{0,2}[0-9]){5,14}$")


class Target(NamedTuple):
    """An identifier: kind is external_id, user_alias, braze_id, email or phone."""

    kind: str
    value: str
    label: str = ""
    """Label of an alias, whose name is the value."""


def target_of(item: Mapping[str, Any], workspace: Workspace, *, strict: bool = False) -> Target:
    """The identifier of an object.

    strict  whether an identifier that is not quite one is refused rather than read or passed over
    Raises Refused: none, two primaries, an id that is too long or blocked, a bad email or phone.
    """
    if strict:
        _hold_strictly(item)
    external_id = item.get("external_id")
    if type(external_id) is not str:
        external_id = _as_text(external_id)
    others = "user_alias" in item or "braze_id" in item
    if external_id and not others:
        return checked_external(external_id, workspace)
    primaries = [checked_external(external_id, workspace)] if external_id else []
    if others:
        if (alias := alias_of(item.get("user_alias"))) is not None:
            primaries.append(Target("user_alias", *alias))
        braze_id = item.get("braze_id")
        if isinstance(braze_id, str) and braze_id:
            primaries.append(Target("braze_id", braze_id))
    if len(primaries) > 1:
        raise Refused("two-identifiers")
    if primaries:
        return primaries[0]
    return _secondary(item)


def checked_external(external_id: str, workspace: Workspace) -> Target:
    """An external id as a target.

    Raises Refused: over 987 bytes, or blocked as a dummy user.
    """
    if len(external_id) > 246 and len(external_id.encode()) > EXTERNAL_ID_BYTES:
        raise Refused("external-id-too-long")
    if external_id in workspace.blocked_ids:
        raise Refused("external-id-blocked")
    return Target("external_id", external_id)


def alias_of(value: object) -> tuple[str, str] | None:
    """(name, label) of a whole `{"alias_name": …, "alias_label": …}`, else None: half an alias is none."""
    if not isinstance(value, dict):
        return None
    name, label = value.get("alias_name"), value.get("alias_label")
    if isinstance(name, str) and isinstance(label, str) and name and label:
        return name, label
    return None


def is_email(value: object) -> bool:
    """Whether it is an address we would accept."""
    return isinstance(value, str) and len(value) <= 255 and _EMAIL.match(value) is not None


def is_phone(value: object) -> bool:
    """Whether it reads as a phone number: 6 to 15 digits, separators allowed."""
    return isinstance(value, str) and _PHONE.match(value) is not None


def find(people: People, target: Target) -> Person | None:
    """The person a target names; among several by email or phone the preferred one."""
    match target.kind:
        case "external_id":
            return people.by_external_id(target.value)
        case "user_alias":
            return people.by_alias(target.value, target.label)
        case "braze_id":
            return people.by_braze_id.get(target.value)
        case "email":
            return _preferred(people.with_email(target.value))
        case _:
            return _preferred(people.with_phone(target.value))


def make(people: People, target: Target, now_ms: int) -> Person | None:
    """A new person with that identifier; None for a braze_id, which nobody can choose."""
    match target.kind:
        case "external_id":
            return people.create(now_ms, external_id=target.value)
        case "user_alias":
            return people.create(now_ms, alias=(target.value, target.label))
        case "email":
            person = people.create(now_ms)
            people.set_email(person, target.value)
            return person
        case "phone":
            person = people.create(now_ms)
            people.set_phone(person, target.value)
            return person
        case _:
            return None


def may_create(item: Mapping[str, Any], target: Target, *, alias_can_create: bool = True) -> bool:
    """Whether an unknown target may become a new profile, by `_update_existing_only`.

    Left out, it is false for everything but an alias, where only a plain `false` creates.
    """
    flag = item.get("_update_existing_only")
    if target.kind == "user_alias":
        return alias_can_create and flag in (False, "false")
    return flag not in (True, "true")


def priorities_of(value: object, words: frozenset[str] = PRIORITIES) -> list[str]:
    """A `prioritization` list.

    words  what it may hold

    Raises Refused: missing, empty, unknown words, or both identified and unidentified.
    """
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        raise Refused("prioritization")
    if not words.issuperset(value) or {"identified", "unidentified"} <= set(value):
        raise Refused("prioritization")
    return value


def prefer(found: Sequence[Person], priorities: Sequence[str]) -> Person | None:
    """The one person a prioritization leaves; None when none or several are left."""
    left = list(found)
    for word in priorities:
        if len(left) <= 1:
            break
        match word:
            case "identified":
                left = [person for person in left if person.is_identified]
            case "unidentified":
                left = [person for person in left if not person.is_identified]
            case "most_recently_updated":
                latest = max(person.updated_ms for person in left)
                left = [person for person in left if person.updated_ms == latest][-1:]
            case _:
                earliest = min(person.updated_ms for person in left)
                left = [person for person in left if person.updated_ms == earliest][:1]
    return left[0] if len(left) == 1 else None


def candidate(people: People, target: Target, priorities: Sequence[str]) -> Person | None:
    """The one profile a target and its prioritization lead to."""
    if target.kind == "email":
        return prefer(people.with_email(target.value), priorities)
    if target.kind == "phone":
        return prefer(people.with_phone(target.value), priorities)
    return find(people, target)


def _preferred(found: Sequence[Person]) -> Person | None:
    if len(found) < 2:
        return found[0] if found else None
    identified = [person for person in found if person.is_identified]
    return max(identified or found, key=lambda person: person.updated_ms)


def _secondary(item: Mapping[str, Any]) -> Target:
    email = item.get("email")
    if email is not None and email != "":
        if not is_email(email):
            raise Refused("email-not-valid")
        return Target("email", email)
    phone = item.get("phone")
    if phone is not None and phone != "":
        if not is_phone(phone):
            raise Refused("phone-not-valid")
        return Target("phone", phone)
    raise Refused("no-identifier")


def _hold_strictly(item: Mapping[str, Any]) -> None:
    external_id, alias = item.get("external_id"), item.get("user_alias")
    if external_id is not None and (not isinstance(external_id, str) or not external_id):
        raise Refused("not-valid", "external_id")
    if alias is not None and alias_of(alias) is None:
        raise Refused("not-valid", "user_alias")


def _as_text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return str(value)
