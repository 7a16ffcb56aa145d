"""Debounce on the phone, with the real SDKs: the shared table played through React Native and Kotlin."""

from typing import Any

import pytest
from tests.conformance.debounce import Case, cases
from tests.mobile.phones import built_debounce, kotlin, react_native

SETTINGS = {"integrations": {"Appboy": {"logPurchaseWhenRevenuePresent": True}}}
OFFLINE = {"writeKey": "table", "cdnProxy": "https://settings.invalid", "defaultSettings": SETTINGS}


@pytest.fixture(scope="module")
def debounce(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Our React Native plugin, compiled."""
    return built_debounce(tmp_path_factory.mktemp("debounce"))


def on_react_native(plugins: list[str], played: list[Case], built: str = "") -> list[list[dict[str, Any]]]:
    """Put the events of each case through the plugins: what Braze was told, and the flags that are left."""
    tables = [case.events for case in played]
    order = {
        "os": "ios",
        "config": OFFLINE,
        "plugins": plugins,
        "tables": tables,
        "built": built,
        "strays": True,
    }
    found: list[list[dict[str, Any]]] = react_native(order)["tables"]
    assert len(found) == len(played)
    return found


def test_react_natives_own_plugin_holds_back_what_the_table_says() -> None:
    """The published plugin, version 0.9.0: a list among the traits defeats it."""
    played = cases("react-native-braze")
    for case, seen in zip(played, on_react_native(["braze"], played), strict=True):
        told = [
            bool(each["calls"]) or event["type"] != "identify"
            for event, each in zip(case.events, seen, strict=True)
        ]
        assert told == case.sends, case.name


def test_ours_for_react_native_holds_back_what_the_table_says(debounce: str) -> None:
    """Alone, for cloud mode: the flag is what tells the server."""
    played = cases("phone")
    for case, seen in zip(played, on_react_native(["debounce"], played, debounce), strict=True):
        check_flags(case, [each["integrations"] for each in seen])


def test_ours_before_react_natives_own_reaches_braze_as_the_table_says(debounce: str) -> None:
    """In device mode both are there: Braze hears of a repeat neither way, lists included."""
    played = [case for case in cases("phone") if all(is_plain_identify(event) for event in case.events)]
    assert len(played) > 15
    for case, seen in zip(played, on_react_native(["debounce", "braze"], played, debounce), strict=True):
        assert [bool(each["calls"]) for each in seen] == case.sends, case.name


def test_ours_for_kotlin_holds_back_what_the_table_says() -> None:
    """The plugin of the Android guide on the published SDK, event by event."""
    played = cases("phone")
    with kotlin() as phone:
        tables = phone.ask({"do": "play", "tables": [case.events for case in played]})["tables"]
    for case, seen in zip(played, tables, strict=True):
        check_flags(case, [each["integrations"] for each in seen])


def test_an_app_that_changes_its_traits_in_place_is_not_held_back(debounce: str) -> None:
    """What was said is remembered, not the object it was said with: the SDK hands the app's own lists on."""
    played = Case(
        "in place",
        [
            {"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {"tags": ["x"]}},
            {"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {"tags": ["x", "y"]}},
        ],
        [True, True],
        None,
    )
    (seen,) = on_react_native(["debounce"], [played], debounce)
    assert [each["integrations"] for each in seen] == [None, None]


def check_flags(case: Case, left: list[Any]) -> None:
    """A repeat leaves with the one flag, anything else as it came; an event without any has none or {}."""
    expected = case.flags
    if expected is None:
        expected = [
            event.get("integrations") if wanted else {**(event.get("integrations") or {}), "Appboy": False}
            for event, wanted in zip(case.events, case.sends, strict=True)
        ]
    assert [each or None for each in left] == [each or None for each in expected], case.name


def is_plain_identify(event: dict[str, Any]) -> bool:
    """An identify without flags of the app's own: those mean something else to each plugin."""
    return event["type"] == "identify" and "integrations" not in event
