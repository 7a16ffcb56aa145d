"""Track event: any event becomes a custom event on a Braze profile.

Endpoint  POST /users/track, array ``events``
Limits    75 objects a request, 100 KB an event
Source    Braze docs, "Track users" and "Event object", read 2026-11-23
"""

from typing import Final

from segue.kit import dates
from segue.kit.action import Action, JsonObject, Shaped, Shaping
from segue.kit.field import Field
from segue.kit.recipe import Put, Recipe
from segue.model.delivery import Payload

from .. import batching, identity, pricing, rest, values

SLUGS: Final = {
    "trackEvent": None,
    "3pnc4QJvUjWGi2bp6EnDt": None,
    "trackEvent2": identity.ADD_OR_UPDATE_REQUIRED,
    "edFSMK18MScnLKK68zkg1i": identity.ADD_OR_UPDATE_REQUIRED,
}


def shape(payload: Payload, shaping: Shaping) -> Shaped:
    """One custom event. Raises InvalidPayload without an identifier or without the sync mode it needs."""
    identity.require_sync_mode(shaping, SLUGS)
    notes: list[tuple[str, str]] = []
    event: JsonObject = identity.identify(payload)
    if "app_id" in shaping.settings:
        event["app_id"] = shaping.settings["app_id"]
    event["name"] = payload["name"]
    event["time"] = dates.iso(payload["time"])
    properties = payload.get("properties")
    if properties is not None:
        event["properties"] = values.without_taken(properties, values.EVENT_PROPERTIES_TAKEN, notes)
    identity.set_update_rule(event, payload, shaping)
    return Shaped(items=[event], notes=notes)


RECIPE: Final = Recipe(
    puts=(
        *identity.PUTS,
        Put("name"),
        Put("time", "moment"),
        Put("properties", "object", without=sorted(values.EVENT_PROPERTIES_TAKEN), usual=True),
        Put("_update_existing_only", "flag"),
    ),
    someone=identity.SOMEONE,
    ignored=batching.FIELDS,
    known=identity.known,
)

TRACK_EVENT: Final = Action(
    slug="track-event",
    title="Track event",
    description="Records a custom event in Braze, with its properties.",
    trigger='type = "track" and event != "Order Completed"',
    fields={
        "external_id": identity.EXTERNAL_ID,
        "user_alias": identity.USER_ALIAS,
        "email": Field(
            "string",
            label="Email",
            help="Finds the person by e-mail address when no other id is known.",
            default={
                "@if": {
                    "exists": {"@path": "$.context.traits.email"},
                    "then": {"@path": "$.context.traits.email"},
                    "else": {"@path": "$.properties.email"},
                }
            },
        ),
        "braze_id": identity.BRAZE_ID,
        "name": Field(
            "string",
            label="Event Name",
            help="The name the event has in Braze.",
            required=True,
            default={"@path": "$.event"},
        ),
        "time": Field(
            "datetime",
            label="Time",
            help="When the event happened.",
            required=True,
            default={"@path": "$.receivedAt"},
        ),
        "properties": Field(
            "object",
            label="Event Properties",
            help="What is known about the event; usable in Braze for segments and message texts.",
            default={"@path": "$.properties"},
        ),
        "_update_existing_only": identity.UPDATE_EXISTING_ONLY,
        **batching.fields(rest.TRACK_ITEMS),
    },
    batch=rest.TRACK_BATCH,
    sync=identity.ADD_OR_UPDATE,
    slugs=SLUGS,
    synced=("_update_existing_only",),
    pool=rest.TRACK_POOL,
    price=pricing.price,
    shape=shape,
    build=rest.build_track,
    read=rest.read_track,
    advise=identity.advise_aliases,
    recipe=RECIPE,
)
