"""What SDKs that cannot run here make of our settings: their decoders, written down as types and rules.

    READERS["braze-segment-swift 5.0.1"](settings)   -> what Braze is started with, or None: it is not started

Swift's Codable is strict: a value that is there has the declared type, an optional one may be missing or
null, what is not declared is ignored; one wrong member and the plugin has no settings. Objective-C and Java
take values as they come, and fail later. Read, not run: neither compiler is among the tests' tools.

Source  segmentio/analytics-swift Settings.swift and SegmentDestination.swift; braze-inc/braze-segment-swift
        BrazeDestination.swift at 1.0.0 and 5.0.1; Appboy/appboy-segment-ios SEGAppboyIntegration.m;
        Appboy/appboy-segment-android AppboyIntegration.java; read 2026-11-26
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

APPBOY: Final = "Appboy"
Settings = Mapping[str, Any]


class Start(NamedTuple):
    """How Braze's SDK is started. in_app, purchases: None where the plugin does not read it."""

    key: str
    endpoint: str
    in_app: bool | None
    purchases: bool | None


class Swift(msgspec.Struct, frozen=True):
    """BrazeSettings since 2.0.0."""

    apiKey: str  # noqa: N815  # the names here and below are the SDKs'
    customEndpoint: str | None = None  # noqa: N815
    automatic_in_app_message_registration_enabled: bool | None = None
    logPurchaseWhenRevenuePresent: bool | None = None  # noqa: N815


class FirstSwift(msgspec.Struct, frozen=True, kw_only=True):
    """BrazeSettings of 1.0.0: all of the classic destination's, and a region that has to be there."""

    apiKey: str  # noqa: N815
    datacenter: str
    customEndpoint: str | None = None  # noqa: N815
    restCustomEndpoint: str | None = None  # noqa: N815
    version: str | None = None
    type: str | None = None
    bundlingStatus: str | None = None  # noqa: N815
    localization: str | None = None
    safariWebsitePushId: str | None = None  # noqa: N815
    serviceWorkerLocation: str | None = None  # noqa: N815
    sessionTimeoutInSeconds: float | None = None  # noqa: N815
    minimumIntervalBetweenTriggerActionsInSeconds: float | None = None  # noqa: N815
    automatic_in_app_message_registration_enabled: bool | None = None
    logPurchaseWhenRevenuePresent: bool | None = None  # noqa: N815
    automaticallyDisplayMessages: bool | None = None  # noqa: N815
    allowCrawlerActivity: bool | None = None  # noqa: N815
    doNotLoadFontAwesome: bool | None = None  # noqa: N815
    enableHtmlInAppMessages: bool | None = None  # noqa: N815
    enableLogging: bool | None = None  # noqa: N815
    onlyTrackKnownUsersOnWeb: bool | None = None  # noqa: N815
    openInAppMessagesInNewTab: bool | None = None  # noqa: N815
    openNewsFeedCardsInNewTab: bool | None = None  # noqa: N815
    requireExplicitInAppMessageDismissal: bool | None = None  # noqa: N815
    trackAllPages: bool | None = None  # noqa: N815
    trackNamedPages: bool | None = None  # noqa: N815
    updateExistingOnly: bool | None = None  # noqa: N815


def swift(settings: Settings) -> Start | None:
    """braze-segment-swift 2.0.0 and later: without an endpoint Braze is not started."""
    found = _codable(settings, Swift)
    if found is None or found.customEndpoint is None:
        return None
    purchases = found.logPurchaseWhenRevenuePresent
    in_app = found.automatic_in_app_message_registration_enabled
    return Start(found.apiKey, found.customEndpoint, in_app is True, purchases is None or purchases)


def first_swift(settings: Settings) -> Start | None:
    """braze-segment-swift 1.0.0: reads two, and declares the rest."""
    found = _codable(settings, FirstSwift)
    return found and Start(found.apiKey, found.customEndpoint or "", None, None)


def old_ios(settings: Settings) -> Start | None:
    """Segment-Appboy: a key that is a text and not empty; the endpoint is asked for its length, and null has
    none: the app ends."""
    entry = _dictionary(_dictionary(settings, "integrations"), APPBOY)
    if not entry or not isinstance(entry.get("apiKey"), str) or not entry["apiKey"]:
        return None
    endpoint = entry.get("customEndpoint", "")
    if not isinstance(endpoint, str):
        raise TypeError(f"unrecognized selector: -[{type(endpoint).__name__} length]")
    return Start(entry["apiKey"], endpoint, None, None)


def old_android(settings: Settings) -> Start | None:
    """braze-segment-android: without settings it is not enabled; a switch that is no boolean is true."""
    entry = _dictionary(_dictionary(settings, "integrations"), APPBOY)
    if not entry:
        return None
    key, endpoint = entry.get("apiKey"), entry.get("customEndpoint")
    if key is None:
        raise TypeError("BrazeConfig.Builder.setApiKey is given null")
    switch = entry.get("automatic_in_app_message_registration_enabled")
    in_app = switch if isinstance(switch, bool) else str(switch).lower() != "false"
    return Start(str(key), "" if endpoint is None else str(endpoint), in_app, None)


READERS: Final[Mapping[str, Callable[[Settings], Start | None]]] = {
    "braze-segment-swift 5.0.1": swift,
    "braze-segment-swift 1.0.0": first_swift,
    "Segment-Appboy (iOS, Objective-C)": old_ios,
    "braze-segment-android": old_android,
}


def swift_events_host(settings: Settings) -> str | None:
    """Where analytics-swift sends events: the served host, when it is a text and not empty; None: its own."""
    segment = _dictionary(_dictionary(settings, "integrations"), "Segment.io")
    host = (segment or {}).get("apiHost")
    return host if isinstance(host, str) and host else None


def swift_unbundled(settings: Settings) -> list[str]:
    """What analytics-swift says is left to the cloud: a list of texts, all of it or nothing."""
    segment = _dictionary(_dictionary(settings, "integrations"), "Segment.io")
    names = (segment or {}).get("unbundledIntegrations")
    is_texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return names if is_texts else []


def old_sdks_let_pass(settings: Settings, event: str, key: str) -> bool:
    """Whether analytics-android and analytics-ios hand a track to an integration: they obey the plan."""
    track = _dictionary(_dictionary(settings, "plan"), "track") or {}
    rule = _dictionary(track, event) or _dictionary(track, "__default")
    if rule is None:
        return True
    return rule.get("enabled", True) is True and (rule.get("integrations") or {}).get(key, True) is not False


def _codable(settings: Settings, declared: type[msgspec.Struct]) -> Any:
    """Decode Braze's entry as JSONDecoder does; None where it would throw."""
    entry = (_dictionary(settings, "integrations") or {}).get(APPBOY)
    if entry is None:
        return None
    try:
        return msgspec.json.decode(msgspec.json.encode(entry), type=declared)
    except msgspec.ValidationError:
        return None


def _dictionary(of: Mapping[str, Any] | None, key: str) -> Mapping[str, Any] | None:
    found = (of or {}).get(key)
    return found if isinstance(found, Mapping) else None
