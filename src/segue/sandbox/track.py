"""POST /users/track and its kin: objects counted, checked one by one, applied together.

Source  Braze docs, "Track users", "Track users (bulk)", "API errors", read 2026-11-23
Applied in the order attributes, events, purchases. Nothing is de-duplicated: the same event sent twice is
two events.
"""

from collections.abc import Callable, Mapping
from typing import Any

from segue.sandbox import attributes, identity, occurrences
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.identity import Target
from segue.sandbox.texts import Refused, say

OBJECTS = 75
BULK_OBJECTS = 1_000
BULK_OBJECTS_A_PROFILE = 100

_CHECKS: Mapping[str, Callable[[Call, Mapping[str, Any], int], Any]] = {
    "attributes": attributes.check,
    "events": occurrences.check_event,
    "purchases": occurrences.check_purchase,
}
_APPLICATIONS: Mapping[str, Callable[..., None]] = {
    "attributes": attributes.apply,
    "events": occurrences.apply_event,
    "purchases": occurrences.apply_purchase,
}
ARRAYS = tuple(_CHECKS)


def track(call: Call) -> Reply:
    """Up to 75 objects, combined or an array as the contract says."""
    arrays = arrays_of(call)
    counts = [len(items) for items in arrays.values()]
    cap = max(counts, default=0) if call.world.switches.profile == "legacy" else sum(counts)
    if cap > OBJECTS:
        raise Refused("too-many-objects")
    return _answer(call, arrays)


def track_bulk(call: Call) -> Reply:
    """Up to 1,000 objects, 100 for one profile."""
    arrays = arrays_of(call)
    if sum(len(items) for items in arrays.values()) > BULK_OBJECTS:
        raise Refused("too-many-objects")
    by_profile: dict[str, int] = {}
    for items in arrays.values():
        for item in items:
            if isinstance(item, dict):
                who = _who(item)
                by_profile[who] = by_profile.get(who, 0) + 1
    if max(by_profile.values(), default=0) > BULK_OBJECTS_A_PROFILE:
        raise Refused("too-many-for-one-profile")
    return _answer(call, arrays)


def arrays_of(call: Call) -> dict[str, list[Any]]:
    """The arrays of the request; one that is no list counts as sent without anything usable."""
    arrays: dict[str, list[Any]] = {}
    for name in ARRAYS:
        value = call.document.get(name)
        if isinstance(value, list):
            arrays[name] = value
        elif value is not None:
            if call.world.switches.array_expected == "refuse":
                raise Refused("array-required", name)
            call.warn(
                "array-expected", name, f"expected an array, found {type(value).__name__}; ignored", name
            )
    call.objects = sum(len(items) for items in arrays.values())
    return arrays


def _answer(call: Call, arrays: dict[str, list[Any]]) -> Reply:
    checked, errors = check(call, arrays)
    call.problems = errors
    call.accepted = call.objects - len(errors)
    switches = call.world.switches
    if not call.accepted:
        message = say(switches, "nothing-valid")
        if switches.fatal_names_sent_array and len(arrays) == 1:
            message = f"Valid data must be provided in the '{next(iter(arrays))}' field."
        return reply(400, {"message": message, **({"errors": errors} if errors else {})})
    answer: dict[str, Any] = {"message": "success"}
    skipped = _skipped(call, checked) if switches.skipped_objects == "left_out" else {}
    for name in arrays:
        answer[f"{name}_processed"] = len(checked[name]) - skipped.get(name, 0)
    call.world.apply_later(call, lambda now_ms: apply(call, checked, now_ms))
    if errors:
        answer["errors"] = errors
    return reply(201, answer)


def _skipped(call: Call, checked: Mapping[str, list[Any]]) -> dict[str, int]:
    """How many deeds of each array find nobody and may make nobody, as things stand."""
    made: set[Target | None] = set()
    counts = dict.fromkeys(checked, 0)
    for name, deeds in checked.items():
        for deed in deeds:
            target = deed.target
            if target is None or deed.create:
                made.add(target)
            elif target not in made and identity.find(call.workspace.people, target) is None:
                counts[name] += 1
    return counts


def check(call: Call, arrays: Mapping[str, list[Any]]) -> tuple[dict[str, list[Any]], list[dict[str, Any]]]:
    """The deeds that can be done, by array, and one error entry for each object that cannot."""
    checked: dict[str, list[Any]] = {}
    errors: list[dict[str, Any]] = []
    for name, items in arrays.items():
        check_one = _CHECKS[name]
        deeds = checked[name] = []
        for index, item in enumerate(items):
            try:
                if type(item) is not dict:
                    raise Refused("no-identifier")  # noqa: TRY301 - one way to say an object is no good
                deeds.append(check_one(call, item, index))
            except Refused as refusal:
                errors.append({"type": call.say(refusal), "input_array": name, "index": index})
    return checked, errors


def apply(call: Call, checked: Mapping[str, list[Any]], now_ms: int) -> None:
    """Carry out checked deeds, attributes first, then events, then purchases."""
    workspace = call.workspace
    for name, deeds in checked.items():
        apply_one = _APPLICATIONS[name]
        for deed in deeds:
            apply_one(call, workspace, deed, now_ms)


def _who(item: Mapping[str, Any]) -> str:
    for kind in ("external_id", "braze_id", "user_alias", "email", "phone"):
        if item.get(kind):
            return f"{kind}:{item[kind]}"
    return ""
