"""Segment's Kotlin SDK with Braze's plugin, both unmodified on a JVM, against the running server behind TLS.

Braze's Android SDK itself and the Android classes the plugin names are stand-ins that note their calls.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.journeys.house import until
from tests.mobile.phones import KotlinPhone, kotlin
from tests.mobile.pipeline import Pipeline, Secured, secured

CALLS: list[list[Any]] = [
    ["identify", "u1", {"email": "ada@example.com", "firstName": "Ada", "plan": "pro", "tags": ["x", "y"]}],
    ["track", "Seen", {"price": 9.5}],
    ["track", "Renewed", {"revenue": 12, "currency": "EUR"}],
    ["track", "Order Completed", {"revenue": 30, "currency": "EUR", "products": [{"id": "p1", "price": 15}]}],
    ["screen", "Home", {}],
    ["group", "g1", {"name": "Initech"}],
]
FLUSH = ["requestImmediateDataFlush"]
SERVED = ("wk_android", "wk_ios", "wk_rn_android", "wk_rn_ios", "wk_cloud", "wk_both", "wk_bare")
OBJECTS = (
    *("integrations", "plan", "edgeFunction", "middlewareSettings", "metrics", "consentSettings"),
    "autoInstrumentation",
)
"""What the SDK decodes as objects, and throws everything away for when it is something else."""


@pytest.fixture(scope="module")
def phone() -> Iterator[KotlinPhone]:
    """One JVM for all tests of this file."""
    with kotlin() as made:
        yield made


@pytest.fixture(scope="module")
def tls(phone: KotlinPhone, pipeline: Pipeline) -> Iterator[Secured]:
    """The server at https: the SDK speaks nothing else. After `phone`, which may skip."""
    with secured(pipeline) as made:
        yield made


def app(phone: KotlinPhone, tls: Secured, key: str, **order: Any) -> Any:
    """An app as the guide says; the host it was built with is wrong, so that the served one must count."""
    hosts = {"cdnHost": f"{tls.host}/v1", "apiHost": "wrong.invalid/v1", "ca": str(tls.certificate)}
    return phone.ask({"do": "run", "writeKey": key, "plugins": ["braze"], "calls": CALLS, **hosts, **order})


def arrived_at(pipeline: Pipeline, phone: KotlinPhone, source: str, count: int) -> list[dict[str, Any]]:
    """The events of a source: the SDK's flush may come before its own queue has stored the last event."""
    return pipeline.events(source, count, urge=lambda: phone.ask({"do": "flush"}))


def test_an_app_is_configured_by_our_settings_and_its_events_arrive_marked(
    phone: KotlinPhone, tls: Secured, pipeline: Pipeline
) -> None:
    """Settings, Braze's start, its calls, and the parallel copy, sent to the host we serve and saying that
    Braze was handled on the device."""
    happened = app(phone, tls, "wk_android")
    assert happened["errors"] == []
    told = [call for call in happened["braze"] if call != FLUSH]
    assert told[0] == ["configure", "app-android", "sdk.fra-01.braze.eu", "SEGMENT", ["SEGMENT"]]
    assert told[1:] == [
        ["changeUser", "u1"],
        ["setEmail", "ada@example.com"],
        ["setFirstName", "Ada"],
        ["setCustomUserAttribute", "plan", "pro"],
        ["setCustomAttributeArray", "tags", ["x", "y"]],
        ["logCustomEvent", "Seen", {"price": 9.5}],
        ["logPurchase", "Renewed", "EUR", 12],
        ["logPurchase", "p1", "EUR", 15, {"products": [{"id": "p1", "price": 15}]}],
    ]
    assert happened["settings"]["integrations"]["Segment.io"]["apiHost"] == f"{tls.host}/v1"
    arrived = arrived_at(pipeline, phone, "android", len(CALLS))
    assert [event["type"] for event in arrived] == [method for method, *_ in CALLS]
    for event in arrived:
        assert event["_metadata"] == {"bundled": ["Appboy"], "unbundled": [], "bundledIds": []}
        assert event["userId"] == "u1"
        assert event["context"]["library"]["name"] == "analytics-kotlin"


def test_in_cloud_mode_the_plugin_in_the_app_stays_silent(
    phone: KotlinPhone, tls: Secured, pipeline: Pipeline
) -> None:
    """Braze is not configured on the phone; the server sends, and the event says what it is."""
    happened = app(phone, tls, "wk_cloud")
    assert [call for call in happened["braze"] if call != FLUSH] == []
    arrived = arrived_at(pipeline, phone, "cloud", len(CALLS))
    unbundled = ["Braze Cloud Mode (Actions)"]
    assert all(
        event["_metadata"] == {"bundled": [], "unbundled": unbundled, "bundledIds": []} for event in arrived
    )
    until(lambda: "u1" in pipeline.braze.everybody(), "the person is at Braze")


def test_an_app_without_the_plugin_says_so(phone: KotlinPhone, tls: Secured, pipeline: Pipeline) -> None:
    """Device mode is set up, but this version of the app was shipped without Braze's plugin."""
    happened = app(phone, tls, "wk_ios", plugins=[], calls=[["track", "Seen", {}]])
    assert happened["braze"] == []
    (arrived,) = arrived_at(pipeline, phone, "ios", 1)
    assert arrived["_metadata"] == {"bundled": [], "unbundled": ["Appboy"], "bundledIds": []}


def test_a_repeated_identify_reaches_us_but_not_braze(
    phone: KotlinPhone, tls: Secured, pipeline: Pipeline
) -> None:
    """The guide's debounce in its place before the destination: the real SDK heeds the flag."""
    repeat = ["identify", "u2", {"plan": "pro", "tags": ["x"]}]
    calls = [
        repeat,
        repeat,
        ["track", "Seen", {}],
        repeat,
        ["identify", "u2", {"plan": "free"}],
        ["reset"],
        repeat,
    ]
    happened = app(phone, tls, "wk_both", plugins=["debounce", "braze"], calls=calls)
    assert [call for call in happened["braze"] if call[0] == "changeUser"] == [["changeUser", "u2"]] * 3
    arrived = [event for event in arrived_at(pipeline, phone, "both", 6) if event["type"] == "identify"]
    assert [event.get("integrations", {}) for event in arrived] == [
        {},
        {"Appboy": False},
        {"Appboy": False},
        {},
        {},
    ]


def test_every_settings_answer_is_read_whole_by_the_sdks_own_decoder(
    phone: KotlinPhone, pipeline: Pipeline
) -> None:
    """Every source's answer becomes the SDK's settings, and Braze's four where Braze is on the device."""
    answers = [pipeline.settings(key) for key in SERVED]
    read = phone.ask({"do": "read", "settings": [json.dumps(answer) for answer in answers]})["read"]
    for key, answer, found in zip(SERVED, answers, read, strict=True):
        assert "error" not in found, key
        settings = json.loads(found["settings"])
        for name in OBJECTS:
            assert settings[name] == answer.get(name, {}), (key, name)
        braze = answer["integrations"].get("Appboy")
        if braze is None:
            assert found["braze"] is None, key
        else:
            assert found["braze"] == [
                braze["apiKey"],
                braze["customEndpoint"],
                braze["automatic_in_app_message_registration_enabled"],
                braze["logPurchaseWhenRevenuePresent"],
            ]
            assert [type(value) for value in found["braze"]] == [str, str, bool, bool]


def test_what_we_must_never_serve_takes_the_settings_away(phone: KotlinPhone, pipeline: Pipeline) -> None:
    """Null, a list, a text or a number in place of an object, or one key of Braze's missing or of another
    type: the SDK's own decoder throws. It is what the test above would catch in an answer of ours."""
    good = pipeline.settings("wk_android")
    spoilt = [{**good, name: wrong} for name in OBJECTS for wrong in (None, [], "x", 1)]
    keys = (
        "apiKey",
        "customEndpoint",
        "automatic_in_app_message_registration_enabled",
        "logPurchaseWhenRevenuePresent",
    )
    for name in keys:
        braze = good["integrations"]["Appboy"]
        without = {key: value for key, value in braze.items() if key != name}
        for entry in (without, {**braze, name: None}, {**braze, name: {}}):
            spoilt.append({**good, "integrations": {**good["integrations"], "Appboy": entry}})
    read = phone.ask({"do": "read", "settings": [json.dumps(answer) for answer in spoilt]})["read"]
    assert [index for index, found in enumerate(read) if "error" not in found] == []
    assert {found["braze"] for found in read} == {None}
