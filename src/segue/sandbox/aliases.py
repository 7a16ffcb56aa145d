"""POST /users/alias/new: names for profiles that have no external id yet, or one more for those that do.

Source  Braze docs, "Create new user alias", read 2026-11-23
"""

from collections.abc import Iterable
from typing import Any

from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.identity import alias_of, checked_external
from segue.sandbox.texts import Refused

IDS = 50
Given = tuple[str | None, str, str]
"""An alias that can be given: whose external id, if any; its name; its label."""


def entries_of(call: Call, name: str, *, required: bool = True) -> list[Any]:
    """An array of the body, at most 50 long.

    Raises Refused: no array where one is required, or too many entries.
    """
    value = call.document.get(name)
    if value is None and not required:
        return []
    if not isinstance(value, list) or (required and not value):
        raise Refused("array-required", name)
    if len(value) > IDS:
        raise Refused("too-many-ids")
    return value


def note_entry(call: Call, refusal: Refused, array: str, index: int) -> None:
    """Report a bad entry beside the good ones.

    Raises the refusal: by switch a bad entry refuses the whole request.
    """
    if call.world.switches.bad_entries == "request":
        raise refusal
    call.problems.append({"type": call.say(refusal), "input_array": array, "index": index})


def new_alias(call: Call) -> Reply:
    """Give aliases to known profiles, or make alias-only profiles."""
    work: list[Given] = []
    entries = entries_of(call, "user_aliases")
    call.objects = len(entries)
    for index, entry in enumerate(entries):
        try:
            read = given(call, entry)
            _check_free(call, *read)
            work.append(read)
        except Refused as refusal:
            note_entry(call, refusal, call.world.switches.alias_error_array, index)
    call.accepted = len(work)
    call.world.apply_later(call, lambda now_ms: give(call, work, now_ms))
    answer: dict[str, Any] = {"aliases_processed": len(work), "message": "success"}
    if call.problems:
        answer["errors"] = call.problems
    return reply(201, answer)


def given(call: Call, entry: Any) -> Given:
    """An entry of `user_aliases`.

    Raises Refused: name or label are missing, or the external id is none.
    """
    if not isinstance(entry, dict):
        raise Refused("required", "alias_name")
    for name in ("alias_name", "alias_label"):
        if not isinstance(entry.get(name), str) or not entry[name]:
            raise Refused("required", name)
    alias = alias_of(entry)
    if alias is None:
        raise Refused("required", "alias_name")
    external_id = entry.get("external_id")
    if external_id is None or external_id == "":
        return None, *alias
    if not isinstance(external_id, str):
        raise Refused("not-valid", "external_id")
    checked_external(external_id, call.workspace)
    return external_id, *alias


def _check_free(call: Call, external_id: str | None, name: str, label: str) -> None:
    """Raise Refused: somebody has the alias, or the person another of its label; if a switch says so."""
    people = call.workspace.people
    if call.world.switches.alias_taken == "ignore":
        return
    owner = people.by_alias(name, label)
    person = people.by_external_id(external_id) if external_id is not None else None
    held = person.aliases.get(label, name) if person is not None else name
    if held != name or (owner is not None and owner is not person):
        raise Refused("alias-taken")


def give(call: Call, work: Iterable[Given], now_ms: int) -> None:
    """Give aliases to whom they are for."""
    people = call.workspace.people
    for external_id, name, label in work:
        if external_id is None:
            if people.by_alias(name, label) is None:
                people.create(now_ms, alias=(name, label))
            else:
                call.warn("alias-taken", "user_aliases", f"alias {label}:{name} exists; nothing was done")
            continue
        person = people.by_external_id(external_id)
        if person is None:
            call.warn("nobody", "user_aliases", "no profile with that external_id; nothing was done")
        elif people.add_alias(person, name, label):
            person.updated_ms = now_ms
        elif person.aliases.get(label) != name:
            call.warn("alias-taken", "user_aliases", f"alias {label}:{name} is taken; nothing was done")
