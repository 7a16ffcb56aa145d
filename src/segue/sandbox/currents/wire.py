"""How Currents events are said on the wire: as Segment track calls, or in the custom connector's shape.

Source  Braze docs, "Message engagement events" (Segment tabs), "Custom Currents Export", read 2026-11-24;
        the custom shape of one event observed in public client code
"""

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from segue.sandbox.currents.connector import EVENT_BYTES, Connector, Happening
from segue.sandbox.currents.events import KINDS, MERGED

_RENAMED: Mapping[str, Mapping[str, str]] = {
    "users.messages.contentcard": {"content_card_id": "card_id"},
    "users.messages.email": {"url": "link_url"},
}
"""Properties called otherwise at Segment, by the beginning of the type."""


class Order(NamedTuple):
    """One request to send: address, headers, body."""

    url: str
    headers: dict[str, str]
    body: bytes


def order(connector: Connector, batch: Iterable[Happening]) -> Order:
    """The request that carries a batch."""
    if connector.kind == "custom":
        headers = {"content-type": "application/json", "braze-currents-version": "1"}
        if connector.key:
            headers["authorization"] = f"Bearer {connector.key}"
        return Order(connector.url, headers, orjson.dumps({"events": [custom(entry) for entry in batch]}))
    token = base64.b64encode(f"{connector.key}:".encode()).decode()
    calls = [track(connector, entry) for entry in batch]
    return Order(
        f"{connector.url.rstrip('/')}/batch",
        {"content-type": "application/json", "authorization": f"Basic {token}"},
        orjson.dumps({"writeKey": connector.key, "batch": calls}),
    )


def track(connector: Connector, happening: Happening) -> dict[str, Any]:
    """An event as a Segment track call."""
    kind = KINDS[happening.type]
    device: dict[str, Any] = {}
    if kind.device and (model := happening.device.get("device_model")):
        device["model"] = model
    if kind.device == "full" and (platform := happening.device.get("platform")):
        device["type"] = platform
    address = {"email": happening.email, "phone": happening.phone}.get(kind.trait)
    call: dict[str, Any] = {
        "type": "track",
        "event": connector.names.get(happening.type, kind.name),
        "messageId": happening.id,
        "timestamp": _moment(connector, happening.at_ms),
        "anonymousId": happening.braze_id,
        "context": {"device": device, "traits": {kind.trait: address} if address else {}},
        "properties": _properties(happening, kind.properties),
    }
    if happening.external_id is not None:
        call["userId"] = happening.external_id
    return call


def custom(happening: Happening) -> dict[str, Any]:
    """An event as the custom connector sends it."""
    properties = {**happening.device, **happening.properties}
    device_id = properties.pop("device_id", None)
    if happening.type in MERGED:
        properties["properties"] = orjson.dumps(happening.own).decode()
    kind = KINDS[happening.type]
    if kind.trait == "email" and happening.email:
        properties["email_address"] = happening.email
    if kind.trait == "phone" and happening.phone:
        is_from_them = happening.type.endswith(".InboundReceive")
        properties["user_phone_number" if is_from_them else "to_phone_number"] = happening.phone
    user = {
        "user_id": happening.braze_id,
        "external_user_id": happening.external_id,
        "device_id": device_id,
        "timezone": happening.time_zone,
    }
    return {
        "event_type": happening.type,
        "id": happening.id,
        "time": happening.at_ms // 1_000,
        "user": {name: value for name, value in user.items() if value is not None},
        "properties": properties,
    }


def is_too_large(happening: Happening) -> bool:
    """Whether an event is over what Currents carries."""
    return len(orjson.dumps(custom(happening))) > EVENT_BYTES


def _properties(happening: Happening, allowed: tuple[str, ...]) -> dict[str, Any]:
    renamed = _RENAMED.get(happening.type.rpartition(".")[0], {})
    held = {
        renamed.get(name, name): value
        for name, value in {**happening.device, **happening.properties}.items()
        if value is not None
    }
    kept = {name: held[name] for name in allowed if name in held}
    return {**happening.own, **kept} if happening.type in MERGED else kept


def _moment(connector: Connector, at_ms: int) -> int | str:
    if connector.timestamps == "epoch":
        return at_ms // 1_000
    moment = datetime.fromtimestamp(at_ms / 1_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
