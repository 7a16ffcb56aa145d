"""Two reasons not to send an event that the event itself carries: consent, and a device that sent it.

    refuse_without_consent(event, ("marketing",))            ->  "FILTERED_BY_END_USER_CONSENT" or ""
    refuse_sent_on_device(event, destination.names, ("d1",)) ->  "MESSAGE_SENT_CLIENT_SIDE" or ""

Both come beside the event's ``integrations`` object: each can only take away, neither gives back what it
switched off. Nothing here raises.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from segue.model.event import Event

BY_CONSENT: Final = "FILTERED_BY_END_USER_CONSENT"
ON_DEVICE: Final = "MESSAGE_SENT_CLIENT_SIDE"
"""Source  Segment docs, "Delivery Overview", read 2026-11-23."""


def refuse_without_consent(event: Event, categories: Collection[str]) -> str:
    """Give BY_CONSENT when the person did not agree to every category the destination needs, else "".

    categories  what the destination is mapped to; none: it gets every event
    An event without a consent object was collected where consent is not asked: it passes. So does one whose
    object is empty or says nothing about categories. What is there but cannot be read is no consent.

    Source  Segment docs, "Consent in Segment Connections", read 2026-11-24
    """
    if not categories:
        return ""
    context = event.get("context")
    consent = context.get("consent") if isinstance(context, Mapping) else None
    if consent is None:
        return ""
    if not isinstance(consent, Mapping):
        return BY_CONSENT
    preferences = consent.get("categoryPreferences")
    if preferences is None:
        return ""
    if not isinstance(preferences, Mapping):
        return BY_CONSENT
    return "" if all(preferences.get(category) is True for category in categories) else BY_CONSENT


def refuse_sent_on_device(event: Event, names: Collection[str], ids: Collection[str]) -> str:
    """Give ON_DEVICE when an SDK says that it delivered the event to this destination itself, else "".

    names  every name the destination answers to; ids: the ids an SDK may know it by
    Ids come before names: where one destination stands twice on a source, once on the device and once here,
    both have the same name. ``unbundled`` is not asked: settings an SDK fetched yesterday do not list what
    was connected today.

    Source  observed in the SDKs: analytics.js 1.84.3, Kotlin 1.24.1, Swift 1.9.4, React Native 2.21.4;
            recorded 2026-11
    """
    metadata = event.get("_metadata")
    if not isinstance(metadata, Mapping):
        return ""
    said = _texts(metadata.get("bundledIds"))
    if said:
        return "" if said.isdisjoint(ids) else ON_DEVICE
    return "" if _texts(metadata.get("bundled")).isdisjoint(names) else ON_DEVICE


def _texts(value: Any) -> frozenset[str]:
    return (
        frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()
    )
