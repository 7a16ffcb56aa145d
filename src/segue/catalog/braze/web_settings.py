"""What Braze's Web SDK can be told, under the names Segment's settings have.

    SETTINGS   every setting of "Braze Web Mode (Actions)", and the one of the integration page beside it
    PUBLIC     those that are served to browsers: all of them; none is a secret

`sdkUrl` and `keepUserOnReset` are ours, for our own script.

Source  Segment docs, catalogue data of "Braze Web Device Mode (Actions)" (id 60fb01aec459242d3b6f20c1), and
        Braze docs, "Segment", settings of web device mode; read 2026-11-26
"""

from collections.abc import Mapping
from typing import Final

from segue.kit.field import Choice, Field, pick
from segue.model.workspace import SANDBOX_KEY

from .sdk_endpoint import SDK_DEFAULT, SDK_ENDPOINTS
from .web_checks import DEVICE_PROPERTIES

VERSIONS: Final = (
    "3.1",
    "3.3",
    "3.5",
    "4.1",
    "4.6",
    "4.8",
    "4.10",
    "5.4",
    "5.7",
    "5.8",
    "5.9",
    "6.1",
    "6.10",
)
DEFAULT_VERSION: Final = "6.10"


def _switch(label: str, help: str, default: bool = False) -> Field:
    return Field("boolean", label=label, help=help, default=default)


def _text(label: str, help: str) -> Field:
    return Field("string", label=label, help=help)


SETTINGS: Final[Mapping[str, Field]] = {
    "api_key": Field(
        "string",
        label="App Identifier",
        help="The web app's identifier from Braze, Settings, App Settings. Everybody who opens your site can "
        "read it; never a REST API key.",
        required=True,
    ),
    "endpoint": Field(
        "string",
        label="Custom API Endpoint (SDK Endpoint)",
        help="The SDK endpoint of your Braze instance, without https://, for instance sdk.iad-01.braze.com.",
        required=True,
        default=SDK_DEFAULT,
        suggestions=(
            *SDK_ENDPOINTS,
            Choice(SANDBOX_KEY, "The sandbox inside Segue: nothing leaves this machine"),
        ),
    ),
    "sdkVersion": Field(
        "string",
        label="Braze Web SDK Version",
        help="The version of Braze's Web SDK that visitors load; in quotes, because 6.10 alone means 6.1.",
        default=DEFAULT_VERSION,
        suggestions=pick(*VERSIONS),
    ),
    "allowCrawlerActivity": _switch(
        "Allow Crawler Activity", "Counts web crawlers, such as Google's, as visitors."
    ),
    "allowUserSuppliedJavascript": _switch(
        "Allow User-Supplied JavaScript",
        "Lets messages run JavaScript written in the Braze dashboard: whoever may write there can then do "
        "anything on your site.",
    ),
    "appVersion": _text("App Version", "A version of your site that Braze's segments can ask for."),
    "automaticallyDisplayMessages": _switch(
        "Automatically Send In-App Messages",
        "Shows each in-app message a visitor is eligible for; switch it off to show them yourself.",
        True,
    ),
    "contentSecurityNonce": _text(
        "Content Security Nonce",
        "Put on script and style elements Braze's SDK makes; better passed by the page, which has a new one "
        "for each view.",
    ),
    "deferUntilIdentified": _switch(
        "Only Track Known Users",
        "Starts Braze's SDK only once a visitor has a userId; what they do before does not reach Braze.",
    ),
    "devicePropertyAllowlist": Field(
        "string",
        label="Device Property Allowlist",
        help="The only properties of a device that Braze's SDK collects; all of them when left out.",
        multiple=True,
        suggestions=pick(*DEVICE_PROPERTIES),
    ),
    "disablePushTokenMaintenance": _switch(
        "Disable Push Token Maintenance",
        "Stops sending a visitor's push token again with each new session.",
    ),
    "doNotLoadFontAwesome": _switch(
        "Do Not Load Font Awesome",
        "Leaves the icon font of in-app messages to your site; without it some have no icons.",
    ),
    "enableHtmlInAppMessages": _switch(
        "Enable HTML In-App Messages",
        "Lets dashboard users write messages in HTML; switches Allow User-Supplied JavaScript on as well.",
    ),
    "enableLogging": _switch(
        "Enable Logging", "Logs to the browser's console, which every visitor can open."
    ),
    "enableSdkAuthentication": _switch(
        "Enable SDK Authentication",
        "Asks for a signature with each call for a known person; the page has to give it to Braze's SDK.",
    ),
    "inAppMessageZIndex": Field(
        "number",
        label="In-App Message Z Index",
        help="Overrides at which height over the page messages lie; left out, Braze's own counts.",
    ),
    "localization": Field(
        "string",
        label="Localization",
        help="The language of texts of the SDK itself, as an ISO 639-1 code.",
        default="en",
    ),
    "manageServiceWorkerExternally": _switch(
        "Manage Service Worker Externally",
        "Leaves registering the service worker to you; it must contain Braze's.",
    ),
    "minimumIntervalBetweenTriggerActionsInSeconds": Field(
        "number",
        label="Minimum Interval Between Trigger Actions In Seconds",
        help="How long after a triggered message the next may come.",
        default=30,
    ),
    "noCookies": _switch(
        "No Cookies", "Keeps ids in local storage only; visitors are then unknown on other subdomains."
    ),
    "openCardsInNewTab": _switch("Open Cards In New Tab", "Opens links of cards in a new tab."),
    "openInAppMessagesInNewTab": _switch(
        "Open In-App Messages In New Tab", "Opens links of in-app messages in a new tab."
    ),
    "requireExplicitInAppMessageDismissal": _switch(
        "Require Explicit In-App Message Dismissal",
        "Keeps a message open until its button is pressed; neither Escape nor a click beside it closes it.",
    ),
    "safariWebsitePushId": _text(
        "Safari Website Push ID",
        "Needed for Safari push, as in your certificate: web.com.example.domain.",
    ),
    "keepUserOnReset": _switch(
        "Keep User On Reset",
        "Leaves Braze with the person who logged out after analytics.reset(), as the published script does.",
    ),
    "sdkUrl": _text(
        "Braze Web SDK Address",
        "Where your site serves Braze's Web SDK from, when not from Braze's CDN; visitors load this address.",
    ),
    "serviceWorkerLocation": _text(
        "Service Worker Location",
        "Where your site serves the service worker, if not /service-worker.js; its folder limits where push "
        "can be asked for.",
    ),
    "sessionTimeoutInSeconds": Field(
        "number",
        label="Session Timeout In Seconds",
        help="Seconds without activity after which a session ends; 1800 are 30 minutes.",
        default=1800,
    ),
}

PUBLIC: Final = tuple(name for name in SETTINGS if name != "enableHtmlInAppMessages")
"""`enableHtmlInAppMessages` takes effect as `allowUserSuppliedJavascript`."""
