"""The endpoint device SDKs talk to: sessions, events and attributes in, configuration and triggers out.

Private to Braze and undocumented; what is here is what the public Web SDK was seen to send and to need
(versions 3.5 to 6.13, tests/conformance/sdk-wire). An SDK keeps quiet when every answer is readable from its
page (CORS) and JSON, when configuration comes once, and when triggers are answered if asked for.
"""

from collections.abc import Mapping
from typing import Any

from segue.sandbox.exchange import Call, Headers, Reply, reply
from segue.sandbox.instances import instance_of
from segue.sandbox.sdk import authentication, codes, visit
from segue.sandbox.sdk.codes import Signal
from segue.sandbox.workspace import Workspace

BASES = ("/api/v3", "")
"""From 4.x the SDK posts below /api/v3, before that right below the host if it is an address."""
ALLOWED = ", ".join(
    (
        "content-type", "x-requested-with", "x-braze-api-key", "x-braze-last-req-ms-ago",
        "x-braze-req-attempt", "x-braze-req-tokens-remaining", "x-braze-datarequest",
        "x-braze-triggersrequest", "x-braze-contentcardsrequest", "x-braze-featureflagsrequest",
        "braze-sync-retry-count", "x-braze-auth-signature", "x-braze-request-initiated-by",
    )
)  # fmt: skip
FIELDS = frozenset(
    {"email", "first_name", "last_name", "phone", "home_city", "country", "language", "gender", "dob",
     "email_subscribe", "push_subscribe", "image_url", "bio", "time_zone"}
)  # fmt: skip
"""Braze's own fields in an SDK's attribute object."""
INSTALL = "ab_install_attribution"
"""Where mobile SDKs write what brought somebody to the app. Assumed: seen in no recording."""
EARLIEST_MS = 946_684_800_000
"""2000-01-01: a clock before that is broken, and the moment of arrival is taken instead."""


def take(call: Call) -> Reply:
    """POST /api/v3/data/: take in what happened on a device, and answer what it asked for."""
    refused = _enter(call)
    if refused is not None:
        return reply(200, refused)
    document = call.document
    events, objects = _listed(call, "events"), _listed(call, "attributes")
    call.objects = call.accepted = len(events) + len(objects)
    call.world.apply_later(call, lambda now_ms: _apply(call, events, objects, now_ms))
    asked = document.get("respond_with")
    answer: dict[str, Any] = {"message": "success"}
    if isinstance(asked, dict):
        wanted = asked.get("config")
        held = wanted.get("config_time") if isinstance(wanted, dict) else None
        if isinstance(held, int | float) and held < call.workspace.opened_ms // 1_000:
            answer["config"] = configuration(call)
        if asked.get("triggers") is True:
            answer["triggers"] = []
    return reply(200, answer)


def content_cards(call: Call) -> Reply:
    """POST /api/v3/content_cards/sync: no cards."""
    return _synced(call, {"cards": [], "last_full_sync_at": 0, "last_card_updated_at": 0, "full_sync": True})


def feature_flags(call: Call) -> Reply:
    """POST /api/v3/feature_flags/sync: no flags."""
    return _synced(call, {"feature_flags": []})


def banners(call: Call) -> Reply:
    """POST /api/v3/banners/sync: no banners."""
    return _synced(call, {"banners": []})


def acknowledge(call: Call) -> Reply:
    """POST /api/v3/template/, /push/unregister, /dust/config: taken note of; there is nothing to give."""
    return _synced(call, {"message": "success"})


def preflight(call: Call) -> Reply:
    """What a browser asks before it lets a page call us."""
    return Reply(204, b"", [(b"access-control-max-age", b"600")])


def configuration(call: Call) -> dict[str, Any]:
    """What an SDK needs to know: its blocklists, and that nothing else is on unless switched on."""
    workspace, features = call.workspace, call.world.switches.sdk_features
    return {
        "time": workspace.opened_ms // 1_000,
        "events_blacklist": sorted(workspace.blocklisted_events),
        "attributes_blacklist": sorted(workspace.blocklisted_attributes),
        "purchases_blacklist": sorted(workspace.blocklisted_products),
        "messaging_session_timeout": None,
        "vapid_public_key": None,
        **{name: {"enabled": name in features} for name in ("content_cards", "feature_flags", "banners")},
        "global_request_rate_limit": {"enabled": False},
    }


def readable(headers: Mapping[bytes, bytes], answer: Reply) -> Reply:
    """The answer with what lets a page of another origin read it, faults included."""
    more: Headers = [
        (b"access-control-allow-origin", headers.get(b"origin", b"*")),
        (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
        (b"access-control-allow-headers", ALLOWED.encode()),
        (b"access-control-expose-headers", b"Retry-After"),
        (b"vary", b"Origin"),
    ]
    return answer._replace(headers=[*answer.headers, *more])


def _synced(call: Call, answer: Mapping[str, Any]) -> Reply:
    return reply(200, _enter(call) or answer)


def _enter(call: Call) -> dict[str, Any] | None:
    """Find the app's workspace; what the SDK is told when it may not go on, or None."""
    app_id, device_id = call.document.get("api_key"), call.document.get("device_id")
    found = _workspace(call, app_id)
    if found is None:
        call.problems.append(f"api_key {app_id!r:.60} is no app identifier of this instance")
        return {"error": "invalid_api_key"}
    call.held_workspace = found
    if not isinstance(device_id, str) or not device_id or len(device_id) > 255:
        call.problems.append("device_id is missing")
        return {"error": "no_device_identifier"}
    return authentication.refusal(call, found.apps[str(app_id)])


def _workspace(call: Call, app_id: object) -> Workspace | None:
    if not isinstance(app_id, str):
        return None
    instance = instance_of(call.headers.get(b"host", b""))
    for workspace in call.world.workspaces.values():
        if app_id in workspace.app_ids and workspace.answers_to(instance) and workspace.furnishing.active:
            return workspace
    return None


def _listed(call: Call, name: str) -> list[Mapping[str, Any]]:
    value = call.document.get(name)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _apply(
    call: Call, events: list[Mapping[str, Any]], objects: list[Mapping[str, Any]], now_ms: int
) -> None:
    """Carry out a request in the order it was written, what happened before what the person is like."""
    document = call.document
    for index, event in enumerate(events):
        signal = _signal(call, event, f"events[{index}]", now_ms)
        if signal is not None:
            codes.act(str(event.get("name")), signal)
    for index, item in enumerate(objects):
        signal = _signal(call, item, f"attributes[{index}]", now_ms)
        if signal is not None:
            _dress(call, signal, item)
    if not events and not objects and document.get("device"):
        _signal(call, document, "device", now_ms)


def _signal(call: Call, entry: Mapping[str, Any], where: str, now_ms: int) -> Signal | None:
    document = call.document
    device_id: str = document["device_id"]
    person = visit.person_of(call, device_id, entry.get("user_id"), now_ms)
    if person is None:
        return None
    person.updated_ms = now_ms
    device = document.get("device")
    visit.describe(call.workspace.people, person, device_id, device if isinstance(device, dict) else {})
    told, session = entry.get("data"), entry.get("session_id")
    return Signal(
        call,
        person,
        document["api_key"],
        device_id,
        session if isinstance(session, str) else "",
        _moment(entry.get("time"), now_ms),
        now_ms,
        told if isinstance(told, dict) else {},
        where,
    )


def _dress(call: Call, signal: Signal, item: Mapping[str, Any]) -> None:
    """Set what an attribute object says: Braze's own fields, then the customer's."""
    own = {name: _written(name, value) for name, value in item.items() if name in FIELDS}
    codes.apply_fields(signal, own)
    sent = item.get("custom")
    if isinstance(sent, dict):
        codes.apply_custom(call, signal.person, sent, signal)
    install = item.get(INSTALL)
    if isinstance(install, dict):
        codes.attribute_install(signal, install)
    others = [name for name in item if name not in FIELDS and name not in ("user_id", "custom", INSTALL)]
    if others:
        call.warn("sdk-field-unknown", signal.where, f"not known here: {', '.join(sorted(others))[:200]}")


def _written(name: str, value: Any) -> Any:
    """A field as REST writes it: genders in capitals, days of birth with their zeros."""
    if name == "gender" and isinstance(value, str):
        return value.upper()
    if name == "dob" and isinstance(value, str):
        parts = value.split("-")
        if len(parts) == 3 and all(part.isdigit() for part in parts):
            return f"{parts[0]}-{int(parts[1]):02d}-{int(parts[2]):02d}"
    return value


def _moment(sent: Any, now_ms: int) -> int:
    if isinstance(sent, bool) or not isinstance(sent, int | float) or not 0 <= sent < 1e11:
        return now_ms
    return min(round(sent * 1_000), now_ms) if sent * 1_000 >= EARLIEST_MS else now_ms
