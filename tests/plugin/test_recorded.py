"""What was recorded of the published plugin, said by ours: the same events in, the same at Braze.

`analytics-next.json` has a page's events as they reached a tracking API, `braze-web-sdk.json` what Braze's
SDK then sent for them. Where ours differs, docs/explain/differences.md says so, and here it is named.
"""

import json
from pathlib import Path
from typing import Any, Final

from tests.plugin.stage import play
from tests.plugin.test_actions import PUBLISHED, TABLE

WIRE: Final = Path(__file__).parents[1] / "conformance" / "sdk-wire"
FLAGS: Final = ("Braze Web Mode (Actions)", "Braze Cloud Mode (Actions)", "Appboy")
STANDARD: Final = {
    "setEmail": "email",
    "setFirstName": "first_name",
    "setLastName": "last_name",
    "setGender": "gender",
    "setHomeCity": "home_city",
    "setPhoneNumber": "phone",
}


def _bodies(file: str) -> list[Any]:
    scenarios = json.loads((WIRE / file).read_text(encoding="utf-8"))["scenarios"]
    [recorded] = [one["requests"] for one in scenarios if one["name"] == "prod"]
    return [request["bodyJson"] for request in recorded if isinstance(request.get("bodyJson"), dict)]


def _said() -> list[dict[str, Any]]:
    """The page's events, without the flags that the published debounce wrote."""
    events = [body for body in _bodies("analytics-next.json") if "type" in body]
    for event in events:
        if event["type"] in ("identify", "group"):
            event["integrations"] = {k: v for k, v in event["integrations"].items() if k not in FLAGS}
    return events


def test_the_recorded_page_says_to_braze_what_it_said_with_the_published_plugin() -> None:
    """Events, purchases and attributes of the recording, but for the differences that are listed."""
    page = {**TABLE["subscriptions"]["page"], "mapping": {"eventName": "Viewed Page"}}
    page["mapping"]["eventProperties"] = {"@path": "$.properties"}
    subscriptions = [*(TABLE["subscriptions"][name] for name in (*PUBLISHED, "debounce")), page]
    said = _said()
    steps = [{"visitor": {"anonymousId": said[0]["anonymousId"]}}, *({"event": event} for event in said)]
    [found] = play("braze", [{"settings": {"api_key": "k", "subscriptions": subscriptions}, "steps": steps}])
    told = [body for body in _bodies("braze-web-sdk.json") if "api_key" in body]
    events = [event for body in told for event in body.get("events", [])]

    logged = [(call[1], call[2]) for call in found["calls"] if call[0] == "logCustomEvent"]
    sent = [(one["data"]["n"], one["data"]["p"]) for one in events if one["name"] == "ce"]
    assert (
        [name for name, _ in logged]
        == [name for name, _ in sent]
        == ["Viewed Page", "Anon Event", "Item Viewed"]
    )
    assert logged[:2] == sent[:2]

    bought = [call[1:] for call in found["calls"] if call[0] == "logPurchase"]
    recorded = [one["data"] for one in events if one["name"] == "p"]
    # The order's own currency, and properties without the products.
    assert [one["c"] for one in recorded] == ["USD", "SEK"]
    assert [one[:4] for one in bought] == [["p1", 10.25, "EUR", 2], ["p2", 10, "SEK", 1]]
    for ours, theirs in zip(bought, recorded, strict=True):
        assert ours[4] == {name: value for name, value in theirs["pr"].items() if name != "products"}

    [attributes] = [one for body in told for one in body.get("attributes", [])]
    standard = {STANDARD[call[0]]: call[1] for call in found["calls"] if call[0] in STANDARD}
    assert standard == {name: attributes[name] for name in STANDARD.values()} | {"gender": "F"}
    custom = {call[1]: call[2] for call in found["calls"] if call[0] == "setCustomUserAttribute"}
    # The group's name and plan are not the visitor's; subscription groups have a call of their own.
    elsewhere = ("name", "braze_subscription_groups")
    theirs = {name: value for name, value in attributes["custom"].items() if name not in elsewhere}
    assert custom == theirs | {"plan": "pro", "tags": ["a", "b"]}
    assert ["addToSubscriptionGroup", "sg-1"] in found["calls"]
    # The second, equal identify was debounced, the opted-out tracks stayed away.
    assert [call[1] for call in found["calls"] if call[0] == "changeUser"] == ["user-1", "user-1"]
