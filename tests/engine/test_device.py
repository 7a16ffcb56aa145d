"""No double delivery: the rules and the traps, on what real SDKs were recorded to send."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.engine.sides import CLASSIC, WEB, destination, mobile, plan, web

from segue.engine.device import judge
from segue.engine.plan import Plan
from segue.engine.preview import preview
from segue.engine.route import Position, route
from segue.model.workspace import Filter, Subscription

AT = Position(0, 0, 0, "u:u1", "m", 0)
RECORDED = Path(__file__).parents[1] / "conformance" / "sdk-wire" / "analytics-next.json"
BRAZE_WEB, BRAZE_CLOUD = "Braze Web Mode (Actions)", "Braze Cloud Mode (Actions)"
SENT = "MESSAGE_SENT_CLIENT_SIDE"
OFF = "FILTERED_BY_INTEGRATIONS_OBJECT"


def track(name: str = "Seen", **more: Any) -> dict[str, Any]:
    """A track event of somebody known, as a client sends it."""
    return {"type": "track", "event": name, "userId": "u1", "timestamp": "2026-01-01T00:00:00Z", **more}


def bundled(*names: str, ids: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """What an SDK says it had beside it."""
    return {"_metadata": {"bundled": [*names], "unbundled": [], "bundledIds": [*ids], **more}}


def reason_of(made: Plan, event: dict[str, Any], name: str = "cloud") -> str:
    """Why the cloud destination sends nothing; "" when it sends."""
    return route(event, made.destinations[name], AT).reason


BOTH = plan(web(), destination("cloud"))
APP = plan(mobile(), destination("cloud"), platform="android")
CLASSICS = plan(destination("cloud", framework="classic", settings=CLASSIC), platform="web")
TWO = plan(mobile("phone"), destination("cloud"), destination("other"), platform="ios")

RULES = [
    # 5.2, rule 2: the integrations object, by any of its names; a true never forces anything
    pytest.param(BOTH, track(integrations={"All": False}), OFF, id="all off"),
    pytest.param(BOTH, track(integrations={"All": False, BRAZE_CLOUD: True}), "", id="only the cloud"),
    pytest.param(
        BOTH, track(integrations={"All": False, "Appboy": {"x": 1}}), "", id="options count as true"
    ),
    *(
        pytest.param(BOTH, track(integrations={name: False}), OFF, id=f"{name} off")
        for name in ("Braze", "Appboy", BRAZE_CLOUD, "cloud")
    ),
    pytest.param(BOTH, track(integrations={BRAZE_WEB: False}), "", id="only the browser's off"),
    pytest.param(
        APP, track(integrations={"Appboy": False}), OFF, id="an older mobile SDK delivered it itself"
    ),
    pytest.param(
        APP,
        track(integrations={"Appboy": True}, **bundled("Appboy")),
        SENT,
        id="true does not force delivery",
    ),
    # rule 3: ids before names
    pytest.param(APP, track(**bundled("Appboy")), SENT, id="an app with the plugin"),
    pytest.param(APP, track(**bundled("Amplitude")), "", id="an app without the plugin"),
    pytest.param(
        APP, track(_metadata={"bundled": [], "unbundled": ["Appboy"], "bundledIds": []}), "", id="said so"
    ),
    pytest.param(APP, track(), "", id="a server library with the app's key"),
    pytest.param(TWO, track(**bundled("Appboy", ids=("other",))), "", id="another one's id"),
    pytest.param(TWO, track(**bundled("Appboy", ids=("cloud",))), SENT, id="its own id"),
    pytest.param(CLASSICS, track(**bundled("Appboy", "Segment.io", ids=("elsewhere",))), "", id="ids decide"),
    # a browser's echo of its settings, read closely
    pytest.param(
        BOTH, track(**bundled(BRAZE_WEB, "Segment.io", ids=("braze-web",))), SENT, id="the browser did"
    ),
    pytest.param(BOTH, track(**bundled("Segment.io")), "", id="settings from before it was connected"),
    pytest.param(
        BOTH,
        track(**bundled(BRAZE_WEB, ids=("braze-web",), failedInitializations=[BRAZE_WEB, BRAZE_WEB])),
        "",
        id="blocked in the browser, so from here",
    ),
    pytest.param(
        BOTH,
        track(integrations={BRAZE_WEB: False}, **bundled(BRAZE_WEB, ids=("braze-web",))),
        "",
        id="off in the browser for this event, so from here",
    ),
    pytest.param(
        BOTH,
        track(
            integrations={BRAZE_WEB: False, BRAZE_CLOUD: False, "Appboy": False},
            **bundled(BRAZE_WEB, ids=("braze-web",)),
        ),
        OFF,
        id="debounced: nowhere",
    ),
    pytest.param(
        BOTH,
        {"type": "group", "groupId": "g", "userId": "u1", **bundled(BRAZE_WEB, ids=("braze-web",))},
        "NO_MATCHING_MAPPING",
        id="nobody wants it",
    ),
    pytest.param(APP, track(_metadata="odd"), "", id="metadata that cannot be read"),
    pytest.param(APP, track(_metadata={"bundled": "Appboy", "bundledIds": 3}), "", id="lists that are none"),
]


@pytest.mark.parametrize(("made", "event", "expected"), RULES)
def test_a_cloud_destination_sends_what_nobody_else_did(made: Plan, event: Any, expected: str) -> None:
    """The documented rules, one by one."""
    assert reason_of(made, event) == expected


def test_a_device_destination_is_never_delivered_from_here() -> None:
    """It has no courier: it is not among the destinations that are delivered to."""
    for made in (BOTH, APP):
        assert not set(made.devices) & set(made.destinations)


def test_each_event_goes_by_the_triggers_of_the_browser() -> None:
    """A cloud destination beside it takes what the browser's subscriptions, or its filters, leave."""
    only_orders = Subscription(
        id="orders", action="trackPurchase", trigger='type = "track" and event = "Order Completed"'
    )
    dropping = Filter(id="f", condition='event = "Secret"', actions=({"type": "DROP"},))
    said = bundled(BRAZE_WEB, ids=("braze-web",))
    made = plan(web(subscriptions=(only_orders,)), destination("cloud"))
    products = [{"product_id": "a", "price": 1}]
    assert reason_of(made, track("Seen", **said)) == ""
    assert reason_of(made, track("Order Completed", properties={"products": products}, **said)) == SENT
    made = plan(web(filters=(dropping,)), destination("cloud"))
    assert reason_of(made, track("Seen", **said)) == SENT
    assert reason_of(made, track("Secret", **said)) == ""


def test_what_the_browser_keeps_back_of_unknown_visitors_is_left_to_the_cloud() -> None:
    """The echo in the event says bundled all the same; Only Track Known Users decides by the user id."""
    said = bundled(BRAZE_WEB, ids=("braze-web",))
    anonymous = {
        key: value for key, value in track("Seen", anonymousId="a1", **said).items() if key != "userId"
    }
    for is_on, reason in ((True, "NO_MATCHING_MAPPING"), (False, SENT)):
        made = plan(web(settings={**WEB, "deferUntilIdentified": is_on}), destination("cloud"))
        assert judge(anonymous, made.devices["braze-web"]).reason == reason
        assert judge(track("Seen", **said), made.devices["braze-web"]).reason == SENT


def test_the_reason_is_told_in_words() -> None:
    """What `segue try` shows, for both sides."""
    event = track(messageId="m", **bundled(BRAZE_WEB, ids=("braze-web",)))
    cloud, device = preview(BOTH, "shop", event).destinations
    assert (cloud.id, cloud.reason, device.id, device.reason) == ("cloud", SENT, "braze-web", SENT)
    assert "track-calls" in cloud.message
    assert "bundledIds names braze-web" in device.message
    assert [each.result for each in device.subscriptions] == ["not matched", "not matched", "on the device"]
    assert device.requests == ()
    told = {
        "NOT_ON_DEVICE": track(),
        "DEVICE_SDK_FAILED": track(
            **bundled(BRAZE_WEB, ids=("braze-web",), failedInitializations=[BRAZE_WEB])
        ),
        OFF: track(integrations={BRAZE_WEB: False}, **bundled(BRAZE_WEB)),
        "NO_MATCHING_MAPPING": {"type": "page", "userId": "u1", **bundled(BRAZE_WEB)},
        SENT: track(**bundled(BRAZE_WEB)),
    }
    for reason, event in told.items():
        side = judge(event, BOTH.devices["braze-web"])
        assert side.reason == reason
        assert side.message


def recorded(scenario: str) -> list[dict[str, Any]]:
    """The events of a recorded page, as its browser sent them."""
    scenarios = json.loads(RECORDED.read_text(encoding="utf-8"))["scenarios"]
    (found,) = [each for each in scenarios if each["name"] == scenario]
    return [
        request["bodyJson"]
        for request in found["requests"]
        if request["method"] == "POST" and request["path"].startswith("/v1/") and request["bodyJson"]
    ]


def test_what_a_page_was_recorded_to_send_goes_where_it_belongs() -> None:
    """analytics.js 1.84.3 in Chromium, Braze beside it: what the browser gave Braze is not sent again, what
    it did not is, what was switched off or debounced is nowhere."""
    names = {"dest_1": web("dest-1"), "dest-1": web("dest-1")}
    made = plan(names["dest-1"], destination("cloud"))
    seen = []
    for event in recorded("prod"):
        event["_metadata"]["bundledIds"] = ["dest-1"]
        seen.append((event["type"], event.get("event") or "", reason_of(made, event)))
    assert ("track", "Item Viewed", SENT) in seen
    assert ("track", "Order Completed", SENT) in seen
    assert ("track", "All false", OFF) in seen
    assert [reason for kind, _, reason in seen if kind == "identify"] == [SENT, OFF]
    assert [reason for _, name, reason in seen if name == "Skipped"] == [""]
    blocked = [reason_of(made, event) for event in recorded("nocdn") if event["type"] == "track"]
    assert SENT not in blocked


def test_a_classic_page_is_known_by_the_name_it_has() -> None:
    """Its classic integration delivered all of it."""
    made = plan(
        web(framework="classic", settings={"apiKey": "k", "datacenter": "eu"}, id="cfg-classic"),
        destination("cloud", framework="classic", settings=CLASSIC),
    )
    for event in recorded("classic"):
        event["_metadata"]["bundledIds"] = ["cfg-classic"]
        assert reason_of(made, event) == SENT
