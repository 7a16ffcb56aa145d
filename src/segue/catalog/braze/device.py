"""Braze in device mode: its own SDK in the page or app, called by Segment's; this server serves settings.

    BRAZE_WEB          analytics.js with a script of ours, framework actions
    BRAZE_CLASSIC_WEB  analytics.js with a classic integration, for a workspace that still runs it
    BRAZE_MOBILE       the plugins for Kotlin, Swift and React Native, and those of the older SDKs

Source  Segment docs, catalogue data of "Braze Web Device Mode (Actions)" and "Braze", read 2026-11-26;
        braze-segment-kotlin 4.0.1, braze-segment-swift 9.0.0, plugin-braze 0.9.0: what each decodes
"""

from collections.abc import Mapping
from typing import Any, Final

from segue.kit.device import Advice, OnDevice
from segue.kit.field import Choice, Field
from segue.kit.partner import Destination
from segue.model.workspace import SANDBOX_KEY

from . import web_actions, web_checks, web_settings
from .classic_settings import DATACENTERS
from .classic_settings import SETTINGS as CLASSIC
from .sdk_endpoint import SDK_DEFAULT, SDK_ENDPOINTS, read_sdk_endpoint

MOBILE: Final = ("android", "ios", "react-native", "react-native-android", "react-native-ios")

APPBOY: Final = "Appboy"
"""The key every classic and mobile plugin looks for."""


def sdk_host(region: str) -> str:
    """The SDK endpoint of a stored region; "" for none."""
    return DATACENTERS.get(region, "").replace("https://rest.", "sdk.")


def check_custom_endpoint(
    written: Mapping[str, Any], settings: dict[str, Any], *, keep_http: bool = False
) -> list[Advice]:
    """The SDK endpoint of a mobile or classic destination: written, or the region's; never none."""
    name = "customEndpoint"
    custom = str(settings.get(name) or "").strip()
    if not custom:
        settings[name] = sdk_host(str(settings.get("datacenter") or ""))
        if settings[name]:
            return []
        remedy = f"Write customEndpoint, such as {SDK_DEFAULT}, or datacenter."
        return [Advice(name, "there is neither an SDK endpoint nor an instance", remedy)]
    settings[name], advice = read_sdk_endpoint(custom, name, keep_http=keep_http)
    host = sdk_host(str(settings.get("datacenter") or ""))
    if host and host != settings[name] and not advice:
        problem = f"{settings[name]} is not the endpoint of the instance in datacenter, which is {host}"
        advice.append(Advice(name, problem, "The endpoint written here counts.", warning=True))
    return advice


def check_classic(written: Mapping[str, Any], settings: dict[str, Any]) -> list[Advice]:
    """The settings of the classic browser integration."""
    advice = check_custom_endpoint(written, settings, keep_http=True) + web_checks.check_sdk_url(
        written, settings
    )
    version = written.get("version")
    if isinstance(version, int | float) and not isinstance(version, bool):
        settings["version"] = f"{version:g}"
    if not settings.get("version"):
        settings["version"] = CLASSIC["version"].default
    known = [choice.value for choice in CLASSIC["version"].suggestions]
    if settings["version"] not in known:
        problem = f'"{str(settings["version"])[:20]}" is no version of the classic integration'
        advice.append(Advice("version", problem, f"Write one of {', '.join(known)}."))
    if written.get("trackAllPages") and written.get("trackNamedPages"):
        problem = "both page settings are on: pages without a name are left out"
        advice.append(Advice("trackNamedPages", problem, "Keep the one you mean.", warning=True))
    if settings.get("sessionTimeoutInSeconds"):
        advice += web_checks.seconds("sessionTimeoutInSeconds", settings["sessionTimeoutInSeconds"], least=1)
    return (
        advice
        + web_checks.check_push_id(written, settings)
        + web_checks.check_service_worker(written, settings)
    )


_APP_KEY: Final = Field(
    "string",
    label="App Identifier",
    help="The app's identifier from Braze, Settings, App Settings: each operating system has its own. "
    "Everybody who has the app can read it; never a REST API key.",
    required=True,
)
_ENDPOINT: Final = Field(
    "string",
    label="Custom API Endpoint (SDK Endpoint)",
    help="The SDK endpoint of your Braze instance, without https://, for instance sdk.iad-01.braze.com.",
    suggestions=(
        *SDK_ENDPOINTS,
        Choice(SANDBOX_KEY, "The sandbox inside Segue: nothing leaves this machine"),
    ),
)
_REGION: Final = Field(
    "string",
    label="Endpoint Region",
    help="Your Braze instance; gives the SDK endpoint when none is written.",
    choices=tuple(Choice(region, f"{region} ({sdk_host(region)})") for region in DATACENTERS),
)

_CLASSIC_SERVED: Final = (
    *("apiKey", "customEndpoint", "datacenter", "version", "trackAllPages", "trackNamedPages"),
    *("logPurchaseWhenRevenuePresent", "onlyTrackKnownUsersOnWeb", "automaticallyDisplayMessages"),
    *("allowCrawlerActivity", "doNotLoadFontAwesome", "enableHtmlInAppMessages", "enableLogging"),
    *("localization", "minimumIntervalBetweenTriggerActionsInSeconds", "openInAppMessagesInNewTab"),
    *("openNewsFeedCardsInNewTab", "requireExplicitInAppMessageDismissal", "safariWebsitePushId"),
    *("serviceWorkerLocation", "sessionTimeoutInSeconds"),
)
_SDK_URL: Final = web_settings.SETTINGS["sdkUrl"]
_CLASSIC_HELP: Final[Mapping[str, str]] = {
    "trackAllPages": 'Logs every page call: as "Viewed {name} Page", or "Loaded a Page" without a name.',
    "trackNamedPages": "Logs page calls with a name and drops the others, whatever Track All Pages says.",
    "logPurchaseWhenRevenuePresent": "Makes purchases of the products of every event that has a revenue; one "
    "without products sends nothing.",
    "onlyTrackKnownUsersOnWeb": "Starts Braze's SDK with the first identify that has a userId; what comes "
    "before it is dropped.",
}


def _classic(name: str) -> Field:
    field = CLASSIC[name]
    default: dict[str, Any] = {"default": "en"} if name == "localization" else {"default": field.default}
    help = _CLASSIC_HELP.get(name, f"Passed to Braze's SDK as it is: {field.label}.")
    return Field(field.type, label=field.label, help=help, suggestions=field.suggestions, **default)


BRAZE_WEB: Final = Destination(
    slug="braze-web",
    title="Braze Web Mode",
    description="Braze's Web SDK in your pages, called by analytics.js: messages, sessions, visitors.",
    slugs=("actions-braze-web", "60fb01aec459242d3b6f20c1"),
    names=("Braze", "Appboy", "Braze Web Mode (Actions)", "Braze Web Device Mode (Actions)"),
    settings=web_settings.SETTINGS,
    actions=web_actions.ACTIONS,
    presets={"ours": web_actions.OURS, "published": web_actions.PUBLISHED},
    creation_name="Braze Web Mode (Actions)",
    family="braze",
    mode="device",
    platforms=("web",),
    device=OnDevice(
        kind="plugin",
        public=web_settings.PUBLIC,
        folder="braze",
        library="brazeDestination",
        actions=web_actions.PARTNER_ACTIONS,
        known="deferUntilIdentified",
    ),
    check=web_checks.check,
)

BRAZE_CLASSIC_WEB: Final = Destination(
    slug="braze-classic-web",
    title="Braze Classic, web device mode",
    description="Braze's Web SDK steered by settings alone, as Segment's classic destination does.",
    names=("Braze", "Appboy"),
    settings={
        "apiKey": _APP_KEY,
        "customEndpoint": _ENDPOINT,
        "datacenter": _REGION,
        **{name: _classic(name) for name in _CLASSIC_SERVED[3:]},
        "sdkUrl": _SDK_URL,
    },
    actions=(),
    creation_name=APPBOY,
    family="braze",
    frameworks=("classic",),
    mode="device",
    platforms=("web",),
    device=OnDevice(
        kind="classic",
        public=(*_CLASSIC_SERVED, "sdkUrl"),
        folder="appboy",
        version="1.16.1",
        known="onlyTrackKnownUsersOnWeb",
    ),
    check=check_classic,
)

BRAZE_MOBILE: Final = Destination(
    slug="braze-mobile",
    title="Braze Mobile",
    description="Braze's SDK in your app, called by the plugin for Segment's SDK: push, messages, sessions.",
    names=("Braze", "Appboy"),
    settings={
        "apiKey": _APP_KEY,
        "customEndpoint": _ENDPOINT,
        "datacenter": _REGION,
        "automatic_in_app_message_registration_enabled": Field(
            "boolean",
            label="Enable Automatic In-App Message Registration",
            help="Lets Braze show its messages by itself; switch it off to register for them in your code.",
            default=True,
        ),
        "logPurchaseWhenRevenuePresent": Field(
            "boolean",
            label="Log Purchase when Revenue is present",
            help="Makes a purchase of an event with a revenue; what counts besides it differs by SDK.",
            default=True,
        ),
    },
    actions=(),
    creation_name=APPBOY,
    family="braze",
    frameworks=("actions", "classic"),
    mode="device",
    platforms=MOBILE,
    device=OnDevice(
        kind="mobile",
        always={
            "apiKey": "",
            "customEndpoint": "",
            # braze-segment-swift 1.0.0 declares it as a text that has to be there, and reads it for nothing.
            "datacenter": "",
            "automatic_in_app_message_registration_enabled": True,
            "logPurchaseWhenRevenuePresent": True,
        },
    ),
    check=check_custom_endpoint,
)
