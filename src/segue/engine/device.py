"""What became of an event on the device: delivered there, or why not.

    judge(event, device)        Side("MESSAGE_SENT_CLIENT_SIDE", "the browser delivered it: …")
    did_deliver(event, device)  True when the device's SDK called the partner's with it

A device destination is never delivered by this server. A cloud destination of the same partner on the same
source leaves to the device exactly what the device did, see `segue.engine.route`.
Every SDK writes into ``_metadata`` what it delivers itself; in a browser that is an echo of the settings it
was served, so whether this very event was delivered there is worked out from what the script works by:
load failures, the ``integrations`` object, filters, triggers.

Source  observed in the SDKs: analytics.js 1.84.3, Kotlin 1.24.1, Swift 1.9.4, React Native 2.24.1;
        recorded 2026-11
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from segue.engine.consent import ON_DEVICE
from segue.engine.filter import apply
from segue.model.event import Event

if TYPE_CHECKING:
    from segue.engine.plan import BoundDestination

BY_INTEGRATIONS: Final = "FILTERED_BY_INTEGRATIONS_OBJECT"
NO_MATCH: Final = "NO_MATCHING_MAPPING"
NOT_ON_DEVICE: Final = "NOT_ON_DEVICE"
"""Ours: no SDK says that it had the destination; nothing delivers the event there."""
DEVICE_FAILED: Final = "DEVICE_SDK_FAILED"
"""Ours: the page could not load or start the partner's SDK."""


class Side(msgspec.Struct, frozen=True):
    """The reason code, and the same in words."""

    reason: str
    message: str


def did_deliver(event: Event, device: "BoundDestination") -> bool:
    """True when the SDK on the device delivered this event."""
    return judge(event, device).reason == ON_DEVICE


def judge(event: Event, device: "BoundDestination") -> Side:
    """Say what the device did with an event for this destination."""
    page, name = device.page, device.page.creation_name
    metadata = event.get("_metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    integrations = event.get("integrations")
    is_off = isinstance(integrations, Mapping) and (
        integrations[name] in (False, None) if name in integrations else integrations.get("All") is False
    )
    if is_off:  # older mobile SDKs say in this way, and no other, that they delivered it
        return Side(BY_INTEGRATIONS, f'the event\'s integrations object switches "{name}" off')
    ids = _texts(metadata.get("bundledIds"))
    said = f"bundledIds names {device.id}" if ids else f"bundled names {name}"
    if not (device.id in ids if ids else name in _texts(metadata.get("bundled"))):
        return Side(
            NOT_ON_DEVICE,
            f'the sender does not say that it had "{name}": a server library, an app without the plugin, or '
            "settings from before it was connected. A device destination is never delivered from here",
        )
    failed = _texts(metadata.get("failedInitializations"))
    if any(each == name or each.startswith(f"{name} ") for each in failed):
        return Side(DEVICE_FAILED, f'the page could not start "{name}" (failedInitializations)')
    known = page.device.known if page.device is not None else ""
    if known and device.settings.get(known) and not event.get("userId"):
        return Side(NO_MATCH, f"the browser passes on nothing of unknown visitors ({known} is on)")
    if page.device is None or page.device.kind != "plugin":
        return Side(ON_DEVICE, f"the SDK on the device delivered it: {said}")
    filtered = apply(device.filters, event) if device.filters else None
    if filtered is not None and filtered.event is None:
        return Side(
            filtered.reason, f"a filter keeps it from the browser's {name}. {filtered.message}".strip()
        )
    seen = event if filtered is None or filtered.event is None else filtered.event
    matching = [
        each.id
        for each in device.candidates(seen.get("type", ""), seen.get("event"))
        if each.action.slug != "debounce" and each.matches(seen)
    ]
    if not matching:
        return Side(NO_MATCH, "no subscription in the browser wants it")
    return Side(ON_DEVICE, f"the SDK in the browser delivered it ({', '.join(matching)}): {said}")


class _Metadata(msgspec.Struct):
    failedInitializations: list[str] = []  # noqa: N815 - the SDK's name


class _Told(msgspec.Struct):
    metadata: _Metadata = msgspec.field(name="_metadata", default_factory=_Metadata)


_read_told: Final = msgspec.json.Decoder(_Told).decode


def has_failures(raw: bytes) -> bool:
    """True when an event's browser could not start one of its destinations. Raises nothing."""
    try:
        return bool(_read_told(raw).metadata.failedInitializations)
    except (msgspec.DecodeError, RecursionError):
        return False


def _texts(value: Any) -> frozenset[str]:
    return (
        frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()
    )
