"""A Segment workspace becomes ours, nothing is sent that was kept back, and what stays behind is named."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.engine.migration.exported import EVENT_MAPPING, destination, filter_, source, subscription

from segue.catalog.braze.destination import BRAZE
from segue.catalog.contents import catalogue
from segue.engine.filter import apply
from segue.engine.migration.export import read_export
from segue.engine.migration.migrate import Migration, migrate
from segue.engine.plan import prepare
from segue.engine.subscription import new_mapping
from segue.kit.action import Action

EXPORT = Path(__file__).parents[2] / "fixtures" / "segment-export"


def moved(*documents: Any) -> Migration:
    """What these documents become with the real catalogue."""
    return migrate(read_export([(f"{n}.json", each) for n, each in enumerate(documents)]), catalogue())


def moved_folder() -> Migration:
    """What the recorded workspace becomes."""
    paths = sorted(EXPORT.rglob("*.json"))
    return moved(*(json.loads(path.read_text(encoding="utf-8")) for path in paths))


def said(migration: Migration, what: str) -> list[str]:
    """Remarks of one kind as sentences."""
    return [f"{each.subject}: {each.why}" for each in migration.remarks if each.what == what]


OLDER_FILTERS = [
    filter_("f1", actions=[{"type": "drop_event"}]),
    filter_("f2", title="Some", actions=[{"type": "sample_event", "percent": 0.5, "path": "userId"}]),
    filter_("f3", title="Less", actions=[{"type": "blocklist_fields", "fields": {"traits": ["ssn"]}}]),
    filter_(
        "f4",
        title="Only",
        actions=[{"type": "whitelist_fields", "fields": {"properties": {"fields": ["sku"]}}}],
    ),
]


def test_filters_written_for_the_older_api_come_along() -> None:
    """Their actions have other names, and lists of names may be nested."""
    made = moved({"data": {"destinationFilters": OLDER_FILTERS}}, source(), destination())
    plan = prepare(made.workspace, catalogue())
    assert [each.enabled for each in made.workspace.destinations[0].filters] == [True] * 4
    event = {"type": "track", "userId": "u", "properties": {"sku": 1, "email": "x"}, "traits": {"ssn": 1}}
    without = moved(*OLDER_FILTERS[2:], source(), destination())
    kept = apply(prepare(without.workspace, catalogue()).destinations["braze"].filters, event).event
    assert kept == {"type": "track", "userId": "u", "properties": {"sku": 1}, "traits": {}}
    assert apply(plan.destinations["braze"].filters, event).event is None


GENERATIONS = [
    (slug, action)
    for action in BRAZE.actions
    if action.slug != "debounce"  # runs in the app, and only beside a source of one
    for slug in sorted(action.slugs)
]


@pytest.mark.parametrize(("stored", "action"), GENERATIONS)
@pytest.mark.parametrize("key", ["actionId", "actionSlug"])
def test_every_stored_action_comes_along_with_the_sync_mode_it_implies(
    stored: str, action: Action, key: str
) -> None:
    """Both generations, by slug or published id; a mapping may be JSON or a text that holds it."""
    mapping = new_mapping(action, stored)
    required = {name for name, field in action.fields_of(stored).items() if field.required is True}
    mapping |= {name: {"@path": "$.properties.x"} for name in required - mapping.keys()}
    mapping |= {"onMappingSave": {"outputs": {"catalog_name": "tea"}}} if action.hooks else {}
    unnamed = {"actionId": "", "actionSlug": "", key: stored}
    for settings in (mapping, json.dumps(mapping)):
        made = moved(source(), destination(), subscription(settings=settings, **unnamed))
        bound = prepare(made.workspace, catalogue()).destinations["braze"].subscriptions
        assert [each.action.slug for each in bound] == [action.slug], made.remarks
        modes = action.slugs[stored]
        assert bound[0].shaping.sync_mode == (modes.default if modes is not None else None)


def test_a_whole_workspace_can_be_planned() -> None:
    """Sources, destinations, subscriptions and filters arrive as they were, ready to run."""
    workspace = moved_folder().workspace
    plan = prepare(workspace, catalogue())
    assert (plan.destinations.keys(), plan.devices.keys()) == ({"braze-eu"}, {"braze-web"})
    assert [(each.id, each.platform, each.enabled) for each in workspace.sources] == [
        ("shop-web", "web", True),
        ("shop-ios", "ios", True),
        ("backend", "server", False),
    ]
    assert workspace.sources[1].write_keys == ("hV9gqBnKQgDyWAJ7B4ZVTYqDrEXrjD4T", "rotated-9f2c")
    assert [(each.id, each.source, each.enabled) for each in workspace.destinations] == [
        ("braze-eu", "shop-web", True),
        ("braze-eu-shop-ios", "shop-ios", False),
        ("braze-web", "shop-web", True),
    ]
    subscriptions = workspace.destinations[0].subscriptions or ()
    assert [(each.id, each.action, each.enabled) for each in subscriptions] == [
        ("identify-calls", "updateUserProfile", True),
        ("track-calls", "trackEvent2", True),
        ("trackpurchase", "trackPurchase", False),
        ("debounce", "debouncePlugin", True),
    ]
    assert [(each.id, each.enabled) for each in workspace.destinations[0].filters] == [
        ("no-internal-mail", True),
        ("less", False),
    ]


def test_triggers_mappings_and_filters_are_verbatim() -> None:
    """Not a character of what somebody wrote is changed."""
    destinations = EXPORT / "destinations" / "braze-eu"
    stored = json.loads((destinations / "subscriptions.json").read_text(encoding="utf-8"))
    filters = json.loads((destinations / "filters.json").read_text(encoding="utf-8"))["data"]["filters"]
    written = {each["name"]: each for each in reversed(stored["data"]["subscriptions"])}
    made = moved_folder().workspace.destinations[0]
    for each in (made.subscriptions or ())[:2]:
        assert each.trigger == written[each.name]["trigger"]
        assert each.mapping == written[each.name]["settings"]
    assert [each.condition for each in made.filters] == [each["if"] for each in filters]
    assert [list(each.actions) for each in made.filters] == [each["actions"] for each in filters]


def test_no_secret_comes_along() -> None:
    """A variable stands where the key was, and is listed."""
    migration = moved_folder()
    assert "7f1c9d2e-fixture-secret" not in repr(migration)
    assert [(each.name, each.place) for each in migration.variables] == [
        ("BRAZE_EU_API_KEY", "destinations.braze-eu.settings.api_key"),
        ("BRAZE_EU_SHOP_IOS_API_KEY", "destinations.braze-eu-shop-ios.settings.api_key"),
        ("BRAZE_WEB_ENDPOINT", "destinations.braze-web.settings.endpoint"),
    ]


@pytest.mark.parametrize(
    "named",
    [
        "Slack",
        "reverse ETL",
        "no trigger",
        "broken-trigger",
        "send_raw",
        "Loyalty",
        "Shop events",
        "warehouse",
    ],
)
def test_whatever_stays_behind_is_named(named: str) -> None:
    """Nothing is lost in silence."""
    assert [each for each in said(moved_folder(), "left out") if named in each]


def test_every_published_action_id_and_slug_is_understood() -> None:
    """Both generations load under the name they were stored with."""
    page = catalogue()["braze"]
    stored = [slug for action in page.actions for slug in action.slugs]
    assert len(stored) >= 20
    for slug in stored:
        subscriptions = {"subscriptions": [subscription(actionId=slug, settings={})]}
        migration = moved(source(), destination(), subscriptions)
        assert not [each for each in said(migration, "left out") if "no action" in each], slug


def test_a_classic_destination_keeps_its_fixed_behaviour() -> None:
    """It has settings and no subscriptions; the page knows what it does."""
    settings = {"apiKey": "app-1", "appGroupId": "kept-out", "datacenter": "us", "trackAllPages": True}
    metadata = {"id": "54efbf12db31d978f14aa8b5", "slug": "braze", "name": "Braze"}
    migration = moved(source(), destination(metadata=metadata, settings=settings))
    (made,) = migration.workspace.destinations
    assert (made.type, made.subscriptions, made.settings["trackAllPages"]) == ("braze-classic", None, True)
    assert "kept-out" not in repr(migration)
    assert prepare(migration.workspace, catalogue()).destinations["braze"].subscriptions


def test_a_sync_mode_is_kept_and_a_missing_one_is_named() -> None:
    """The second generation needs one."""
    mode = {**EVENT_MAPPING, "__segment_internal_sync_mode": "update"}
    kept = moved(source(), destination(), subscription(actionId="trackEvent2", settings=mode))
    (bound,) = prepare(kept.workspace, catalogue()).destinations["braze"].subscriptions
    assert bound.shaping.sync_mode == "update"


def test_names_do_not_depend_on_the_order_of_files() -> None:
    """A second import calls everything as the first did."""
    documents: list[Any] = [
        *(source(f"src_{n}", slug="Shop") for n in range(4)),
        *(destination(f"dst_{n}", sourceId=f"src_{n % 4}") for n in range(8)),
        *(subscription(f"sub_{n}", destinationId=f"dst_{n % 8}") for n in range(24)),
    ]
    first = moved(*documents)
    random.Random(1).shuffle(documents)
    second = moved(*documents)

    def shown(migration: Migration) -> Sequence[Any]:
        return sorted(
            (each.id, each.source, tuple(sorted(one.id for one in each.subscriptions or ())))
            for each in migration.workspace.destinations
        )

    assert shown(first) == shown(second)
    assert len({each.id for each in first.workspace.destinations}) == 8


GUARDS: dict[str, tuple[dict[str, Any], ...]] = {
    "a filter with a broken condition": (filter_(**{"if": "contains("}),),
    "a filter with an unknown action": (filter_(actions=[{"type": "HASH"}]),),
    "a filter without a condition": ({**filter_(), "if": None, "actions": []},),
    "an insert function": (
        {"insertFunctionInstances": [{"id": "i", "name": "Mask", "integrationId": "dst_1", "enabled": True}]},
    ),
    "a transformation of the source": (
        {"transformations": [{"id": "t", "name": "Drop", "sourceId": "src_1", "enabled": True}]},
    ),
}


@pytest.mark.parametrize("guard", GUARDS.values(), ids=GUARDS)
def test_a_destination_that_loses_its_guard_is_held_back(guard: tuple[dict[str, Any], ...]) -> None:
    """It would send what Segment kept from it."""
    rest = [{"filters": [each]} if "title" in each else each for each in guard]
    migration = moved(source(), destination(), subscription(), *rest)
    assert [each.enabled for each in migration.workspace.destinations] == [False]
    assert said(migration, "held back")


def test_a_guard_that_is_off_holds_nothing_back() -> None:
    """What did nothing at Segment is not missed."""
    off = filter_(enabled=False, **{"if": "contains("})
    migration = moved(source(), destination(), subscription(), {"filters": [off]})
    assert [(each.enabled, each.filters) for each in migration.workspace.destinations] == [(True, ())]


def test_children_without_their_parents_are_named() -> None:
    """What to fetch is said."""
    migration = moved(source(), destination(sourceId="src_9"), subscription(), filter_(destinationId="dst_8"))
    assert migration.workspace.destinations == ()
    assert [each.remedy for each in migration.remarks if "not in the export" in each.why] == [
        "Add the answer of GET /sources/src_9 to the folder.",
        "Add the answer of GET /destinations/dst_8 to the folder.",
    ]


def test_missing_parts_become_variables_or_defaults() -> None:
    """No write key, no endpoint, no mapping: each is said, and the file still works."""
    bare = source(writeKeys=[])
    migration = moved(bare, destination(settings={}), subscription(settings=None))
    assert [each.name for each in migration.variables] == [
        "SRC_1_WRITE_KEY",
        "BRAZE_API_KEY",
        "BRAZE_ENDPOINT",
    ]
    (bound,) = prepare(migration.workspace, catalogue()).destinations["braze"].subscriptions
    assert bound.mapping_json["time"] == {"@path": "$.receivedAt"}


def test_two_sources_never_share_a_key() -> None:
    """The second one needs another."""
    migration = moved(source(), source("src_2", writeKeys=["wk-src_1", "bad key"]))
    assert [each.write_keys for each in migration.workspace.sources] == [("wk-src_1",), ("SRC_2_WRITE_KEY",)]
    assert len(said(migration, "changed")) == 3


@pytest.mark.parametrize(
    "broken", [destination(settings="{"), subscription(settings="{"), filter_(actions=3)]
)
def test_nonsense_in_a_field_stops_nothing(broken: dict[str, Any]) -> None:
    """One bad entry is named, the others come along."""
    good = source()
    migration = moved(good, destination("dst_2"), {f"{_kind(broken)}s": [broken]})
    assert "braze" in {each.id for each in migration.workspace.destinations}
    assert migration.remarks


def _kind(body: dict[str, Any]) -> str:
    return {"dst": "destination", "sub": "subscription", "flt": "filter"}[body["id"][:3]]


def test_a_mapping_the_file_could_not_hold_is_left_out() -> None:
    """Depth and numbers have bounds."""
    deep: Any = "x"
    for _ in range(60):
        deep = {"a": deep}
    for odd in (deep, 10**50, float("inf")):
        mapping = {**EVENT_MAPPING, "properties": {"odd": odd}}
        migration = moved(source(), destination(), subscription(settings=mapping))
        assert said(migration, "left out")
