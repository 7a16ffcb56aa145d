"""People deleted at Braze by the ids we know them by.

Endpoint  POST /users/delete
Limits    50 people a request, of one kind of identifier
Source    Braze docs, "Delete users", read 2026-11-23

Braze answers how many it found or queued, and not whom: somebody it does not know is not there, which is what
was asked for. So an answer of success deletes everybody in the request, whatever it counts.
"""

from collections.abc import Sequence
from typing import Final

import orjson

from segue.kit.action import Action, Settings, Shaped, Shaping
from segue.kit.attributes import Disturbance, JsonObject
from segue.kit.field import Field
from segue.kit.partner import Erase, Person
from segue.model.delivery import Payload, Request, Row

from . import rest

SLUG: Final = "delete-users"


def erase(people: Sequence[Person], settings: Settings) -> list[Request]:
    """Delete people by their external ids; who has none is not known to Braze by a name we could give.

    settings  with ``api_key`` and ``endpoint``
    """
    ids = [person.user_id for person in people if person.user_id]
    return [
        rest.request(
            settings,
            "/users/delete",
            orjson.dumps({"external_ids": ids[start : start + rest.USERS_ITEMS]}),
            pool=rest.USERS_POOL,
        )
        for start in range(0, len(ids), rest.USERS_ITEMS)
    ]


def deletion(erase: Erase) -> Action:
    """What deletes people, an object for each: ``{"external_id": "u1"}``."""

    def build(rows: Sequence[Row], settings: Settings) -> Request:
        people = [orjson.loads(item) for row in rows for item in row.items]
        return erase([Person(user_id=person["external_id"]) for person in people], settings)[0]

    return Action(
        slug=SLUG,
        title="Delete users",
        description="Deletes people for good; somebody Braze does not know is passed over.",
        fields={
            "external_id": Field(
                "string",
                label="External ID",
                help="Whom to delete.",
                required=True,
                default={"@path": "$.userId"},
            )
        },
        batch=rest.USERS_BATCH,
        pool=rest.USERS_POOL,
        disturbs=_disturbs,
        shape=_shape,
        build=build,
        read=rest.read_list,
        repeatable=True,
    )


def _shape(payload: Payload, shaping: Shaping) -> Shaped:
    return Shaped(items=[{"external_id": payload["external_id"]}])


def _disturbs(item: JsonObject) -> Disturbance:
    return Disturbance(erased=(item,))
