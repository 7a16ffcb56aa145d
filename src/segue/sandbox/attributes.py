"""Attribute objects of /users/track: checked whole, then applied to their person.

Source  Braze docs, "User attributes object", "Track users" (endpoint-specific errors), "Data points",
        read 2026-11-23
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from segue.sandbox import custom, identity
from segue.sandbox.changes import Change, apply_change
from segue.sandbox.dates import SESSION_DATES
from segue.sandbox.exchange import Call
from segue.sandbox.fields import METERED, RESERVED, SKIP, ignored
from segue.sandbox.identity import Target
from segue.sandbox.person import Person
from segue.sandbox.subscriptions import GLOBAL_STATES, set_state, tell_global_state
from segue.sandbox.texts import Refused
from segue.sandbox.tokens import keep_token
from segue.sandbox.workspace import Workspace


class AttributeDeed(NamedTuple):
    """A checked attribute object, ready to apply."""

    target: Target | None
    """None for a push token import, which is about a token rather than a person."""
    create: bool
    fields: dict[str, Any]
    changes: list[Change]
    groups: list[tuple[str, str]]
    tokens: list[dict[str, Any]]
    points: int
    where: str


def check(call: Call, item: Mapping[str, Any], index: int) -> AttributeDeed:
    """What an attribute object asks for.

    Raises Refused for what Braze answers with an error; lenient cases are warnings of the call.
    """
    where = f"attributes[{index}]"
    target = _target(call, item)
    fields: dict[str, Any] = {}
    changes: list[Change] = []
    merge_objects = item.get("_merge_objects") in (True, "true")
    points = 0
    for name, value in item.items():
        reader = RESERVED.get(name)
        if reader is None:
            change = custom.read_change(call, name, value, merge_objects, where)
            if change is not None:
                changes.append(change)
                points += change.points
        elif reader is not ignored:
            kept = reader(call, name, value, where)
            if kept is not SKIP:
                fields[name] = kept
                points += name in METERED
    return AttributeDeed(
        target,
        target is None or identity.may_create(item, target),
        fields,
        changes,
        fields.pop("subscription_groups", None) or [],
        fields.pop("push_tokens", None) or [],
        points,
        where,
    )


def apply(call: Call, workspace: Workspace, deed: AttributeDeed, now_ms: int) -> None:
    """Carry out a checked attribute object."""
    people = workspace.people
    if deed.target is None:
        _import_tokens(workspace, deed, now_ms)
        return
    person = identity.find(people, deed.target)
    if person is None:
        person = identity.make(people, deed.target, now_ms) if deed.create else None
        if person is None:
            call.warn("nobody", deed.where, f"no profile for this {deed.target.kind}, and none was made")
            return
    person.updated_ms = now_ms
    for name, value in deed.fields.items():
        if name in GLOBAL_STATES and value != person.fields.get(name, "subscribed") and workspace.streams:
            tell_global_state(workspace, person, name, value or "subscribed", now_ms, _source(call))
        set_field(workspace, person, name, value)
    if deed.changes:
        lengths = workspace.furnishing.array_lengths
        longest = call.world.switches.array_max_length

        def note(rule: str, detail: str) -> None:
            call.warn(rule, deed.where, detail)

        for change in deed.changes:
            if change.kind == "set" and type(change.value) is not list:
                person.custom[change.name] = change.value
            else:
                apply_change(person.custom, change, lengths.get(change.name, longest), note)
    for group_id, state in deed.groups:
        members = {person.braze_id: person, **_sharing_email(workspace, person)}.values()
        set_state(workspace, members, group_id, state, now_ms, source=_source(call))
    for token in deed.tokens:
        keep_token(workspace, person, token, now_ms)
    person.data_points += deed.points
    workspace.registry.meter("attributes", deed.points, now_ms)


def set_field(workspace: Workspace, person: Person, name: str, value: Any) -> None:
    """Set or clear (None) one of Braze's own fields, indexes included."""
    if name == "email":
        workspace.people.set_email(person, value)
    elif name == "phone":
        workspace.people.set_phone(person, value)
    elif value is None:
        person.fields.pop(name, None)
    else:
        person.fields[name] = value
        workspace.registry.session_dates += name in SESSION_DATES


def _source(call: Call) -> str:
    """What Currents says a change came by: device SDKs have no REST key."""
    return "REST API" if call.key is not None else "SDK"


def _target(call: Call, item: Mapping[str, Any]) -> Target | None:
    if item.get("push_token_import") is True:
        if item.get("external_id") or item.get("braze_id") or not item.get("push_tokens"):
            raise Refused("token-import")
        return None
    return identity.target_of(item, call.workspace, strict=call.world.switches.odd_identifiers == "refuse")


def _sharing_email(workspace: Workspace, person: Person) -> dict[str, Person]:
    """Everyone with this person's address: a group's state follows the address, not the profile."""
    email = person.fields.get("email")
    return {other.braze_id: other for other in workspace.people.with_email(email)} if email else {}


def _import_tokens(workspace: Workspace, deed: AttributeDeed, now_ms: int) -> None:
    fresh = [token for token in deed.tokens if workspace.people.by_token(token["token"]) is None]
    if fresh:
        person = workspace.people.create(now_ms)
        for token in fresh:
            keep_token(workspace, person, token, now_ms)
