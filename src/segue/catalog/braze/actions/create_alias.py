"""Create alias: a name for a person, known or not yet; without external id a new alias-only profile.

Endpoint  POST /users/alias/new
Limits    50 aliases a request
Source    Braze docs, "Create new user alias", read 2026-11-23
"""

from typing import Final

from segue.kit.action import Action, Shaped, Shaping, SyncModes
from segue.kit.field import Field
from segue.model.delivery import Payload

from .. import attributes, identity, rest

ADD: Final = SyncModes(choices=("add",), default="add")
ADD_REQUIRED: Final = SyncModes(choices=("add",), default="add", required=True)

SLUGS: Final = {
    "createAlias": None,
    "vp138DdA9188zfyXfhJe6x": None,
    "createAlias2": ADD_REQUIRED,
    "uN77iFiyocgcAkA1mwjFai": ADD_REQUIRED,
}


def shape(payload: Payload, shaping: Shaping) -> Shaped:
    """One alias. Raises InvalidPayload without the sync mode the slug needs."""
    identity.require_sync_mode(shaping, SLUGS)
    names = ("external_id", "alias_name", "alias_label")
    return Shaped(items=[{name: payload[name] for name in names if payload.get(name) is not None}])


CREATE_ALIAS: Final = Action(
    slug="create-alias",
    title="Create alias",
    description="Gives a person another name in Braze, or creates a profile that has only that name.",
    trigger='event = "Create Alias"',
    fields={
        "external_id": Field(
            "string",
            label="External ID",
            help="The person to name; left out, a new profile is created for the alias.",
            essential=True,
            allow_null=True,
        ),
        "alias_name": Field("string", label="Alias Name", help="The alias itself.", required=True),
        "alias_label": Field(
            "string", label="Alias Label", help="What kind of alias it is, for instance email.", required=True
        ),
    },
    batch=rest.USERS_BATCH,
    sync=ADD,
    slugs=SLUGS,
    pool=rest.USERS_POOL,
    disturbs=attributes.alias_disturbs,
    shape=shape,
    build=rest.build_list("/users/alias/new", "user_aliases", rest.USERS_POOL),
    read=rest.read_list,
    repeatable=True,
)
