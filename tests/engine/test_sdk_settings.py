"""The settings JSON: what each SDK needs is there, in its type; what is not for everybody never is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.engine.sides import CLASSIC, MOBILE, WEB, destination, mobile, plan, web

from segue.catalog.contents import CONTENTS
from segue.engine.plan import Plan
from segue.engine.sdk_settings import Site, sdk_settings
from segue.kit.field import Field
from segue.model.workspace import Subscription

SITE = Site("https", "events.example.com", "/v1")
SCRIPTS = {"braze": "0123456789ab.js", "braze-cloud-plugins": "fedcba987654.js", "appboy": "00112233aabb.js"}
OBJECTS = (
    "integrations",
    "plan",
    "edgeFunction",
    "middlewareSettings",
    "metrics",
    "consentSettings",
    "autoInstrumentation",
)
"""Members analytics-kotlin decodes as objects that are not null."""


def settings_of(made: Plan, scripts: dict[str, str] = SCRIPTS) -> dict[str, Any]:
    """What the source's SDKs get, as they get it."""
    served: dict[str, Any] = json.loads(
        json.dumps(sdk_settings(made, made.workspace.sources[0], "wk", SITE, scripts))
    )
    return served


def values(data: Any) -> Iterator[Any]:
    """Everything in a JSON value."""
    yield data
    for each in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from values(each)


EVERY_KIND = {
    "nothing": plan(platform="web"),
    "web": plan(web(), destination("cloud")),
    "web without subscriptions": plan(web(presets="none")),
    "classic web": plan(
        web(framework="classic", settings={"apiKey": "k", "datacenter": "eu"}), destination("cloud")
    ),
    "android": plan(mobile(), platform="android"),
    "ios": plan(mobile(settings={"apiKey": "k", "datacenter": "us03"}), platform="ios"),
    "react native": plan(mobile(), destination("cloud"), platform="react-native-ios"),
    "mobile in cloud mode": plan(
        destination("cloud"),
        destination("classic", framework="classic", settings=CLASSIC),
        platform="android",
    ),
    "server": plan(destination("cloud"), platform="server"),
}


@pytest.mark.parametrize("made", EVERY_KIND.values(), ids=EVERY_KIND.keys())
def test_kotlin_can_decode_every_settings_there_are(made: Plan) -> None:
    """Objects where it expects objects, entries that are objects, and no null anywhere."""
    served = settings_of(made)
    assert [name for name in OBJECTS if name in served and not isinstance(served[name], dict)] == []
    assert all(isinstance(each, dict) for each in served["integrations"].values())
    assert None not in list(values(served))
    assert served["integrations"]["Segment.io"]["apiKey"] == "wk"
    assert served["integrations"]["Segment.io"]["apiHost"] == "events.example.com/v1"
    assert "segment.io/" not in json.dumps(served).lower()
    assert "segment.com" not in json.dumps(served)


def test_a_web_destination_is_a_plugin_of_ours_that_says_it_is_bundled() -> None:
    """Without bundlingStatus an event would not tell that Braze got it; with a component type "browser"
    analytics.js would look for a classic integration too."""
    served = settings_of(plan(web(consent_categories=("ads",)), destination("cloud")))
    name = "Braze Web Mode (Actions)"
    assert list(served["integrations"]) == ["Segment.io", name]
    assert served["integrations"][name] == {
        "versionSettings": {"componentTypes": []},
        "bundlingStatus": "bundled",
        "consentSettings": {"categories": ["ads"]},
    }
    ours = served["integrations"]["Segment.io"]
    assert ours["maybeBundledConfigIds"] == {name: ["braze-web"]}
    assert ours["unbundledIntegrations"] == ["Braze Cloud Mode (Actions)"]
    (plugin,) = served["remotePlugins"]
    assert (plugin["name"], plugin["creationName"], plugin["libraryName"]) == (name, name, "brazeDestination")
    assert plugin["url"] == "https://events.example.com/next-integrations/actions/braze/0123456789ab.js"
    told = plugin["settings"]
    assert (told["api_key"], told["endpoint"], told["sdkVersion"]) == (
        "app-web",
        "sdk.fra-01.braze.eu",
        "6.10",
    )
    assert told["automaticallyDisplayMessages"] is True
    assert told["sessionTimeoutInSeconds"] == 1800
    absent = ("inAppMessageZIndex", "appVersion", "enableHtmlInAppMessages", "type", "bundlingStatus")
    assert [key for key in absent if key in told] == []
    assert [(each["partnerAction"], each["subscribe"]) for each in told["subscriptions"]] == [
        ("trackPurchase", 'type = "track" and event = "Order Completed"'),
        ("updateUserProfile", 'type = "identify"'),
        ("trackEvent", 'type = "track" and event != "Order Completed"'),
    ]
    assert served["consentSettings"] == {"allCategories": ["ads"], "hasUnmappedDestinations": True}


def test_settings_that_are_set_are_served_as_they_are() -> None:
    """Zero is a z-index, false is an answer, text is text."""
    given = WEB | {"inAppMessageZIndex": 0, "automaticallyDisplayMessages": False, "noCookies": True}
    given |= {
        "enableHtmlInAppMessages": True,
        "devicePropertyAllowlist": ["os", "timeZone"],
        "appVersion": "1",
    }
    told = settings_of(plan(web(settings=given)))["remotePlugins"][0]["settings"]
    assert (told["inAppMessageZIndex"], told["automaticallyDisplayMessages"]) == (0, False)
    assert (told["noCookies"], told["appVersion"], told["allowUserSuppliedJavascript"]) == (True, "1", True)
    assert told["devicePropertyAllowlist"] == ["os", "timeZone"]


@pytest.mark.parametrize("platform", ["android", "ios", "react-native-android", "react-native-ios"])
def test_mobile_plugins_get_all_four_keys_with_their_types(platform: Any) -> None:
    """Kotlin throws for one that is missing or of another type, and Braze never starts."""
    switches = ("automatic_in_app_message_registration_enabled", "logPurchaseWhenRevenuePresent")
    for given, on in (
        (MOBILE, True),
        (MOBILE | dict.fromkeys(switches, "false"), False),
        ({"apiKey": "k", "datacenter": "eu"}, True),
    ):
        served = settings_of(plan(mobile(settings=given), platform=platform))
        told = served["integrations"]["Appboy"]
        assert (told["apiKey"], told["customEndpoint"]) == (given["apiKey"], "sdk.fra-01.braze.eu")
        assert [told[key] for key in switches] == [on, on]
        assert served["remotePlugins"] == []


def test_appboy_is_left_out_in_cloud_mode() -> None:
    """Its mere presence starts a plugin that is installed; its name is where unbundled names are."""
    served = settings_of(EVERY_KIND["mobile in cloud mode"])
    assert list(served["integrations"]) == ["Segment.io"]
    names = served["integrations"]["Segment.io"]["unbundledIntegrations"]
    assert names == ["Braze Cloud Mode (Actions)", "Appboy"]


def test_a_destination_that_is_off_is_nowhere() -> None:
    """Neither on the device nor in the cloud."""
    served = settings_of(plan(web(enabled=False), destination("cloud", enabled=False)))
    assert list(served["integrations"]) == ["Segment.io"]
    assert served["integrations"]["Segment.io"]["unbundledIntegrations"] == []
    assert served["remotePlugins"] == []


def test_a_destination_without_its_script_is_left_out() -> None:
    """A page would wait for it, and events would say that it had them."""
    served = settings_of(plan(web()), {})
    assert list(served["integrations"]) == ["Segment.io"]
    assert served["integrations"]["Segment.io"]["maybeBundledConfigIds"] == {}


def test_classic_web_is_an_integration_analytics_js_loads() -> None:
    """With the settings under their own names, and where to load it from."""
    given = {"apiKey": "k", "datacenter": "eu", "trackNamedPages": True, "version": 3.1}
    told = settings_of(plan(web(framework="classic", settings=given)))["integrations"]["Appboy"]
    assert (told["type"], told["bundlingStatus"]) == ("browser", "bundled")
    assert told["versionSettings"] == {"version": "1.16.1", "componentTypes": ["browser"]}
    assert (told["trackNamedPages"], told["trackAllPages"], told["version"]) == (True, False, "3.1")
    assert told["customEndpoint"] == "sdk.fra-01.braze.eu"
    assert "updateExistingOnly" not in told


def _marked(field: Field, mark: str) -> Any:
    """A value of a field's type that can be told from every other."""
    if field.type in ("string", "text", "password"):
        value: Any = field.choices[0].value if field.choices else mark
    else:
        value = {"boolean": True, "number": 4711, "integer": 4711}.get(field.type, {mark: mark})
    return [value] if field.multiple else value


def test_nothing_secret_is_ever_served() -> None:
    """Every setting of every destination of the catalogue, each with a value of its own: only what a page
    lists as public comes out, and no secret is listed."""
    leaked, served_keys = [], set()
    for page in CONTENTS:
        public = {*page.device.public, *page.device.always} if page.device is not None else set()
        assert [name for name in public if page.settings[name].type == "password"] == []
        marks = {name: f"mark-{page.slug}-{name.lower()}-x" for name in page.settings}
        bound_page = page.slug
        made = plan(*_example(bound_page), platform=page.platforms[0] if page.platforms else "web")
        bound = {**made.destinations, **made.devices}["each"]
        bound.settings = {name: _marked(field, marks[name]) for name, field in page.settings.items()}
        text = json.dumps(settings_of(made))
        for name, mark in marks.items():
            if mark in text and name not in public:
                leaked.append((page.slug, name))
            if mark in text:
                served_keys.add((page.slug, name))
    assert leaked == []
    assert ("braze-web", "api_key") in served_keys
    assert ("braze-mobile", "apiKey") in served_keys


def _example(slug: str) -> tuple[Any, ...]:
    given: dict[str, Any] = {
        "braze": {},
        "braze-web": {"settings": WEB},
        "braze-mobile": {"settings": MOBILE},
        "braze-classic": {"settings": CLASSIC},
        "braze-classic-web": {"settings": MOBILE},
        "webhook": {"settings": {"url": "https://a.example/", "secret": "s"}},
    }[slug]
    return (destination("each", type=slug, **given),)


def test_as_many_subscriptions_as_there_may_be_are_served() -> None:
    """More are refused when the workspace is read, not when a page asks."""
    many = tuple(Subscription(id=f"s{n}", action="trackEvent", trigger=f'event = "E{n}"') for n in range(50))
    served = settings_of(plan(web(subscriptions=many)))
    assert len(served["remotePlugins"][0]["settings"]["subscriptions"]) == 50
