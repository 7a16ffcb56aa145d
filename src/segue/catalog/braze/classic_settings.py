"""What a classic Braze destination asks for, under the names its stored settings have.

    SETTINGS               every setting there is; those of the SDKs are taken and do nothing here
    connection(settings)   -> {"api_key": "…", "endpoint": "https://rest.iad-03.braze.com"}

Source  Segment docs, catalogue data of "Braze" (id 54efbf12db31d978f14aa8b5), read 2026-11-24;
        Braze docs, "API overview", endpoints, read 2026-11-23
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from segue.kit.action import Settings
from segue.kit.field import Choice, Field, Type, pick

DATACENTERS: Final[Mapping[str, str]] = {
    "us": "https://rest.iad-01.braze.com",
    **{f"us{number:02}": f"https://rest.iad-{number:02}.braze.com" for number in range(2, 9)},
    "us09": "https://rest.us-09.braze.com",
    "us10": "https://rest.us-10.braze.com",
    "eu": "https://rest.fra-01.braze.eu",
    "eu02": "https://rest.fra-02.braze.eu",
    "au01": "https://rest.au-01.braze.com",
    "id01": "https://rest.id-01.braze.com",
    "jp01": "https://rest.jp-01.braze.com",
}
"""REST address by stored region. Published are us to us06, us08 and eu; the others follow their pattern."""


def connection(settings: Settings) -> dict[str, str]:
    """The key and address of a workspace as `rest.request` takes them; an address of its own goes first."""
    endpoint = settings.get("restCustomEndpoint") or DATACENTERS[settings["datacenter"]]
    return {"api_key": settings["appGroupId"], "endpoint": endpoint}


_TYPES: Final[Mapping[type, Type]] = {bool: "boolean", int: "number", str: "string"}


def _switch(label: str, help: str) -> Field:
    return Field("boolean", label=label, help=help, default=False)


def _device(
    where: Literal["browser", "app", "browser and app"],
    label: str,
    default: Any,
    suggestions: tuple[Choice, ...] = (),
) -> Field:
    """A setting of the SDKs. It has no choices and no bounds: what does nothing must not stop anybody."""
    return Field(
        _TYPES[type(default)],
        label=label,
        help=f"No effect in cloud mode: it steers Braze's SDK in the {where}. Taken so stored settings load.",
        default=default,
        suggestions=suggestions,
        hidden=True,
    )


SETTINGS: Final[Mapping[str, Field]] = {
    "appGroupId": Field(
        "password",
        label="REST API Key",
        help="A REST API key of your Braze workspace with the permission users.track.",
        required=True,
    ),
    "datacenter": Field(
        "string",
        label="Endpoint Region",
        help="The Braze instance your workspace is on; a custom REST endpoint goes before it.",
        required=True,
        choices=tuple(Choice(region, f"{region} ({address})") for region, address in DATACENTERS.items()),
    ),
    "restCustomEndpoint": Field(
        "string",
        label="Custom REST API Endpoint",
        help="An address Braze gave you, for instance https://foo.bar.braze.com; empty for the region's.",
        default="",
        format="http-url",
        suggestions=(Choice("", "The region's own address"),),
    ),
    "apiKey": Field(
        "string",
        label="App Identifier",
        help="The app that events and purchases are counted for, from the Braze dashboard.",
        default="",
    ),
    "updateExistingOnly": _switch(
        "Update Existing Users Only",
        "When on, people Braze does not know yet are left alone instead of created.",
    ),
    "trackAllPages": _switch("Track All Pages", "Sends every page and screen call as a custom event."),
    "trackNamedPages": _switch(
        "Track Only Named Pages",
        "Sends page and screen calls that have a name; goes before Track All Pages.",
    ),
    "logPurchaseWhenRevenuePresent": _switch(
        "Log Purchase when Revenue is present",
        "Makes a purchase, named like the event, of every event with a revenue and a currency.",
    ),
    "customEndpoint": _device("browser and app", "Custom API Endpoint", ""),
    "automatic_in_app_message_registration_enabled": _device(
        "app", "Enable Automatic In-App Message Registration", True
    ),
    "onlyTrackKnownUsersOnWeb": _device("browser", "Only Track Known Users", False),
    "automaticallyDisplayMessages": _device("browser", "Automatically Send In-App Messages", True),
    "allowCrawlerActivity": _device("browser", "Allow Crawler Activity", False),
    "doNotLoadFontAwesome": _device("browser", "Do Not Load Font Awesome", False),
    "enableHtmlInAppMessages": _device("browser", "Enable HTML In-App Messages", False),
    "enableLogging": _device("browser", "Enable Logging", False),
    "localization": _device("browser", "Localization", ""),
    "minimumIntervalBetweenTriggerActionsInSeconds": _device(
        "browser", "Minimum Interval Between Trigger Actions In Seconds", 30
    ),
    "openInAppMessagesInNewTab": _device("browser", "Open In-App Messages In New Tab", False),
    "openNewsFeedCardsInNewTab": _device("browser", "Open News Feed Cards In New Tab", False),
    "requireExplicitInAppMessageDismissal": _device(
        "browser", "Require Explicit In-App Message Dismissal", False
    ),
    "safariWebsitePushId": _device("browser", "Safari Website Push ID", ""),
    "serviceWorkerLocation": _device("browser", "Service Worker Location", ""),
    "sessionTimeoutInSeconds": _device("browser", "Session Timeout In Seconds", 30),
    "version": _device("browser", "Braze Web SDK Version", "2", pick("1", "2", "2.7", "3.1")),
}
