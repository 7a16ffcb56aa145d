"""People deleted at Braze by the ids we know them by.

Source  Braze docs, "Delete users", read 2026-11-23
"""

from collections.abc import Sequence

import orjson

from segue.kit.action import Settings
from segue.kit.partner import Person
from segue.model.delivery import Request

from . import rest


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
