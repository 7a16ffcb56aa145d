"""Subscription groups: states set by person, email or phone, and read back.

Source  Braze docs, "Update user's subscription group status" (v1, v2), "List user's subscription group
        status", "List user's subscription groups", read 2026-11-23
An address or number several people share changes all of them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from segue.sandbox.aliases import IDS
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.person import Membership, Person
from segue.sandbox.texts import Refused
from segue.sandbox.workspace import Workspace

STATES = frozenset({"subscribed", "unsubscribed"})
GLOBAL_STATES = {"email_subscribe": "email", "push_subscribe": "push"}
"""The fields that hold somebody's state for a whole channel."""
Order = tuple[str, str, list[str], list[str], list[str]]
"""group id, state, external ids, emails, phones"""


def set_status(call: Call) -> Reply:
    """Set one group's state (v1: `external_id`, `email`, `phone`, each one or a list)."""
    document = call.document
    order = _order(
        call, document, _list(document, "external_id"), _list(document, "email"), _list(document, "phone")
    )
    return _set(call, [order])


def set_status_v2(call: Call) -> Reply:
    """Set several groups' states (v2: `external_ids`, `emails`, `phones` in each entry)."""
    entries = call.document.get("subscription_groups")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise Refused("array-required", "subscription_groups")
    return _set(
        call,
        [
            _order(call, entry, _list(entry, "external_ids"), _list(entry, "emails"), _list(entry, "phones"))
            for entry in entries
        ],
    )


def get_status(call: Call) -> Reply:
    """One group's state of each id asked for: Subscribed, Unsubscribed or Unknown."""
    asked = call.parameters()
    group_id = next(iter(asked.get("subscription_group_id", [])), "")
    if group_id not in call.workspace.groups:
        raise Refused("subscription-group")
    status: dict[str, str] = {}
    for shown, people in _asked(call, asked):
        states = [person.groups[group_id].state for person in people if group_id in person.groups]
        status[shown] = states[0].capitalize() if states else "Unknown"
    return reply(200, {"status": status, "message": "success"})


def user_status(call: Call) -> Reply:
    """The groups in each person's history; in the documented shape or nested by user."""
    asked = call.parameters()
    limit = _number(asked, "limit", 100, 100)
    offset = _number(asked, "offset", 0, 10**9)
    found = {person.braze_id: person for _, people in _asked(call, asked) for person in people}
    if call.world.switches.subscription_user_shape == "documented":
        listed = [
            {"subscription_group_id": group_id, "subscription_status": membership.state.capitalize()}
            for person in found.values()
            for group_id, membership in person.groups.items()
        ]
        return reply(200, {"success": True, "subscription_groups": listed[offset : offset + limit]})
    users = [_nested(call, person) for person in found.values()]
    return reply(200, {"message": "success", "users": users[offset : offset + limit]})


def _set(call: Call, orders: list[Order]) -> Reply:
    call.objects = call.accepted = len(orders)
    call.world.apply_later(call, lambda now_ms: _apply(call, orders, now_ms))
    return reply(201, {"message": "success"})


def _apply(call: Call, orders: Iterable[Order], now_ms: int) -> None:
    people = call.workspace.people
    for group_id, state, external_ids, emails, phones in orders:
        found: list[Person] = []
        for external_id in external_ids:
            if (person := people.by_external_id(external_id)) is not None:
                found.append(person)
        found += [person for email in emails for person in people.with_email(email)]
        found += [person for phone in phones for person in people.with_phone(phone)]
        if not found:
            call.warn("nobody", "subscription", f"nobody to set group {group_id} for")
        set_state(call.workspace, found, group_id, state, now_ms, source="REST API")


def set_state(
    workspace: Workspace, people: Iterable[Person], group_id: str, state: str, now_ms: int, *, source: str
) -> None:
    """Set a group's state for people, and tell Currents; `source` is Currents' `state_change_source`."""
    group = workspace.groups.get(group_id)
    channel = group.channel if group is not None else "email"
    for person in people:
        person.groups[group_id] = Membership(state, now_ms)
        told = {
            "subscription_group_id": group_id,
            "subscription_status": state.capitalize(),
            "channel": channel,
            "channel_identifier": person.fields.get("email" if channel == "email" else "phone"),
            "state_change_source": source,
        }
        workspace.emit("users.behaviors.subscriptiongroup.StateChange", person, now_ms, told)


def tell_global_state(
    workspace: Workspace, person: Person, name: str, state: str, now_ms: int, source: str
) -> None:
    """Tell Currents that somebody's email or push subscription changed."""
    told = {
        "subscription_status": state.replace("_", " ").title(),
        "channel": GLOBAL_STATES[name],
        "channel_identifier": person.fields.get("email") if name == "email_subscribe" else None,
        "state_change_source": source,
    }
    workspace.emit("users.behaviors.subscription.GlobalStateChange", person, now_ms, told)


def _order(
    call: Call, entry: Mapping[str, Any], external_ids: list[str], emails: list[str], phones: list[str]
) -> Order:
    group_id, state = entry.get("subscription_group_id"), entry.get("subscription_state")
    if not isinstance(group_id, str) or group_id not in call.workspace.groups:
        raise Refused("subscription-group")
    if not isinstance(state, str) or state not in STATES:
        raise Refused("subscription-state")
    if emails and phones:
        raise Refused("email-or-phone")
    if not (external_ids or emails or phones):
        raise Refused("subscription-recipient")
    note_double_opt_in(call, entry, "subscription_groups")
    return group_id, state, external_ids, emails, phones


def note_double_opt_in(call: Call, entry: Mapping[str, Any], where: str) -> None:
    """Say that nobody is asked to confirm: here they are subscribed at once."""
    if entry.get("use_double_opt_in_logic") is True and entry.get("subscription_state") == "subscribed":
        call.warn("double-opt-in", where, "nobody is asked to confirm here; subscribed at once")


def _list(entry: Mapping[str, Any], name: str) -> list[str]:
    value = entry.get(name)
    if value is None or value == "":
        return []
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str) for part in values):
        raise Refused("not-valid", name)
    if len(values) > IDS:
        raise Refused("too-many-ids")
    return values


def _asked(call: Call, asked: Mapping[str, list[str]]) -> list[tuple[str, list[Person]]]:
    """Who a query asks for, each with how they were named.

    Raises Refused: nobody named, too many, or email and phone without an external id.
    """
    external_ids, emails, phones = (asked.get(name, []) for name in ("external_id", "email", "phone"))
    if emails and phones and not external_ids:
        raise Refused("email-or-phone")
    if not (external_ids or emails or phones):
        raise Refused("subscription-recipient")
    if max(len(external_ids), len(emails), len(phones)) > IDS:
        raise Refused("too-many-ids")
    people = call.workspace.people
    named = [
        (external_id, [person] if (person := people.by_external_id(external_id)) else [])
        for external_id in external_ids
    ]
    named += [(email, people.with_email(email)) for email in emails]
    return named + [(phone, people.with_phone(phone)) for phone in phones]


def _nested(call: Call, person: Person) -> dict[str, Any]:
    groups = call.workspace.groups
    return {
        "email": person.fields.get("email"),
        "phone": person.fields.get("phone"),
        "external_id": person.external_id,
        "subscription_groups": [
            {
                "id": group_id,
                "name": groups[group_id].name if group_id in groups else group_id,
                "channel": groups[group_id].channel if group_id in groups else "email",
                "status": membership.state.capitalize(),
            }
            for group_id, membership in person.groups.items()
        ],
    }


def _number(asked: Mapping[str, list[str]], name: str, default: int, most: int) -> int:
    text = next(iter(asked.get(name, [])), str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Refused("unknown-parameter", name)
    return min(int(text), most)
