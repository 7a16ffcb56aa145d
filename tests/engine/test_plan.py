"""A plan names everything that is wrong with a workspace at once, and keeps what is only odd as warnings."""

import json
from typing import Any

import pytest

from segue.catalog.contents import catalogue
from segue.engine.plan import prepare
from segue.engine.preview import preview
from segue.kit.action import SYNC_MODE_KEY
from segue.model.errors import MisconfiguredWorkspace
from segue.model.workspace import Delivery, Destination, Filter, Source, Subscription, Workspace

MAPPING = {
    "external_id": {"@path": "$.userId"},
    "name": {"@path": "$.event"},
    "time": {"@path": "$.timestamp"},
}


def workspace(*subscriptions: Subscription, settings: Any = None, **others: Any) -> Workspace:
    """One source, one Braze destination with these subscriptions."""
    fine = {"endpoint": "https://rest.iad-01.braze.com", "api_key": "k"}
    destination = Destination(
        id="braze",
        type="braze",
        source="web",
        settings=fine if settings is None else settings,
        subscriptions=subscriptions or None,
        **others,
    )
    source = Source(id="web", write_keys=("wk",))
    return Workspace(sources=(source,), destinations=(destination,))


def subscription(**changes: Any) -> Subscription:
    """A track-event subscription without faults, but for the changes."""
    fine: dict[str, Any] = {
        "id": "s",
        "action": "track-event",
        "trigger": 'type = "track"',
        "mapping": MAPPING,
    }
    return Subscription(**(fine | changes))


def faults_of(given: Workspace) -> dict[str, str]:
    """Place -> problem of every fault; warnings of a plan that runs among them."""
    try:
        found = prepare(given, catalogue()).warnings
    except MisconfiguredWorkspace as error:
        found = tuple(error.faults)
    return {fault.place: fault.problem for fault in found}


S = "destinations.braze.subscriptions.0"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (workspace(subscription()), {}),
        (workspace(subscription(action="trackEvnt")), {f"{S}.action": "trackEvnt"}),
        (workspace(subscription(trigger="type =")), {f"{S}.trigger": "a value must follow"}),
        (workspace(subscription(trigger='evnt = "x"')), {f"{S}.trigger": 'Did you mean "event"?'}),
        (
            workspace(subscription(mapping={**MAPPING, "name": {"@pth": "$.event"}})),
            {f"{S}.mapping.name": "Did you mean @path?"},
        ),
        (
            workspace(subscription(mapping={**MAPPING, "name": {"@path": 4}, "nme": "x"})),
            {f"{S}.mapping.name.@path": "expected string", f"{S}.mapping.nme": "no field of this name"},
        ),
        (
            workspace(
                subscription(trigger="type =", mapping={"name": {"@nope": 1}, "time": "x", "nme": "x"})
            ),
            {
                f"{S}.trigger": "must follow",
                f"{S}.mapping.name": "@nope",
                f"{S}.mapping.nme": "no field",
                f"{S}.mapping.time": "must be a date, found a text that is not, and it is the same for every",
            },
        ),
        (
            workspace(subscription(mapping={"name": "x"})),
            {f"{S}.mapping": 'the required field "time" is not mapped'},
        ),
        (
            workspace(settings={"endpoint": "ftp://x", "api_key": "k", "colour": 1}),
            {
                "destinations.braze.settings.endpoint": "must be a web address",
                "destinations.braze.settings.colour": "no setting of this name",
            },
        ),
        (workspace(settings={"endpoint": "sandbox"}), {"destinations.braze.settings.api_key": "required"}),
        (
            workspace(delivery=Delivery(wait_seconds=601, in_flight=0)),
            {
                "destinations.braze.delivery.wait_seconds": "outside 0 to 600",
                "destinations.braze.delivery.in_flight": "outside 1 to 256",
            },
        ),
        (
            workspace(subscription(), subscription(trigger='type = "page"')),
            {"destinations.braze.subscriptions.1.id": "also the id of subscription 0"},
        ),
        (
            workspace(subscription(action="trackEvnt", trigger="type =", mapping={"name": {"@path": 4}})),
            {
                f"{S}.action": "trackEvnt",
                f"{S}.trigger": "must follow",
                f"{S}.mapping.name.@path": "expected string",
            },
        ),
        (
            workspace(
                subscription(
                    action="update-user-profile",
                    mapping={
                        "external_id": {"@path": "$.userId"},
                        "email_open_tracking_disabled": "perhaps",
                        "dob": {"@literal": "soon"},
                        "image_url": "",
                        "country": None,
                        "subscription_groups": [
                            {
                                "subscription_group_id": {"@path": "$.traits.group"},
                                "subscription_state": "maybe",
                            }
                        ],
                        "custom_attributes": {
                            "greeting": "Dear {{ traits.name }}",
                            "it": {"@literal": "{{x}}"},
                        },
                    },
                )
            ),
            {
                f"{S}.mapping.email_open_tracking_disabled": "must be true or false, found a text",
                f"{S}.mapping.dob": "must be a date",
                f"{S}.mapping.subscription_groups.0.subscription_state": 'must be one of "subscribed"',
                f"{S}.mapping.custom_attributes.greeting": "{{ traits.name }} is sent as it is written",
            },
        ),
        *(
            (
                workspace(
                    subscription(action=action, mapping={**MAPPING, SYNC_MODE_KEY: "mirrored"}, enabled=True)
                ),
                {f"{S}.mapping.{SYNC_MODE_KEY}": 'must be add or update, found "mirrored"'},
            )
            for action in ("track-event", "trackEvent2")
        ),
        (workspace(subscription(enabled=False)), {"destinations.braze.subscriptions": "sends nothing"}),
    ],
)
def test_every_fault_has_its_place_and_its_words(given: Workspace, expected: dict[str, str]) -> None:
    """Nothing hides behind the first fault, and nothing is made up beside it."""
    found = faults_of(given)
    assert found.keys() == expected.keys(), found
    for place, words in expected.items():
        assert words in found[place]


def test_a_sentence_ends_once() -> None:
    """A problem that ends in a question gets no full stop behind it."""
    [problem] = faults_of(workspace(subscription(mapping={**MAPPING, "name": {"@pth": "x"}}))).values()
    assert problem.endswith("@path?")


def test_a_disabled_subscription_is_checked_and_does_not_run() -> None:
    """Its faults are named like the others'; without faults it is left out of the plan."""
    off = subscription(id="off", enabled=False)
    plan = prepare(workspace(subscription(), off), catalogue())
    assert [each.id for each in plan.destinations["braze"].subscriptions] == ["s"]
    assert faults_of(workspace(subscription(), subscription(id="off", enabled=False, trigger="type =")))


def test_candidates_are_told_by_type_and_event_name() -> None:
    """Only subscriptions that can match are tried, in their order."""
    named = subscription(id="named", trigger='type = "track" and event = "A"')
    page = subscription(id="page", trigger='type = "page"')
    every = subscription(id="every", trigger='type != ""')
    braze = prepare(workspace(named, page, every), catalogue()).destinations["braze"]
    assert [each.id for each in braze.candidates("track", "A")] == ["named", "every"]
    assert [each.id for each in braze.candidates("track", "B")] == ["every"]
    assert [each.id for each in braze.candidates("page", None)] == ["page", "every"]
    assert [each.id for each in braze.candidates("track", ["no", "name"])] == ["every"]


ALIAS = {"alias_name": {"@path": "$.anonymousId"}, "alias_label": "anonymous_id"}
VISITOR = {**MAPPING, "user_alias": ALIAS}
del VISITOR["external_id"]


@pytest.mark.parametrize(
    ("action", "mapping", "is_silent"),
    [
        ("track-event", VISITOR, True),
        ("trackEvent", VISITOR, True),
        ("update-user-profile", {"user_alias": ALIAS}, True),
        ("track-event", {**VISITOR, "_update_existing_only": False}, False),
        ("track-event", {**VISITOR, "_update_existing_only": True}, False),
        ("track-event", {**VISITOR, SYNC_MODE_KEY: "add"}, False),
        ("trackEvent2", {**VISITOR, SYNC_MODE_KEY: "update"}, False),
        ("track-event", {**VISITOR, "external_id": {"@path": "$.userId"}}, False),
        ("create-alias", ALIAS, False),
    ],
)
def test_people_who_would_silently_not_be_created_are_told_of(
    action: str, mapping: dict[str, Any], is_silent: bool
) -> None:
    """Braze answers with success and drops what is sent for an alias it does not know."""
    found = faults_of(workspace(subscription(action=action, mapping=mapping)))
    assert ("drops in silence" in found.pop(f"{S}.mapping.user_alias", "")) is is_silent
    assert not found


def test_what_an_unknown_type_is_for_hides_nothing_else() -> None:
    """Its filters, triggers and mappings are read all the same."""
    destination = Destination(
        id="braze",
        type="brase",
        source="web",
        filters=(Filter(id="f", condition="containz(event)", actions=({"type": "DROP"},)),),
        subscriptions=(subscription(trigger="type =", mapping={"name": {"@nope": 1}}),),
    )
    found = faults_of(Workspace(sources=(Source(id="web", write_keys=("wk",)),), destinations=(destination,)))
    assert found.keys() == {
        "destinations.braze.type",
        "destinations.braze.filters.0.if",
        f"{S}.trigger",
        f"{S}.mapping.name",
    }


def test_a_mapping_too_deep_to_look_into_is_one_fault() -> None:
    """Nothing walks it before its depth is known."""
    deep: Any = "{{x}}"
    for _ in range(5000):
        deep = {"a": deep}
    found = faults_of(workspace(subscription(mapping={**MAPPING, "properties": deep})))
    assert [problem for problem in found.values() if "levels deep" in problem]


def test_what_is_too_large_to_be_compiled_is_told_of() -> None:
    """It runs all the same, slower; what is larger still is refused, with its bound."""
    wide = " or ".join(f'event = "{number}"' for number in range(1600))
    many = {**MAPPING, "properties": {str(number): {"@path": f"$.p{number}"} for number in range(1600)}}
    found = faults_of(workspace(subscription(trigger=wide, mapping=many)))
    assert "more than 1,500 conditions" in found.pop(f"{S}.trigger")
    assert "more than 1,500 values" in found.pop(f"{S}.mapping")
    assert not found
    most = {**MAPPING, "properties": {str(number): number for number in range(20_001)}}
    assert (
        "holds more than 20,000 values. Split it."
        in faults_of(workspace(subscription(mapping=most)))[f"{S}.mapping"]
    )
    deep = "(" * 70 + 'event = "a"' + ")" * 70
    assert "more than 60 deep" in faults_of(workspace(subscription(trigger=deep)))[f"{S}.trigger"]


HOSTILE = [
    "__import__('os').abort()",
    "'+__class__+'",
    "\n    raise SystemExit\n",
    "{0.__init__} %(v)s {{x}}",
    "\\",
    "\u2028\u2029\x85\x00",
    "a" * 2000,
    "\\N{BULLET}",
    "]) or exit() #",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_only_text_wherever_an_operator_writes_it(hostile: str) -> None:
    """In a trigger, a filter, a mapping's names and values, an id in the settings: the request has it
    verbatim, and nothing of it ran."""
    given = workspace(
        subscription(
            trigger=f'event = "{hostile}" and properties.missing != "{hostile}"',
            mapping={
                "external_id": {"@path": "$.userId"},
                "name": {"@literal": hostile},
                "time": {"@path": "$.timestamp"},
                "properties": {
                    hostile: {"@template": f"{hostile}{{{{userId}}}}"},
                    "p": {"@path": f"$.{hostile}"},
                },
            },
        ),
        settings={"endpoint": "https://rest.iad-01.braze.com", "api_key": "k", "app_id": hostile},
        filters=(
            Filter(
                id="f",
                condition=f'event != "{hostile}" or properties.x = "{hostile}"',
                actions=({"type": "DROP"},),
            ),
            Filter(id="g", actions=({"type": "DROP_PROPERTIES", "fields": {"": [hostile]}},)),
        ),
    )
    event = {"type": "track", "event": hostile, "userId": "u1", "timestamp": "2026-11-24T10:00:00.000Z"}
    [seen] = preview(prepare(given, catalogue()), "web", event).destinations
    [request] = seen.requests
    [sent] = json.loads(request.body)["events"]
    assert (sent["name"], sent["app_id"]) == (hostile, hostile)
    filled = hostile.replace("{{x}}", "")
    assert sent["properties"] == {hostile: f"{filled}u1"}
