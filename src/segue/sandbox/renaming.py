"""Names changed after the fact: aliases updated, external ids renamed and their old forms removed.

Source  Braze docs, "Update user alias", "Rename external ID", "Remove external ID", read 2026-11-23
A renamed external id stays valid, deprecated, until it is removed.
"""

from collections.abc import Callable
from typing import Any

from segue.sandbox.aliases import IDS, entries_of, note_entry
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.identity import EXTERNAL_ID_BYTES
from segue.sandbox.texts import Refused


def update_aliases(call: Call) -> Reply:
    """Give aliases other names; what is not found stays undone, without an error."""
    work: list[tuple[str, str, str]] = []
    entries = entries_of(call, "alias_updates")
    call.objects = len(entries)
    for index, entry in enumerate(entries):
        try:
            work.append(_alias_update(entry))
        except Refused as refusal:
            note_entry(call, refusal, "alias_updates", index)
    call.accepted = len(work)

    def apply(now_ms: int) -> None:
        for old, label, new in work:
            if not call.workspace.people.change_alias(old, label, new):
                call.warn(
                    "alias-not-changed", "alias_updates", f"alias {label}:{old} is unknown or {new} taken"
                )

    call.world.apply_later(call, apply)
    is_counted = call.world.switches.alias_update_answer == "counted"
    answer: dict[str, Any] = {"aliases_processed": len(work)} if is_counted else {}
    answer["message"] = "success"
    if call.problems:
        answer["errors"] = call.problems
    return reply(201, answer)


def rename_external_ids(call: Call) -> Reply:
    """Rename primary external ids to ids nobody has or had."""
    people = call.workspace.people

    def rename(entry: Any) -> str:
        current = entry.get("current_external_id") if isinstance(entry, dict) else None
        new = entry.get("new_external_id") if isinstance(entry, dict) else None
        person = people.by_external_id(current) if isinstance(current, str) else None
        if person is None or person.external_id != current:
            raise Refused("rename-unknown")
        if not isinstance(new, str) or not new or new == current:
            raise Refused("rename-same")
        if len(new.encode()) > EXTERNAL_ID_BYTES:
            raise Refused("external-id-too-long")
        if people.by_external_id(new) is not None:
            raise Refused("rename-in-use")
        people.rename(person, new)
        return new

    done, errors = _each(call, "external_id_renames", "rename-array", rename)
    answer: dict[str, Any] = {"message": "success", "external_ids": done}
    return reply(201, answer | ({"rename_errors": errors} if errors else {}))


def remove_external_ids(call: Call) -> Reply:
    """Remove deprecated external ids; a primary one cannot be removed."""
    people = call.workspace.people

    def remove(entry: Any) -> str:
        person = people.by_external_id(entry) if isinstance(entry, str) else None
        if person is None or entry not in person.deprecated_external_ids:
            raise Refused("remove-not-deprecated", str(entry)[:80])
        people.forget_deprecated(person, entry)
        return str(entry)

    done, errors = _each(call, "external_ids", "remove-array", remove)
    answer: dict[str, Any] = {"message": "success", "removed_ids": done}
    return reply(201, answer | ({"removal_errors": errors} if errors else {}))


def _each(call: Call, name: str, rule: str, act: Callable[[Any], str]) -> tuple[list[str], list[list[Any]]]:
    """Do something with each entry at once; errors as [index, text].

    These take effect before the answer, which says for each id whether it was done. A world that keeps
    nothing has no ids to change.
    """
    entries = call.document.get(name)
    if not isinstance(entries, list) or not entries:
        raise Refused(rule)
    if len(entries) > IDS:
        raise Refused("too-many-ids")
    call.world.catch_up(call.now_ms)
    done: list[str] = []
    errors: list[list[Any]] = []
    for index, entry in enumerate(entries):
        try:
            done.append(act(entry))
        except Refused as refusal:
            numbered = [index] if call.world.switches.migration_errors == "pairs" else []
            errors.append([*numbered, call.say(refusal)])
    call.objects, call.accepted, call.problems = len(entries), len(done), list(errors)
    return done, errors


def _alias_update(entry: Any) -> tuple[str, str, str]:
    names = ("old_alias_name", "alias_label", "new_alias_name")
    for name in names:
        if not isinstance(entry, dict) or not isinstance(entry.get(name), str) or not entry[name]:
            raise Refused("required", name)
    old, label, new = (entry[name] for name in names)
    return old, label, new
