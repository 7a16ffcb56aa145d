"""What campaigns and Canvases triggered over the API have in common: whom they reach, and in what order.

Nothing of a message is left out because it does not fit: half a message, or one to everybody, is worse than
none, so every field refuses the payload instead.

Source  Braze docs, "Send campaigns using API-triggered delivery" and "Send Canvases …", read 2026-11-23
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from segue.kit.action import Build, Settings, Shaped, Shaping
from segue.kit.field import Conditions, Field, pick, when
from segue.model.delivery import Payload, Request, Row
from segue.model.errors import InvalidPayload

from . import rest

NOT_BROADCAST: Final = when("broadcast", "is_not", True)

_PRIORITIES: Final = pick("identified", "unidentified", "most_recently_updated", "least_recently_updated")


def strict(fields: Mapping[str, Field]) -> dict[str, Field]:
    """The fields, each of them and of their members essential."""
    return {
        key: replace(
            field,
            essential=True,
            properties=strict(field.properties) if field.properties is not None else None,
        )
        for key, field in fields.items()
    }


def recipients(
    alias: Field,
    properties: tuple[str, str],
    attributes: str,
    required: bool | Conditions = False,
    *,
    ui: str = "",
) -> Field:
    """The list of people to reach; key and label of their personal properties, label of their attributes.

    ui  how these two are edited at the console
    """
    return Field(
        "object",
        label="Recipients",
        help="Who gets the message; not together with a broadcast.",
        required=required,
        multiple=True,
        shown_when=NOT_BROADCAST,
        properties={
            "external_user_id": Field(
                "string",
                label="External User ID",
                help="The id you know them by.",
                default={"@path": "$.userId"},
            ),
            "user_alias": alias,
            "email": Field(
                "string", label="Email", help="Their e-mail address.", default={"@path": "$.traits.email"}
            ),
            properties[0]: Field(
                "object", label=properties[1], help="Texts for this person's message.", ui=ui
            ),
            "send_to_existing_only": Field(
                "boolean", label="Send to Existing Only", help="When on, unknown people are left out."
            ),
            "attributes": Field("object", label=attributes, help="Set on the profile before sending.", ui=ui),
        },
    )


PRIORITIZATION: Final = Field(
    "object",
    label="Prioritization",
    help="Which profile is meant when several share an e-mail address.",
    shown_when=NOT_BROADCAST,
    properties={
        "first_priority": Field(
            "string", label="First Priority", help="What decides first.", choices=_PRIORITIES
        ),
        "second_priority": Field(
            "string", label="Second Priority", help="What decides then.", choices=_PRIORITIES
        ),
    },
)

AUDIENCE: Final = Field("object", label="Audience", help="A filter on whom a broadcast reaches.")


def shape(payload: Payload, shaping: Shaping) -> Shaped:
    """The message as it is mapped; how to choose among profiles is said for each recipient.

    Raises InvalidPayload unless it is either a broadcast or has recipients.
    """
    people: Sequence[Any] = payload.get("recipients") or ()
    if not payload.get("broadcast") and not people:
        raise InvalidPayload([("recipients", "is required unless broadcast is on")])
    if payload.get("broadcast") and people:
        raise InvalidPayload([("recipients", "must be left out when broadcast is on")])
    message = dict(payload)
    if people and "prioritization" in message:
        given = message.pop("prioritization")
        order = [given[key] for key in ("first_priority", "second_priority") if given.get(key)]
        if order:
            message["recipients"] = [{**person, "prioritization": order} for person in people]
    return Shaped(items=[message])


def build_for(path: str, pool: str) -> Build:
    """A builder for one message a request: Braze gives no way to tell several apart."""

    def build(rows: Sequence[Row], settings: Settings) -> Request:
        return rest.request(settings, path, rows[0].items[0], pool=pool)

    return build
