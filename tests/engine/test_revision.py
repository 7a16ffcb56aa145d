"""A workspace that is kept holds nothing that could be used against its owner, and can still be planned."""

import msgspec
from tests.runtime.house import SOURCE

from segue.catalog.contents import catalogue
from segue.engine.plan import prepare
from segue.engine.revision import conceal
from segue.model.workspace import Destination, Filter, Subscription, Workspace

SECRET = "k3y-of-the-shop"
BRAZE = Destination(
    id="braze",
    type="braze",
    source="web",
    settings={"api_key": "written down", "endpoint": f"https://{SECRET}.example.com", "app_id": "app-1"},
    filters=(Filter(id="f", condition=f'userId = "{SECRET}"'),),
)
HOOK = Destination(
    id="hook",
    type="webhook",
    source="web",
    settings={
        "url": "https://example.com/in",
        "secret": "s",
        "headers": {"authorization": "Bearer 1234567"},
    },
    subscriptions=(
        Subscription(
            id="all",
            action="send",
            trigger='type = "track"',
            mapping={"body": {"token": {"@literal": f"x {SECRET}"}, "name": {"@path": "$.event"}}},
        ),
    ),
)
WORKSPACE = Workspace(sources=(SOURCE,), destinations=(BRAZE, HOOK), revision="r1")


def test_no_secret_is_kept_and_the_rest_stays_as_it_is() -> None:
    """Password settings, headers, and every text that came from a variable; triggers and paths stay."""
    kept = conceal(WORKSPACE, catalogue(), [SECRET, "tiny"])
    text = msgspec.json.encode(kept).decode()
    for secret in (SECRET, "written down", "Bearer", '"s"'):
        assert secret not in text
    braze, hook = kept.destinations
    assert braze.settings == {"api_key": "***", "endpoint": "https://concealed.invalid", "app_id": "app-1"}
    assert braze.filters[0].condition == "***"
    assert hook.settings["headers"] == {"authorization": "***"}
    assert hook.subscriptions is not None
    assert hook.subscriptions[0].trigger == 'type = "track"'
    assert hook.subscriptions[0].mapping == {
        "body": {"token": {"@literal": "***"}, "name": {"@path": "$.event"}}
    }
    assert kept.revision == "r1"


def test_what_is_kept_can_be_planned_again() -> None:
    """After the way through JSON; only a text that had to go altogether may be missed."""
    plain = msgspec.structs.replace(
        WORKSPACE, destinations=(msgspec.structs.replace(BRAZE, filters=()), HOOK)
    )
    content = msgspec.json.encode(conceal(plain, catalogue(), [SECRET]))
    plan = prepare(msgspec.json.decode(content, type=Workspace), catalogue())
    assert set(plan.destinations) == {"braze", "hook"}
