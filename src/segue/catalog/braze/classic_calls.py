"""The calls a classic destination takes, one action each; their mappings are its fixed behaviour.

Endpoint  POST /users/track, arrays ``attributes``, ``events``, ``purchases``
Limits    75 objects a request, 100 KB an object
Source    Segment docs, "Braze Destination"; segment-boneyard/integration-appboy, observed behaviour;
          read 2026-11-24

What depends on settings is decided in `shape`; what is not sent is filtered with the published codes.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from segue.kit import dates
from segue.kit.action import Action, JsonObject, Settings, Shaped, Shaping
from segue.kit.field import Field, pick
from segue.model.delivery import Payload, Request, Row

from . import classic_profile, classic_purchases, pricing, rest, values
from .attributes import SHAPE
from .classic_settings import connection

REJECTED: Final = "MESSAGE_REJECTED"
UNSUPPORTED: Final = "UNSUPPORTED_EVENT_TYPE"
"""Source  Segment docs, "Integration Error Codes" and "Delivery Overview", read 2026-11-23."""

NO_PRODUCTS: Final = "no_products"

EVENT_PROPERTIES_TAKEN: Final = values.EVENT_PROPERTIES_TAKEN | {"quantity", "price", "currency"}
"""Properties that a classic custom event never had."""

PAGE_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "page": ("Viewed {} Page", "Loaded a Page"),
    "screen": ("Viewed {} Screen", "Loaded a Screen"),
}
"""What a page or screen is called at Braze, with a name and without."""

_BRAZE_ID_PATH: Final = "integrations.Braze.braze_id"

FIELDS: Final[Mapping[str, Field]] = {
    "external_id": Field(
        "string",
        label="User ID",
        help="The id you know the person by; Braze finds or creates the profile with it.",
        essential=True,
        default={"@path": "$.userId"},
    ),
    "braze_id": Field(
        "string",
        label="Braze ID",
        help="The id Braze itself gave the person; used when there is no user id.",
        essential=True,
        default={
            "@if": {
                "exists": {"@path": f"$.{_BRAZE_ID_PATH}"},
                "then": {"@path": f"$.{_BRAZE_ID_PATH}"},
                "else": {"@path": f"$.context.{_BRAZE_ID_PATH}"},
            }
        },
    ),
}

TIME: Final = Field(
    "datetime", label="Time", help="When it happened.", required=True, default={"@path": "$.timestamp"}
)
PROPERTIES: Final = Field(
    "object", label="Properties", help="What is known about it.", default={"@path": "$.properties"}
)


def build(rows: Sequence[Row], settings: Settings) -> Request:
    """One /users/track request; a row's context names the array its objects belong to."""
    return rest.build_track(rows, connection(settings))


def _reject(why: str, reason: str = REJECTED) -> Shaped:
    return Shaped(filtered=reason, notes=[("", why)])


NOBODY: Final = _reject("neither userId nor integrations.Braze.braze_id: Braze cannot say who it is")


def _person(payload: Payload) -> JsonObject | None:
    """Who it is about, by one id; None for somebody Braze does not know by any."""
    for name in FIELDS:
        if payload.get(name):
            return {name: payload[name]}
    return None


def _update_rule(settings: Settings) -> JsonObject:
    return {"_update_existing_only": settings.get("updateExistingOnly") is True}


def _app(settings: Settings) -> JsonObject:
    return {"app_id": settings.get("apiKey") or ""}


def _event(
    who: JsonObject, name: str, payload: Payload, properties: JsonObject, settings: Settings
) -> JsonObject:
    said = {"name": name, "time": dates.iso(payload["time"]), "properties": properties}
    return who | _app(settings) | said | _update_rule(settings)


def shape_identify(payload: Payload, shaping: Shaping) -> Shaped:
    """One attributes object."""
    who = _person(payload)
    if who is None:
        return NOBODY
    notes: values.Notes = []
    attributes = classic_profile.attributes_of(payload.get("traits") or {}, notes)
    item = who | attributes | _update_rule(shaping.settings)
    return Shaped(items=[item], context="attributes", notes=notes)


def shape_group(payload: Payload, shaping: Shaping) -> Shaped:
    """One attribute that says the person is in the group; the group's traits stay here."""
    who = _person(payload)
    if who is None:
        return NOBODY
    member = {f"ab_segment_group_{payload['group_id']}": True}
    return Shaped(items=[who | member | _update_rule(shaping.settings)], context="attributes")


def shape_track(payload: Payload, shaping: Shaping) -> Shaped:
    """A completed order as purchases, an event with revenue as one when the settings say so, else an event.

    Raises InvalidPayload for an order of which no product can be a purchase.
    """
    who = _person(payload)
    if who is None:
        return NOBODY
    settings, name = shaping.settings, payload["name"]
    properties = payload.get("properties") or {}
    notes: values.Notes = []
    is_order = classic_purchases.is_order(name)
    products = classic_purchases.products_of(properties) if is_order else []
    purchases: list[JsonObject] = []
    if products:
        purchases = classic_purchases.of_products(products, properties.get("currency"), notes)
    elif settings.get("logPurchaseWhenRevenuePresent") is True:
        purchase = classic_purchases.of_revenue(name, properties, notes)
        purchases = [purchase] if purchase is not None else []
    if purchases:
        buyer = who | _app(settings) | {"time": dates.iso(payload["time"])} | _update_rule(settings)
        return Shaped(items=[buyer | each for each in purchases], context="purchases", notes=notes)
    if is_order:
        return Shaped(filtered=NO_PRODUCTS, notes=notes)
    kept = values.without_taken(properties, EVENT_PROPERTIES_TAKEN, notes)
    return Shaped(items=[_event(who, name, payload, kept, settings)], context="events", notes=notes)


def shape_page(payload: Payload, shaping: Shaping) -> Shaped:
    """A page or screen as a custom event, if the settings want it."""
    settings, name = shaping.settings, payload.get("name")
    only_named = settings.get("trackNamedPages") is True
    if not only_named and settings.get("trackAllPages") is not True:
        return _reject("pages are not sent: neither trackAllPages nor trackNamedPages is on")
    if only_named and not name:
        return _reject("a page without a name, and trackNamedPages is on")
    who = _person(payload)
    if who is None:
        return NOBODY
    category = payload.get("category")
    named, unnamed = PAGE_NAMES[payload["kind"]]
    title = named.format(f"{category} {name}" if category else name) if name else unnamed
    own = {key: value for key, value in (("category", category), ("name", name)) if value}
    notes: values.Notes = []
    properties = values.without_taken(
        (payload.get("properties") or {}) | own, values.EVENT_PROPERTIES_TAKEN, notes
    )
    return Shaped(items=[_event(who, title, payload, properties, settings)], context="events", notes=notes)


def shape_alias(payload: Payload, shaping: Shaping) -> Shaped:
    """Nothing: classic has no alias."""
    return _reject("alias calls are not supported by the classic destination", UNSUPPORTED)


IDENTIFY: Final = Action(
    slug="identify",
    title="Identify",
    description="Sets attributes on a person's Braze profile.",
    trigger='type = "identify"',
    fields={
        **FIELDS,
        "traits": Field(
            "object", label="Traits", help="What is known about the person.", default={"@path": "$.traits"}
        ),
    },
    batch=rest.TRACK_BATCH,
    pool=rest.TRACK_POOL,
    attributes=SHAPE,
    shape=shape_identify,
    build=build,
    read=rest.read_track,
    repeatable=True,
)

TRACK: Final = Action(
    slug="track",
    title="Track",
    description="Records a custom event, or the purchases of an order.",
    trigger='type = "track"',
    fields={
        **FIELDS,
        "name": Field(
            "string",
            label="Event Name",
            help="The name the event has in Braze.",
            required=True,
            default={"@path": "$.event"},
        ),
        "time": TIME,
        "properties": PROPERTIES,
    },
    batch=rest.TRACK_BATCH,
    pool=rest.TRACK_POOL,
    price=pricing.price,
    shape=shape_track,
    build=build,
    read=rest.read_track,
)

PAGE: Final = Action(
    slug="page",
    title="Page or screen",
    description="Records a viewed page or screen as a custom event, if the settings say so.",
    trigger='type = "page" or type = "screen"',
    fields={
        **FIELDS,
        "kind": Field(
            "string",
            label="Kind",
            help="Whether it is a page or a screen.",
            required=True,
            choices=pick("page", "screen"),
            default={"@path": "$.type"},
        ),
        "name": Field(
            "string", label="Name", help="The name of the page or screen.", default={"@path": "$.name"}
        ),
        "category": Field(
            "string", label="Category", help="Goes before the name.", default={"@path": "$.category"}
        ),
        "time": TIME,
        "properties": PROPERTIES,
    },
    batch=rest.TRACK_BATCH,
    pool=rest.TRACK_POOL,
    price=pricing.price,
    shape=shape_page,
    build=build,
    read=rest.read_track,
)

GROUP: Final = Action(
    slug="group",
    title="Group",
    description="Sets an attribute that says the person is in the group.",
    trigger='type = "group"',
    fields={
        **FIELDS,
        "group_id": Field(
            "string",
            label="Group ID",
            help="Becomes part of the attribute's name.",
            required=True,
            default={"@path": "$.groupId"},
        ),
    },
    batch=rest.TRACK_BATCH,
    pool=rest.TRACK_POOL,
    attributes=SHAPE,
    shape=shape_group,
    build=build,
    read=rest.read_track,
    repeatable=True,
)

ALIAS: Final = Action(
    slug="alias",
    title="Alias",
    description="Says of every alias call that classic does not take it, so that it is counted as such.",
    trigger='type = "alias"',
    fields={},
    shape=shape_alias,
    build=build,
)
