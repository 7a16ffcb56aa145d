"""Set-up by source type, and what is said about settings: each mistake with its remedy."""

from typing import Any

import pytest
from tests.engine.sides import CLASSIC, CLOUD, MOBILE, WEB, destination, faults, mobile, plan, web, workspace

from segue.catalog.contents import catalogue
from segue.engine.plan import prepare
from segue.model.workspace import Delivery, Destination, Platform, Source, Subscription

ALL: list[Platform] = [
    *("server", "web", "android", "ios", "react-native", "react-native-android", "react-native-ios"),
]
PAGES: dict[tuple[str, str], dict[str, str]] = {
    ("actions", "cloud"): dict.fromkeys(ALL, "braze"),
    ("classic", "cloud"): dict.fromkeys(ALL, "braze-classic"),
    ("actions", "device"): {"web": "braze-web", **dict.fromkeys(ALL[2:], "braze-mobile")},
    ("classic", "device"): {"web": "braze-classic-web", **dict.fromkeys(ALL[2:], "braze-mobile")},
}
"""(framework, mode) -> platform -> page; a platform that is missing cannot have it."""
SETTINGS = {
    "braze": CLOUD,
    "braze-classic": CLASSIC,
    "braze-web": WEB,
    "braze-mobile": MOBILE,
    "braze-classic-web": MOBILE,
}


@pytest.mark.parametrize("platform", ALL)
@pytest.mark.parametrize(("framework", "mode"), PAGES)
def test_what_a_platform_allows_can_be_chosen_and_nothing_else(
    framework: Any, mode: Any, platform: Any
) -> None:
    """The possible choices are named when an impossible one is refused."""
    page = PAGES[framework, mode].get(platform)
    given = destination("d", framework=framework, mode=mode, settings=SETTINGS.get(page or "", CLOUD))
    if page is not None:
        made = prepare(workspace(given, platform=platform), catalogue())
        assert made.everything["d"].page.slug == page
        return
    found = faults(workspace(given, platform=platform))["destinations.d.mode"]
    assert "cannot be set up" in found
    possible = [pair for pair, platforms in PAGES.items() if platform in platforms]
    assert all(f"framework: {one} with mode: {other}" in found for one, other in possible)
    assert found.count("framework:") == len(possible)


def test_without_a_choice_a_type_is_what_it_always_was() -> None:
    """Cloud mode, actions; and a type that is one page refuses to be another."""
    assert plan(destination("d")).destinations["d"].page.slug == "braze"
    assert plan(web(type="braze-web", mode=None)).devices["braze-web"].page.slug == "braze-web"
    wrong = faults(workspace(web(type="braze-web", mode="cloud")))
    assert "leave framework and mode out" in wrong["destinations.braze-web.mode"]
    wrong = faults(workspace(web(type="actions-braze-web", mode=None), platform="server"))
    assert "works with sources of these platforms: web" in wrong["destinations.braze-web.type"]
    hook = Destination(
        id="h", type="webhook", source="shop", mode="device", settings={"url": "https://a.example/"}
    )
    assert "cannot be set up" in faults(workspace(hook))["destinations.h.mode"]


WEB_FAULTS = [
    ("endpoint", "https://sdk.fra-01.braze.eu", "https://https://", "sdk.fra-01.braze.eu"),
    ("endpoint", "sdk.fra-01.braze.eu/api/v3", "is left out", "sdk.fra-01.braze.eu"),
    ("endpoint", "rest.fra-01.braze.eu", "is the REST endpoint", ""),
    ("endpoint", "https://rest.iad-03.braze.com", "sdk.iad-03.braze.com", ""),
    ("endpoint", "dashboard-01.braze.eu", "sdk.fra-01.braze.eu", ""),
    ("endpoint", "US-03", "sdk.iad-03.braze.com", ""),
    ("endpoint", "http://sdk.fra-01.braze.eu", "readable for anybody", ""),
    ("endpoint", "ftp://sdk.fra-01.braze.eu", "no scheme an SDK speaks", ""),
    ("endpoint", "not a host", "is no host name", ""),
    ("endpoint", "", "is no host name", ""),
    ("sdkVersion", 6.1, 'Write it as text: sdkVersion: "6.10"', ""),
    ("sdkVersion", "latest", "is no version", ""),
    ("sessionTimeoutInSeconds", 1_800_000, "looks like milliseconds", ""),
    ("sessionTimeoutInSeconds", 0, "too short", ""),
    ("sessionTimeoutInSeconds", 30, "30 minutes are 1800", 30),
    ("minimumIntervalBetweenTriggerActionsInSeconds", 5, "may flood", 5),
    ("minimumIntervalBetweenTriggerActionsInSeconds", 30_000_000, "milliseconds", ""),
    ("contentSecurityNonce", "'nonce-abcdef123456'", "without nonce- and quotes", ""),
    ("contentSecurityNonce", "short", "at least 8 characters", ""),
    ("contentSecurityNonce", "abcdef123456==", "every page view", "abcdef123456=="),
    ("inAppMessageZIndex", 0, "at or below the page's own content", 0),
    ("inAppMessageZIndex", 1.5, "is no z-index", ""),
    ("inAppMessageZIndex", 10**10, "is no z-index", ""),
    ("safariWebsitePushId", "com.example.domain", "web.com.example.domain", ""),
    ("safariWebsitePushId", "web", "website push id", ""),
    ("serviceWorkerLocation", "https://cdn.example.com/sw.js", "own site only", ""),
    ("serviceWorkerLocation", "sw.js", "Begin with a slash", ""),
    ("serviceWorkerLocation", "/a/../sw.js", "not an absolute path", ""),
    ("serviceWorkerLocation", "/push/sw.js", "pages under /push/", "/push/sw.js"),
    ("localization", "english", "is no language code", ""),
    ("devicePropertyAllowlist", ["os", "timezone"], "timezone is no device property", ""),
    ("devicePropertyAllowlist", ["os"], "local time", ["os"]),
    ("enableSdkAuthentication", True, "setSdkAuthenticationSignature", True),
    ("sdkUrl", "http://cdn.example.com/braze.js", "safely load", ""),
    ("sdkUrl", "//cdn.example.com/braze.js", "safely load", ""),
    ("sdkUrl", "javascript:alert(1)", "safely load", ""),
]


@pytest.mark.parametrize(("setting", "value", "said", "kept"), WEB_FAULTS)
def test_a_web_setting_is_checked_with_a_helpful_message(
    setting: str, value: Any, said: str, kept: Any
) -> None:
    """`kept` is what is served when it only warns, repaired where that is certain; "" when it is refused."""
    given = workspace(web(settings=WEB | {setting: value}))
    assert said in faults(given)[f"destinations.braze-web.settings.{setting}"]
    if kept != "":
        assert prepare(given, catalogue()).devices["braze-web"].settings[setting] == kept


FINE = [
    ("endpoint", "sdk.au-01.braze.com"),
    ("endpoint", "http://127.0.0.1:8089"),
    ("endpoint", " sdk.fra-01.braze.eu "),
    ("sdkVersion", "5.9.1"),
    ("sessionTimeoutInSeconds", 1800),
    ("inAppMessageZIndex", 9001),
    ("safariWebsitePushId", "web.com.example.domain"),
    ("serviceWorkerLocation", "/service-worker.js"),
    ("localization", "pt-BR"),
    ("sdkUrl", "https://cdn.example.com/braze.js"),
    ("sdkUrl", "/assets/braze.js"),
]


@pytest.mark.parametrize(("setting", "value"), FINE)
def test_what_is_right_is_not_talked_about(setting: str, value: Any) -> None:
    """No warning for what people should write."""
    assert faults(workspace(web(settings=WEB | {setting: value}))) == {}


MOBILE_FAULTS = [
    ({"customEndpoint": "https://sdk.fra-01.braze.eu"}, "customEndpoint", "https://https://"),
    ({"customEndpoint": "rest.fra-01.braze.eu"}, "customEndpoint", "sdk.fra-01.braze.eu"),
    ({"customEndpoint": ""}, "customEndpoint", "neither an SDK endpoint nor an instance"),
    ({"customEndpoint": "sdk.fra-01.braze.eu", "datacenter": "us"}, "customEndpoint", "is not the endpoint"),
    ({"datacenter": "mars"}, "datacenter", "one of"),
]


@pytest.mark.parametrize(("changes", "setting", "said"), MOBILE_FAULTS)
def test_a_mobile_setting_is_checked_too(changes: dict[str, Any], setting: str, said: str) -> None:
    """https:// before the endpoint is the mistake that breaks apps."""
    given = workspace(mobile(settings=MOBILE | changes), platform="ios")
    assert said in faults(given)[f"destinations.braze-app.settings.{setting}"]


def test_the_rest_endpoint_is_told_from_the_sdks() -> None:
    """In cloud mode, of both frameworks."""
    told = faults(workspace(destination("d", settings=CLOUD | {"endpoint": "https://sdk.fra-01.braze.eu"})))
    assert "https://rest.fra-01.braze.eu" in told["destinations.d.settings.endpoint"]
    given = CLASSIC | {"restCustomEndpoint": "https://sdk.iad-03.braze.com"}
    told = faults(workspace(destination("d", framework="classic", settings=given)))
    assert "https://rest.iad-03.braze.com" in told["destinations.d.settings.restCustomEndpoint"]


def react_native(*destinations: Destination) -> Any:
    """A source per operating system, the second called ``other``."""
    other = Source(id="other", platform="react-native-android", write_keys=("wk2",))
    return workspace(*destinations, platform="react-native-ios", more=(other,))


def test_a_react_native_app_has_a_source_and_destination_for_each_system() -> None:
    """One app identifier for both is warned of; a source that is for both, too."""
    separate = react_native(mobile("a"), mobile("b", source="other", settings=MOBILE | {"apiKey": "app-2"}))
    assert faults(separate) == {}
    shared = faults(react_native(mobile("a"), mobile("b", source="other")))
    assert list(shared) == ["destinations.b.settings.apiKey"]
    assert 'app identifier of "a"' in shared["destinations.b.settings.apiKey"]
    one = faults(workspace(mobile("a"), platform="react-native"))
    assert "react-native-android and react-native-ios" in one["destinations.a"]


def test_a_secret_where_everybody_can_read_it_is_refused() -> None:
    """A REST key in a web destination's api_key would be in every page."""
    told = faults(workspace(web(settings=WEB | {"api_key": "rest-secret"}), destination("cloud")))
    assert 'secret of "cloud"' in told["destinations.braze-web.settings.api_key"]
    assert "rest-secret" not in str(told)


def test_there_is_one_device_destination_of_a_name_on_a_source() -> None:
    """An SDK has one place for each name."""
    told = faults(workspace(web("one"), web("two")))
    assert "one of a name" in told["destinations.two"]


def test_what_does_nothing_in_device_mode_is_said() -> None:
    """Delivery options, subscriptions of a plugin that has its behaviour built in, too many subscriptions."""
    told = faults(workspace(web(delivery=Delivery(batching=False))))
    assert "do nothing" in told["destinations.braze-web.delivery"]
    some = (Subscription(id="s", action="trackEvent", trigger='type = "track"'),)
    told = faults(workspace(mobile(subscriptions=some), platform="ios"))
    assert "built into" in told["destinations.braze-app.subscriptions"]
    many = tuple(Subscription(id=f"s{n}", action="trackEvent", trigger='type = "track"') for n in range(51))
    assert "takes 50" in faults(workspace(web(subscriptions=many)))["destinations.braze-web.subscriptions"]


def test_liquid_in_a_mapping_of_the_browser_is_told_of() -> None:
    """There is no engine for it there; the same mapping in cloud mode is fine."""
    mapping = {"eventName": {"@path": "$.event"}, "eventProperties": {"a": [{"@liquid": "{{ event }}"}]}}
    one = Subscription(id="s", action="track-event", trigger='type = "track"', mapping=mapping)
    found = faults(workspace(web(subscriptions=(one,))))
    assert found == {
        "destinations.braze-web.subscriptions.0.mapping.eventProperties.a.0": (
            "the browser has no Liquid, so this mapping fails there for every event. "
            "Use @template, or map it in a destination in cloud mode."
        )
    }
