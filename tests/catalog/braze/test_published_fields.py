"""Every action page beside the published declarations: `published_fields.tsv`, facts taken down by hand.

One line per field of the first generation's slug; what the second generation lacks is said below. Conditions
read ``if any: name is "x"``, ``(absent)`` stands for no value.

Source  Segment docs and Public API catalogue, "Braze Cloud Mode (Actions)", actions and fields; read
        2026-11-23
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.catalog.braze.pages import page

from segue.catalog.braze.destination import BRAZE, ENDPOINTS
from segue.kit.field import ABSENT, NO_DEFAULT, Conditions, Field

Json = dict[str, Any]


class Fact(NamedTuple):
    slug: str
    path: str
    label: str
    type: str
    required: str
    default: str
    flags: str


FACTS = [
    Fact(*line.split("\t"))
    for line in (Path(__file__).parent / "published_fields.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]

SECOND = {
    "trackEvent2": ("trackEvent", {"_update_existing_only"}),
    "trackPurchase2": ("trackPurchase", {"_update_existing_only"}),
    "updateUserProfile2": ("updateUserProfile", {"_update_existing_only"}),
    "createAlias2": ("createAlias", set()),
}
"""Slugs of the second generation: whose fields they have, and without which."""

OURS = {"omit_attributes"}
"""Fields that the original does not have."""

CLEARS = {("updateUserProfile", "last_name")}
"""Listed difference "lastName: null": null is kept, as for every other text of a profile."""


def own(slug: str) -> Mapping[str, Field]:
    """The fields of a slug, or of one of its hooks."""
    action, _, hook = slug.partition("/")
    return page(action).hooks[hook].fields if hook else page(action).fields_of(action)


def walk(fields: Mapping[str, Field], before: str = "") -> Iterator[tuple[str, Field]]:
    """Each field and member by its path: ``products[].price``."""
    for key, field in fields.items():
        yield before + key, field
        if field.properties is not None:
            yield from walk(field.properties, f"{before}{key}{'[]' if field.multiple else ''}.")


def conditions(written: Any) -> str:
    if not isinstance(written, Conditions):
        return "yes" if written else "no"
    claims = [
        f"{claim.field} {claim.operator} "
        + ("(absent)" if claim.value is ABSENT else json.dumps(claim.value))
        for claim in written.claims
    ]
    return f"if {written.match}: {'; '.join(claims)}"


def alike(ours: str, published: str) -> bool:
    """Conditions are the same in any order; of a single one it does not matter how it is joined."""
    parts = [
        (text.partition(": ")[0], set(text.partition(": ")[2].split("; "))) for text in (ours, published)
    ]
    return parts[0][1] == parts[1][1] and (len(parts[0][1]) == 1 or parts[0][0] == parts[1][0])


def flag(fact: Fact, pattern: str) -> str:
    found = re.search(rf"(?:^|; ){pattern}(?=;|$)", fact.flags)
    return "" if found is None else (found[1] if found.re.groups else found[0])


PLACES = [pytest.param(fact, id=f"{fact.slug}.{fact.path}") for fact in FACTS]


@pytest.mark.parametrize("fact", PLACES)
def test_a_field_is_declared_as_published(fact: Fact) -> None:
    """Label, type, format, list, requirement, default, null, choices, bounds, visibility."""
    field = dict(walk(own(fact.slug)))[fact.path]
    assert field.label == fact.label
    kind, _, rest = fact.type.partition(" ")
    assert (field.type, field.multiple, field.format) == (
        kind,
        "[multiple]" in rest,
        (re.findall(r"format=([\w-]+)", rest) or [None])[0],
    )
    assert alike(conditions(field.required), fact.required)
    assert field.default == (json.loads(fact.default) if fact.default else NO_DEFAULT)
    assert field.allow_null is ("allowNull" in fact.flags or (fact.slug, fact.path) in CLEARS)
    assert field.hidden is bool(flag(fact, "hidden"))
    assert bool(field.dynamic) is bool(flag(fact, "dynamic"))
    choices = re.findall(r'"([^"]+)"', flag(fact, r'choices: ((?:"[^"]+"(?:, )?)+)'))
    assert [choice.value for choice in field.choices] == choices
    assert (field.minimum, field.maximum) == (
        float(flag(fact, r"min (\d+)") or 0),
        float(flag(fact, r"max (\d+)") or 0),
    )
    assert field.ui == flag(fact, r"ui:(keyvalue|arrayeditor)(?::only)?")
    shown = fact.flags.partition("shown ")[2]
    assert alike(conditions(field.shown_when) if field.shown_when else "no", shown or "no")
    if field.properties is not None and not field.has_default | bool(field.ui):
        assert field.additional_properties is ("additionalProperties:true" in fact.flags)


@pytest.mark.parametrize("slug", dict.fromkeys(fact.slug for fact in FACTS))
def test_an_action_has_the_published_fields_in_their_order_and_no_other(slug: str) -> None:
    """But for our own; the one-product action shares what comes before its product."""
    published = [fact.path for fact in FACTS if fact.slug == slug]
    if slug == "ecommerceSingleProduct":
        shared = [fact.path for fact in FACTS if fact.slug == "ecommerce"]
        published = [path for path in shared if not path.startswith("products")] + published
    assert [path for path, _ in walk(own(slug)) if path not in OURS] == published


@pytest.mark.parametrize("slug", SECOND)
def test_the_second_generation_has_the_fields_of_the_first_without_what_its_sync_mode_says(slug: str) -> None:
    """Identify user is the exception: its second generation has a table of its own."""
    first, without = SECOND[slug]
    kept = {path: field for path, field in walk(own(first)) if path not in without}
    assert dict(walk(own(slug))) == kept


@pytest.mark.parametrize(
    ("slug", "field"), [(action.slug, key) for action in BRAZE.actions for key in action.fields]
)
def test_every_field_is_explained_to_the_person_at_the_console(slug: str, field: str) -> None:
    """A label, and a sentence of help that ends; members too."""
    for path, each in walk({field: page(slug).fields[field]}):
        assert each.label, path
        assert each.help.endswith("."), path


ACTIONS: list[tuple[str, str, tuple[str, tuple[str, ...]] | None, bool]] = [
    ("trackEvent", 'type = "track" and event != "Order Completed"', None, True),
    ("trackEvent2", 'type = "track" and event != "Order Completed"', ("add", ("add", "update")), True),
    ("trackPurchase", 'event = "Order Completed"', None, True),
    ("trackPurchase2", 'event = "Order Completed"', ("add", ("add", "update")), True),
    ("updateUserProfile", 'type = "identify"', None, True),
    ("updateUserProfile2", 'type = "identify"', ("update", ("update",)), True),
    ("createAlias", 'event = "Create Alias"', None, False),
    ("createAlias2", 'event = "Create Alias"', ("add", ("add",)), False),
    ("identifyUser", "", None, False),
    ("identifyUser2", "", ("add", ("add", "upsert")), False),
    ("upsertCatalogItem", "", ("upsert", ("upsert", "delete")), True),
    ("triggerCampaign", 'type = "track"', None, False),
    ("triggerCanvas", 'type = "track"', None, False),
    ("ecommerce", "", ("add", ("add", "update")), True),
    ("ecommerceSingleProduct", "", ("add", ("add", "update")), True),
]
"""slug, trigger of a new subscription, (default, choices) of its sync mode, whether it takes batches there"""


@pytest.mark.parametrize(("slug", "trigger", "modes", "batched"), ACTIONS)
def test_an_action_starts_and_travels_as_published(
    slug: str, trigger: str, modes: tuple[str, tuple[str, ...]] | None, batched: bool
) -> None:
    """Ours batches more: alias and identify calls too."""
    action = page(slug)
    assert action.trigger == trigger
    found = action.sync_modes(slug)
    assert (None if found is None else (found.default, found.choices)) == modes
    assert action.batch.items > 1 or not batched
    assert ("enable_batching" in action.fields) is batched


def test_settings_are_the_published_ones() -> None:
    """Label, type and requirement; every address there is, with its dashboard in the label."""
    rows = {
        "api_key": ("API Key", "password", True),
        "app_id": ("App ID", "string", False),
        "endpoint": ("REST Endpoint", "string", True),
    }
    declared = BRAZE.settings
    assert {name: (each.label, each.type, each.required) for name, each in declared.items()} == rows
    assert declared["endpoint"].default == "https://rest.iad-01.braze.com"
    assert [(choice.label, choice.value) for choice in ENDPOINTS] == [
        *(
            (f"US-0{n} (https://dashboard-0{n}.braze.com)", f"https://rest.iad-0{n}.braze.com")
            for n in range(1, 9)
        ),
        ("US-09 (https://dashboard-09.braze.com)", "https://rest.us-09.braze.com"),
        ("US-10 (https://dashboard-10.braze.com)", "https://rest.us-10.braze.com"),
        ("EU-01 (https://dashboard-01.braze.eu)", "https://rest.fra-01.braze.eu"),
        ("EU-02 (https://dashboard-02.braze.eu)", "https://rest.fra-02.braze.eu"),
        ("AU-01 (https://dashboard.au-01.braze.com)", "https://rest.au-01.braze.com"),
        ("ID-01 (https://dashboard.id-01.braze.com)", "https://rest.id-01.braze.com"),
        ("JP-01 (https://dashboard.jp-01.braze.com)", "https://rest.jp-01.braze.com"),
    ]


PRODUCT = {
    "product_id": {"@path": "$.properties.product_id"},
    "product_name": {"@path": "$.properties.name"},
    "variant_id": {"@path": "$.properties.variant"},
    "image_url": {"@path": "$.properties.image_url"},
    "product_url": {"@path": "$.properties.url"},
    "quantity": {"@path": "$.properties.quantity"},
    "price": {"@path": "$.properties.price"},
}
STATUS: Json = {"metadata": {"order_status_url": {"@path": "$.properties.order_status_url"}}}
CHECKOUT: Json = {"metadata": {"checkout_url": {"@path": "$.properties.checkout_url"}}}
CALLS = " and ".join(
    [
        'type = "track" and event != "Order Completed"',
        *(
            f'event != "{name}"'
            for name in (
                *("Checkout Started", "Order Refunded", "Order Cancelled"),
                *("Product Viewed", "Product Added", "Product Removed"),
            )
        ),
    ]
)

PRESETS: list[tuple[str, str, str, str, Json]] = [
    ("Track Calls", "trackEvent", CALLS, "", {}),
    ("Order Placed (beta)", "ecommerce", 'event = "Order Completed"', "order_placed", STATUS),
    ("Checkout Started (beta)", "ecommerce", 'event = "Checkout Started"', "checkout_started", CHECKOUT),
    ("Order Refunded (beta)", "ecommerce", 'event = "Order Refunded"', "order_refunded", STATUS),
    ("Order Cancelled (beta)", "ecommerce", 'event = "Order Cancelled"', "order_cancelled", STATUS),
    ("Product Viewed (beta)", "ecommerceSingleProduct", 'event = "Product Viewed"', "product_viewed", {}),
    (
        "Product Added (beta)",
        "ecommerce",
        'event = "Product Added"',
        "cart_updated",
        {"action": "add", "products": [PRODUCT]},
    ),
    (
        "Product Removed (beta)",
        "ecommerce",
        'event = "Product Removed"',
        "cart_updated",
        {"action": "remove", "products": [PRODUCT]},
    ),
    ("Identify Calls", "updateUserProfile", 'type = "identify"', "", {}),
    ("Associated Entity Added", "trackEvent", "warehouse_entity_added_track", "", {}),
    ("Associated Entity Removed", "trackEvent", "warehouse_entity_removed_track", "", {}),
    ("Entities Audience Entered", "trackEvent", "warehouse_audience_entered_track", "", {}),
    ("Entities Exited", "trackEvent", "warehouse_audience_exited_track", "", {}),
    (
        "Entities Audience Membership Changed",
        "updateUserProfile",
        "warehouse_audience_membership_changed_identify",
        "",
        {},
    ),
    ("Journeys Step Transition Track", "trackEvent", "journeys_step_entered_track", "", {}),
]
"""name, action, trigger or the platform's event, name of the ecommerce event, what its mapping has besides"""


def default_mapping(slug: str) -> Json:
    """The published default mapping, from the facts alone."""
    wanted = [fact for fact in FACTS if fact.slug == slug and fact.default and "." not in fact.path]
    if slug == "ecommerceSingleProduct":
        shared = [fact for fact in FACTS if fact.slug == "ecommerce" and fact.path != "products"]
        wanted = [fact for fact in shared if fact.default and "." not in fact.path] + wanted
    return {fact.path: json.loads(fact.default) for fact in wanted}


@pytest.mark.parametrize(("place", "row"), list(enumerate(PRESETS)), ids=[row[0] for row in PRESETS])
def test_a_published_preset_is_the_published_one(place: int, row: tuple[str, str, str, str, Json]) -> None:
    """Name, order, action, trigger and the whole mapping."""
    name, slug, starts, ecommerce, over = row
    found = BRAZE.presets["published"][place]
    assert (found.name, found.action) == (name, page(slug).slug)
    assert starts in (found.trigger, found.event_slug)
    named = {"name": f"ecommerce.{ecommerce}"} if ecommerce else {}
    assert found.mapping == {**default_mapping(slug), **over, **named}
    assert len(BRAZE.presets["published"]) == len(PRESETS)
