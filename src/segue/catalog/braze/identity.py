"""Who a Braze object is about: the identifier fields, and the rules that choose among them.

Every object needs one of ``external_id``, ``user_alias`` (both parts), ``braze_id`` or ``email``; all that
are given travel together.

Source  Braze docs, "Track users" and "User alias object", read 2026-11-23
"""

from collections.abc import Mapping
from typing import Any, Final

from segue.kit.action import JsonObject, Shaping, SyncModes
from segue.kit.device import Advice
from segue.kit.field import Field
from segue.kit.recipe import Put
from segue.model.delivery import Payload
from segue.model.errors import InvalidPayload

EXTERNAL_ID: Final = Field(
    "string",
    label="External User ID",
    help="The id you know the person by; Braze finds or creates the profile with it.",
    essential=True,
    default={"@path": "$.userId"},
)
USER_ALIAS: Final = Field(
    "object",
    label="User Alias Object",
    help="A name and label to find a person who has no external id yet.",
    essential=True,
    properties={
        "alias_name": Field("string", label="Alias Name", help="The alias itself.", essential=True),
        "alias_label": Field(
            "string",
            label="Alias Label",
            help="What kind of alias it is, for instance anonymous_id.",
            essential=True,
        ),
    },
)
BRAZE_ID: Final = Field(
    "string",
    label="Braze User Identifier",
    help="The id Braze itself gave the person's device or profile; reaches people who never logged in.",
    essential=True,
    allow_null=True,
    default={"@path": "$.properties.braze_id"},
)

UPDATE_EXISTING_ONLY: Final = Field(
    "boolean",
    label="Update Existing Only",
    help="When on, people Braze does not know yet are left alone instead of created.",
    essential=True,
    default=False,
)

ADD_OR_UPDATE: Final = SyncModes(choices=("add", "update"), default="add")
"""add creates people Braze does not know; update leaves them alone."""

ADD_OR_UPDATE_REQUIRED: Final = SyncModes(choices=("add", "update"), default="add", required=True)


PUTS: Final = (Put("external_id", usual=True), Put("user_alias", "absent"), Put("braze_id"), Put("email"))
SOMEONE: Final = ("external_id", "braze_id", "email")
"""The identifiers of a plain event, for recipes."""


def known_rule(shaping: Shaping) -> JsonObject:
    """``_update_existing_only`` where the sync mode decides it."""
    if shaping.sync_mode is None:
        return {}
    return {"_update_existing_only": shaping.sync_mode == "update"}


def known(shaping: Shaping) -> JsonObject:
    """What every event and purchase of a subscription has: the app, and the update rule."""
    app = {"app_id": shaping.settings["app_id"]} if "app_id" in shaping.settings else {}
    return {**app, **known_rule(shaping)}


def identify(payload: Payload) -> JsonObject:
    """Start an object with every identifier the payload has.

    An alias without both of its parts counts as none; a null braze_id is sent beside another identifier.
    Raises InvalidPayload when no identifier is left.
    """
    item: JsonObject = {}
    if "external_id" in payload:
        item["external_id"] = payload["external_id"]
    alias = alias_of(payload)
    if alias is not None:
        item["user_alias"] = alias
    if "braze_id" in payload:
        item["braze_id"] = payload["braze_id"]
    if "email" in payload:
        item["email"] = payload["email"]
    if alias is None and not (item.get("external_id") or item.get("braze_id") or item.get("email")):
        raise InvalidPayload(
            [("", "one of external_id, user_alias, braze_id or email is required, none has a value")]
        )
    return item


def advise_aliases(mapping: Mapping[str, Any], sync_mode: str | None) -> tuple[Advice, ...]:
    """Say that people who have only an alias will not be created: Braze answers with success and forgets.

    Source  Braze docs, "User attributes object", ``_update_existing_only``, read 2026-11-24
    """
    others = ("external_id", "braze_id", "email")
    is_said = sync_mode is not None or "_update_existing_only" in mapping
    if not mapping.get("user_alias") or is_said or any(mapping.get(name) for name in others):
        return ()
    return (
        Advice(
            "user_alias",
            "people are named by an alias alone, and Braze drops in silence what is sent for an alias it "
            "does not know yet: without _update_existing_only it creates nobody for an alias",
            "Add _update_existing_only: false to create them, or true if that is what you want.",
            warning=True,
        ),
    )


def alias_of(payload: Payload) -> JsonObject | None:
    """The payload's alias, when it has both a name and a label."""
    alias = payload.get("user_alias")
    if not alias or not alias.get("alias_name") or not alias.get("alias_label"):
        return None
    return {"alias_label": alias["alias_label"], "alias_name": alias["alias_name"]}


def require_sync_mode(shaping: Shaping, slugs: Mapping[str, SyncModes | None]) -> None:
    """Refuse a payload whose subscription lacks the sync mode its slug requires. Raises InvalidPayload."""
    modes = slugs.get(shaping.slug)
    if modes is not None and modes.required and shaping.sync_mode not in modes.choices:
        found = f'"{shaping.sync_mode}"' if shaping.sync_mode else "none"
        raise InvalidPayload([("", f"the sync mode must be {' or '.join(modes.choices)}, found {found}")])


def set_update_rule(item: JsonObject, payload: Payload, shaping: Shaping) -> None:
    """Set ``_update_existing_only``: the sync mode decides, without one the mapped field does."""
    if shaping.sync_mode is not None:
        item["_update_existing_only"] = shaping.sync_mode == "update"
    elif "_update_existing_only" in payload:
        item["_update_existing_only"] = payload["_update_existing_only"]
