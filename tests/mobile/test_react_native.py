"""Segment's React Native SDK with its Braze plugin, both unmodified, against the running server."""

from typing import Any

import pytest
from tests.journeys.house import free_port, until
from tests.mobile.phones import react_native
from tests.mobile.pipeline import Pipeline

CALLS: list[list[Any]] = [
    ["identify", "u1", {"email": "ada@example.com", "firstName": "Ada", "plan": "pro", "tags": ["x", "y"]}],
    ["track", "Seen", {"price": 9.5}],
    ["track", "Renewed", {"revenue": 12, "currency": "EUR"}],
    [
        "track",
        "Order Completed",
        {"revenue": 30, "currency": "EUR", "products": [{"product_id": "p1", "price": 15, "quantity": 2}]},
    ],
    ["screen", "Home", {}],
    ["group", "g1", {"name": "Initech"}],
]
PROFILE = [
    ["changeUser", "u1"],
    ["setEmail", "ada@example.com"],
    ["setFirstName", "Ada"],
    ["setCustomUserAttribute", "plan", "pro"],
    ["setCustomUserAttribute", "tags", ["x", "y"]],
    ["logCustomEvent", "Seen", {"price": 9.5}],
]
RENEWED_AS_PURCHASE = ["logPurchase", "Renewed", "12", "EUR", 1, {}]
RENEWED_AS_EVENT = ["logCustomEvent", "Renewed", {"revenue": 12, "currency": "EUR"}]
ORDER = ["logPurchase", "p1", "15", "EUR", 2, {}]
FLUSH = ["requestImmediateDataFlush"]
BUILT_IN = {"integrations": {"Segment.io": {}}}
"""Settings an app is built with, so that it keeps its events while ours cannot be had."""


def app(pipeline: Pipeline, **order: Any) -> Any:
    """An app that asks our server for everything, as the guide says."""
    config = {
        "proxy": f"{pipeline.url}/v1",
        "cdnProxy": f"{pipeline.url}/v1",
        "useSegmentEndpoints": True,
        "allowInsecureProxy": True,
    }
    return react_native(
        {"plugins": ["braze"], "calls": CALLS, **order, "config": {**config, **order["config"]}}
    )


@pytest.mark.parametrize(
    ("system", "source", "renewed"),
    [("ios", "rn-ios", RENEWED_AS_PURCHASE), ("android", "rn-android", RENEWED_AS_EVENT)],
)
def test_each_system_has_its_own_source_settings_and_events(
    pipeline: Pipeline, system: str, source: str, renewed: list[Any]
) -> None:
    """One app, the key chosen by the system as the guide says: its own app identifier and settings."""
    keys = {"ios": "wk_rn_ios", "android": "wk_rn_android"}
    happened = app(pipeline, os=system, keys=keys, config={"flushAt": 50})
    assert happened["errors"] == []
    assert happened["braze"] == [*PROFILE, renewed, ORDER, FLUSH]
    assert happened["settings"]["Appboy"]["apiKey"] == f"app-{source}"
    assert happened["settings"]["Appboy"]["customEndpoint"] == "sdk.fra-01.braze.eu"
    arrived = pipeline.events(source, len(CALLS))
    assert [event["type"] for event in arrived] == [method for method, *_ in CALLS]
    for event in arrived:
        assert event["_metadata"] == {"bundled": ["Appboy"], "unbundled": [], "bundledIds": []}
        assert event["userId"] == "u1"
        assert event["context"]["os"]["name"] == {"ios": "iOS", "android": "Android"}[system]
        assert event["context"]["library"]["name"] == "analytics-react-native"
    assert arrived[0]["traits"]["email"] == "ada@example.com"


def test_in_cloud_mode_the_plugin_in_the_app_stays_silent(pipeline: Pipeline) -> None:
    """The settings do not name Braze, so nothing starts on the phone; the server sends each event, once."""
    served = pipeline.settings("wk_cloud")["integrations"]
    assert "Appboy" not in served
    assert served["Segment.io"]["unbundledIntegrations"] == ["Braze Cloud Mode (Actions)"]
    happened = app(pipeline, os="android", config={"writeKey": "wk_cloud"})
    # The app's flush reaches the plugin whatever the settings say; without an SDK that runs it does nothing.
    assert [call for call in happened["braze"] if call != FLUSH] == []
    arrived = pipeline.events("cloud", len(CALLS))
    unbundled = ["Braze Cloud Mode (Actions)"]
    assert {str(event["_metadata"]) for event in arrived} == {
        str({"bundled": [], "unbundled": unbundled, "bundledIds": []})
    }
    until(lambda: "u1" in pipeline.braze.everybody(), "the person is at Braze")
    until(lambda: pipeline.braze.count("purchases") == 1, "the order is at Braze")


def test_side_by_side_each_event_is_sent_by_the_phone_or_by_the_server(pipeline: Pipeline) -> None:
    """With Braze on the device and in the cloud on one source, the app with the plugin sends by itself; an
    older version of the app without it is served by the cloud."""
    with_plugin = [["identify", "with-plugin", {"plan": "pro"}], ["track", "Seen", {}]]
    without = [["identify", "without-plugin", {"plan": "pro"}], ["track", "Seen", {}]]
    config = {"writeKey": "wk_both"}
    happened = app(pipeline, os="ios", config=config, calls=with_plugin)
    assert ["changeUser", "with-plugin"] in happened["braze"]
    happened = app(pipeline, os="ios", config=config, calls=without, plugins=[])
    assert happened["braze"] == []
    arrived = pipeline.events("both", 4)
    assert [event["_metadata"]["bundled"] for event in arrived] == [["Appboy"], ["Appboy"], [], []]
    until(lambda: "without-plugin" in pipeline.braze.everybody(), "the older app's user is at Braze")
    assert "with-plugin" not in pipeline.braze.everybody()


def test_a_source_without_braze_serves_settings_that_start_nothing(pipeline: Pipeline) -> None:
    """No destination, an unknown key, a repeated event: the app goes on, its events arrive."""
    happened = app(pipeline, os="android", config={"writeKey": "wk_bare"}, calls=[["track", "Seen", {}]])
    assert list(happened["settings"]) == ["Segment.io"]
    assert [call for call in happened["braze"] if call != FLUSH] == []
    (arrived,) = pipeline.events("bare", 1)
    assert arrived["_metadata"] == {"bundled": [], "unbundled": [], "bundledIds": []}


def test_an_app_with_an_unknown_key_goes_on_without_settings(pipeline: Pipeline) -> None:
    """404 leaves the SDK with what it was built with; its plugin does not start."""
    happened = app(pipeline, os="ios", config={"writeKey": "nobody"})
    assert [call for call in happened["braze"] if call != FLUSH] == []
    assert happened["errors"] != []


def test_settings_an_app_is_built_with_keep_its_events_when_ours_cannot_be_had(pipeline: Pipeline) -> None:
    """A first start without settings drops every event, in the SDK; a line of the guide prevents it."""
    unreachable = {"writeKey": "wk_late", "cdnProxy": f"http://127.0.0.1:{free_port()}/v1"}
    happened = app(pipeline, os="ios", config=unreachable, calls=[["track", "Dropped", {}]])
    assert happened["errors"] != []
    app(
        pipeline,
        os="ios",
        config={**unreachable, "defaultSettings": BUILT_IN},
        calls=[["track", "Kept", {}]],
    )
    (arrived,) = pipeline.events("late", 1)
    assert arrived["event"] == "Kept"


def test_an_insecure_proxy_is_left_for_segments_own_hosts(pipeline: Pipeline) -> None:
    """The trap the guide warns of: http without allowInsecureProxy is refused without an error, and settings
    and events go to Segment. Here nothing leaves the machine, and the SDK reports that it reached nobody."""
    config = {"writeKey": "wk_rn_ios", "allowInsecureProxy": False, "defaultSettings": BUILT_IN}
    happened = app(pipeline, os="ios", config=config, strays=True)
    asked = {address.split("/")[2] for address in happened["refused"]}
    assert asked == {"cdn-settings.segment.com", "api.segment.io"}
    assert [call for call in happened["braze"] if call != FLUSH] == []


@pytest.mark.parametrize("source", ["rn-ios", "rn-android", "android", "ios"])
def test_the_host_that_is_served_is_one_the_sdk_takes(pipeline: Pipeline, source: str) -> None:
    """Without a proxy of its own the app sends to the served host, if it is host[:port][/path] only."""
    served = pipeline.settings(f"wk_{source.replace('-', '_')}")["integrations"]["Segment.io"]["apiHost"]
    assert served == f"{pipeline.url.removeprefix('http://')}/v1"
    config = {"writeKey": f"wk_{source.replace('-', '_')}", "proxy": None}
    happened = app(pipeline, os="ios", config=config, calls=[["track", "Seen", {}]], strays=True)
    # https is the SDK's own choice; nobody answers there, so the event waits on the phone.
    assert happened["refused"] == []
    assert happened["errors"] != []
