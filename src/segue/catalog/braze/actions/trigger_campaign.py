"""Trigger campaign: an event sends a campaign that is set up for API-triggered delivery.

Endpoint  POST /campaigns/trigger/send
Limits    50 recipients; one message a request
Source    Braze docs, "Send campaigns using API-triggered delivery", read 2026-11-23
"""

from typing import Final

from msgspec.structs import replace

from segue.kit.action import Action, Batch
from segue.kit.field import ABSENT, Condition, Conditions, Field, when

from .. import messaging, rest

POOL: Final = "campaigns/trigger/send"

TRIGGER_CAMPAIGN: Final = Action(
    slug="trigger-campaign",
    title="Trigger campaign",
    description="Sends an API-triggered campaign to people, or to its whole audience.",
    trigger='type = "track"',
    fields=messaging.strict(
        {
            "campaign_id": Field(
                "string",
                label="Campaign ID",
                help="The campaign to send.",
                required=True,
                dynamic="campaigns",
            ),
            "send_id": Field("string", label="Send ID", help="Groups the analytics of several sends."),
            "trigger_properties": Field(
                "object",
                label="Trigger Properties",
                help="Texts for everybody's message.",
                default={"@path": "$.properties"},
            ),
            "broadcast": Field(
                "boolean",
                label="Broadcast",
                help="Sends to everybody the campaign is for.",
                required=Conditions(
                    "all", (Condition("recipients", "is", ABSENT), Condition("audience", "is", ABSENT))
                ),
                shown_when=when("recipients", "is"),
            ),
            "attachments": Field(
                "object",
                label="Attachments",
                help="Files to send along, at most 2 MB each.",
                multiple=True,
                ui="arrayeditor",
                properties={
                    "file_name": Field(
                        "string", label="File Name", help="Name with its ending.", required=True
                    ),
                    "url": Field("string", label="URL", help="Where Braze fetches the file.", required=True),
                },
            ),
            "recipients": messaging.recipients(
                Field("object", label="User Alias", help="An alias of theirs, name and label."),
                ("trigger_properties", "User Trigger Properties"),
                "User Attributes",
            ),
            "prioritization": messaging.PRIORITIZATION,
            "audience": replace(
                messaging.AUDIENCE,
                shown_when=Conditions(
                    "all", (Condition("recipients", "is", ABSENT), Condition("broadcast", "is", True))
                ),
            ),
        }
    ),
    batch=Batch(items=1, bytes=rest.REQUEST_BYTES, item_bytes=rest.REQUEST_BYTES),
    slugs={"triggerCampaign": None, "bzGprD8nXKT6wAnbz4LuHA": None},
    pool=POOL,
    shape=messaging.shape,
    build=messaging.build_for("/campaigns/trigger/send", POOL),
    read=rest.read_list,
)
