"""POST /users/track/sync: one object, applied before the answer, which shows what became of it.

Source  Braze docs, "Track users (synchronous)", read 2026-11-23
A completed call may still leave the old value: an over-long text, a full array.
"""

from collections.abc import Mapping
from typing import Any

from segue.sandbox import identity, track
from segue.sandbox.clock import iso
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.person import Person, Summary
from segue.sandbox.texts import Refused, say

_IDENTIFIERS = ("external_id", "user_alias", "braze_id", "email", "phone")


def track_sync(call: Call) -> Reply:
    """Apply exactly one attribute object, event or purchase."""
    arrays = track.arrays_of(call)
    if call.objects != 1:
        raise Refused("sync-needs-one")
    checked, errors = track.check(call, arrays)
    if errors:
        call.problems = errors
        return reply(400, {"message": say(call.world.switches, "nothing-valid"), "errors": errors})
    call.accepted = 1
    if call.world.keep:
        call.world.catch_up(call.now_ms)
        track.apply(call, checked, call.now_ms)
    array = next(name for name, items in arrays.items() if items)
    item = arrays[array][0]
    person = identity.find(call.workspace.people, checked[array][0].target) if _names(item) else None
    users = [] if person is None else [{**_identifier(item), **_shown(array, item, person)}]
    return reply(201, {"users": users, "message": "success"})


def _names(item: Mapping[str, Any]) -> bool:
    return any(item.get(name) for name in _IDENTIFIERS)


def _identifier(item: Mapping[str, Any]) -> dict[str, Any]:
    name = next(name for name in _IDENTIFIERS if item.get(name))
    return {name: item[name]}


def _shown(array: str, item: Mapping[str, Any], person: Person) -> dict[str, Any]:
    """Only what was sent: those attributes, that event, that product."""
    if array == "attributes":
        return {"custom_attributes": {name: person.custom[name] for name in item if name in person.custom}}
    if array == "events":
        summary = person.event_summaries.get(str(item["name"]))
        return {"custom_events": [_summed("name", str(item["name"]), summary)] if summary else []}
    summary = person.purchase_summaries.get(str(item["product_id"]))
    product = str(item["product_id"])
    return {"purchase_events": [_summed("product_id", product, summary)] if summary else []}


def _summed(key: str, name: str, summary: Summary) -> dict[str, Any]:
    return {
        key: name,
        "first": iso(summary.first_ms),
        "last": iso(summary.last_ms),
        "count": summary.count,
    }
