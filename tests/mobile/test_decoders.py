"""Swift, and the older SDKs for Android and iOS: what they decode of our settings starts Braze rightly."""

import json
from typing import Any

import pytest
from tests.engine.sides import CLASSIC, MOBILE, destination, mobile, plan
from tests.mobile.decoders import (
    READERS,
    Start,
    old_sdks_let_pass,
    swift_events_host,
    swift_unbundled,
)

from segue.engine.plan import Plan
from segue.engine.sdk_settings import Site, sdk_settings

SITE = Site("https", "events.example.com:8443", "/v1")
OFF = {"automatic_in_app_message_registration_enabled": False, "logPurchaseWhenRevenuePresent": False}
WRITTEN: dict[str, tuple[dict[str, Any], Start]] = {
    "as in the guide": (MOBILE, Start("app-mobile", "sdk.fra-01.braze.eu", True, True)),
    "both switches off": (MOBILE | OFF, Start("app-mobile", "sdk.fra-01.braze.eu", False, False)),
    "switches as texts": (
        MOBILE | dict.fromkeys(OFF, "false"),
        Start("app-mobile", "sdk.fra-01.braze.eu", False, False),
    ),
    "an endpoint with https://": (
        MOBILE | {"customEndpoint": "https://sdk.fra-01.braze.eu"},
        Start("app-mobile", "sdk.fra-01.braze.eu", True, True),
    ),
    "a region instead of an endpoint": (
        {"apiKey": "k", "datacenter": "us03"},
        Start("k", "sdk.iad-03.braze.com", True, True),
    ),
}
PLATFORMS = ("android", "ios", "react-native-android", "react-native-ios")


def served(made: Plan) -> dict[str, Any]:
    """The settings of the one source, as they travel."""
    answer: dict[str, Any] = json.loads(
        json.dumps(sdk_settings(made, made.workspace.sources[0], "wk", SITE, {}))
    )
    return answer


@pytest.mark.parametrize("framework", ["actions", "classic"])
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("reader", READERS)
def test_every_sdk_starts_braze_with_what_was_written(
    reader: str, written: str, platform: Any, framework: Any
) -> None:
    """Its key, its endpoint and its switches, whatever the workspace file looks like, in both frameworks."""
    given, expected = WRITTEN[written]
    settings = served(plan(mobile(settings=given, framework=framework), platform=platform))
    found = READERS[reader](settings)
    assert found is not None
    for name, value, wanted in zip(Start._fields, found, expected, strict=True):
        assert value in (wanted, None), name
    assert (found.key, found.endpoint) == (expected.key, expected.endpoint)


@pytest.mark.parametrize("reader", READERS)
def test_no_sdk_starts_braze_in_cloud_mode_or_without_a_destination(reader: str) -> None:
    """Nothing under the name the plugins look for."""
    clouds = (destination("cloud"), destination("classic", framework="classic", settings=CLASSIC))
    for destinations in (clouds, ()):
        settings = served(plan(*destinations, platform="ios"))
        assert READERS[reader](settings) is None
        assert swift_events_host(settings) == "events.example.com:8443/v1"
    assert swift_unbundled(served(plan(*clouds, platform="ios"))) == ["Braze Cloud Mode (Actions)", "Appboy"]


def test_the_older_sdks_hand_every_track_to_braze() -> None:
    """They obey the plan in the settings; ours forbids nothing, for any event."""
    settings = served(plan(mobile(), platform="android"))
    assert all(
        old_sdks_let_pass(settings, event, "Appboy") for event in ("Seen", "Order Completed", "__default")
    )
    blocked = settings | {"plan": {"track": {"Seen": {"enabled": True, "integrations": {"Appboy": False}}}}}
    assert not old_sdks_let_pass(blocked, "Seen", "Appboy")


SPOILT: list[tuple[str, dict[str, Any], set[str]]] = [
    (
        "no endpoint",
        {"customEndpoint": None},
        {"braze-segment-swift 5.0.1", "Segment-Appboy (iOS, Objective-C)"},
    ),
    ("a key that is a number", {"apiKey": 5}, {*READERS} - {"braze-segment-android"}),
    ("a switch as text", {"logPurchaseWhenRevenuePresent": "true"}, {n for n in READERS if "swift" in n}),
    ("a switch as a number", {"logPurchaseWhenRevenuePresent": 1}, {n for n in READERS if "swift" in n}),
    ("no key", {"apiKey": None}, set(READERS)),
]


@pytest.mark.parametrize(("what", "changes", "broken"), SPOILT, ids=[each[0] for each in SPOILT])
def test_the_readers_refuse_what_we_must_never_serve(
    what: str, changes: dict[str, Any], broken: set[str]
) -> None:
    """Otherwise the tests above could not fail: each reader is as strict as its SDK."""
    settings = served(plan(mobile(), platform="ios"))
    settings["integrations"]["Appboy"] |= changes
    refusing = set()
    for name, reader in READERS.items():
        try:
            if reader(settings) is None:
                refusing.add(name)
        except TypeError:
            refusing.add(name)
    assert refusing == broken, what
