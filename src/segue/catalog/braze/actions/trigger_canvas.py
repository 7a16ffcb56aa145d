"""Trigger Canvas: an event lets people enter a Canvas that is set up for API-triggered delivery.

Endpoint  POST /canvas/trigger/send
Limits    50 recipients; one call a request; entry properties up to 50 KB
Source    Braze docs, "Send Canvases using API-triggered delivery", read 2026-11-23
"""

from typing import Final

from msgspec.structs import replace

from segue.kit.action import Action, Batch
from segue.kit.field import Field

from .. import messaging, rest

POOL: Final = "canvas/trigger/send"

_ALIAS: Final = Field(
    "object",
    label="User Alias",
    help="An alias of theirs.",
    properties={
        "alias_name": Field(
            "string", label="Alias Name", help="The alias itself.", default={"@path": "$.traits.braze_alias"}
        ),
        "alias_label": Field(
            "string",
            label="Alias Label",
            help="What kind of alias it is.",
            default={"@path": "$.traits.braze_alias_label"},
        ),
    },
)

TRIGGER_CANVAS: Final = Action(
    slug="trigger-canvas",
    title="Trigger Canvas",
    description="Lets people, or a whole audience, enter an API-triggered Canvas.",
    trigger='type = "track"',
    fields=messaging.strict(
        {
            "canvas_id": Field(
                "string", label="Canvas ID", help="The Canvas to enter.", required=True, dynamic="canvases"
            ),
            "canvas_entry_properties": Field(
                "object",
                label="Canvas Entry Properties",
                help="Texts and values for everybody's journey.",
                ui="keyvalue",
                default={"@path": "$.properties"},
            ),
            "broadcast": Field(
                "boolean", label="Broadcast", help="Lets everybody in whom the Canvas is for."
            ),
            "recipients": messaging.recipients(
                _ALIAS,
                ("canvas_entry_properties", "Canvas Entry Properties"),
                "Attributes",
                messaging.NOT_BROADCAST,
                ui="keyvalue",
            ),
            "prioritization": messaging.PRIORITIZATION,
            "audience": replace(messaging.AUDIENCE, ui="keyvalue"),
        }
    ),
    batch=Batch(items=1, bytes=rest.REQUEST_BYTES, item_bytes=rest.REQUEST_BYTES),
    slugs={"triggerCanvas": None, "9DUBR4qVXRxPXa39oiz2Tc": None},
    pool=POOL,
    shape=messaging.shape,
    build=messaging.build_for("/canvas/trigger/send", POOL),
    read=rest.read_list,
)
