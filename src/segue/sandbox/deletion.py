"""POST /users/delete: profiles removed for good; totals over time stay.

Source  Braze docs, "Delete users", read 2026-11-23
A deprecated external id deletes the whole profile.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from segue.sandbox import identity
from segue.sandbox.aliases import entries_of
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.identity import Target
from segue.sandbox.person import Person
from segue.sandbox.texts import Refused

KINDS: Mapping[str, str] = {
    "external_ids": "external_id",
    "braze_ids": "braze_id",
    "user_aliases": "user_alias",
    "email_addresses": "email",
    "phone_numbers": "phone",
}

PRIORITIES = identity.PRIORITIES - {"least_recently_updated"}


def delete(call: Call) -> Reply:
    """Delete up to 50 profiles named by one kind of identifier."""
    kinds = [name for name in KINDS if call.document.get(name) not in (None, [])]
    if len(kinds) != 1:
        raise Refused("one-kind-of-id")
    name = kinds[0]
    entries = entries_of(call, name)
    call.objects = call.accepted = len(entries)
    found: set[str] = set()
    for index, entry in enumerate(entries):
        person = _find(call, KINDS[name], entry)
        if person is None:
            call.warn("nobody", f"{name}[{index}]", "no single profile; nothing deleted")
        else:
            found.add(person.braze_id)
    call.world.apply_later(call, lambda now_ms: _apply(call, found, KINDS[name], now_ms))
    count = len(entries) if call.world.switches.deleted_count == "sent" else len(found)
    return reply(201, {"deleted": count, "message": "success"})


def _find(call: Call, kind: str, entry: Any) -> Person | None:
    people = call.workspace.people
    if kind == "user_alias":
        alias = identity.alias_of(entry)
        return people.by_alias(*alias) if alias else None
    if kind in ("email", "phone"):
        value = entry.get(kind) if isinstance(entry, dict) else None
        if not isinstance(value, str):
            return None
        try:
            priorities = identity.priorities_of(entry.get("prioritization"), PRIORITIES)
        except Refused:
            return None
        return identity.candidate(people, Target(kind, value), priorities)
    return identity.find(people, Target(kind, entry)) if isinstance(entry, str) else None


def _apply(call: Call, found: Iterable[str], by: str, now_ms: int) -> None:
    people = call.workspace.people
    for braze_id in found:
        person = people.by_braze_id.get(braze_id)
        if person is not None:
            people.remove(person)
            call.workspace.registry.bury(person, by, now_ms)
