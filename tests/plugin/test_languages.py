"""Triggers and mappings in the browser: Segment's own runtime, in the file we ship, on the recorded cases.

A mapping is played as an event's properties, a trigger by whether an event is logged. What the browser leaves
out on purpose is Liquid, whose engine is larger than all else together.
"""

import json
from typing import Any, Final

from tests.conformance.cases import cases
from tests.conformance.equality import same
from tests.plugin.stage import play

MARK: Final = "played"


def _case(subscribe: str, mapping: Any, event: Any) -> dict[str, Any]:
    subscription = {
        "enabled": True,
        "partnerAction": "trackEvent",
        "subscribe": subscribe,
        "mapping": {"eventName": MARK, "eventProperties": {"v": mapping}},
    }
    settings = {"api_key": "k", "subscriptions": [subscription]}
    return {"settings": settings, "steps": [{"raw": event}]}


def recorded(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Case and expectation of every line whose payload is an event, that is, an object."""
    found = [parameter.values for parameter in cases(name)]
    return [(case, expected) for case, expected in found if isinstance(case.get("payload"), dict)]


def _logged(found: dict[str, Any]) -> list[Any]:
    return [call[2] for call in found["calls"] if call[0] == "logCustomEvent"]


def test_recorded_mappings_give_the_recorded_values() -> None:
    """Every recorded mapping without Liquid; null and nothing are the same, Braze's SDK takes neither."""
    chosen = [
        (case, expected)
        for case, expected in recorded("mapping")
        if isinstance(case["mapping"], dict)
        and "@liquid" not in json.dumps(case["mapping"])
        and "__segment_internal_directive" not in case["mapping"]
    ]
    assert len(chosen) > 80
    asked = [_case('type != "none"', case["mapping"], case["payload"]) for case, _ in chosen]
    wrong = []
    for (case, expected), found in zip(chosen, play("braze", asked), strict=True):
        wanted = [] if expected.get("error") else [{"v": expected["output"]} if _counts(expected) else {}]
        if not same(_logged(found), wanted):
            wrong.append((case["id"], _logged(found), wanted))
    assert wrong == []


def test_recorded_triggers_give_the_recorded_answers() -> None:
    """Every recorded trigger; one that does not parse matches nothing."""
    chosen = recorded("fql")
    assert len(chosen) > 80
    asked = [_case(case["fql"], 1, case["payload"]) for case, _ in chosen]
    wrong = []
    for (case, expected), found in zip(chosen, play("braze", asked), strict=True):
        if bool(_logged(found)) != bool(expected.get("result")):
            wrong.append((case["id"], case["fql"]))
    assert wrong == []


def _counts(expected: dict[str, Any]) -> bool:
    return expected.get("output") is not None
