"""The debounce of both plugins on the shared table of cases, `tests/conformance/debounce.yaml`."""

from typing import Any, Final

import pytest
from tests.conformance.debounce import cases
from tests.plugin.stage import play

NAMES: Final = ("Braze Web Mode (Actions)", "Braze Cloud Mode (Actions)", "Appboy")
ACTIONS: Final = {"braze": "debounce", "braze-cloud-plugins": "debouncePlugin"}


def _settings(plugin: str) -> dict[str, Any]:
    trigger = 'type = "identify" or type = "group"'
    subscription = {"enabled": True, "partnerAction": ACTIONS[plugin], "subscribe": trigger, "mapping": {}}
    return {"api_key": "k", "subscriptions": [subscription]}


@pytest.mark.parametrize("plugin", ACTIONS)
def test_the_table_of_repeats_holds_in_the_browser(plugin: str) -> None:
    """Sends and flags as the table says, but for flags of true, which are not written: they would overrule
    a page's `All: false` (docs/explain/differences.md)."""
    asked = [{"settings": _settings(plugin), "steps": _steps(case.events)} for case in cases("web")]
    for case, found in zip(cases("web"), play(plugin, asked), strict=True):
        sends = [not (flags and any(flags.get(name) is False for name in NAMES)) for flags in found["flags"]]
        assert sends == case.sends, case.name
        for flags, wanted in zip(found["flags"], case.flags or [], strict=False):
            if wanted is not None:
                assert (flags or {}) == {name: value for name, value in wanted.items() if value is not True}


def test_debounce_is_there_before_the_script_of_braze() -> None:
    """Its load does not wait: with a script that hangs, the start of analytics would wait with it."""
    settings = _settings("braze")
    events = [{"event": {"type": "identify", "userId": "u1", "traits": {"plan": "gold"}}}] * 2
    [found] = play("braze", [{"script": "waits", "settings": settings, "steps": events}])
    assert found["flags"] == [None, dict.fromkeys(NAMES, False)]
    assert found["plugins"] == [{"name": "Braze Web Mode (Actions) debounce", "type": "before"}]


def test_what_the_page_switched_off_is_not_remembered_and_not_touched() -> None:
    """It was never sent, so the same said again is news; and nothing switches Braze on again."""
    told = {"type": "identify", "userId": "u1", "traits": {"plan": "gold"}}
    steps = [{"event": {**told, "integrations": {"All": False}}}, {"event": told}, {"event": told}]
    [found] = play("braze", [{"settings": _settings("braze"), "steps": steps}])
    assert found["flags"] == [{"All": False}, None, dict.fromkeys(NAMES, False)]


def test_a_logout_forgets_whom_was_seen() -> None:
    """The next visitor's first identify passes, whoever they are."""
    told = {"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {"plan": "gold"}}
    steps = [{"event": told}, {"reset": True}, {"event": told}]
    [found] = play("braze-cloud-plugins", [{"settings": _settings("braze-cloud-plugins"), "steps": steps}])
    assert found["flags"] == [None, None]


def _steps(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events with the visitor analytics.js would remember by then."""
    steps: list[dict[str, Any]] = []
    for event in events:
        if event["type"] == "identify":
            visitor = {name: event[key] for name, key in (("anonymousId", "anonymousId"),) if event.get(key)}
            steps.append({"visitor": visitor})
        steps.append({"event": event})
    return steps
