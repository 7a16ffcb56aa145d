"""Who acts on a device: the person of a user id, else the device's visitor; and how one becomes the other.

Source  Braze docs, "Anonymous users" and "Setting user IDs", read 2026-11-23: a new user id takes the
        visitor's history over; a known one gets it by the rules of merging, or the visitor is orphaned.
Assumed: what a device sends without a user id after that belongs to whom its visitor became.
"""

from collections.abc import Mapping
from typing import Any

from segue.sandbox import identity
from segue.sandbox.exchange import Call
from segue.sandbox.merging import combine
from segue.sandbox.people import People
from segue.sandbox.person import Person
from segue.sandbox.places import is_language, is_time_zone

DEVICE_FIELDS = {
    "browser": "model",
    "model": "model",
    "os_version": "os",
    "locale": "locale",
    "time_zone": "time_zone",
    "resolution": "resolution",
    "browser_version": "browser_version",
    "user_agent": "user_agent",
}
"""What an SDK says about its device, and how exports call it."""


def person_of(call: Call, device_id: str, user_id: object, now_ms: int) -> Person | None:
    """The person of a user id on a device, made if new; None, with a warning, for an id that is no good.

    user_id  what the SDK sent; absent or empty is the visitor
    """
    people = call.workspace.people
    visitor = people.by_device(device_id)
    if user_id is None or user_id == "":
        if visitor is None:
            visitor = people.create(now_ms)
            people.settle_on(visitor, device_id)
        return visitor
    if not isinstance(user_id, str) or len(user_id.encode(errors="replace")) > identity.EXTERNAL_ID_BYTES:
        call.warn("sdk-user-id", "user_id", f"no usable user id: {user_id!r:.60}")
        return None
    if user_id in call.workspace.blocked_ids:
        call.warn("sdk-user-id", "user_id", f"user id {user_id!r:.60} is blocked")
        return None
    known = people.by_external_id(user_id)
    if visitor is None or visitor.is_identified or visitor is known:
        person = known or people.create(now_ms, external_id=user_id)
        if visitor is None:
            people.settle_on(person, device_id)
        return person
    if known is None:
        people.name(visitor, user_id)
        visitor.updated_ms = now_ms
        return visitor
    if call.world.switches.sdk_change_user == "merge":
        combine(call.workspace, visitor, known, now_ms)
    people.settle_on(known, device_id)
    return known


def describe(people: People, person: Person, device_id: str, told: Mapping[str, Any]) -> None:
    """Note a device on a person; language and time zone follow it where nobody set them."""
    held = next((one for one in person.devices if one.get("device_id") == device_id), {})
    entry = {**held, "device_id": device_id} | {
        DEVICE_FIELDS[name]: value
        for name, value in told.items()
        if name in DEVICE_FIELDS and isinstance(value, str) and len(value) <= 1_000
    }
    if entry == held:
        return
    before = person.device_ids
    rest = tuple(one for one in person.devices if one.get("device_id") != device_id)
    person.devices = (*rest, entry)
    people.relist_devices(person, before)
    locale = entry.get("locale", "")
    language = locale.partition("-")[0].lower()
    if "language" not in person.fields and is_language(language):
        person.fields["language"] = language
    zone = entry.get("time_zone", "")
    if "time_zone" not in person.fields and is_time_zone(zone):
        person.fields["time_zone"] = zone
