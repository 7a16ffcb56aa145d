"""POST /users/export/ids: what Braze knows about up to 50 people.

Source  Braze docs, "Export user profile by identifier", read 2026-11-23
A field without a value is left out: the least is returned.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from segue.sandbox import identity
from segue.sandbox.aliases import IDS
from segue.sandbox.clock import iso
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.person import DAY_MS, Person, Reception, Summary
from segue.sandbox.texts import Refused
from segue.sandbox.workspace import Canvas

SUMMARY_DAYS = 90
"""Events and purchases are listed when the last one is no older than this."""

Writer = Callable[[Call, Person], Any]


def export_ids(call: Call) -> Reply:
    """Profiles by external id and alias, or by one braze id, email, phone or device."""
    document = call.document
    fields = document.get("fields_to_export")
    if call.world.switches.onboarded_after_2024_08_22 and not isinstance(fields, list):
        raise Refused("fields-required")
    external_ids = _listed(document, "external_ids")
    aliases = _listed(document, "user_aliases")
    single = [name for name in _SINGLE if document.get(name)]
    if len(external_ids) + len(aliases) > IDS:
        raise Refused("too-many-ids")
    if not external_ids and not aliases and len(single) != 1:
        raise Refused("one-kind-of-id")
    found: dict[str, Person] = {}
    unknown: list[Any] = []
    for entry, people in _lookups(call, external_ids, aliases, single):
        for person in people:
            found[person.braze_id] = person
        if not people:
            unknown.append(_answerable(entry))
    wanted = fields if isinstance(fields, list) else None
    answer: dict[str, Any] = {
        "message": "success",
        "users": [profile(call, person, wanted) for person in found.values()],
    }
    if unknown:
        answer["invalid_user_ids"] = unknown
    return reply(201, answer)


def profile(call: Call, person: Person, wanted: Iterable[Any] | None = None) -> dict[str, Any]:
    """A person as exports show them, all fields or the wanted."""
    if wanted is None:
        names: Iterable[Any] = WRITERS
    else:
        asked = {name for name in wanted if isinstance(name, str)}
        names = [name for name in WRITERS if name in asked]
    document = {name: WRITERS[name](call, person) for name in names}
    return {name: value for name, value in document.items() if value not in (None, [], {}, "")}


def _listed(document: Mapping[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused("array-required", name)
    return value


def _answerable(entry: Any) -> Any:
    """An identifier as it was sent. Raises Refused: it nests deeper than can be said again."""
    try:
        orjson.dumps(entry)
    except TypeError as fault:
        raise Refused("not-valid", "external_ids") from fault
    return entry


def _lookups(
    call: Call, external_ids: list[Any], aliases: list[Any], single: list[str]
) -> Iterable[tuple[Any, list[Person]]]:
    people = call.workspace.people
    for external_id in external_ids:
        person = people.by_external_id(external_id) if isinstance(external_id, str) else None
        yield external_id, [person] if person else []
    for entry in aliases:
        alias = identity.alias_of(entry)
        person = people.by_alias(*alias) if alias else None
        yield entry, [person] if person else []
    for name in single:
        value = call.document[name]
        yield value, _SINGLE[name](call, value) if isinstance(value, str) else []


def _by_braze_id(call: Call, value: str) -> list[Person]:
    person = call.workspace.people.by_braze_id.get(value)
    return [person] if person else []


_SINGLE: Mapping[str, Callable[[Call, str], list[Person]]] = {
    "braze_id": _by_braze_id,
    "email_address": lambda call, value: call.workspace.people.with_email(value),
    "phone": lambda call, value: call.workspace.people.with_phone(value),
    "device_id": lambda call, value: call.workspace.people.with_device(value),
}


# -- the fields


def _own(name: str) -> Writer:
    return lambda call, person: person.fields.get(name)


def _created(call: Call, person: Person) -> str:
    text = iso(person.created_ms)
    if call.world.switches.created_at == "utc":
        return text.replace("T", " ").replace("Z", " UTC")
    return text


def _coordinates(call: Call, person: Person) -> list[float] | None:
    place = person.fields.get("current_location")
    return [place["longitude"], place["latitude"]] if place else None


def _summaries(call: Call, summaries: Mapping[str, Summary]) -> list[dict[str, Any]]:
    since = call.now_ms - SUMMARY_DAYS * DAY_MS
    return [
        {"name": name, "first": iso(kept.first_ms), "last": iso(kept.last_ms), "count": kept.count}
        for name, kept in summaries.items()
        if kept.last_ms >= since
    ]


def _tokens(call: Call, person: Person) -> list[dict[str, Any]]:
    apps = {app.app_id: app for app in call.workspace.furnishing.apps}
    return [
        {
            "app": apps[token["app_id"]].name if token["app_id"] in apps else token["app_id"],
            "platform": apps[token["app_id"]].platform if token["app_id"] in apps else None,
            "token": token["token"],
            "device_id": token["device_id"],
            "notifications_enabled": True,
        }
        for token in person.push_tokens
    ]


def _apps(call: Call, person: Person) -> list[dict[str, Any]]:
    apps = {app.app_id: app for app in call.workspace.furnishing.apps}
    return [
        {
            "name": apps[use.app_id].name if use.app_id in apps else use.app_id,
            "platform": apps[use.app_id].platform if use.app_id in apps else None,
            "version": None,
            "sessions": use.sessions,
            "first_used": iso(use.first_ms),
            "last_used": iso(use.last_ms),
        }
        for use in person.apps.values()
    ]


def _campaigns(call: Call, person: Person) -> list[dict[str, Any]]:
    known = call.workspace.campaigns
    return [
        _filled(
            {
                "name": known[name].name if name in known else name,
                "api_campaign_id": name,
                "last_received": iso(at_ms),
                "engaged": reception.engaged,
                "converted": reception.conversions > 0,
                "multiple_converted": reception.conversions > 1 or None,
                "variation_name": reception.variation or None,
                "variation_api_id": f"{name}-1" if reception.variation else None,
                "in_control": reception.in_control,
            }
        )
        for name, at_ms, reception in _received(person, person.campaigns_received, known)
    ]


def _canvases(call: Call, person: Person) -> list[dict[str, Any]]:
    known = call.workspace.canvases
    return [
        _filled(
            {
                "name": known[name].name if name in known else name,
                "api_canvas_id": name,
                "last_received_message": None if reception.in_control else iso(at_ms),
                "last_entered": iso(reception.entered_ms or at_ms),
                "variation_name": reception.variation or None,
                "in_control": reception.in_control,
                "last_entered_control_at": iso(at_ms) if reception.in_control else None,
                "last_exited": iso(reception.exited_ms) if reception.exited_ms is not None else None,
                "steps_received": [
                    {
                        "name": _step_name(known.get(name), step),
                        "api_canvas_step_id": step,
                        "last_received": iso(step_ms),
                    }
                    for step, step_ms in reception.steps.items()
                ],
            }
        )
        for name, at_ms, reception in _received(person, person.canvases_received, known)
    ]


def _received(
    person: Person, received: Mapping[str, int], known: Mapping[str, Any]
) -> Iterable[tuple[str, int, Reception]]:
    """What somebody got or was held back from: its id, when, and what became of it."""
    for name, at_ms in received.items():
        yield name, at_ms, person.receptions.get(name, Reception())
    for name, reception in person.receptions.items():
        if name in known and name not in received and reception.in_control:
            yield name, reception.entered_ms or person.updated_ms, reception


def _step_name(canvas: Canvas | None, step: str) -> str:
    steps = canvas.steps if canvas is not None else []
    return next((one.name for one in steps if one.id == step), "Step 1")


def _filled(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


WRITERS: Mapping[str, Writer] = {
    "external_id": lambda call, person: person.external_id,
    "user_aliases": lambda call, person: [
        {"alias_name": name, "alias_label": label} for label, name in person.aliases.items()
    ],
    "braze_id": lambda call, person: person.braze_id,
    "created_at": _created,
    "random_bucket": lambda call, person: person.random_bucket,
    **{
        name: _own(name)
        for name in (
            "first_name", "last_name", "email", "dob", "gender", "country", "home_city", "language", "phone",
            "time_zone", "email_subscribe", "push_subscribe", "attributed_campaign", "attributed_source",
            "attributed_adgroup", "attributed_ad", "uninstalled_at",
        )
    },
    "last_coordinates": _coordinates,
    "custom_attributes": lambda call, person: person.custom,
    "custom_events": lambda call, person: _summaries(call, person.event_summaries),
    "purchases": lambda call, person: _summaries(call, person.purchase_summaries),
    "total_revenue": lambda call, person: person.revenue_cents / 100,
    "devices": lambda call, person: list(person.devices),
    "push_tokens": _tokens,
    "apps": _apps,
    "campaigns_received": _campaigns,
    "canvases_received": _canvases,
    "cards_clicked": lambda call, person: [{"name": name} for name in person.cards_clicked],
}  # fmt: skip
"""Every field of `fields_to_export` and how it is written."""
