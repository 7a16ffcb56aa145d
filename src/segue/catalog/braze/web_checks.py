"""What types cannot say about the settings of Braze's Web SDK: units, scopes, formats, one value per page.

    check(written, settings)   advice; repairs `settings` in place

Source  Braze docs, Web SDK `initialize` options, and "Segment", settings of web device mode; read 2026-11-26
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from segue.kit.device import Advice

from .sdk_endpoint import read_sdk_endpoint

DAY_SECONDS: Final = 86_400
MOST_Z_INDEX: Final = 2_147_483_647
"""Source  CSS 2.2, "z-index"; browsers keep it in 32 bits; read 2026-11-26."""

DEVICE_PROPERTIES: Final = (
    "browser",
    "browserVersion",
    "language",
    "os",
    "resolution",
    "timeZone",
    "userAgent",
)

Written = Mapping[str, Any]
Settings = dict[str, Any]

_NONCE: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_PUSH_ID: Final = re.compile(r"web(?:\.[A-Za-z0-9-]+){2,}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2}(?:[-_][A-Za-z]{2,4})?")
_SCRIPT_URL: Final = re.compile(
    r"""(?:https://[^\s"'<>/]+|http://(?:127(?:\.\d{1,3}){3}|localhost)(?::\d{1,5})?)?/(?!/)[^\s"'<>]*"""
)
_VERSION: Final = re.compile(r"(\d{1,2})\.(\d{1,3})(?:\.\d{1,3})?")


def check(written: Written, settings: Settings) -> list[Advice]:
    """Everything there is to say about these settings."""
    found = [advice for look in _LOOKS for advice in look(written, settings)]
    if settings.get("enableHtmlInAppMessages"):
        settings["allowUserSuppliedJavascript"] = True
    return found


def check_endpoint(written: Written, settings: Settings) -> list[Advice]:
    """The SDK endpoint, repaired where that is certain."""
    endpoint, advice = read_sdk_endpoint(str(settings.get("endpoint", "")), "endpoint", keep_http=True)
    settings["endpoint"] = endpoint
    return advice


def check_version(written: Written, settings: Settings) -> list[Advice]:
    """YAML reads 6.10 as the number 6.1, which is another version."""
    version = written.get("sdkVersion")
    if isinstance(version, int | float) and not isinstance(version, bool):
        problem = f"without quotes it is the number {version}: 6.10 would be read as 6.1, another version"
        return [Advice("sdkVersion", problem, 'Write it as text: sdkVersion: "6.10".')]
    if version is None:
        return []
    if not (found := _VERSION.fullmatch(str(version))):
        return [Advice("sdkVersion", f'"{str(version)[:40]}" is no version', 'Write for instance "6.10".')]
    if int(found[1]) < 3:
        return [Advice("sdkVersion", f"{version} is older than what can be loaded", "Write 3.1 or later.")]
    return []


def check_times(written: Written, settings: Settings) -> list[Advice]:
    """Seconds that look like milliseconds or minutes."""
    advice = []
    timeout = written.get("sessionTimeoutInSeconds")
    if timeout is not None:
        advice += seconds("sessionTimeoutInSeconds", settings.get("sessionTimeoutInSeconds"), least=1)
        if not advice and settings["sessionTimeoutInSeconds"] < 60:
            value = f"{settings['sessionTimeoutInSeconds']:g}"
            problem = f"{value} seconds: a visitor who reads for {value} seconds begins a new session"
            remedy = "If minutes were meant, 30 minutes are 1800; Braze's own default is that."
            advice.append(Advice("sessionTimeoutInSeconds", problem, remedy, warning=True))
    name = "minimumIntervalBetweenTriggerActionsInSeconds"
    if written.get(name) is not None:
        advice += seconds(name, settings.get(name), least=0)
        if not advice and settings[name] < 10:
            problem = f"{settings[name]:g} seconds between messages may flood a visitor"
            advice.append(Advice(name, problem, "Braze recommends 10 or more.", warning=True))
    return advice


def seconds(setting: str, value: Any, *, least: float) -> list[Advice]:
    """A length of time that cannot be, or that was written in milliseconds."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return []
    if value < least:
        return [Advice(setting, f"{value:g} seconds is too short", f"Write {least:g} or more.")]
    if value > DAY_SECONDS:
        problem = f"{value:g} seconds is {value / DAY_SECONDS:,.1f} days; it looks like milliseconds"
        remedy = f"The setting is in seconds: for {value / 1000:g} seconds write {value / 1000:g}."
        return [Advice(setting, problem, remedy)]
    return []


def check_nonce(written: Written, settings: Settings) -> list[Advice]:
    """A Content Security Policy nonce is one value per page view; a stored one is worth little."""
    name = "contentSecurityNonce"
    nonce = settings.get(name)
    if not nonce:
        return []
    if str(nonce).strip("'\"").startswith("nonce-"):
        remedy = "Write the value alone, without nonce- and quotes."
        return [Advice(name, "this is the policy's source expression, not the nonce", remedy)]
    if not _NONCE.fullmatch(str(nonce)):
        return [Advice(name, "a nonce is at least 8 characters of base64", "Write the value your pages use.")]
    problem = "a nonce protects only when every page view has another; this one is the same for all"
    remedy = (
        'Leave it out and pass it where the page calls load: {integrations: {"Braze Web Mode (Actions)": '
        "{contentSecurityNonce: …}}}."
    )
    return [Advice(name, problem, remedy, warning=True)]


def check_z_index(written: Written, settings: Settings) -> list[Advice]:
    """0 is a value like any other: messages at the level of the page. Left out, Braze's own counts."""
    name = "inAppMessageZIndex"
    value = settings.get(name)
    if written.get(name) is None or not isinstance(value, int | float):
        settings.pop(name, None)
        return []
    if value != int(value) or not -MOST_Z_INDEX <= value <= MOST_Z_INDEX:
        return [Advice(name, f"{value:g} is no z-index", f"Write a whole number up to {MOST_Z_INDEX}.")]
    settings[name] = int(value)
    if value <= 0:
        problem = f"{value:g} puts messages at or below the page's own content, where it may hide them"
        return [Advice(name, problem, "Leave it out for Braze's own, far above the page.", warning=True)]
    return []


def check_push_id(written: Written, settings: Settings) -> list[Advice]:
    """Apple's website push ids begin with web."""
    name = "safariWebsitePushId"
    value = settings.get(name)
    if not value or _PUSH_ID.fullmatch(str(value)):
        return []
    remedy = "Write it as in Apple's push certificate, for instance web.com.example.domain."
    return [Advice(name, f'"{str(value)[:80]}" is no website push id', remedy)]


def check_service_worker(written: Written, settings: Settings) -> list[Advice]:
    """The worker's folder is the scope of push."""
    name = "serviceWorkerLocation"
    path = settings.get(name)
    if not path:
        return []
    if "://" in path or path.startswith("//"):
        problem = "a browser registers a service worker of the page's own site only"
        return [Advice(name, problem, "Write its path, for instance /service-worker.js.")]
    if not path.startswith("/") or any(part in ("..", ".") for part in path.split("/")):
        problem = f'"{path[:80]}" is not an absolute path'
        return [Advice(name, problem, "Begin with a slash, for instance /service-worker.js.")]
    if settings.get("manageServiceWorkerExternally"):
        problem = "it does nothing while manageServiceWorkerExternally is on"
        return [Advice(name, problem, "Remove one of the two.", warning=True)]
    folder = path.rpartition("/")[0]
    if folder:
        problem = f"push can only be asked for on pages under {folder}/, the worker's scope"
        return [Advice(name, problem, "Serve the file from the root to cover the whole site.", warning=True)]
    return []


def check_sdk_url(written: Written, settings: Settings) -> list[Advice]:
    """A script runs with all rights of the page: it is loaded over https, from the site, or not at all."""
    url = str(settings.get("sdkUrl") or "")
    if not url or _SCRIPT_URL.fullmatch(url):
        return []
    remedy = "Write an address that begins with https://, or a path of your site that begins with a slash."
    return [Advice("sdkUrl", f'"{url[:80]}" is not where a page can safely load a script from', remedy)]


def check_texts(written: Written, settings: Settings) -> list[Advice]:
    """A language, the device's properties, signatures."""
    advice = []
    language = settings.get("localization")
    if language and not _LANGUAGE.fullmatch(str(language)):
        remedy = "Write an ISO 639-1 code, for instance en or pt-br."
        advice.append(Advice("localization", f'"{str(language)[:40]}" is no language code', remedy))
    allowed = settings.get("devicePropertyAllowlist")
    if allowed:
        name = "devicePropertyAllowlist"
        if strange := [each for each in allowed if each not in DEVICE_PROPERTIES]:
            problem = f"{', '.join(map(str, strange))[:80]} is no device property"
            remedy = f"They are {', '.join(DEVICE_PROPERTIES)}."
            advice.append(Advice(name, problem, remedy))
        elif "timeZone" not in allowed:
            problem = "without timeZone messages cannot be sent by a visitor's local time"
            advice.append(Advice(name, problem, "Add timeZone if you do that.", warning=True))
    if settings.get("enableSdkAuthentication"):
        problem = "no signature is sent by itself"
        remedy = "Call setSdkAuthenticationSignature of Braze's SDK in the page after each identify."
        advice.append(Advice("enableSdkAuthentication", problem, remedy, warning=True))
    return advice


_LOOKS: Final = (
    check_endpoint,
    check_version,
    check_times,
    check_nonce,
    check_z_index,
    check_push_id,
    check_service_worker,
    check_sdk_url,
    check_texts,
)
