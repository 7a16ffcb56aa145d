"""The web plugin's golden cases, `cases.yaml`, played on the file that is shipped."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from tests.plugin.stage import play

TABLE: Final[dict[str, Any]] = msgspec.yaml.decode(
    Path(__file__).with_name("cases.yaml").read_text(encoding="utf-8")
)
PUBLISHED: Final = ("identify", "order", "track")
SETTINGS: Final = {"api_key": "k"}


@cache
def played() -> list[dict[str, Any]]:
    """All cases in one Node process."""
    asked = []
    for case in TABLE["cases"]:
        named = case.get("subscriptions", PUBLISHED)
        subscriptions = [TABLE["subscriptions"][name] for name in named]
        asked.append({**case, "settings": {**case.get("settings", SETTINGS), "subscriptions": subscriptions}})
    return play("braze", asked)


@pytest.mark.parametrize("place", range(len(TABLE["cases"])), ids=[case["name"] for case in TABLE["cases"]])
def test_a_case_makes_exactly_these_calls(place: int) -> None:
    """Calls in order, with their values; what the console says; what is reported and remembered."""
    case, found = TABLE["cases"][place], played()[place]
    assert "error" not in found, found
    calls = found["calls"]
    if case.get("from") != "start":
        after = next((at for at, call in enumerate(calls) if call[0] == "openSession"), -1)
        calls = calls[after + 1 :]
    if [call for call in case["calls"] if call == ["initialize"]]:
        calls = [call[:1] if call[0] == "initialize" else call for call in calls]
    assert calls == case["calls"]
    warns = case.get("warns", [])
    assert len(found["warnings"]) == len(warns), found["warnings"]
    for part, line in zip(warns, found["warnings"], strict=True):
        assert part in line
    assert found["failed"] == case.get("failed", [])
    if "scripts" in case:
        assert found["scripts"] == case["scripts"]
    if "storage_after" in case:
        assert found["storage"] == case["storage_after"]


def test_without_an_enabled_subscription_nothing_is_loaded() -> None:
    """No plugin, no script: the page is not slowed down for nothing."""
    [found] = play(
        "braze", [{"settings": {"api_key": "k", "subscriptions": [TABLE["subscriptions"]["disabled"]]}}]
    )
    assert found["plugins"] == []
    assert found["scripts"] == []


def test_settings_without_an_api_key_are_refused_by_name() -> None:
    """The page's console says which setting is missing."""
    [found] = play("braze", [{"settings": {"subscriptions": []}}])
    assert "api_key" in found["error"]


def test_what_waits_for_the_script_is_bounded() -> None:
    """A page that makes thousands of calls while the script hangs keeps the first 500 and says so once."""
    events = [{"event": {"type": "track", "event": f"E{n}"}} for n in range(1200)]
    settings = {"api_key": "k", "subscriptions": [TABLE["subscriptions"]["track"]]}
    [found] = play(
        "braze", [{"script": "waits", "settings": settings, "steps": [*events, {"script": "loads"}]}]
    )
    logged = [call[1] for call in found["calls"] if call[0] == "logCustomEvent"]
    assert logged == [f"E{n}" for n in range(500)]
    assert len(found["warnings"]) == 1
