"""POST /users/identify: an alias-only, email-only or phone-only profile gets an external id.

Source  Braze docs, "Identify users", read 2026-11-23
Nobody with that external id: the profile simply receives it. Somebody: the two become one, unless they
both hold an alias with the same label, then nothing is combined.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from segue.sandbox import identity, merging
from segue.sandbox.aliases import entries_of, note_entry
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.identity import Target
from segue.sandbox.texts import Refused

ARRAYS: Mapping[str, tuple[str, str]] = {
    "aliases_to_identify": ("user_alias", "aliases_processed"),
    "emails_to_identify": ("email", "emails_processed"),
    "phone_numbers_to_identify": ("phone", "phone_numbers_processed"),
}
"""Array to the key of its entries and the counter of its answer."""
_KIND, _COUNTER = 0, 1


class Order(NamedTuple):
    """One entry: give whoever the target names that external id."""

    external_id: str
    target: Target
    priorities: Sequence[str]


def identify(call: Call) -> Reply:
    """Attach external ids to profiles that lack one."""
    if not any(isinstance(call.document.get(name), list) for name in ARRAYS):
        raise Refused("identify-array-required")
    orders: list[Order] = []
    answer: dict[str, Any] = {}
    for name, (kind, counter) in ARRAYS.items():
        if name not in call.document:
            continue
        entries = entries_of(call, name, required=False)
        call.objects += len(entries)
        found = [order for index, entry in enumerate(entries) if (order := _read(call, entry, kind, index))]
        orders += found
        answer[counter] = len(found)
    call.accepted = len(orders)
    fields = call.document.get("merge_behavior") != "none"
    call.world.apply_later(call, lambda now_ms: _apply(call, orders, fields, now_ms))
    answer["message"] = "success"
    if call.problems:
        answer["errors"] = call.problems
    return reply(201, answer)


def _read(call: Call, entry: Any, kind: str, index: int) -> Order | None:
    try:
        return _order(call, entry, kind)
    except Refused as refusal:
        note_entry(call, refusal, "user_identifiers", index)
        return None


def _order(call: Call, entry: Any, kind: str) -> Order:
    external_id = entry.get("external_id") if isinstance(entry, dict) else None
    if not isinstance(external_id, str) or not external_id:
        raise Refused("external-id-required")
    identity.checked_external(external_id, call.workspace)
    value = entry.get(kind)
    if kind == "user_alias":
        alias = identity.alias_of(value)
        if alias is None:
            raise Refused("required", "user_alias")
        return Order(external_id, Target(kind, *alias), ())
    if kind == "email" and not identity.is_email(value):
        raise Refused("email-not-valid")
    if kind == "phone" and not identity.is_phone(value):
        raise Refused("phone-not-valid")
    return Order(external_id, Target(kind, str(value)), identity.priorities_of(entry.get("prioritization")))


def _apply(call: Call, orders: Sequence[Order], fields: bool, now_ms: int) -> None:
    workspace = call.workspace
    for external_id, target, priorities in orders:
        found = identity.candidate(workspace.people, target, priorities)
        if found is None:
            call.warn("nobody", "identify", f"no single profile for this {target.kind}; nothing was done")
            continue
        known = workspace.people.by_external_id(external_id)
        if known is None and found.external_id is None:
            workspace.people.name(found, external_id)
            found.updated_ms = now_ms
        elif known is None or known is found or found.external_id is not None:
            if known is not found:
                call.warn("already-identified", "identify", "the profile has another external_id")
        elif known.aliases.keys() & found.aliases.keys():
            call.warn("same-label", "identify", "both profiles have an alias of that label; not combined")
        else:
            merging.combine(workspace, found, known, now_ms, fields=fields)
