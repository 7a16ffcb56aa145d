"""Merge users: one Braze profile is folded into another and disappears.

Endpoint  POST /users/merge, asynchronous
Limits    50 merges a request, in no certain order
Source    Braze docs, "Merge users", read 2026-11-23
"""

from typing import Any, Final

from msgspec.structs import replace

from segue.kit.action import Action, JsonObject, Shaped, Shaping
from segue.kit.field import Field, pick
from segue.model.delivery import Payload
from segue.model.errors import InvalidPayload

from .. import attributes, rest

SAME_PERSON: Final = "same_person"
"""The reason a merge of somebody with themselves is filtered with."""

IDENTIFIERS: Final = ("external_id", "user_alias", "email", "phone")


def shape(payload: Payload, shaping: Shaping) -> Shaped:
    """One merge. Raises InvalidPayload unless each side is named by exactly one identifier."""
    merge = {side: _identifier(side, payload[side]) for side in ("identifier_to_merge", "identifier_to_keep")}
    if merge["identifier_to_merge"] == merge["identifier_to_keep"]:
        return Shaped(filtered=SAME_PERSON)
    return Shaped(items=[merge])


def _identifier(side: str, given: JsonObject) -> JsonObject:
    named = [name for name in IDENTIFIERS if given.get(name)]
    if len(named) != 1:
        found = " and ".join(named) if named else "none"
        raise InvalidPayload([(side, f"needs exactly one of {', '.join(IDENTIFIERS)}, found {found}")])
    name = named[0]
    chosen: JsonObject = {name: given[name]}
    if name in ("email", "phone"):
        if not given.get("prioritization"):
            raise InvalidPayload([(f"{side}.prioritization", f"is required beside {name}")])
        chosen["prioritization"] = given["prioritization"]
    return chosen


def _side(label: str, help: str, path: str) -> Field:
    members: dict[str, Field] = {
        "external_id": Field("string", label="External ID", help="The id you know them by.", essential=True),
        "user_alias": Field(
            "object",
            label="User Alias",
            help="An alias of theirs.",
            essential=True,
            properties={
                "alias_name": Field("string", label="Alias Name", help="The alias itself.", required=True),
                "alias_label": Field(
                    "string", label="Alias Label", help="What kind of alias it is.", required=True
                ),
            },
        ),
        "email": Field("string", label="Email", help="Their e-mail address.", essential=True),
        "phone": Field("string", label="Phone", help="Their phone number.", essential=True),
        "prioritization": Field(
            "string",
            label="Prioritization",
            help="Which profile is meant when several share the address or number, most decisive first.",
            essential=True,
            multiple=True,
            choices=pick("identified", "unidentified", "most_recently_updated", "least_recently_updated"),
        ),
    }
    default: Any = {"external_id": {"@path": path}}
    return Field("object", label=label, help=help, required=True, properties=members, default=default)


MERGE_USERS: Final = Action(
    slug="merge-users",
    title="Merge users",
    description="Folds one profile into another; the first one disappears.",
    trigger='type = "alias"',
    fields={
        "identifier_to_merge": _side("Profile to Merge", "Who disappears.", "$.previousId"),
        "identifier_to_keep": _side("Profile to Keep", "Who stays, with everything of both.", "$.userId"),
    },
    batch=replace(rest.USERS_BATCH, ordered=False),
    pool=rest.USERS_POOL,
    disturbs=attributes.merge_disturbs,
    shape=shape,
    build=rest.build_list("/users/merge", "merge_updates", rest.USERS_POOL),
    read=rest.read_list,
    repeatable=True,
)
