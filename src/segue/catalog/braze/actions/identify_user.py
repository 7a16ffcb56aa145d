"""Identify user: an alias-only or e-mail-only profile becomes the person with an external id.

Endpoint  POST /users/identify
Limits    50 people a request; rows of one request share their merge behaviour
Source    Braze docs, "Identify users", read 2026-11-23
"""

from collections.abc import Sequence
from typing import Final

import orjson

from segue.kit.action import Action, JsonObject, Settings, Shaped, Shaping, SyncModes
from segue.kit.field import ABSENT, Field, pick, when
from segue.model.delivery import Payload, Request, Row
from segue.model.errors import InvalidPayload

from .. import attributes, identity, rest

MODES: Final = SyncModes(choices=("add", "upsert"), default="add")
MODES_REQUIRED: Final = SyncModes(choices=("add", "upsert"), default="add", required=True)

ALIAS_ONLY: Final = frozenset({"identifyUser", "sRxUEeJSMLSTBFD2cgYBms"})
"""The first generation: it knows aliases only."""

SLUGS: Final = {
    **dict.fromkeys(ALIAS_ONLY),
    "identifyUser2": MODES_REQUIRED,
    "fz8S9HPDaJmNxsA8Niwv2A": MODES_REQUIRED,
}


def shape(payload: Payload, shaping: Shaping) -> Shaped:
    """One person, to be found by alias, by e-mail address or by both.

    Raises InvalidPayload without anything to find them by, or without the sync mode the slug needs.
    """
    identity.require_sync_mode(shaping, SLUGS)
    person: JsonObject = {"external_id": payload["external_id"]}
    if "user_alias" in payload:
        person["user_alias"] = payload["user_alias"]
    if "email_to_identify" in payload:
        person["email"] = payload["email_to_identify"]
        order = payload["prioritization"]
        person["prioritization"] = [
            order[key] for key in ("first_priority", "second_priority") if order.get(key)
        ]
        if not person["prioritization"]:
            raise InvalidPayload([("prioritization.first_priority", "is required but has no value")])
    return Shaped(items=[person], context=payload.get("merge_behavior", ""))


def build(rows: Sequence[Row], settings: Settings) -> Request:
    """One request; a person with both an alias and an e-mail address is in both of its lists."""
    people = [orjson.loads(item) for row in rows for item in row.items]
    body: JsonObject = {}
    if rows[0].context:
        body["merge_behavior"] = rows[0].context
    for name, key in LISTS:
        members = [
            {part: person[part] for part in ("external_id", key, "prioritization") if part in person}
            if key == "email"
            else {"external_id": person["external_id"], key: person[key]}
            for person in people
            if key in person
        ]
        if members:
            body[name] = members
    return rest.request(settings, "/users/identify", orjson.dumps(body), pool=rest.USERS_POOL)


LISTS: Final = (("aliases_to_identify", "user_alias"), ("emails_to_identify", "email"))

_PRIORITIES: Final = pick("unidentified", "most_recently_updated", "least_recently_updated")

IDENTIFY_USER: Final = Action(
    slug="identify-user",
    title="Identify user",
    description="Turns an alias-only or e-mail-only profile into the person with an external id.",
    fields={
        "external_id": Field(
            "string", label="External ID", help="The id the person is known by from now on.", required=True
        ),
        "user_alias": Field(
            "object",
            label="User Alias Object",
            help="The alias the person had so far.",
            required=when("email_to_identify", "is"),
            essential=True,
            properties={
                "alias_name": Field("string", label="Alias Name", help="The alias itself.", required=True),
                "alias_label": Field(
                    "string", label="Alias Label", help="What kind of alias it is.", required=True
                ),
            },
        ),
        "email_to_identify": Field(
            "string",
            label="Email to Identify",
            help="The e-mail address the person had so far.",
            required=when("user_alias", "is"),
            essential=True,
        ),
        "prioritization": Field(
            "object",
            label="Prioritization",
            help="Which profile is meant when several share the e-mail address.",
            required=when("email_to_identify", "is_not", ABSENT),
            shown_when=when("email_to_identify", "is_not", ABSENT),
            essential=True,
            properties={
                "first_priority": Field(
                    "string",
                    label="First Priority",
                    help="What decides first.",
                    essential=True,
                    choices=_PRIORITIES,
                ),
                "second_priority": Field(
                    "string",
                    label="Second Priority",
                    help="What decides then.",
                    essential=True,
                    choices=_PRIORITIES,
                ),
            },
        ),
        "merge_behavior": Field(
            "string",
            label="Merge Behavior",
            help="Whether fields of the found profile are carried over to the person.",
            essential=True,
            choices=pick("none", "merge"),
        ),
    },
    batch=rest.USERS_BATCH,
    sync=MODES,
    slugs=SLUGS,
    lacking=dict.fromkeys(ALIAS_ONLY, ("email_to_identify", "prioritization")),
    pool=rest.USERS_POOL,
    disturbs=attributes.identify_disturbs,
    shape=shape,
    build=build,
    read=rest.read_lists(LISTS),
    repeatable=True,
)
