"""The partner endpoints through which Segment keeps cohorts: `/partners/segment/cohorts` and `…/users`.

Observed in public client code, not documented for callers. They take no REST key: the body carries the
workspace's Data Import Key as `client_secret`. Unknown people are passed over.
"""

from collections.abc import Mapping
from typing import Any

from segue.sandbox import identity
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.person import Person
from segue.sandbox.texts import Refused
from segue.sandbox.workspace import Cohort


def create(call: Call) -> Reply:
    """Make a cohort known, or rename it."""
    _open(call)
    cohort_id, name = call.document.get("cohort_id"), call.document.get("name")
    if not isinstance(cohort_id, str) or not cohort_id:
        raise Refused("required", "cohort_id")
    if not isinstance(name, str) or not name:
        raise Refused("required", "name")
    created = call.document.get("created_at")
    cohort = Cohort(id=cohort_id, name=name, created_at=created if isinstance(created, str) else None)
    own = call.workspace.furnishing
    own.cohorts = [*(other for other in own.cohorts if other.id != cohort_id), cohort]
    return reply(201, {"message": "success"})


def change(call: Call) -> Reply:
    """Add people to a cohort and take others out."""
    _open(call)
    cohort_id = call.document.get("cohort_id")
    if not isinstance(cohort_id, str) or not cohort_id:
        raise Refused("required", "cohort_id")
    changes = call.document.get("cohort_changes")
    if not isinstance(changes, list) or not all(isinstance(entry, dict) for entry in changes):
        raise Refused("array-required", "cohort_changes")
    call.world.apply_later(call, lambda now_ms: _apply(call, cohort_id, changes))
    return reply(201, {"message": "success"})


def _open(call: Call) -> None:
    secret = call.document.get("client_secret")
    for workspace in call.world.workspaces.values():
        if workspace.furnishing.data_import_key == secret:
            call.held_workspace = workspace
            return
    raise Refused("partner-secret", status=401)


def _apply(call: Call, cohort_id: str, changes: list[Mapping[str, Any]]) -> None:
    for entry in changes:
        leaves = entry.get("should_remove") is True
        for person in _named(call, entry):
            rest = tuple(other for other in person.cohorts if other != cohort_id)
            person.cohorts = rest if leaves else (*rest, cohort_id)


def _named(call: Call, entry: Mapping[str, Any]) -> list[Person]:
    people = call.workspace.people
    found: list[Person | None] = []
    for external_id in _list(entry, "user_ids"):
        found.append(people.by_external_id(external_id) if isinstance(external_id, str) else None)
    for value in _list(entry, "aliases"):
        alias = identity.alias_of(value)
        found.append(people.by_alias(*alias) if alias else None)
    for device_id in _list(entry, "device_ids"):
        found += (people.with_device(device_id) if isinstance(device_id, str) else []) or [None]
    known = [person for person in found if person is not None]
    if len(known) < len(found):
        call.warn("nobody", "cohort_changes", f"{len(found) - len(known)} unknown, passed over")
    return known


def _list(entry: Mapping[str, Any], name: str) -> list[Any]:
    value = entry.get(name)
    return value if isinstance(value, list) else []
